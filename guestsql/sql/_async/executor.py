"""Runs named queries on a pool of connections: deadlines, what is safe to repeat, and what must not be done twice."""

from __future__ import annotations

import logging
import random
from collections.abc import Callable, Mapping
from enum import Enum
from time import monotonic, perf_counter
from typing import Any, Protocol

from guestsql.errors import DatabaseError, DatabaseUnavailable, OutcomeUnknown
from guestsql.settings import Settings
from guestsql.sql import Catalogue, Query, bind_queries, is_read, operation_name
from guestsql.sql._async.adapter import AsyncAdapter
from guestsql.sql._async.connection import AsyncDeadlineConnection
from guestsql.sql._async.pool import AsyncConnections
from guestsql.sql.runtime import async_sleep
from guestsql.sql.translate import is_rolled_back, is_transient
from guestsql.telemetry.counting import Counting
from guestsql.telemetry.log import event
from guestsql.telemetry.outbox import new_operation_id

__all__ = ["AsyncExecutor", "AsyncLender", "Repeat"]

_LONGEST_PAUSE_SECONDS = 0.5
# These are done altogether or not at all; CALL, DO, VACUUM and others may commit on their way.
_WRITES = frozenset({"INSERT", "UPDATE", "DELETE", "MERGE"})
_ATOMIC = _WRITES | {"SELECT", "VALUES", "TABLE"}
# feature_not_supported, which is also «cached plan must not change result type»; and an unknown prepared statement.
_STATEMENT_STALE = ("0A000", "26000")
_READ_ONLY = "25006"


class Repeat(Enum):
    """When a query that failed is run again, until the deadline.

    Attributes:
        ALWAYS: its caller may repeat it too: it changes nothing twice.
        ONCE: it carries an operation id that only this call knows. If it may have been done it is repeated, but not by
            the caller: what is still open at the end is `OutcomeUnknown`.
        IF_UNDONE: no one knows whether it may be done twice. If it may have been done it is `OutcomeUnknown` at once.
    """

    ALWAYS = 0
    ONCE = 1
    IF_UNDONE = 2


class AsyncLender(Protocol):
    """Lends connections, as `AsyncConnections` does."""

    async def open(self) -> None: ...
    async def close(self) -> None: ...
    async def borrow(self, deadline: float, *, writes: bool = False) -> AsyncDeadlineConnection: ...
    async def borrow_live(self, deadline: float, *, writes: bool = False) -> AsyncDeadlineConnection: ...
    async def give_back(self, connection: AsyncDeadlineConnection) -> None: ...


