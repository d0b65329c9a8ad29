"""One query's part of a report: figures, a picture, or a table."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from guestsql.charts.mark import ChartFault, ChartMark, chart_of
from guestsql.languages import Language
from guestsql.languages.columns import BEFORE, translated
from guestsql.pages.masking import Masking
from guestsql.pages.pictures import chart_specification
from guestsql.pages.table import Cell, Column, Rows, cells, columns_of
from guestsql.report.labels import heading, period_labels
from guestsql.sql import Query
from guestsql.sql.query import first_sentence, why_empty

__all__ = ["Answer", "Figure", "Panel", "Reader", "Table", "panel", "titled_specification"]

NARROW, WIDE = 320, 720
"""Widths of a picture, in CSS pixels."""
_MOST_ROWS = 62
_UNITS = {"percent": "%", "milliseconds": "ms"}


@dataclass(frozen=True, slots=True)
class Reader:
    """Whom a report is for.

    Attributes:
        language: of its texts and numbers.
        zone: the hotel's.
        days: of a period.
        masking: what is shown of ids of guests.
    """

    language: Language
    zone: ZoneInfo
    days: int
    masking: Masking = field(default_factory=Masking)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a query returned.

    Attributes:
        columns: their names.
        rows: the values.
    """

    columns: tuple[str, ...]
    rows: Sequence[tuple[Any, ...]]


@dataclass(frozen=True, slots=True)
class Figure:
    """A number, compared with that of the period before.

    Attributes:
        label: what it is.
        value: as text; a dash if unknown.
        before: the earlier one; "" if there is none.
        change: by how much it changed; "" if that cannot be said.
    """

    label: str
    value: str
    before: str = ""
    change: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """Rows.

    Attributes:
        columns: their headings.
        rows: their cells.
        more: how many rows are not shown; "" for none.
    """

    columns: list[Column]
    rows: list[list[Cell]]
    more: str


@dataclass(frozen=True, slots=True)
class Panel:
    """One query's part of a report.

    Attributes:
        name: the query's.
        title: what it shows.
        about: more about it; or "".
        figures: numbers.
        picture: specifications of the chart by width; None without one.
        alone: the specification of the chart as a file of its own; None without one.
        table: the rows; None if the figures show all.
        note: in place of all these: what no row means, or why nothing is shown.
    """

    name: str
    title: str
    about: str = ""
    figures: Sequence[Figure] = ()
    picture: Mapping[int, dict[str, Any]] | None = None
    alone: dict[str, Any] | None = None
    table: Table | None = None
    note: str = ""


def panel(query: Query, answer: Answer | str, reader: Reader) -> Panel:
    """Return a query's part of a report.

    Args:
        query: from the catalogue.
        answer: what it returned; a text: why it failed.
        reader: whom the report is for.
    """
    title, about = _texts(query, reader.language)
    if isinstance(answer, str):
        return Panel(query.name, title, about, note=answer)
    if not answer.rows:
        return Panel(query.name, title, about, note=why_empty(query) or reader.language.gettext("No rows."))
    shown = _readable(answer, reader)
    mark, fault = _mark_of(query, reader.language)
    charts: dict[str, dict[str, Any]] = {}
    if mark is not None:
        try:
            charts = {
                "alone": _specified(query, mark, shown, reader, width=WIDE, title=title),
                "wide": _specified(query, mark, shown, reader, width=WIDE),
                "narrow": _specified(query, mark, shown, reader, width=NARROW),
            }
        except ChartFault as error:
            fault = _no_picture(error, reader.language)
    if charts and mark is not None and mark.kind == "number":
        return Panel(query.name, title, about, figures=_figures(mark, shown, reader.language), alone=charts["alone"])
    return Panel(
        query.name,
        title,
        about,
        picture={width: charts[name] for width, name in ((WIDE, "wide"), (NARROW, "narrow"))} if charts else None,
        alone=charts.get("alone"),
        table=_table(shown, reader),
        note=fault,
    )


