"""The `check:` lines of a query file.

In the head of a file, before its first query::

    -- check: read-only
    -- check: large guest_profiles, historical_clients
    -- check: allow GS801 for invoices on forget_guest, because the law keeps them for ten years

In the comments below a query's name::

    -- check: hot
    -- check: routed guest
    -- check: allow GS307, because the parameter bounds the rows

A suppression is for one rule in one query, and gives its reason. Other modules read the other marks. A misspelt mark
would go unnoticed, so a word that is nearly one is reported.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from guestsql.check.rules import RULES
from guestsql.sql.head import MARK_WORDS, Mark, word_line

__all__ = ["Allowance", "BadMark", "FileMarks", "QueryMarks", "TableAllowance", "read_file_marks", "read_query_marks"]

_ALLOW = re.compile(r"allow\s+(?P<code>\w+)\s*(?:,\s*because\b\s*(?P<reason>.*))?(?P<rest>.*)$")
_ROUTED = re.compile(r"routed\s+(?P<route>[a-z_]\w*)$")
_LARGE = re.compile(r"large\s+(?P<tables>[a-z_][\w.$]*(?:\s*,\s*[a-z_][\w.$]*)*)$")
_ALLOW_TABLE = re.compile(
    r"allow\s+GS801\s+for\s+(?P<table>[a-z_][\w.$]*)\s+on\s+(?P<hook>\w+)\s*(?:,\s*because\b\s*(?P<reason>.*))?$"
)
_MIN_REASON = 3
# A letter too few or too many.
_NEAR = 0.88
_SHORT = 2


@dataclass(frozen=True, slots=True)
class Allowance:
    """A suppression in one query.

    Attributes:
        code: the rule.
        line: 1-based line.
        column: 1-based column.
    """

    code: str
    line: int
    column: int


@dataclass(frozen=True, slots=True)
class TableAllowance:
    """A suppression of GS801 for one table and one method.

    Attributes:
        table: its name, with or without schema.
        hook: the method that does not cover it.
        line: 1-based line of the mark.
        column: 1-based column.
    """

    table: str
    hook: str
    line: int
    column: int


@dataclass(frozen=True, slots=True)
class BadMark:
    """A mark that cannot be read.

    Attributes:
        line: 1-based.
        column: 1-based.
        message: what is wrong.
        hint: how to fix it.
    """

    line: int
    column: int
    message: str
    hint: str


@dataclass(frozen=True, slots=True)
class FileMarks:
    """The marks in the head of a file.

    Attributes:
        is_read_only: its queries may only read.
        large: tables that no query may read whole, with the line and column of the name.
        tables: suppressions of GS801.
        bad: lines that cannot be read.
    """

    is_read_only: bool
    large: dict[str, tuple[int, int]]
    tables: tuple[TableAllowance, ...]
    bad: tuple[BadMark, ...]


@dataclass(frozen=True, slots=True)
class QueryMarks:
    """The marks in the comments below a name.

    Attributes:
        is_hot: its cost must not grow with a table.
        route: it must find its rows by the key of this route; "" for no such promise.
        allowances: its suppressions.
        bad: lines that cannot be read.
    """

    is_hot: bool
    route: str
    allowances: tuple[Allowance, ...]
    bad: tuple[BadMark, ...]


def read_file_marks(marks: Iterable[Mark]) -> FileMarks:
    """Read the `check:` lines in the head of a file.

    Args:
        marks: those of the file.
    """
    large: dict[str, tuple[int, int]] = {}
    allowed: list[TableAllowance] = []
    bad: list[BadMark] = []
    is_read_only = False
    for _, what, number, column, _ in _of_check(marks):
        tables, table = _LARGE.match(what), _ALLOW_TABLE.match(what)
        if what == "read-only":
            is_read_only = True
        elif tables:
            for name in re.finditer(r"[\w.$]+", tables["tables"]):
                large[name.group()] = (number, column + tables.start("tables") + name.start())
        elif table is not None and _has_reason(table["reason"]):
            allowed.append(TableAllowance(table["table"], table["hook"], number, column))
        else:
            hint = (
                "in the head of a file write check: read-only, check: large TABLE, TABLE, or check: allow GS801 for"
                " TABLE on METHOD, because …"
            )
            bad.append(BadMark(number, column, f"unknown mark {what!r}", hint))
    return FileMarks(is_read_only, large, tuple(allowed), tuple(bad))


def read_query_marks(marks: Iterable[Mark], lines: Iterable[tuple[int, str]]) -> QueryMarks:
    """Read the `check:` lines of a query, and find what is nearly a mark.

    Args:
        marks: those of the query.
        lines: number and text of each comment line below its name.
    """
    is_hot = False
    route = ""
    allowances: list[Allowance] = []
    bad = list(_misspelt(lines))
    for _, what, number, column, _ in _of_check(marks):
        allow, routed = _ALLOW.match(what), _ROUTED.match(what)
        if what == "hot":
            is_hot = True
        elif routed:
            route = routed["route"]
        elif allow is None:
            hint = "below a name write check: hot, check: routed NAME, or check: allow CODE, because …"
            bad.append(BadMark(number, column, f"unknown mark {what!r}", hint))
        else:
            message = _fault(allow)
            if message:
                hint = f"write check: allow {allow['code']}, because …"
                bad.append(BadMark(number, column, message, hint))
            if allow["code"] in RULES:  # it counts even so: one fault, one finding
                allowances.append(Allowance(allow["code"], number, column))
    return QueryMarks(is_hot, route, tuple(allowances), tuple(bad))


def _misspelt(lines: Iterable[tuple[int, str]]) -> Iterator[BadMark]:
    for number, line in lines:
        found = word_line(line)
        if found is None or found.indent > 1:  # deeper, it is a parameter's
            continue
        word, column = found.word, found.word_at + 1
        if word == "empty" and not found.rest.strip():
            yield BadMark(number, column, "empty: has no text", "write what an empty result means, or remove the line")
        near = "" if word in MARK_WORDS else _nearest(word.lower())
        if near:
            yield BadMark(
                number,
                column,
                f"{word}: is not a mark",
                f"did you mean {near}:? If not, start the line differently",
            )


def _nearest(word: str) -> str:
    # Of two letters every word is near another: `No:` is prose, and `Es:` is Spanish prose.
    exchanged = [mark for mark in MARK_WORDS if len(mark) > _SHORT and sorted(mark) == sorted(word)]
    words = [mark for mark in MARK_WORDS if mark != "es"]
    return next(iter(exchanged or difflib.get_close_matches(word, words, 1, _NEAR)), "")


def _fault(allow: re.Match[str]) -> str:
    if allow["code"] not in RULES:
        return f"there is no rule {allow['code']}"
    if _has_reason(allow["reason"]):
        return ""
    if re.match(r"\s*,\s*GS\d", allow["rest"]):
        return "a line suppresses one rule, and this one names several: write a line for each"
    return "the reason of the suppression is too short" if allow["reason"] else "the suppression has no reason"


def _has_reason(text: str | None) -> bool:
    return len((text or "").strip(" .…")) >= _MIN_REASON


def _of_check(marks: Iterable[Mark]) -> Iterator[Mark]:
    return (mark for mark in marks if mark.word == "check")
