"""What one record of a file says about its guest, each field read as far as possible.

A field of an unusable type counts as missing. Nothing is lost with it: the merge keeps the complete record.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import cast

import msgspec

from guestsql.errors import InvalidUserId, InvalidValue
from guestsql.guests.identity import canonical_user_id, clean_chat_id
from guestsql.guests.spellings import spellings
from guestsql.guests.values import LONGEST_LABEL, normalized
from guestsql.legacy.reading.excluded import Excluded
from guestsql.legacy.reading.json_text import Json, clean, escape
from guestsql.legacy.reading.raw import RawRecord
from guestsql.legacy.reading.times import parse_time

__all__ = [
    "TIMES",
    "PartialGuest",
    "Reject",
    "read_chat_id",
    "read_count",
    "read_label_names",
    "read_labels",
    "read_name",
    "read_record",
]

Fields = dict[str, Json]

# The members with times.
TIMES = ("createdAt", "firstInteraction", "lastActivity", "lastInteraction")

# A key in canonical form, as nearly all are.
_PLAIN_PHONE = re.compile("[1-9][0-9]{6,14}")

_THREAD_ID = "thread_"

# The bot's placeholder for a missing name.
_PLACEHOLDER = "usuario"

# Other spellings of an id have digits, those of a phone 7 or more: a name with fewer cannot be one. Possessive, because
# backtracking triples the time for a name with a few digits.
_DIGIT = re.compile(r"\D*+\d")
_PHONES_DIGITS = re.compile(r"(?:\D*+\d){7}")

# The bot's placeholder for a profile without labels.
_NO_LABEL = "nuevo"

_LARGEST_COUNT = 2**62


@dataclass(frozen=True, slots=True)
class Reject:
    """A record or a damaged place from which no guest can be made.

    Attributes:
        path: the file, relative to the folder.
        pointer: JSON pointer of the record.
        reason: why.
    """

    path: str
    pointer: str
    reason: str


class PartialGuest(msgspec.Struct):
    """What one record says about a guest; None where it says nothing.

    Attributes:
        phone_number: the guest's key.
        raw: the record as the file has it.
        fields: its members.
        at: the time of the record.
        user_name: never a placeholder.
        contact_name: never a placeholder.
        labels: none twice; empty when the record says that there are none.
        created_at: when the record was created.
        first_interaction: the guest's first message.
        last_interaction: the guest's last message.
        messages: how many the bot had counted.
    """

    phone_number: str
    raw: RawRecord
    fields: Fields
    at: datetime | None
    chat_id: str | None
    thread_id: str | None
    user_name: str | None
    contact_name: str | None
    labels: list[str] | None
    created_at: datetime | None
    first_interaction: datetime | None
    last_interaction: datetime | None
    messages: int | None


def read_record(raw: RawRecord, excluded: Excluded, region: str | None = None) -> PartialGuest | Reject:
    """Read one record.

    Args:
        raw: the record as the file has it.
        excluded: whose records are not imported.
        region: whose national numbers are completed (`Settings.default_region`).

    Returns:
        What it says about its guest, or why it was rejected.
    """
    value = raw.value
    if isinstance(value, str) and value.startswith(_THREAD_ID) and raw.file.is_of_threads:
        # Another bot stores only the thread.
        value = {"threadId": value}
        raw = msgspec.structs.replace(raw, value=value)
    if not isinstance(value, dict):
        return _reject(raw, "the record is not an object")
    key = str(raw.key) if isinstance(raw.key, int) and not isinstance(raw.key, bool) else raw.key
    if not isinstance(key, str):
        return _reject(raw, "the key is not a text")
    try:
        is_plain = region is None and _PLAIN_PHONE.fullmatch(key)
        phone_number = key if is_plain else canonical_user_id(key, region)
    except InvalidUserId as error:
        return _reject(raw, f"unusable key: {error.message}")
    if reason := excluded.reason(phone_number):
        return _reject(raw, reason)
    return _partial_guest(raw, phone_number, cast("Fields", value))


def _reject(raw: RawRecord, reason: str) -> Reject:
    return Reject(raw.file.name, raw.pointer, escape(reason))


def _partial_guest(raw: RawRecord, phone_number: str, fields: Fields) -> PartialGuest:
    get = fields.get
    created = parse_time(get("createdAt"))
    first = parse_time(get("firstInteraction"))
    last = _later(parse_time(get("lastActivity")), parse_time(get("lastInteraction")))
    # In threads.json `userName` is the guest's name and `name` the contact's.
    is_thread = raw.file.is_of_threads
    name = read_name(get("name"), phone_number)
    user_name = read_name(get("userName"), phone_number) or read_name(get("whatsappName"), phone_number)
    return PartialGuest(
        phone_number,
        raw,
        fields,
        last or created or first or raw.file.named_at,
        read_chat_id(get("chatId"), phone_number),
        _text(get("threadId")) or _text(get("lastThread")),
        user_name or (None if is_thread else name),
        name if is_thread else None,
        read_labels(fields),
        created,
        first,
        last,
        read_count(get("messageCount")),
    )


def _later(one: datetime | None, other: datetime | None) -> datetime | None:
    return max(one, other) if one and other else one or other


def _text(value: Json) -> str | None:
    if not isinstance(value, str):
        return None
    return (value if value.isprintable() else clean(value)).strip() or None


def _composed(value: Json) -> str | None:
    text = _text(value)
    return None if text is None else normalized(text)


def read_chat_id(value: Json, phone_number: str) -> str | None:
    """Return a chat id, or None for anything else.

    Args:
        value: as written.
        phone_number: the guest's key.
    """
    usual = f"{phone_number}@s.whatsapp.net"
    if value == usual:
        return usual
    text = _text(value)
    try:
        return clean_chat_id(text) if text else None
    except InvalidValue:
        return None


def read_name(value: Json, phone_number: str) -> str | None:
    """Return a name; None for a placeholder: `Usuario`, or the guest's id in any spelling.

    Args:
        value: as written.
        phone_number: the guest's key.
    """
    text = _composed(value)
    if text is None or text == phone_number or text.casefold() == _PLACEHOLDER:
        return None
    if not (_PHONES_DIGITS if phone_number.isdigit() else _DIGIT).match(text):
        return text
    try:
        return None if phone_number in spellings(canonical_user_id(text)) else text
    except InvalidUserId:
        return text


def read_labels(fields: Fields) -> list[str] | None:
    """Return the names of the labels; [] for an empty list, None when the record has no list.

    Args:
        fields: the record.
    """
    for name in ("labels", "whapiLabels"):
        given = fields.get(name)
        if isinstance(given, list):
            if not given:
                return []
            return read_label_names(cast("list[Json]", given))
    label = _text(fields.get("label"))
    return None if label is None or label.casefold() == _NO_LABEL else read_label_names([label])


def read_label_names(given: list[Json]) -> list[str] | None:
    """Return the names of labels in their order; None when none of the given values is a label.

    Args:
        given: names, or objects with a name.
    """
    labels: list[str] = []
    for each in given:
        name = _composed(cast("Fields", each).get("name") if isinstance(each, dict) else each)
        if name is not None and len(name) <= LONGEST_LABEL and name not in labels:
            labels.append(name)
    return labels if labels or not given else None


def read_count(value: Json) -> int | None:
    """Return a count, or None for anything else.

    Args:
        value: as written.
    """
    if isinstance(value, Decimal) and abs(value) < _LARGEST_COUNT and value == int(value):
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < _LARGEST_COUNT:
        return value
    return None
