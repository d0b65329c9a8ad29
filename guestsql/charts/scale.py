"""Numbers of a chart: the unit that makes them short, and round marks of their axis."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

from guestsql.charts.data import BEFORE
from guestsql.charts.expressions import label_expression, plain
from guestsql.charts.words import Words

__all__ = ["Scale", "round_ticks", "scale_of", "ticks_of", "value_axis"]

_BYTES = ((1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB"))
_GREAT = ((1e12, "trillions"), (1e9, "billions"), (1e6, "millions"))
_GREATEST, _LEAST = 1e16, 1e-3
_DEEPEST = -300
_UNITS = {"percent": "%", "milliseconds": "ms", "seconds": "s", "bytes": "B"}
_ALIKE = 0.8
_EPSILON = 1e-9
_NICE = (1.0, 2.0, 2.5, 5.0, 10.0)
_NO_BREAK = "\u00a0"


class Scale(NamedTuple):
    """The unit of a chart's numbers.

    Attributes:
        divisor: what each number is divided by.
        unit: of one letter or a few, behind each number; or "".
        factor: the divisor in words, such as millions; "" for 1 and where the unit says it.
    """

    divisor: float
    unit: str = ""
    factor: str = ""

    def text(self, number: str) -> str:
        """Return a number with its unit.

        Args:
            number: as text.
        """
        return f"{number}{_NO_BREAK}{self.unit}" if self.unit else number


def scale_of(columns: Sequence[str], values: Sequence[float | None], words: Words) -> Scale:
    """Return the unit of numbers.

    Args:
        columns: whose numbers they are; a common last word of their names is a unit.
        values: the numbers.
        words: the language.
    """
    greatest = max((abs(value) for value in values if value is not None), default=0.0)
    ends = {column.removesuffix(BEFORE).rpartition("_")[2] for column in columns}
    unit = _UNITS.get(ends.pop(), "") if len(ends) == 1 else ""
    if greatest and not _LEAST <= greatest < _GREATEST:
        power = max(_DEEPEST, math.floor(math.log10(greatest)))
        exponent = str(power).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
        return Scale(10.0**power, unit, f"\u00d710{exponent}")
    if unit == "B":
        return next((Scale(size, name) for size, name in _BYTES if greatest >= size), Scale(1.0, unit))
    return next((Scale(size, unit, words.say(name)) for size, name in _GREAT if greatest >= size), Scale(1.0, unit))


def value_axis(
    values: Sequence[float | None], words: Words, scale: Scale, *, is_line: bool = False, ticks: int = 5
) -> dict[str, Any]:
    """Return the axis of Vega-Lite for the numbers of a chart.

    Args:
        values: as drawn.
        words: the language.
        scale: their unit.
        is_line: True to begin near the least number where all are alike.
        ticks: how many marks, about.
    """
    present = [value for value in values if value is not None]
    least, greatest = min(present, default=0.0), max(present, default=0.0)
    if not (is_line and least > greatest * _ALIKE and least < greatest):
        least, greatest = min(0.0, least), max(0.0, greatest)
    labels = round_ticks(
        least, greatest or (least == 0) * 1.0, ticks, words, is_whole=all(map(float.is_integer, present))
    )
    first, *_, last = labels
    labels = {at: [scale.text(text) for text in lines] for at, lines in labels.items()}
    return {
        "type": "quantitative",
        "axis": {"title": None, "labelOverlap": False, **ticks_of(labels)},
        "scale": {"domain": [first, last], "nice": False, "zero": False},
    }


def round_ticks(least: float, greatest: float, at_most: int, words: Words, *, is_whole: bool) -> dict[float, list[str]]:
    """Return round numbers, of which the first is not above the least and the last not below the greatest.

    Args:
        least: where the axis has to begin.
        greatest: where it has to end, above the least.
        at_most: how many steps, about.
        words: the language.
        is_whole: True for whole numbers only.

    Returns:
        The label by its number.
    """
    rough = (greatest - least) / at_most
    power = 10.0 ** math.floor(math.log10(max(rough, 1.0) if is_whole else rough))
    steps = (size * power for size in (*_NICE, 10 * _NICE[-1]))
    step = next(size for size in steps if size >= rough * (1 - _EPSILON) and not (is_whole and size % 1))
    digits = max(0, 1 - math.floor(math.log10(step)))
    first, last = math.floor(least / step + _EPSILON), math.ceil(greatest / step - _EPSILON)
    places = [round(number * step, digits + 2) for number in range(first, max(last, first + 1) + 1)]
    return {place: [words.number(place, digits)] for place in places}


def ticks_of(labels: dict[float, list[str]]) -> dict[str, Any]:
    """Return the marks of an axis of Vega-Lite.

    Args:
        labels: the lines of each label by its place.
    """
    # Without a count Vega leaves out some of the values.
    return {"values": [plain(at) for at in labels], "tickCount": len(labels), "labelExpr": label_expression(labels)}
