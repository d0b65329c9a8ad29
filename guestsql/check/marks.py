"""The `check:` lines of a query file.

In the head of a file, before its first query::

    -- check: read-only
    -- check: large guest_profiles, historical_clients

In the comments below a query's name::

    -- check: hot
    -- check: allow GS307, because the parameter bounds the rows

An exception holds for one rule in one query, and says why. There are other marks, which others read: `empty:`,
`internal:` and `metrics:`. A misspelt one would go unnoticed, so what is nearly one is told.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from guestsql.check.rules import RULES

__all__ = ["Allowance", "BadMark", "FileMarks", "QueryMarks", "read_file_marks", "read_query_marks"]

_MARK = re.compile(r"--[ \t]*check:[ \t]*(?P<what>.*?)[ \t]*$")
_ALLOW = re.compile(r"allow\s+(?P<code>\w+)\s*(?:,\s*because\b\s*(?P<reason>.*))?(?P<rest>.*)$")
_LARGE = re.compile(r"large\s+(?P<tables>[a-z_][\w.$]*(?:\s*,\s*[a-z_][\w.$]*)*)$")
_MIN_REASON = 3
_ANY = re.compile(r"--[ \t]?(?P<word>[A-Za-z]\w*):[ \t]*(?P<rest>.*)")
_WORDS = ("check", "empty", "internal", "metrics")
# A letter too few or too many; `interval` is farther from `internal`.
_NEAR = 0.88


@dataclass(frozen=True, slots=True)
class Allowance:
    """An exception of one query.

    Attributes:
        code: the rule.
        line: 1-based line where it stands.
        column: 1-based column.
    """

    code: str
    line: int
    column: int


@dataclass(frozen=True, slots=True)
class BadMark:
    """A mark that cannot be read.

    Attributes:
        line: 1-based.
        column: 1-based.
        message: what is wrong.
        hint: how to mend it.
    """

    line: int
    column: int
    message: str
    hint: str


@dataclass(frozen=True, slots=True)
class FileMarks:
    """What the head of a file says.

    Attributes:
        is_read_only: its queries may only read.
        large: tables that no query may read whole, with the line and column of the name.
        bad: lines that cannot be read.
    """

    is_read_only: bool
    large: dict[str, tuple[int, int]]
    bad: tuple[BadMark, ...]


@dataclass(frozen=True, slots=True)
class QueryMarks:
    """What the comments below a name say.

    Attributes:
        is_hot: its cost must not grow with a table.
        allowances: its exceptions.
        bad: lines that cannot be read.
    """

    is_hot: bool
    allowances: tuple[Allowance, ...]
    bad: tuple[BadMark, ...]


def read_file_marks(lines: Iterable[tuple[int, str]]) -> FileMarks:
    """Read the head of a file.

    Args:
        lines: number and text of each line.
    """
    large: dict[str, tuple[int, int]] = {}
    bad: list[BadMark] = []
    is_read_only = False
    for number, column, what in _marks(lines):
        tables = _LARGE.match(what)
        if what == "read-only":
            is_read_only = True
        elif tables:
            for table in re.finditer(r"[\w.$]+", tables["tables"]):
                large[table.group()] = (number, column + tables.start("tables") + table.start())
        else:
            hint = "in the head of a file write check: read-only, or check: large TABLE, TABLE"
            bad.append(BadMark(number, column, f"nothing is known of {what!r} here", hint))
    return FileMarks(is_read_only, large, tuple(bad))


def read_query_marks(lines: Iterable[tuple[int, str]]) -> QueryMarks:
    """Read the comments below a name line.

    Args:
        lines: number and text of each line.
    """
    lines = list(lines)
    is_hot = False
    allowances: list[Allowance] = []
    bad = list(_misspelt(lines))
    for number, column, what in _marks(lines):
        allow = _ALLOW.match(what)
        if what == "hot":
            is_hot = True
        elif allow is None:
            hint = "below a name write check: hot, or check: allow CODE, because …"
            bad.append(BadMark(number, column, f"nothing is known of {what!r} here", hint))
        else:
            message = _fault(allow)
            if message:
                hint = f"write check: allow {allow['code']}, because …"
                bad.append(BadMark(number, column, message, hint))
            if allow["code"] in RULES:  # excepted even so: one fault, one finding
                allowances.append(Allowance(allow["code"], number, column))
    return QueryMarks(is_hot, tuple(allowances), tuple(bad))


def _misspelt(lines: Iterable[tuple[int, str]]) -> Iterator[BadMark]:
    for number, line in lines:
        found = _ANY.match(line.strip())
        if found is None:
            continue
        word, column = found["word"], line.index("--") + 1 + found.start("word")
        if word == "empty" and not found["rest"]:
            yield BadMark(
                number, column, "nothing stands behind empty:", "say what no row means, or leave the line out"
            )
        near = "" if word in _WORDS else _nearest(word.lower())
        if near:
            yield BadMark(
                number, column, f"{word}: is no mark", f"did you mean {near}:? Else let the line begin otherwise"
            )


def _nearest(word: str) -> str:
    exchanged = [mark for mark in _WORDS if sorted(mark) == sorted(word)]
    return next(iter(exchanged or difflib.get_close_matches(word, _WORDS, 1, _NEAR)), "")


def _fault(allow: re.Match[str]) -> str:
    if allow["code"] not in RULES:
        return f"there is no rule {allow['code']}"
    if len((allow["reason"] or "").strip(" .…")) < _MIN_REASON:
        return "an exception without its reason"
    return ""


def _marks(lines: Iterable[tuple[int, str]]) -> Iterator[tuple[int, int, str]]:
    """Line, column and text of what stands behind each `check:`."""
    for number, line in lines:
        found = _MARK.match(line.strip())
        if found:
            yield number, line.index("check:") + 1 + found.start("what") - found.group().index("check:"), found["what"]
