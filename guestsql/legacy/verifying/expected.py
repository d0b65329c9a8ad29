"""The columns that a guest's records lead to, computed without the import's own code.

The verification uses it on the files, the export on the records that the row keeps. The rules:

- a record's own time is its last activity, else its creation, else the time in the name of its backup;
- each column comes from the newest record that has it; of records with equal times `threads.json` goes before
  `guest_profiles.json`, that before `guests.json`, and backups come last, the later name first;
- labels are the newest of `threads.json` and its backups, then the newest of the other files, each once;
- `values` reads a single value; a record without one leaves the column to the next older record.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import cast

from guestsql.legacy.verifying.values import (
    Value,
    plain_text,
    read_chat_id,
    read_count,
    read_labels,
    read_name,
    read_time,
)

__all__ = ["TIMES", "Claim", "Expectation", "Record", "expect", "record_order"]

_NEVER = datetime.min.replace(tzinfo=UTC)
# The members with times.
TIMES = ("createdAt", "firstInteraction", "lastActivity", "lastInteraction")
_RANK = {"threads": 3, "guest_profiles": 2, "guests": 1, "backups": 0}


@dataclass(frozen=True, slots=True)
class Record:
    """One record of the old bot.

    Attributes:
        source: `threads`, `guest_profiles`, `guests` or `backups`.
        file: the file's path relative to the folder, "" when it is not known.
        named_at: the time in a backup's name.
        index: its position among the file's records, from 0.
        pointer: JSON pointer of the record itself.
        key: the guest's key as written.
        fields: its members.
        own_id: the id that the key spells, when it is not the guest's key.
    """

    source: str
    file: str
    named_at: datetime | None
    index: int
    pointer: str
    key: str
    fields: dict[str, Value]
    own_id: str = ""

    @property
    def is_of_threads(self) -> bool:
        """Whether the record is from `threads.json` or a copy of it, and not from a file of profiles."""
        if self.source == "backups":
            return not self.file.lower().rpartition("/")[2].startswith("guest")
        return self.source == "threads"


@dataclass(frozen=True, slots=True)
class Claim:
    """The value that the records give to one column.

    Attributes:
        value: as psycopg returns it; None when no record has one.
        record: the record that it comes from.
        member: the member of the record.
        at: the time of the record.
    """

    value: object
    record: Record
    member: str
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Expectation:
    """The row that the records of one guest lead to.

    Attributes:
        columns: the value of each column, by its name.
        recorded_at: the newest time of all records; its value is None when no record has one.
    """

    columns: dict[str, Claim]
    recorded_at: Claim


def expect(phone_number: str, records: Sequence[Record]) -> Expectation:
    """Return the row that the records of one guest lead to.

    Args:
        phone_number: the guest's key.
        records: one or more, in any order.
    """
    newest_first = sorted((_Reading(phone_number, record) for record in records), key=_reading_order, reverse=True)
    first = newest_first[0]
    columns = {
        name: next(
            (claim for reading in newest_first if (claim := reading.columns.get(name)) is not None),
            Claim(None, first.record, ""),
        )
        for name in ("chat_id", "thread_id", "user_name", "contact_name")
    }
    columns["labels"] = _labels(newest_first)
    columns |= _thread_time(columns["thread_id"], newest_first) | _times(newest_first)
    counts = [reading.messages for reading in newest_first if reading.messages is not None]
    columns["total_interactions"] = max(counts, key=_value, default=Claim(0, first.record, ""))
    recorded_at = Claim(first.at, first.record, first.at_member, first.at)
    return Expectation(columns, recorded_at)


def _labels(newest_first: list[_Reading]) -> Claim:
    """Unite the two sources' labels; the later of them counts as their time."""
    newest: dict[bool, Claim] = {}
    for reading in newest_first:
        if "labels" in reading.columns:
            newest.setdefault(reading.is_thread, reading.columns["labels"])
    sources = [newest[is_thread] for is_thread in (True, False) if is_thread in newest]
    if not sources:
        return Claim(None, newest_first[0].record, "")
    labels = dict.fromkeys(label for claim in sources for label in cast("list[str]", claim.value))
    return replace(sources[0], value=list(labels), at=max((claim.at for claim in sources if claim.at), default=None))


def _value(claim: Claim) -> int:
    return cast("int", claim.value)


