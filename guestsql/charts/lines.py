"""Line charts."""

from __future__ import annotations

import statistics
from collections.abc import Iterable
from datetime import date
from itertools import pairwise
from typing import Any

from guestsql.charts.axes import Axis, number_axis, place_axis
from guestsql.charts.data import Data, Series, series_of
from guestsql.charts.drawing import Drawing, colour, colours_of, is_narrow, nothing, plot_height
from guestsql.charts.mark import ChartMark
from guestsql.charts.scale import Scale, scale_of, value_axis

__all__ = ["draw_lines", "measure"]

_DASHES = ([1, 0], [6, 3], [2, 2], [8, 3, 2, 3], [12, 4], [4, 1])
_SHAPES = ("circle", "square", "triangle-up", "diamond", "cross", "triangle-down")
_WIDTH_OF_A_POINT = 14
# A step longer than this multiple of the median has a row missing in it.
_GAP = 1.6
_REGULAR = 0.8
_ALIKE = 0.15

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
    scale = scale_of(mark.y, values, data.words)
    values = [None if value is None else value / scale.divisor for value in values]
    is_dense = max(map(len, lines)) > data.width / _WIDTH_OF_A_POINT
    encoding = _encoding(
        series, axis, value_axis(values, data.words, scale, is_line=True, ticks=4 if is_narrow(data) else 5), data
    )
    color, dashes, shapes = _looks(series, encoding["color"], is_dense=is_dense)
    encoding |= color
    drawn = [list(_with_gaps(line, axis)) for line in lines]
    paths = [_datum(s, at, y, scale.divisor) for s, line in enumerate(drawn) for at, y in line]
    points = [
        _datum(s, at, y, scale.divisor)
        for s, line in enumerate(drawn)
        for at, y in (_isolated(line) if is_dense else line)
    ]
    return Drawing(
        [
            {"data": {"values": paths}, "mark": {"type": "line", "strokeWidth": 2}, "encoding": encoding | dashes},
            {
                "data": {"values": points},
                "mark": {"type": "point", "filled": True, "size": 9 if is_dense else 36, "opacity": 1},
                "encoding": encoding | shapes,
            },
        ],
        plot_height(data),
        measure(mark, scale, data),
    )


def measure(mark: ChartMark, scale: Scale, data: Data) -> str:
    """Return what a chart's numbers are: their column and unit, by the column of the axis unless it is one of times."""
    name = data.name(mark.y[0]) if len(mark.y) == 1 else ""
    what = f"{name} ({scale.factor})" if name and scale.factor else name or scale.factor
    is_time = mark.x is not None and any(isinstance(value, date) for value in data.values(mark.x))
    by = data.name(mark.x) if mark.x and not is_time else ""
    return data.words.say("by", what=what, by=by) if what and by else what


def _line(series: Series, axis: Axis) -> list[_Point]:
    placed = ((axis.places[row], value) for row, value in series.points)
    return sorted(((at, value) for at, value in placed if at is not None), key=lambda point: point[0])


def _with_gaps(line: list[_Point], axis: Axis) -> Iterable[_Point]:
    steps = [b - a for (a, _), (b, _) in pairwise(line)]
    median = statistics.median(steps) if steps else 0.0
    longest = median * _GAP
    alike = sum(abs(step - median) <= median * _ALIKE for step in steps)
    is_regular = alike >= len(steps) * _REGULAR
    for number, point in enumerate(line):
        if number and is_regular and 0 < longest < steps[number - 1]:
            yield point[0] - axis.step / 2, None
        yield point


def _isolated(line: list[_Point]) -> list[_Point]:
    around = [(0.0, None), *line, (0.0, None)]
    return [
        point
        for before, point, after in zip(around, around[1:], around[2:], strict=False)
        if before[1] is None and after[1] is None
    ]


def _encoding(series: list[Series], axis: Axis, values: dict[str, Any], data: Data) -> dict[str, Any]:
    return {
        "x": {"field": "x", **number_axis(axis)},
        "y": {"field": "y", **values},
        "color": colour([each.name for each in series], colours_of(series), data),
    }


def _looks(series: list[Series], color: dict[str, Any], *, is_dense: bool) -> tuple[dict[str, Any], ...]:
    # Beside its colour, a line has a dash and its points a shape; the legend shows what the reader can see.
    if len(series) == 1:
        return {}, {}, {}
    domain = {"domain": list(range(len(series)))}
    dashes = {"field": "s", "type": "nominal", "scale": domain | {"range": _DASHES}}
    shapes = {"field": "s", "type": "nominal", "scale": domain | {"range": _SHAPES}}
    legend = color["legend"]
    if is_dense:
        legend |= {"symbolType": "stroke", "symbolSize": 400, "symbolStrokeWidth": 2}
        dashed = {"strokeDash": dashes | {"legend": legend}}
        return {"color": color | {"legend": legend}}, dashed, dashed
    legend |= {"symbolStrokeWidth": 0}
    return (
        {"color": color | {"legend": legend}},
        {"strokeDash": dashes | {"legend": None}},
        {"shape": shapes | {"legend": legend}},
    )


def _datum(series: int, at: float, value: float | None, divisor: float) -> dict[str, float | None]:
    return {"s": series, "x": at, "y": None if value is None else value / divisor}
