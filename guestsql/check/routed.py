"""GS503 and GS504: a query marked `-- check: routed NAME` finds every row by the key by which rows are distributed.

A statement that keeps to it touches the rows of one key, or of the keys in a list, wherever these are stored: in a
partition or on another server. Column defaults, triggers and what functions do are not judged.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from guestsql.check.answers import Accepted
from guestsql.check.equalities import equalities
from guestsql.check.finding import Finding
from guestsql.check.infer.nodes import TreeNode
from guestsql.check.infer.scope import INSERT, UPDATE, Scope
from guestsql.check.planned import SCANS, table_word
from guestsql.check.sources import Subject
from guestsql.check.tables import Tables
from guestsql.sql.plan import PlanNode

__all__ = ["Route", "vet_routed"]

_ROUTED, _VOLATILE = "GS503", "GS504"
_CALLS = ("funcid", "aggfnoid", "winfnoid", "opfuncid")
_MARK = "add -- check: routed"


@dataclass(frozen=True)
class Route:
    """How the rows of one thing are distributed.

    Attributes:
        name: what the mark calls it.
        columns: a table with one of these columns is distributed by it; one with none of them is the same everywhere.
        elsewhere: the tables that are distributed by other columns.
        is_required: a hot query that touches a distributed table needs the mark.
    """

    name: str
    columns: tuple[str, ...]
    elsewhere: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, "tuple[str, ...]"])
    is_required: bool = False

    def key_of(self, table: str, tables: Tables) -> frozenset[str]:
        """Return the columns by which a table is distributed; none if it is the same everywhere.

        Args:
            table: its name.
            tables: the columns of each table.
        """
        if table in self.elsewhere:
            return frozenset(self.elsewhere[table])
        has = tables.columns_of(table)
        return frozenset(next(([column] for column in self.columns if column in has), ()))


def vet_routed(
    subject: Subject, said: Accepted, scope: Scope | None, tables: Tables, route: Route
) -> Iterator[Finding]:
    """GS503 and GS504, and GS007 for a mark that names no route.

    Args:
        subject: the query.
        said: the server's answer to it.
        scope: its tree, if a function can hold it.
        tables: columns and unique keys.
        route: how rows are distributed.
    """
    if said.by_index is None:
        return
    name = subject.marks.route
    if not name:
        if route.is_required and subject.marks.is_hot and _touched(said.by_index, tables, route):
            message = f"{subject.query.name} is hot, but not marked as routed"
            yield subject.at_name(
                _ROUTED, message, f"{_MARK} {route.name}, or say why not: -- check: allow GS503, because …"
            )
        return
    if name != route.name:
        yield subject.at_mark("check", "GS007", f"there is no route {name}", f"write check: routed {route.name}")
        return
    yield from _scattered(subject, said.by_index, tables, route)
    yield from _misplaced(subject, said.by_index, tables, route)
    if scope is not None and any(said.by_index.changes()):
        yield from _volatile(subject, scope)
        yield from _moving(subject, scope, tables, route)


def _touched(plan: PlanNode, tables: Tables, route: Route) -> bool:
    return any(node.relation and route.key_of(_root(node, tables), tables) for node in plan.walk())


def _root(node: PlanNode, tables: Tables) -> str:
    return tables.roots.get((node.schema, node.relation), (node.schema, node.relation))[1]


def _scattered(subject: Subject, plan: PlanNode, tables: Tables, route: Route) -> Iterator[Finding]:
    """Scans that do not compare the key."""
    reported: set[tuple[str, str]] = set()
    for node in plan.walk():
        if node.kind not in SCANS or not node.relation:
            continue
        table = _root(node, tables)
        missing = route.key_of(table, tables) - {each.column for each in equalities(node)}
        if missing and (table, node.alias) not in reported:
            reported.add((table, node.alias))
            columns = " and ".join(sorted(missing))
            word = table_word(subject, node, table)
            message = f"the query is marked routed, but does not compare {columns} of {table}"
            hint = (
                f"compare it with a parameter, or with the key of another row that is found by its key: {columns} = …"
            )
            yield subject.at(word.offset, _ROUTED, message, hint, width=len(word.text))


def _misplaced(subject: Subject, plan: PlanNode, tables: Tables, route: Route) -> Iterator[Finding]:
    """Writes to a table that is the same everywhere, and conflicts that only a look at all rows would find."""
    for node in plan.changes():
        table = _root(node, tables)
        key = route.key_of(table, tables)
        word = table_word(subject, node, table)
        if not key:
            message = f"the query is marked routed, but writes {table}, which is not distributed"
            hint = "write it in a query of its own"
            yield subject.at(word.offset, _ROUTED, message, hint, width=len(word.text))
        arbiters = set(node.items("Conflict Arbiter Indexes"))
        for unique in tables.keys.get((node.schema, node.relation), ()):
            if key and unique.index in arbiters and not key <= unique.columns:
                message = (
                    f"the query is marked routed, but {unique.index} is unique without {' and '.join(sorted(key))}"
                )
                hint = "ON CONFLICT needs a unique key that contains the key by which rows are distributed"
                yield subject.at(word.offset, _ROUTED, message, hint, width=len(word.text))


def _volatile(subject: Subject, scope: Scope) -> Iterator[Finding]:
    functions = scope.known.facts.functions
    called = {node.number(name) for node in scope.query.walk() for name in _CALLS if name in node.fields}
    for name in sorted({functions[oid].volatile_name for oid in called if oid in functions} - {""}):
        index = subject.words.find(name)
        word = subject.words[index or 0]
        message = f"the query is marked routed and writes, but calls {name}, which is volatile"
        hint = "pass the value as a parameter, or use a stable function such as statement_timestamp()"
        yield subject.at(word.offset, _VOLATILE, message, hint, width=len(word.text))


def _moving(subject: Subject, scope: Scope, tables: Tables, route: Route) -> Iterator[Finding]:
    """Assignments to the key, which would move the row."""
    for query in scope.query.walk():
        if query.tag != "QUERY" or query.text("commandType") not in (UPDATE, INSERT):
            continue
        for table, column in _assigned(query, tables):
            if column in route.key_of(table, tables):
                message = f"the query is marked routed, but assigns {column} of {table}"
                yield subject.at_name(_ROUTED, message, "delete the row, and insert it under the other key")


def _assigned(query: TreeNode, tables: Tables) -> Iterator[tuple[str, str]]:
    """Table and column of each assignment of an UPDATE, or of an INSERT's DO UPDATE."""
    target = query.nodes("rtable")[query.number("resultRelation") - 1].number("relid")
    conflict = query.node("onConflict")
    entries = query.nodes("targetList") if query.text("commandType") == UPDATE else []
    for entry in entries if conflict is None else conflict.nodes("onConflictSet"):
        column = tables.columns.get((target, entry.number("resno")))
        if column is not None:
            yield column.table[1], column.name