def _time(claim: Claim) -> datetime:
    return cast("datetime", claim.value)


def record_order(record: Record) -> tuple[datetime, int, datetime, str, int]:
    """Return what sorts records: the newer is the greater.

    Args:
        record: any.
    """
    at = _own_time(record, _read_times(record.fields))[1]
    return _order(record, at)


def _order(record: Record, at: datetime | None) -> tuple[datetime, int, datetime, str, int]:
    return (at or _NEVER, _RANK[record.source], record.named_at or _NEVER, record.file, record.index)


def _reading_order(reading: _Reading) -> tuple[datetime, int, datetime, str, int]:
    return _order(reading.record, reading.at)


def _thread_time(thread: Claim, newest_first: list[_Reading]) -> dict[str, Claim]:
    newest = next(reading for reading in newest_first if reading.record is thread.record)
    if thread.value is None:
        return {"thread_created_at": thread}
    created = newest.times.get("createdAt")
    return {"thread_created_at": created or Claim(newest.at, newest.record, newest.at_member, newest.at)}


def _times(newest_first: list[_Reading]) -> dict[str, Claim]:
    nothing = Claim(None, newest_first[0].record, "")
    created = _all(newest_first, "createdAt")
    first = _all(newest_first, "firstInteraction")
    last = _all(newest_first, "lastActivity") + _all(newest_first, "lastInteraction")
    latest = max(last, key=_time, default=nothing)
    earliest = min(created + first, key=_time, default=nothing)
    if earliest.value is not None and latest.value is not None and _time(latest) < _time(earliest):
        earliest = latest
    # When a record was made counts as the first message: the bot made it then. A last message alone does not.
    ends = [claim for claim in last if _is_latest_of_its_record(claim, last)]
    oldest = min(created + first + ends, key=_time, default=nothing)
    return {"first_interaction": earliest, "last_interaction": latest, "created_at": oldest}


def _is_latest_of_its_record(claim: Claim, last: list[Claim]) -> bool:
    return all(_time(other) <= _time(claim) for other in last if other.record is claim.record)


def _all(readings: Iterable[_Reading], member: str) -> list[Claim]:
    return [reading.times[member] for reading in readings if member in reading.times]


class _Reading:
    """The values of one record."""

    def __init__(self, phone_number: str, record: Record) -> None:
        self.record = record
        fields, own_id = record.fields, record.own_id or phone_number
        read = _read_times(fields)
        self.at_member, self.at = _own_time(record, read)
        self.times = {member: self._claim(time, member) for member, time in read.items() if time is not None}
        # `name` is the hotel's name for the guest in threads.json, and the guest's own name in the other files.
        self.is_thread = is_thread = record.is_of_threads
        name = ("name", read_name(fields.get("name"), own_id))
        user_name = ("userName", read_name(fields.get("userName"), own_id))
        # The names of this member in other bots.
        if user_name[1] is None:
            user_name = ("whatsappName", read_name(fields.get("whatsappName"), own_id))
        thread = next((each for each in ("threadId", "lastThread") if plain_text(fields.get(each))), "threadId")
        said: dict[str, tuple[str, object]] = {
            "chat_id": ("chatId", read_chat_id(fields.get("chatId"))),
            "thread_id": (thread, plain_text(fields.get(thread))),
            "user_name": user_name if is_thread or user_name[1] is not None else name,
            "contact_name": name if is_thread else ("", None),
            "labels": read_labels(fields),
        }
        self.columns = {
            column: self._claim(value, member) for column, (member, value) in said.items() if value is not None
        }
        count = read_count(fields.get("messageCount"))
        self.messages = None if count is None else self._claim(count, "messageCount")

    def _claim(self, value: object, member: str) -> Claim:
        return Claim(value, self.record, member, self.at)


def _read_times(fields: dict[str, Value]) -> dict[str, datetime | None]:
    return {member: read_time(fields.get(member)) for member in TIMES}


def _own_time(record: Record, read: dict[str, datetime | None]) -> tuple[str, datetime | None]:
    last = [(time, member) for member in ("lastActivity", "lastInteraction") if (time := read[member])]
    if last:
        time, member = max(last)
        return member, time
    for member in ("createdAt", "firstInteraction"):
        if read[member]:
            return member, read[member]
    return "", record.named_at
