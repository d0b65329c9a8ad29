"""Runs queries that a person asks for: each in one transaction with a timeout, and with the names of its columns."""

from __future__ import annotations

import math
from collections.abc import Generator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from json import loads
from time import monotonic
from typing import Any, Self

import psycopg
from psycopg import sql
from psycopg.pq import TransactionStatus
from psycopg.rows import tuple_row
from psycopg.types.json import set_json_loads
from psycopg.types.string import TextLoader

from guestsql.adhoc.failures import NO_HINTS, explained
from guestsql.adhoc.streams import CursorRows, RowStream, WholeRows
from guestsql.adhoc.target import Target
from guestsql.errors import DatabaseError, DatabaseUnavailable
from guestsql.sql import Query, arrange
from guestsql.sql._sync.connection import DeadlineConnection, closed_on_error
from guestsql.sql.packaged import packaged_queries
from guestsql.sql.row_classes import unmarked
from guestsql.sql.timestamps import load_timestamps
from guestsql.sql.translate import translate

__all__ = ["QuerySession", "Result", "explained", "hint_of_role"]

# Values of these types that Python does not have (infinity, 24:00, years BC), or prints in another form.
_AS_TEXT = ("date", "time", "timetz", "interval", "inet", "cidr", "record", "int4range", "int8range", "numrange")
_RANGES = ("daterange", "tsrange", "tstzrange")
_MULTIRANGES = ("int4multirange", "int8multirange", "nummultirange", "datemultirange", "tsmultirange", "tstzmultirange")
# The server's own timeout comes first: its message says what was cancelled.
_GRACE_SECONDS = 2.0
# Of a result whose rows are counted. Several are in memory at once.
_MOST_BYTES = 32 * 1024 * 1024
# Of a cursor the planner expects that only a tenth of the rows is fetched; 1 makes it plan as for any other query. A
# statement whose client has gone, by Ctrl-C say, ends within a second; a server on Windows cannot look.
_SETTINGS = (
    b"SET LOCAL datestyle = 'ISO'; SET LOCAL intervalstyle = 'postgres'; SET LOCAL cursor_tuple_fraction = 1;"
    b" SELECT set_config('client_connection_check_interval', '1s', TRUE)"
    b" WHERE current_setting('dynamic_shared_memory_type') <> 'windows'"
)
# Python refuses to read longer ones; a numeric of JSON may have 131,072 digits.
_LONGEST_INT = 4300
_NO_RIGHT = "42501"
# Feature not supported: what a standby answers to BEGIN READ WRITE.
_NO_WRITES = "0A000"
# Syntax error, and feature not supported: DECLARE takes neither SHOW nor a WITH that writes.
_NO_CURSOR = ("42601", "0A000")


@dataclass(frozen=True, slots=True)
class Result:
    """The result of a query.

    Attributes:
        columns: their names; empty when the query returns no rows.
        rows: the values of each, in the query's order.
        count: rows returned or written.
        is_cut: whether there are more rows than were wanted.
    """

    columns: tuple[str, ...]
    rows: Sequence[tuple[Any, ...]]
    count: int
    is_cut: bool = False


