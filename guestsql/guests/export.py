"""Rows of the queries that export a guest, as JSON has them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any, cast

__all__ = ["exported_row"]


def exported_row(row: Any) -> dict[str, Any]:  # noqa: ANN401  a row of any query
    """Return a row by column, in values that JSON has.

    Args:
        row: a named tuple. One that is a single JSON object, such as `to_jsonb(booking)`, gives its own keys.
    """
    if len(row) == 1 and isinstance(row[0], Mapping):
        return cast("dict[str, Any]", row[0])
    return {name: _exported(value) for name, value in row._asdict().items()}


def _exported(value: object) -> object:
    if isinstance(value, Mapping):
        return {str(key): _exported(each) for key, each in cast("Mapping[object, object]", value).items()}
    if isinstance(value, list | tuple):
        return [_exported(each) for each in cast("list[object]", value)]
    if isinstance(value, float | Decimal):
        return _number(value)
    return value if value is None or isinstance(value, bool | int | str) else _text(value)


def _number(value: float | Decimal) -> float | str:
    """A number if that keeps every digit, else a text."""
    if not math.isfinite(value):
        return str(value)
    if isinstance(value, Decimal):
        near = int(value) if value == value.to_integral_value() else float(value)
        return near if Decimal(repr(near)) == value else str(value)
    return value


def _text(value: object) -> str:
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    return f"\\x{value.hex()}" if isinstance(value, bytes) else str(value)  # bytes as PostgreSQL writes them
