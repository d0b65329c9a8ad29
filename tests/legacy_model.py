"""What the files say of one guest, worked out record by record in Python: what the import's queries must come to."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from guestsql.legacy.reading.excluded import Excluded
from guestsql.legacy.reading.file_reader import Damage, FileReader
from guestsql.legacy.reading.files import Source, find_files
from guestsql.legacy.reading.json_text import Json, dump
from guestsql.legacy.reading.records import PartialGuest, read_record

_NEVER = datetime.min.replace(tzinfo=UTC)
_RANKS = {Source.BACKUPS: 0, Source.GUESTS: 1, Source.GUEST_PROFILES: 2, Source.THREADS: 3}


@dataclass(frozen=True)
class MergedGuest:
    """One guest as the files describe it: the row's columns, and the records by kind of file and key."""

    phone_number: str
    columns: dict[str, Any]
    legacy: dict[str, dict[str, dict[str, Json]]]


def model_guests(directory: Path, imported_at: datetime) -> dict[str, MergedGuest]:
    """All guests of a folder by their keys; no time of a row is later than that of the import."""
    records: defaultdict[str, list[PartialGuest]] = defaultdict(list)
    for file in find_files(directory):
        for found in FileReader(file).records():
            record = None if isinstance(found, Damage) else read_record(found, Excluded(frozenset()))
            if isinstance(record, PartialGuest):
                records[record.phone_number].append(record)
    return {key: _limited(merge_records(told), imported_at) for key, told in records.items()}


def _limited(guest: MergedGuest, latest: datetime) -> MergedGuest:
    columns = {
        name: min(value, latest) if isinstance(value, datetime) else value for name, value in guest.columns.items()
    }
    return replace(guest, columns=columns)


def _order(record: PartialGuest) -> tuple[object, ...]:
    """The newer record is the greater; of one time, the file that the bot kept best, and there the later place."""
    file = record.raw.file
    return (record.at or _NEVER, _RANKS[file.source], file.named_at or _NEVER, file.name, record.raw.place)


def merge_records(records: Iterable[PartialGuest]) -> MergedGuest:
    """Merge the records of one guest. The result does not depend on their order.

    Args:
        records: one or more, all with the same key.
    """
    oldest_first = sorted(records, key=_order)
    return MergedGuest(oldest_first[0].phone_number, _columns(oldest_first), _legacy(oldest_first))


def _columns(oldest_first: list[PartialGuest]) -> dict[str, Any]:
    columns: dict[str, Any] = {"phone_number": oldest_first[0].phone_number}
    for name in ("chat_id", "thread_id", "user_name", "contact_name"):
        teller = _newest(oldest_first, name)
        columns[name] = getattr(teller, name) if teller else None
    columns["labels"] = _labels(oldest_first)
    thread = _newest(oldest_first, "thread_id")
    columns["thread_created_at"] = (thread.created_at or thread.at) if thread else None
    columns["total_interactions"] = max((r.messages for r in oldest_first if r.messages is not None), default=0)
    return columns | _times(oldest_first)


def _labels(oldest_first: list[PartialGuest]) -> list[str] | None:
    """The newest of each of the two sources, those of `threads.json` and its backups first."""
    threads = [record for record in oldest_first if record.raw.file.source in (Source.THREADS, Source.BACKUPS)]
    profiles = [record for record in oldest_first if record.raw.file.source in (Source.GUEST_PROFILES, Source.GUESTS)]
    tellers = [teller for each in (threads, profiles) if (teller := _newest(each, "labels"))]
    return list(dict.fromkeys(label for teller in tellers for label in teller.labels or [])) if tellers else None


def _newest(oldest_first: list[PartialGuest], name: str) -> PartialGuest | None:
    return next((record for record in reversed(oldest_first) if getattr(record, name) is not None), None)


def _times(records: list[PartialGuest]) -> dict[str, datetime | None]:
    created = [record.created_at for record in records if record.created_at]
    first = [record.first_interaction for record in records if record.first_interaction]
    last = [record.last_interaction for record in records if record.last_interaction]
    latest = max(last, default=None)
    # The bot made the record at the guest's first message. A last message is no earlier than the first.
    earliest = min(first + created, default=None)
    if earliest and latest:
        earliest = min(earliest, latest)
    return {
        "first_interaction": earliest,
        "last_interaction": latest,
        "created_at": min(created + first + last, default=None),
        "recorded_at": max((record.at for record in records if record.at), default=None),
    }


def _legacy(oldest_first: list[PartialGuest]) -> dict[str, dict[str, dict[str, Json]]]:
    legacy: dict[str, dict[str, dict[str, Json]]] = {}
    backups = [record for record in oldest_first if record.raw.file.source is Source.BACKUPS]
    others = [record for record in oldest_first if record.raw.file.source is not Source.BACKUPS]
    for record in sorted(others, key=lambda record: (record.raw.file.name, record.raw.place)):
        _keep(legacy, record, record.fields)
    if backups:
        said = {saying for record in others for saying in _sayings(record)}
        for record in reversed(backups):
            sayings = _sayings(record)
            news = {name: record.fields[name] for name, text in sayings if (name, text) not in said}
            said.update(sayings)
            # A guest that only one backup mentions has its record in any case.
            if news or len(oldest_first) == 1:
                _keep(legacy, record, news)
    return legacy


def _sayings(record: PartialGuest) -> list[tuple[str, str]]:
    return [(name, dump(value)) for name, value in record.fields.items()]


def _keep(legacy: dict[str, dict[str, dict[str, Json]]], record: PartialGuest, fields: dict[str, Json]) -> None:
    file = record.raw.file
    written = str(record.raw.key)
    key = f"{file.path.name}#{written}" if file.source is Source.BACKUPS else written
    kept = legacy.setdefault(str(file.source), {})
    number = 2
    free = key
    while free in kept:
        free, number = f"{key}#{number}", number + 1
    kept[free] = fields
