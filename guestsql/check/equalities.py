"""The conditions of a plan's nodes: which columns they compare with what, by `=`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from guestsql.sql.plan import PlanNode

__all__ = ["Equality", "column_of", "count_equations", "equalities", "sides"]

_CONDITIONS = ("Index Cond", "Recheck Cond", "Filter", "TID Cond")

_IDENTIFIER = r'(?:"(?:[^"]|"")+"|[a-z_\x80-\U0010ffff][\w$]*)'
_COLUMN = re.compile(rf"(?P<alias>{_IDENTIFIER})\.(?P<column>{_IDENTIFIER})")
# Casts that keep different values different.
_CAST = re.compile(r"::(?:text|character varying|bpchar|name|regclass|oid|smallint|integer|bigint|numeric|uuid)$")
_REFERENCE = re.compile(rf"(?P<alias>{_IDENTIFIER})\.{_IDENTIFIER}")
_STRING = re.compile(r"'(?:[^']|'')*'")
_ANY = re.compile(r"ANY \(.*\)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Equality:
    """A column that a condition compares with something by `=`.

    Attributes:
        column: the column.
        others: the aliases of other relations that the value is made of.
        is_list: the column may equal any element of an array.
        other: `alias.column` when the value is just that, else "".
    """

    column: str
    others: frozenset[str]
    is_list: bool
    other: str = ""


def equalities(node: PlanNode) -> list[Equality]:
    """Return what the conditions of a scan compare its columns with, by `=`.

    Args:
        node: the scan.
    """
    conditions = (condition for fact in _CONDITIONS for condition in _split(node.text(fact)))
    return [each for condition in conditions for each in _equalities(condition, node.alias)]


def count_equations(node: PlanNode) -> int:
    """Return how many of an index scan's conditions compare with one value by `=`.

    Args:
        node: the scan.
    """
    both = [sides(condition) for condition in _split(node.text("Index Cond"))]
    return sum(pair is not None and not any(_ANY.fullmatch(side.strip()) for side in pair) for pair in both)


def column_of(expression: str) -> tuple[str, str] | None:
    """Return alias and column of an expression that is a column, cast or not; None for anything else."""
    bare = _unwrap(expression)
    while (cast_to := _CAST.search(bare)) is not None:
        bare = _unwrap(bare[: cast_to.start()])
    found = _COLUMN.fullmatch(bare)
    return None if found is None else (_bare(found["alias"]), _bare(found["column"]))


def sides(condition: str) -> tuple[str, str] | None:
    """Return both sides of an equation, or None when a condition is none."""
    at = _find(_unwrap(condition), " = ")
    if at is None:
        return None
    inner = _unwrap(condition)
    return inner[:at], inner[at + 3 :]


def _equalities(condition: str, alias: str) -> Iterator[Equality]:
    both = sides(condition)
    if both is None:
        return
    for one, other in (both, both[::-1]):
        column = column_of(one)
        if column is None or column[0] != alias:
            continue
        others = frozenset(_bare(found["alias"]) for found in _REFERENCE.finditer(_STRING.sub("''", other)))
        if alias in others:
            continue
        is_list = _ANY.fullmatch(other.strip()) is not None
        same = column_of(other)
        yield Equality(column[1], others, is_list, "" if same is None else ".".join(same))


def _bare(identifier: str) -> str:
    return identifier[1:-1].replace('""', '"') if identifier.startswith('"') else identifier


def _split(condition: str) -> list[str]:
    """Cut a condition at the ANDs that are outside parentheses and strings."""
    parts: list[str] = []
    rest = _unwrap(condition)
    if not rest:
        return []
    if _find(rest, " OR ") is not None:
        return [rest]
    while (at := _find(rest, " AND ")) is not None:
        parts.append(rest[:at])
        rest = rest[at + 5 :]
    return [*parts, rest]


def _unwrap(text: str) -> str:
    """Take off parentheses around all of a text."""
    text = text.strip()
    while text.startswith("(") and _closing(text) == len(text) - 1:
        text = text[1:-1].strip()
    return text


def _closing(text: str) -> int:
    for at, depth in _depths(text):
        if depth == 0 and text[at] == ")":
            return at
    return -1


def _find(text: str, mark: str) -> int | None:
    """Return where a mark is outside parentheses and strings."""
    return next((at for at, depth in _depths(text) if depth == 0 and text.startswith(mark, at)), None)


def _depths(text: str) -> Iterator[tuple[int, int]]:
    """Each place outside strings with the number of open parentheses behind it."""
    depth = 0
    quote = ""
    for at, char in enumerate(text):
        if quote:
            quote = "" if char == quote else quote
            continue
        if char in "'\"":
            quote = char
            continue
        depth += (char in "([") - (char in ")]")
        yield at, depth
