"""The axes of a chart: where each row is drawn, and what is written there."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import UTC, date, datetime
from itertools import pairwise
from typing import Any, NamedTuple

from guestsql.charts.data import Data, is_number
from guestsql.charts.expressions import label_expression, plain
from guestsql.charts.mark import ChartFault
from guestsql.charts.time_ticks import milliseconds, time_ticks
from guestsql.charts.words import Words, clean, finite

__all__ = ["Axis", "Scaled", "categories", "is_continuous", "number_axis", "place_axis", "scaled", "value_axis"]

_LONGEST_LABEL = 32
_MOST_NUMBERS = 60
_TICK_WIDTH = 72
_DIGIT_WIDTH = 9
_LEAST_ROOM = 36
_BYTES = ((1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB"))
_GREAT = ((1e12, "trillions"), (1e9, "billions"), (1e6, "millions"))
_GREATEST, _LEAST = 1e16, 1e-3
_DEEPEST = -300
_ALIKE = 0.8
_EPSILON = 1e-9
_NARROW = 480
_NICE = (1.0, 2.0, 2.5, 5.0, 10.0)
_MILLISECONDS = 60_000.0


class Axis(NamedTuple):
    """Where rows are drawn along one axis.

    Attributes:
        places: of each row; None for a row that is not drawn.
        step: between two neighbours.
        domain: where the axis begins and ends; half a step beyond the first and the last place.
        ticks: the lines of each label by its place.
    """

    places: list[float | None]
    step: float
    domain: tuple[float, float]
    ticks: dict[float, list[str]]


class Scaled(NamedTuple):
    """Numbers in a unit that makes them short.

    Attributes:
        divisor: what each is divided by.
        unit: what it is called; "" for 1.
    """

    divisor: float
    unit: str


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
    values = data.values(column)
    if missing := values.count(None):
        data.notes.append(data.words.say("without", count=missing, column=data.name(column)))
    if all(value is None for value in values):
        return Axis([None] * len(values), 1.0, (0.0, 1.0), {})
    if not is_continuous(values):
        raise ChartFault(f"{column} is neither a time nor a number", "write bar instead of line")
    times = [value for value in values if isinstance(value, date)]
    return _time_axis(values, data) if times else _number_place_axis(values, data)


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
    filled = {place + 0.5: [text.get(place + 0.5) or data.words.number(finite(key))] for place, key in enumerate(order)}
    ticks = _thinned(filled, data, is_text=not is_continuous(values)) if is_across else filled
    return Axis(places, 1.0, (0.0, float(max(1, len(order)))), ticks)


def number_axis(axis: Axis) -> dict[str, Any]:
    """Return the axis of Vega-Lite for places.

    Args:
        axis: the places.
    """
    shape: dict[str, Any] = {"grid": False, "title": None, "labelOverlap": "parity", "labelFlush": False}
    shape |= _ticks(axis.ticks)
    return {"type": "quantitative", "axis": shape, "scale": {"domain": list(axis.domain), "nice": False, "zero": False}}


def scaled(columns: Sequence[str], values: Sequence[float | None], words: Words) -> Scaled:
    """Return the unit that makes numbers short.

    Args:
        columns: whose numbers they are.
        values: the numbers.
        words: the language.
    """
    greatest = max((abs(value) for value in values if value is not None), default=0.0)
    if columns and all(column.endswith("bytes") for column in columns) and greatest < _GREATEST:
        return next((Scaled(size, unit) for size, unit in _BYTES if greatest >= size), Scaled(1.0, ""))
    if greatest and not _LEAST <= greatest < _GREATEST:
        power = max(_DEEPEST, math.floor(math.log10(greatest)))
        return Scaled(10.0**power, f"\u00d710{str(power).translate(str.maketrans('-0123456789', '⁻⁰¹²³⁴⁵⁶⁷⁸⁹'))}")
    return next((Scaled(size, words.say(unit)) for size, unit in _GREAT if greatest >= size), Scaled(1.0, ""))


def value_axis(
    values: Sequence[float | None], words: Words, *, is_line: bool = False, ticks: int = 5
) -> dict[str, Any]:
    """Return the axis of Vega-Lite for the numbers of a chart.

    Args:
        values: as drawn.
        words: the language.
        is_line: True to begin near the least number where all are alike.
        ticks: how many marks, about.
    """
    present = [value for value in values if value is not None]
    least, greatest = min(present, default=0.0), max(present, default=0.0)
    if not (is_line and least > greatest * _ALIKE and least < greatest):
        least, greatest = min(0.0, least), max(0.0, greatest)
    labels = _round_ticks(
        least, greatest or (least == 0) * 1.0, ticks, words, is_whole=all(map(float.is_integer, present))
    )
    first, *_, last = labels
    return {
        "type": "quantitative",
        "axis": {"title": None, "labelOverlap": False, **_ticks(labels)},
        "scale": {"domain": [first, last], "nice": False, "zero": False},
    }


def _round_ticks(
    least: float, greatest: float, at_most: int, words: Words, *, is_whole: bool
) -> dict[float, list[str]]:
    # Round numbers, of which the first is not above the least and the last not below the greatest.
    rough = (greatest - least) / at_most
    power = 10.0 ** math.floor(math.log10(max(rough, 1.0) if is_whole else rough))
    steps = (size * power for size in (*_NICE, 10 * _NICE[-1]))
    step = next(size for size in steps if size >= rough * (1 - _EPSILON) and not (is_whole and size % 1))
    digits = max(0, 1 - math.floor(math.log10(step)))
    first, last = math.floor(least / step + _EPSILON), math.ceil(greatest / step - _EPSILON)
    places = [round(number * step, digits + 2) for number in range(first, max(last, first + 1) + 1)]
    return {place: [words.number(place, digits)] for place in places}


def _ticks(labels: dict[float, list[str]]) -> dict[str, Any]:
    # Without a count Vega leaves out some of the values.
    return {"values": [plain(at) for at in labels], "tickCount": len(labels), "labelExpr": label_expression(labels)}


def _time_axis(values: Sequence[object], data: Data) -> Axis:
    times = [value if isinstance(value, date) else None for value in values]
    places = [None if value is None else float(milliseconds(value)) for value in times]
    present = sorted({place for place in places if place is not None})
    step = min((b - a for a, b in pairwise(present)), default=_MILLISECONDS)
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
    step = min((b - a for a, b in pairwise(present)), default=1.0)
    first, last = present[0] - step / 2, present[-1] + step / 2
    is_whole = all(place.is_integer() for place in present)
    ticks = _round_ticks(first, last, 4 if data.width < _NARROW else 9, data.words, is_whole=is_whole)
    return Axis(places, step, (first, last), {at: text for at, text in ticks.items() if first <= at <= last})


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


def _thinned(ticks: dict[float, list[str]], data: Data, *, is_text: bool) -> dict[float, list[str]]:
    # Texts are cut where they have no room, if something of each remains; else every second, third … label is left out.
    longest = max((len(label[0]) for label in ticks.values()), default=0)
    room = (data.width - 80) / max(1, len(ticks))
    if is_text and room > _LEAST_ROOM:
        return {at: [clean(label[0], int(room / _DIGIT_WIDTH))] for at, label in ticks.items()}
    needed = (longest * _DIGIT_WIDTH + 6) / room
    every = next((count for count in (1, 2, 3, 4, 6, 12, 24) if count >= needed), math.ceil(needed))
    return {at: label for number, (at, label) in enumerate(ticks.items()) if number % every == 0}
