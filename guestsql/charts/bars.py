"""Bars beside each other and on top of each other."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from guestsql.charts.axes import Axis, categories, is_continuous, number_axis, place_axis
from guestsql.charts.data import Data, Series, series_of
from guestsql.charts.drawing import Drawing, colour, colours_of, is_narrow, label_size, nothing, plot_height, room_for
from guestsql.charts.lines import measure
from guestsql.charts.mark import ChartMark
from guestsql.charts.palette import AXIS, TEXT
from guestsql.charts.scale import scale_of, value_axis

__all__ = ["draw_bars"]

_MOST_CATEGORIES = 20
_MOST_NUMBERS = 60
_FILLED = 0.8


class _Bar(NamedTuple):
    """One rectangle: its series, its extent along the axis of the places, and its extent in numbers."""

    series: int
    begin: float
    end: float
    low: float
    high: float


def draw_bars(mark: ChartMark, data: Data) -> Drawing:
    """Draw bars beside each other, or on top of each other where the mark is stacked.

    Args:
        mark: the chart.
        data: the rows.
    """
    is_horizontal = not is_continuous(data.values(mark.x or ""))
    if is_horizontal:
        data = _first_categories(mark, data)
    axis = _axis(mark, data, is_horizontal=is_horizontal)
    series = series_of(mark, data, is_additive=mark.kind == "stacked")
    bars = list(_stacked(series, axis) if mark.kind == "stacked" else _grouped(series, axis))
    if not bars:
        return nothing(data.words.say("unknown"), data)
    numbers = [number for bar in bars for number in (bar.low, bar.high)]
    scale = scale_of(mark.y, numbers, data.words)
    bars = [bar._replace(low=bar.low / scale.divisor, high=bar.high / scale.divisor) for bar in bars]
    ticks = (3 if is_narrow(data) else 4) if is_horizontal else 5
    values = value_axis([number / scale.divisor for number in numbers], data.words, scale, ticks=ticks)
    unit = measure(mark, scale, data)
    if is_horizontal:
        return Drawing(*_horizontal(bars, axis, values, series, data), unit)
    places = number_axis(axis)
    layers = [_rectangles(bars, places, values, _colour(series, data)), *_zero(bars, "y")]
    return Drawing(layers, plot_height(data), unit)


def _first_categories(mark: ChartMark, data: Data) -> Data:
    labels = data.labels(mark.x or "")
    known = list(dict.fromkeys(labels)) if _is_distinct(mark) else list(range(len(labels)))
    if len(known) <= _MOST_CATEGORIES:
        return data
    kept = set(known[:_MOST_CATEGORIES])
    rows = [row for at, row in enumerate(data.rows) if (labels[at] if _is_distinct(mark) else at) in kept]
    data.notes.append(data.words.say("categories", shown=_MOST_CATEGORIES, all=len(known)))
    return Data(data.columns, rows, data.names, data.words, data.zone, data.width, data.notes)


def _is_distinct(mark: ChartMark) -> bool:
    # Without series, each row is a bar of its own, even where two have the same label.
    return mark.series is not None or mark.kind == "stacked"


def _axis(mark: ChartMark, data: Data, *, is_horizontal: bool) -> Axis:
    column = mark.x or ""
    values = data.values(column)
    is_number = not is_horizontal and not any(hasattr(value, "year") for value in values)
    if is_number and len(set(values)) <= _MOST_NUMBERS:
        return categories(column, data)
    if is_horizontal:
        return categories(column, data, is_distinct=_is_distinct(mark), is_across=False)
    return place_axis(column, data)


def _grouped(series: Sequence[Series], axis: Axis) -> Iterator[_Bar]:
    thick = axis.step * _FILLED / len(series)
    for number, each in enumerate(series):
        for row, value in each.points:
            place = axis.places[row]
            if place is not None and value is not None:
                begin = place - axis.step * _FILLED / 2 + number * thick
                yield _Bar(number, begin, begin + thick, min(0.0, value), max(0.0, value))


def _stacked(series: Sequence[Series], axis: Axis) -> Iterator[_Bar]:
    above: dict[float, float] = {}
    below: dict[float, float] = {}
    half = axis.step * _FILLED / 2
    for number, each in enumerate(series):
        for (place, _), value in _summed(each, axis).items():
            heights = above if value >= 0 else below
            base = heights.get(place, 0.0)
            heights[place] = top = base + value
            if math.isfinite(top):
                yield _Bar(number, place - half, place + half, min(base, top), max(base, top))


def _summed(series: Series, axis: Axis) -> dict[tuple[float, bool], float]:
    # One bar for all rows of a series at a place, and one below zero.
    sums: dict[tuple[float, bool], float] = {}
    for row, value in series.points:
        place = axis.places[row]
        if place is not None and value is not None:
            key = (place, value < 0)
            sums[key] = sums.get(key, 0.0) + value
    return sums


def _colour(series: Sequence[Series], data: Data) -> dict[str, Any]:
    return colour([each.name for each in series], colours_of(series), data)


def _rectangles(
    bars: Sequence[_Bar], places: dict[str, Any], values: dict[str, Any], color: dict[str, Any], *, along: str = "x"
) -> dict[str, Any]:
    across = "y" if along == "x" else "x"
    return {
        "data": {"values": [{"s": b.series, "a": b.begin, "b": b.end, "low": b.low, "high": b.high} for b in bars]},
        "mark": {"type": "rect"},
        "encoding": {
            along: {"field": "a", **places},
            f"{along}2": {"field": "b"},
            across: {"field": "high", **values},
            f"{across}2": {"field": "low"},
            "color": color,
        },
    }


def _zero(bars: Sequence[_Bar], axis: str) -> list[dict[str, Any]]:
    # A line at zero, where bars go both ways.
    if all(bar.low >= 0 for bar in bars):
        return []
    return [
        {
            "data": {"values": [{"zero": 0}]},
            "mark": {"type": "rule", "color": AXIS},
            "encoding": {axis: {"field": "zero", "type": "quantitative"}},
        }
    ]


def _horizontal(
    bars: Sequence[_Bar], axis: Axis, values: dict[str, Any], series: Sequence[Series], data: Data
) -> tuple[list[dict[str, Any]], int]:
    count = int(axis.domain[1])
    beside = round(_FILLED / (bars[0].end - bars[0].begin))
    places = number_axis(axis)
    places["scale"]["reverse"] = True
    texts: list[dict[str, Any]] = []
    if is_narrow(data):
        # On a phone the label is above its bars: beside them it would take half of the width.
        size = 14 * beside + 24
        label = 20 / size
        bars = [bar._replace(begin=_lowered(bar.begin, label), end=_lowered(bar.end, label)) for bar in bars]
        places["axis"] = None
        texts = [_labels_above(axis, label, data)]
    else:
        size = max(24, 14 * beside + 8)
        places["axis"] |= room_for(axis, data)
    bars_layer = _rectangles(bars, places, values, _colour(series, data), along="y")
    return [bars_layer, *_zero(bars, "x"), *texts], count * size


def _lowered(at: float, label: float) -> float:
    whole = math.floor(at)
    return whole + label + (at - whole - (1 - _FILLED) / 2) * (0.96 - label) / _FILLED


def _labels_above(axis: Axis, label: float, data: Data) -> dict[str, Any]:
    texts = [{"at": at - 0.5 + label * 0.95, "text": lines[0]} for at, lines in axis.ticks.items()]
    look = {"align": "left", "baseline": "bottom", "fontSize": label_size(data), "limit": data.width - 30}
    return {
        "data": {"values": texts},
        "mark": {"type": "text", "color": TEXT, **look},
        "encoding": {"x": {"value": 0}, "y": {"field": "at", "type": "quantitative"}, "text": {"field": "text"}},
    }