class QuerySession:
    """Runs queries on one server, each in its own transaction. Connects at the first one, and again after a loss.

    Args:
        target: the server.
        write: False makes every transaction READ ONLY.
        role: every transaction runs as this role, if it exists and the login may SET ROLE to it.
        hints: how to fix an error, by SQLSTATE, where the caller knows more than the server.

    Attributes:
        hints: as given, and what the role calls for.
    """

    def __init__(
        self, target: Target, *, write: bool = False, role: str | None = None, hints: Mapping[str, str] = NO_HINTS
    ) -> None:
        self._target = target
        self._write = write
        self._role = role
        self.hints = hints
        self._connection: DeadlineConnection | None = None
        self._settings = b""

    def run(
        self, query: Query, parameters: Mapping[str, str | None], timeout: float, *, at_most: int | None = None
    ) -> Result:
        """Run a query.

        Args:
            query: from a catalogue.
            parameters: a value for each of its parameters.
            timeout: after which the server cancels the query, in seconds, above 0.
            at_most: how many rows are wanted, from 1; None is all. The server makes no more than one beyond them, and
                there are fewer when they are very wide.

        Raises:
            ParameterError: the server cannot take the value of a parameter.
            DatabaseError: the server refused the query (with its place in the file), or could not be reached.
        """
        if at_most is not None:
            with closing(self.stream(query, parameters, timeout, rows_at_once=at_most + 1)) as stream:
                rows, is_cut = _first(stream, at_most)
            return Result(stream.columns, rows, len(rows), is_cut)
        with self.transaction(timeout) as connection, explained(query, parameters, self.hints):
            return _run(connection, query, parameters)

    def stream(
        self, query: Query, parameters: Mapping[str, str | None], timeout: float, *, rows_at_once: int = 1000
    ) -> RowStream:
        """Run a query by a server-side cursor: memory does not grow with the number of rows.

        Args:
            query: from a catalogue.
            parameters: a value for each of its parameters.
            timeout: after which the server cancels a fetch, in seconds, above 0.
            rows_at_once: how many rows a fetch has at most, from 1; fewer when they are wide.

        Returns:
            The rows, the first of which are fetched. It keeps the transaction until it is closed or at its end.

        Raises:
            ParameterError: the server cannot take the value of a parameter.
            DatabaseError: the server refused the query (with its place in the file), or could not be reached.
        """
        try:
            with ExitStack() as transaction:
                connection = transaction.enter_context(self.transaction(timeout))
                seconds = timeout + _GRACE_SECONDS
                rows = CursorRows(connection, query, parameters, self.hints, seconds=seconds, rows_at_once=rows_at_once)
                return RowStream(rows, transaction.pop_all())
        except DatabaseError as error:
            if error.sqlstate not in _NO_CURSOR:
                raise
        # No cursor reads from SHOW, or from a statement that writes.
        result = self.run(query, parameters, timeout)
        return RowStream(WholeRows(result.columns, result.rows), ExitStack())

    @contextmanager
    def transaction(self, timeout: float, *, rolled_back: bool = False) -> Generator[DeadlineConnection]:
        """A transaction with a statement timeout.

        Args:
            timeout: seconds, above 0.
            rolled_back: True rolls the transaction back at the end, as every one that may not write.

        Raises:
            DatabaseUnavailable: the server cannot be reached, or was lost.
        """
        is_set_up = False
        try:
            connection = self._connected(monotonic() + timeout + _GRACE_SECONDS)
            # A SET, a LISTEN or a temporary table of one query must not reach the next one.
            with connection.transaction(force_rollback=rolled_back or not self._write):
                connection.execute(b"SET LOCAL statement_timeout = %d; %b" % (_milliseconds(timeout), self._settings))
                is_set_up = True
                yield connection
        except psycopg.Error as error:
            failure = translate(error, "")
            if isinstance(failure, DatabaseUnavailable):
                self._target.name(failure)
            elif failure.sqlstate == _NO_WRITES and not is_set_up:
                failure.hint = f"the server of {self._target.variable} is a standby: writing needs the primary"
            raise failure from error
        except DatabaseUnavailable as error:
            self._target.name(error)
            raise
        finally:
            kept = self._connection
            if kept is not None and not (is_set_up and kept.info.transaction_status == TransactionStatus.IDLE):
                self.close()  # lost, still at work past its time, or no longer a member of the role

    def close(self) -> None:
        """Close the connection, if there is one."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _connected(self, deadline: float) -> DeadlineConnection:
        kept = self._connection
        # An open transaction is of a stream that was not closed: its statements must not get into the next one.
        if kept is not None and not (kept.is_live() and kept.info.transaction_status == TransactionStatus.IDLE):
            self.close()
        if self._connection is None:
            connection = self._target.connect()
            with closed_on_error(connection):
                connection.deadline = deadline
                _adapt(connection)
                self._settings = _SETTINGS + self._assume_role(connection)
                connection.read_only = not self._write
            self._connection = connection
        self._connection.deadline = deadline
        return self._connection

    def _assume_role(self, connection: DeadlineConnection) -> bytes:
        """The statement with which a transaction takes the role; b"" if it cannot.

        SQL: queries/internal/connections.sql
        """
        role = self._role
        if role is None or not packaged_queries("internal/connections.sql").may_set_role(connection, role_name=role):
            return b""
        self.hints = {**self.hints, _NO_RIGHT: hint_of_role(role)}
        return sql.SQL("; SET LOCAL ROLE {}").format(sql.Identifier(role)).as_bytes(connection)


def hint_of_role(role: str) -> str:
    """Return the hint of a right that is missing because the query runs as a role."""
    return f"it runs as {role}, which may not read this; guestsql query run uses your login"


def _milliseconds(timeout: float) -> int:
    return max(1, math.ceil(timeout * 1000))


def _first(stream: RowStream, at_most: int) -> tuple[list[tuple[Any, ...]], bool]:
    """The first rows, as far as there is room for them, and whether there are more."""
    rows: list[tuple[Any, ...]] = []
    for row in stream:
        if len(rows) == at_most or (rows and stream.size > _MOST_BYTES):
            return rows, True
        rows.append(row)
    return rows, False


def _run(connection: DeadlineConnection, query: Query, parameters: Mapping[str, object]) -> Result:
    text: Any = query.text  # no literal, which psycopg asks for: a .sql file's
    with connection.cursor(row_factory=tuple_row) as cursor:
        cursor.execute(text, arrange(query, parameters))
        if cursor.description is None:
            return Result((), (), cursor.rowcount)
        rows = cursor.fetchall()
        return Result(tuple(unmarked(column.name) for column in cursor.description), rows, cursor.rowcount)


def _adapt(connection: DeadlineConnection) -> None:
    adapters = connection.adapters
    for name in (*_AS_TEXT, *_RANGES, *_MULTIRANGES):
        adapters.register_loader(name, TextLoader)
    load_timestamps(adapters, bytes.decode)
    set_json_loads(partial(loads, parse_float=Decimal, parse_int=_integer), connection)


def _integer(digits: str) -> int | Decimal:
    return int(digits) if len(digits) < _LONGEST_INT else Decimal(digits)
