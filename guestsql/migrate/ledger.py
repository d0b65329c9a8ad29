"""The ledger of applied migrations and the runner's lock, as the server keeps them.

SQL: queries/internal/migrations.sql
"""

from __future__ import annotations

import enum
from collections.abc import Generator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg import Connection
from psycopg.pq import TransactionStatus

from guestsql.errors import MigrationError
from guestsql.migrate.concurrent import ConcurrentIndex
from guestsql.migrate.files import OWN, PACKAGED, Migration
from guestsql.sql.packaged import packaged_queries

__all__ = ["AppliedKey", "Entry", "IndexState", "Ledger", "Lock"]


class Lock(enum.Enum):
    """The runner's locks of one database, by their key on the server.

    A connection that does nothing else holds RUN. The connection that runs a file acquires FILE, then checks that RUN
    is held, and keeps FILE until its session ends. So after a runner has lost RUN in the middle of a file, the next
    runner cannot read the ledger until that file has ended.
    """

    RUN = 1953722732
    FILE = 1953722733


@dataclass(frozen=True, slots=True)
class AppliedKey:
    """What one row of the ledger says of a file.

    Attributes:
        series: `guestsql` for the packaged series, `own` for the project's own.
        version: the migration's number or timestamp; 0 for a repeatable file.
        name: its name when it was applied.
        checksum: that of its normalised text when it was applied.
    """

    series: str
    version: int
    name: str
    checksum: str

    @property
    def key(self) -> tuple[str, int, str]:
        """As `Migration.key`."""
        return self.series, self.version, "" if self.version else self.name


@dataclass(frozen=True, slots=True)
class Entry(AppliedKey):
    """One row of the ledger.

    Attributes:
        body: the file's normalised text when it was applied.
        applied_at: when, by the server's clock.
        duration_ms: how long it ran, in milliseconds.
        applied_by: the role.
        is_baseline: True when it was recorded without being run.
    """

    body: str
    applied_at: datetime
    duration_ms: float
    applied_by: str
    is_baseline: bool


@dataclass(frozen=True, slots=True)
class IndexState:
    """The state of an index that CREATE INDEX CONCURRENTLY creates.

    Attributes:
        is_valid: False when a failed build left it; queries do not use it.
        is_of_table: False when another table's index has the name.
        builder_pid: the server process that is building it, or None.
        drop_statement: drops it without blocking writers.
    """

    is_valid: bool
    is_of_table: bool
    builder_pid: int | None
    drop_statement: str


