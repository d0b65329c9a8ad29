"""Numbers, sizes and durations by the symbols of a locale.

Babel's own functions take some 20 µs a number, a fifth of a second for a table of a thousand rows. So the symbols are
Babel's, and Python writes the digits.
"""

from __future__ import annotations

import math
from datetime import timedelta
from decimal import Decimal

from babel import Locale
from babel.numbers import format_percent, get_decimal_symbol, get_group_symbol, get_infinity_symbol

__all__ = ["NumberFormat", "is_long"]

# Four digits are often a year, a port or an identifier.
_GROUPED_FROM = 10_000
_BYTES = ("B", "kB", "MB", "GB", "TB", "PB")
_KILO = 1000
_THREE_DIGITS = 100
_MILLI = 1e-3
_MICRO = 1e-6
_STEPS = ((86_400, "d", 3600, "h"), (3600, "h", 60, "min"), (60, "min", 1, "s"))


def is_long(value: float | Decimal) -> bool:
    """Return whether the digits of a number by itself are grouped.

    Args:
        value: not NaN.
    """
    return not -_GROUPED_FROM < value < _GROUPED_FROM


class NumberFormat:
    """How a locale writes numbers."""

    def __init__(self, locale: Locale) -> None:
        self._symbols = str.maketrans({",": get_group_symbol(locale), ".": get_decimal_symbol(locale)})
        self._infinity = get_infinity_symbol(locale)
        self._locale = locale

    def number(self, value: float | Decimal, decimals: int | None = None, *, is_grouped: bool | None = None) -> str:
        """Return a number; see `Language.number`."""
        # An int and a Decimal may be larger than any float.
        is_finite = math.isfinite(value) if isinstance(value, float) else Decimal(value).is_finite()
        if not is_finite:
            return "NaN" if math.isnan(value) else ("" if value > 0 else "-") + self._infinity
        grouped = "," if (is_long(value) if is_grouped is None else is_grouped) else ""
        if decimals is not None:
            text = format(value, f"{grouped}.{decimals}f")
        elif isinstance(value, int):
            text = format(value, f"{grouped}d")
        else:
            # repr has the fewest digits that make the same float again.
            text = format(Decimal(repr(value)) if isinstance(value, float) else value, f"{grouped}f")
        return text.translate(self._symbols)

    def percent(self, share: float | Decimal, decimals: int) -> str:
        """Return a share as a percentage; see `Language.percent`."""
        pattern = self._locale.percent_formats[None].pattern.replace("0", f"0.{'0' * decimals}" if decimals else "0")
        return format_percent(share, pattern, locale=self._locale)

    def size(self, number: float | Decimal) -> str:
        """Return bytes with their unit; see `Language.size`."""
        size, sign = abs(float(number)), "-" if number < 0 else ""
        units = list(_BYTES)
        while len(units) > 1 and round(size, _decimals(size, units[0])) >= _KILO:
            size /= _KILO
            del units[0]
        return f"{sign}{self.number(size, _decimals(size, units[0]))} {units[0]}"

    def duration(self, value: timedelta | float | Decimal) -> str:
        """Return a duration; see `Language.duration`."""
        seconds = value.total_seconds() if isinstance(value, timedelta) else float(value)
        if not math.isfinite(seconds):
            return self.number(seconds)
        size, sign = abs(seconds), "-" if seconds < 0 else ""
        if round(size, 1) < _STEPS[-1][0]:
            return sign + self._below_a_minute(size)
        whole = round(size)
        large, name, small, below = next(step for step in _STEPS if whole >= step[0])
        count, rest = divmod(whole, large)
        return f"{sign}{self.number(count)} {name}" + (f" {rest // small} {below}" if rest >= small else "")

    def _below_a_minute(self, seconds: float) -> str:
        if seconds == 0 or round(seconds, 4) >= 1:
            return f"{self._short(seconds)} s"
        if round(seconds, 7) >= _MILLI:
            return f"{self._short(seconds / _MILLI)} ms"
        return f"{self._short(seconds / _MICRO)} µs"

    def _short(self, number: float) -> str:
        is_whole = number >= _THREE_DIGITS or round(number, 1).is_integer()
        return self.number(number, 0 if is_whole else 1)


def _decimals(size: float, unit: str) -> int:
    return 0 if unit == "B" or size >= _THREE_DIGITS else 1
