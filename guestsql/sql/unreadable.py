"""Values that Python cannot represent: a failure that names query and column, never another value."""

from __future__ import annotations

import json
import math
from decimal import Decimal
from typing import Any

import psycopg
from psycopg.adapt import AdaptersMap, Buffer, Loader, Transformer
from psycopg.pq import Format
from psycopg.types.datetime import IntervalLoader

from guestsql.errors import DatabaseError

__all__ = ["load_exactly", "unreadable"]


class _FiniteIntervalLoader(IntervalLoader):
    """psycopg reads an infinite interval (PostgreSQL 17) as one of no length."""

    def load(self, data: Buffer) -> Any:  # noqa: ANN401  psycopg's own
        if b"infinity" in bytes(data):
            raise psycopg.DataError("an infinite interval")
        return super().load(data)


def _exact_float(digits: str) -> float | Decimal:
    number = float(digits)
    return number if math.isfinite(number) else Decimal(digits)


_decode_json = json.JSONDecoder(parse_float=_exact_float).decode


class _JsonLoader(Loader):
    """psycopg reads 1e400, which jsonb holds as it is, as infinity."""

    def load(self, data: Buffer) -> Any:  # noqa: ANN401  psycopg's own
        return _decode_json(bytes(data).decode())


def load_exactly(adapters: AdaptersMap) -> None:
    """Replace the loaders of psycopg that return another value instead of failing.

    Args:
        adapters: a connection's.
    """
    adapters.register_loader("interval", _FiniteIntervalLoader)
    adapters.register_loader("json", _JsonLoader)
    adapters.register_loader("jsonb", _JsonLoader)


def unreadable(cursor: Any, query: str) -> DatabaseError:  # noqa: ANN401  either twin's cursor
    """Return the error of a result with a value that could not be loaded.

    Args:
        cursor: with the result.
        query: the query's name.

    Returns:
        The error, not raised. It does not quote the value, which may be personal.
    """
    result = cursor.pgresult
    loaders = Transformer.from_context(cursor)
    for row in range(result.ntuples):
        for column in range(result.nfields):
            value = result.get_value(row, column)
            if value is None:
                continue
            try:
                loaders.get_loader(result.ftype(column), Format(result.fformat(column))).load(value)
            except Exception:  # noqa: BLE001  a loader may raise anything
                name = (result.fname(column) or b"?").decode("utf-8", "replace")
                return DatabaseError(
                    f"Python has no value for column {name} of row {row + 1}; the statement itself has run",
                    query=query,
                    hint=f"select it as text ({name}::text), or correct the row",
                )
    return DatabaseError("the rows could not be loaded; the statement itself has run", query=query)
