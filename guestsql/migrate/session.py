"""The runner's connections: one that holds the lock of the whole run, and a new one for each file."""

from __future__ import annotations

import logging
from collections.abc import Generator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, replace
from time import monotonic, sleep
from typing import Any

import psycopg
from psycopg import Connection

from guestsql.errors import DatabaseUnavailable, MigrationError
from guestsql.migrate.ledger import Ledger, Lock
from guestsql.settings import Settings
from guestsql.sql._sync.connection import connect
from guestsql.sql.translate import is_permanent
from guestsql.telemetry.log import event

__all__ = ["Patience", "connect_within", "locked", "require_lock", "session_reset", "work_session"]

# What a role or a database may have set must not end a long migration, nor the lock's connection while it waits.
_OWN = """
    SET client_encoding = 'UTF8';
    SET standard_conforming_strings = on;
    SET statement_timeout = 0;
    SET lock_timeout = 0;
    SET idle_session_timeout = 0;
    SET idle_in_transaction_session_timeout = 0
"""
_HAS_TRANSACTION_TIMEOUT = 170000
_TRANSACTION_TIMEOUT = "SET transaction_timeout = 0"
# A server process whose runner was killed notices it and ends, and its locks with it. Not every platform can.
_NOTICE_DEATH = "SET client_connection_check_interval = '1s'"

_RESET = "RESET SESSION AUTHORIZATION; RESET ROLE; RESET ALL"

