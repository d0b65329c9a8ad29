"""Charts of few numbers: funnels, and numbers in large type."""

from __future__ import annotations

from typing import Any, NamedTuple

from guestsql.charts.data import BEFORE, Data, is_earlier, is_number
from guestsql.charts.drawing import LETTER, Drawing, label_size, nothing, wrapped
from guestsql.charts.mark import ChartFault, ChartMark
from guestsql.charts.palette import GRID, MUTED, SERIES, TEXT
from guestsql.charts.scale import Scale, scale_of

__all__ = ["Figure", "draw_funnel", "draw_numbers", "figures_of", "steps_of"]

_MOST_STEPS = 12
_STEP_HEIGHT = 46
_MOST_FIGURES = 12
_TILE_WIDTH = 150
_LINE = 16
_LARGE = 30
_NO_BREAK = "\u00a0"


class Figure(NamedTuple):
    """A number in large type.

    Attributes:
        name: what is counted.
        text: the number with its unit.
        below: a factor such as millions, and the number of an earlier time with the change since then.
    """

    name: str
    text: str
    below: tuple[str, ...]


def steps_of(mark: ChartMark, data: Data) -> list[tuple[str, float | None]]:
    """Return the steps of a funnel: name and number, in order.

    Args:
        mark: the chart.
        data: the rows.
    """
    if mark.x is None:
        return [(data.name(column), data.numbers(column)[0]) for column in mark.y]
    return list(zip(data.labels(mark.x), data.numbers(mark.y[0]), strict=True))


def figures_of(mark: ChartMark, data: Data) -> list[Figure]:
    """Return the figures of a number chart.

    Args:
        mark: the chart.
        data: the rows; the first counts.

    Raises:
        ChartFault: no column, or one that holds no numbers.
    """
    columns = mark.y or tuple(name for name, value in zip(data.columns, data.rows[0], strict=True) if is_number(value))
    if not columns:
        raise ChartFault("the row has no numbers", "write number y=COLUMN")
    return [
        _figure(column, f"{column}{BEFORE}" if f"{column}{BEFORE}" in columns else None, data)
        for column in columns
        if not is_earlier(column, columns)
    ]


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
    return (
        number if value is None or not first else f"{number} · {data.words.number(100 * value / first, 1)}{_NO_BREAK}%"
    )


def draw_numbers(mark: ChartMark, data: Data) -> Drawing:
    """Draw the numbers of the first row in large type, X_before below X.

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
    width = (data.width - 24) / across - 12
    large = max(16, min(_LARGE, int(width / (max(len(each.text) for each in figures) * LETTER))))
    tiles = [
        {"x": at % across, "y": at // across, "figure": each.text, "name": _below(each, width, data)}
        for at, each in enumerate(figures)
    ]
    lines = max(len(_below(each, width, data)) for each in figures)
    place = {"type": "quantitative", "axis": None}
    encoding = {
        "x": {"field": "x", **place, "scale": {"domain": [0, across], "nice": False}},
        "y": {"field": "y", **place, "scale": {"domain": [0, down], "reverse": True, "nice": False}},
    }
    text = {"type": "text", "align": "left", "baseline": "top"}
    size = {"fontSize": label_size(data), "dy": large + 6, "lineHeight": _LINE}
    return Drawing(
        [
            {
                "data": {"values": tiles},
                "mark": {**text, "fontSize": large, "fontWeight": "bold", "color": TEXT},
                "encoding": {**encoding, "text": {"field": "figure"}},
            },
            {
                "data": {"values": tiles},
                "mark": {**text, **size, "color": MUTED},
                "encoding": {**encoding, "text": {"field": "name"}},
            },
        ],
        down * (large + 18 + _LINE * lines),
    )


def _bar_layer(bars: list[dict[str, Any]], end: dict[str, Any], down: dict[str, Any], color: str) -> dict[str, Any]:
    return {
        "data": {"values": bars},
        "mark": {"type": "rect", "color": color},
        "encoding": {"x": end, "x2": {"datum": 0}, "y": {"field": "top", **down}, "y2": {"field": "bottom"}},
    }


def _below(figure: Figure, width: float, data: Data) -> list[str]:
    return [text for line in (figure.name, *figure.below) for text in wrapped(line, width, label_size(data), 2)]


def _figure(column: str, earlier: str | None, data: Data) -> Figure:
    now = data.numbers(column)[0]
    before = data.numbers(earlier)[0] if earlier else None
    scale = scale_of([column], [now, before], data.words)
    below = [scale.factor] if scale.factor else []
    if earlier is not None:
        then = data.words.say("before", number=_number(before, scale, data)).replace(" ", _NO_BREAK)
        below.append(f"{then}{_change(now, before, data)}" if scale.unit != "%" else then)
    return Figure(data.name(column), _number(now, scale, data), tuple(below))


def _change(now: float | None, before: float | None, data: Data) -> str:
    if now is None or not before:
        return ""
    change = round(100 * (now - before) / abs(before))
    return f" ({'+' if change > 0 else ''}{data.words.number(change)}{_NO_BREAK}%)"


def _number(value: float | None, scale: Scale, data: Data) -> str:
    number = data.words.number(None if value is None else value / scale.divisor)
    return number if value is None else scale.text(number)
