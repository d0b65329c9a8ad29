"""The records of one file as lines of COPY."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import NamedTuple

from guestsql.legacy.copy_text import NULL, escape_json, labels_column, text_column
from guestsql.legacy.excluded import ERASED, Excluded
from guestsql.legacy.files import LegacyFile
from guestsql.legacy.lines import LineMaker
from guestsql.legacy.raw import Damage, RawRecord, Span, pointer_below
from guestsql.legacy.read import FileReader
from guestsql.legacy.records import TIMES, PartialGuest, Reject, read_record
from guestsql.legacy.report import Adjusted, FileReport
from guestsql.legacy.seen import SeenKeys
from guestsql.legacy.text import dump
from guestsql.legacy.times import parse_time
from guestsql.legacy.usual import UsualDecoder, key_prefix

__all__ = ["FileLines", "FileStager"]

_BLOCK_LINES = 200


class FileLines(NamedTuple):
    """Some lines of a file; either part may be empty.

    Attributes:
        guests: for `COPY_GUESTS`.
        records: for `COPY_STAGING`.
    """

    guests: str
    records: str


class FileStager:
    """The lines of one file.

    Args:
        number: the file's, from 1.
        file: one that `find_files` found.
        excluded: whose records are not imported.
        latest: the time of the import; a later one lies in the future.
        progress: is told how many bytes were read, each time.
        seen: remembers the guests of all files; None when every record is to be staged.
        straight: whether a guest not told of before is not staged, but written as such: in the last file only.

    Attributes:
        records: how many records were read, rejected ones included.
        rejected: how many of them were rejected.
        adjusted: the times in the future.
        erased: the records of erased guests; they are rejected too.
        guests: how many were written as guests.
        straight: as given.
    """

    def __init__(
        self,
        number: int,
        file: LegacyFile,
        excluded: Excluded,
        latest: datetime,
        progress: Callable[[int], object] | None = None,
        *,
        seen: SeenKeys | None = None,
        straight: bool = False,
    ) -> None:
        self.records = 0
        self.rejected = 0
        self.erased: list[Reject] = []
        self.adjusted: list[Adjusted] = []
        self.guests = 0
        self.straight = straight
        self._file = file
        self._excluded = excluded
        self._latest = latest
        self._reader = FileReader(file, progress=progress)
        self._lines = LineMaker(number, seen, straight=straight)
        self._usual = UsualDecoder(file, excluded, latest, self._lines, self._line)
        self._prefix = key_prefix(file)

    @property
    def report(self) -> FileReport:
        """What is told of the file, once all blocks were taken."""
        return FileReport(self._file.name, self._reader.sha256, self.records, self._reader.size, self._reader.not_utf8)

    def blocks(self) -> Iterator[FileLines]:
        """Yield the lines, several at a time.

        Raises:
            LegacyFileError: the operating system does not let the file be read.
        """
        single: list[str] = []
        for found in self._reader.items(self._usual.decode):
            if isinstance(found, list):
                self.records += len(found)
                yield self._block(found)
                continue
            self.records += 1
            single.append(self._line(found))
            if len(single) == _BLOCK_LINES:
                yield self._block(single)
                single.clear()
        if single:
            yield self._block(single)

    def _block(self, records: list[str]) -> FileLines:
        guests = self._lines.guests
        self.guests += len(guests)
        block = FileLines("".join(guests), "".join(records))
        guests.clear()
        return block

    def _line(self, found: RawRecord | Damage) -> str:
        if isinstance(found, Damage):
            return self._reject(found.place, Reject(found.file.name, found.pointer, found.reason), found.span)
        record = read_record(found, self._excluded)
        if isinstance(record, Reject) and record.reason == ERASED:
            # Nothing of it goes to the database.
            self.erased.append(record)
            return ""
        if isinstance(record, Reject):
            return self._reject(found.place, record, found.span_of(found.place) if found.span_of else None)
        return self._guest(record)

    def _reject(self, place: int, reject: Reject, span: Span | None) -> str:
        self.rejected += 1
        written = self._reader.bytes_of(span) if span else None
        reason = reject.reason if written is not None else f"{reject.reason}; too long to be kept"
        return self._lines.reject(place, reject.pointer, reason, span.start if span else None, written)

    def _guest(self, record: PartialGuest) -> str:
        created, first, last, at = record.created_at, record.first_interaction, record.last_interaction, record.at
        # The bot made the record at the guest's first message.
        earliest = _earlier(first, created)
        began = (created or at) if record.thread_id else None
        written: dict[datetime | None, str] = {None: NULL}
        for time in (at, created, first, last):
            if time not in written:
                written[time] = time.isoformat() if time else NULL
        is_future = any(time and time > self._latest for time in written)
        if is_future:
            self.adjusted.extend(_future_times(record, self._latest))
        names = (record.chat_id, record.user_name, record.contact_name)
        return self._lines.record(
            record.raw.place,
            record.phone_number,
            written[at],
            "\t".join(map(text_column, names)),
            labels_column(record.labels),
            f"{text_column(record.thread_id)}\t{written[began]}",
            written[earliest],
            written[last],
            written[_earlier(earliest, last)],
            NULL if record.messages is None else str(record.messages),
            self._profile_data(record),
            is_future=is_future,
        )

    def _profile_data(self, record: PartialGuest) -> str:
        raw = record.raw
        key = dump(f"{self._prefix}{raw.key}")
        if raw.text is not None and "\\" not in key:
            return f'{{"legacy":{{"{self._file.source}":{{{key}:{raw.text}}}}}}}'
        return escape_json(f'{{"legacy":{{"{self._file.source}":{{{key}:{dump(record.fields)}}}}}}}')


def _future_times(record: PartialGuest, latest: datetime) -> Iterator[Adjusted]:
    raw = record.raw
    times = {pointer_below(raw.where, member): parse_time(record.fields.get(member)) for member in TIMES}
    if not any(times.values()):
        times = {raw.pointer: record.at}
    for pointer, time in times.items():
        if time and time > latest:
            yield Adjusted(raw.file.name, pointer, time.isoformat(), latest.isoformat())


def _earlier(one: datetime | None, other: datetime | None) -> datetime | None:
    return min(one, other) if one and other else one or other
