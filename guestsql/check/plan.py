"""A plan of the server's, as a tree."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, cast

__all__ = ["Equality", "Node", "column_of", "sides"]

_IDENTIFIER = r'(?:"(?:[^"]|"")+"|[a-z_\x80-\U0010ffff][\w$]*)'
_COLUMN = re.compile(rf"(?P<alias>{_IDENTIFIER})\.(?P<column>{_IDENTIFIER})")
# Casts that keep different values different.
_CAST = re.compile(r"::(?:text|character varying|bpchar|name|regclass|oid|smallint|integer|bigint|numeric|uuid)$")
_REFERENCE = re.compile(rf"(?P<alias>{_IDENTIFIER})\.{_IDENTIFIER}")
_STRING = re.compile(r"'(?:[^']|'')*'")
_ANY = re.compile(r"ANY \(.*\)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Equality:
    """A column that a condition holds equal to something.

    Attributes:
        column: the column.
        others: the aliases of other relations that the value is made of.
        is_list: it may be any of an array.
        other: `alias.column` when the value is just that, else "".
    """

    column: str
    others: frozenset[str]
    is_list: bool
    other: str = ""


@dataclass(frozen=True)
class Node:
    """A step of a plan.

    Attributes:
        kind: "Seq Scan", "Nested Loop", ….
        facts: what EXPLAIN says of it.
        children: the steps whose rows it takes, outer before inner.
        others: the plans of its WITH queries and subselects.
    """

    kind: str
    facts: dict[str, Any]
    children: tuple[Node, ...] = ()
    others: tuple[Node, ...] = field(default=())

    @classmethod
    def read(cls, plan: dict[str, Any]) -> Node:
        """Make a tree of EXPLAIN's JSON.

        Args:
            plan: the object under "Plan".
        """
        parts = cast("list[dict[str, Any]]", plan.get("Plans", []))
        apart = ("InitPlan", "SubPlan")
        return cls(
            str(plan["Node Type"]),
            {name: value for name, value in plan.items() if name != "Plans"},
            tuple(cls.read(part) for part in parts if part.get("Parent Relationship") not in apart),
            tuple(cls.read(part) for part in parts if part.get("Parent Relationship") in apart),
        )

    def walk(self) -> Iterator[Node]:
        """Yield the step and all below it."""
        yield self
        for node in (*self.others, *self.children):
            yield from node.walk()

    def text(self, fact: str) -> str:
        """Return a fact, or "" when EXPLAIN says nothing of it."""
        return str(self.facts.get(fact, ""))

    def items(self, fact: str) -> list[str]:
        """Return a list of texts, empty when EXPLAIN says nothing of it."""
        return [str(item) for item in self.facts.get(fact, [])]

    @property
    def relation(self) -> str:
        """The table it scans or changes, or ""."""
        return self.text("Relation Name")

    @property
    def schema(self) -> str:
        """The schema of that table, or ""."""
        return self.text("Schema")

    @property
    def alias(self) -> str:
        """What the query calls it, or ""."""
        return self.text("Alias")

    @property
    def conditions(self) -> list[str]:
        """What its rows must fulfil, each condition by itself."""
        found: list[str] = []
        for fact in ("Index Cond", "Recheck Cond", "Filter", "TID Cond"):
            found += _split(self.text(fact))
        return found

    @property
    def join_conditions(self) -> list[str]:
        """What two rows must fulfil to be joined."""
        found: list[str] = []
        for fact in ("Hash Cond", "Merge Cond", "Join Filter"):
            found += _split(self.text(fact))
        return found

    @property
    def equations(self) -> int:
        """How many of the conditions that an index is asked for are equations with one value."""
        both = [sides(condition) for condition in _split(self.text("Index Cond"))]
        return sum(pair is not None and not any(_ANY.fullmatch(side.strip()) for side in pair) for pair in both)

    def equalities(self) -> list[Equality]:
        """Return what the conditions of a scan hold its columns equal to."""
        return [each for condition in self.conditions for each in _equalities(condition, self.alias)]


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
    """Cut a condition at the ANDs that stand outside brackets and strings."""
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
    """Take off brackets that enclose all of a text."""
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
    """Return where a mark stands outside brackets and strings."""
    return next((at for at, depth in _depths(text) if depth == 0 and text.startswith(mark, at)), None)


def _depths(text: str) -> Iterator[tuple[int, int]]:
    """Each place outside strings with how many brackets are open behind it."""
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
