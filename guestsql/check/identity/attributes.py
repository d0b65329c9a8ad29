"""Columns and expressions of a query as attributes, and what determines the value of an expression."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import cast

from guestsql.check.identity.level import Bound
from guestsql.check.infer.facts import Facts
from guestsql.check.infer.nodes import TreeNode
from guestsql.check.infer.nullable import nullness
from guestsql.check.infer.scope import Scope

__all__ = [
    "AROUND",
    "BASE",
    "GROUP",
    "OUTER",
    "ROW",
    "SERIES",
    "Attribute",
    "Attributes",
    "Rule",
    "bare",
    "column",
    "outer_references",
    "row",
]

Attribute = tuple[str | int, ...]

ROW: Attribute = ("row",)
"""The row that the query returns."""
BASE: Attribute = ("base",)
"""The row before DISTINCT, LIMIT and functions that return sets: of the FROM, or a group."""
GROUP: Attribute = ("group",)
SERIES: Attribute = ("series",)
"""The row of the functions in the list that return sets."""
OUTER, AROUND = "outer", "around"
"""A column of a query around this one; the conditions of this query do not apply to the second."""

_JOIN, _GROUPS = "2", "9"
_TEXT_TYPES = ("25", "1042", "1043")
_INTEGERS = ("smallint", "integer", "bigint")
# Casts that keep different values different, or fail, by function: the types that they take.
_LOSSLESS = {
    "int2": _INTEGERS,
    "int4": _INTEGERS,
    "int8": (*_INTEGERS, "oid"),
    "float8": ("smallint", "integer", "real"),
    "numeric": _INTEGERS,
    "oid": _INTEGERS,
    "text": ("name", "character", '"char"'),
    "varchar": ("name",),
    "timestamp": ("date",),
    "timestamptz": ("date",),
}


@dataclass(frozen=True, slots=True)
class Rule:
    """Rows that agree in some attributes agree in another.

    Attributes:
        given: the attributes.
        found: the other.
        level: how sure that is, or how many rows may agree all the same.
        values: the rule holds if these are not NULL.
    """

    given: frozenset[Attribute]
    found: Attribute
    level: int = Bound.ONE
    values: frozenset[Attribute] = frozenset()


@dataclass
class Attributes:
    """The attributes of one query.

    Attributes:
        scope: the query.
        rules: what determines each expression that was asked for.
    """

    scope: Scope
    rules: list[Rule] = field(default_factory=list[Rule])
    _known: set[Attribute] = field(default_factory=set[Attribute])

    def of(self, expression: TreeNode) -> Attribute:
        """Return the attribute of an expression; a cast that loses nothing is its argument."""
        inner = bare(expression, self.scope.known.facts)
        if inner.tag == "COALESCEEXPR" and not nullness(self.scope, inner.nodes("args")[0]).itself:
            return self.of(inner.nodes("args")[0])
        if inner.tag == "VAR":
            return self._variable(inner, 0)
        found = ("expression", inner.key())
        if found not in self._known:
            self._known.add(found)
            level = Bound.UNKNOWN if self.scope.has_grouping_sets else Bound.ONE
            self.rules.append(Rule(self.inputs(inner), found, level))
            # Two arrays, or rows, that are equal have equal elements.
            elements = [*inner.nodes("elements"), *(inner.nodes("args") if inner.tag == "ROWEXPR" else [])]
            self.rules += [Rule(frozenset({found}), self.of(element)) for element in elements]
        return found

    def inputs(self, expression: TreeNode) -> frozenset[Attribute]:
        """Return what determines the value of an expression."""
        return frozenset(self._inputs(expression, 0))

    def of_variable(self, number: int, attribute: int) -> Attribute:
        """Return the attribute of a column, by its entry in the range table."""
        entry = self.scope.entry(number)
        kind = "" if entry is None else entry.text("rtekind")
        names = {_JOIN: "joinaliasvars", _GROUPS: "groupexprs"}
        meant = [] if entry is None or kind not in names else entry.items(names[kind])
        expression = meant[attribute - 1] if 0 < attribute <= len(meant) else None
        if not isinstance(expression, TreeNode):
            return column(number, attribute)
        found = self.of(expression)
        if kind == _JOIN and expression.tag == "COALESCEEXPR":
            # FULL JOIN … USING: what one side determines, both determine, if both are present.
            self.rules += [Rule(frozenset({found}), each, Bound.UNKNOWN) for each in self.inputs(expression)]
        return found

    def _variable(self, variable: TreeNode, depth: int) -> Attribute:
        number, attribute = variable.number("varno"), variable.number("varattno")
        level = variable.number("varlevelsup") - depth
        return self.of_variable(number, attribute) if level == 0 else (OUTER, level, number, attribute)

    def _inputs(self, node: TreeNode, depth: int) -> Iterator[Attribute]:
        if node.tag == "VAR":
            if node.number("varlevelsup") >= depth:
                yield self._variable(node, depth)
            return
        if node.tag in ("AGGREF", "GROUPINGFUNC") and node.number("agglevelsup") == depth:
            yield GROUP
            return
        if node.tag == "WINDOWFUNC" and depth == 0:
            yield BASE
            return
        if depth == 0 and (node.flag("funcretset") or node.flag("opretset")):
            yield SERIES
        for part in _parts(node):
            yield from self._inputs(part, depth + (part.tag == "QUERY"))


def column(number: int, attribute: int) -> Attribute:
    """Return a column of an entry of the range table."""
    return ("column", number, attribute)


def row(number: int) -> Attribute:
    """Return the row of an entry of the range table."""
    return ("row of", number)


def outer_references(query: TreeNode) -> frozenset[tuple[int, int, int]]:
    """Return the columns of queries around a query that it mentions: how far out, entry and column."""
    return frozenset(_outer(query, 0))


def _outer(node: TreeNode, depth: int) -> Iterator[tuple[int, int, int]]:
    if node.tag == "VAR" and (level := node.number("varlevelsup") - depth) > 0:
        yield level, node.number("varno"), node.number("varattno")
    for part in _parts(node):
        yield from _outer(part, depth + (part.tag == "QUERY"))


def _parts(node: TreeNode) -> Iterator[TreeNode]:
    waiting: list[object] = list(node.fields.values())
    while waiting:
        value = waiting.pop()
        if isinstance(value, TreeNode):
            yield value
        elif isinstance(value, list):
            waiting.extend(cast("list[object]", value))


def bare(expression: TreeNode, facts: Facts) -> TreeNode:
    """Return an expression without the casts around it that keep different values different.

    Args:
        expression: any node.
        facts: the functions.
    """
    while (inner := _cast_of(expression, facts)) is not None:
        expression = inner
    return expression


def _cast_of(node: TreeNode, facts: Facts) -> TreeNode | None:
    if node.tag in ("RELABELTYPE", "COLLATEEXPR", "COERCETODOMAIN"):
        return node.node("arg")
    if node.tag == "COERCEVIAIO":
        return node.node("arg") if node.text("resulttype") in _TEXT_TYPES else None
    function = facts.functions.get(node.number("funcid")) if node.tag == "FUNCEXPR" else None
    if (
        function is None
        or len(function.arguments) != 1
        or function.arguments[0] not in _LOSSLESS.get(function.name, ())
    ):
        return None
    return node.nodes("args")[0]
