"""From an error of the reader to a rule."""

from __future__ import annotations

import re
from dataclasses import dataclass

from guestsql.errors import QueryFileError
from guestsql.sql.head import name_at

__all__ = ["Fault", "fault_of"]

# The reader's errors are recognised by their messages; tests/unit/test_check_files.py compares both sides.
_RULES = tuple(
    (re.compile(pattern), rule)
    for pattern, rule in (
        (r"cannot be read|not UTF-8|NUL character|no \*\.sql file", "GS001"),
        (r"unterminated ", "GS002"),
        (r"SQL before the first|more than one statement|is empty$", "GS004"),
        (r"stands here and at ", "GS005"),
        (r"undeclared parameter|psql's form|in a query file$", "GS101"),
        (r"parameter \w+ of query \w+ is not used", "GS102"),
    )
)
_OTHER = "GS003"


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
    rule = next((rule for pattern, rule in _RULES if pattern.search(error.message)), _OTHER)
    line = error.line or 1
    query = "" if rule == "GS001" else name_at(text, line)
    return Fault(rule, line, error.column or 1, error.message, error.hint, query)
