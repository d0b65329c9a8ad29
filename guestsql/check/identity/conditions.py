"""Reads the joins and conditions of a query: which attributes are equal, and which have one value."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from guestsql.check.identity.attributes import Attribute, Attributes, Rule, bare, column
from guestsql.check.identity.level import Bound
from guestsql.check.infer.joins import FULL, LEFT, RIGHT, forced_columns
from guestsql.check.infer.nodes import TreeNode
from guestsql.check.infer.nullable import nullness
from guestsql.check.infer.scope import Scope

__all__ = ["Conditions", "Context"]

_ANY, _ROW_COMPARISON = "2", "3"
_IS_NULL = "0"
# Where an entry of the range table mentions columns of those beside it.
_LATERAL_FIELDS = ("subquery", "functions", "values_lists", "tablefunc")
_TESTS_OF_ONE_VALUE = ("0", "2", "4")  # IS TRUE, IS FALSE, IS UNKNOWN

Equation = tuple[TreeNode, frozenset[Attribute], int]
Context = frozenset[Attribute]
"""The outer joins that can make a row NULL, each as the attribute of whether it has a match."""


@dataclass
class Conditions:
    """Reads the FROM, WHERE and HAVING of a query.

    Args:
        attributes: of the query.
        bound_of: returns how many rows a subquery can have.

    Attributes:
        rules: what follows.
        leaves: the entries of the range table that have rows, each with its context.
        values: the columns that are not NULL.
        met: the conditions that hold, by context and key.
    """

    attributes: Attributes
    bound_of: Callable[[Scope], Bound]
    rules: list[Rule] = field(default_factory=list[Rule])
    leaves: dict[int, Context] = field(default_factory=dict[int, Context])
    values: set[Attribute] = field(default_factory=set[Attribute])
    met: list[tuple[Context, TreeNode]] = field(default_factory=list[tuple[Context, TreeNode]])

    @property
    def scope(self) -> Scope:
        """The query."""
        return self.attributes.scope

    def read(self) -> None:
        """Read all of them."""
        forced = self.scope.joins.forced
        self.values |= {self.attributes.of_variable(number, attribute) for number, attribute in forced}
        tree = self.scope.query.node("jointree")
        if tree is not None:
            self._join(tree, frozenset())
        self._all_of(self.scope.query.node("havingQual"), frozenset())

    def _join(self, node: TreeNode, context: Context) -> None:
        if node.tag == "RANGETBLREF":
            self.leaves[node.number("rtindex")] = context
        elif node.tag == "FROMEXPR":
            for item in node.nodes("fromlist"):
                self._join(item, context)
            self._all_of(node.node("quals"), context)
        elif node.tag == "JOINEXPR":
            self._join_two(node, context)

    def _join_two(self, node: TreeNode, context: Context) -> None:
        kind, index = node.text("jointype"), node.number("rtindex")
        forced = {entry for entry, _ in self.scope.joins.forced}
        matched: dict[str, Attribute] = {}
        entries: dict[str, set[int]] = {}
        for side, kinds in (("larg", (FULL, RIGHT)), ("rarg", (FULL, LEFT))):
            child = node.node(side)
            if child is None:
                continue
            entries[side] = {each.number("rtindex") for each in child.walk() if each.tag in ("RANGETBLREF", "JOINEXPR")}
            # A row whose column is kept from being NULL is there: such a join is an inner one.
            if kind in kinds and not entries[side] & forced:
                matched[side] = ("matched", index, side)
            self._join(child, context | {matched[side]} if side in matched else context)
        quals = node.node("quals")
        if len(matched) == 1:
            ((side, match),) = matched.items()
            self.rules.append(Rule(context | self._beside(quals, entries[side]), match))
            self._all_of(quals, context | {match}, entries[side])
        elif matched:
            # At most two rows come of one on each side, and nothing is equal for sure.
            self.rules += [Rule(frozenset(), match, Bound.SOME) for match in matched.values()]
            self._all_of(quals, context, set())
        else:
            self._all_of(quals, context)

    def _beside(self, quals: TreeNode | None, side: set[int]) -> set[Attribute]:
        """What a match depends on: columns that the condition mentions, or the side itself by LATERAL."""
        entries = [entry for number in side if (entry := self.scope.entry(number)) is not None]
        lateral = [entry.fields.get(name) for entry in entries for name in _LATERAL_FIELDS]
        found = self.attributes.inputs(TreeNode("", {"quals": quals, "lateral": lateral}))
        return {each for each in found if not (each[0] == "column" and each[1] in side)}

    def _all_of(self, node: TreeNode | None, context: Context, side: set[int] | None = None) -> None:
        """Read a condition that holds; of an outer join, for the entries of the side that it may leave NULL."""
        if node is None:
            return
        if node.tag == "BOOLEXPR" and node.text("boolop") == "and":
            for argument in node.nodes("args"):
                self._all_of(argument, context, side)
            return
        self.met.append((context, node))
        for number, attribute in forced_columns(node, self.scope.known.facts):
            # Where the row is there, so is what the condition asks of it.
            if context <= self.leaves.get(number, frozenset()):
                self.values.add(column(number, attribute))
        for found, given, level in self._equations(node):
            inner = bare(found, self.scope.known.facts)
            # In an outer join the condition says nothing of the side that is there without it.
            if side is None or (inner.tag == "VAR" and inner.number("varno") in side):
                self.rules.append(Rule(given | context, self.attributes.of(found), level))
            elif all(map(self._may_be_looked_up, given)):
                self.rules.append(Rule(given | context, self.attributes.of(found), max(level, Bound.UNKNOWN)))

    def _may_be_looked_up(self, attribute: Attribute) -> bool:
        """Return True if a column may match all rows of the other side, as a referenced key does."""
        entry = self.scope.entry(int(attribute[1])) if attribute[0] == "column" else None
        relation = None if entry is None else self.scope.known.facts.relations.get(entry.number("relid"))
        return relation is None or any(attribute[2] in key.columns for key in relation.keys)

    def _equations(self, node: TreeNode) -> Iterator[Equation]:
        if node.tag == "OPEXPR" and self._is_equality(node):
            yield from self._both(node)
        elif node.tag == "SCALARARRAYOPEXPR" and node.flag("useOr") and self._is_equality(node):
            value, array = node.nodes("args")
            yield value, self._given(array), Bound.SOME
        elif node.tag == "BOOLEXPR" and node.text("boolop") == "not" and node.nodes("args")[0].tag == "DISTINCTEXPR":
            yield from self._not_distinct(node.nodes("args")[0])
        elif node.tag == "SUBLINK" and node.text("subLinkType") in (_ANY, _ROW_COMPARISON):
            yield from self._of_subquery(node)
        elif (fixed := _fixed(node)) is not None:
            yield fixed, frozenset(), Bound.ONE

    def _is_equality(self, node: TreeNode) -> bool:
        return node.number("opno") in self.scope.known.facts.equalities

    def _given(self, expression: TreeNode) -> frozenset[Attribute]:
        return frozenset({self.attributes.of(expression)})

    def _both(self, node: TreeNode) -> Iterator[Equation]:
        one, other = node.nodes("args")
        yield one, self._given(other), Bound.ONE
        yield other, self._given(one), Bound.ONE

    def _not_distinct(self, node: TreeNode) -> Iterator[Equation]:
        yield from self._both(node)
        one, other = node.nodes("args")
        for this, that in ((one, other), (other, one)):
            if not nullness(self.scope, that).itself:
                self.values.add(self.attributes.of(this))

    def _of_subquery(self, node: TreeNode) -> Iterator[Equation]:
        """`(a, b) = (SELECT …)` and `a IN (SELECT …)`."""
        test, query = node.node("testexpr"), node.node("subselect")
        if test is None or query is None:
            return
        bound = Bound.ONE
        if node.text("subLinkType") == _ANY:
            rows = self.bound_of(self.scope.inner(query))
            bound = Bound.ONE if rows is Bound.ONE else max(rows, Bound.SOME)
        given = self.attributes.inputs(TreeNode("", {"query": query}))
        is_all = test.tag == "BOOLEXPR" and test.text("boolop") == "and"
        for each in test.nodes("args") if is_all else [test]:
            if each.tag == "OPEXPR" and self._is_equality(each):
                yield each.nodes("args")[0], given, bound


def _fixed(node: TreeNode) -> TreeNode | None:
    """The column that has one value where a condition holds: a boolean, or what is NULL."""
    found: TreeNode | None = node
    if node.tag == "BOOLEXPR" and node.text("boolop") == "not":
        found = node.nodes("args")[0]
    elif (node.tag == "BOOLEANTEST" and node.text("booltesttype") in _TESTS_OF_ONE_VALUE) or (
        node.tag == "NULLTEST" and node.text("nulltesttype") == _IS_NULL
    ):
        found = node.node("arg")
    return found if found is not None and found.tag == "VAR" else None
