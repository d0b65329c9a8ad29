"""Records on their way into the staging table, as lines of COPY's text format."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime

from guestsql.legacy.copy_text import NULL, bytes_column, escape_json, labels_column, text_column
from guestsql.legacy.files import LegacyFile
from guestsql.legacy.raw import Damage, RawRecord, Span
from guestsql.legacy.read import FileReader
from guestsql.legacy.records import PartialGuest, Reject, read_record
from guestsql.legacy.report import FileReport
from guestsql.legacy.text import dump
from guestsql.legacy.usual import UsualDecoder, key_prefix

__all__ = ["COPY_COMMAND", "FileStager"]

_COLUMNS = (
    "file_number",
    "place",
    "phone_number",
    "recorded_at",
    "chat_id",
    "user_name",
    "contact_name",
    "labels",
    "thread_id",
    "thread_created_at",
    "first_interaction",
    "last_interaction",
    "created_at",
    "total_interactions",
    "profile_data",
    "pointer",
    "reason",
    "byte_offset",
    "record",
)
# The table is new, so its rows can be written as if they had been there for ever: nobody looks at each once more.
COPY_COMMAND = f"COPY legacy_staging ({', '.join(_COLUMNS)}) FROM STDIN (FREEZE)"

_BLOCK_LINES = 200
_NO_COLUMNS = "\t".join([NULL] * (len(_COLUMNS) - 6))


class FileStager:
    """The lines of one file.

    Args:
        number: the file's, from 1.
        file: one that `find_files` found.
        own: keys of the bot's own numbers, which are no guests.
        progress: is told how many bytes were read, each time.

    Attributes:
        records: how many records were read, rejected ones included.
        rejected: how many of them were rejected.
    """

    def __init__(
        self,
        number: int,
        file: LegacyFile,
        own: frozenset[str],
        progress: Callable[[int], object] | None = None,
    ) -> None:
        self.records = 0
        self.rejected = 0
        self._number = number
        self._file = file
        self._own = own
        self._reader = FileReader(file, progress=progress)
        self._usual = UsualDecoder(number, file, own, self._line)
        self._prefix = key_prefix(file)

    @property
    def report(self) -> FileReport:
        """What is told of the file, once all blocks were taken."""
        return FileReport(self._file.name, self._reader.sha256, self.records, self._reader.size)

    def blocks(self) -> Iterator[str]:
        """Yield the lines, several at a time.

        Raises:
            LegacyFileError: the operating system does not let the file be read.
        """
        single: list[str] = []
        for found in self._reader.items(self._usual.decode):
            if isinstance(found, list):
                self.records += len(found)
                yield "".join(found)
                continue
            self.records += 1
            single.append(self._line(found))
            if len(single) == _BLOCK_LINES:
                yield "".join(single)
                single.clear()
        if single:
            yield "".join(single)

    def _line(self, found: RawRecord | Damage) -> str:
        if isinstance(found, Damage):
            return self._reject(found.place, Reject(found.file.name, found.pointer, found.reason), found.span)
        record = read_record(found, self._own)
        if isinstance(record, Reject):
            return self._reject(found.place, record, found.span_of(found.place) if found.span_of else None)
        return self._guest(record)

    def _reject(self, place: int, reject: Reject, span: Span | None) -> str:
        self.rejected += 1
        written = self._reader.bytes_of(span) if span else None
        reason = reject.reason if written is not None else f"{reject.reason}; too long to be kept"
        return (
            f"{self._number}\t{place}\t{_NO_COLUMNS}\t{text_column(reject.pointer)}\t{text_column(reason)}"
            f"\t{span.start if span else NULL}\t{bytes_column(written)}\n"
        )

    def _guest(self, record: PartialGuest) -> str:
        created, first, last, at = record.created_at, record.first_interaction, record.last_interaction, record.at
        # The bot made the record at the guest's first message.
        earliest = _earlier(first, created)
        began = (created or at) if record.thread_id else None
        written: dict[datetime | None, str] = {None: NULL}
        for time in (at, created, first, last):
            if time not in written:
                written[time] = time.isoformat() if time else NULL
        return (
            f"{self._number}\t{record.raw.place}\t{record.phone_number}\t{written[at]}\t{text_column(record.chat_id)}"
            f"\t{text_column(record.user_name)}\t{text_column(record.contact_name)}\t{labels_column(record.labels)}"
            f"\t{text_column(record.thread_id)}\t{written[began]}\t{written[earliest]}\t{written[last]}"
            f"\t{written[_earlier(earliest, last)]}\t{NULL if record.messages is None else record.messages}"
            f"\t{self._profile_data(record)}\t{NULL}\t{NULL}\t{NULL}\t{NULL}\n"
        )

    def _profile_data(self, record: PartialGuest) -> str:
        raw = record.raw
        key = dump(f"{self._prefix}{raw.key}")
        if raw.text is not None and "\\" not in key:
            return f'{{"legacy":{{"{self._file.source}":{{{key}:{raw.text}}}}}}}'
        return escape_json(f'{{"legacy":{{"{self._file.source}":{{{key}:{dump(record.fields)}}}}}}}')


def _earlier(one: datetime | None, other: datetime | None) -> datetime | None:
    return min(one, other) if one and other else one or other
