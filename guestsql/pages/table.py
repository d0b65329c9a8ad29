"""The result of a query as a table: masked, aligned, in the reader's language, sorted by what was fetched."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, cast
from zoneinfo import ZoneInfo

from guestsql.adhoc.values import as_cell, as_json, plain_text
from guestsql.languages import Language
from guestsql.languages.numbers import is_long
from guestsql.pages.masking import Masking

__all__ = ["MOST_CELLS", "MOST_ROWS", "Cell", "Column", "Rows", "cells", "columns_of", "sort_rows"]

MOST_ROWS = 1000
"""How many rows a page shows at most; a download has all."""
MOST_CELLS = 20_000
"""How many cells a page shows at most."""
_MOST_CHARACTERS = 1000
# A text that would be squeezed to a word a line beside many columns.
_LONG = 24
_DAY = re.compile(r"(?P<year>\d{4})-(?P<month>\d\d)-(?P<day>\d\d)")
_FRACTION = re.compile(r"-?[\d.,\s\u00a0\u202f]*\d")


@dataclass(frozen=True, slots=True)
class Rows:
    """What was fetched.

    Attributes:
        columns: their names.
        rows: the values.
        is_cut: there are more.
    """

    columns: tuple[str, ...]
    rows: Sequence[tuple[Any, ...]]
    is_cut: bool


@dataclass(frozen=True, slots=True)
class Cell:
    """A value as a page shows it.

    Attributes:
        kind: the class of the cell: `number`, `text`, `text long`, `document`, `null` or `empty`.
        text: what is shown.
        pad: invisible digits behind it, so that decimal marks are below each other.
        summary: of a long document, which is folded; or "".
    """

    kind: str
    text: str
    pad: str = ""
    summary: str = ""


@dataclass(slots=True)
class Column:
    """A column's heading.

    Attributes:
        heading: what is shown; a column may have no name.
        key: what the address calls it, unlike any other of the table.
        is_number: its values are numbers.
        order: `ascending`, `descending` or "".
        sort: what `_sort` becomes by choosing the heading.
        href: the address with it.
    """

    heading: str
    key: str
    is_number: bool
    order: str = ""
    sort: str = ""
    href: str = ""


def columns_of(rows: Rows, sort: str | None) -> tuple[list[Column], int | None]:
    """Return the headings, and which column the rows are to be sorted by.

    Args:
        rows: what was fetched.
        sort: a column's key, with `-` in front for descending; or None.

    Returns:
        The second is None when `sort` names no column.
    """
    found: list[Column] = []
    for place, name in enumerate(rows.columns):
        key = name if name.strip() else f"column_{place + 1}"
        while any(key == each.key for each in found) or rows.columns.count(key) > (name == key):
            key = f"{name or 'column'}_{place + 1}" if not key.endswith(f"_{place + 1}") else f"{key}_"
        values = [row[place] for row in rows.rows]
        found.append(Column(plain_text(name).strip() or f"({place + 1})", key, _is_numeric(values)))
    wanted = next((place for place, each in enumerate(found) if sort in {each.key, f"-{each.key}"}), None)
    for place, column in enumerate(found):
        is_ascending = place == wanted and sort == column.key
        column.sort = f"-{column.key}" if is_ascending else column.key
        if place == wanted:
            column.order = "ascending" if is_ascending else "descending"
    return found, wanted


def sort_rows(rows: Rows, place: int, masking: Masking, *, descending: bool) -> list[tuple[Any, ...]]:
    """Return the rows sorted by a column; NULL is last in either direction, and equal ones keep their order.

    The order is that of what is shown: the whole phone numbers would reveal more than their last digits.

    Args:
        rows: what was fetched.
        place: of the column, from 0.
        masking: of the values.
        descending: the greatest value first.
    """
    name = rows.columns[place]
    known = [row for row in rows.rows if row[place] is not None]
    known.sort(key=lambda row: _order(masking.value(name, row[place])), reverse=descending)
    return [*known, *(row for row in rows.rows if row[place] is None)]


def cells(
    rows: Sequence[Sequence[object]], columns: Sequence[Column], language: Language, zone: ZoneInfo
) -> list[list[Cell]]:
    """Return the values as a page shows them.

    Args:
        rows: masked already.
        columns: their headings.
        language: of numbers and dates.
        zone: times are shown in it.
    """
    by_column = [
        _numbers([row[place] for row in rows], column.heading, language)
        if column.is_number
        else [_cell(row[place], language, zone) for row in rows]
        for place, column in enumerate(columns)
    ]
    return [[column[number] for column in by_column] for number in range(len(rows))]


def _order(value: object) -> tuple[int, Any]:
    """Values of one column may be of several types, as in JSON or with infinite times."""
    if isinstance(value, bool):
        return 0, value
    if isinstance(value, int | float | Decimal):
        return (1, value) if not (isinstance(value, float | Decimal) and math.isnan(value)) else (2, 0)
    if isinstance(value, datetime):
        return (3, value.timestamp()) if value.tzinfo else (4, value)
    if isinstance(value, date):
        return 5, value
    if isinstance(value, timedelta):
        return 6, value
    return 7, as_cell(value).casefold()


def _is_numeric(values: Sequence[object]) -> bool:
    known = [value for value in values if value is not None]
    return bool(known) and all(isinstance(each, int | float | Decimal) and not isinstance(each, bool) for each in known)


def _numbers(values: Sequence[object], name: str, language: Language) -> list[Cell]:
    known = [cast("int | float | Decimal", value) for value in values if value is not None]
    # 9,461 above 11,575: a long number groups the others of its column, too.
    is_grouped = any(math.isfinite(value) and is_long(value) for value in known)
    shown = [
        None if value is None else _number(cast("int | float | Decimal", value), name, language, is_grouped=is_grouped)
        for value in values
    ]
    mark = language.number(0.5)[1]
    lengths = [
        len(text.partition(mark)[2]) + (mark in text) if text and _FRACTION.fullmatch(text) else 0 for text in shown
    ]
    widest = max(lengths, default=0)
    return [
        Cell("null", "NULL") if text is None else Cell("number", text, "0" * (widest - length))
        for text, length in zip(shown, lengths, strict=True)
    ]


def _number(value: float | Decimal, name: str, language: Language, *, is_grouped: bool) -> str:
    unit = name.lower().replace(" ", "_").rpartition("_")[2]
    if math.isfinite(value):
        if unit == "bytes":
            return language.size(value)
        if unit == "seconds":
            return language.duration(value)
    return language.number(value, is_grouped=is_grouped)


def _cell(value: object, language: Language, zone: ZoneInfo) -> Cell:
    if value is None:
        return Cell("null", "NULL")
    if _is_document(value):
        return _document(value, language)
    if isinstance(value, list):
        return _list(cast("list[object]", value), language, zone)
    return _scalar(value, language, zone)


def _scalar(value: object, language: Language, zone: ZoneInfo) -> Cell:
    if isinstance(value, bool):
        return Cell("text", language.gettext("yes") if value else language.gettext("no"))
    if isinstance(value, datetime):
        return Cell("text", language.moment(value, zone))
    if isinstance(value, time):
        return Cell("text", language.time(value))
    return _text(as_cell(value), language)


def _is_document(value: object) -> bool:
    is_nested = isinstance(value, list) and any(
        isinstance(each, Mapping | list) for each in cast("list[object]", value)
    )
    return isinstance(value, Mapping) or is_nested


def _list(elements: Sequence[object], language: Language, zone: ZoneInfo) -> Cell:
    if not elements:
        return Cell("document", "[]")
    if any(isinstance(each, str) and ("," in each or not each) for each in elements):
        return _text(as_json(elements), language)  # a comma within an element must not look like one between two
    texts = [
        language.number(each)
        if isinstance(each, int | float | Decimal) and not isinstance(each, bool)
        else _cell(each, language, zone).text
        for each in elements
    ]
    return _text("; ".join(texts) if any("," in text for text in texts) else ", ".join(texts), language)


def _document(value: object, language: Language) -> Cell:
    text = plain_text(as_json(value))
    if len(text) <= 60:  # noqa: PLR2004  short enough for one line
        return Cell("document", text)
    return Cell("document", _cut(plain_text(as_json(value, indent=True)), language), summary=f"{text[:40]}…")


def _text(text: str, language: Language) -> Cell:
    if not text:
        return Cell("empty", language.gettext("empty text"))
    day = _DAY.fullmatch(text)
    if day is not None and day["year"] != "0000":
        try:
            return Cell("text", language.date(date(int(day["year"]), int(day["month"]), int(day["day"]))))
        except ValueError:
            pass  # a text that only looks like a date
    return Cell("text long" if len(text) > _LONG else "text", _cut(plain_text(text), language))


def _cut(text: str, language: Language) -> str:
    if len(text) <= _MOST_CHARACTERS:
        return text
    more = language.ngettext("… %(num)s more character", "… %(num)s more characters", len(text) - _MOST_CHARACTERS)
    return text[:_MOST_CHARACTERS] + more
