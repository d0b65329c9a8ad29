"""Runs one query for the shell: in one transaction with a timeout, and with its columns, which named tuples lose."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from json import loads
from time import monotonic
from typing import Any

import psycopg
from psycopg import sql
from psycopg.adapt import Buffer
from psycopg.rows import tuple_row
from psycopg.types.datetime import TimestampLoader, TimestamptzLoader
from psycopg.types.json import set_json_loads
from psycopg.types.string import TextLoader

from guestsql._core.translate import translate
from guestsql._sql import Query, arrange
from guestsql._sync.connection import DeadlineConnection, connect
from guestsql.errors import DatabaseError
from guestsql.settings import Settings

__all__ = ["Result", "run_query"]

# Python has no value for all that these can hold (infinity, 24:00, years before Christ), or a form of its own.
_AS_TEXT = ("date", "time", "timetz", "interval", "inet", "cidr", "record", "int4range", "int8range", "numrange")
_RANGES = ("daterange", "tsrange", "tstzrange")
_MULTIRANGES = ("int4multirange", "int8multirange", "nummultirange", "datemultirange", "tsmultirange", "tstzmultirange")
# The server's own timeout speaks first: it says what was cancelled.
_GRACE_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Result:
    """What a query gave.

    Attributes:
        columns: their names; empty when the query returns no rows.
        rows: the values of each, in the query's order.
        count: rows returned or written.
    """

    columns: tuple[str, ...]
    rows: Sequence[tuple[Any, ...]]
    count: int


def run_query(
    settings: Settings, url: str, query: Query, parameters: Mapping[str, object], *, write: bool, timeout: float
) -> Result:
    """Run a query in a transaction of its own.

    Args:
        settings: for the time to connect, and whether `url` is a pooler's.
        url: the server.
        query: the query.
        parameters: a value for each.
        write: False makes the transaction READ ONLY.
        timeout: seconds, above 0, after which the server gives up.

    Raises:
        DatabaseError: the server refused it, with its place in the file; or could not be reached.
    """
    with closing(connect(settings, url, pooled=settings.pooled)) as connection:
        _adapt(connection)
        connection.read_only = not write
        connection.deadline = monotonic() + timeout + _GRACE_SECONDS
        try:
            with connection.transaction():
                _set_up(connection, timeout)
                return _run(connection, query, parameters)
        except psycopg.Error as error:
            raise _explained(error, query, write=write) from error


def _set_up(connection: DeadlineConnection, timeout: float) -> None:
    milliseconds = max(1, math.ceil(timeout * 1000))
    connection.execute(sql.SQL("SET LOCAL statement_timeout = {}").format(sql.Literal(milliseconds)))
    connection.execute("SET LOCAL datestyle = 'ISO'")
    connection.execute("SET LOCAL intervalstyle = 'postgres'")


def _run(connection: DeadlineConnection, query: Query, parameters: Mapping[str, object]) -> Result:
    text: Any = query.text  # no literal, which psycopg asks for: a .sql file's
    with connection.cursor(row_factory=tuple_row) as cursor:
        cursor.execute(text, arrange(query, parameters))
        if cursor.description is None:
            return Result((), (), cursor.rowcount)
        rows = cursor.fetchall()
        return Result(tuple(column.name for column in cursor.description), rows, cursor.rowcount)


def _explained(error: psycopg.Error, query: Query, *, write: bool) -> DatabaseError:
    """Return the error with its place in the file, and with the hint that the shell can give."""
    failure = translate(error, query.name)
    position = error.diag.statement_position
    if position is not None:
        line, column = query.locate(int(position))
        failure.message = f"{failure.message}, at {query.file}:{line}:{column}"
    if error.sqlstate == "25006" and not write:
        failure.hint = "it writes: run it with --write"
    if error.sqlstate == "57014":
        failure.hint = "raise --timeout"
    return failure


class _Timestamp(TimestampLoader):
    """A timestamp, or its text where Python has none: infinity."""

    def load(self, data: Buffer) -> Any:  # noqa: ANN401  psycopg's own
        """Return the value of one field."""
        return _loaded(super().load, data)


class _Timestamptz(TimestamptzLoader):
    """The same with a zone."""

    def load(self, data: Buffer) -> Any:  # noqa: ANN401  psycopg's own
        """Return the value of one field."""
        return _loaded(super().load, data)


def _loaded(load: Any, data: Buffer) -> Any:  # noqa: ANN401  psycopg's own
    try:
        return load(data)
    except psycopg.DataError:
        return bytes(data).decode()


def _adapt(connection: DeadlineConnection) -> None:
    adapters = connection.adapters
    for name in (*_AS_TEXT, *_RANGES, *_MULTIRANGES):
        adapters.register_loader(name, TextLoader)
    adapters.register_loader("timestamp", _Timestamp)
    adapters.register_loader("timestamptz", _Timestamptz)
    set_json_loads(partial(loads, parse_float=Decimal), connection)
