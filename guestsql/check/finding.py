"""A finding of the check: a rule broken at a place."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

__all__ = ["Finding"]


@dataclass(frozen=True, slots=True)
class Finding:
    """A rule broken at a place.

    Attributes:
        file: where; as it was named.
        line: 1-based line.
        column: 1-based column, in characters.
        rule: the code, such as "GS101".
        message: what is wrong, on one line.
        query: the name of the query, or "" outside one.
        hint: how to fix it, or "".
        width: how many characters the caret marks, 1 or more.
        details: further lines, such as a diff.
    """

    file: Path
    line: int
    column: int
    rule: str
    message: str
    query: str = ""
    hint: str = ""
    width: int = 1
    details: tuple[str, ...] = ()

    @property
    def order(self) -> tuple[str, int, int, str]:
        """By file, line, column and rule."""
        return str(self.file), self.line, self.column, self.rule
