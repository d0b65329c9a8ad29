"""Which of a query's tables an outer join can make all NULL, and which columns its conditions keep from being NULL."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from guestsql.check.infer.arrays import has_elements
from guestsql.check.infer.facts import Facts
from guestsql.check.infer.nodes import TreeNode

__all__ = ["JoinKind", "Joins", "forced_columns", "read_joins"]

# Of JOINEXPR.
INNER, LEFT, FULL, RIGHT = "0", "1", "2", "3"
JoinKind = str

Var = tuple[int, int]

_WRAPPERS = ("RELABELTYPE", "COERCEVIAIO", "COLLATEEXPR", "ARRAYCOERCEEXPR")
_IS_NOT_NULL = "1"
# What a test of BOOLEANTEST implies for its argument when it is true, or false: IS TRUE, IS NOT TRUE, IS FALSE, ….
_TESTS = {
    ("0", True): "true",
    ("1", False): "true",
    ("2", True): "false",
    ("3", False): "false",
    ("4", False): "a value",
    ("5", True): "a value",
}


@dataclass(frozen=True, slots=True)
class Joins:
    """The effect of the joins of one query.

    Attributes:
        nulled: for each entry of the range table the joins that can make it NULL, by their own entries.
        forced: the columns that are not NULL in any row that is left, entry and column.
    """

    nulled: Mapping[int, frozenset[int]]
    forced: frozenset[Var]


def read_joins(query: TreeNode, facts: Facts) -> Joins:
    """Read the FROM and WHERE of a query.

    Args:
        query: a QUERY node.
        facts: for strict functions.
    """
    tree = query.node("jointree")
    if tree is None:
        return Joins({}, frozenset())
    reader = _Reader(facts)
    forced = reader.forced(tree.node("quals"))
    while True:
        nulled: dict[int, frozenset[int]] = {}
        found = set(forced)
        for item in tree.nodes("fromlist"):
            found |= reader.join(item, frozenset(), forced, nulled)
        if found <= forced:
            return Joins(nulled, frozenset(forced))
        forced = found  # a condition of a join that turned out to be kept implies more


def forced_columns(condition: TreeNode, facts: Facts) -> set[Var]:
    """Return the columns that are not NULL when a condition is true, by their entry and place.

    Args:
        condition: any expression.
        facts: for strict functions.
    """
    return _Reader(facts).forced(condition)


class _Reader:
    def __init__(self, facts: Facts) -> None:
        self._facts = facts

    def join(self, node: TreeNode, by: frozenset[int], forced: set[Var], nulled: dict[int, frozenset[int]]) -> set[Var]:
        """Enter what can be nulled below a node, and return what is forced there.

        A side that an outer join may null is not nulled when one of its columns is kept from being NULL further up: the
        row would be gone.
        """
        if node.tag == "RANGETBLREF":
            nulled[node.number("rtindex")] = by
            return set()
        if node.tag == "FROMEXPR":
            below = [self.join(item, by, forced, nulled) for item in node.nodes("fromlist")]
            own: set[Var] = set() if by else self.forced(node.node("quals"))
            return own.union(*below)
        if node.tag != "JOINEXPR":
            return set()
        kind, index = node.text("jointype"), node.number("rtindex")
        nulled[index] = by
        found: set[Var] = set()
        for side, nulling in (("larg", (FULL, RIGHT)), ("rarg", (FULL, LEFT))):
            child = node.node(side)
            if child is None:
                continue
            kept = bool(_entries(child) & {entry for entry, _ in forced})
            found |= self.join(child, by if kept or kind not in nulling else by | {index}, forced, nulled)
        if kind == INNER and not by:
            found |= self.forced(node.node("quals"))
        return found

    def forced(self, condition: TreeNode | None) -> set[Var]:
        """The columns that are not NULL when a condition is true."""
        return set() if condition is None else self._decided(condition, is_true=True)

    def _decided(self, condition: TreeNode, *, is_true: bool) -> set[Var]:
        """The columns that are not NULL when a condition is true, or false; that it is not NULL says less."""
        if condition.tag == "BOOLEXPR":
            return self._combined(condition, is_true=is_true)
        if condition.tag in ("NULLTEST", "BOOLEANTEST"):
            return self._tested(condition, is_true=is_true)
        # A true ANY needs a comparison that is true, a false ALL one that is false: of an element, with a value.
        if (
            condition.tag == "SCALARARRAYOPEXPR"
            and condition.flag("useOr") is is_true
            and self._calls_strict(condition)
        ):
            value, array = condition.nodes("args")
            return self.strict(value) | self.strict(array)
        return self.strict(condition)

    def _combined(self, condition: TreeNode, *, is_true: bool) -> set[Var]:
        arguments, operator = condition.nodes("args"), condition.text("boolop")
        if operator == "not":
            return self._decided(arguments[0], is_true=not is_true)
        first, *others = [self._decided(each, is_true=is_true) for each in arguments]
        # A false AND needs one that is false, as a true OR needs one that is true.
        return first.union(*others) if (operator == "and") is is_true else first.intersection(*others)

    def _tested(self, test: TreeNode, *, is_true: bool) -> set[Var]:
        argument = test.node("arg")
        if argument is None:
            return set()
        if test.tag == "NULLTEST":
            is_value = (test.text("nulltesttype") == _IS_NOT_NULL) is is_true and not test.flag("argisrow")
            return self.strict(argument) if is_value else set()
        meaning = _TESTS.get((test.text("booltesttype"), is_true))
        if meaning is None:
            return set()
        return self.strict(argument) if meaning == "a value" else self._decided(argument, is_true=meaning == "true")

    def strict(self, node: TreeNode) -> set[Var]:
        """The columns of which each, when it is NULL, makes an expression NULL."""
        return set(self._strict(node))

    def _strict(self, node: TreeNode) -> Iterator[Var]:
        if node.tag == "VAR" and node.text("varlevelsup") == "0":
            yield node.number("varno"), node.number("varattno")
        elif node.tag in _WRAPPERS:
            argument = node.node("arg")
            if argument is not None:
                yield from self._strict(argument)
        else:
            for argument in self._strict_arguments(node):
                yield from self._strict(argument)

    def _strict_arguments(self, node: TreeNode) -> list[TreeNode]:
        """The arguments of which each, when it is NULL, makes an expression NULL."""
        arguments = node.nodes("args")
        if node.tag == "SCALARARRAYOPEXPR":
            value, array = arguments
            # ANY of an empty array is false and ALL is true, even for NULL; a NULL array makes NULL.
            return [value, array] if has_elements(array) and self._calls_strict(node) else [array]
        if node.tag == "BOOLEXPR":
            return arguments if node.text("boolop") == "not" else []
        is_call = node.tag in ("OPEXPR", "FUNCEXPR") and not node.flag("funcretset")
        return arguments if is_call and self._calls_strict(node) else []

    def _calls_strict(self, node: TreeNode) -> bool:
        function = self._facts.functions.get(node.number("funcid") or node.number("opfuncid"))
        return function is not None and function.is_strict


def _entries(node: TreeNode) -> set[int]:
    return {each.number("rtindex") for each in node.walk() if each.tag in ("RANGETBLREF", "JOINEXPR")}
