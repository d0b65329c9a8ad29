"""All that the files say of one guest as one row: per field, what the newest record says.

Every record is also kept as it was under `profile_data.legacy`, by the kind of file and the key as written there, so
that nothing vanishes: what has no column, what lost, what could not be read, how the key was spelled. Of a backup only
that is kept which no newer record of the guest says too. A second record under one key gets `#2` behind it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from operator import attrgetter
from typing import Any

from guestsql.legacy.files import Source
from guestsql.legacy.records import PartialGuest
from guestsql.legacy.text import Json, dump

__all__ = ["MergedGuest", "merge_records"]


@dataclass(frozen=True, slots=True)
class MergedGuest:
    """One guest as the files tell.

    Attributes:
        phone_number: the guest's key.
        columns: the row's values and, as `<column>_at`, the times of the records that said them; JSON values, times as
            ISO 8601, all accepted by PostgreSQL.
        legacy: kind of file to key as written to record, all as it was.
    """

    phone_number: str
    columns: dict[str, Any]
    legacy: dict[str, dict[str, dict[str, Json]]]

    def as_json(self) -> str:
        """Return the row as one JSON object, `legacy` being a member of it."""
        columns = json.dumps(self.columns, ensure_ascii=False, separators=(",", ":"))
        return f'{columns[:-1]},"legacy":{dump(self.legacy)}}}'


def merge_records(records: Iterable[PartialGuest]) -> MergedGuest:
    """Merge the records of one guest. The result does not depend on their order.

    Args:
        records: one or more, all with the same key.
    """
    oldest_first = sorted(records, key=attrgetter("order"))
    return MergedGuest(oldest_first[0].phone_number, _columns(oldest_first), _legacy(oldest_first))


def _columns(oldest_first: list[PartialGuest]) -> dict[str, Any]:
    columns: dict[str, Any] = {"phone_number": oldest_first[0].phone_number}
    for name in ("chat_id", "thread_id", "user_name", "contact_name", "labels"):
        teller = _newest(oldest_first, name)
        columns[name] = getattr(teller, name) if teller else None
        columns[f"{name}_at"] = _iso(teller.at) if teller else None
    thread = _newest(oldest_first, "thread_id")
    columns["thread_created_at"] = _iso(thread.created_at or thread.at) if thread else None
    columns["total_interactions"] = max((r.messages for r in oldest_first if r.messages is not None), default=0)
    return columns | {name: _iso(time) for name, time in _times(oldest_first).items()}


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


def _iso(time: datetime | None) -> str | None:
    return time.isoformat() if time else None


def _legacy(oldest_first: list[PartialGuest]) -> dict[str, dict[str, dict[str, Json]]]:
    legacy: dict[str, dict[str, dict[str, Json]]] = {}
    backups = [record for record in oldest_first if record.raw.file.source is Source.BACKUPS]
    others = [record for record in oldest_first if record.raw.file.source is not Source.BACKUPS]
    for record in sorted(others, key=lambda record: (record.raw.file.name, record.raw.index)):
        _keep(legacy, record, record.fields)
    if backups:
        said = {saying for record in others for saying in _sayings(record)}
        for record in reversed(backups):
            sayings = _sayings(record)
            news = {name: record.fields[name] for name, text in sayings if (name, text) not in said}
            said.update(sayings)
            if news:
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
