"""The rules of one query: which of its columns, rows and groups determine which others."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

from guestsql.check.identity.attributes import (
    AROUND,
    BASE,
    GROUP,
    OUTER,
    ROW,
    SERIES,
    Attribute,
    Attributes,
    Rule,
    column,
    outer_references,
    row,
)
from guestsql.check.identity.conditions import Conditions, Context
from guestsql.check.identity.level import EXPRESSION, NAMELESS, Bound
from guestsql.check.identity.tables import FewValues, table_rules
from guestsql.check.infer.nodes import TreeNode
from guestsql.check.infer.nullable import column as nullness_of_column
from guestsql.check.infer.scope import DELETE, MERGE, UPDATE, Known, Scope

__all__ = ["Derived", "RowRules", "read_rules"]

_RELATION, _SUBQUERY, _FUNCTION, _TABLE_FUNCTION, _VALUES, _CTE, _RESULT = "0", "1", "3", "4", "5", "6", "8"
_WITH_TIES = "1"
_KEYS_IN_SERIES = ("generate_series", "generate_subscripts")


@dataclass(frozen=True, slots=True)
class Derived:
    """A subquery, view or WITH query in the FROM.

    Attributes:
        number: its entry in the range table.
        scope: the query.
        context: the outer joins that can make its row NULL.
        is_beside: its outer columns are those of the query that it is in.
    """

    number: int
    scope: Scope
    context: Context
    is_beside: bool


@dataclass
class RowRules:
    """The facts about the rows of a query.

    Attributes:
        attributes: its columns and expressions.
        rules: what determines what.
        derived: the queries in its FROM, which have rules of their own.
        values: the columns that are never NULL.
        outside: what it mentions of the queries around it: how far out, entry and column.
    """

    attributes: Attributes
    rules: list[Rule] = field(default_factory=list[Rule])
    derived: list[Derived] = field(default_factory=list[Derived])
    values: frozenset[Attribute] = frozenset()
    outside: frozenset[tuple[int, int, int]] = frozenset()


def read_rules(scope: Scope, few_values: FewValues, bound_of: Callable[[Scope], Bound]) -> RowRules:
    """Read the rules of a query.

    Args:
        scope: the query.
        few_values: returns True for a column that can have only a few values.
        bound_of: returns how many rows a subquery can have.
    """
    return _Reader(scope, few_values, bound_of).read()


class _Reader:
    def __init__(self, scope: Scope, few_values: FewValues, bound_of: Callable[[Scope], Bound]) -> None:
        self._scope = scope
        self._query = scope.query
        self._few_values = few_values
        self._attributes = Attributes(scope)
        self._conditions = Conditions(self._attributes, bound_of)
        self._found = RowRules(self._attributes, self._attributes.rules)
        self._found.outside = outer_references(self._query)
        self._outside = frozenset[Attribute]((OUTER, *each) for each in self._found.outside)

    def read(self) -> RowRules:
        self._conditions.read()
        self._rules(self._conditions.rules)
        for number, context in self._conditions.leaves.items():
            self._leaf(number, context)
        if self._query.node("setOperations") is None:
            rows = frozenset(map(row, self._conditions.leaves))
            self._rules(self._base(rows))
        self._rules(self._windows())
        self._rules(self._returned())
        for expression in self._scope.outputs:
            self._rules([Rule(frozenset({ROW}), self._attributes.of(expression))])
        self._found.values = frozenset(self._conditions.values)
        if self._scope.has_grouping_sets:
            # A column that is left out is NULL, whatever was known about it: only the returned row is still known.
            kept = [each for each in self._found.rules if each.found == ROW or ROW in each.given]
            doubtful = [replace(each, level=max(each.level, Bound.UNKNOWN)) for each in self._found.rules]
            self._found.rules[:] = [*kept, *doubtful]
        return self._found

    def _rules(self, rules: list[Rule] | Iterator[Rule]) -> None:
        self._found.rules.extend(rules)

    def _leaf(self, number: int, context: Context) -> None:
        entry = self._scope.entry(number)
        if entry is None:
            return
        # Where its row is, or a column that is not NULL in it, the outer joins have matched.
        self._rules([Rule(frozenset({row(number)}), match) for match in context])
        query = self._query_of(entry)
        if query is not None:
            self._found.derived.append(Derived(number, query, context, entry.text("rtekind") == _SUBQUERY))
            self._rules(
                Rule(frozenset({column(number, at)}), match)
                for match in context
                for at in range(1, len(query.outputs) + 1)
                if not nullness_of_column(query, at).itself
            )
            return
        kind = entry.text("rtekind")
        if kind == _RELATION:
            self._rules(table_rules(self._attributes, self._conditions, number, self._few_values))
        elif kind == _FUNCTION:
            self._rules(self._function(number, entry, context))
        elif kind == _VALUES:
            is_one = len(entry.items("values_lists")) == 1
            self._rules([Rule(context, row(number))] if is_one else self._many(number, Bound.SOME))
        elif kind == _CTE:  # one that calls itself
            columns = frozenset(column(number, at) for at in range(1, len(entry.items("coltypes")) + 1))
            self._rules([*self._many(number, Bound.SOME), Rule(columns | context, row(number), Bound.UNKNOWN)])
        elif kind == _RESULT:
            self._rules([Rule(context, row(number))])
        else:
            self._rules(self._many(number, Bound.SOME if kind == _TABLE_FUNCTION else Bound.UNKNOWN))

    @staticmethod
    def _many(number: int, bound: Bound) -> list[Rule]:
        return [Rule(frozenset(), row(number), level) for level in (bound, NAMELESS)]

    def _query_of(self, entry: TreeNode) -> Scope | None:
        kind, facts = entry.text("rtekind"), self._scope.known.facts
        if kind == _SUBQUERY:
            query = entry.node("subquery")
            return None if query is None else self._scope.inner(query)
        if kind == _RELATION:
            relation = facts.relations.get(entry.number("relid"))
            if relation is None or relation.view is None:
                return None
            found = self._scope.known.scopes.get(id(relation.view))
            if found is None:
                known = Known(facts, frozenset(), views=self._scope.known.views)
                found = self._scope.known.scopes[id(relation.view)] = Scope(relation.view, known)
            return found
        if kind != _CTE or entry.flag("self_reference"):
            return None
        at = self._scope.up(entry.number("ctelevelsup"))
        named = None if at is None else at.with_query(entry.text("ctename"))
        query = None if named is None or named.flag("cterecursive") else named.node("ctequery")
        return None if at is None or query is None else at.inner(query)

    def _function(self, number: int, entry: TreeNode, context: Context) -> Iterator[Rule]:
        functions = [each.node("funcexpr") for each in entry.nodes("functions")]
        given = frozenset(
            each for function in functions if function is not None for each in self._attributes.inputs(function)
        ) - {SERIES}
        if not any(function is not None and function.flag("funcretset") for function in functions):
            yield Rule(given | context, row(number))
            return
        yield from self._many(number, Bound.SOME)
        width = sum(each.number("funccolcount") for each in entry.nodes("functions"))
        if entry.flag("funcordinality"):
            yield Rule(given | context | {column(number, width + 1)}, row(number))
        (first, *others) = functions
        known = None if first is None else self._scope.known.facts.functions.get(first.number("funcid"))
        if known is not None and known.name in _KEYS_IN_SERIES and not others:
            yield Rule(given | context | {column(number, 1)}, row(number))

    def _base(self, rows: frozenset[Attribute]) -> Iterator[Rule]:
        """The row of the FROM, or the group, as far as it goes."""
        query, groups = self._query, self._listed("groupClause")
        if self._scope.command in (UPDATE, DELETE):
            # Each row of the target is changed and returned once, however many rows it is joined to.
            rows = frozenset({row(query.number("resultRelation"))})
        elif self._scope.command == MERGE:
            yield Rule(frozenset(), BASE, Bound.UNKNOWN)
        if not (groups or query.items("groupingSets") or query.flag("hasAggs") or query.node("havingQual")):
            yield Rule(rows, BASE)
            yield from (Rule(frozenset({BASE}), each) for each in rows)
            return
        keys = [self._attributes.of(group) for group in groups]
        # A column that a grouping set leaves out is NULL, which may be among its values too.
        # An aggregate of no groups has a row even where no row meets the conditions.
        yield Rule(
            self._outside.union(keys) if keys else frozenset((AROUND, *each[1:]) for each in self._outside), GROUP
        )
        yield Rule(rows, GROUP)
        yield from (Rule(frozenset({GROUP}), key) for key in keys)
        yield from (Rule(frozenset(), key, EXPRESSION) for key in keys if key[0] == "expression")
        yield Rule(frozenset({GROUP}), BASE)
        yield Rule(frozenset({BASE}), GROUP)

    def _windows(self) -> Iterator[Rule]:
        """`row_number()` distinguishes the rows of its partition."""
        windows = {each.text("winref"): each for each in self._query.nodes("windowClause")}
        for entry in self._query.nodes("targetList"):
            node = entry.node("expr")
            function = None if node is None else self._scope.known.facts.functions.get(node.number("winfnoid"))
            window = None if node is None else windows.get(node.text("winref"))
            if node is None or node.tag != "WINDOWFUNC" or function is None or window is None:
                continue
            if function.name == "row_number":
                partition = {self._attributes.of(each) for each in self._referenced(window.nodes("partitionClause"))}
                yield Rule(self._outside | partition | {self._attributes.of(node)}, BASE)

    def _returned(self) -> Iterator[Rule]:
        """The row that is returned."""
        query = self._query
        has_series = bool(self._scope.series) and query.node("setOperations") is None
        series = {SERIES} if has_series else set[Attribute]()
        yield Rule(frozenset({BASE, *series}), ROW)
        if has_series:
            yield from (Rule(frozenset(), SERIES, level) for level in (Bound.SOME, NAMELESS))
        distinct = [self._attributes.of(each) for each in self._listed("distinctClause")]
        if distinct:
            yield Rule(frozenset(distinct), ROW)
        else:
            yield Rule(frozenset({ROW}), BASE)
        count = query.node("limitCount")
        if count is not None and not _is_null(count):
            ordered = {self._attributes.of(each) for each in self._listed("sortClause")}
            is_one = _is_one(count)
            with_ties = query.text("limitOption") == _WITH_TIES
            if is_one and not with_ties:
                yield Rule(self._outside, ROW)
            elif is_one:
                # As many as agree in the order.
                yield Rule(self._outside, ("first",))
                yield from (Rule(frozenset({("first",)}), each) for each in ordered)
                yield Rule(self._outside, ROW, Bound.CATALOGUE)
            else:
                yield Rule(self._outside, ROW, Bound.SOME)

    def _listed(self, clause: str) -> list[TreeNode]:
        return self._referenced(self._query.nodes(clause))

    def _referenced(self, clauses: list[TreeNode]) -> list[TreeNode]:
        """The expressions of the list that a clause refers to."""
        wanted = {each.text("tleSortGroupRef") for each in clauses}
        return [
            expression
            for entry in self._query.nodes("targetList")
            if entry.text("ressortgroupref") in wanted and (expression := entry.node("expr")) is not None
        ]


def _is_null(count: TreeNode) -> bool:
    return count.tag == "CONST" and count.flag("constisnull")


def _is_one(count: TreeNode) -> bool:
    """Return True if a number of rows is the constant 1, cast or not."""
    while count.tag == "FUNCEXPR" and len(arguments := count.nodes("args")) == 1:
        count = arguments[0]
    written = [each for each in count.items("constvalue") if isinstance(each, str) and each.isdigit()][1:]
    # The bytes of a number, in the order of the server's processor.
    return (
        count.tag == "CONST"
        and sorted(written) == [*["0"] * (len(written) - 1), "1"]
        and "1" in (written[0], written[-1])
    )
