"""The axes of a chart: where each row is drawn, and what is written there."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from datetime import UTC, date, datetime
from itertools import pairwise
from typing import Any, NamedTuple

from guestsql.charts.data import Data, is_number
from guestsql.charts.mark import ChartFault
from guestsql.charts.scale import round_ticks, ticks_of
from guestsql.charts.time_ticks import milliseconds, time_ticks
from guestsql.charts.words import clean, finite

__all__ = ["Axis", "categories", "is_continuous", "number_axis", "place_axis"]

_LONGEST_LABEL = 32
_MOST_NUMBERS = 60
_TICK_WIDTH = 72
_DIGIT_WIDTH = 9
_LEAST_ROOM = 16
_MOST_WIDENED = 100
_THINNEST = 200
_LONGEST_STEEP = 16
_NARROW = 480
_MILLISECONDS = 60_000.0
# Infinity, years BC, and those above 9999.
_BEYOND_CALENDAR = re.compile(r"-?infinity|\d{4,}-\d\d-\d\d(?: [\d:.+-]+)?(?: BC)?")


class Axis(NamedTuple):
    """Where rows are drawn along one axis.

    Attributes:
        places: of each row; None for a row that is not drawn.
        step: between two neighbours.
        domain: where the axis begins and ends; half a step beyond the first and the last place.
        ticks: the lines of each label by its place.
        is_steep: True where the labels have room only at an angle.
    """

    places: list[float | None]
    step: float
    domain: tuple[float, float]
    ticks: dict[float, list[str]]
    is_steep: bool = False


def is_continuous(values: Sequence[object]) -> bool:
    """Return whether values are times or numbers, which have distances."""
    present = [value for value in values if value is not None]
    return bool(present) and (all(isinstance(v, date) for v in present) or all(is_number(v) for v in present))


def place_axis(column: str, data: Data) -> Axis:
    """Return the axis of a column of times or numbers; rows without one are left out, which is noted.

    Args:
        column: the chart's x.
        data: the rows.

    Raises:
        ChartFault: the column holds other values.
    """
    values = [None if _is_beyond_calendar(value) else value for value in data.values(column)]
    if missing := values.count(None):
        data.notes.append(data.words.say("without", count=missing, column=data.name(column)))
    if all(value is None for value in values):
        return Axis([None] * len(values), 1.0, (0.0, 1.0), {})
    if not is_continuous(values):
        raise ChartFault(f"{column} is neither a time nor a number", "write bar instead of line")
    times = [value for value in values if isinstance(value, date)]
    return _time_axis(values, data) if times else _number_place_axis(values, data)


def _is_beyond_calendar(value: object) -> bool:
    """Whether a value is a time that Python lacks, which a session leaves as the server writes it."""
    return isinstance(value, str) and _BEYOND_CALENDAR.fullmatch(value) is not None


def categories(column: str, data: Data, *, is_distinct: bool = True, is_across: bool = True) -> Axis:
    """Return the axis of a column with a place for each of its values.

    Args:
        column: the column.
        data: the rows.
        is_distinct: False for a place for each row, whatever its value.
        is_across: True for a horizontal axis, on which not all labels may have room.
    """
    labels = [clean(label, _LONGEST_LABEL) for label in data.labels(column)]
    values = data.values(column)
    if not is_distinct:
        order: list[object] = list(range(len(labels)))
        places: list[float | None] = [row + 0.5 for row in range(len(labels))]
    else:
        order = _category_order(column, values, data)
        at = {key: place + 0.5 for place, key in enumerate(order)}
        places = [at[_key(value)] for value in values]
    text = dict(zip(places, labels, strict=True))
    filled = {
        place: [text[place] if place in text else data.words.number(finite(key))]
        for place, key in ((at + 0.5, key) for at, key in enumerate(order))
    }
    axis = Axis(places, 1.0, (0.0, float(max(1, len(order)))), filled)
    return _readable(axis, data, is_text=not is_continuous(values)) if is_across else axis


def number_axis(axis: Axis) -> dict[str, Any]:
    """Return the axis of Vega-Lite for places.

    Args:
        axis: the places.
    """
    shape: dict[str, Any] = {"grid": False, "title": None, "labelOverlap": "parity", "labelFlush": False}
    shape |= ticks_of(axis.ticks)
    if axis.is_steep:
        shape |= {"labelAngle": -45, "labelOverlap": False}
    return {"type": "quantitative", "axis": shape, "scale": {"domain": list(axis.domain), "nice": False, "zero": False}}


def _time_axis(values: Sequence[object], data: Data) -> Axis:
    times = [value if isinstance(value, date) else None for value in values]
    places = [None if value is None else float(milliseconds(value)) for value in times]
    present = sorted({place for place in places if place is not None})
    step = _step(present, _MILLISECONDS)
    known = [value for value in times if value is not None]
    first, last = min(known, key=milliseconds), max(known, key=milliseconds)
    is_zoned = isinstance(first, datetime) and first.tzinfo is not None
    at_most = max(2, (data.width - 60) // _TICK_WIDTH)
    ticks = time_ticks(first, last, at_most, data.words, data.zone if is_zoned else UTC)
    if len(present) <= at_most and not any(isinstance(value, datetime) for value in known):
        ticks = {float(milliseconds(v)): [data.words.day_of_month(v), str(v.year)] for v in sorted(set(known))}
    ticks = ticks or {float(milliseconds(first)): [data.words.moment(first)]}
    return Axis(places, step, (present[0] - step / 2, present[-1] + step / 2), ticks)


def _number_place_axis(values: Sequence[object], data: Data) -> Axis:
    places = [finite(value) for value in values]
    present = sorted({place for place in places if place is not None})
    if not present:
        return Axis(places, 1.0, (0.0, 1.0), {})
    step = _step(present, 1.0)
    first, last = present[0] - step / 2, present[-1] + step / 2
    is_whole = all(place.is_integer() for place in present)
    ticks = round_ticks(first, last, 4 if data.width < _NARROW else 9, data.words, is_whole=is_whole)
    return Axis(places, step, (first, last), {at: text for at, text in ticks.items() if first <= at <= last})


def _step(places: Sequence[float], single: float) -> float:
    # As wide as a bar of few can be seen, also where two of them are much nearer than the others.
    if len(places) < 2:  # noqa: PLR2004  no step
        return single
    least = min(b - a for a, b in pairwise(places))
    return least if len(places) > _MOST_WIDENED else max(least, (places[-1] - places[0]) / _THINNEST)


def _category_order(column: str, values: Sequence[object], data: Data) -> list[object]:
    known = list(dict.fromkeys(_key(value) for value in values))
    present = [value for value in known if value is not None]
    if not present or not is_continuous(present):
        return known
    missing: list[object] = [None] * (None in known)
    days = [value for value in present if isinstance(value, date)]
    if days:
        return [*sorted(days, key=milliseconds), *missing]
    numbers = sorted(present, key=lambda value: finite(value) or 0.0)
    return [*(_without_holes(numbers) if not data.is_weekday(column) else numbers), *missing]


def _without_holes(numbers: list[object]) -> list[object]:
    # An hour without a row has a place of its own, if there are not too many of them.
    least, greatest = finite(numbers[0]), finite(numbers[-1])
    if least is None or greatest is None or not all((finite(n) or 0.0).is_integer() for n in numbers):
        return numbers
    whole: list[object] = list(range(int(least), int(greatest) + 1)) if greatest - least < _MOST_NUMBERS else []
    return whole if len(numbers) * 2 > len(whole) > 0 else numbers


def _key(value: object) -> object:
    number = finite(value) if is_number(value) else None
    if number is not None:
        return int(number) if number.is_integer() else number
    return value if isinstance(value, (date, str)) or value is None else str(value)


def _readable(axis: Axis, data: Data, *, is_text: bool) -> Axis:
    # Texts that have no room are written at an angle; of other labels every second, third … is left out.
    if is_text:
        axis = axis._replace(ticks={at: [clean(label[0], _LONGEST_STEEP)] for at, label in axis.ticks.items()})
    longest = max((len(label[0]) for label in axis.ticks.values()), default=0)
    room = (data.width - 80) / max(1, len(axis.ticks))
    needed = (longest * _DIGIT_WIDTH + 6) / room
    if is_text and needed > 1 and room > _LEAST_ROOM:
        return axis._replace(is_steep=True)
    every = next((count for count in (1, 2, 3, 4, 6, 12, 24) if count >= needed), math.ceil(needed))
    return axis._replace(ticks={at: label for n, (at, label) in enumerate(axis.ticks.items()) if n % every == 0})
