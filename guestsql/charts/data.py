"""The rows of a query as a chart needs them: numbers, labels, times by the hotel's clock, and series."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, tzinfo
from typing import NamedTuple

from guestsql.charts.mark import ChartFault, ChartMark
from guestsql.charts.words import Words, clean, finite

__all__ = ["BEFORE", "Data", "Series", "is_earlier", "is_number", "series_of"]

_WEEKDAYS = frozenset({"weekday", "isodow", "dow", "day_of_week"})
_DAYS_OF_WEEK = 7
_LONGEST_LABEL = 60
_MOST_SERIES = 6
_EMPTY = "''"
BEFORE = "_before"
"""The end of the name of a column whose numbers are of an earlier time."""
_DAY = re.compile(r"\d{4}-\d\d-\d\d")


@dataclass(frozen=True)
class Data:
    """Columns and rows, and how they are shown.

    Attributes:
        columns: the names of the columns.
        rows: values by place of the column.
        names: what a column is called, where it is not its name with blanks.
        words: the language.
        zone: the hotel's.
        width: of the picture, in CSS pixels.
        notes: what is not shown, as the chart is drawn.
    """

    columns: Sequence[str]
    rows: Sequence[Sequence[object]]
    names: Mapping[str, str]
    words: Words
    zone: tzinfo
    width: int
    notes: list[str] = field(default_factory=list[str])
    _values: dict[str, list[object]] = field(default_factory=dict[str, "list[object]"], init=False, repr=False)
    _weekdays: dict[str, bool] = field(default_factory=dict[str, bool], init=False, repr=False)

    def without_notes(self) -> Data:
        """Return the same rows, for a text beside the picture."""
        copy = replace(self, notes=[])
        copy._values.update(self._values)  # noqa: SLF001  of its own class
        return copy

    def name(self, column: str) -> str:
        """Return what a column is called in the picture."""
        return clean(self.names.get(column, column.replace("_", " ")), _LONGEST_LABEL)

    def values(self, column: str) -> list[object]:
        """Return a column's values; times of a zone by the hotel's clock.

        Raises:
            ChartFault: no such column.
        """
        if column not in self._values:
            if column not in self.columns:
                raise ChartFault(f"the query returned no column {column}", f"write one of: {', '.join(self.columns)}")
            at = self.columns.index(column)
            self._values[column] = [self._local(row[at]) for row in self.rows]
        return self._values[column]

    def numbers(self, column: str) -> list[float | None]:
        """Return a column's numbers; None for NULL and for what is not finite.

        Raises:
            ChartFault: no such column, or a value that is not a number.
        """
        try:
            return [_number(value) for value in self.values(column)]
        except TypeError:
            raise ChartFault(
                f"the chart needs numbers, and {column} holds others", f"use a column of numbers instead of {column}"
            ) from None

    def labels(self, column: str) -> list[str]:
        """Return a column's values as texts of the picture."""
        return [self.label(column, row) for row in range(len(self.rows))]

    def label(self, column: str, row: int) -> str:
        """Return one value as a text of the picture.

        Args:
            column: its column.
            row: its row, from 0.
        """
        value = self.values(column)[row]
        return self._weekday(value) if self.is_weekday(column) else self.text(value)

    def is_weekday(self, column: str) -> bool:
        """Return whether a column has numbers of weekdays: 1 to 7 from Monday, or 0 to 6 from Sunday."""
        if column not in self._weekdays:
            self._weekdays[column] = column.lower() in _WEEKDAYS and all(
                value is None or (is_number(value) and finite(value) in range(_DAYS_OF_WEEK + 1))
                for value in self.values(column)
            )
        return self._weekdays[column]

    def text(self, value: object) -> str:
        """Return one value as a text of the picture."""
        if value is None:
            return self.words.say("none")
        if isinstance(value, bool):
            return self.words.say("true" if value else "false")
        if is_number(value):
            return self.words.number(finite(value))
        if isinstance(value, date):
            return self.words.moment(value)
        return clean(f"{value:%H:%M}" if isinstance(value, time) else str(value), _LONGEST_LABEL) or _EMPTY

    def _weekday(self, value: object) -> str:
        number = finite(value)
        return self.words.say("none") if number is None else self.words.days[int(number) % _DAYS_OF_WEEK - 1]

    def _local(self, value: object) -> object:
        if isinstance(value, str) and _DAY.fullmatch(value):
            return _day(value)  # adhoc.session leaves dates as the server writes them
        if not isinstance(value, datetime) or value.tzinfo is None:
            return value
        try:
            return value.astimezone(self.zone)
        except OverflowError:  # a time at either end of the calendar
            return value.astimezone(UTC)


class Series(NamedTuple):
    """Numbers that are drawn alike.

    Attributes:
        name: as in the legend.
        points: row and number.
        is_earlier: True for X_before beside X: the numbers of an earlier time.
    """

    name: str
    points: list[tuple[int, float | None]]
    is_earlier: bool = False

    @property
    def total(self) -> float:
        """The sum of the numbers."""
        return sum(number for _, number in self.points if number is not None)


def series_of(mark: ChartMark, data: Data, *, is_additive: bool = False) -> list[Series]:
    """Return the series of a chart, at most six.

    Args:
        mark: of a line, bar or stacked chart.
        data: the rows.
        is_additive: True to draw what is beyond the largest as one series.
    """
    if mark.series is None:
        found = [
            Series(data.name(column), list(enumerate(data.numbers(column))), is_earlier=is_earlier(column, mark.y))
            for column in mark.y
        ]
    else:
        found = _split(mark.series, mark.y[0], data)
    if len(found) <= _MOST_SERIES:
        return found
    kept = _MOST_SERIES - is_additive
    largest = sorted(found, key=lambda each: -each.total)[:kept]
    shown = [each for each in found if each in largest]
    if not is_additive:
        data.notes.append(data.words.say("series", shown=kept, all=len(found)))
        return shown
    data.notes.append(data.words.say("others", shown=kept, all=len(found)))
    others = [point for each in found if each not in largest for point in each.points]
    return [*shown, Series(data.words.say("other"), others)]


def is_earlier(column: str, columns: Sequence[str]) -> bool:
    """Return whether a column is X_before of a column X."""
    return column.endswith(BEFORE) and column.removesuffix(BEFORE) in columns


def is_number(value: object) -> bool:
    """Return whether a value is a number, which a bool is not."""
    return hasattr(value, "__float__") and not isinstance(value, bool)


def _day(text: str) -> object:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return text


def _split(column: str, numbers: str, data: Data) -> list[Series]:
    values = data.values(column)
    known = dict(zip(data.labels(column), values, strict=True))
    by_label: dict[str, list[tuple[int, float | None]]] = {label: [] for label in _ordered(known)}
    for row, (label, number) in enumerate(zip(data.labels(column), data.numbers(numbers), strict=True)):
        by_label[label].append((row, number))
    return [Series(label, points) for label, points in by_label.items()]


def _ordered(known: dict[str, object]) -> list[str]:
    # Numbers in their order; anything else as the query sorts it.
    if all(is_number(value) for value in known.values()):
        return sorted(known, key=lambda label: finite(known[label]) or 0)
    return list(known)


def _number(value: object) -> float | None:
    if value is None or is_number(value):
        return finite(value)
    raise TypeError
