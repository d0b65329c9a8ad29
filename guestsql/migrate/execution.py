"""One migration run to its end: in a transaction with its ledger row, or as one statement that can be repeated."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter, sleep
from typing import Any

import psycopg
from psycopg import Connection
from psycopg.pq import TransactionStatus

from guestsql._core.log import event
from guestsql.errors import DatabaseError, MigrationError
from guestsql.migrate.concurrent import concurrent_index
from guestsql.migrate.failure import StatementError, lost, migration_error, run_text
from guestsql.migrate.files import Migration
from guestsql.migrate.ledger import IndexState, Ledger
from guestsql.migrate.notices import noticed
from guestsql.migrate.session import Patience, require_lock, session_reset
from guestsql.migrate.watch import BlockerWatch
from guestsql.settings import Settings

__all__ = ["Applied", "CommitUnknown", "Execution"]


@dataclass(frozen=True, slots=True)
class Applied:
    """A migration that is in the ledger now.

    Attributes:
        version: its number.
        name: its name.
        file: its path.
        duration_ms: how long it ran, in milliseconds; 0 for a baseline.
        notices: what the server remarked, such as a role that could not be made, each with its hint; in order.
    """

    version: int
    name: str
    file: Path
    duration_ms: float
    notices: tuple[str, ...] = ()


class CommitUnknown(Exception):
    """The connection broke after COMMIT was sent and before it was answered.

    Attributes:
        migration: whose COMMIT it was.
    """

    def __init__(self, migration: Migration) -> None:
        super().__init__(migration.file.name)
        self.migration = migration


class Execution:
    """Runs migrations on one connection that holds the lock.

    Args:
        connection: direct, in autocommit, with the runner's settings.
        settings: for the second connection, which asks who blocks.
        url: the address.
        patience: how long to wait for locks.
    """

    def __init__(self, connection: Connection[Any], settings: Settings, url: str, patience: Patience) -> None:
        self._connection = connection
        self._settings = settings
        self._url = url
        self._patience = patience
        self._ledger = Ledger(connection)
        self._reset = session_reset(connection)

    def apply(self, migration: Migration) -> Applied:
        """Run one migration and enter it into the ledger.

        Args:
            migration: it must not be in the ledger.

        Raises:
            MigrationError: a statement failed, or locks could not be had; of a transactional file nothing is kept.
            DatabaseUnavailable: the connection broke before COMMIT.
            CommitUnknown: it broke at COMMIT.
        """
        once = self._in_transaction if migration.transactional else self._outside_transaction
        with noticed(self._connection) as notices:
            duration_ms = self._with_retries(migration, once)
        event(
            logging.INFO,
            "MIGRATION_APPLIED",
            migration.file.name,
            version=migration.version,
            duration_ms=duration_ms,
        )
        # A file that was tried again has remarked the same again.
        remarks = tuple(dict.fromkeys(notices))
        return Applied(migration.version, migration.name, migration.file, duration_ms, remarks)

    def _with_retries(self, migration: Migration, once: Callable[[Migration], float]) -> float:
        timeout = self._lock_timeout(migration)
        watch = BlockerWatch(self._settings, self._url, self._connection.info.backend_pid, migration.file.name)
        for attempt in range(1, self._patience.attempts + 1):
            try:
                with watch.after(timeout / 4):
                    return once(migration)
            except StatementError as failure:
                self._roll_back()
                self._stop_unless_lock(migration, failure, attempt, watch.blockers)
                event(
                    logging.WARNING,
                    "MIGRATION_WAITING",
                    f"{migration.file.name}: {failure.error.diag.message_primary}; blocked by {watch.blockers or '?'}",
                    version=migration.version,
                    attempt=attempt,
                    sqlstate=failure.error.sqlstate,
                )
            sleep(self._patience.pause(attempt))
        raise AssertionError("the last attempt returns or raises")  # pragma: no cover

    def _stop_unless_lock(self, migration: Migration, failure: StatementError, attempt: int, blockers: str) -> None:
        if failure.is_lost:
            raise lost(migration, failure.error) from failure.error
        if failure.is_lock and attempt < self._patience.attempts:
            return
        hint = ""
        if failure.is_lock:
            hint = f"tried {attempt} times; blocked by {blockers or 'a session that is gone now'}"
        in_bytes = self._connection.info.parameter_status("server_encoding") == "SQL_ASCII"
        raise migration_error(migration, failure, in_bytes=in_bytes, hint=hint) from failure.error

    def _in_transaction(self, migration: Migration) -> float:
        """The file as it is and its ledger row, in one transaction."""
        started = perf_counter()
        self._run("BEGIN ISOLATION LEVEL READ COMMITTED")
        require_lock(self._ledger)
        lock_timeout = f"SET LOCAL lock_timeout = {_milliseconds(self._patience.lock_timeout)}"
        self._run(lock_timeout)
        run_text(self._connection, migration.text)
        if self._connection.info.transaction_status != TransactionStatus.INTRANS:
            raise MigrationError("the file ended the runner's transaction", file=migration.file)
        self._run(self._reset)
        self._run(lock_timeout)
        duration_ms = _since(started)
        self._record(migration, duration_ms)
        self._commit(migration)
        return duration_ms

    def _commit(self, migration: Migration) -> None:
        try:
            self._run("COMMIT")
        except StatementError as failure:
            if failure.is_lost:
                raise CommitUnknown(migration) from failure.error
            raise

    def _outside_transaction(self, migration: Migration) -> float:
        """The statement, what it must have made, then the ledger row; a death between them is mended by repeating."""
        started = perf_counter()
        require_lock(self._ledger)
        self._run(f"SET lock_timeout = {_milliseconds(self._lock_timeout(migration))}")
        self._drop_invalid_index(migration)
        run_text(self._connection, migration.text)
        self._run(self._reset)
        self._require_valid_index(migration)
        duration_ms = _since(started)
        require_lock(self._ledger)
        self._record(migration, duration_ms)
        return duration_ms

    def _drop_invalid_index(self, migration: Migration) -> None:
        """Drop what a failed CREATE INDEX CONCURRENTLY left, for IF NOT EXISTS would be content with it."""
        state = self._index_state(migration)
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
            f"{migration.file.name}: an earlier try left an invalid index; dropping it first",
            version=migration.version,
        )
        self._run(state.drop_statement)

    def _require_valid_index(self, migration: Migration) -> None:
        index = concurrent_index(migration.statements[0])
        if index is None:
            return
        state = self._index_state(migration)
        if state is None or not state.is_of_table:
            raise MigrationError(
                f"{index.name} is not an index of {index.table}: another relation has the name, so IF NOT EXISTS "
                "made nothing",
                file=migration.file,
                hint="give the index a name of its own",
            )
        if not state.is_valid:
            raise MigrationError(
                f"the index {index.name} is invalid", file=migration.file, hint="run guestsql migrate up again"
            )

    def _index_state(self, migration: Migration) -> IndexState | None:
        index = concurrent_index(migration.statements[0])
        return None if index is None else self._ledger.index_state(index)

    def _lock_timeout(self, migration: Migration) -> float:
        concurrent = not migration.transactional and "concurrently" in migration.statements[0].words
        return self._patience.concurrent_lock_timeout if concurrent else self._patience.lock_timeout

    def _record(self, migration: Migration, duration_ms: float) -> None:
        try:
            self._ledger.record(migration, duration_ms=duration_ms)
        except DatabaseError as error:
            if isinstance(error.__cause__, psycopg.Error):
                # As if it were a statement after the file's last: a lock timeout is met by trying again.
                raise StatementError(error.__cause__, len(migration.statements)) from error
            raise

    def _run(self, statement: str) -> None:
        run_text(self._connection, statement)

    def _roll_back(self) -> None:
        if not self._connection.closed:
            self._connection.rollback()


def _milliseconds(seconds: float) -> int:
    # 0 would mean no timeout at all.
    return max(1, round(seconds * 1000))


def _since(started: float) -> float:
    return round((perf_counter() - started) * 1000, 3)