def titled_specification(query: Query, answer: Answer, reader: Reader, width: int) -> dict[str, Any]:
    """Return the specification of a query's chart as a picture of its own, with its title.

    Args:
        query: one with a chart mark.
        answer: what it returned.
        reader: whom it is for.
        width: in CSS pixels.

    Raises:
        ChartFault: there is no chart mark, or its columns do not suit.
    """
    mark = chart_of(query)
    if mark is None:
        raise ChartFault("it has no chart mark", "write -- chart: KIND … below its name, or take --format html")
    title, _ = _texts(query, reader.language)
    return _specified(query, mark, _readable(answer, reader), reader, width=width, title=title)


def _texts(query: Query, language: Language) -> tuple[str, str]:
    text = " ".join((language.pick(query.doc, query.spanish) or "").split())
    title = first_sentence(text)
    return title.rstrip(".") or query.name, text[len(title) :].strip()


def _mark_of(query: Query, language: Language) -> tuple[ChartMark | None, str]:
    try:
        return chart_of(query), ""
    except ChartFault as fault:
        return None, _no_picture(fault, language)


def _no_picture(fault: ChartFault, language: Language) -> str:
    return language.gettext("No picture: %(fault)s", fault=fault)


def _readable(answer: Answer, reader: Reader) -> Answer:
    rows = reader.masking.rows(answer.columns, answer.rows)
    return Answer(answer.columns, translated(answer.columns, rows, reader.language))


def _specified(
    query: Query, mark: ChartMark, answer: Answer, reader: Reader, *, width: int, title: str = ""
) -> dict[str, Any]:
    days = reader.days if any(each.name == "days" for each in query.parameters) else None
    language = reader.language
    return chart_specification(
        query,
        mark,
        answer.columns,
        answer.rows,
        language,
        reader.zone,
        width=width,
        title=title,
        labels=period_labels(mark.y, days, language),
    )


def _figures(mark: ChartMark, answer: Answer, language: Language) -> list[Figure]:
    row = dict(zip(answer.columns, answer.rows[0], strict=True))
    wanted = mark.y or tuple(name for name, value in row.items() if value is None or _number(value) is not None)
    return [
        _figure(name, row, language)
        for name in wanted
        if name in row and not (name.endswith(BEFORE) and name.removesuffix(BEFORE) in row)
    ]


def _figure(name: str, row: Mapping[str, object], language: Language) -> Figure:
    value, before = row[name], row.get(name + BEFORE)
    earlier = _shown(before, name, language) if name + BEFORE in row else ""
    change = _change(_number(value), _number(before), name, language)
    return Figure(heading(name, language), _shown(value, name, language), earlier, change)


def _number(value: object) -> float | Decimal | None:
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        return None
    return value if isinstance(value, int) or math.isfinite(value) else None


def _shown(value: object, name: str, language: Language) -> str:
    number = _number(value)
    if number is None:
        return "\u2013" if value is None else str(value)
    unit = name.rpartition("_")[2]
    if unit == "bytes":
        return language.size(number)
    if unit == "seconds":
        return language.duration(number)
    decimals = 0 if isinstance(number, int) or abs(float(number)) >= 100 else 1  # noqa: PLR2004  three digits are enough
    text = language.number(number, decimals)
    return f"{text}\u00a0{_UNITS[unit]}" if unit in _UNITS else text


def _change(now: float | Decimal | None, before: float | Decimal | None, name: str, language: Language) -> str:
    """By how much a number changed: a percentage by points, any other by percent."""
    if now is None or before is None:
        return ""
    later, earlier = float(now), float(before)
    if name.endswith("_percent"):
        return language.gettext("%(change)s points", change=_signed(later - earlier, 1, language))
    return "" if earlier <= 0 else f"{_signed(100 * (later - earlier) / earlier, 0, language)}\u00a0%"


def _signed(value: float, decimals: int, language: Language) -> str:
    rounded = round(value, decimals)
    sign = "+" if rounded > 0 else "\u2212" if rounded < 0 else "±"
    return sign + language.number(abs(rounded), decimals)


def _table(answer: Answer, reader: Reader) -> Table:
    rows = list(answer.rows[:_MOST_ROWS])
    columns, _ = columns_of(Rows(answer.columns, rows, is_cut=False), None)
    for column, name in zip(columns, answer.columns, strict=True):
        if name:
            column.heading = heading(name, reader.language)
    left = len(answer.rows) - len(rows)
    more = reader.language.ngettext("%(num)s more row", "%(num)s more rows", left) if left else ""
    return Table(columns, cells(rows, columns, reader.language, reader.zone), more)
