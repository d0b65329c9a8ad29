"""What every kind of chart returns, and what they share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from guestsql.charts.axes import Axis
from guestsql.charts.data import Data, Series
from guestsql.charts.expressions import label_expression, text_expression
from guestsql.charts.palette import AXIS, SERIES

__all__ = [
    "LETTER",
    "NARROW",
    "Drawing",
    "colour",
    "colours_of",
    "is_narrow",
    "label_size",
    "nothing",
    "plot_height",
    "room_for",
    "wrapped",
]

NARROW = 480
"""Below this width, in CSS pixels, a chart is drawn for a phone."""
LETTER = 0.62
"""Width of a letter by the size of its font, as wide as fonts without serifs are."""
_LEGEND_SYMBOL = 36


class Drawing(NamedTuple):
    """A chart without its frame.

    Attributes:
        layers: of Vega-Lite, the lowest first.
        height: of the plot, in CSS pixels.
        subtitle: what the numbers are, with their unit; "" where the plot says it.
        extra: more of the specification.
    """

    layers: list[dict[str, Any]]
    height: int
    subtitle: str = ""
    extra: dict[str, Any] | None = None


def is_narrow(data: Data) -> bool:
    """Return whether the picture is for a phone."""
    return data.width < NARROW


def label_size(data: Data) -> int:
    """Return the size of the labels, in CSS pixels; larger on a phone, which may shrink the picture a little."""
    return 13 if is_narrow(data) else 12


def plot_height(data: Data) -> int:
    """Return the height of a plot with a vertical axis of numbers."""
    return 190 if is_narrow(data) else 260


def colours_of(series: Sequence[Series]) -> list[str]:
    """Return the colour of each series; those of an earlier time are grey."""
    own = iter(SERIES)
    return [AXIS if each.is_earlier else next(own) for each in series]


def colour(names: Sequence[str], colours: Sequence[str], data: Data, *, left: float = 30) -> dict[str, Any]:
    """Return the encoding of the colour of the field `s`, with a legend above the plot if there is a choice.

    Args:
        names: of the series.
        colours: of each.
        data: the rows.
        left: what is beside the plot, in CSS pixels.
    """
    longest = max((len(name) for name in names), default=1)
    across = max(1, int((data.width - 20 - left) / (longest * label_size(data) * LETTER + _LEGEND_SYMBOL)))
    legend = {
        "orient": "top",
        "columns": min(across, len(names)),
        "labelLimit": data.width - 70,
        "title": None,
        "labelExpr": label_expression(dict(enumerate([name] for name in names))),
    }
    return {
        "field": "s",
        "type": "nominal",
        "scale": {"domain": list(range(len(names))), "range": list(colours)},
        "legend": legend if len(names) > 1 else None,
    }


def nothing(text: str, data: Data) -> Drawing:
    """Return a picture that says that there is nothing to show.

    Args:
        text: what to say.
        data: the rows.
    """
    lines = wrapped(text, data.width - 40, label_size(data) + 1)
    look = {"fontSize": label_size(data) + 1, "baseline": "middle", "lineHeight": 20}
    layer: dict[str, Any] = {
        "data": {"values": [{"row": 0}]},
        "mark": {"type": "text", **look},
        "encoding": {"text": {"value": text_expression(lines)}},
    }
    return Drawing([layer], 40 + 20 * len(lines), extra={"view": {"stroke": None}})


def wrapped(text: str, width: float, size: int, most: int = 3) -> list[str]:
    """Return a text in lines.

    Args:
        text: any text.
        width: of a line, in CSS pixels.
        size: of the font, in CSS pixels.
        most: lines; more is cut.
    """
    letters = max(8, int(width / (size * LETTER)))
    lines: list[str] = []
    for word in (_cut(word, letters) for word in text.split(" ") if word):
        if lines and len(lines[-1]) + 1 + len(word) <= letters:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    if len(lines) > most:
        lines = [*lines[: most - 1], _cut(" ".join(lines[most - 1 :]), letters)]
    return lines


def room_for(axis: Axis, data: Data) -> dict[str, Any]:
    """Return the part of a vertical axis of Vega-Lite that keeps room for its labels, in any font.

    Args:
        axis: of categories.
        data: the rows.
    """
    longest = max((len(lines[0]) for lines in axis.ticks.values()), default=0)
    room = min(longest * label_size(data) * LETTER + 6, data.width / 3)
    return {"minExtent": room, "labelLimit": room, "labelOverlap": False, "ticks": False}


def _cut(word: str, letters: int) -> str:
    return word if len(word) <= letters else f"{word[: letters - 1]}\u2026"
