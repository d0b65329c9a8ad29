"""Heatmaps: a cell for each row, its colour by the class of its number."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

from guestsql.charts.axes import categories, number_axis
from guestsql.charts.data import Data
from guestsql.charts.drawing import Drawing, colour, nothing, room_for
from guestsql.charts.mark import ChartMark
from guestsql.charts.palette import HEAT
from guestsql.charts.scale import scale_of

__all__ = ["draw_heatmap"]

_MOST_ROWS = 40
_NICE = (1, 2, 2.5, 5, 10)
_TO = "\u2013"


def draw_heatmap(mark: ChartMark, data: Data) -> Drawing:
    """Draw a cell for each row, its colour by the class of its number.

    Args:
        mark: the chart.
        data: the rows.
    """
    across = categories(mark.x or "", data)
    down = categories(mark.y[0], data, is_across=False)
    if len(down.ticks) > _MOST_ROWS:
        data.notes.append(data.words.say("categories", shown=_MOST_ROWS, all=len(down.ticks)))
        down = down._replace(
            places=[at if at is not None and at < _MOST_ROWS else None for at in down.places],
            domain=(0.0, float(_MOST_ROWS)),
            ticks=dict(list(down.ticks.items())[:_MOST_ROWS]),
        )
    numbers = data.numbers(mark.value or "")
    present = [number for number in numbers if number is not None]
    if not present:
        return nothing(data.words.say("unknown"), data)
    scale = scale_of([mark.value or ""], numbers, data.words)
    bounds = _bounds([number / scale.divisor for number in present])
    names = _class_names(bounds, data, is_whole=scale.divisor == 1 and all(n.is_integer() for n in present))
    cells = [
        {"s": _class(number / scale.divisor, bounds), "x": x - 0.5, "x2": x + 0.5, "y": y - 0.5, "y2": y + 0.5}
        for x, y, number in zip(across.places, down.places, numbers, strict=True)
        if x is not None and y is not None and number is not None
    ]
    vertical = number_axis(down)
    vertical["scale"]["reverse"] = True
    vertical["axis"] |= room_for(down, data)
    colours = [HEAT[round(at * (len(HEAT) - 1) / max(1, len(names) - 1))] for at in range(len(names))]
    layer = {
        "data": {"values": cells},
        "mark": {"type": "rect", "stroke": None},
        "encoding": {
            "x": {"field": "x", **number_axis(across)},
            "x2": {"field": "x2"},
            "y": {"field": "y", **vertical},
            "y2": {"field": "y2"},
            "color": colour(names, colours, data, left=vertical["axis"]["minExtent"]),
        },
    }
    unit = scale.factor or scale.unit
    rows = int(down.domain[1])
    by = data.words.joined([data.name(mark.x or ""), data.name(mark.y[0])])
    what = data.words.say("by", what=data.name(mark.value or ""), by=by)
    return Drawing([layer], rows * max(16, min(26, 420 // rows)), what + (unit and f" ({unit})"))


def _bounds(numbers: Sequence[float]) -> list[float]:
    # Round bounds of at most six classes, from zero where no number is below it.
    least, greatest = min(0.0, *numbers, 0.0), max(numbers)
    span = greatest - least
    if span <= 0:
        return [least, least + 1]
    power = 10.0 ** math.floor(math.log10(span / len(HEAT)))
    for step in (nice * power for nice in _NICE):
        first = math.floor(least / step)
        classes = math.floor(greatest / step) - first + 1
        if classes <= len(HEAT):
            return [(first + number) * step for number in range(classes + 1)]
    return [least, greatest]


def _class(number: float, bounds: Sequence[float]) -> int:
    return max(0, min(len(bounds) - 2, sum(number >= bound for bound in bounds) - 1))


def _class_names(bounds: Sequence[float], data: Data, *, is_whole: bool) -> list[str]:
    steps = [high - low for low, high in pairwise(bounds)]
    is_whole = is_whole and all(step.is_integer() for step in steps) and bounds[0].is_integer()
    say = data.words.number
    to = f" {data.words.say('to')} " if bounds[0] < 0 else _TO
    if is_whole:
        return [say(low) if high - low == 1 else f"{say(low)}{to}{say(high - 1)}" for low, high in pairwise(bounds)]
    return [f"{say(low, 3)}{to}{say(high, 3)}" for low, high in pairwise(bounds)]
