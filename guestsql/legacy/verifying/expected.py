"""What the old bot's records mean for the columns of a guest, worked out anew: the import's own code is not used.

The verification asks it of the files, the export of what is kept of them in the row. The rules:

- a record's own time is its last activity, else when it was made, else the time in the name of its backup;
- of each column the newest record that says something of it counts; of records of one time `threads.json` goes before
  `guest_profiles.json`, that before `guests.json`, and backups come last, the later name first;
- labels are the newest of `threads.json` and its backups, then those of the newest of the other files, none twice;
- what a single value says, `compare_values` tells; what says nothing leaves the word to the next older record.
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

__all__ = ["TIMES", "Expectation", "Record", "Told", "expect", "record_order"]

_NEVER = datetime.min.replace(tzinfo=UTC)
# The members that hold times.
TIMES = ("createdAt", "firstInteraction", "lastActivity", "lastInteraction")
_RANK = {"threads": 3, "guest_profiles": 2, "guests": 1, "backups": 0}


@dataclass(frozen=True, slots=True)
class Record:
    """One record of the old bot.

    Attributes:
        source: `threads`, `guest_profiles`, `guests` or `backups`.
        file: the file's path relative to the folder, "" when it is not known.
        named_at: the time in a backup's name.
        index: its place among the file's records, from 0.
        pointer: JSON pointer of the record itself.
        key: the guest's key as written.
        fields: its members.
    """

    source: str
    file: str
    named_at: datetime | None
    index: int
    pointer: str
    key: str
    fields: dict[str, Value]

    @property
    def is_of_threads(self) -> bool:
        """Whether `threads.json` or a copy of it has the record; else it is one of the profiles."""
        if self.source == "backups":
            return not self.file.lower().rpartition("/")[2].startswith("guest")
        return self.source == "threads"


@dataclass(frozen=True, slots=True)
class Told:
    """What the records say of one column.

    Attributes:
        value: as psycopg gives it; None when nothing is said.
        record: who says it.
        member: where in the record.
        at: the record's own time.
    """

    value: object
    record: Record
    member: str
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Expectation:
    """What the records of one guest make of the row.

    Attributes:
        columns: what is said of each column.
        recorded_at: the newest time of all records; its value is None when none has one.
    """

    columns: dict[str, Told]
    recorded_at: Told


def expect(phone_number: str, records: Sequence[Record]) -> Expectation:
    """Work out what the records of one guest make of the row.

    Args:
        phone_number: the guest's key.
        records: one or more, in any order.
    """
    newest_first = sorted((_Reading(phone_number, record) for record in records), key=_reading_order, reverse=True)
    first = newest_first[0]
    columns = {
        name: next(
            (told for reading in newest_first if (told := reading.columns.get(name)) is not None),
            Told(None, first.record, ""),
        )
        for name in ("chat_id", "thread_id", "user_name", "contact_name")
    }
    columns["labels"] = _labels(newest_first)
    columns |= _thread_time(columns["thread_id"], newest_first) | _times(newest_first)
    counts = [reading.messages for reading in newest_first if reading.messages is not None]
    columns["total_interactions"] = max(counts, key=_value, default=Told(0, first.record, ""))
    recorded_at = Told(first.at, first.record, first.at_member, first.at)
    return Expectation(columns, recorded_at)


def _labels(newest_first: list[_Reading]) -> Told:
    """Unite the two sources' labels; the later of them counts as their time."""
    newest: dict[bool, Told] = {}
    for reading in newest_first:
        if "labels" in reading.columns:
            newest.setdefault(reading.is_thread, reading.columns["labels"])
    sources = [newest[is_thread] for is_thread in (True, False) if is_thread in newest]
    if not sources:
        return Told(None, newest_first[0].record, "")
    labels = dict.fromkeys(label for told in sources for label in cast("list[str]", told.value))
    return replace(sources[0], value=list(labels), at=max((told.at for told in sources if told.at), default=None))


def _value(told: Told) -> int:
    return cast("int", told.value)


def _time(told: Told) -> datetime:
    return cast("datetime", told.value)


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


def _thread_time(thread: Told, newest_first: list[_Reading]) -> dict[str, Told]:
    teller = next(reading for reading in newest_first if reading.record is thread.record)
    if thread.value is None:
        return {"thread_created_at": thread}
    created = teller.times.get("createdAt")
    return {"thread_created_at": created or Told(teller.at, teller.record, teller.at_member, teller.at)}


def _times(newest_first: list[_Reading]) -> dict[str, Told]:
    nobody = Told(None, newest_first[0].record, "")
    created = _all(newest_first, "createdAt")
    first = _all(newest_first, "firstInteraction")
    last = _all(newest_first, "lastActivity") + _all(newest_first, "lastInteraction")
    latest = max(last, key=_time, default=nobody)
    earliest = min(created + first, key=_time, default=nobody)
    if earliest.value is not None and latest.value is not None and _time(latest) < _time(earliest):
        earliest = latest
    # When a record was made counts as the first message: the bot made it then. A last message alone does not.
    ends = [told for told in last if _is_latest_of_its_record(told, last)]
    oldest = min(created + first + ends, key=_time, default=nobody)
    return {"first_interaction": earliest, "last_interaction": latest, "created_at": oldest}


def _is_latest_of_its_record(told: Told, last: list[Told]) -> bool:
    return all(_time(other) <= _time(told) for other in last if other.record is told.record)


def _all(readings: Iterable[_Reading], member: str) -> list[Told]:
    return [reading.times[member] for reading in readings if member in reading.times]


class _Reading:
    """What one record says."""

    def __init__(self, phone_number: str, record: Record) -> None:
        self.record = record
        fields = record.fields
        read = _read_times(fields)
        self.at_member, self.at = _own_time(record, read)
        self.times = {member: self._told(time, member) for member, time in read.items() if time is not None}
        # What the hotel calls the guest in threads.json is what the guest is called in the other files.
        self.is_thread = is_thread = record.is_of_threads
        name = ("name", read_name(fields.get("name"), phone_number))
        user_name = ("userName", read_name(fields.get("userName"), phone_number))
        # Other bots' words.
        if user_name[1] is None:
            user_name = ("whatsappName", read_name(fields.get("whatsappName"), phone_number))
        thread = next((each for each in ("threadId", "lastThread") if plain_text(fields.get(each))), "threadId")
        said: dict[str, tuple[str, object]] = {
            "chat_id": ("chatId", read_chat_id(fields.get("chatId"))),
            "thread_id": (thread, plain_text(fields.get(thread))),
            "user_name": user_name if is_thread or user_name[1] is not None else name,
            "contact_name": name if is_thread else ("", None),
            "labels": read_labels(fields),
        }
        self.columns = {
            column: self._told(value, member) for column, (member, value) in said.items() if value is not None
        }
        count = read_count(fields.get("messageCount"))
        self.messages = None if count is None else self._told(count, "messageCount")

    def _told(self, value: object, member: str) -> Told:
        return Told(value, self.record, member, self.at)


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
