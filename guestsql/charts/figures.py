"""Charts of few numbers: funnels, and numbers in large type."""

from __future__ import annotations

from typing import Any

from guestsql.charts.axes import scaled
from guestsql.charts.data import Data, is_number
from guestsql.charts.drawing import LETTER, Drawing, is_narrow, label_size, nothing, wrapped
from guestsql.charts.mark import ChartFault, ChartMark
from guestsql.charts.palette import GRID, MUTED, SERIES, TEXT

__all__ = ["draw_funnel", "draw_numbers", "figures_of", "steps_of"]

_MOST_STEPS = 12
_STEP_HEIGHT = 46
_MOST_FIGURES = 12
_TILE_WIDTH = 150
_TILE_HEIGHT = 66
_LARGE = 30
_UNITS = {"percent": " %", "milliseconds": " ms", "seconds": " s"}


def steps_of(mark: ChartMark, data: Data) -> list[tuple[str, float | None]]:
    """Return the steps of a funnel: name and number, in order.

    Args:
        mark: the chart.
        data: the rows.
    """
    if mark.x is None:
        return [(data.name(column), data.numbers(column)[0]) for column in mark.y]
    return list(zip(data.labels(mark.x), data.numbers(mark.y[0]), strict=True))


def figures_of(mark: ChartMark, data: Data) -> list[tuple[str, str]]:
    """Return the figures of a number chart: name and number as text.

    Args:
        mark: the chart.
        data: the rows; the first counts.

    Raises:
        ChartFault: no column, or one that holds no numbers.
    """
    columns = mark.y or tuple(name for name, value in zip(data.columns, data.rows[0], strict=True) if is_number(value))
    if not columns:
        raise ChartFault("the row has no numbers", "write number y=COLUMN")
    return [(data.name(column), _figure(column, data)) for column in columns]


def draw_funnel(mark: ChartMark, data: Data) -> Drawing:
    """Draw a bar for each step, with its share of the first one above it.

    Args:
        mark: the chart.
        data: the rows.
    """
    steps = steps_of(mark, data)
    if all(value is None for _, value in steps):
        return nothing(data.words.say("unknown"), data)
    if len(steps) > _MOST_STEPS:
        data.notes.append(data.words.say("categories", shown=_MOST_STEPS, all=len(steps)))
        steps = steps[:_MOST_STEPS]
    greatest = max(max(0.0, value or 0.0) for _, value in steps) or 1.0
    bars = [
        {
            "top": row + 0.48,
            "bottom": row + 0.94,
            "end": max(0.0, value or 0.0) / greatest,
            "label": row + 0.42,
            "text": name,
            "figure": figure,
        }
        for row, (name, value) in enumerate(steps)
        for figure in (share(value, steps[0][1], data),)
    ]
    room = {"domain": [0, len(steps)], "reverse": True, "nice": False}
    down: dict[str, Any] = {"type": "quantitative", "axis": None, "scale": room}
    across: dict[str, Any] = {"type": "quantitative", "axis": None, "scale": {"domain": [0, 1], "nice": False}}
    label = {"type": "text", "baseline": "bottom", "fontSize": label_size(data)}
    limit = data.width * 0.55
    return Drawing(
        [
            _bar_layer(bars, across | {"datum": 1}, down, GRID),
            _bar_layer(bars, across | {"field": "end"}, down, SERIES[0]),
            {
                "data": {"values": bars},
                "mark": {**label, "align": "left", "limit": limit, "color": TEXT},
                "encoding": {"x": {"value": 0}, "y": {"field": "label", **down}, "text": {"field": "text"}},
            },
            {
                "data": {"values": bars},
                "mark": {**label, "align": "right", "color": TEXT},
                "encoding": {"x": {"value": "width"}, "y": {"field": "label", **down}, "text": {"field": "figure"}},
            },
        ],
        _STEP_HEIGHT * len(steps),
        data.name(mark.y[0]) if mark.x else "",
    )


def share(value: float | None, first: float | None, data: Data) -> str:
    """Return a step's number, with its share of the first step."""
    number = data.words.number(value)
    return number if value is None or not first else f"{number} · {data.words.number(100 * value / first, 1)} %"


def draw_numbers(mark: ChartMark, data: Data) -> Drawing:
    """Draw the numbers of the first row in large type.

    Args:
        mark: the chart.
        data: the rows.
    """
    figures = figures_of(mark, data)
    if len(figures) > _MOST_FIGURES:
        data.notes.append(data.words.say("categories", shown=_MOST_FIGURES, all=len(figures)))
        figures = figures[:_MOST_FIGURES]
    across = max(1, min(len(figures), data.width // _TILE_WIDTH))
    down = -(-len(figures) // across)
    width = (data.width - 24) / across
    longest = max(len(text) for _, text in figures)
    large = max(16, min(_LARGE, int((width - 12) / (longest * LETTER))))
    tiles = [
        {"x": at % across, "y": at // across, "figure": text, "name": wrapped(name, width - 12, label_size(data), 2)}
        for at, (name, text) in enumerate(figures)
    ]
    x = {"field": "x", "type": "quantitative", "axis": None, "scale": {"domain": [0, across], "nice": False}}
    y = {
        "field": "y",
        "type": "quantitative",
        "axis": None,
        "scale": {"domain": [0, down], "reverse": True, "nice": False},
    }
    text = {"type": "text", "align": "left", "baseline": "top"}
    return Drawing(
        [
            {
                "data": {"values": tiles},
                "mark": {**text, "fontSize": large, "fontWeight": "bold", "color": TEXT},
                "encoding": {"x": x, "y": y, "text": {"field": "figure"}},
            },
            {
                "data": {"values": tiles},
                "mark": {**text, "fontSize": label_size(data), "dy": large + 6, "lineHeight": 15, "color": MUTED},
                "encoding": {"x": x, "y": y, "text": {"field": "name"}},
            },
        ],
        down * (_TILE_HEIGHT + (8 if is_narrow(data) else 0)),
    )


def _bar_layer(bars: list[dict[str, Any]], end: dict[str, Any], down: dict[str, Any], color: str) -> dict[str, Any]:
    return {
        "data": {"values": bars},
        "mark": {"type": "rect", "color": color},
        "encoding": {"x": end, "x2": {"datum": 0}, "y": {"field": "top", **down}, "y2": {"field": "bottom"}},
    }


def _figure(column: str, data: Data) -> str:
    value = data.numbers(column)[0]
    scale = scaled([column], [value], data.words)
    unit = scale.unit and f" {scale.unit}"
    number = data.words.number(None if value is None else value / scale.divisor)
    last = column.removesuffix("_before").rpartition("_")[2]
    return number + (unit or (_UNITS.get(last, "") if value is not None else ""))
