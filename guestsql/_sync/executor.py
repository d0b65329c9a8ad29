# Generated from guestsql/_async by tools/generate_sync.py (make sync). Do not edit.
"""Runs named queries on a pool of connections: deadlines, what is safe to repeat, and what must not be done twice."""

from __future__ import annotations

import logging
import random
from collections.abc import Callable, Mapping
from datetime import datetime
from time import monotonic, perf_counter
from typing import Any, Protocol

import psycopg

from guestsql._core.counting import Counting
from guestsql._core.log import event
from guestsql._core.runtime import sleep
from guestsql._core.translate import is_rolled_back, is_transient, translate
from guestsql._sql import Catalogue, Query, bind_queries, operation_name
from guestsql._sync.adapter import SyncAdapter
from guestsql._sync.connection import DeadlineConnection
from guestsql._sync.pool import Connections
from guestsql.errors import (
    DatabaseError,
    DatabaseUnavailable,
    OutcomeUnknown,
    QueryTimeout,
)
from guestsql.settings import Settings

__all__ = ["Executor", "Lender"]

_LONGEST_PAUSE_SECONDS = 0.5
# These are done altogether or not at all; CALL, DO, VACUUM and others may commit on their way.
_ATOMIC = frozenset({"SELECT", "INSERT", "UPDATE", "DELETE", "MERGE", "VALUES", "TABLE"})
# feature_not_supported, which is also «cached plan must not change result type».
_PLAN_CHANGED = "0A000"


class Lender(Protocol):
    """Lends connections, as `AsyncConnections` does."""

    def open(self) -> None: ...
    def close(self) -> None: ...
    def borrow(self, deadline: float) -> DeadlineConnection: ...
    def borrow_live(self, deadline: float) -> DeadlineConnection: ...
    def give_back(self, connection: DeadlineConnection) -> None: ...


