"""Numbers as a row of small bars."""

from __future__ import annotations

import math
from collections.abc import Sequence

__all__ = ["sparkline"]

_BARS = "▁▂▃▄▅▆▇█"
_ASCII_BARS = "_.-:=+*#"


def sparkline(
    values: Sequence[float | None],
    *,
    width: int,
    lowest: float | None = 0.0,
    highest: float | None = None,
    ascii_only: bool = False,
) -> str:
    """Draw numbers, the latest at the right.

    Args:
        values: the numbers; None is an unknown value and stays blank.
        width: the number of characters, 1 or more; older values that do not fit are omitted.
        lowest: the value of the lowest bar; None for the smallest value.
        highest: the value of the highest bar; None for the largest value. Values beyond either are drawn like it.
        ascii_only: True for a terminal without block characters.

    Returns:
        At most `width` characters, one for each value.
    """
    shown = values[-width:]
    known = [value for value in shown if value is not None and math.isfinite(value)]
    if not known:
        return " " * len(shown)
    bars = _ASCII_BARS if ascii_only else _BARS
    low = min(known) if lowest is None else lowest
    high = max(known) if highest is None else highest
    return "".join(_bar(value, low, high, bars) for value in shown)


def _bar(value: float | None, low: float, high: float, bars: str) -> str:
    if value is None or math.isnan(value):
        return " "
    if high <= low:
        return bars[0]
    share = min(1.0, max(0.0, (value - low) / (high - low)))
    # Rounded up, so that any value above the lowest is visible.
    return bars[min(len(bars) - 1, math.ceil(share * (len(bars) - 1)))]
