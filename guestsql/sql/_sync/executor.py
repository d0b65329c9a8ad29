# Generated from ../_async by tools/generate_sync.py (make sync). Do not edit.
"""Runs named queries and transactions on a pool of connections: deadlines, repeats, and what must not be done twice."""

from __future__ import annotations

import logging
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager, suppress
from functools import partial
from time import monotonic, perf_counter
from typing import Any, Protocol, TypeVar

from guestsql.errors import DatabaseError, DatabaseUnavailable
from guestsql.settings import Settings
from guestsql.sql import Catalogue, bind_queries, read_packaged
from guestsql.sql._sync.adapter import SyncAdapter
from guestsql.sql._sync.connection import DeadlineConnection
from guestsql.sql._sync.pool import Connections
from guestsql.sql._sync.replica import Replica
from guestsql.sql._sync.transaction import TransactionSession
from guestsql.sql.attempts import Attempts, Policy, Work, query_work
from guestsql.sql.runtime import Result, sleep
from guestsql.sql.transactions import Isolation
from guestsql.sql.translate import is_transient
from guestsql.telemetry.counting import Counting
from guestsql.telemetry.log import event

__all__ = ["Executor", "Lender", "Remedy"]

Answer = TypeVar("Answer")


class Lender(Protocol):
    """Lends connections, as `AsyncConnections` does."""

    def open(self) -> None: ...
    def close(self) -> None: ...
    def acquire(self, deadline: float, *, writes: bool = False) -> DeadlineConnection: ...
    def acquire_live(self, deadline: float, *, writes: bool = False) -> DeadlineConnection: ...
    def release(self, connection: DeadlineConnection) -> None: ...


class Remedy(Protocol):
    """Removes the cause of an error of a custom SQLSTATE, until the deadline; then the statement is repeated."""

    def __call__(self, error: DatabaseError, deadline: float) -> None: ...


