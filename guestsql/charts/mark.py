"""The mark `-- chart: KIND key=value …` in a query's comment.

::

    -- chart: line x=day y=guests,active
    -- chart: bar x=hour y=messages series=weekday
    -- chart: stacked x=day y=hits,misses
    -- chart: heatmap x=hour y=weekday value=messages
    -- chart: funnel y=guests,interested,booked
    -- chart: number y=guests

A column whose name holds a blank, a comma or an equals sign is written in double quotes, as in SQL.
"""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass
from typing import Literal, get_args

from guestsql.sql.query import Query

__all__ = ["KINDS", "ChartFault", "ChartMark", "Kind", "chart_of", "read_chart"]

Kind = Literal["line", "bar", "stacked", "heatmap", "funnel", "number"]
KINDS: tuple[Kind, ...] = get_args(Kind)
"""What a chart may be."""

_NAMED: dict[str, Kind] = {kind: kind for kind in KINDS}
_FORMS: dict[Kind, str] = {
    "line": "line x=COLUMN y=COLUMN[,COLUMN…] [series=COLUMN]",
    "bar": "bar x=COLUMN y=COLUMN[,COLUMN…] [series=COLUMN]",
    "stacked": "stacked x=COLUMN y=COLUMN series=COLUMN, or stacked x=COLUMN y=COLUMN,COLUMN…",
    "heatmap": "heatmap x=COLUMN y=COLUMN value=COLUMN",
    "funnel": "funnel x=COLUMN y=COLUMN, or funnel y=COLUMN,COLUMN…",
    "number": "number y=COLUMN[,COLUMN…], or number",
}
_REQUIRED: dict[Kind, tuple[str, ...]] = {
    "line": ("x", "y"),
    "bar": ("x", "y"),
    "stacked": ("x", "y"),
    "heatmap": ("x", "y", "value"),
    "funnel": ("y",),
    "number": (),
}
_OPTIONAL: dict[Kind, tuple[str, ...]] = {
    "line": ("series",),
    "bar": ("series",),
    "stacked": ("series",),
    "heatmap": (),
    "funnel": ("x",),
    "number": ("y",),
}
_COLUMN = r'"(?:[^"]|"")+"|[^\s,="]+'
_NAME = re.compile(_COLUMN)
_PART = re.compile(rf"(?P<key>\w+)=(?P<columns>(?:{_COLUMN})(?:,(?:{_COLUMN}))*)(?=\s|$)")
_WORD = re.compile(r"\S+")


class ChartFault(ValueError):
    """A chart mark cannot be read.

    Attributes:
        hint: how to fix it.
        offset: where in the mark's text, counted from 0.
    """

    def __init__(self, message: str, hint: str, offset: int = 0) -> None:
        super().__init__(message)
        self.hint = hint
        self.offset = offset


@dataclass(frozen=True, slots=True)
class ChartMark:
    """What a query's chart shows.

    Attributes:
        kind: one of `KINDS`.
        x: the column of the horizontal axis, or of a funnel's steps; None where there is none.
        y: the columns of the numbers, in order; a heatmap's one column of the vertical axis. Empty for a number chart
            of all numeric columns.
        series: the column whose values are drawn as series, or None.
        value: a heatmap's column of numbers; None for other kinds.
    """

    kind: Kind
    x: str | None = None
    y: tuple[str, ...] = ()
    series: str | None = None
    value: str | None = None

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of all columns that the mark names."""
        named = (self.x, *self.y, self.series, self.value)
        return tuple(name for name in named if name is not None)


def chart_of(query: Query) -> ChartMark | None:
    """Read the chart mark of a query.

    Args:
        query: any query of the catalogue.

    Returns:
        The first chart mark; None for a query without one.

    Raises:
        ChartFault: the mark cannot be read.
    """
    text = next((mark.text for mark in query.marks if mark.word == "chart"), None)
    return None if text is None else read_chart(text)


def read_chart(text: str) -> ChartMark:
    """Read the text of a chart mark.

    Args:
        text: what follows `-- chart:`.

    Returns:
        The mark.

    Raises:
        ChartFault: an unknown kind or key, a key that is missing or given twice, or columns that do not suit the kind.
    """
    kind, rest_at = _kind(text)
    columns = _parts(text, rest_at, kind)
    missing = [key for key in _REQUIRED[kind] if key not in columns]
    if missing:
        raise _fault(f"a {kind} chart needs {' and '.join(f'{key}=' for key in missing)}", kind, len(text.rstrip()))
    mark = ChartMark(
        kind, _one(columns.get("x")), columns.get("y", ()), _one(columns.get("series")), _one(columns.get("value"))
    )
    _check_number_of_columns(mark)
    return mark


def _kind(text: str) -> tuple[Kind, int]:
    word = _WORD.search(text)
    if word is None:
        raise ChartFault("the chart mark is empty", f"write one of: {'; '.join(_FORMS.values())}")
    kind = _NAMED.get(word[0])
    if kind is None:
        near = difflib.get_close_matches(word[0].lower(), KINDS, 1)
        raise ChartFault(
            f"{word[0]!r} is not a kind of chart",
            f"write {near[0]}" if near else f"write one of: {', '.join(KINDS)}",
            word.start(),
        )
    return kind, word.end()


def _parts(text: str, at: int, kind: Kind) -> dict[str, tuple[str, ...]]:
    columns: dict[str, tuple[str, ...]] = {}
    while word := _WORD.search(text, at):
        part = _PART.match(text, word.start())
        if part is None:
            raise _fault(f"{word[0]!r} is not of the form key=COLUMN[,COLUMN…]", kind, word.start())
        key, names = part["key"], tuple(_unquoted(name) for name in _NAME.findall(part["columns"]))
        if key not in (*_REQUIRED[kind], *_OPTIONAL[kind]):
            raise _fault(f"a {kind} chart has no {key}=", kind, word.start())
        if key in columns:
            raise _fault(f"{key}= is given twice", kind, word.start())
        if key != "y" and len(names) > 1:
            raise _fault(f"{key}= takes one column", kind, word.start())
        if len(set(names)) < len(names):
            raise _fault(f"{key}= names a column twice", kind, word.start())
        columns[key] = names
        at = part.end()
    return columns


def _check_number_of_columns(mark: ChartMark) -> None:
    several = len(mark.y) > 1
    if several and mark.series:
        raise _fault("series= and several columns of y= exclude each other", mark.kind)
    if several and (mark.kind == "heatmap" or (mark.kind == "funnel" and mark.x)):
        raise _fault(f"a {mark.kind} chart takes one column as y=", mark.kind)
    if mark.kind == "stacked" and not several and not mark.series:
        raise _fault("a stacked chart needs series= or two columns of y=", mark.kind)
    if mark.kind == "funnel" and not several and not mark.x:
        raise _fault("a funnel needs x= or two columns of y=", mark.kind)


def _fault(message: str, kind: Kind, offset: int = 0) -> ChartFault:
    return ChartFault(message, f"write {_FORMS[kind]}", offset)


def _one(names: tuple[str, ...] | None) -> str | None:
    return names[0] if names else None


def _unquoted(name: str) -> str:
    return name[1:-1].replace('""', '"') if name.startswith('"') else name
