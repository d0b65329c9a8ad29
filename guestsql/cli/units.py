"""Bytes and seconds with their units, known by the column's name."""

from __future__ import annotations

import math
from decimal import Decimal

__all__ = ["readable_bytes", "readable_seconds", "with_unit"]

_THOUSAND = 1000.0
_BYTES = ("B", "kB", "MB", "GB", "TB", "PB")
_HUNDRED = 100
_MINUTE = 60
_STEPS = ((86_400, "d", 3600, "h"), (3600, "h", 60, "min"), (60, "min", 1, "s"))


def with_unit(value: object, column: str) -> str | None:
    """Return a number of bytes or seconds with its unit; None for anything else.

    Args:
        value: a value of the column.
        column: its name; `bytes`, `wal_bytes`, `seconds` and `lag_seconds` have a unit.
    """
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal) or not math.isfinite(value):
        return None
    unit = column.lower().replace(" ", "_").rpartition("_")[2]
    if unit == "bytes":
        return readable_bytes(value)
    return readable_seconds(value) if unit == "seconds" else None


def readable_bytes(number: float | Decimal) -> str:
    """Return a number of bytes with three digits at least, such as `1.5 MB`; a kilobyte is 1000 bytes.

    Args:
        number: finite.
    """
    size, sign = abs(float(number)), "-" if number < 0 else ""
    for unit in _BYTES[:-1]:
        shown = _short(size, unit)
        if float(shown) < _THOUSAND:
            return f"{sign}{shown} {unit}"
        size /= _THOUSAND
    return f"{sign}{_short(size, _BYTES[-1])} {_BYTES[-1]}"


def _short(size: float, unit: str) -> str:
    return f"{size:.0f}" if unit == "B" or size >= _HUNDRED else f"{size:.1f}"


def readable_seconds(number: float | Decimal) -> str:
    """Return a time with its two largest units, such as `2 min 3 s`.

    Args:
        number: seconds, finite.
    """
    size, sign = abs(float(number)), "-" if number < 0 else ""
    whole = round(size)
    for large, large_unit, small, small_unit in _STEPS:
        if whole >= large:
            rest = whole % large // small
            return f"{sign}{whole // large} {large_unit}" + (f" {rest} {small_unit}" if rest else "")
    shown = f"{size:.3g}" if size >= 0.001 or not size else f"{size:f}".rstrip("0").rstrip(".")  # noqa: PLR2004  no exponent
    return f"{sign}{shown} s"
