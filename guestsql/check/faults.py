"""From an error of the reader to a rule."""

from __future__ import annotations

from dataclasses import dataclass

from guestsql.errors import QueryFileError
from guestsql.sql.head import name_at

__all__ = ["Fault", "fault_of"]


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault that keeps a query from being loaded.

    Attributes:
        rule: the code.
        line: 1-based.
        column: 1-based.
        message: what is wrong.
        hint: how to fix it.
        query: the name of the query, or "".
    """

    rule: str
    line: int
    column: int
    message: str
    hint: str = ""
    query: str = ""


def fault_of(error: QueryFileError, text: str) -> Fault:
    """Return the rule that an error of the reader breaks, and its place.

    Args:
        error: as the reader collected it.
        text: the file.
    """
    line = error.line or 1
    query = "" if error.rule == "GS001" else name_at(text, line)
    return Fault(error.rule, line, error.column or 1, error.message, error.hint, query)