_REPORT_SECONDS = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long the runner waits for others. All times in seconds, above 0.

    Attributes:
        lock_timeout: a transactional file waits this long for one table lock; whoever queues behind it waits as long.
        concurrent_lock_timeout: the same for a statement with CONCURRENTLY, behind which nobody queues.
        attempts: how often a file is tried when it meets lock timeouts or deadlocks, 1 or more.
        first_pause: the pause after the first try; it doubles with each.
        longest_pause: no pause is longer.
        turn: how long to wait for another runner on the same database.
        reconnect: how long to try to reach the server again when a COMMIT got no answer.
    """

    lock_timeout: float = 4.0
    concurrent_lock_timeout: float = 600.0
    attempts: int = 10
    first_pause: float = 0.5
    longest_pause: float = 15.0
    turn: float = 3600.0
    reconnect: float = 30.0

    def pause(self, attempt: int) -> float:
        """Return the pause after a try, in seconds.

        Args:
            attempt: the try's number, 1 or more.
        """
        return min(self.longest_pause, self.first_pause * 2.0 ** (attempt - 1))


def connect_within(settings: Settings, url: str, seconds: float, *, session: bool = True) -> Connection[Any]:
    """Open a connection, trying again while the server does not answer.

    A wrong password, role or database, refused TLS or an invalid parameter is no reason to wait: it stays. A host that
    is not known may come: a private network's names appear after its machines.

    Args:
        settings: for the time that one try may take.
        url: the address.
        seconds: how long to keep trying; 0 tries once.
        session: True when session state is needed, which a transaction pooler does not give.

    Raises:
        SettingsError: the address does not parse, or leads to a pooler and a session is needed.
        DatabaseUnavailable: the time is over, or waiting cannot help.
    """
    deadline = monotonic() + seconds
    pause = 0.1
    told = False
    while True:
        try:
            return connect(_hurried(settings, deadline, seconds), url, session=session)
        except DatabaseUnavailable as error:
            if is_permanent(error) or monotonic() + pause > deadline:
                raise
            if not told:
                event(logging.WARNING, "MIGRATION_WAITING", f"no connection yet: {error.message}", seconds=seconds)
                told = True
        sleep(pause)
        pause = min(1.0, pause * 1.5)


@contextmanager
def work_session(settings: Settings, url: str, patience: Patience, lock_ledger: Ledger) -> Generator[Connection[Any]]:
    """A new connection for one file, closed at its end: nothing that a file leaves in its session reaches the next.

    Args:
        settings: for the time that one try to connect may take.
        url: a direct address.
        patience: `reconnect` is how long to keep trying to connect.
        lock_ledger: upon the connection that holds the lock of the run.

    Raises:
        MigrationError: the lock of the run is not held any more.
        DatabaseUnavailable: no connection, or the lock's connection was lost.
    """
    with closing(connect_within(settings, url, patience.reconnect)) as connection:
        _prepare(connection)
        _wait_for(Ledger(connection), Lock.FILE, patience)
        require_lock(lock_ledger)
        yield connection


@contextmanager
def locked(connection: Connection[Any], ledger: Ledger, patience: Patience) -> Generator[None]:
    """Hold the lock of the run upon the database.

    Waits by asking again and again, outside any transaction: a session that waits inside a statement would keep a
    snapshot, for which CREATE INDEX CONCURRENTLY of the runner that has the lock waits in turn.

    Args:
        connection: direct, in autocommit; it runs no file.
        ledger: upon that connection.
        patience: `turn` is how long to wait.

    Raises:
        MigrationError: another runner kept the lock for that long; says who.
    """
    _prepare(connection)
    _wait_for(ledger, Lock.RUN, patience)
    try:
        # A file of a runner that was killed or cut off may not have ended yet.
        _wait_for(ledger, Lock.FILE, patience)
        ledger.unlock(Lock.FILE)
        yield
    finally:
        # A lost connection has lost the lock already, and one in a failed transaction is about to be closed.
        if not connection.closed and connection.info.transaction_status == psycopg.pq.TransactionStatus.IDLE:
            with suppress(DatabaseUnavailable):
                ledger.unlock(Lock.RUN)


def require_lock(ledger: Ledger) -> None:
    """Check that the connection of the run's lock is there and holds it.

    Raises:
        MigrationError: it does not hold it.
        DatabaseUnavailable: it was lost.
    """
    try:
        is_held = ledger.holds_run_lock()
    except DatabaseUnavailable as error:
        raise DatabaseUnavailable(
            f"the connection that held the migration lock was lost: {error.message}",
            sqlstate=error.sqlstate,
            hint="run guestsql migrate up again: what was applied stays, and nothing was begun without the lock",
        ) from error
    if not is_held:
        raise MigrationError(
            "the migration lock is not held any more: the connection changed its server process",
            hint="the address seems to be a transaction pooler's: set DATABASE_UNPOOLED_URL to the server's own",
        )


def session_reset(connection: Connection[Any]) -> str:
    """Return what brings a session back to the runner's settings before the ledger's row, whatever a file has set.

    Args:
        connection: it has run no file yet.
    """
    row = connection.execute("SHOW client_connection_check_interval").fetchone()
    notices = row is not None and row[0] != "0"
    return "; ".join([_RESET, _own_settings(connection), *([_NOTICE_DEATH] if notices else [])])


def _own_settings(connection: Connection[Any]) -> str:
    if connection.info.server_version < _HAS_TRANSACTION_TIMEOUT:
        return _OWN
    return f"{_OWN}; {_TRANSACTION_TIMEOUT}"


def _prepare(connection: Connection[Any]) -> None:
    connection.execute(_own_settings(connection).encode(), prepare=False)
    try:
        connection.execute(_NOTICE_DEATH, prepare=False)
    except psycopg.errors.InvalidParameterValue as error:
        event(logging.DEBUG, "MIGRATION_NOTICE", f"a killed runner is noticed later here: {error.diag.message_primary}")


def _hurried(settings: Settings, deadline: float, seconds: float) -> Settings:
    """One try must not outlast the whole wait."""
    if seconds <= 0:
        return settings
    left = max(1.0, deadline - monotonic())
    return replace(settings, deadline_seconds=min(settings.deadline_seconds, left))


def _wait_for(ledger: Ledger, lock: Lock, patience: Patience) -> None:
    started = monotonic()
    report_at, pause = started, 0.05
    while not ledger.try_lock(lock):
        now = monotonic()
        if now - started > patience.turn:
            raise MigrationError(
                f"another runner has held the migration lock for {patience.turn:g} s: {ledger.lock_holder(lock)}",
                hint="wait for it, or end it with pg_terminate_backend if it does nothing",
            )
        if now >= report_at:
            event(logging.INFO, "MIGRATION_WAITING", f"another runner is at work: {ledger.lock_holder(lock)}")
            report_at = now + _REPORT_SECONDS
        sleep(pause)
        pause = min(1.0, pause * 1.5)
