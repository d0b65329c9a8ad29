"""The runner's connections: one that holds the lock of the run, and a new one for each file."""

from __future__ import annotations

import logging
from collections.abc import Generator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, replace
from time import monotonic, sleep
from typing import Any

import psycopg
from psycopg import Connection

from guestsql.errors import DatabaseError, DatabaseUnavailable, MigrationError
from guestsql.migrate.ledger import Ledger, Lock
from guestsql.settings import Settings
from guestsql.sql._sync.connection import connect
from guestsql.sql.translate import is_permanent
from guestsql.telemetry.log import event

__all__ = ["RetryPolicy", "connect_within", "locked", "require_lock", "session_reset", "work_session"]

# Timeouts of the role or the database must not end a long migration, nor the lock's connection while it waits.
_SESSION_SETTINGS = """
    SET client_encoding = 'UTF8';
    SET standard_conforming_strings = on;
    SET statement_timeout = 0;
    SET lock_timeout = 0;
    SET idle_session_timeout = 0;
    SET idle_in_transaction_session_timeout = 0
"""
_HAS_TRANSACTION_TIMEOUT = 170000
_TRANSACTION_TIMEOUT = "SET transaction_timeout = 0"
# The server process of a killed runner ends, and releases its locks. Not every platform supports this.
_CHECK_CLIENT = "SET client_connection_check_interval = '1s'"

_RESET = "RESET SESSION AUTHORIZATION; RESET ROLE; RESET ALL"

_REPORT_SECONDS = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """How long the runner waits for others. All times in seconds, above 0.

    Attributes:
        lock_timeout: how long a transactional file waits for one table lock; sessions that queue behind it wait as
            long.
        concurrent_lock_timeout: the same for a statement with CONCURRENTLY, behind which no session queues.
        attempts: how often a file is tried after lock timeouts and deadlocks, 1 or more.
        first_pause: the pause after the first attempt; it doubles each time.
        longest_pause: the upper limit of the pauses.
        turn: how long to wait for another runner on the same database.
        reconnect: how long to try to reconnect after a COMMIT without an answer.
    """

    lock_timeout: float = 4.0
    concurrent_lock_timeout: float = 600.0
    attempts: int = 10
    first_pause: float = 0.5
    longest_pause: float = 15.0
    turn: float = 3600.0
    reconnect: float = 30.0

    def pause(self, attempt: int) -> float:
        """Return the pause after an attempt, in seconds.

        Args:
            attempt: the number of the attempt, 1 or more.
        """
        return min(self.longest_pause, self.first_pause * 2.0 ** (attempt - 1))


def connect_within(settings: Settings, url: str, seconds: float, *, session: bool = True) -> Connection[Any]:
    """Open a connection, retrying while the server does not answer.

    Retrying does not help against a wrong password, role or database, refused TLS or an invalid parameter. An unknown
    host is retried: in a private network, names appear after the machines.

    Args:
        settings: for the time that one attempt may take.
        url: the address.
        seconds: how long to keep trying; 0 tries once.
        session: True when session state is needed, which a transaction pooler does not keep.

    Raises:
        SettingsError: the address does not parse, or points to a pooler and a session is needed.
        DatabaseUnavailable: the time is over, or retrying cannot help.
    """
    deadline = monotonic() + seconds
    pause = 0.1
    is_reported = False
    while True:
        try:
            return connect(_within_deadline(settings, deadline, seconds), url, session=session)
        except DatabaseUnavailable as error:
            if is_permanent(error) or monotonic() + pause > deadline:
                raise
            if not is_reported:
                event(logging.WARNING, "MIGRATION_WAITING", f"no connection yet: {error.message}", seconds=seconds)
                is_reported = True
        sleep(pause)
        pause = min(1.0, pause * 1.5)


@contextmanager
def work_session(settings: Settings, url: str, retry: RetryPolicy, lock_ledger: Ledger) -> Generator[Connection[Any]]:
    """A new connection for one file, closed at its end: what a file leaves in its session does not reach the next.

    Args:
        settings: for the time that one attempt to connect may take.
        url: a direct address.
        retry: `reconnect` is how long to keep trying to connect.
        lock_ledger: on the connection that holds the lock of the run.

    Raises:
        MigrationError: the lock of the run is no longer held.
        DatabaseUnavailable: no connection, or the lock's connection was lost.
    """
    with closing(connect_within(settings, url, retry.reconnect)) as connection:
        _prepare(connection)
        ledger = Ledger(connection)
        _wait_for(ledger, Lock.FILE, retry)
        try:
            require_lock(lock_ledger)
            yield connection
        finally:
            # The server ends the session a little later: the next file would find the lock taken.
            _unlock(connection, ledger, Lock.FILE)


