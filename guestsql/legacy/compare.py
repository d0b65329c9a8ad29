"""What the old bot's records mean for the columns of a guest, worked out anew: the import's own code is not used.

The verification asks it of the files, the export of what is kept of them in the row. The rules:

- a record's own time is its last activity, else when it was made, else the time in the name of its backup;
- of each column the newest record that says something of it counts; of records of one time `threads.json` goes before
  `guest_profiles.json`, that before `guests.json`, and backups come last, the later name first;
- a name that is `Usuario` or the guest's own id says nothing; an empty list of labels says that there are none;
- a text loses NUL and lone surrogates, which PostgreSQL refuses, and blanks at its ends.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import cast

from guestsql.errors import InvalidUserId, InvalidValue
from guestsql.identity import canonical_user_id, clean_chat_id

__all__ = [
    "TIMES",
    "Expectation",
    "Number",
    "Record",
    "Told",
    "Value",
    "expect",
    "plain_text",
    "record_order",
    "time_in_name",
]

Value = object
"""What `json` makes of a value, numbers as `Number`."""

_NUMBER = re.compile(r"(-?)([0-9]+)(?:\.([0-9]+))?(?:[eE]([+-]?[0-9]{1,4000}))?")
_REFUSED = re.compile("[\x00\ud800-\udfff]")
_EPOCH_DIGITS = re.compile(r"[0-9]{9,18}(?:\.[0-9]{1,9})?")
_DATE_IN_NAME = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})"
    r"(?:[T_ -]([0-9]{2})[-:.]?([0-9]{2})(?:[-:.]?([0-9]{2})(?:[-:.]([0-9]{1,6}))?)?)?"
)
_EPOCH_IN_NAME = re.compile(r"(?<![0-9])[0-9]{9,14}(?![0-9])")

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NEVER = datetime.min.replace(tzinfo=UTC)
# Counts of seconds begin in 1973, counts of milliseconds where one of seconds would lie after the year 5138.
_SECONDS_FROM = 10**8
_MILLISECONDS_FROM = 10**11
_MILLISECONDS_TO = 10**16
_LONGEST_LABEL = 500
_LARGEST_COUNT = 2**62
_LONGEST_COUNT = 40
# The members that hold times.
TIMES = ("createdAt", "firstInteraction", "lastActivity", "lastInteraction")
_RANK = {"threads": 3, "guest_profiles": 2, "guests": 1, "backups": 0}


class Number:
    """A number of JSON with its digits as written; equal to every spelling of the same number.

    Args:
        text: the digits, or `NaN`, `Infinity`, `-Infinity`.
    """

    __slots__ = ("text",)

    def __init__(self, text: str) -> None:
        self.text = text

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Number) and (self.text == other.text or self._normal() == other._normal())

    def __hash__(self) -> int:
        return hash(self._normal())

    def __repr__(self) -> str:
        return self.text

    def _normal(self) -> tuple[object, ...]:
        """Return sign, significant digits and exponent."""
        found = _NUMBER.fullmatch(self.text)
        if found is None:
            return (self.text,)
        sign, whole, fraction, exponent = found.groups(default="")
        digits = (whole + fraction).lstrip("0")
        bare = digits.rstrip("0")
        return (sign, bare, int(exponent or 0) - len(fraction) + len(digits) - len(bare)) if bare else ("", "0", 0)

    def exactly(self) -> Fraction | None:
        """Return its value; None for one too large to be a time or a count."""
        found = _NUMBER.fullmatch(self.text)
        if found is None or len(self.text) > _LONGEST_COUNT or abs(int(found[4] or 0)) > _LONGEST_COUNT:
            return None
        return Fraction(self.text)


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
        recorded_at: the newest time of all records, None when none has one.
    """

    columns: dict[str, Told]
    recorded_at: datetime | None


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
        for name in ("chat_id", "thread_id", "user_name", "contact_name", "labels")
    }
    columns |= _thread_time(columns["thread_id"], newest_first) | _times(newest_first)
    counts = [reading.messages for reading in newest_first if reading.messages is not None]
    columns["total_interactions"] = max(counts, key=_value, default=Told(0, first.record, ""))
    recorded = [reading.at for reading in newest_first if reading.at]
    return Expectation(columns, max(recorded, default=None))


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
        is_thread = record.source in ("threads", "backups")
        name = ("name", _name(fields.get("name"), phone_number))
        user_name = ("userName", _name(fields.get("userName"), phone_number))
        said: dict[str, tuple[str, object]] = {
            "chat_id": ("chatId", _chat_id(fields.get("chatId"))),
            "thread_id": ("threadId", plain_text(fields.get("threadId"))),
            "user_name": user_name if is_thread or user_name[1] is not None else name,
            "contact_name": name if is_thread else ("", None),
            "labels": _labels(fields),
        }
        self.columns = {
            column: self._told(value, member) for column, (member, value) in said.items() if value is not None
        }
        count = _count(fields.get("messageCount"))
        self.messages = None if count is None else self._told(count, "messageCount")

    def _told(self, value: object, member: str) -> Told:
        return Told(value, self.record, member, self.at)