class Executor:
    """A pool, and the queries of one catalogue on it.

    Args:
        settings: for deadlines and the size of the pool.
        url: the server.
        catalogue: the queries.
        connections: lends them in place of a pool.
        counting: counts the calls: one for each statement sent, and one when there is no connection.
    """

    def __init__(
        self,
        settings: Settings,
        url: str,
        catalogue: Catalogue,
        *,
        connections: Lender | None = None,
        counting: Counting | None = None,
    ) -> None:
        self._counting = Counting() if counting is None else counting  # an empty one is false
        self._seconds = settings.deadline_seconds
        self._connections: Lender = connections or Connections(settings, url)
        self.use(catalogue)

    def use(self, catalogue: Catalogue) -> None:
        """Run the queries of another catalogue from the next call on; a call under way ends with what it began with.

        Args:
            catalogue: all the queries, with the same signatures under the same names.
        """
        self._catalogue = catalogue
        # One assignment: a text and the order of its parameters come from one catalogue, never from two.
        self._methods = self._bind(catalogue)

    def open(self) -> None:
        """Start connecting, without waiting for it."""
        self._connections.open()

    def close(self) -> None:
        """Close all connections."""
        self._connections.close()

    def _bind(self, catalogue: Catalogue) -> dict[str, Callable[..., Any]]:
        queries = bind_queries(catalogue, SyncAdapter(catalogue, self._counting))
        return {name: getattr(queries, name) for name in catalogue}

    def deadline(self) -> float:
        """Return the latest end of a call that begins now, in seconds of `time.monotonic()`."""
        return monotonic() + self._seconds

    def call(self, name: str, parameters: Mapping[str, object], *, deadline: float | None = None) -> Any:  # noqa: ANN401  the query's own
        """Run a query that is safe to repeat; a lost connection is replaced and the query repeated.

        Args:
            name: the query.
            parameters: its parameters by name.
            deadline: in seconds of `time.monotonic()`; default the settings' from now.

        Returns:
            What the query returns: rows, a row or None, a value, or a count.

        Raises:
            DatabaseError: the server refused it, or the deadline passed first.
        """
        method = self._methods[name]
        until = monotonic() + self._seconds if deadline is None else deadline
        connections = self._connections
        attempt = 0
        while True:
            started = perf_counter()
            try:
                # Where one connection was dead the others at hand are too.
                connection = connections.borrow_live(until) if attempt else connections.borrow(until)
            except BaseException as error:
                self._counting.failed_call(name, started, error)
                raise
            try:
                return method(connection, **parameters)
            except DatabaseError as error:
                self._counting.error(name, error)
                repeatable = isinstance(error, DatabaseUnavailable) or _is_passing(error, connection, attempt)
                attempt += 1
                pause = _pause_before(attempt, until)
                if not repeatable or pause is None:
                    _log_given_up(error)
                    raise
            finally:
                connections.give_back(connection)
            sleep(pause)

    def call_unsure(self, name: str, parameters: Mapping[str, object]) -> Any:  # noqa: ANN401  the query's own
        """Run a query of which nobody knows whether it may be repeated: it is only when it cannot have run.

        Args:
            name: the query.
            parameters: its parameters by name.

        Raises:
            OutcomeUnknown: the connection was lost on the way, the deadline passed without an answer, or a command that
                commits on its way was broken off.
            DatabaseError: the server refused it, or could not be reached in time.
        """
        method = self._methods[name]
        query = self._catalogue.get(name)
        until = self.deadline()
        attempt = 0
        while True:
            connection = self._borrow_live(name, until)
            try:
                return method(connection, **parameters)
            except DatabaseError as error:
                is_known = _is_known(error, query)
                failure = error if is_known else OutcomeUnknown(error.message, query=name, sqlstate=error.sqlstate)
                self._counting.error(name, failure)
                if not is_known:
                    _log_given_up(error)
                    raise failure from error
                is_passing = _is_passing(error, connection, attempt)
                attempt += 1
                pause = _pause_before(attempt, until)
                if not is_passing or pause is None:
                    _log_given_up(error)
                    raise
            finally:
                self._connections.give_back(connection)
            sleep(pause)

    def call_once(
        self,
        name: str,
        parameters: Callable[[datetime], Mapping[str, object]],
        *,
        committing: Callable[[str], None] | None = None,
        deadline: float | None = None,
    ) -> Any:  # noqa: ANN401  the query's own
        """Run a query that must not be done twice, such as adding to a count.

        It runs in a transaction whose number is known, so that after a connection lost at COMMIT the server can be
        asked what came of it. SQL: queries/transactions.sql

        Args:
            name: the query.
            parameters: makes its parameters, given the server's time.
            committing: is told the transaction's number before COMMIT is sent, and "" when it was not committed; after
                any exception the number it was told last is that of the transaction nobody knows about.
            deadline: in seconds of `time.monotonic()`; default the settings' from now.

        Raises:
            OutcomeUnknown: the deadline passed before the server could say whether it was committed.
            DatabaseError: it was not done: the server refused it, or could not be reached in time.
        """
        methods = self._methods
        until = self.deadline() if deadline is None else deadline
        tell = committing or _ignore
        attempt = 0
        while True:
            connection = self._borrow_live(name, until)
            started = perf_counter()
            transaction_id = ""
            result: list[Any] = []
            try:
                with connection.transaction():
                    begun = methods["get_transaction_id"](connection)
                    made = parameters(begun.server_time)
                    result = [methods[name](connection, **made)]
                    transaction_id = begun.transaction_id
                    tell(transaction_id)
                return result[0]
            except (DatabaseError, psycopg.Error) as error:
                failure = error if isinstance(error, DatabaseError) else translate(error, name)
                if failure is not error and not result:  # BEGIN failed
                    self._counting.call(name, started, 0)
                is_passing = isinstance(failure, DatabaseUnavailable | QueryTimeout) or is_rolled_back(failure)
                # COMMIT was sent, and what came back does not say that it was undone: a PANIC, say, behind its record.
                is_unsure = bool(result) and not failure.undone
                if not is_passing and not is_unsure:
                    self._counting.error(failure.query, failure)
                    tell("")
                    raise failure from error
            finally:
                self._connections.give_back(connection)
            # Without the result COMMIT was never sent.
            try:
                if result and self.was_committed(transaction_id, query=name, deadline=until):
                    return result[0]
            except OutcomeUnknown as unknown:
                self._counting.error(name, unknown)
                raise
            self._counting.error(failure.query, failure)
            tell("")
            attempt += 1
            pause = _pause_before(attempt, until)
            if not is_passing or pause is None:
                _log_given_up(failure)
                raise failure
            sleep(pause)

    def _borrow_live(self, name: str, deadline: float) -> DeadlineConnection:
        started = perf_counter()
        try:
            return self._connections.borrow_live(deadline)
        except BaseException as error:
            self._counting.failed_call(name, started, error)
            raise

    def was_committed(self, transaction_id: str, *, query: str, deadline: float) -> bool:
        """Tell what came of a transaction whose connection was lost.

        Args:
            transaction_id: its number.
            query: the query it was for, for the error.
            deadline: in seconds of `time.monotonic()`.

        Raises:
            OutcomeUnknown: nobody could say before the deadline.
        """
        attempt = 0
        cause: DatabaseError | None = None
        while monotonic() < deadline:
            try:
                status = self.call("get_transaction_status", {"transaction_id": transaction_id}, deadline=deadline)
            except DatabaseError as error:
                if error.sqlstate == "22023":  # a number in the future: the server crashed before it reached the disk
                    return False
                cause = error
                break
            if status != "in progress":
                return bool(status == "committed")
            # The server has not noticed yet that its client is gone.
            attempt += 1
            sleep(min(_pause(attempt), max(0.0, deadline - monotonic())))
        raise OutcomeUnknown("the connection was lost at COMMIT", query=query) from cause


