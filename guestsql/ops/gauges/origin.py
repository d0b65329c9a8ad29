"""The columns of a result: their types, and the guests' columns that they are copies of.

SQL: queries/internal/doctor.sql
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cached_property
from typing import Any

import psycopg
from psycopg.types.string import TextLoader

from guestsql.ops.gauges.convention import Column
from guestsql.sql._sync.connection import DeadlineConnection
from guestsql.sql.packaged import packaged_queries
from guestsql.sql.timestamps import load_timestamps

__all__ = ["Origins", "adapt"]

# These types are omitted. Read as text, because Python cannot represent all their values (infinity, 24:00).
_LEFT_OUT = ("date", "time", "timetz", "interval", "json", "jsonb", "daterange", "tsrange", "tstzrange")


class Origins:
    """Finds the columns of a result that are copies of guests' columns.

    The server reports the table and column that a result's column is a copy of, also through WITH, subqueries and
    GROUP BY; not if it was computed or cast, or comes from a view, a function or a UNION. The guests' tables are looked
    up once, when a result has such a column.

    Args:
        connection: the connection of the results.
    """

    def __init__(self, connection: DeadlineConnection) -> None:
        self._connection = connection

    def described(self, cursor: psycopg.Cursor[Any]) -> tuple[Column, ...]:
        """Return the columns of a result.

        Args:
            cursor: the cursor with the result.
        """
        result = cursor.pgresult
        if result is None:
            return ()
        places = [(result.ftable(place), result.ftablecol(place)) for place in range(result.nfields)]
        known = self._guest_columns if any(table for table, _ in places) else {}
        names: Sequence[psycopg.Column] = cursor.description or ()
        return tuple(
            Column(each.name, each.type_code, known.get(place, "")) for each, place in zip(names, places, strict=True)
        )

    @cached_property
    def _guest_columns(self) -> dict[tuple[int, int], str]:
        rows = packaged_queries("internal/doctor.sql").list_guest_columns(self._connection)
        return {(row.relation_oid, row.column_number): f"{row.relation_name}.{row.column_name}" for row in rows}


def adapt(connection: DeadlineConnection) -> None:
    """Make a connection read every time that the server can represent."""
    for name in _LEFT_OUT:
        connection.adapters.register_loader(name, TextLoader)
    load_timestamps(connection.adapters, _number)


def _number(text: bytes) -> float:
    """Return infinity as such, and NaN for a year before 1 or after 9999."""
    return {b"infinity": math.inf, b"-infinity": -math.inf}.get(text, math.nan)
