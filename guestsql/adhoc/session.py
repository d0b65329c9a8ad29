"""Runs queries that a person asks for: each in one transaction with a timeout, and with the names of its columns."""

from __future__ import annotations

import math
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from json import loads
from time import monotonic
from types import MappingProxyType
from typing import Any, Self

import psycopg
from psycopg import sql
from psycopg.pq import TransactionStatus
from psycopg.rows import tuple_row
from psycopg.types.json import set_json_loads
from psycopg.types.string import TextLoader

from guestsql.adhoc.parameters import refused_value
from guestsql.adhoc.target import Target
from guestsql.errors import DatabaseUnavailable
from guestsql.sql import Query, arrange
from guestsql.sql._sync.connection import DeadlineConnection
from guestsql.sql.row_classes import unmarked
from guestsql.sql.timestamps import load_timestamps
from guestsql.sql.translate import translate

__all__ = ["QuerySession", "Result", "explained"]

# Values of these types that Python does not have (infinity, 24:00, years BC), or prints in another form.
_AS_TEXT = ("date", "time", "timetz", "interval", "inet", "cidr", "record", "int4range", "int8range", "numrange")
_RANGES = ("daterange", "tsrange", "tstzrange")
_MULTIRANGES = ("int4multirange", "int8multirange", "nummultirange", "datemultirange", "tsmultirange", "tstzmultirange")
# The server's own timeout comes first: its message says what was cancelled.
_GRACE_SECONDS = 2.0
_NO_HINTS: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Result:
    """The result of a query.

    Attributes:
        columns: their names; empty when the query returns no rows.
        rows: the values of each, in the query's order.
        count: rows returned or written.
    """

    columns: tuple[str, ...]
    rows: Sequence[tuple[Any, ...]]
    count: int


class QuerySession:
    """Runs queries on one server, each in its own transaction. Connects at the first one, and again after a loss.

    Args:
        target: the server.
        write: False makes every transaction READ ONLY.
        hints: how to fix an error, by SQLSTATE, where the caller knows more than the server.

    Attributes:
        hints: as given.
    """

    def __init__(self, target: Target, *, write: bool = False, hints: Mapping[str, str] = _NO_HINTS) -> None:
        self._target = target
        self._write = write
        self.hints = hints
        self._connection: DeadlineConnection | None = None

    def run(self, query: Query, parameters: Mapping[str, str | None], timeout: float) -> Result:
        """Run a query.

        Args:
            query: from a catalogue.
            parameters: a value for each of its parameters.
            timeout: after which the server cancels the query, in seconds, above 0.

        Raises:
            ParameterError: the server cannot take the value of a parameter.
            DatabaseError: the server refused the query (with its place in the file), or could not be reached.
        """
        with self.transaction(timeout) as connection, explained(query, parameters, self.hints):
            return _run(connection, query, parameters)

    @contextmanager
    def transaction(self, timeout: float, *, rolled_back: bool = False) -> Generator[DeadlineConnection]:
        """A transaction with a statement timeout.

        Args:
            timeout: seconds, above 0.
            rolled_back: True rolls the transaction back at the end.

        Raises:
            DatabaseUnavailable: the server cannot be reached, or was lost.
        """
        connection = self._connected()
        connection.deadline = monotonic() + timeout + _GRACE_SECONDS
        try:
            with connection.transaction(force_rollback=rolled_back):
                _set_up(connection, timeout)
                yield connection
        except psycopg.Error as error:
            failure = translate(error, "")
            if isinstance(failure, DatabaseUnavailable):
                self._target.name(failure)
            raise failure from error
        except DatabaseUnavailable as error:
            self._target.name(error)
            raise
        finally:
            if connection.info.transaction_status != TransactionStatus.IDLE:
                self.close()  # lost, or still at work past its time

    def close(self) -> None:
        """Close the connection, if there is one."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _connected(self) -> DeadlineConnection:
        if self._connection is None:
            connection = self._target.connect()
            _adapt(connection)
            connection.read_only = not self._write
            self._connection = connection
        return self._connection


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
        return Result(tuple(unmarked(column.name) for column in cursor.description), rows, cursor.rowcount)


@contextmanager
def explained(
    query: Query, parameters: Mapping[str, str | None], hints: Mapping[str, str] = _NO_HINTS, *, shift: int = 0
) -> Generator[None]:
    """Raise the server's errors with their place in the file, and with the caller's hints.

    Args:
        query: the query that is run.
        parameters: its parameters.
        hints: how to fix an error, by SQLSTATE.
        shift: how many characters were put before its text.

    Raises:
        ParameterError: the server cannot take the value of a parameter.
        DatabaseError: any other error.
    """
    try:
        yield
    except psycopg.Error as error:
        refused = refused_value(query, parameters, error)
        if refused is not None:
            raise refused from error
        failure = translate(error, query.name)
        position = error.diag.statement_position
        if position is not None and int(position) > shift:
            line, column = query.locate(int(position) - shift)
            failure.message = f"{failure.message}, at {query.file}:{line}:{column}"
        failure.hint = hints.get(error.sqlstate or "", failure.hint)
        raise failure from error


def _adapt(connection: DeadlineConnection) -> None:
    adapters = connection.adapters
    for name in (*_AS_TEXT, *_RANGES, *_MULTIRANGES):
        adapters.register_loader(name, TextLoader)
    load_timestamps(adapters, bytes.decode)
    set_json_loads(partial(loads, parse_float=Decimal), connection)
