"""What the server says of a result: each column's type, and of which guests' column it is the copy.

SQL: queries/doctor.sql
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import psycopg
from psycopg.adapt import Buffer
from psycopg.types.datetime import TimestampLoader, TimestamptzLoader
from psycopg.types.string import TextLoader

from guestsql._packaged import packaged_queries
from guestsql._sync.connection import DeadlineConnection
from guestsql.gauges.convention import Column

__all__ = ["adapt", "described"]

# They are left out; but Python has no value for all that they can hold (infinity, 24:00), and would fail on one.
_LEFT_OUT = ("date", "time", "timetz", "interval", "json", "jsonb", "daterange", "tsrange", "tstzrange")


def described(connection: DeadlineConnection, cursor: psycopg.Cursor[Any]) -> tuple[Column, ...]:
    """Return the columns of a result.

    The server says of which table's column each is the copy, through WITH, subqueries and GROUP BY too; of one that was
    computed, cast, or comes out of a view, a function or a UNION, it says nothing. The tables are asked for only when
    there is such a copy.

    Args:
        connection: where the result came from.
        cursor: with the result.
    """
    result = cursor.pgresult
    if result is None:
        return ()
    places = [(result.ftable(place), result.ftablecol(place)) for place in range(result.nfields)]
    known = _guest_columns(connection) if any(table for table, _ in places) else {}
    names: Sequence[psycopg.Column] = cursor.description or ()
    return tuple(
        Column(each.name, each.type_code, known.get(place, "")) for each, place in zip(names, places, strict=True)
    )


def _guest_columns(connection: DeadlineConnection) -> dict[tuple[int, int], str]:
    rows = packaged_queries("doctor.sql").list_guest_columns(connection)
    return {(row.relation_oid, row.column_number): f"{row.relation_name}.{row.column_name}" for row in rows}


def adapt(connection: DeadlineConnection) -> None:
    """Have a connection read whatever a time of the server's may be."""
    for name in _LEFT_OUT:
        connection.adapters.register_loader(name, TextLoader)
    connection.adapters.register_loader("timestamp", _Timestamp)
    connection.adapters.register_loader("timestamptz", _Timestamptz)


class _Timestamp(TimestampLoader):
    """A timestamp, or a number where Python has none."""

    def load(self, data: Buffer) -> Any:  # noqa: ANN401  psycopg's own
        """Return the value of one field."""
        return _loaded(super().load, data)


class _Timestamptz(TimestamptzLoader):
    """The same with a zone."""

    def load(self, data: Buffer) -> Any:  # noqa: ANN401  psycopg's own
        """Return the value of one field."""
        return _loaded(super().load, data)


def _loaded(load: Any, data: Buffer) -> Any:  # noqa: ANN401  psycopg's own
    """Infinity is one, and a year before 1 or after 9999 is no number."""
    try:
        return load(data)
    except psycopg.DataError:
        return {b"infinity": math.inf, b"-infinity": -math.inf}.get(bytes(data), math.nan)
