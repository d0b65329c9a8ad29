"""The report of an import."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from guestsql.legacy.reading.records import Reject

__all__ = ["Adjusted", "Conflict", "FileReport", "ImportReport"]


@dataclass(frozen=True, slots=True)
class Adjusted:
    """A time in the future, replaced by the time of the import.

    Attributes:
        path: the file, relative to the folder.
        pointer: JSON pointer of the member; of the record when the time is the one in the file's name.
        written: the time as read, in ISO 8601.
        used: the time of the import, in ISO 8601.
    """

    path: str
    pointer: str
    written: str
    used: str


@dataclass(frozen=True, slots=True)
class Conflict:
    """An id in the records of one guest that is another guest's; they were not merged.

    Attributes:
        guest: the key of the guest whose records have it.
        id: the id.
        other: the key of the guest who has it.
    """

    guest: str
    id: str
    other: str


@dataclass(frozen=True, slots=True)
class FileReport:
    """One file that was read.

    Attributes:
        path: relative to the folder.
        sha256: of its bytes, in hex.
        records: how many it has, including rejected ones.
        bytes: its size.
        not_utf8: how many bytes are not UTF-8; they were read as Windows-1252.
    """

    path: str
    sha256: str
    records: int
    bytes: int
    not_utf8: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportReport:
    """What an import did, or with `dry_run` would have done.

    Attributes:
        files: the files, by precedence.
        records: records of all files: the imported and the rejected.
        guests: guests of the imported records: the inserted, the updated and the unchanged.
        inserted: new rows.
        updated: changed rows.
        unchanged: rows that had everything already.
        rejects: the records from which no guest could be made, in the order of files and places, those
            of erased guests last.
        dry_run: whether nothing was written.
        adjusted: the times in the future, in the same order; `profile_data` keeps them as written.
        conflicts: the chat ids that are another guest's; `merge_guests` makes one guest of two.
        import_id: the import's number in the history; None when nothing was written.
        table_bytes: the size of `guest_profiles` with its indexes, after the import.
        peak_memory_bytes: peak memory of this process; None where the system does not report it.
        seconds: how long it took.
        erased: how many of the rejected records belong to erased guests. Nothing of them is written.
        unread: JSON files in the folder that were not read, relative to it.
    """

    files: tuple[FileReport, ...]
    records: int
    guests: int
    inserted: int
    updated: int
    unchanged: int
    rejects: tuple[Reject, ...]
    dry_run: bool
    adjusted: tuple[Adjusted, ...] = ()
    conflicts: tuple[Conflict, ...] = ()
    import_id: int | None = None
    table_bytes: int = 0
    peak_memory_bytes: int | None = None
    seconds: float = 0.0
    erased: int = 0
    unread: tuple[str, ...] = ()

    @property
    def rejected(self) -> int:
        """How many records were rejected."""
        return len(self.rejects)

    @property
    def imported(self) -> int:
        """How many records were imported."""
        return self.records - self.rejected

    @property
    def merged(self) -> int:
        """How many records were merged with another record of their guest."""
        return self.imported - self.guests

    @property
    def file_bytes(self) -> int:
        """The size of all files."""
        return sum(file.bytes for file in self.files)

    def as_dict(self) -> dict[str, Any]:
        """Return the report as the JSON object of `legacy import --format json`."""
        return {
            "files": [asdict(file) for file in self.files],
            "records": self.records,
            "guests": self.guests,
            "inserted": self.inserted,
            "updated": self.updated,
            "unchanged": self.unchanged,
            "rejected": self.rejected,
            "rejects": [asdict(reject) for reject in self.rejects],
            "dry_run": self.dry_run,
            "adjusted": [asdict(each) for each in self.adjusted],
            "conflicts": [asdict(each) for each in self.conflicts],
            "merged": self.merged,
            "file_bytes": self.file_bytes,
            "table_bytes": self.table_bytes,
            "peak_memory_bytes": self.peak_memory_bytes,
            "seconds": self.seconds,
            "import_id": self.import_id,
            "erased": self.erased,
            "unread": list(self.unread),
        }
