"""What the files hold, gathered by guest."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

from guestsql.legacy.files import LegacyFile, find_files
from guestsql.legacy.merge import MergedGuest, merge_records
from guestsql.legacy.read import Damage, RawRecord, iter_records, read_content
from guestsql.legacy.records import PartialGuest, Reject, read_record
from guestsql.legacy.report import FileReport

__all__ = ["Collection", "collect"]


class Collection:
    """The records of some files.

    Args:
        own: keys of the bot's own numbers, which are no guests.

    Attributes:
        files: the files, in the order they were read.
        rejects: records from which no guest can be made, in the order of files and places.
    """

    def __init__(self, own: frozenset[str] = frozenset()) -> None:
        self.files: list[FileReport] = []
        self.rejects: list[Reject] = []
        self._own = own
        self._guests: defaultdict[str, list[PartialGuest]] = defaultdict(list)

    @property
    def records(self) -> int:
        """Records of all files, rejected ones included."""
        return sum(file.records for file in self.files)

    def add(self, file: LegacyFile) -> None:
        """Read one more file.

        Args:
            file: one that `find_files` found.

        Raises:
            LegacyFileError: the operating system does not let it be read.
        """
        content = read_content(file)
        count = 0
        for found in iter_records(content):
            self._sort_in(found)
            count += 1
        self.files.append(FileReport(file.name, content.sha256, count))

    def guests(self) -> list[MergedGuest]:
        """Return the guests, each merged of all its records, in the order of their keys."""
        return [merge_records(self._guests[key]) for key in sorted(self._guests)]

    def _sort_in(self, found: RawRecord | Damage) -> None:
        if isinstance(found, Damage):
            self.rejects.append(Reject(found.file.name, found.pointer, found.reason))
            return
        record = read_record(found, self._own)
        if isinstance(record, Reject):
            self.rejects.append(record)
        else:
            self._guests[record.phone_number].append(record)


def collect(directory: Path, own: frozenset[str] = frozenset()) -> Collection:
    """Read all files of a folder.

    Args:
        directory: the folder.
        own: keys of the bot's own numbers, which are no guests.

    Raises:
        LegacyFileError: there is no such folder, none of the files is in it, or one cannot be read.
    """
    collection = Collection(own)
    for file in find_files(directory):
        collection.add(file)
    return collection