def _read_times(fields: dict[str, Value]) -> dict[str, datetime | None]:
    return {member: _read_time(fields.get(member)) for member in TIMES}


def _own_time(record: Record, read: dict[str, datetime | None]) -> tuple[str, datetime | None]:
    last = [(time, member) for member in ("lastActivity", "lastInteraction") if (time := read[member])]
    if last:
        time, member = max(last)
        return member, time
    for member in ("createdAt", "firstInteraction"):
        if read[member]:
            return member, read[member]
    return "", record.named_at


def plain_text(value: Value) -> str | None:
    """Return a text as a column can hold it; None for what is no text, or blank.

    Args:
        value: of a file.
    """
    return (_REFUSED.sub("", value).strip() or None) if isinstance(value, str) else None


def _chat_id(value: Value) -> str | None:
    text = plain_text(value)
    try:
        return None if text is None else clean_chat_id(text)
    except InvalidValue:
        return None


def _name(value: Value, phone_number: str) -> str | None:
    text = plain_text(value)
    if text is None or text.casefold() == "usuario" or text == phone_number:
        return None
    try:
        is_own_id = any(character.isdigit() for character in text) and canonical_user_id(text) == phone_number
    except InvalidUserId:
        is_own_id = False
    return None if is_own_id else text


def _labels(fields: dict[str, Value]) -> tuple[str, list[str] | None]:
    for member in ("labels", "whapiLabels"):
        given = fields.get(member)
        if isinstance(given, list):
            labels = cast("list[Value]", given)
            names = _label_names(labels)
            return member, names if names or not labels else None
    label = plain_text(fields.get("label"))
    return "label", (_label_names([label]) or None) if label and label.casefold() != "nuevo" else None


def _label_names(given: list[Value]) -> list[str]:
    names: list[str] = []
    for each in given:
        name = plain_text(cast("dict[str, Value]", each).get("name") if isinstance(each, dict) else each)
        if name is not None and len(name) <= _LONGEST_LABEL and name not in names:
            names.append(name)
    return names


def _count(value: Value) -> int | None:
    number = value.exactly() if isinstance(value, Number) else None
    if number is None or number.denominator != 1 or not 0 <= number < _LARGEST_COUNT:
        return None
    return int(number)


def _read_time(value: Value) -> datetime | None:
    if isinstance(value, Number):
        return _from_count(value.exactly())
    if not isinstance(value, str):
        return None
    text = value.strip()
    return _from_count(Fraction(text)) if _EPOCH_DIGITS.fullmatch(text) else _from_text(text)


def _from_count(count: Fraction | None) -> datetime | None:
    if count is None or not _SECONDS_FROM <= count < _MILLISECONDS_TO:
        return None
    microseconds = int(count * 10**6 if count < _MILLISECONDS_FROM else count * 1000)
    try:
        return _EPOCH + timedelta(microseconds=microseconds)
    except OverflowError:
        return None


def _from_text(text: str) -> datetime | None:
    try:
        time = datetime.fromisoformat(text)
        time = time.astimezone(UTC) if time.tzinfo else time.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None
    return time if time >= _EPOCH else None


def time_in_name(name: str) -> datetime | None:
    """Return the time in the name of a backup, or None.

    Args:
        name: such as `threads-2025-07-05T14-30-00-123Z.json`.
    """
    found = _DATE_IN_NAME.search(name)
    if found:
        date, hour, minute, second, fraction = found.groups(default="")
        return _from_text(f"{date}T{hour or '00'}:{minute or '00'}:{second or '00'}.{fraction or '0'}+00:00")
    digits = _EPOCH_IN_NAME.search(name)
    return _from_count(Fraction(digits[0])) if digits else None
