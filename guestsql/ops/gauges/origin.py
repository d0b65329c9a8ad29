"""What the server says of a result: each column's type, and of which guests' column it is the copy.

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

# They are left out; but Python has no value for all that they can hold (infinity, 24:00), and would fail on one.
_LEFT_OUT = ("date", "time", "timetz", "interval", "json", "jsonb", "daterange", "tsrange", "tstzrange")


class Origins:
    """Which columns of a result are copies of a guest's.

    The server says of which table's column each is the copy, through WITH, subqueries and GROUP BY too; of one that was
    computed, cast, or comes out of a view, a function or a UNION, it says nothing. The tables are asked for once, when
    there is such a copy.

    Args:
        connection: where the results come from.
    """

    def __init__(self, connection: DeadlineConnection) -> None:
        self._connection = connection

    def described(self, cursor: psycopg.Cursor[Any]) -> tuple[Column, ...]:
        """Return the columns of a result.

        Args:
            cursor: with the result.
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
    """Have a connection read whatever a time of the server's may be."""
    for name in _LEFT_OUT:
        connection.adapters.register_loader(name, TextLoader)
    load_timestamps(connection.adapters, _number)


def _number(text: bytes) -> float:
    """Infinity is one, and a year before 1 or after 9999 is no number."""
    return {b"infinity": math.inf, b"-infinity": -math.inf}.get(text, math.nan)
