"""The records of one file as lines of COPY for the staging table."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import datetime

from guestsql.legacy.importing.copy_columns import NULL, bytes_column, labels_column, text_column
from guestsql.legacy.importing.report import Adjusted, FileReport
from guestsql.legacy.reading.excluded import ERASED, Excluded
from guestsql.legacy.reading.file_reader import FileReader
from guestsql.legacy.reading.files import LegacyFile, Source
from guestsql.legacy.reading.json_text import Json, dump, escape
from guestsql.legacy.reading.raw import Damage, RawRecord, pointer_below
from guestsql.legacy.reading.records import TIMES, PartialGuest, Reject, read_record
from guestsql.legacy.reading.times import parse_time

__all__ = ["COPY_STAGING", "FileStager"]

_BLOCK_LINES = 200

_GUEST_COLUMNS = (
    "recorded_at",
    "phone_number",
    "chat_id",
    "user_name",
    "contact_name",
    "labels",
    "thread_id",
    "created_at",
    "first_interaction",
    "last_interaction",
    "total_interactions",
    "profile_data",
)
_REJECT_COLUMNS = ("pointer", "reason", "byte_offset", "record")

# The table is new in this transaction, so its rows can be frozen, which spares a look at each later.
COPY_STAGING = (
    f"COPY legacy_staging (file_number, place, {', '.join((*_GUEST_COLUMNS, *_REJECT_COLUMNS))}) FROM STDIN (FREEZE)"
)

_BOT_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z")
_NO_GUEST = "\t".join([NULL] * len(_GUEST_COLUMNS))
_NO_REJECT = "\t".join([NULL] * len(_REJECT_COLUMNS))


class FileStager:
    """The lines of one file.

    Args:
        number: the file's number, from 1.
        file: one that `find_files` found.
        excluded: whose records are not imported.
        latest: the time of the import; a later time is in the future.
        progress: called with the number of bytes after each read.
        region: whose national numbers are completed (`Settings.default_region`).

    Attributes:
        records: how many records were read, including rejected ones.
        adjusted: the times in the future.
        erased: the records of erased guests, rejected too.
        has_previous_threads: whether a record lists threads that its guest had before.
    """

    def __init__(
        self,
        number: int,
        file: LegacyFile,
        excluded: Excluded,
        latest: datetime,
        *,
        progress: Callable[[int], object] | None = None,
        region: str | None = None,
    ) -> None:
        self.records = 0
        self.erased: list[Reject] = []
        self.adjusted: list[Adjusted] = []
        self.has_previous_threads = False
        self._number = str(number)
        self._source = str(file.source)
        self._file = file
        self._excluded = excluded
        self._latest = latest
        self._region = region
        self._reader = FileReader(file, progress=progress)
        self._prefix = f"{escape(file.path.name)}#" if file.source is Source.BACKUPS else ""

    @property
    def report(self) -> FileReport:
        """The file's part of the report, once all blocks were taken."""
        return FileReport(self._file.name, self._reader.sha256, self.records, self._reader.size, self._reader.not_utf8)

    def blocks(self) -> Iterator[str]:
        """Yield the lines, several at a time.

        Raises:
            LegacyFileError: the operating system refuses to read the file.
        """
        lines: list[str] = []
        for found in self._reader.records():
            self.records += 1
            lines.append(self._line(found))
            if len(lines) == _BLOCK_LINES:
                yield "".join(lines)
                lines.clear()
        yield "".join(lines)

    def _line(self, found: RawRecord | Damage) -> str:
        if isinstance(found, Damage):
            return self._reject(found, Reject(found.file.name, found.pointer, found.reason))
        record = read_record(found, self._excluded, self._region)
        if isinstance(record, PartialGuest):
            return self._guest(record)
        if record.reason == ERASED:
            # Nothing of it goes to the database.
            self.erased.append(record)
            return ""
        return self._reject(found, record)

    def _reject(self, found: RawRecord | Damage, reject: Reject) -> str:
        offset, written = self._reader.written(found)
        reason = reject.reason if written is not None else f"{reject.reason}; too long to be kept"
        columns = (
            self._number,
            str(found.place),
            _NO_GUEST,
            text_column(reject.pointer),
            text_column(reason),
            str(offset),
            bytes_column(written),
        )
        return "\t".join(columns) + "\n"

    def _guest(self, record: PartialGuest) -> str:
        at, created, first, last = record.at, record.created_at, record.first_interaction, record.last_interaction
        latest = self._latest
        if (at and at > latest) or (created and created > latest) or (first and first > latest):
            self.adjusted.extend(_future_times(record, latest))
        get = record.fields.get
        self.has_previous_threads |= bool(get("previousThreads"))
        last_column = _time_column(last, None if get("lastInteraction") else get("lastActivity"))
        columns = (
            self._number,
            str(record.raw.place),
            last_column if at is last else _time_column(at),
            record.phone_number,
            text_column(record.chat_id),
            text_column(record.user_name),
            text_column(record.contact_name),
            labels_column(record.labels),
            text_column(record.thread_id),
            _time_column(created, get("createdAt")),
            _time_column(first),
            last_column,
            NULL if record.messages is None else str(record.messages),
            self._profile_data(record),
            _NO_REJECT,
        )
        return "\t".join(columns) + "\n"

    def _profile_data(self, record: PartialGuest) -> str:
        kept = dump({f"{self._prefix}{record.raw.key}": record.fields})
        # JSON has no raw tab or line end, so of what COPY escapes there is only the backslash.
        return f'{{"legacy":{{"{self._source}":{kept}}}}}'.replace("\\", "\\\\")


def _future_times(record: PartialGuest, latest: datetime) -> Iterator[Adjusted]:
    raw = record.raw
    times = {pointer_below(raw.where, member): parse_time(record.fields.get(member)) for member in TIMES}
    if not any(times.values()):
        times = {raw.pointer: record.at}
    for pointer, time in times.items():
        if time and time > latest:
            yield Adjusted(raw.file.name, pointer, time.isoformat(), latest.isoformat())


def _time_column(time: datetime | None, written: Json = None) -> str:
    if time is None:
        return NULL
    # The file's own text, where the server reads it alike: isoformat takes three times as long.
    return written if isinstance(written, str) and _BOT_TIME.fullmatch(written) else time.isoformat()