class Ledger:
    """The ledger and the locks of one database.

    Args:
        connection: direct, in autocommit.
    """

    def __init__(self, connection: Connection[Any]) -> None:
        self._connection = connection
        self._queries = packaged_queries("internal/migrations.sql")

    def prepare(self, files: Sequence[Migration], *, lock_timeout: float) -> None:
        """Create the ledger, or convert one of a release without series; only under the lock.

        Args:
            files: the migrations of every configured series, from which the series of an old entry follows.
            lock_timeout: how long the conversion may wait for sessions that read the ledger, in seconds.

        Raises:
            DatabaseError: the server refused; 55P03 when another session kept the table for `lock_timeout`.
        """
        with self._entered() as schema:
            exists = schema is not None
            has_series = exists and self._queries.has_migration_series(self._connection)
            own = [] if has_series or not exists else [each.version for each in self._read(files) if each.series == OWN]
        if not exists:
            self._queries.create_migration_ledger(self._connection)
        elif not has_series:
            with self._entered(writes=True):
                self._connection.execute(f"SET LOCAL lock_timeout = {max(1, round(lock_timeout * 1000))}".encode())
                self._queries.convert_migration_ledger(self._connection)
                self._queries.assign_own_migrations(self._connection, versions=own)

    def read(self, files: Sequence[Migration]) -> list[Entry]:
        """Return all rows by version; none when there is no ledger. Writes nothing.

        Args:
            files: the migrations of every configured series, from which the series of an entry follows in the ledger
                of a release without series.

        Raises:
            MigrationError: the database has several ledgers, and the search_path does not select one.
        """
        with self._entered() as schema:
            return [] if schema is None else self._read(files)

    def _read(self, files: Sequence[Migration]) -> list[Entry]:
        rows = self._queries.list_applied_migrations(self._connection)
        return [Entry(row[0] or _series_of(row, files), *row[1:]) for row in rows]

    def keys(self, files: Sequence[Migration]) -> list[AppliedKey]:
        """Return what is applied, without the texts; nothing when there is no ledger.

        Args:
            files: as for `read`.

        Raises:
            MigrationError: as for `read`.

        SQL: queries/internal/health.sql
        """
        with self._entered() as schema:
            if schema is None:
                return []
            rows = packaged_queries("internal/health.sql").list_applied_versions(self._connection)
            return [AppliedKey(row[0] or _series_of(row, files), *row[1:]) for row in rows]

    def owner(self) -> str:
        """Return the role that may migrate: the owner of the ledger, or of the database while there is no ledger."""
        return str(self._queries.get_migration_owner(self._connection))

    def moved_note(self) -> str:
        """Return a notice when this session creates new tables outside the ledger's schema, else ""."""
        with self._in_transaction(writes=False):
            place = self._queries.enter_ledger_schema(self._connection)
        if place.new_tables_schema is None or place.new_tables_schema in place.schema_names:
            return ""
        ledger, new_tables = place.schema_names[0], place.new_tables_schema
        return (
            f"the ledger is in the schema {ledger}, and new tables are created in {new_tables}: the search_path has "
            f"changed since the first migration, or {new_tables} is another tenant's and needs a ledger of its own: "
            f"CREATE TABLE {new_tables}.guestsql_migrations (LIKE {ledger}.guestsql_migrations INCLUDING ALL)"
        )

    def record(self, migration: Migration, *, duration_ms: float, is_baseline: bool = False) -> None:
        """Record a migration, in whatever transaction the connection is in.

        A numbered one removes the entries of the repeatable files that run after it, so that they run again.
        """
        known: dict[str, object] = {
            "series": migration.series,
            "name": migration.name,
            "checksum": migration.checksum,
            "body": migration.body,
            "duration_ms": duration_ms,
        }
        with self._entered(writes=True):
            if not migration.version:
                self._queries.record_repeatable_migration(self._connection, **known)
                return
            self._queries.record_migration(
                self._connection, version=migration.version, is_baseline=is_baseline, **known
            )
            later = [OWN] if migration.series == OWN else [PACKAGED, OWN]
            self._queries.remove_repeatable_migrations(self._connection, series_names=later)

    def try_lock(self, lock: Lock) -> bool:
        """Acquire a lock if it is free; never waits."""
        return bool(self._queries.try_migration_lock(self._connection, lock_key=lock.value))

    def unlock(self, lock: Lock) -> None:
        """Release a lock."""
        self._queries.release_migration_lock(self._connection, lock_key=lock.value)

    def holds_run_lock(self) -> bool:
        """Return True while the server process behind the connection holds the lock of the run."""
        return bool(self._queries.holds_migration_lock(self._connection, lock_key=Lock.RUN.value))

    def lock_holder(self, lock: Lock) -> str:
        """Return a description of the session that holds a lock."""
        row = self._queries.get_migration_lock_holder(self._connection, lock_key=lock.value)
        return (
            "a session that has just ended"
            if row is None
            else _session_words(row.pid, row.application_name, row.client_address)
        )

    def blockers(self, pid: int) -> str:
        """Return a description of the sessions that a server process waits for, or "" when it does not wait."""
        rows = self._queries.list_blocking_sessions(self._connection, pid=pid)
        return "; ".join(_session_words(row.pid, row.user_name, row.state, row.statement) for row in rows)

    def index_state(self, index: ConcurrentIndex) -> IndexState | None:
        """Return the state of an index, or None when its table's schema has none of that name."""
        row = self._queries.get_concurrent_index(self._connection, table_name=index.table, index_name=index.name)
        return None if row is None else IndexState(*row)

    def dependents(self, names: Sequence[str]) -> list[tuple[str, str]]:
        """Return kind and name of the objects that depend on relations or functions of these names, in drop order."""
        rows = self._queries.list_dependent_objects(self._connection, names=names)
        return [(row.object_type, row.object_name) for row in rows]

    def grant_roles(self) -> bool:
        """Create the roles and grant their rights; False when the database does not have the function yet.

        What the server refuses is a notice, not an error.
        """
        with self._entered(writes=True):
            if not self._queries.knows_roles(self._connection):
                return False
            self._queries.grant_roles(self._connection)
            return True

    def invalid_indexes(self) -> list[tuple[str, str]]:
        """Return name and table of every invalid index, by name."""
        return [(row.index_name, row.table_name) for row in self._queries.list_invalid_indexes(self._connection)]

    @contextmanager
    def _entered(self, *, writes: bool = False) -> Generator[str | None]:
        """A transaction whose search_path begins with the ledger's schema; yields the schema, or None."""
        with self._in_transaction(writes=writes) as is_own:
            place = self._queries.enter_ledger_schema(self._connection)
            schemas: list[str] = place.schema_names
            if len(schemas) > 1:
                raise _several_ledgers(schemas)
            if not place.is_usable:
                raise MigrationError(
                    f"the ledger of migrations is in the schema {schemas[0]}, which this role may not use",
                    sqlstate="42501",
                )
            yield schemas[0] if schemas else None
            if not is_own:  # deferred constraints and triggers must not see it at COMMIT
                self._connection.execute("RESET search_path")

    @contextmanager
    def _in_transaction(self, *, writes: bool) -> Generator[bool]:
        """The connection's transaction, or else a new one for this block of code; yields True for a new one."""
        is_own = self._connection.info.transaction_status == TransactionStatus.IDLE
        with self._connection.transaction(force_rollback=not writes) if is_own else nullcontext():
            yield is_own


def _series_of(row: Any, files: Sequence[Migration]) -> str:  # noqa: ANN401  a row of either query
    """The series of an entry that was recorded before there were series.

    At that time a folder could replace the packaged one, so the entry may belong to either. It is an own one when the
    own file of its number, and not the packaged one, has its text; or else its name.
    """
    numbered = {migration.series: migration for migration in files if migration.version == row.version}
    own, packaged = numbered.get(OWN), numbered.get(PACKAGED)
    known = [each for each in (packaged, own) if each is not None]
    with_text = (each.series for each in known if row.checksum in each.accepted)
    with_name = (each.series for each in known if row.name == each.name)
    return next(with_text, next(with_name, PACKAGED))


def _several_ledgers(schemas: list[str]) -> MigrationError:
    tables = ", ".join(f"{schema}.guestsql_migrations" for schema in schemas)
    return MigrationError(
        f"this database has {len(schemas)} ledgers of migrations, and the search_path does not select one: {tables}",
        hint="keep the one whose tables the bot uses, and rename the others: ALTER TABLE "
        f"{schemas[-1]}.guestsql_migrations RENAME TO old_migrations; or name one schema in the search_path",
    )


def _session_words(pid: int, *details: str | None) -> str:
    known = ", ".join(" ".join(detail.split()) for detail in details if detail)
    return f"server process {pid} ({known})" if known else f"server process {pid}"
