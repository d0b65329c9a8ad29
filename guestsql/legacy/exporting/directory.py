"""The way back: `threads.json` and `guest_profiles.json` in the old bot's own shape, from the database.

A record's key is the guest's (the bare phone number), however it was written before. Both files are written under
temporary names, synced to disk, and only then renamed.

SQL: queries/internal/legacy_export.sql.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import psycopg

from guestsql.errors import LegacyFileError
from guestsql.legacy.exporting.record import GuestExport
from guestsql.legacy.exporting.writer import RecordWriter
from guestsql.legacy.storage import sync_folder
from guestsql.legacy.verifying.values import Value
from guestsql.settings import Settings
from guestsql.sql._sync.connection import connect
from guestsql.sql.packaged import packaged_queries
from guestsql.sql.translate import translate

__all__ = ["ExportReport", "ExportedFile", "export_directory"]

_PAGE_ROWS = 500
_THREADS = "threads.json"
_PROFILES = "guest_profiles.json"


@dataclass(frozen=True, slots=True)
class ExportedFile:
    """One file that was written.

    Attributes:
        path: relative to the folder.
        sha256: of its bytes, in hex.
        size: in bytes.
        records: how many it has.
    """

    path: str
    sha256: str
    size: int
    records: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportReport:
    """What an export wrote.

    Attributes:
        files: the files.
        guests: guests of the database.
        new: guests without a record in the imported files.
        changed: guests whose records are not as they were, because the database says something else.
        no_numbers: numbers that JSON does not have (`NaN`), written as `null`.
        left_out: what the old files have no field for, with the number of guests who have it.
        rejects: rejected records of the latest import, which stay in `legacy_rejects`.
    """

    files: tuple[ExportedFile, ...]
    guests: int
    new: int
    changed: int
    no_numbers: int
    left_out: dict[str, int]
    rejects: int = 0

    def as_dict(self) -> dict[str, Any]:
        """Return the report as the JSON object of `legacy export --format json`."""
        return {
            "files": [
                {"path": file.path, "sha256": file.sha256, "size": file.size, "records": file.records}
                for file in self.files
            ],
            "guests": self.guests,
            "new": self.new,
            "changed": self.changed,
            "no_numbers": self.no_numbers,
            "left_out": self.left_out,
            "rejects": self.rejects,
        }


def export_directory(directory: Path, *, settings: Settings, url: str, force: bool = False) -> ExportReport:
    """Write both files, as the database is at one moment.

    Args:
        directory: where to; made when it is missing.
        settings: for the connection.
        url: the database.
        force: replace files that are there.

    Raises:
        LegacyFileError: a file is there already, or one cannot be written; what was there stays.
        DatabaseError: the server refused, or went away; nothing is written then.

    SQL: queries/internal/legacy_export.sql
    """
    try:
        directory.mkdir(parents=True, exist_ok=True)
        names = (_THREADS, _PROFILES)
        for name in names if not force else ():
            if os.path.lexists(directory / name):
                raise _exists(directory / name)
        with contextlib.ExitStack() as stack:
            threads, profiles = (stack.enter_context(_PairFile(directory, name)) for name in names)
            report = _Counts(threads, profiles)
            for row in _rows(settings, url, report.reject):
                report.add(row)
            for file in (threads, profiles):
                file.finish()
            for file in (threads, profiles):
                file.publish(force=force)
            sync_folder(directory)
            return report.result()
    except OSError as error:
        raise LegacyFileError(
            f"cannot be written: {error.strerror}", path=directory, hint="name a folder that you can write to"
        ) from error


def _exists(path: Path) -> LegacyFileError:
    return LegacyFileError("is there already", path=path, hint="name another folder, or replace it with --force")


def _rows(settings: Settings, url: str, reject: Callable[[int], None]) -> Iterator[Any]:
    """Yield all guests, page by page, in one snapshot, and report how many rejected records it has."""
    queries = packaged_queries("internal/legacy_export.sql", "legacy_history.sql")
    try:
        with connect(settings, url) as connection:
            connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
            connection.read_only = True
            with connection.transaction():
                reject(queries.count_legacy_rejects(connection))
                after = ""
                while page := queries.list_guests_to_export(connection, after=after, max_rows=_PAGE_ROWS):
                    yield from page
                    after = page[-1].guest_key
    except psycopg.Error as error:
        # BEGIN or COMMIT failed: no query's adapter has seen it.
        raise translate(error, "") from error


class _Counts:
    """Writes each row and counts."""

    def __init__(self, threads: _PairFile, profiles: _PairFile) -> None:
        self._threads = threads
        self._profiles = profiles
        self._counted: Counter[str] = Counter()
        self._rejects = 0
        self._left_out = Counter(thread_tokens=0, memory_enabled=0, profile_data=0)

    def add(self, row: Any) -> None:  # noqa: ANN401  psycopg's named tuple
        guest = GuestExport(row)
        for file, record in ((self._threads, guest.thread), (self._profiles, guest.profile)):
            if record is not None:
                file.add(row.phone_number, record)
        self._counted.update(guests=1, new=int(guest.is_new), changed=int(guest.is_changed))
        self._left_out.update(
            thread_tokens=int(row.has_tokens),
            memory_enabled=int(row.has_memory_off),
            profile_data=int(row.has_profile_data),
        )

    def reject(self, count: int) -> None:
        self._rejects = count

    def result(self) -> ExportReport:
        files = (self._threads, self._profiles)
        return ExportReport(
            files=tuple(ExportedFile(each.name, each.sha256, each.size, each.records) for each in files),
            guests=self._counted["guests"],
            new=self._counted["new"],
            changed=self._counted["changed"],
            no_numbers=sum(each.writer.no_numbers for each in files),
            left_out=dict(self._left_out),
            rejects=self._rejects,
        )


class _PairFile:
    """An array of `[key, record]` pairs that gets its name when it is complete, and is removed otherwise."""

    def __init__(self, directory: Path, name: str) -> None:
        self.name = name
        self.writer = RecordWriter()
        self.records = 0
        self.size = 0
        self._place = directory / name
        self._digest = hashlib.sha256()
        handle, path = tempfile.mkstemp(prefix=f".{name}.", suffix=".part", dir=directory)
        self._path = Path(path)
        self._file = os.fdopen(handle, "wb", buffering=1 << 20)

    @property
    def sha256(self) -> str:
        return self._digest.hexdigest()

    def add(self, key: str, record: dict[str, Value]) -> None:
        self._write(f"{',' if self.records else '['}[{json.dumps(key)},{self.writer.write(record)}]")
        self.records += 1

    def finish(self) -> None:
        """Write the end, and sync the file to disk."""
        self._write("]" if self.records else "[]")
        self._file.flush()
        os.fchmod(self._file.fileno(), self._mode())
        os.fsync(self._file.fileno())
        self._file.close()

    def publish(self, *, force: bool) -> None:
        """Give the file its name."""
        if force:
            self._path.replace(self._place)
            return
        try:
            # A file that appeared in the meantime must not be overwritten, as rename would do.
            os.link(self._path, self._place)
        except FileExistsError as error:
            raise _exists(self._place) from error
        self._path.unlink()

    def _write(self, text: str) -> None:
        data = text.encode()
        self._file.write(data)
        self._digest.update(data)
        self.size += len(data)

    def _mode(self) -> int:
        """Return the permissions of the replaced file, else the owner's only: guests' data is private."""
        try:
            return self._place.stat().st_mode & 0o777
        except OSError:
            return 0o600

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()
        self._path.unlink(missing_ok=True)
