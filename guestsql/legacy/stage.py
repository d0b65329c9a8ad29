"""Records on their way into the staging table, as lines of COPY's text format."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime

from guestsql.legacy.files import LegacyFile, Source
from guestsql.legacy.read import Damage, FileReader, RawRecord
from guestsql.legacy.records import PartialGuest, Reject, read_record
from guestsql.legacy.report import FileReport
from guestsql.legacy.text import dump, escape

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
)
COPY_COMMAND = f"COPY legacy_staging ({', '.join(_COLUMNS)}) FROM STDIN"

_NULL = "\\N"
_BLOCK_LINES = 200
_NO_COLUMNS = "\t".join([_NULL] * (len(_COLUMNS) - 4))
_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})
_LABEL_ESCAPES = str.maketrans({"\\": "\\\\", '"': '\\"'})


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
        # Before the record's key, under profile_data, as JSON without its quotes.
        self._prefix = f"{escape(file.path.name)}#" if file.source is Source.BACKUPS else ""

    @property
    def report(self) -> FileReport:
        """What is told of the file, once all blocks were taken."""
        return FileReport(self._file.name, self._reader.sha256, self.records, self._reader.size)

    def blocks(self) -> Iterator[str]:
        """Yield the lines, several at a time.

        Raises:
            LegacyFileError: the operating system does not let the file be read.
        """
        lines: list[str] = []
        for found in self._reader.records():
            self.records += 1
            lines.append(self._line(found))
            if len(lines) == _BLOCK_LINES:
                yield "".join(lines)
                lines.clear()
        if lines:
            yield "".join(lines)

    def _line(self, found: RawRecord | Damage) -> str:
        if isinstance(found, Damage):
            return self._reject(found.place, Reject(found.file.name, found.pointer, found.reason))
        record = read_record(found, self._own)
        if isinstance(record, Reject):
            return self._reject(found.place, record)
        return self._guest(record)

    def _reject(self, place: int, reject: Reject) -> str:
        self.rejected += 1
        return f"{self._number}\t{place}\t{_NO_COLUMNS}\t{_text(reject.pointer)}\t{_text(reject.reason)}\n"

    def _guest(self, record: PartialGuest) -> str:
        created, first, last, at = record.created_at, record.first_interaction, record.last_interaction, record.at
        # The bot made the record at the guest's first message.
        earliest = _earlier(first, created)
        began = (created or at) if record.thread_id else None
        written: dict[datetime | None, str] = {None: _NULL}
        for time in (at, created, first, last):
            if time not in written:
                written[time] = time.isoformat() if time else _NULL
        return (
            f"{self._number}\t{record.raw.place}\t{record.phone_number}\t{written[at]}\t{_text(record.chat_id)}"
            f"\t{_text(record.user_name)}\t{_text(record.contact_name)}\t{_labels(record.labels)}"
            f"\t{_text(record.thread_id)}\t{written[began]}\t{written[earliest]}\t{written[last]}"
            f"\t{written[_earlier(earliest, last)]}\t{_NULL if record.messages is None else record.messages}"
            f"\t{self._profile_data(record)}\t{_NULL}\t{_NULL}\n"
        )

    def _profile_data(self, record: PartialGuest) -> str:
        raw = record.raw
        key = dump(f"{self._prefix}{raw.key}")
        if raw.text is not None and "\\" not in key:
            return f'{{"legacy":{{"{self._file.source}":{{{key}:{raw.text}}}}}}}'
        return f'{{"legacy":{{"{self._file.source}":{{{key}:{dump(record.fields)}}}}}}}'.translate(_ESCAPES)


def _earlier(one: datetime | None, other: datetime | None) -> datetime | None:
    return min(one, other) if one and other else one or other


def _text(text: str | None) -> str:
    if text is None:
        return _NULL
    return text if "\\" not in text and text.isprintable() else text.translate(_ESCAPES)


def _labels(labels: list[str] | None) -> str:
    if not labels:
        return _NULL if labels is None else "{}"
    items = '","'.join(labels)
    if "\\" in items or items.count('"') > 2 * (len(labels) - 1):
        items = '","'.join(label.translate(_LABEL_ESCAPES) for label in labels)
    return _text(f'{{"{items}"}}')
