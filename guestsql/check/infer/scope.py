"""A query in its place: its range table, the queries around it, and what is known about both."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

from guestsql.check.infer.arrays import NO_DEPTH, common_depth
from guestsql.check.infer.facts import Facts, Relation
from guestsql.check.infer.joins import Joins, read_joins
from guestsql.check.infer.nodes import TreeNode

__all__ = ["DELETE", "INSERT", "MERGE", "NOTHING", "SELECT", "UNKNOWN", "UPDATE", "Known", "Nullness", "Scope"]

SELECT, UPDATE, INSERT, DELETE, MERGE = "1", "2", "3", "4", "5"


@dataclass(frozen=True, slots=True)
class Nullness:
    """The nullness of a value.

    Attributes:
        itself: it may be NULL.
        within: it is an array, and an element of it may be.
        depth: it is an array with so many dimensions, or `NO_DEPTH` or `ANY_DEPTH`.
    """

    itself: bool = True
    within: bool = True
    depth: int = 1

    def __or__(self, other: Nullness) -> Nullness:
        """One or the other."""
        depth = common_depth((self.depth, other.depth))
        return Nullness(self.itself or other.itself, self.within or other.within, depth)


UNKNOWN = Nullness()
NOTHING = Nullness(itself=False, within=False, depth=NO_DEPTH)
"""The nullness of no value at all: only what is added to it counts."""


@dataclass(slots=True)
class Known:
    """The facts that all queries of one statement share.

    Attributes:
        facts: what the catalogues know.
        nullable_parameters: the numbers of the parameters that may be NULL.
        assumed: of WITH queries that call themselves, the columns found so far.
        found: the columns of queries, once judged. Both by the identity of the node.
        views: the columns of views, by number.
        scopes: the queries in their places, by the identity of the node.
        one_row: which queries always return one row, likewise.
    """

    facts: Facts
    nullable_parameters: frozenset[int]
    assumed: dict[int, list[Nullness]] = field(default_factory=dict[int, "list[Nullness]"])
    found: dict[int, list[Nullness]] = field(default_factory=dict[int, "list[Nullness]"])
    views: dict[int, list[Nullness]] = field(default_factory=dict[int, "list[Nullness]"])
    scopes: dict[int, Scope] = field(default_factory=dict[int, "Scope"])
    one_row: dict[int, bool] = field(default_factory=dict[int, bool])


@dataclass(frozen=True)
class Scope:
    """A query in its place.

    Attributes:
        query: the QUERY node.
        known: what holds for the whole statement.
        outer: the query around it, or None.
    """

    query: TreeNode
    known: Known
    outer: Scope | None = None

    def inner(self, query: TreeNode) -> Scope:
        """Return a query that this one contains."""
        found = self.known.scopes.get(id(query))
        if found is None:
            found = self.known.scopes[id(query)] = Scope(query, self.known, self)
        return found

    @cached_property
    def entries(self) -> list[TreeNode]:
        """The range table; the first has number 1."""
        return self.query.nodes("rtable")

    @cached_property
    def joins(self) -> Joins:
        """The effect of its joins."""
        return read_joins(self.query, self.known.facts)

    @property
    def command(self) -> str:
        """Its command, as in `commandType`."""
        return self.query.text("commandType")

    @cached_property
    def outputs(self) -> list[TreeNode]:
        """The expressions that it returns, in order."""
        listed = "targetList" if self.command == SELECT else "returningList"
        entries = [entry for entry in self.query.nodes(listed) if not entry.flag("resjunk")]
        ordered = sorted(entries, key=lambda entry: entry.number("resno"))
        return [expression for entry in ordered if (expression := entry.node("expr")) is not None]

    @cached_property
    def has_grouping_sets(self) -> bool:
        """Return True if it makes rows in which columns it groups by are NULL."""
        return bool(self.query.items("groupingSets"))

    @cached_property
    def group_keys(self) -> frozenset[str]:
        """The columns it groups by that grouping sets may make NULL."""
        if not self.has_grouping_sets:
            return frozenset()
        wanted = {clause.text("tleSortGroupRef") for clause in self.query.nodes("groupClause")}
        return frozenset(
            expression.key()
            for entry in self.query.nodes("targetList")
            if entry.text("ressortgroupref") in wanted and (expression := entry.node("expr")) is not None
        )

    @cached_property
    def has_full_groups(self) -> bool:
        """Return True if each aggregate is of at least one row."""
        return bool(self.query.items("groupClause")) and not self.has_grouping_sets

    @cached_property
    def series(self) -> int:
        """How many functions in its list return sets: the shorter are filled up with NULL."""
        return sum(
            node.flag("funcretset") or node.flag("opretset")
            for entry in self.query.nodes("targetList")
            for node in entry.walk(into_queries=False)
        )

    def up(self, levels: int) -> Scope | None:
        """Return the query so many levels further out."""
        scope: Scope | None = self
        for _ in range(levels):
            scope = None if scope is None else scope.outer
        return scope

    def with_query(self, name: str) -> TreeNode | None:
        """Return the WITH query of a name."""
        return next((each for each in self.query.nodes("cteList") if each.text("ctename") == name), None)

    def entry(self, number: int) -> TreeNode | None:
        """Return an entry of the range table, 1 or more."""
        return self.entries[number - 1] if 0 < number <= len(self.entries) else None

    def relation(self, number: int) -> Relation | None:
        """Return the table or view of an entry."""
        entry = self.entry(number)
        return None if entry is None else self.known.facts.relations.get(entry.number("relid"))
