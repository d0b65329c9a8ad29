# Generated from ../_async by tools/generate_sync.py (make sync). Do not edit.
"""A pool of connections: psycopg's pool, with a stack of recently used connections in front of it."""

from __future__ import annotations

import logging
import math
from collections import deque
from contextlib import suppress
from dataclasses import replace
from time import monotonic
from typing import Any

import psycopg
from psycopg import sql
from psycopg.pq import TransactionStatus
from psycopg_pool import PoolClosed, PoolTimeout

from guestsql.errors import DatabaseUnavailable
from guestsql.settings import Pooler, Settings
from guestsql.sql._sync.abandoned import AbandonedSessions
from guestsql.sql._sync.connection import (
    DeadlineConnection,
    connection_arguments,
    recognise,
)
from guestsql.sql._sync.pooled import Pool, PooledConnection
from guestsql.sql.outage import POOL_NAME, Outage
from guestsql.sql.runtime import Permits, end_with_loop, sleep
from guestsql.sql.transactions import statement_timeout
from guestsql.sql.translate import is_permanent
from guestsql.telemetry.log import event

__all__ = ["Connections"]

# A waiting client alone does not make the pool try to connect again; a new request does.
_ASK_AGAIN_SECONDS = 1.0
# After this a connection leaves the stack for the pool, which closes old and idle ones.
_AT_HAND_SECONDS = 30.0
# One connection of so many is for reads alone: all writes may wait for the same thing, such as a synchronous standby.
_READ_SHARE = 5
# While sessions are abandoned, a waiting caller checks again after this.
_LOOK_AGAIN_SECONDS = 0.1
# How often the server checks whether the client of a running statement has gone; it then ends the statement.
_CLIENT_CHECK_SECONDS = 1.0
# How long closing waits for a connection that is being made; it is closed as soon as it is there.
_CLOSING_SECONDS = 1.0


