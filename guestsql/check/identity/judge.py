"""Judges the rows of queries: how many there can be, and whether an order leaves nothing open."""

from __future__ import annotations

from collections.abc import Iterable

from guestsql.check.identity.attributes import AROUND, BASE, OUTER, ROW, Attribute, column, row
from guestsql.check.identity.level import DOUBTFUL, NAMELESS, SURE, Bound, Levels, levels_up_to
from guestsql.check.identity.rules import Derived, RowRules, read_rules
from guestsql.check.identity.tables import FewValues
from guestsql.check.infer.nodes import TreeNode
from guestsql.check.infer.scope import Scope

__all__ = ["RowJudge"]

_UNION, _INTERSECT = "1", "2"
# Deeper levels are not analysed: no handwritten query is so deep, and Python's stack is limited.
_DEEPEST = 40

Places = frozenset[int]


class RowJudge:
    """Judges queries of one schema.

    Args:
        few_values: returns True for a column that can have only a few values.
    """

    def __init__(self, few_values: FewValues) -> None:
        self._few_values = few_values
        self._rules: dict[int, RowRules] = {}
        self._found: dict[object, tuple[Places, bool]] = {}
        self._bounds: dict[int, Bound] = {}
        self._depth = 0

    def bound(self, scope: Scope) -> Bound:
        """Return how many rows a query can return."""
        key = id(scope.query)
        if key not in self._bounds:
            self._bounds[key] = Bound.UNKNOWN  # a query is not within itself
            outside = frozenset[Attribute]((OUTER, *each) for each in self._rules_of(scope).outside)
            found = next(
                (bound for bound in Bound if ROW in self._closure(scope, outside, frozenset(), levels_up_to(bound))),
                Bound.GROWS,
            )
            # LIMIT :max_rows shows that more than one row is meant.
            is_limited = any(rule.found == ROW and rule.level == Bound.SOME for rule in self._rules_of(scope).rules)
            self._bounds[key] = Bound.SOME if found is Bound.UNKNOWN and is_limited else found
        return self._bounds[key]

    def order_is_total(self, scope: Scope) -> bool | None:
        """Return True if rows that agree in a query's ORDER BY are equal in every column; None when in doubt."""
        attributes = self._rules_of(scope).attributes
        wanted = {each.text("tleSortGroupRef") for each in scope.query.nodes("sortClause")}
        keys = frozenset(
            attributes.of(expression)
            for entry in scope.query.nodes("targetList")
            if entry.text("ressortgroupref") in wanted and (expression := entry.node("expr")) is not None
        )
        for levels, answer in ((SURE, True), (DOUBTFUL, None)):
            known = self._closure(scope, keys, frozenset(), levels)
            if len(self._places(scope, known)) == len(scope.outputs):
                return answer
        return False

    def _rules_of(self, scope: Scope) -> RowRules:
        key = id(scope.query)
        if key not in self._rules:
            self._rules[key] = read_rules(scope, self._few_values, self.bound)
        return self._rules[key]

    def _places(self, scope: Scope, known: set[Attribute]) -> Places:
        """The columns that are determined, by their place in the list."""
        attributes = self._rules_of(scope).attributes
        return frozenset(
            place
            for place, expression in enumerate(scope.outputs, 1)
            if ROW in known or _is_known(attributes.of(expression), known)
        )

    def _closure(
        self, scope: Scope, given: Iterable[Attribute], values: frozenset[Attribute], levels: Levels
    ) -> set[Attribute]:
        """Return all attributes that some determine."""
        found = self._rules_of(scope)
        known = set(given)
        known |= {(AROUND, *each[1:]) for each in known if each[0] == OUTER}
        values |= found.values
        # A column that a grouping set leaves out is NULL, whatever it was before.
        is_regrouped = scope.has_grouping_sets and levels == SURE
        size = -1
        while size < len(known):
            size = len(known)
            for rule in found.rules:
                is_held = rule.level in levels and rule.values <= values and rule.found not in known
                if is_held and all(_is_known(each, known) for each in rule.given):
                    known.add(rule.found)
            for derived in found.derived if not is_regrouped else ():
                if row(derived.number) not in known and derived.context <= known:
                    known |= self._of_derived(scope, derived, known, values, levels)
            if scope.query.node("setOperations") is not None:
                known |= self._of_operation(scope, known, levels)
        return known

    def _of_derived(
        self, scope: Scope, derived: Derived, known: set[Attribute], values: frozenset[Attribute], levels: Levels
    ) -> set[Attribute]:
        number, width = derived.number, len(derived.scope.outputs)
        places = frozenset(at for at in range(1, width + 1) if column(number, at) in known)
        kept = frozenset(at for at in range(1, width + 1) if column(number, at) in values)
        outside = self._outside(scope, derived.scope, known, is_beside=derived.is_beside, levels=levels)
        found, is_one = self._columns(derived.scope, places, kept, outside, levels)
        return {column(number, at) for at in found} | ({row(number)} if is_one else set())

    def _outside(
        self, scope: Scope, inner: Scope, known: set[Attribute], *, is_beside: bool, levels: Levels
    ) -> frozenset[Attribute]:
        """Return the facts about the columns that a subquery uses of the queries around it."""
        mentioned = self._rules_of(inner).outside
        if not is_beside:
            return frozenset((OUTER, *each) for each in mentioned) if levels != SURE else frozenset()
        attributes = self._rules_of(scope).attributes
        return frozenset(
            (OUTER, level, number, at)
            for level, number, at in mentioned
            if _is_known(attributes.of_variable(number, at) if level == 1 else (OUTER, level - 1, number, at), known)
        )

    def _columns(
        self, scope: Scope, places: Places, kept: Places, outside: frozenset[Attribute], levels: Levels
    ) -> tuple[Places, bool]:
        """Return which columns of a query some of its columns determine, and whether they determine its row.

        Args:
            scope: the query.
            places: the columns that are known.
            kept: the columns that are not NULL.
            outside: what is known about the queries around it.
            levels: the conclusions that count.
        """
        key = (id(scope.query), places, kept, outside, levels)
        if key not in self._found:
            self._found[key] = (places, False)
            if self._depth > _DEEPEST:
                is_one = NAMELESS in levels
                return places, is_one
            self._depth += 1
            outputs, attributes = scope.outputs, self._rules_of(scope).attributes
            given = {attributes.of(outputs[at - 1]) for at in places} | outside
            values = frozenset(attributes.of(outputs[at - 1]) for at in kept)
            known = self._closure(scope, given, values, levels)
            self._found[key] = (places | self._places(scope, known), ROW in known)
            self._depth -= 1
        return self._found[key]

    def _of_operation(self, scope: Scope, known: set[Attribute], levels: Levels) -> set[Attribute]:
        """Return the facts about the rows of UNION, INTERSECT and EXCEPT."""
        operation = scope.query.node("setOperations")
        places = self._places(scope, known)
        if operation is None:
            return set()
        found, is_one = self._of_operand(scope, operation, places, known, levels)
        attributes = self._rules_of(scope).attributes
        return {attributes.of(scope.outputs[at - 1]) for at in found} | ({BASE} if is_one else set())

    def _of_operand(
        self, scope: Scope, node: TreeNode, places: Places, known: set[Attribute], levels: Levels
    ) -> tuple[Places, bool]:
        if node.tag != "SETOPERATIONSTMT":
            entry = scope.entry(node.number("rtindex"))
            query = None if entry is None else entry.node("subquery")
            if query is None:
                return places, False
            inner = scope.inner(query)
            outside = self._outside(scope, inner, known, is_beside=True, levels=levels)
            return self._columns(inner, places, frozenset(), outside, levels)
        sides = [
            self._of_operand(scope, side, places, known, levels)
            for name in ("larg", "rarg")
            if (side := node.node(name)) is not None
        ]
        is_whole = not node.flag("all") and len(places) == len(scope.outputs)
        if node.text("op") != _UNION:
            # Of EXCEPT all rows are of the first; of INTERSECT they are of both.
            of = sides if node.text("op") == _INTERSECT else sides[:1]
            return frozenset[int]().union(*(found for found, _ in of)), is_whole or any(is_one for _, is_one in of)
        is_small = Bound.SOME in levels and all(is_one for _, is_one in sides)
        is_one = is_small or is_whole or NAMELESS in levels
        return (frozenset(range(1, len(scope.outputs) + 1)) if is_one else places), is_one


def _is_known(attribute: Attribute, known: set[Attribute]) -> bool:
    return attribute in known or (attribute[0] == "column" and row(int(attribute[1])) in known)
