"""Line charts."""

from __future__ import annotations

import statistics
from collections.abc import Iterable
from itertools import pairwise
from typing import Any

from guestsql.charts.axes import Axis, number_axis, place_axis, scaled, value_axis
from guestsql.charts.data import Data, Series, series_of
from guestsql.charts.drawing import Drawing, colour, is_narrow, nothing, plot_height
from guestsql.charts.mark import ChartMark

__all__ = ["draw_lines", "measure"]

_DASHES = ([1, 0], [6, 3], [2, 2], [8, 3, 2, 3], [12, 4], [4, 1])
_SHAPES = ("circle", "square", "triangle-up", "diamond", "cross", "triangle-down")
_WIDTH_OF_A_POINT = 14
# What is farther from its neighbour than this many usual steps has a row missing between them.
_GAP = 1.6
_REGULAR = 0.8

_Point = tuple[float, float | None]


def draw_lines(mark: ChartMark, data: Data) -> Drawing:
    """Draw a line for each series; a row without a number, or a row that is missing, is a gap.

    Args:
        mark: the chart.
        data: the rows.
    """
    axis = place_axis(mark.x or "", data)
    series = series_of(mark, data)
    lines = [_line(each, axis) for each in series]
    values = [value for line in lines for _, value in line]
    if all(value is None for value in values):
        return nothing(data.words.say("unknown"), data)
    scale = scaled(mark.y, values, data.words)
    values = [None if value is None else value / scale.divisor for value in values]
    encoding = _encoding(series, axis, values, data)
    paths = [_datum(s, at, y, scale.divisor) for s, line in enumerate(lines) for at, y in _with_gaps(line, axis)]
    points = [
        _datum(s, at, y, scale.divisor) for s, line in enumerate(lines) for at, y in _points(line, lines, axis, data)
    ]
    return Drawing(
        [
            {"data": {"values": paths}, "mark": {"type": "line", "strokeWidth": 2}, "encoding": encoding},
            {
                "data": {"values": points},
                "mark": {"type": "point", "filled": True, "size": 36, "opacity": 1},
                "encoding": encoding,
            },
        ],
        plot_height(data),
        measure(mark, scale.unit, data),
    )


def measure(mark: ChartMark, unit: str, data: Data) -> str:
    """Return what a chart's numbers are: their column and unit, by the column of the horizontal axis."""
    what = f"{data.name(mark.y[0])}{f' ({unit})' if unit else ''}" if len(mark.y) == 1 else unit
    by = data.name(mark.x) if mark.x else ""
    return data.words.say("by", what=what, by=by) if what and by else what


def _line(series: Series, axis: Axis) -> list[_Point]:
    placed = ((axis.places[row], value) for row, value in series.points)
    return sorted(((at, value) for at, value in placed if at is not None), key=lambda point: point[0])


def _with_gaps(line: list[_Point], axis: Axis) -> Iterable[_Point]:
    steps = [b - a for (a, _), (b, _) in pairwise(line)]
    usual = statistics.median(steps) if steps else 0.0
    longest = usual * _GAP
    is_regular = sum(step <= longest for step in steps) >= len(steps) * _REGULAR
    for number, point in enumerate(line):
        if number and is_regular and 0 < longest < steps[number - 1]:
            yield point[0] - axis.step / 2, None
        yield point


def _points(line: list[_Point], lines: list[list[_Point]], axis: Axis, data: Data) -> list[_Point]:
    drawn = list(_with_gaps(line, axis))
    room = data.width / _WIDTH_OF_A_POINT
    if max(map(len, lines)) <= room:
        return [point for point in drawn if point[1] is not None]
    around = [(0.0, None), *drawn, (0.0, None)]
    return [
        point
        for before, point, after in zip(around, around[1:], around[2:], strict=False)
        if point[1] is not None and before[1] is None and after[1] is None
    ]


def _encoding(series: list[Series], axis: Axis, values: list[float | None], data: Data) -> dict[str, Any]:
    encoding: dict[str, Any] = {
        "x": {"field": "x", **number_axis(axis)},
        "y": {"field": "y", **value_axis(values, data.words, is_line=True, ticks=4 if is_narrow(data) else 5)},
        "color": colour(series, data),
    }
    if len(series) > 1:
        domain = {"domain": list(range(len(series)))}
        legend = {**encoding["color"]["legend"]}
        encoding["shape"] = {"field": "s", "type": "nominal", "scale": domain | {"range": _SHAPES}, "legend": legend}
        encoding["strokeDash"] = {
            "field": "s",
            "type": "nominal",
            "scale": domain | {"range": _DASHES},
            "legend": legend,
        }
    return encoding


def _datum(series: int, at: float, value: float | None, divisor: float) -> dict[str, float | None]:
    return {"s": series, "x": at, "y": None if value is None else value / divisor}
