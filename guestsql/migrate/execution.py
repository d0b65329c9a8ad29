"""Run one migration: in a transaction with its ledger row, or as one statement that can be repeated."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter, sleep
from typing import Any

import psycopg
from psycopg import Connection
from psycopg.pq import TransactionStatus

from guestsql.errors import DatabaseError, MigrationError
from guestsql.migrate.blocking import way_out
from guestsql.migrate.concurrent import concurrent_index
from guestsql.migrate.failure import StatementError, lost, migration_error, run_text
from guestsql.migrate.files import Migration
from guestsql.migrate.ledger import IndexState, Ledger
from guestsql.migrate.notices import collect_notices
from guestsql.migrate.session import RetryPolicy, session_reset, work_session
from guestsql.migrate.watch import BlockerWatch
from guestsql.settings import Settings
from guestsql.telemetry.log import event
from guestsql.wording import counted

__all__ = ["Applied", "CommitUnknown", "Execution"]


@dataclass(frozen=True, slots=True)
class Applied:
    """A migration that was applied or recorded.

    Attributes:
        series: `guestsql` or `own`.
        version: its number or timestamp; 0 for a repeatable file.
        name: its name.
        file: its path.
        duration_ms: how long it ran, in milliseconds; 0 for a baseline.
        notices: the server's notices, such as a role that could not be created, each with its hint; in order.
    """

    series: str
    version: int
    name: str
    file: Path
    duration_ms: float
    notices: tuple[str, ...] = ()


class CommitUnknown(Exception):
    """The connection was lost after COMMIT was sent and before the answer.

    Attributes:
        migration: the one that the COMMIT belongs to.
    """

    def __init__(self, migration: Migration) -> None:
        super().__init__(migration.file.name)
        self.migration = migration


class Execution:
    """Runs migrations, each attempt on a connection of its own.

    Args:
        lock_ledger: on the connection that holds the lock of the run, which also finds out who blocks.
        settings: for the time to connect.
        url: a direct address.
        retry: how long to wait for locks and how often to try.
    """

    def __init__(self, lock_ledger: Ledger, settings: Settings, url: str, retry: RetryPolicy) -> None:
        self._lock_ledger = lock_ledger
        self._settings = settings
        self._url = url
        self._retry = retry

    def apply(self, migration: Migration) -> Applied:
        """Run one migration and record it.

        Args:
            migration: one that is pending.

        Raises:
            MigrationError: a statement failed, a lock was not granted, or the run's lock is lost; nothing of a
                transactional file is kept.
            DatabaseUnavailable: a connection was lost before COMMIT.
            CommitUnknown: it was lost at COMMIT.
        """
        notices: list[str] = []
        duration_ms = self._with_retries(migration, notices)
        event(
            logging.INFO,
            "MIGRATION_APPLIED",
            migration.file.name,
            series=migration.series,
            version=migration.version,
            duration_ms=duration_ms,
        )
        # Another attempt causes the same notices again.
        unique_notices = tuple(dict.fromkeys(notices))
        return Applied(migration.series, migration.version, migration.name, migration.file, duration_ms, unique_notices)

    def _with_retries(self, migration: Migration, notices: list[str]) -> float:
        timeout = _lock_timeout(migration, self._retry)
        blockers = ""
        for attempt in range(1, self._retry.attempts + 1):
            with work_session(self._settings, self._url, self._retry, self._lock_ledger) as connection:
                watch = BlockerWatch(self._lock_ledger, connection.info.backend_pid, migration.file.name)
                try:
                    with watch.after(timeout / 4), collect_notices(connection, notices):
                        return _Attempt(connection, migration, self._retry).run()
                except StatementError as failure:
                    blockers = watch.blockers or blockers
                    self._stop_unless_lock(connection, migration, failure, attempt, blockers)
                    event(
                        logging.WARNING,
                        "MIGRATION_WAITING",
                        f"{migration.file.name}: {failure.error.diag.message_primary}; blocked by {blockers or '?'}",
                        version=migration.version,
                        attempt=attempt,
                        sqlstate=failure.error.sqlstate,
                    )
            sleep(self._retry.pause(attempt))
        raise AssertionError("the last attempt returns or raises")  # pragma: no cover

    def _stop_unless_lock(
        self, connection: Connection[Any], migration: Migration, failure: StatementError, attempt: int, blockers: str
    ) -> None:
        if failure.is_lost:
            raise lost(migration, failure.error) from failure.error
        if failure.is_lock and attempt < self._retry.attempts:
            return
        if failure.is_lock:
            hint = f"tried {counted(attempt, 'time')}; blocked by {blockers or 'a session that has ended'}"
        else:
            hint = way_out(self._lock_ledger, migration, failure)
        in_bytes = connection.info.parameter_status("server_encoding") == "SQL_ASCII"
        raise migration_error(migration, failure, in_bytes=in_bytes, hint=hint) from failure.error


class _Attempt:
    """One attempt at a file, on a new connection with the runner's settings, in autocommit."""

    def __init__(self, connection: Connection[Any], migration: Migration, retry: RetryPolicy) -> None:
        self._connection = connection
        self._migration = migration
        self._retry = retry
        self._ledger = Ledger(connection)
        self._reset = session_reset(connection)

    def run(self) -> float:
        """Run the file and record it; return how long it took, in milliseconds."""
        return self._in_transaction() if self._migration.transactional else self._outside_transaction()

    def _in_transaction(self) -> float:
        """The file as it is and its ledger row, in one transaction."""
        migration = self._migration
        started = perf_counter()
        self._run("BEGIN ISOLATION LEVEL READ COMMITTED")
        lock_timeout = f"SET LOCAL lock_timeout = {_milliseconds(self._retry.lock_timeout)}"
        self._run(lock_timeout)
        run_text(self._connection, migration.text)
        if self._connection.info.transaction_status != TransactionStatus.INTRANS:
            raise MigrationError("the file ended the runner's transaction", file=migration.file)
        self._run(self._reset)
        self._run(lock_timeout)
        duration_ms = _since(started)
        self._record(duration_ms)
        self._commit()
        return duration_ms

    def _commit(self) -> None:
        try:
            self._run("COMMIT")
        except StatementError as failure:
            if failure.is_lost:
                raise CommitUnknown(self._migration) from failure.error
            raise

    def _outside_transaction(self) -> float:
        """The statement, a check of its index, then the ledger row; a run that dies in between is repeated."""
        started = perf_counter()
        self._run(f"SET lock_timeout = {_milliseconds(_lock_timeout(self._migration, self._retry))}")
        self._drop_invalid_index()
        run_text(self._connection, self._migration.text)
        self._run(self._reset)
        self._require_valid_index()
        duration_ms = _since(started)
        self._record(duration_ms)
        return duration_ms

    def _drop_invalid_index(self) -> None:
        """Drop what a failed CREATE INDEX CONCURRENTLY left: IF NOT EXISTS would accept it."""
        migration, state = self._migration, self._index_state()
        if state is None or state.is_valid or not state.is_of_table:
            return
        if state.builder_pid is not None:
            raise MigrationError(
                f"server process {state.builder_pid} is building this index now",
                file=migration.file,
                hint="run guestsql migrate up again when it is done",
            )
        event(
            logging.WARNING,
            "MIGRATION_INVALID_INDEX",
            f"{migration.file.name}: an earlier attempt left an invalid index; dropping it first",
            version=migration.version,
        )
        self._run(state.drop_statement)

    def _require_valid_index(self) -> None:
        migration = self._migration
        index = concurrent_index(migration.statements[0])
        if index is None:
            return
        state = self._index_state()
        if state is None or not state.is_of_table:
            raise MigrationError(
                f"{index.name} is not an index of {index.table}: another relation has the name, so IF NOT EXISTS "
                "created nothing",
                file=migration.file,
                hint="give the index another name",
            )
        if not state.is_valid:
            raise MigrationError(
                f"the index {index.name} is invalid", file=migration.file, hint="run guestsql migrate up again"
            )

    def _index_state(self) -> IndexState | None:
        index = concurrent_index(self._migration.statements[0])
        return None if index is None else self._ledger.index_state(index)

    def _record(self, duration_ms: float) -> None:
        try:
            self._ledger.record(self._migration, duration_ms=duration_ms)
        except DatabaseError as error:
            if isinstance(error.__cause__, psycopg.Error):
                # Like a statement after the file's last one, so that a lock timeout is retried.
                raise StatementError(error.__cause__, len(self._migration.statements)) from error
            raise

    def _run(self, statement: str) -> None:
        run_text(self._connection, statement)


def _lock_timeout(migration: Migration, retry: RetryPolicy) -> float:
    concurrent = not migration.transactional and "concurrently" in migration.statements[0].words
    return retry.concurrent_lock_timeout if concurrent else retry.lock_timeout


def _milliseconds(seconds: float) -> int:
    # 0 would mean no timeout at all.
    return max(1, round(seconds * 1000))


def _since(started: float) -> float:
    return round((perf_counter() - started) * 1000, 3)
