"""Which of a query's tables an outer join can make all NULL, and which columns its conditions keep from being NULL."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from guestsql.check.infer.facts import Facts
from guestsql.check.infer.nodes import Node

__all__ = ["JoinKind", "Joins", "read_joins"]

# Of JOINEXPR.
INNER, LEFT, FULL, RIGHT = "0", "1", "2", "3"
JoinKind = str

Var = tuple[int, int]

_WRAPPERS = ("RELABELTYPE", "COERCEVIAIO", "COLLATEEXPR", "ARRAYCOERCEEXPR")
_IS_TRUE, _IS_FALSE = "0", "2"


@dataclass(frozen=True, slots=True)
class Joins:
    """What the joins of one query do.

    Attributes:
        nulled: for each entry of the range table the joins that can make it NULL, by their own entries.
        forced: the columns that are not NULL in any row that is left, entry and column.
    """

    nulled: Mapping[int, frozenset[int]]
    forced: frozenset[Var]


def read_joins(query: Node, facts: Facts) -> Joins:
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
        forced = found  # a condition of a join that turned out to be kept tells of more


class _Reader:
    def __init__(self, facts: Facts) -> None:
        self._facts = facts

    def join(self, node: Node, by: frozenset[int], forced: set[Var], nulled: dict[int, frozenset[int]]) -> set[Var]:
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

    def forced(self, condition: Node | None) -> set[Var]:
        """The columns that are not NULL when a condition is true."""
        if condition is None:
            return set()
        if condition.tag == "BOOLEXPR":
            arguments = condition.nodes("args")
            if condition.text("boolop") == "not":
                return self.strict(arguments[0])
            first, *others = [self.forced(argument) for argument in arguments]
            return first.union(*others) if condition.text("boolop") == "and" else first.intersection(*others)
        if condition.tag == "NULLTEST":
            argument = condition.node("arg")
            is_not = condition.text("nulltesttype") == "1" and not condition.flag("argisrow")
            return self.strict(argument) if is_not and argument is not None else set()
        if condition.tag == "BOOLEANTEST":
            argument = condition.node("arg")
            told = condition.text("booltesttype") in (_IS_TRUE, _IS_FALSE)
            return self.strict(argument) if told and argument is not None else set()
        return self.strict(condition)

    def strict(self, node: Node) -> set[Var]:
        """The columns of which each, when it is NULL, makes an expression NULL."""
        return set(self._strict(node))

    def _strict(self, node: Node) -> Iterator[Var]:
        if node.tag == "VAR" and node.text("varlevelsup") == "0":
            yield node.number("varno"), node.number("varattno")
        elif node.tag in _WRAPPERS:
            argument = node.node("arg")
            if argument is not None:
                yield from self._strict(argument)
        elif self._is_strict(node):
            for argument in node.nodes("args"):
                yield from self._strict(argument)

    def _is_strict(self, node: Node) -> bool:
        if node.tag == "BOOLEXPR":
            return node.text("boolop") == "not"
        if node.tag == "SCALARARRAYOPEXPR" and not node.flag("useOr"):
            return False  # ALL of an empty array is true, whatever is compared with it
        if node.tag not in ("OPEXPR", "FUNCEXPR", "SCALARARRAYOPEXPR") or node.flag("funcretset"):
            return False
        function = self._facts.functions.get(node.number("funcid") or node.number("opfuncid"))
        return function is not None and function.is_strict


def _entries(node: Node) -> set[int]:
    return {each.number("rtindex") for each in node.walk() if each.tag in ("RANGETBLREF", "JOINEXPR")}