class AsyncExecutor:
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
        connections: AsyncLender | None = None,
        counting: Counting | None = None,
    ) -> None:
        self._counting = Counting() if counting is None else counting  # an empty one is false
        self._seconds = settings.deadline_seconds
        self._connections: AsyncLender = connections or AsyncConnections(settings, url)
        self.use(catalogue)

    def use(self, catalogue: Catalogue) -> None:
        """Run the queries of another catalogue from the next call on; a call under way ends with what it began with.

        Args:
            catalogue: all the queries, with the same signatures under the same names.
        """
        self._catalogue = catalogue
        # One assignment: a text and the order of its parameters come from one catalogue, never from two.
        self._methods = self._bind(catalogue)
        self._writes: dict[str, bool] = {}

    async def open(self) -> None:
        """Start connecting, without waiting for it."""
        await self._connections.open()

    async def close(self) -> None:
        """Close all connections."""
        await self._connections.close()

    def _bind(self, catalogue: Catalogue) -> dict[str, Callable[..., Any]]:
        queries = bind_queries(catalogue, AsyncAdapter(catalogue, self._counting))
        return {name: getattr(queries, name) for name in catalogue}

    def deadline(self) -> float:
        """Return the latest end of a call that begins now, in seconds of `time.monotonic()`."""
        return monotonic() + self._seconds

    async def call(
        self,
        name: str,
        parameters: Mapping[str, object] | Callable[[], Mapping[str, object]],
        *,
        deadline: float | None = None,
        repeat: Repeat = Repeat.ALWAYS,
    ) -> Any:  # noqa: ANN401  the query's own
        """Run a query; after a lost connection, or an error that passes, run it again.

        Args:
            name: the query.
            parameters: its parameters by name, or what makes them anew for each attempt.
            deadline: in seconds of `time.monotonic()`; default the settings' from now.
            repeat: when it may be run again.

        Returns:
            What the query returns: rows, a row or None, a value, or a count.

        Raises:
            OutcomeUnknown: it may have been done, and `repeat` does not let the caller repeat it.
            DatabaseError: the server refused it, or the deadline passed first.
        """
        method = self._methods[name]
        writes = self._writes.get(name)
        if writes is None:
            writes = self._writes[name] = not is_read(self._catalogue[name].source)
        until = monotonic() + self._seconds if deadline is None else deadline
        connections = self._connections
        # What was never sent was not done.
        borrow = connections.borrow if repeat is Repeat.ALWAYS else connections.borrow_live
        attempt = 0
        is_known = is_sure = True
        while True:
            started = perf_counter()
            try:
                connection = await borrow(until, writes=writes)
            except BaseException as error:  # noqa: BLE001  raised again, or in another form
                failure = error if is_known else _unknown(error, name)
                self._counting.failed_call(name, started, failure)
                raise failure from failure.__cause__
            try:
                answer = await method(connection, **(parameters() if callable(parameters) else parameters))
                if not is_sure or connection.is_unreplicated:
                    await self._confirm(connection, name)
            except DatabaseError as error:
                connection.is_unreplicated = False  # a notice about this call is not about the next one
                is_sure = is_sure and _is_known(error, self._catalogue.get(name))
                is_known = repeat is Repeat.ALWAYS or is_sure
                is_passing = await _is_passing(error, connection, attempt) or isinstance(error, DatabaseUnavailable)
                # Only a repeat shows what became of it; one is enough if it is the statement that ends the server.
                is_passing = is_passing or (attempt == 0 and not is_sure)
                attempt += 1
                may_repeat = is_passing and (is_known or repeat is Repeat.ONCE)
                pause = _pause_before(attempt, until) if may_repeat else None
                failure = error if is_known or pause is not None else _unknown(error, name)
                self._counting.error(name, failure)
                if pause is None:
                    _log_given_up(error)
                    raise failure from failure.__cause__
            else:
                return answer
            finally:
                await connections.give_back(connection)
            await async_sleep(pause)
            borrow = connections.borrow_live  # where one connection was dead the others at hand are too

    async def _confirm(self, connection: AsyncDeadlineConnection, name: str) -> None:
        """Commit something behind a write that was repeated, as its repeat may have found nothing to write.

        With synchronous replication the first attempt may be on this server only; a commit waits for all before it. A
        query with an operation id has written by itself.

        Raises:
            DatabaseUnavailable: the wait of one of the commits was cancelled.
        """
        query = self._catalogue[name]
        if "operation_id" not in query.positional and operation_name(query.source) in _WRITES:
            connection.is_unreplicated = False  # the next commit waits for both
            await self._methods["confirm_writes"](connection, operation_id=new_operation_id())
        if connection.is_unreplicated:
            connection.is_unreplicated = False
            raise DatabaseUnavailable(
                "committed, but the wait for a synchronous standby was cancelled",
                query=name,
                hint="see why the standby of synchronous_standby_names does not answer, and who cancels the waits",
            )


def _unknown(error: BaseException, name: str) -> BaseException:
    """Return what is raised in place of an error when an earlier attempt may have been done."""
    if not isinstance(error, DatabaseError):
        return error
    failure = OutcomeUnknown(error.message, query=name, sqlstate=error.sqlstate)
    failure.__cause__ = error
    return failure


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
    if not (error.retryable or is_transient(error) or error.sqlstate in _STATEMENT_STALE):
        return True  # nobody is told to repeat it
    return query is not None and operation_name(query.source) in _ATOMIC


async def _is_passing(error: DatabaseError, connection: AsyncDeadlineConnection, attempt: int) -> bool:
    """Tell whether the server undid the statement for a reason that may have gone the next time."""
    if error.sqlstate in _STATEMENT_STALE and attempt == 0:
        # A migration changed the type of a column, or a pooler changed the server process: what this connection has
        # prepared is of no use.
        await connection.close()
        return True
    if error.sqlstate == _READ_ONLY:
        # Another host may be the primary by now, or the address may lead to another server.
        await connection.close()
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
