"""The comparison of the old bot's files with the database, field by field, without the import's code.

Each record must be kept completely under `profile_data.legacy`, and the columns must have the values that the records
together lead to. A different column is explained if the row was written after its newest record. A difference in a kept
record is never explained: only the import writes there.

A record that cannot be a guest must be kept byte for byte in the tables of rejects.

SQL: queries/internal/legacy_export.sql.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import psycopg

from guestsql.guests.erasure import ErasureKey
from guestsql.guests.identity import own_keys
from guestsql.legacy.verifying.buckets import CheckedFile, ErasedIds, Unusable, file_checksum, read_into_buckets
from guestsql.legacy.verifying.expected import Record
from guestsql.legacy.verifying.files import list_files, list_unread_files
from guestsql.legacy.verifying.guest import Difference, GuestCheck, ImportTimes, visible
from guestsql.legacy.verifying.window import KeptPlaces, Stretch
from guestsql.settings import Settings
from guestsql.sql._sync.connection import DeadlineConnection, connect
from guestsql.sql.packaged import packaged_queries
from guestsql.sql.translate import translate

__all__ = ["Difference", "KeptReject", "VerifyReport", "verify_directory"]

_BATCH_GUESTS = 500
# Enough to read; the counts include the rest.
_MOST_LISTED = 1000

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class KeptReject:
    """A place of a file from which no guest can be made, and which `legacy_rejects` keeps byte for byte.

    Attributes:
        path: the file, relative to the folder.
        pointer: JSON pointer of the place.
        reason: why it is not a guest.
    """

    path: str
    pointer: str
    reason: str


@dataclass(slots=True)
class VerifyReport:
    """The result of a verification.

    Attributes:
        files: the files, with the checksum of what was compared.
        records: records of all files.
        guests: guests with a record.
        fields: members of records that were compared.
        columns: columns that were compared.
        different: how many unexplained differences.
        explained: how many differences that a later write of the bot explains.
        kept: how many rejected records are kept byte for byte; they are not differences.
        erased: how many records belong to erased guests; they are not differences.
        unread: JSON files in the folder that were not read, relative to it; they are not differences.
        differences: the first 1,000 unexplained ones.
        explanations: the first 1,000 explained ones.
        kept_rejects: the first 1,000 kept ones.
    """

    files: list[CheckedFile] = field(default_factory=list[CheckedFile])
    records: int = 0
    guests: int = 0
    fields: int = 0
    columns: int = 0
    different: int = 0
    explained: int = 0
    kept: int = 0
    erased: int = 0
    unread: list[str] = field(default_factory=list[str])
    differences: list[Difference] = field(default_factory=list[Difference])
    explanations: list[Difference] = field(default_factory=list[Difference])
    kept_rejects: list[KeptReject] = field(default_factory=list[KeptReject])

    @property
    def passed(self) -> bool:
        """Whether everything in the files is in the database."""
        return self.different == 0

    def add(self, difference: Difference) -> None:
        """Count a difference, and list it if it is among the first.

        Args:
            difference: explained or not.
        """
        if difference.is_explained:
            self.explained += 1
            listed = self.explanations
        else:
            self.different += 1
            listed = self.differences
        if len(listed) < _MOST_LISTED:
            listed.append(difference)

    def keep(self, place: Unusable) -> None:
        """Count a rejected record that is kept, and list it if it is among the first.

        Args:
            place: where it is.
        """
        self.kept += 1
        if len(self.kept_rejects) < _MOST_LISTED:
            self.kept_rejects.append(KeptReject(visible(place.path), visible(place.pointer), visible(place.reason)))

    def as_dict(self) -> dict[str, Any]:
        """Return the report as the JSON object of `legacy verify --format json`."""
        files = [asdict(file) | {"path": visible(file.path)} for file in self.files]
        return {"passed": self.passed} | asdict(self) | {"files": files}


def verify_directory(
    directory: Path, *, settings: Settings, url: str, progress: Progress | None = None
) -> VerifyReport:
    """Compare the old bot's files of a folder with one snapshot of the database.

    Args:
        directory: the folder of the old bot's files.
        settings: for the connection, the folder of queries and the bot's own numbers.
        url: the database; not a replica, which may lag.
        progress: called with the bytes compared, and those of all files.

    Raises:
        LegacyFileError: there is no such folder, none of the files is in it, or one cannot be read.
        DatabaseError: the server refused, or went away.

    SQL: queries/internal/legacy_export.sql
    """
    queries = packaged_queries("internal/legacy_export.sql", "legacy_history.sql")
    report = VerifyReport()
    kept, erased = _known_now(queries, directory, settings, url)
    own = own_keys(settings.own_numbers, settings.default_region)
    with ExitStack() as stack:
        with connect(settings, url) as connection:
            connection.autocommit = True
            resolve = partial(_keys, queries, connection)
            read = read_into_buckets(directory, own, kept, erased, settings.default_region, resolve=resolve)
            buckets, files, unusable = stack.enter_context(read)
        report.files = files
        report.unread = [visible(name) for name in list_unread_files(directory)]
        report.records = sum(file.records for file in files)
        size = sum(file.size for file in files)
        try:
            with connect(settings, url) as connection, _snapshot(connection):
                _judge(unusable, _kept_places(queries, connection, _checksums(files, unusable)), report)
                imports = _import_times(queries, connection, files)
                done = len(unusable)
                for guests in buckets:
                    for batch in _batches(guests):
                        _compare(queries, connection, batch, imports, report)
                        done += sum(map(len, batch.values()))
                        if progress:
                            progress(done * size // report.records, size)
        except psycopg.Error as error:
            # BEGIN or COMMIT failed: no query's adapter has seen it.
            raise translate(error, "") from error
    return report


def _keys(
    queries: Any,  # noqa: ANN401  aiosql's methods
    connection: DeadlineConnection,
    ids: list[str],
) -> dict[str, str]:
    return {row.id: row.phone_number for row in queries.list_ids_of_other_keys(connection, ids=ids)}


def _known_now(
    queries: Any,  # noqa: ANN401  aiosql's methods
    directory: Path,
    settings: Settings,
    url: str,
) -> tuple[dict[str, KeptPlaces], ErasedIds]:
    checksums = {path.relative_to(directory).as_posix(): file_checksum(path) for path in list_files(directory)}
    with connect(settings, url) as connection:
        connection.autocommit = True
        ids = queries.get_erased_ids(connection)
        erased = ErasedIds(ErasureKey(settings.erasure_key), ids.salt, frozenset(ids.id_hashes))
        return _kept_places(queries, connection, checksums), erased


def _checksums(files: list[CheckedFile], unusable: list[Unusable]) -> dict[str, str]:
    """Return the checksums of files with such places, as they were read: they may have changed since `_known_now`."""
    names = {place.path for place in unusable}
    return {file.path: file.sha256 for file in files if file.path in names}


def _kept_places(
    queries: Any,  # noqa: ANN401  aiosql's methods
    connection: DeadlineConnection,
    checksums: Mapping[str, str],
) -> dict[str, KeptPlaces]:
    kept: dict[str, KeptPlaces] = {}
    for name, checksum in checksums.items():
        places: dict[int, list[Stretch]] = {}
        after = -1
        known = {"path": visible(name), "sha256": checksum}
        while page := queries.list_kept_rejects(connection, **known, after_offset=after):
            for row in page:
                sizes, sums = row.byte_counts, row.checksums
                # With several imports it does not matter which size belongs to which checksum: the bytes are hashed.
                places[row.byte_offset] = [Stretch(row.byte_offset, size, sum_) for size in sizes for sum_ in sums]
            after = page[-1].byte_offset
        kept[name] = places
    return kept


def _judge(unusable: list[Unusable], kept: Mapping[str, KeptPlaces], report: VerifyReport) -> None:
    """Check that each place is still kept in the snapshot with which the guests are compared."""
    for place in unusable:
        if place.is_erased:
            report.erased += 1
        elif place.kept and place.kept in kept[place.path].get(place.kept.offset, ()):
            report.keep(place)
        else:
            report.add(_unusable(place))


def _snapshot(connection: DeadlineConnection) -> Any:  # noqa: ANN401  psycopg's context manager
    connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
    connection.read_only = True
    return connection.transaction()


def _compare(
    queries: Any,  # noqa: ANN401  aiosql's methods
    connection: DeadlineConnection,
    guests: dict[str, list[Record]],
    imports: ImportTimes,
    report: VerifyReport,
) -> None:
    rows = {row.phone_number: row for row in queries.list_guests_to_verify(connection, phone_numbers=list(guests))}
    for phone_number, records in guests.items():
        check = GuestCheck(phone_number, records, rows.get(phone_number), imports)
        for difference in check.differences():
            report.add(difference)
        report.guests += 1
        report.fields += check.fields
        report.columns += check.columns


def _import_times(
    queries: Any,  # noqa: ANN401  aiosql's methods
    connection: DeadlineConnection,
    files: list[CheckedFile],
) -> ImportTimes:
    names, checksums = [visible(file.path) for file in files], [file.sha256 for file in files]
    times = queries.get_import_times(connection, paths=names, checksums=checksums)
    first = {file.path: time for file, time in zip(files, times.first_times, strict=True) if time is not None}
    return ImportTimes(frozenset(times.all_times), first)


def _batches(guests: dict[str, list[Record]]) -> Iterator[dict[str, list[Record]]]:
    keys = list(guests)
    for start in range(0, len(keys), _BATCH_GUESTS):
        yield {key: guests[key] for key in keys[start : start + _BATCH_GUESTS]}


def _unusable(place: Unusable) -> Difference:
    reason = f"not imported: {place.reason}; and legacy_rejects does not have these bytes"
    return Difference(visible(place.path), visible(place.pointer), "", "", place.key, "", reason)