def _ignore(_transaction_id: str) -> None:
    """Take no note of a transaction's number."""


def _log_given_up(error: DatabaseError) -> None:
    """Log what the adapter left open: an error that might have passed has not."""
    if is_transient(error):
        event(logging.ERROR, "DATABASE_ERROR", f"given up: {error.message}", query=error.query, sqlstate=error.sqlstate)


def _is_known(error: DatabaseError, query: Query | None) -> bool:
    """Tell whether it is known what became of a statement that failed.

    Args:
        error: what it ended with.
        query: the statement, if it is at hand.
    """
    if error.sqlstate is None:
        return not error.retryable  # refused by psycopg itself; otherwise the connection was lost, or the time
    if not error.undone:
        return False
    if not (error.retryable or is_transient(error) or error.sqlstate == _PLAN_CHANGED):
        return True  # nobody is told to repeat it
    return query is not None and operation_name(query.source) in _ATOMIC


def _is_passing(error: DatabaseError, connection: DeadlineConnection, attempt: int) -> bool:
    """Tell whether the server undid the statement for a reason that may have gone the next time."""
    if error.sqlstate == _PLAN_CHANGED and attempt == 0:
        # A migration changed the type of a column: the statements that this connection has prepared are of no use.
        connection.close()
        return True
    return is_rolled_back(error)


def _pause_before(attempt: int, deadline: float) -> float | None:
    """Return how long to wait before another attempt; None when no time would be left for it.

    An attempt that the deadline breaks off says less than the one before it.
    """
    seconds = _pause(attempt)
    return seconds if monotonic() + 2 * seconds < deadline else None


def _pause(attempt: int) -> float:
    """Return seconds to wait before an attempt, counted from 0: none before the second, then longer and longer."""
    if attempt <= 1:
        return 0.0
    longest = min(_LONGEST_PAUSE_SECONDS, 0.005 * 2**attempt)
    return random.uniform(longest / 2, longest)  # noqa: S311  spreads retries, hides nothing