@contextmanager
def locked(connection: Connection[Any], ledger: Ledger, retry: RetryPolicy) -> Generator[None]:
    """Hold the lock of the run on the database.

    Waits by polling, outside any transaction: a session that waits inside a statement would keep a snapshot, and CREATE
    INDEX CONCURRENTLY of the runner that has the lock would wait for it.

    Args:
        connection: direct, in autocommit; it runs no file.
        ledger: on that connection.
        retry: `turn` is how long to wait.

    Raises:
        MigrationError: another runner kept the lock for that long; names it.
    """
    _prepare(connection)
    _wait_for(ledger, Lock.RUN, retry)
    try:
        # A file of a runner that was killed or cut off may not have ended yet.
        _wait_for(ledger, Lock.FILE, retry)
        ledger.unlock(Lock.FILE)
        yield
    finally:
        _unlock(connection, ledger, Lock.RUN)


def _unlock(connection: Connection[Any], ledger: Ledger, lock: Lock) -> None:
    # A lost connection has already lost the lock, and one in a failed transaction is about to be closed.
    if not connection.closed and connection.info.transaction_status == psycopg.pq.TransactionStatus.IDLE:
        with suppress(DatabaseError):
            ledger.unlock(lock)


def require_lock(ledger: Ledger) -> None:
    """Check that the connection still holds the lock of the run.

    Raises:
        MigrationError: it does not.
        DatabaseUnavailable: the connection was lost.
    """
    try:
        is_held = ledger.holds_run_lock()
    except DatabaseUnavailable as error:
        raise DatabaseUnavailable(
            f"the connection that held the migration lock was lost: {error.message}",
            sqlstate=error.sqlstate,
            hint="run guestsql migrate up again: what was applied stays, and nothing was started without the lock",
        ) from error
    if not is_held:
        raise MigrationError(
            "the migration lock is no longer held: the connection has another server process",
            hint="the address seems to be that of a transaction pooler: set DATABASE_UNPOOLED_URL to the server's own",
        )


def session_reset(connection: Connection[Any]) -> str:
    """Return the statements that restore the runner's settings before it writes the ledger, whatever a file has set.

    Args:
        connection: it has run no file yet.
    """
    row = connection.execute("SHOW client_connection_check_interval").fetchone()
    checks_client = row is not None and row[0] != "0"
    return "; ".join([_RESET, _session_settings(connection), *([_CHECK_CLIENT] if checks_client else [])])


def _session_settings(connection: Connection[Any]) -> str:
    if connection.info.server_version < _HAS_TRANSACTION_TIMEOUT:
        return _SESSION_SETTINGS
    return f"{_SESSION_SETTINGS}; {_TRANSACTION_TIMEOUT}"


def _prepare(connection: Connection[Any]) -> None:
    connection.execute(_session_settings(connection).encode(), prepare=False)
    try:
        connection.execute(_CHECK_CLIENT, prepare=False)
    except psycopg.errors.InvalidParameterValue as error:
        event(
            logging.DEBUG, "MIGRATION_NOTICE", f"the server notices a killed runner later: {error.diag.message_primary}"
        )


def _within_deadline(settings: Settings, deadline: float, seconds: float) -> Settings:
    """One attempt must not outlast the whole wait."""
    if seconds <= 0:
        return settings
    left = max(1.0, deadline - monotonic())
    return replace(settings, deadline_seconds=min(settings.deadline_seconds, left))


def _wait_for(ledger: Ledger, lock: Lock, retry: RetryPolicy) -> None:
    started = monotonic()
    report_at, pause = started, 0.05
    while not ledger.try_lock(lock):
        now = monotonic()
        if now - started > retry.turn:
            raise MigrationError(
                f"another runner has held the migration lock for {retry.turn:g} s: {ledger.lock_holder(lock)}",
                hint="wait for it, or end it with pg_terminate_backend if it does nothing",
            )
        if now >= report_at:
            event(logging.INFO, "MIGRATION_WAITING", f"another runner is working: {ledger.lock_holder(lock)}")
            report_at = now + _REPORT_SECONDS
        sleep(pause)
        pause = min(1.0, pause * 1.5)
