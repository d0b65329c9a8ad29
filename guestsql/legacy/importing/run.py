"""The import itself, in one transaction: all records are staged, then merged and written by ranges of keys.

SQL: queries/internal/legacy.sql, queries/legacy_history.sql
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime
from time import perf_counter
from typing import NamedTuple

import psycopg

from guestsql.errors import ConstraintViolation, DatabaseError
from guestsql.guests._sync.database import GuestDatabase
from guestsql.guests.archive import REFUSED
from guestsql.guests.erasure import ErasureKey
from guestsql.legacy.importing.memory import peak_memory_bytes
from guestsql.legacy.importing.progress import Progress, Steps
from guestsql.legacy.importing.report import Adjusted, Conflict, FileReport, ImportReport
from guestsql.legacy.importing.staging import COPY_STAGING, FileStager
from guestsql.legacy.reading.excluded import Excluded
from guestsql.legacy.reading.files import LegacyFile
from guestsql.legacy.reading.records import Reject
from guestsql.settings import Settings
from guestsql.sql._sync.connection import DeadlineConnection, connect
from guestsql.sql.packaged import packaged_queries
from guestsql.sql.translate import translate
from guestsql.telemetry.log import logger

__all__ = ["Import"]


# Large enough for the server to work on sets; small enough for little memory and frequent progress.
_RANGE_RECORDS = 20_000

_PAGE_KEYS = 50_000

# For this transaction only: a range is sorted in memory, plans are not compiled, and a sample of a few thousand staged
# records is enough to count them.
_SETTINGS = (
    "SET LOCAL work_mem = '64MB'",
    "SET LOCAL maintenance_work_mem = '128MB'",
    "SET LOCAL jit = off",
    "SET LOCAL default_statistics_target = 10",
    # A record's members are read only once, so a cache of them is wasted work.
    "SET LOCAL enable_memoize = off",
)

# Keeps up to about 300,000 staged guests in the server's memory: the records of a range are spread over all of them.
_KEEP_STAGED = "SET LOCAL temp_buffers = '192MB'"

# Reads staged records in the order of their keys. In memory that is cheaper than to sort them, which the planner would
# choose; on disk, where more records than this end up, it takes twice as long.
_READ_BY_KEY = "SET LOCAL random_page_cost = 0"
_MOST_KEPT = 250_000
# Only when another process creates or archives a guest of the range at this moment.
_RACED = frozenset({"guest_profiles_pkey", REFUSED})


class _ArchivedMeanwhileError(Exception):
    """A guest who had a row when the others were inserted had none when it was to be updated."""


def _is_raced(error: Exception) -> bool:
    if not isinstance(error, DatabaseError):
        return True
    return (error.constraint if isinstance(error, ConstraintViolation) else error.sqlstate) in _RACED


class _Written(NamedTuple):
    files: tuple[FileReport, ...]
    adjusted: tuple[Adjusted, ...]
    guests: int
    inserted: int
    updated: int
    erased: tuple[Reject, ...] = ()


class Import:
    """One import of some files.

    Args:
        files: those that `find_files` found, in its order.
        own: keys of the bot's own numbers, which are not guests.
        settings: for the connection.
        dry_run: report what would be done, and write nothing.
        progress: called now and then with the bytes done, and those of all files.
    """

    def __init__(
        self,
        files: Sequence[LegacyFile],
        *,
        own: frozenset[str],
        settings: Settings,
        dry_run: bool = False,
        progress: Progress | None = None,
    ) -> None:
        self._files = files
        self._own = own
        self._excluded = Excluded(own)
        self._settings = settings
        self._dry_run = dry_run
        self._steps = Steps(files, progress)
        self._began_at = datetime.max.replace(tzinfo=UTC)
        self._thread_files = [number for number, file in enumerate(files, start=1) if file.is_of_threads]
        self._queries = packaged_queries("internal/legacy.sql", "legacy_history.sql")
        self._url = ""

    def run(self, url: str) -> ImportReport:
        """Import everything or nothing.

        Args:
            url: the database.

        Raises:
            LegacyFileError: a file cannot be read.
            DatabaseError: the server refused, or went away. Nothing is written then, unless COMMIT itself failed.
        """
        self._url = url
        try:
            with connect(self._settings, url) as connection:
                # A stricter level would never see a guest whom the bot creates during the import.
                connection.isolation_level = psycopg.IsolationLevel.READ_COMMITTED
                with connection.transaction(force_rollback=self._dry_run):
                    report = self._import(connection)
                if not self._dry_run:
                    # Again, with no guest locked: a concurrent erasure may have waited for this import.
                    with connection.transaction():
                        self._queries.lock_erased_guests(connection)
                        self._erase_again(connection)
                return report
        except psycopg.Error as error:
            # BEGIN, COPY or COMMIT failed: no query's adapter has seen it.
            raise translate(error, "") from error

    def _import(self, connection: DeadlineConnection) -> ImportReport:
        started = perf_counter()
        _set_up(connection)
        self._began_at = self._queries.get_import_time(connection)
        self._excluded = self._excluded_now(connection)
        written = self._write(connection, self._stage(connection))
        if not self._dry_run:
            # Guests erased since the import began: their hashes were not visible at its start.
            self._erase_again(connection)
            self._queries.insert_legacy_ids(connection, own_numbers=sorted(self._own))
        conflicts = self._queries.list_legacy_id_conflicts(connection, own_numbers=sorted(self._own))
        rejects = self._queries.list_staged_rejects(connection, paths=[file.path for file in written.files])
        report = ImportReport(
            files=written.files,
            records=sum(file.records for file in written.files),
            guests=written.guests,
            inserted=written.inserted,
            updated=written.updated,
            unchanged=written.guests - written.inserted - written.updated,
            rejects=(*(Reject(*reject) for reject in rejects), *written.erased),
            erased=len(written.erased),
            dry_run=self._dry_run,
            adjusted=written.adjusted,
            conflicts=tuple(Conflict(*conflict) for conflict in conflicts),
            table_bytes=self._queries.get_guest_table_bytes(connection),
            peak_memory_bytes=peak_memory_bytes(),
            seconds=round(perf_counter() - started, 3),
        )
        return report if self._dry_run else self._record(connection, report)

    def _excluded_now(self, connection: DeadlineConnection) -> Excluded:
        ids = self._queries.get_erased_ids(connection)
        return Excluded(self._own, ErasureKey(self._settings.erasure_key), ids.salt, frozenset(ids.id_hashes))

    def _erase_again(self, connection: DeadlineConnection) -> None:
        """Delete guests who were erased while an import ran, or of an earlier one that was killed before this."""
        excluded = self._excluded_now(connection)
        after: str | None = ""
        while excluded.has_erased() and after is not None:
            rows = self._queries.list_imported_keys(connection, after=after, max_rows=_PAGE_KEYS)
            keys = [row.phone_number for row in rows]
            erased = [key for key in keys if excluded.is_erased(key)]
            if erased:
                self._queries.delete_imported_guests(connection, phone_numbers=erased)
            after = keys[-1] if len(keys) == _PAGE_KEYS else None

    def _stage(self, connection: DeadlineConnection) -> list[FileStager]:
        self._queries.open_legacy_staging(connection)
        self._queries.index_legacy_staging(connection)
        self._queries.open_legacy_guests(connection)
        stagers = [
            FileStager(
                number,
                file,
                self._excluded,
                self._began_at,
                progress=self._steps.read,
                region=self._settings.default_region,
            )
            for number, file in enumerate(self._files, start=1)
        ]
        with connection.cursor() as cursor, cursor.copy(COPY_STAGING) as copy:
            for stager in stagers:
                for block in stager.blocks():
                    copy.write(block)
        self._queries.analyze_legacy_staging(connection)
        self._queries.resolve_legacy_ids(connection)
        return stagers

    def _write(self, connection: DeadlineConnection, stagers: Sequence[FileStager]) -> _Written:
        """Merge the staged records and write the guests in the order of their keys, so that no writers deadlock."""
        files = tuple(stager.report for stager in stagers)
        adjusted = tuple(each for stager in stagers for each in stager.adjusted)
        records = sum(file.records for file in files)
        has_previous_threads = any(stager.has_previous_threads for stager in stagers)
        if records <= _MOST_KEPT:
            connection.execute(_READ_BY_KEY)
        guests = inserted = updated = 0
        after, most = "", _RANGE_RECORDS
        while True:
            last = self._queries.get_next_legacy_range(connection, after_number=after, range_size=most)
            if last is None:
                break
            keys = {"after_number": after, "last_number": last}
            self._queries.empty_legacy_guests(connection)
            folded = self._queries.fold_legacy_records(connection, **keys, thread_files=self._thread_files)
            self._queries.merge_legacy_records(connection, **keys)
            if adjusted:
                self._queries.limit_legacy_times(connection, imported_at=self._began_at)
            try:
                with connection.transaction():
                    made, changed = self._write_range(connection, keys, folded)
                    if has_previous_threads and not self._dry_run:
                        self._queries.insert_legacy_threads(connection)
            except (DatabaseError, _ArchivedMeanwhileError) as error:
                # The bot created or archived a guest of this range meanwhile; a smaller range leaves less time.
                if not _is_raced(error):
                    raise
                most = max(1, most // 10)
                continue
            most = min(_RANGE_RECORDS, most * 10)
            guests += folded
            inserted += made
            updated += changed
            after = last
            # There are never more guests than records.
            self._steps.written(guests, records)
        self._steps.written(1, 1)
        erased = tuple(reject for stager in stagers for reject in stager.erased)
        return _Written(files, adjusted, guests, inserted, updated, erased)

    def _write_range(self, connection: DeadlineConnection, keys: dict[str, str], guests: int) -> tuple[int, int]:
        if self._dry_run:
            preview = self._queries.preview_legacy_guests(connection, **keys)
            return preview.inserted, preview.updated
        archived = [row.phone_number for row in self._queries.list_archived_legacy_guests(connection, **keys)]
        if archived:
            # In a separate transaction, with the custom queries. If the import fails, they have returned nevertheless.
            with GuestDatabase(self._url, settings=replace(self._settings, metrics_seconds=0.0)) as database:
                database.return_guests(archived)
        inserted = self._queries.insert_legacy_guests(connection, **keys)
        # The rest existed before. Rows that were just inserted hold their records already, and are skipped.
        if inserted == guests:
            return inserted, 0
        updated = self._queries.update_legacy_guests(connection, **keys)
        if self._queries.list_archived_legacy_guests(connection, **keys):
            raise _ArchivedMeanwhileError
        return inserted, updated

    def _record(self, connection: DeadlineConnection, report: ImportReport) -> ImportReport:
        stored = {
            **report.as_dict(),
            "files": [asdict(file) for file in report.files],
            "rejects": None,
            "adjusted": None,
            "conflicts": None,
            # legacy verify compares adjusted times with it.
            "started_at": self._began_at.isoformat(),
        }
        number = self._queries.record_legacy_import(connection, report=json.dumps(stored))
        return replace(report, import_id=number)


def _set_up(connection: DeadlineConnection) -> None:
    for setting in _SETTINGS:
        connection.execute(setting)
    try:
        with connection.transaction():
            connection.execute(_KEEP_STAGED)
    except psycopg.errors.InvalidParameterValue:
        # A pooled session that has had temporary tables cannot change it any more. That is slower, but harmless.
        logger.debug("the staged records of the import are not kept in memory")