class Connections:
    """Connections to one server, which callers acquire and release.

    To acquire one from psycopg's pool costs a tenth of the whole read of a cached context. So a released connection is
    put on a stack in front of the pool, and reused from there. No caller waits for the stack: one that finds it empty
    announces itself and waits for the pool, and from then on connections are released to the pool.

    A connection that was closed in the middle of a statement leaves a session behind, which may last: a commit that
    waits for a synchronous standby cannot be ended. It keeps its place in the pool, and its permit to write, until the
    server reports that it has ended. So there are never more sessions than `pool_max`, and some are left for reads.

    Args:
        settings: for deadlines and the size of the pool.
        url: the server.
        server: what the log calls it; "" for the primary.
    """

    def __init__(self, settings: Settings, url: str, *, server: str = "") -> None:
        self._settings = settings
        # Half of the deadline, so that a caller outlives an attempt whose packets were lost: one is made at a time.
        self._attempt = replace(settings, deadline_seconds=settings.deadline_seconds / 2)
        self._declared: Pooler = settings.pooler_of(url)
        self._at_hand: deque[PooledConnection] = deque()
        self._waiting = 0
        self._closed = False
        self._outage = Outage(server)
        self._next_attempt_at = 0.0
        self._abandoned = AbandonedSessions(settings.pool_max)
        self._permits = Permits(max(1, settings.pool_max - max(1, settings.pool_max // _READ_SHARE)))
        self._pool = Pool(
            connection_class=PooledConnection,
            kwargs={
                **connection_arguments(self._attempt, url),
                "outage": self._outage,
                "set_up": self._set_up,
            },
            min_size=settings.pool_min,
            max_size=settings.pool_max,
            open=False,
            # Given up soon: the next caller starts a new attempt at once, instead of waiting out a long back-off.
            reconnect_timeout=_ASK_AGAIN_SECONDS,
            name=f"{POOL_NAME}{id(self):x}",
        )

    def open(self) -> None:
        """Start connecting, without waiting for it."""
        self._pool.open()
        end_with_loop(self._pool.name)

    def close(self) -> None:
        """Close all connections; those in use are closed when they are released."""
        self._closed = True
        self._empty_hand()
        self._pool.close(_CLOSING_SECONDS)

    def acquire(self, deadline: float, *, writes: bool = False) -> DeadlineConnection:
        """Take a connection, which may turn out to be dead.

        Args:
            deadline: until when to wait for one, and the connection's own, in seconds of `time.monotonic()`.
            writes: True for a statement that writes; a part of the pool is for reads alone.

        Raises:
            DatabaseUnavailable: there was none in time.
        """
        if writes:
            self._wait_for_permit(deadline)
        try:
            connection = self._at_hand.pop()
        except IndexError:
            try:
                connection = self._wait_for_one(deadline)
            except BaseException:
                if writes:
                    self._permits.release()
                raise
        connection.deadline = deadline
        connection.writes = writes
        return connection

    def acquire_live(self, deadline: float, *, writes: bool = False) -> DeadlineConnection:
        """Take a connection whose server has not hung up, as far as the socket shows without a round trip.

        Args:
            deadline: as for `acquire`.
            writes: likewise.

        Raises:
            DatabaseUnavailable: there was none in time.
        """
        while True:
            connection = self.acquire(deadline, writes=writes)
            if connection.is_live():
                return connection
            connection.close()
            self.release(connection)

    def acquire_if_reachable(self, deadline: float) -> DeadlineConnection | None:
        """Take a connection unless the server cannot be reached, as far as that is known.

        Args:
            deadline: as for `acquire`.

        Returns:
            The connection; None if the last attempt to make one has failed or has no answer yet.

        Raises:
            DatabaseUnavailable: there was none in time.
        """
        if self._at_hand or self._outage.failure is None:
            return self.acquire(deadline)
        now = monotonic()
        if now < self._next_attempt_at:
            return None
        self._next_attempt_at = now + _ASK_AGAIN_SECONDS
        with suppress(DatabaseUnavailable):  # a request has the pool try again
            connection = self.acquire(now)
            connection.deadline = deadline
            return connection
        return None

    def release(self, connection: Any) -> None:  # noqa: ANN401  what `acquire` returned
        """Return what was acquired, in whatever state."""
        if connection.abandoned_pid is not None and not self._closed:
            self._abandon(connection)
            return
        if connection.writes:
            connection.writes = False
            self._permits.release()
        now = monotonic()
        healthy = connection.pgconn.transaction_status == TransactionStatus.IDLE
        if not healthy or self._waiting or self._closed or now - connection.taken_at > _AT_HAND_SECONDS:
            self._pool.putconn(connection)
            return
        self._at_hand.append(connection)
        # Checked again after the append: a caller that announced itself meanwhile may have missed it.
        if self._waiting or self._closed:
            self._empty_hand()
        elif len(self._at_hand) > 1:
            self._retire(now)

    def _wait_for_permit(self, deadline: float) -> None:
        while not self._permits.take(min(deadline - monotonic(), self._pause())):
            if monotonic() >= deadline:
                raise self._unavailable()
            if self._abandoned.begin_asking():
                connection = self.acquire(deadline)
                try:
                    self._ask(connection)
                finally:
                    self.release(connection)

    def _wait_for_one(self, deadline: float) -> PooledConnection:
        self._waiting += 1
        try:
            if self._at_hand:  # released before this caller announced itself
                self._empty_hand()
            while True:
                try:
                    connection = self._pool.getconn(min(max(deadline - monotonic(), 0.001), self._pause()))
                except PoolTimeout as error:
                    if monotonic() >= deadline or self._is_refused():
                        raise self._unavailable() from error
                    continue
                connection.taken_at = monotonic()
                if not self._abandoned or self._is_admitted(connection, deadline):
                    return connection
                if monotonic() + _LOOK_AGAIN_SECONDS >= deadline:
                    raise self._unavailable()
                sleep(_LOOK_AGAIN_SECONDS)
        except PoolClosed as error:
            raise DatabaseUnavailable(
                "the database is not open", hint="use it as a context manager, or call open() first"
            ) from error
        finally:
            self._waiting -= 1

    def _pause(self) -> float:
        return _LOOK_AGAIN_SECONDS if self._abandoned else _ASK_AGAIN_SECONDS

    def _abandon(self, connection: PooledConnection) -> None:
        """Count the session of a connection that was closed in the middle of a statement."""
        free = self._abandoned.add(connection)
        count = len(self._abandoned)
        event(logging.WARNING, "SESSION_ABANDONED", "a connection was closed while the server worked", sessions=count)
        for place in free:
            self._pool.putconn(place)

    def _is_admitted(self, connection: PooledConnection, deadline: float) -> bool:
        """Look for abandoned sessions that have ended; give the connection back if it is still one too many."""
        connection.deadline = deadline
        is_admitted = False
        try:
            if self._abandoned.begin_asking():
                self._ask(connection)
            is_admitted = not self._abandoned.is_full and not connection.closed
        finally:
            if not is_admitted:
                self._pool.putconn(connection)
        return is_admitted

    def _ask(self, connection: DeadlineConnection) -> None:
        """Have the pool replace the connections whose sessions have ended."""
        try:
            ended = self._abandoned.ended(connection)
        except psycopg.Error as error:
            event(logging.WARNING, "SESSIONS_UNKNOWN", f"the abandoned sessions could not be looked up: {error}")
            return
        for each in ended:
            if each.writes:
                self._permits.release()
        for place in self._abandoned.free_places():
            self._pool.putconn(place)

    def _empty_hand(self) -> None:
        """Give the whole stack back to the pool."""
        self._retire(math.inf)

    def _retire(self, now: float) -> None:
        """Give back to the pool what lies at the bottom of the stack and has been out for long."""
        while True:
            try:
                oldest = self._at_hand.popleft()
            except IndexError:  # empty, or another thread was faster
                return
            if now - oldest.taken_at <= _AT_HAND_SECONDS:
                self._at_hand.appendleft(oldest)
                return
            self._pool.putconn(oldest)

    def _set_up(self, connection: DeadlineConnection) -> None:
        """Let the server end a statement whose caller has given up; a pooler would set it for other clients too."""
        connection.deadline = monotonic() + self._attempt.deadline_seconds
        recognise(connection, self._declared)
        if not connection.has_session:
            return
        milliseconds = statement_timeout(self._settings.deadline_seconds)
        connection.execute(sql.SQL("SET statement_timeout = {}").format(milliseconds))
        check = sql.SQL("SET client_connection_check_interval = {}").format(round(_CLIENT_CHECK_SECONDS * 1000))
        with suppress(psycopg.DataError):  # a server on Windows cannot look
            connection.execute(check)

    def _is_refused(self) -> bool:
        """Return whether waiting cannot help: the last attempt failed for a permanent reason."""
        failure = self._outage.failure
        return failure is not None and is_permanent(failure)

    def _unavailable(self) -> DatabaseUnavailable:
        seconds = self._settings.deadline_seconds
        failure = self._outage.failure
        if failure is None:
            reason, hint = "", "raise GUESTSQL_POOL_MAX, or hold connections for less time"
            if self._abandoned:
                reason, hint = f": {self._abandoned.reason}", self._abandoned.hint
            return DatabaseUnavailable(f"no connection was free for {seconds:g} s{reason}", hint=hint)
        waited = "no connection" if is_permanent(failure) else f"no connection within {seconds:g} s"
        return DatabaseUnavailable(f"{waited}: {failure.message}", sqlstate=failure.sqlstate, hint=failure.hint)