class Executor:
    """A pool, and the queries of one catalogue on it.

    Args:
        settings: for deadlines and the size of the pool.
        url: the server.
        catalogue: the queries.
        connections: lends them in place of a pool.
        replica: where some queries are read; None for none.
        counting: counts the calls: one for each statement sent, and one when there is no connection.

    Attributes:
        catalogue: the queries in use.
        replica: where some queries are read; None for none.
        remedies: what is called after an error, by its SQLSTATE, while no connection is held.
    """

    def __init__(
        self,
        settings: Settings,
        url: str,
        catalogue: Catalogue,
        *,
        connections: Lender | None = None,
        replica: Replica | None = None,
        counting: Counting | None = None,
    ) -> None:
        self._counting = Counting() if counting is None else counting  # an empty one is false
        self._seconds = settings.deadline_seconds
        self.remedies: dict[str, Remedy] = {}
        self.replica = replica
        self._connections: Lender = connections or Connections(settings, url)
        own = self._bind(read_packaged("internal/connections.sql"))
        self._confirming, self._ending = own["confirm_writes"], own["end_lost_session"]
        self.use(catalogue)

    def use(self, catalogue: Catalogue) -> None:
        """Run the queries of another catalogue from the next call on; a call under way ends with what it began with.

        Args:
            catalogue: all the queries, with the same signatures under the same names.
        """
        self.catalogue = catalogue
        # One assignment: a text and the order of its parameters come from one catalogue, never from two.
        self._methods = self._bind(catalogue)
        self._works: dict[str, Work] = {}

    def open(self) -> None:
        """Start connecting, without waiting for it."""
        self._connections.open()
        if self.replica is not None:
            self.replica.open()

    def close(self) -> None:
        """Close all connections."""
        try:
            if self.replica is not None:
                self.replica.close()
        finally:
            self._connections.close()

    def _bind(self, catalogue: Catalogue) -> dict[str, Callable[..., Any]]:
        queries = bind_queries(catalogue, SyncAdapter(catalogue, self._counting))
        return {name: getattr(queries, name) for name in catalogue}

    def deadline(self) -> float:
        """Return the latest end of a call that begins now, in seconds of `time.monotonic()`."""
        return monotonic() + self._seconds

    def work(self, name: str) -> Work:
        """Return a query as work.

        Args:
            name: the query.
        """
        found = self._works.get(name)
        if found is None:
            found = self._works[name] = query_work(self.catalogue[name], self._methods[name])
        return found

    def call(
        self,
        work: str | Work,
        parameters: Mapping[str, object] | Callable[[], Mapping[str, object]],
        *,
        deadline: float | None = None,
        policy: Policy = Policy.REPEAT,
    ) -> Any:  # noqa: ANN401  the query's own
        """Run a query; after a lost connection, or an error that passes, run it again.

        Args:
            work: the query's name, or anything else that is done on one connection.
            parameters: its parameters by name, or what makes them anew for each attempt.
            deadline: in seconds of `time.monotonic()`; default the settings' from now.
            policy: when it may be run again.

        Returns:
            What the query returns: rows, a row or None, a value, or a count.

        Raises:
            OutcomeUnknown: it may have been done, and `policy` does not let the caller repeat it.
            DatabaseError: the server refused it, or the deadline passed first.
        """
        if isinstance(work, str):
            work = self._works.get(work) or self.work(work)
        until = monotonic() + self._seconds if deadline is None else deadline
        connections, replica = self._connections, self.replica
        # What was never sent was not done.
        acquire = connections.acquire if policy is Policy.REPEAT else connections.acquire_live
        attempts: Attempts | None = None
        while True:
            started = perf_counter()
            try:
                connection = acquire(until, writes=work.writes)
            except BaseException as error:  # noqa: BLE001  raised again, or in another form
                failure = error if attempts is None else attempts.outcome_without_connection(error)
                self._count_unsent(work.name, started, failure)
                raise failure from failure.__cause__
            try:
                given = parameters() if callable(parameters) else parameters
                if replica is None:
                    answer = work.do(connection, **given)
                else:
                    answer = replica.run_on_primary(work, connection, given)
                if connection.is_unreplicated or (attempts is not None and not attempts.is_sure):
                    self.confirm(connection, work.name, commit=work.needs_confirmation)
            except DatabaseError as error:
                connection.is_unreplicated = False  # a notice about this call is not about the next one
                attempts = attempts or Attempts(work, policy, until)
                attempts.add_session(connection)
                if attempts.needs_new_connection(error):
                    connection.close()
                refusal, has_remedy = error, error.sqlstate in self.remedies
                pause = attempts.pause_after(error, has_remedy=has_remedy)
                failure = error if pause is not None else attempts.outcome(error)
                self.count_error("" if has_remedy and pause is not None else work.name, failure)
                if pause is None:
                    _log_given_up(error)
                    raise failure from failure.__cause__
            else:
                return answer
            finally:
                connections.release(connection)
            self._prepare_repeat(refusal, pause, until)
            acquire = partial(self._acquire_again, attempts)

    def _acquire_again(self, attempts: Attempts, until: float, *, writes: bool) -> DeadlineConnection:
        """Where one connection was dead the other recent ones are too. What was sent on it is not done any more.

        SQL: queries/internal/connections.sql
        """
        while True:
            connection = self._connections.acquire_live(until, writes=writes)
            try:
                with suppress(DatabaseError):
                    for server, connected_at in attempts.sessions_on(connection):
                        self._ending(connection, pid=server[-1], session_seconds=monotonic() - connected_at)
            except BaseException:
                self._connections.release(connection)
                raise
            if not connection.closed:
                return connection
            self._connections.release(connection)

    def read_replica(self, name: str, parameters: Mapping[str, object]) -> Any | None:  # noqa: ANN401  the query's own
        """Run a query on the replica; return None if there is none, or it cannot be used now.

        Args:
            name: the query, one of those that are read there.
            parameters: its parameters by name.
        """
        return None if self.replica is None else self.replica.read(self.work(name), parameters)

    def _prepare_repeat(self, refusal: DatabaseError, pause: float, until: float) -> None:
        sleep(pause)
        remedy = self.remedies.get(refusal.sqlstate or "")
        if remedy is not None:  # last: until the repeat, others may bring the cause back
            remedy(refusal, until)

    def count_error(self, name: str, error: BaseException) -> None:
        """Count the error of a query.

        Args:
            name: the query; "" for a transaction, whose queries count their own, and for an error that has a remedy.
            error: what it ended with.
        """
        if name:
            self._counting.error(name, error)

    def _count_unsent(self, name: str, started: float, error: BaseException) -> None:
        if name:
            self._counting.failed_call(name, started, error)

    def confirm(self, connection: DeadlineConnection, name: str, *, commit: bool) -> None:
        """Make sure that a synchronous standby has what was committed on a connection.

        The first attempt at a write may be on this server only, and its repeat may have found nothing to write; a
        commit waits for all before it. A query with an operation id has written by itself.

        Args:
            connection: on which it was committed.
            name: the query; "" for a transaction.
            commit: True to commit something behind it.

        Raises:
            DatabaseUnavailable: the wait of one of the commits was cancelled.

        SQL: queries/internal/connections.sql
        """
        if commit:
            connection.is_unreplicated = False  # the next commit waits for both
            self._confirming(connection)
        if connection.is_unreplicated:
            connection.is_unreplicated = False
            raise DatabaseUnavailable(
                "committed, but the wait for a synchronous standby was cancelled",
                query=name,
                hint="see why the standby of synchronous_standby_names does not answer, and who cancels the waits",
            )

    @contextmanager
    def transaction(self, *, isolation: Isolation | None = None) -> Generator[TransactionSession]:
        """Run what the caller does in one transaction, on one connection and with one deadline; nothing is repeated.

        Args:
            isolation: the isolation level; default the server's.

        Raises:
            OutcomeUnknown: the answer to COMMIT was lost.
            DatabaseError: there was no connection in time, or a statement failed.
        """
        until = self.deadline()
        connection = self._connections.acquire_live(until, writes=True)
        transaction = TransactionSession(self, connection, isolation)
        try:
            with transaction:
                yield transaction
            if self.replica is not None:
                self.replica.add_write()
        finally:
            if not transaction.is_forked:  # the pool's locks may be held by threads that are not here
                self._connections.release(connection)

    def run(
        self,
        function: Callable[[TransactionSession], Result[Answer]],
        *,
        isolation: Isolation | None = None,
        policy: Policy = Policy.IF_UNDONE,
        writes: bool = True,
        deadline: float | None = None,
    ) -> Answer:
        """Run a function in a transaction; after a conflict, or a connection lost before COMMIT, run it again.

        Args:
            function: called with the transaction, once for each attempt.
            isolation: the isolation level; default the server's.
            policy: when it may be run again. With an operation id, a transaction whose COMMIT was not answered is too.
            writes: False for one that only reads.
            deadline: in seconds of `time.monotonic()`; default the settings' from now.

        Returns:
            What the function returns.

        Raises:
            OutcomeUnknown: the answer to COMMIT was lost, and `policy` does not let it be repeated.
            DatabaseError: a statement failed, or the deadline passed first.
            Exception: whatever the function raises.
        """

        def attempt(connection: DeadlineConnection) -> Answer:
            is_repeated = policy is not Policy.IF_UNDONE
            with TransactionSession(self, connection, isolation, is_repeated=is_repeated) as transaction:
                try:
                    return function(transaction)
                except DatabaseError as error:
                    if transaction.has_raised(error):
                        raise
                    raise _OthersError(error) from error

        try:
            answer: Answer = self.call(Work("", attempt, writes=writes), {}, policy=policy, deadline=deadline)
        except _OthersError as others:
            raise others.error from others.error.__cause__
        return answer


class _OthersError(Exception):
    """Holds an error that the function got outside its transaction, of which it says nothing."""

    def __init__(self, error: DatabaseError) -> None:
        super().__init__(str(error))
        self.error = error


def _log_given_up(error: DatabaseError) -> None:
    """Log what the adapter left open: an error that might have passed has not."""
    if is_transient(error):
        event(logging.ERROR, "DATABASE_ERROR", f"given up: {error.message}", query=error.query, sqlstate=error.sqlstate)
