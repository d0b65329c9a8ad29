"""Numbers as a line of small bars."""

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
        values: the numbers; None is a time of which nothing is known, and stays blank.
        width: characters, 1 or more; older values than fit are left out.
        lowest: what the lowest bar stands for; None is the least of the values.
        highest: likewise for the highest bar. A value beyond either is drawn as that.
        ascii_only: for a terminal that cannot show block characters.

    Returns:
        A text of `width` characters at most, one a value.
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
    # What is above the lowest is seen to be so, however little.
    return bars[min(len(bars) - 1, math.ceil(share * (len(bars) - 1)))]
