"""The files' records into guests, in one transaction: straight, or staged and then by ranges of keys, in their order.

SQL: queries/internal/legacy.sql.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime
from time import perf_counter
from typing import NamedTuple

import psycopg

from guestsql.errors import ConstraintViolation, DatabaseError
from guestsql.legacy.copying import copy_lines
from guestsql.legacy.excluded import Excluded
from guestsql.legacy.files import LegacyFile
from guestsql.legacy.memory import peak_memory_bytes
from guestsql.legacy.records import Reject
from guestsql.legacy.report import Adjusted, FileReport, ImportReport
from guestsql.legacy.seen import SeenKeys
from guestsql.legacy.stage import FileLines, FileStager
from guestsql.legacy.steps import Progress, Steps, size_of
from guestsql.settings import Settings
from guestsql.sql._sync.connection import DeadlineConnection, connect
from guestsql.sql.packaged import packaged_queries
from guestsql.sql.translate import translate
from guestsql.telemetry.log import logger

__all__ = ["Import"]


# Large enough that the server's work is in sets; small enough that it is told of often, and that little is in memory.
_RANGE_RECORDS = 20_000

# For this transaction only: one sort of a range fits into memory, plans are not compiled, and of the staged records a
# few thousand are looked at to count them.
_SETTINGS = (
    "SET LOCAL work_mem = '64MB'",
    "SET LOCAL maintenance_work_mem = '128MB'",
    "SET LOCAL jit = off",
    "SET LOCAL default_statistics_target = 10",
    # Each record's members are looked at once: to remember them is in vain.
    "SET LOCAL enable_memoize = off",
)

# What is staged stays in the server's memory, up to some 300,000 guests: a range lies all over it.
_KEEP_STAGED = "SET LOCAL temp_buffers = '192MB'"

# Once they are folded, staged guests are read in the order of their keys. That is cheaper than to read them as they lie
# and sort, as the planner would for fear of a disk; but twice as slow where they lie on a disk, being more than this.
_READ_BY_KEY = "SET LOCAL random_page_cost = 0"
_MOST_KEPT = 250_000
_PRIMARY_KEY = "guest_profiles_pkey"

# Guests that are not staged are written in no order, so somebody who writes several could be waiting for this import,
# and it for him. It waits for nobody then: a second after somebody began to wait, the server looks for a deadlock, and
# might end the bot's statement.
_WAIT_FOR_NOBODY = "SET LOCAL lock_timeout = '10ms'"
_WAIT_AGAIN = "SET LOCAL lock_timeout TO DEFAULT"
_IN_THE_WAY = (psycopg.errors.UniqueViolation, psycopg.errors.LockNotAvailable, psycopg.errors.DeadlockDetected)


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
        own: keys of the bot's own numbers, which are no guests.
        settings: for the connection.
        dry_run: find out what would be done, and write nothing.
        progress: is told now and then how many bytes of the files are done, and of how many.
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

    def run(self, url: str) -> ImportReport:
        """Do it, all or nothing.

        Args:
            url: the database.

        Raises:
            LegacyFileError: a file cannot be read.
            DatabaseError: the server refused, or went away; nothing is written then, unless that was at the very end.
        """
        try:
            with connect(self._settings, url) as connection:
                # In another, a guest whom the bot makes meanwhile would be in the way and never to be seen.
                connection.isolation_level = psycopg.IsolationLevel.READ_COMMITTED
                with connection.transaction(force_rollback=self._dry_run):
                    report = self._import(connection)
                if not self._dry_run:
                    # Once more without a lock on a guest: who erases one might wait for this import, and it for him.
                    with connection.transaction():
                        self._queries.lock_erased_guests(connection)
                        self._queries.erase_imported_guests(connection)
                return report
        except psycopg.Error as error:
            # BEGIN, COPY or COMMIT failed: no query's adapter has seen it.
            raise translate(error, "") from error

    def _import(self, connection: DeadlineConnection) -> ImportReport:
        started = perf_counter()
        _set_up(connection)
        self._began_at = self._queries.get_import_time(connection)
        ids = self._queries.get_erased_ids(connection)
        self._excluded = Excluded(self._own, ids.salt, frozenset(ids.id_hashes))
        written = self._write_at_once(connection) or self._write_in_order(connection)
        if not self._dry_run:
            # Who was erased since the import began: its rows could not be seen then.
            self._queries.erase_imported_guests(connection)
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
            table_bytes=self._queries.get_guest_table_bytes(connection),
            peak_memory_bytes=peak_memory_bytes(),
            seconds=round(perf_counter() - started, 3),
        )
        return report if self._dry_run else self._record(connection, report)

    def _write_at_once(self, connection: DeadlineConnection) -> _Written | None:
        """Write single guests of the largest file without staging them, which takes half as long.

        None, and nothing is done, unless the table is empty and nobody else writes the same guests meanwhile. Should
        the largest file tell of a guest twice, nothing is done either; that another file does is known in time.
        """
        if self._dry_run or self._queries.has_guests(connection):
            return None
        refusal = "its largest file tells of a guest twice"
        try:
            with connection.transaction() as attempt:
                stagers = self._stage(connection, SeenKeys())
                if self._queries.is_guest_told_again(connection):
                    raise psycopg.Rollback(attempt)
                written = self._write(connection, stagers)
                connection.execute(_WAIT_AGAIN)
                return written
        except (DatabaseError, *_IN_THE_WAY) as error:
            cause = error.__cause__ if isinstance(error, DatabaseError) else error
            if not isinstance(cause, _IN_THE_WAY):
                raise
            refusal = type(cause).__name__
        logger.info("the import begins anew, by ranges of keys: %s", refusal)
        return None

    def _write_in_order(self, connection: DeadlineConnection) -> _Written:
        """Stage all records, then write the guests in the order of their keys, as all do who write several."""
        return self._write(connection, self._stage(connection))

    def _stage(self, connection: DeadlineConnection, seen: SeenKeys | None = None) -> list[FileStager]:
        """Copy the records of all files; with `seen`, single guests of the largest one straight into their table."""
        self._queries.open_legacy_staging(connection)
        self._queries.open_legacy_guests(connection)
        if seen:
            connection.execute(_WAIT_FOR_NOBODY)
        self._steps.again()
        largest = max(self._files, key=size_of)
        stagers = [
            FileStager(
                number, file, self._excluded, self._began_at, self._steps.read, seen=seen, straight=file is largest
            )
            for number, file in enumerate(self._files, start=1)
        ]
        # A guest of whom another file tells too has to be known before.
        copy_lines(connection, _blocks(sorted(stagers, key=lambda stager: stager.straight)))
        self._queries.index_legacy_staging(connection)
        self._queries.analyze_legacy_staging(connection)
        return stagers

    def _write(self, connection: DeadlineConnection, stagers: Sequence[FileStager]) -> _Written:
        """Write the staged guests, range by range; what is told counts those too who were not staged."""
        files = tuple(stager.report for stager in stagers)
        adjusted = tuple(each for stager in stagers for each in stager.adjusted)
        records = sum(file.records for file in files)
        straight = sum(stager.guests for stager in stagers)
        if records - straight <= _MOST_KEPT:
            connection.execute(_READ_BY_KEY)
        guests = inserted = straight
        updated = 0
        after, most = "", _RANGE_RECORDS
        while True:
            last = self._queries.get_next_legacy_range(connection, after_number=after, range_size=most)
            if last is None:
                break
            keys = {"after_number": after, "last_number": last}
            self._queries.empty_legacy_guests(connection)
            folded = self._queries.fold_legacy_records(connection, **keys, thread_files=self._thread_files)
            if adjusted:
                self._queries.limit_legacy_times(connection, imported_at=self._began_at)
            try:
                with connection.transaction():
                    made, changed = self._write_range(connection, keys, folded)
            except ConstraintViolation as error:
                if error.constraint != _PRIMARY_KEY:
                    raise
                # Somebody has made a guest of the range meanwhile; a smaller one leaves less time for that.
                most = max(1, most // 10)
                continue
            most = min(_RANGE_RECORDS, most * 10)
            guests += folded
            inserted += made
            updated += changed
            after = last
            # There are as many guests as records, or fewer.
            self._steps.written(guests, records)
        self._steps.written(1, 1)
        erased = tuple(reject for stager in stagers for reject in stager.erased)
        return _Written(files, adjusted, guests, inserted, updated, erased)

    def _write_range(self, connection: DeadlineConnection, keys: dict[str, str], guests: int) -> tuple[int, int]:
        if self._dry_run:
            preview = self._queries.preview_legacy_guests(connection, **keys)
            return preview.inserted, preview.updated
        inserted = self._queries.insert_legacy_guests(connection)
        # The others were there before; those just made hold their records, and are passed over.
        updated = self._queries.update_legacy_guests(connection, **keys) if inserted < guests else 0
        return inserted, updated

    def _record(self, connection: DeadlineConnection, report: ImportReport) -> ImportReport:
        told = {
            **report.as_dict(),
            "files": [asdict(file) for file in report.files],
            "rejects": None,
            "adjusted": None,
            # legacy verify compares the times that were adjusted with it.
            "started_at": self._began_at.isoformat(),
        }
        number = self._queries.record_legacy_import(connection, report=json.dumps(told))
        return replace(report, import_id=number)


def _set_up(connection: DeadlineConnection) -> None:
    for setting in _SETTINGS:
        connection.execute(setting)
    try:
        with connection.transaction():
            connection.execute(_KEEP_STAGED)
    except psycopg.errors.InvalidParameterValue:
        # A pooler's session in which somebody had temporary tables keeps the room they had: slower, and no harm.
        logger.debug("the staged records of the import are not kept in memory")


def _blocks(stagers: Sequence[FileStager]) -> Iterator[FileLines]:
    for stager in stagers:
        yield from stager.blocks()
