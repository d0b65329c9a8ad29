"""The runner: applies migrations to one database, however many runners start at once."""

from __future__ import annotations

import logging
from collections.abc import Generator, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from time import sleep
from typing import Any

import psycopg
from psycopg import Connection
from psycopg.pq import TransactionStatus

from guestsql.errors import DatabaseError, DatabaseUnavailable, GuestSQLError, MigrationError, SettingsError
from guestsql.migrate.compare import (
    Problem,
    Status,
    disagreement_error,
    disagreements,
    pending,
    statuses,
)
from guestsql.migrate.execution import Applied, CommitUnknown, Execution
from guestsql.migrate.files import Migration
from guestsql.migrate.ledger import Entry, Ledger
from guestsql.migrate.notices import collect_notices
from guestsql.migrate.series import Series, configured_series, read_series
from guestsql.migrate.session import RetryPolicy, connect_within, locked, require_lock
from guestsql.settings import Settings
from guestsql.sql.translate import translate
from guestsql.telemetry.log import event

__all__ = ["Runner"]

_NO_RIGHT = "42501"
_LOCK_TIMEOUT = "55P03"


class Runner:
    """Runs series of migrations on one database.

    Args:
        settings: where `url` and `series` are taken from when they are not given, and the time to connect.
        url: a direct address, not a transaction pooler's; default `unpooled_url`, else `database_url`.
        series: what to run, in this order; default the packaged series, then the own one of `migrations_dir`. To run
            only your own: `[Series("own", folder)]`, or `packaged = false` in the settings.
        retry: how long to wait for locks and how often to try.

    Raises:
        SettingsError: there is no address, or no series.
    """

    def __init__(
        self,
        settings: Settings,
        url: str | None = None,
        series: Sequence[Series] | None = None,
        *,
        retry: RetryPolicy | None = None,
    ) -> None:
        address = url if url is not None else settings.unpooled_url or settings.database_url
        if address is None:
            raise SettingsError(
                "no database to migrate", hint="set DATABASE_URL, or pass the embedded server's address"
            )
        self._settings = settings
        self._url = address
        self._series = configured_series(settings) if series is None else tuple(series)
        self._retry = RetryPolicy() if retry is None else retry

    def up(self, *, wait: float = 0.0) -> list[Applied]:
        """Apply what is pending, each file in its own transaction: series by series, numbered files before repeatable.

        Any number of runners may do this at once: one works, the others wait and find nothing left to do. When nothing
        is pending, no lock is acquired and nothing is written.

        Args:
            wait: how long to keep trying to connect, in seconds, for a server that is starting.

        Returns:
            What this call applied, in order; empty when nothing was pending.

        Raises:
            MigrationError: a file cannot be used, an edited, missing or out-of-order file (the difference is in the
                message), another runner that does not end, or a statement that failed, with its place. What was
                applied before it stays applied.
            SettingsError: the address points to a transaction pooler.
            DatabaseUnavailable: no connection, or it was lost; run it again.
            DatabaseError: the server refused the ledger.

        SQL: queries/internal/migrations.sql
        """
        files = read_series(self._series)
        with _failures_logged():
            with self._connected(wait) as connection:
                ledger = Ledger(connection)
                if not _agreed_pending(files, ledger.read(files)):
                    _add_moved_notice(ledger, [])
                    return []
            return self._apply_pending(files)

    def grant(self) -> list[str] | None:
        """Create the roles of migrations/0005_roles.sql and grant their rights; `up` does this too.

        Call it after a role was created by hand, or a table was added to `guestsql_grants`.

        Returns:
            What could not be done, each with its hint, in order; None when the database has no such migration yet.

        Raises:
            MigrationError: another runner kept the lock.
            DatabaseUnavailable: no connection.
            DatabaseError: the role may not call the function, which belongs to the owner.

        SQL: queries/internal/migrations.sql
        """
        notices: list[str] = []
        with _failures_logged(), self._locked(0.0) as (connection, ledger), collect_notices(connection, notices):
            done = ledger.grant_roles()
        return notices if done else None

    def status(self) -> list[Status]:
        """Return every migration of files and ledger with its state, in the order in which they run. Writes nothing.

        Raises:
            MigrationError: a file cannot be used.
            DatabaseUnavailable: no connection.

        SQL: queries/internal/migrations.sql
        """
        files = read_series(self._series)
        return statuses(files, self._entries(files))

    def plan(self) -> list[Migration]:
        """Return what `up` would run, in order. Writes nothing.

        Raises:
            MigrationError: a file cannot be used, or `up` would stop at an edited, missing or out-of-order file.
            DatabaseUnavailable: no connection.

        SQL: queries/internal/migrations.sql
        """
        files = read_series(self._series)
        return _agreed_pending(files, self._entries(files))

    def verify(self) -> list[Problem]:
        """Return what does not agree, by version, then invalid indexes by name. Writes nothing.

        Returns:
            Edited files with the difference, missing files, gaps, pending files below the newest applied one, and
            indexes that a failed CREATE INDEX CONCURRENTLY left; empty when everything agrees.

        Raises:
            MigrationError: a file cannot be used.
            DatabaseUnavailable: no connection.

        SQL: queries/internal/migrations.sql
        """
        files = read_series(self._series)
        with self._connected(session=False) as connection:
            ledger = Ledger(connection)
            return [
                *disagreements(files, ledger.read(files)),
                *(_invalid_index(name, table) for name, table in ledger.invalid_indexes()),
            ]

    def baseline(self, version: int, series: str | None = None) -> list[Applied]:
        """Record the numbered migrations of one series up to a version without running them.

        For a database whose tables were created by other means. All of it or nothing. Repeatable files run at the next
        `up`.

        Args:
            version: the last one; there must be a file of that number.
            series: `guestsql` or `own`; default the first series.

        Returns:
            What was recorded, in order; those that are in the ledger already stay as they are.

        Raises:
            MigrationError: no such series or file, or a disagreement about one of them.
            DatabaseUnavailable: no connection.

        SQL: queries/internal/migrations.sql
        """
        wanted = self._series[0].name if series is None else series
        every = read_series(self._series)
        files = [each for each in every if each.series == wanted and 0 < each.version <= version]
        if not files or files[-1].version != version:
            raise MigrationError(f"there is no migration {version:04d} in the series {wanted}")
        with _failures_logged(), self._locked(0.0) as (connection, ledger):
            self._prepare_ledger(ledger, every)
            entries = [each for each in ledger.read(every) if each.series == wanted and each.version <= version]
            problems = [problem for problem in disagreements(files, entries) if problem.kind != "out_of_order"]
            if problems:
                raise disagreement_error(problems)
            entering = pending(files, entries)
            with connection.transaction():
                require_lock(ledger)
                for migration in entering:
                    ledger.record(migration, duration_ms=0.0, is_baseline=True)
            done = [_as_applied(migration, 0.0) for migration in entering]
            if done:  # the ledger may be new, and the roles read it
                _grant_roles(connection, ledger, done)
        return done

    def _apply_pending(self, files: list[Migration]) -> list[Applied]:
        """Apply under the lock; after a COMMIT without an answer, read the ledger and continue."""
        done: list[Applied] = []
        in_doubt: Migration | None = None
        for _ in range(self._retry.attempts):
            try:
                self._work(files, in_doubt, done)
            except CommitUnknown as unknown:
                in_doubt = unknown.migration
                event(
                    logging.WARNING,
                    "MIGRATION_WAITING",
                    f"no answer to the COMMIT of {in_doubt.file.name}: reading the ledger",
                    version=in_doubt.version,
                )
            else:
                return done
        raise DatabaseUnavailable(
            "the connection is lost at every COMMIT", hint="run guestsql migrate status, then up again"
        )

    def _work(self, files: list[Migration], in_doubt: Migration | None, done: list[Applied]) -> None:
        """Apply what is pending under the lock, adding to `done`."""
        with self._locked(self._retry.reconnect) as (connection, ledger):
            self._prepare_ledger(ledger, files)
            entries = ledger.read(files)
            if in_doubt is not None:
                # The file's lock is only free after the lost session has ended, so the ledger is final.
                done += [
                    _as_applied(in_doubt, entry.duration_ms)
                    for entry in entries
                    if (entry.key, entry.checksum) == (in_doubt.key, in_doubt.checksum)
                ]
            execution = Execution(ledger, self._settings, self._url, self._retry)
            for migration in _agreed_pending(files, entries):
                done.append(execution.apply(migration))
            if done:
                _add_moved_notice(ledger, done)
                _grant_roles(connection, ledger, done)

    def _prepare_ledger(self, ledger: Ledger, files: list[Migration]) -> None:
        """Create or convert the ledger, and wait for sessions that read it only as long as for any table."""
        for attempt in range(1, self._retry.attempts + 1):
            try:
                ledger.prepare(files, lock_timeout=self._retry.lock_timeout)
            except DatabaseError as error:
                if error.sqlstate != _LOCK_TIMEOUT or attempt == self._retry.attempts:
                    raise
                event(logging.WARNING, "MIGRATION_WAITING", f"the ledger is in use: {error.message}", attempt=attempt)
                sleep(self._retry.pause(attempt))
            else:
                return

    def _entries(self, files: list[Migration]) -> list[Entry]:
        with self._connected(session=False) as connection:
            return Ledger(connection).read(files)

    @contextmanager
    def _connected(self, wait: float = 0.0, *, session: bool = True) -> Generator[Connection[Any]]:
        """A connection, closed at the end; translates psycopg's errors. Reading needs no session."""
        with closing(connect_within(self._settings, self._url, wait, session=session)) as connection:
            try:
                yield connection
            except psycopg.Error as error:
                raise translate(error, "") from error
            except (DatabaseError, MigrationError) as error:
                if error.sqlstate == _NO_RIGHT and connection.info.transaction_status == TransactionStatus.IDLE:
                    error.hint = _owner_hint(connection)
                raise

    @contextmanager
    def _locked(self, wait: float) -> Generator[tuple[Connection[Any], Ledger]]:
        with self._connected(wait) as connection:
            ledger = Ledger(connection)
            with locked(connection, ledger, self._retry):
                yield connection, ledger


