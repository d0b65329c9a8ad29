"""The nullness of an expression whose parts are known."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from guestsql.check.infer.arrays import (
    ANY_DEPTH,
    NO_DEPTH,
    common_depth,
    constant_bytes,
    constant_depth,
    deeper,
    is_array,
)
from guestsql.check.infer.facts import Function
from guestsql.check.infer.known import (
    AGGREGATES,
    COUNTS,
    ELEMENTS_KEPT,
    NON_NULL_OPERATORS,
    RANKS,
    SERIES,
    Rule,
    rule_of,
)
from guestsql.check.infer.nodes import TreeNode
from guestsql.check.infer.rows import has_one_row
from guestsql.check.infer.scope import UNKNOWN, Nullness, Scope
from guestsql.check.infer.times import has_field, is_formatted

__all__ = ["judge"]

NullnessOf = Callable[[Scope, TreeNode], Nullness]
ColumnsOf = Callable[[Scope], list[Nullness]]

VALUE = Nullness(itself=False)
_EXISTS, _ANY, _EXPRESSION, _ARRAY = "0", "2", "4", "6"
_SUBLINK_PARAMETER = "2"
_CURRENT_SCHEMA = "14"
_NON_DEFAULT_FRAME = 1
_ALWAYS_VALUES = (
    "NULLTEST",
    "BOOLEANTEST",
    "DISTINCTEXPR",
    "GROUPINGFUNC",
    "MERGESUPPORTFUNC",
    "NEXTVALUEEXPR",
)
_ANY_ARRAYS = ("anyarray", "anycompatiblearray")
_WRAPPERS = ("RELABELTYPE", "COERCEVIAIO", "COLLATEEXPR", "NAMEDARGEXPR", "ARRAYCOERCEEXPR", "COERCETODOMAIN")


def judge(
    scope: Scope, expression: TreeNode, nullness: NullnessOf, columns: ColumnsOf, *, is_alone: bool = False
) -> Nullness:
    """Return the nullness of an expression that is not a column.

    Args:
        scope: the query that contains it.
        expression: any node but a VAR.
        nullness: judges its parts.
        columns: judges the queries in it.
        is_alone: it is in FROM, where a function that returns a set is not filled up with NULL.
    """
    return _Judge(scope, nullness, columns, is_alone).of(expression)


@dataclass(frozen=True)
class _Judge:
    scope: Scope
    nullness: NullnessOf
    columns: ColumnsOf
    is_alone: bool

    def part(self, node: TreeNode) -> Nullness:
        return self.nullness(self.scope, node)

    def parts(self, node: TreeNode, name: str = "args") -> list[Nullness]:
        return [self.part(each) for each in node.nodes(name)]

    def of(self, node: TreeNode) -> Nullness:
        if node.tag in _ALWAYS_VALUES:
            return VALUE
        if node.tag in _WRAPPERS:
            argument = node.node("arg")
            found = UNKNOWN if argument is None else self.part(argument)
            is_required = node.tag == "COERCETODOMAIN" and node.number("resulttype") in self._required_domains
            return replace(found, itself=False) if is_required else found
        method = _METHODS.get(node.tag)
        return UNKNOWN if method is None else method(self, node)

    @property
    def _required_domains(self) -> set[int]:
        return self.scope.known.facts.required_domains

    def constant(self, node: TreeNode) -> Nullness:
        # Of an array: how many dimensions, and where its list of NULLs ends, 0 when there is none.
        if node.flag("constisnull"):
            return Nullness(within=False, depth=NO_DEPTH)
        return Nullness(itself=False, within=any(constant_bytes(node)[4:8]), depth=constant_depth(node))

    def parameter(self, node: TreeNode) -> Nullness:
        if node.text("paramkind") != "0":
            return UNKNOWN
        return Nullness(node.number("paramid") in self.scope.known.nullable_parameters, within=False)

    def function(self, node: TreeNode) -> Nullness:
        function = self.scope.known.facts.functions.get(node.number("funcid"))
        if function is None:
            return UNKNOWN
        if node.flag("funcretset"):
            is_alone = self.is_alone or self.scope.series == 1
            return VALUE if is_alone and function.name in SERIES else UNKNOWN
        within, depth = self._function_within(node, function), self._function_depth(node, function)
        return Nullness(self._function_itself(node, function), within, depth)

    def _function_itself(self, node: TreeNode, function: Function) -> bool:
        each = [part.itself for part in self.parts(node)]
        rule = rule_of(function)
        if node.flag("funcvariadic") and rule in (Rule.ALWAYS, Rule.FIRST):
            rule = Rule.ALL
        facts = self.scope.known.facts
        judged: dict[Rule, Callable[[], bool]] = {
            Rule.ALWAYS: lambda: False,
            Rule.FIRST: lambda: each[0],
            Rule.ANY: lambda: all(each),
            Rule.ALL: lambda: any(each),
            Rule.TO_CHAR: lambda: any(each) or not is_formatted(facts, node),
            Rule.EXTRACT: lambda: any(each) or not has_field(facts, node),
            Rule.NEVER_KNOWN: lambda: True,
        }
        return judged[rule]()

    def _function_within(self, node: TreeNode, function: Function) -> bool:
        each = [part.within for part in self.parts(node)]
        if function.name == "array_append":
            return each[0] or self.part(node.nodes("args")[1]).itself
        if function.name == "array_prepend":
            return each[1] or self.part(node.nodes("args")[0]).itself
        if function.name == "string_to_array":
            return len(each) > 2  # noqa: PLR2004  the third says what becomes NULL
        arrays = [
            within for within, type_ in zip(each, function.arguments, strict=False) if type_.endswith(("[]", "array"))
        ]
        return function.name not in ELEMENTS_KEPT or any(arrays)

    def _function_depth(self, node: TreeNode, function: Function) -> int:
        if function.name == "array_fill":
            return ANY_DEPTH
        each = zip(self.parts(node), function.arguments, strict=False)
        depths = [part.depth for part, type_ in each if type_ in _ANY_ARRAYS]
        # A function of arrays of any type keeps their dimensions.
        return common_depth(depths) if function.name and depths else 1

    def operator(self, node: TreeNode) -> Nullness:
        name = self.scope.known.facts.operators.get(node.number("opno"), "")
        each = self.parts(node)
        if name == "||":
            return self._concatenation(node, each)
        return Nullness(name not in NON_NULL_OPERATORS or any(part.itself for part in each))

    def _concatenation(self, node: TreeNode, each: list[Nullness]) -> Nullness:
        function = self.scope.known.facts.functions.get(node.number("opfuncid"))
        name = "" if function is None else function.name
        if name == "array_cat":
            return self._any_of(each)
        if name == "array_append":
            return Nullness(itself=False, within=each[0].within or each[1].itself, depth=each[0].depth or 1)
        if name == "array_prepend":
            return Nullness(itself=False, within=each[1].within or each[0].itself, depth=each[1].depth or 1)
        return Nullness(any(part.itself for part in each))

    def array_operator(self, node: TreeNode) -> Nullness:
        name = self.scope.known.facts.operators.get(node.number("opno"), "")
        each = self.parts(node)
        is_known = name in NON_NULL_OPERATORS and not any(part.itself for part in each)
        return Nullness(not is_known or each[-1].within)

    def all_of(self, node: TreeNode) -> Nullness:
        return Nullness(any(part.itself for part in self.parts(node)))

    def row_comparison(self, node: TreeNode) -> Nullness:
        each = self.parts(node, "largs") + self.parts(node, "rargs")
        return Nullness(any(part.itself for part in each))

    def first_or_null(self, node: TreeNode) -> Nullness:
        return replace(self.parts(node)[0], itself=True)

    def one_of(self, node: TreeNode) -> Nullness:
        return self._any_of(self.parts(node))

    @staticmethod
    def _any_of(each: list[Nullness]) -> Nullness:
        """Return the nullness of a value that is not NULL when one of several is not."""
        depth = common_depth(part.depth for part in each)
        return Nullness(all(part.itself for part in each), any(part.within for part in each), depth)

    def case(self, node: TreeNode) -> Nullness:
        default = node.node("defresult")
        found = UNKNOWN if default is None else self.part(default)
        for when in node.nodes("args"):
            result = when.node("result")
            found |= UNKNOWN if result is None else self.part(result)
        return found

    def array(self, node: TreeNode) -> Nullness:
        each = self.parts(node, "elements")
        if node.flag("multidims"):
            depth = deeper(common_depth(part.depth for part in each))
            return Nullness(itself=False, within=any(part.within or part.itself for part in each), depth=depth)
        return Nullness(itself=False, within=any(part.itself for part in each))

    def value(self, node: TreeNode) -> Nullness:
        del node
        return VALUE

    def clock(self, node: TreeNode) -> Nullness:
        return Nullness(node.text("op") == _CURRENT_SCHEMA)

    def subscript(self, node: TreeNode) -> Nullness:
        """An element may be missing; a slice is empty then."""
        array = node.node("refexpr")
        if array is None or not node.items("reflowerindexpr"):
            return UNKNOWN
        bounds = [self.part(bound) for name in ("refupperindexpr", "reflowerindexpr") for bound in node.nodes(name)]
        whole = self.part(array)
        return replace(whole, itself=whole.itself or any(bound.itself for bound in bounds))

    def link(self, node: TreeNode) -> Nullness:
        kind, query = node.text("subLinkType"), node.node("subselect")
        if kind == _EXISTS:
            return VALUE
        if query is None:
            return UNKNOWN
        inner = self.scope.inner(query)
        found = self.columns(inner)
        if kind == _ARRAY:
            return self._gathered(found[0], of_arrays=is_array(inner.outputs[0]))
        if kind == _EXPRESSION:
            return found[0] if has_one_row(inner) else replace(found[0], itself=True)
        if kind == _ANY:
            return self._any(node, found)
        return UNKNOWN

    def _any(self, node: TreeNode, found: list[Nullness]) -> Nullness:
        """`x IN (SELECT …)`: of two values, by an operator that makes one of them."""
        test = node.node("testexpr")
        name = "" if test is None else self.scope.known.facts.operators.get(test.number("opno"), "")
        if test is None or test.tag != "OPEXPR" or name not in NON_NULL_OPERATORS:
            return UNKNOWN
        values = [part for part in test.nodes("args") if not _is_of_link(part)]
        return Nullness(any(part.itself for part in found) or any(self.part(part).itself for part in values))

    def aggregate(self, node: TreeNode) -> Nullness:
        name = self._name(node, "aggfnoid")
        if name in COUNTS:
            return VALUE
        at = self.scope.up(node.number("agglevelsup"))
        if name not in AGGREGATES or node.node("aggfilter") is not None or node.text("aggkind") != "n":
            return UNKNOWN
        entries = [argument for entry in node.nodes("args") if (argument := entry.node("expr")) is not None]
        each = [self.part(entry) for entry in entries]
        first = each[0] if each else UNKNOWN
        is_empty = at is None or not at.has_full_groups or (AGGREGATES[name] and first.itself)
        return self._aggregated(node, "aggfnoid", first, is_empty=is_empty)

    def _aggregated(self, node: TreeNode, field: str, first: Nullness, *, is_empty: bool) -> Nullness:
        function = self.scope.known.facts.functions[node.number(field)]
        if function.name != "array_agg":
            return replace(first, itself=is_empty)
        return replace(self._gathered(first, of_arrays=function.arguments == ("anyarray",)), itself=is_empty)

    @staticmethod
    def _gathered(element: Nullness, *, of_arrays: bool) -> Nullness:
        """An array of all values; of arrays it has one dimension more, and none of them is NULL."""
        if of_arrays:
            return Nullness(itself=False, within=element.within, depth=deeper(element.depth))
        return Nullness(itself=False, within=element.itself)

    def window(self, node: TreeNode) -> Nullness:
        name = self._name(node, "winfnoid")
        if name in COUNTS or name in RANKS:
            return VALUE
        each = self.parts(node)
        if name == "ntile":
            return Nullness(any(part.itself for part in each))
        windows = {each.text("winref"): each for each in self.scope.query.nodes("windowClause")}
        window = windows.get(node.text("winref"))
        is_default = window is not None and not window.number("frameOptions") & _NON_DEFAULT_FRAME
        if name not in AGGREGATES or node.node("aggfilter") is not None or not is_default:
            return UNKNOWN
        first = each[0] if each else UNKNOWN
        return self._aggregated(node, "winfnoid", first, is_empty=AGGREGATES[name] and first.itself)

    def _name(self, node: TreeNode, field: str) -> str:
        function = self.scope.known.facts.functions.get(node.number(field))
        return "" if function is None else function.name

    def json(self, node: TreeNode) -> Nullness:
        """JSON_OBJECT and JSON_ARRAY."""
        return Nullness(node.text("type") not in ("1", "2"))


def _is_of_link(node: TreeNode) -> bool:
    inner = node
    while inner.tag in _WRAPPERS and (argument := inner.node("arg")) is not None:
        inner = argument
    return inner.tag == "PARAM" and inner.text("paramkind") == _SUBLINK_PARAMETER


_METHODS: dict[str, Callable[[_Judge, TreeNode], Nullness]] = {
    "CONST": _Judge.constant,
    "PARAM": _Judge.parameter,
    "FUNCEXPR": _Judge.function,
    "OPEXPR": _Judge.operator,
    "SCALARARRAYOPEXPR": _Judge.array_operator,
    "BOOLEXPR": _Judge.all_of,
    "ROWCOMPAREEXPR": _Judge.row_comparison,
    "NULLIFEXPR": _Judge.first_or_null,
    "COALESCEEXPR": _Judge.one_of,
    "MINMAXEXPR": _Judge.one_of,
    "CASEEXPR": _Judge.case,
    "ARRAYEXPR": _Judge.array,
    "ROWEXPR": _Judge.value,
    "SQLVALUEFUNCTION": _Judge.clock,
    "SUBSCRIPTINGREF": _Judge.subscript,
    "SUBLINK": _Judge.link,
    "AGGREF": _Judge.aggregate,
    "WINDOWFUNC": _Judge.window,
    "JSONCONSTRUCTOREXPR": _Judge.json,
}