def _agreed_pending(files: list[Migration], entries: list[Entry]) -> list[Migration]:
    problems = disagreements(files, entries)
    if problems:
        raise disagreement_error(problems)
    return pending(files, entries)


def _owner_hint(connection: Connection[Any]) -> str:
    owner, role = Ledger(connection).owner(), connection.info.user
    if role == owner:
        return f"{role} owns the ledger, but lacks the privilege: a superuser can grant it"
    others = "a login with that role, or, for a function, the login that ran the first migrations"
    return f"run it as {owner}, the owner, {others}; this is {role}"


def _add_moved_notice(ledger: Ledger, done: list[Applied]) -> None:
    if note := ledger.moved_note():
        event(logging.WARNING, "MIGRATION_NOTICE", note)
        if done:
            done[0] = replace(done[0], notices=(note, *done[0].notices))


def _grant_roles(connection: Connection[Any], ledger: Ledger, done: list[Applied]) -> None:
    """Grant the roles their rights on new objects, in case a file does not.

    The server's notices are added to the last migration, unless an earlier one has them.
    """
    notices: list[str] = []
    with collect_notices(connection, notices):
        ledger.grant_roles()
    known = {notice for applied in done for notice in applied.notices}
    fresh = tuple(notice for notice in dict.fromkeys(notices) if notice not in known)
    done[-1] = replace(done[-1], notices=(*done[-1].notices, *fresh))


def _as_applied(migration: Migration, duration_ms: float) -> Applied:
    return Applied(migration.series, migration.version, migration.name, migration.file, duration_ms)


def _invalid_index(name: str, table: str) -> Problem:
    return Problem(
        "invalid_index",
        None,
        None,
        None,
        f"the index {name} of {table} is invalid: queries do not use it, and writes still maintain it",
        f"if its migration is pending, run guestsql migrate up; else drop it, or REINDEX INDEX CONCURRENTLY {name}",
    )


@contextmanager
def _failures_logged() -> Generator[None]:
    try:
        yield
    except GuestSQLError as error:
        event(
            logging.ERROR,
            "MIGRATION_FAILED",
            error.message,
            place=error.place or None,
            sqlstate=getattr(error, "sqlstate", None),
        )
        raise
