"""The meaning of single values in the old bot's records: numbers, texts, names, labels, counts and times.

Like `expected`, it shares no code with the import, which the verification must not trust.

- A name that is `Usuario` or the guest's own id counts as missing; an empty list of labels means that there are none.
- A text loses NUL and lone surrogates, which PostgreSQL refuses, and white space at its ends. Names and labels are in
  Unicode's composed form (NFC).
"""

from __future__ import annotations

import re
import unicodedata
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import cast

from guestsql.errors import InvalidUserId, InvalidValue
from guestsql.guests.identity import canonical_user_id, clean_chat_id
from guestsql.guests.spellings import spellings
from guestsql.guests.values import LONGEST_LABEL

__all__ = [
    "Number",
    "Value",
    "composed_text",
    "plain_text",
    "read_chat_id",
    "read_count",
    "read_labels",
    "read_name",
    "read_time",
    "time_in_name",
]

Value = object
"""A value as `json` decodes it, numbers as `Number`."""

_NUMBER = re.compile(r"(-?)([0-9]+)(?:\.([0-9]+))?(?:[eE]([+-]?[0-9]{1,4000}))?")
_REFUSED = re.compile("[\x00\ud800-\udfff]")
_EPOCH_DIGITS = re.compile(r"[0-9]{9,18}(?:\.[0-9]{1,9})?")
_DATE_IN_NAME = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})"
    r"(?:[T_ -]([0-9]{2})[-:.]?([0-9]{2})(?:[-:.]?([0-9]{2})(?:[-:.]([0-9]{1,6}))?)?)?"
)
_DIGITS_IN_NAME = re.compile(
    r"(?<![0-9])(20[0-9]{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01]))"
    r"(?:[T_.-]?((?:[01][0-9]|2[0-3])[0-5][0-9][0-5][0-9]))?(?![0-9])"
)
_EPOCH_IN_NAME = re.compile(r"(?<![0-9])[0-9]{9,14}(?![0-9])")

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# Counts of seconds begin in 1973; counts of milliseconds begin where a count of seconds would be after the year 5138.
_SECONDS_FROM = 10**8
_MILLISECONDS_FROM = 10**11
_MILLISECONDS_TO = 10**16
_LARGEST_COUNT = 2**62
_LONGEST_COUNT = 40


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
        """Return its value; None when it is too large for a time or a count."""
        found = _NUMBER.fullmatch(self.text)
        if found is None or len(self.text) > _LONGEST_COUNT or abs(int(found[4] or 0)) > _LONGEST_COUNT:
            return None
        return Fraction(self.text)


def plain_text(value: Value) -> str | None:
    """Return a text as a column stores it; None for anything but a text, and for a blank one.

    Args:
        value: of a file.
    """
    return (_REFUSED.sub("", value).strip() or None) if isinstance(value, str) else None


def composed_text(value: Value) -> str | None:
    """Return a name or a label as a column stores it, in Unicode's composed form; None for no text, or a blank one.

    Args:
        value: of a file.
    """
    text = plain_text(value)
    return None if text is None else unicodedata.normalize("NFC", text)


def read_chat_id(value: Value) -> str | None:
    """Return a chat id as a column stores it; None for anything else.

    Args:
        value: of a file.
    """
    text = plain_text(value)
    try:
        return None if text is None else clean_chat_id(text)
    except InvalidValue:
        return None


def read_name(value: Value, phone_number: str) -> str | None:
    """Return a guest's name; None for a missing one: no text, blank, `Usuario`, or the guest's own id.

    Args:
        value: of a file.
        phone_number: the guest's key.
    """
    text = composed_text(value)
    if text is None or text.casefold() == "usuario" or text == phone_number:
        return None
    try:
        is_own_id = any(map(str.isdigit, text)) and phone_number in spellings(canonical_user_id(text))
    except InvalidUserId:
        is_own_id = False
    return None if is_own_id else text


def read_labels(fields: dict[str, Value]) -> tuple[str, list[str] | None]:
    """Return the member of a record that lists labels, and its labels in order, each once; None when it lists none.

    An empty list means that there are no labels.

    Args:
        fields: the record's members.
    """
    for member in ("labels", "whapiLabels"):
        given = fields.get(member)
        if isinstance(given, list):
            labels = cast("list[Value]", given)
            names = _label_names(labels)
            return member, names if names or not labels else None
    label = plain_text(fields.get("label"))
    return "label", (_label_names([label]) or None) if label and label.casefold() != "nuevo" else None


def read_count(value: Value) -> int | None:
    """Return a count of messages, 0 or more; None for anything else.

    Args:
        value: of a file.
    """
    number = value.exactly() if isinstance(value, Number) else None
    if number is None or number.denominator != 1 or not 0 <= number < _LARGEST_COUNT:
        return None
    return int(number)


def read_time(value: Value) -> datetime | None:
    """Return a time from 1970 on, in UTC; None for anything else. A text without a zone is UTC.

    Args:
        value: of a file: ISO 8601 text, or seconds or milliseconds since 1970 as a number or its digits.
    """
    if isinstance(value, Number):
        return _from_count(value.exactly())
    if not isinstance(value, str):
        return None
    text = value.strip()
    return _from_count(Fraction(text)) if _EPOCH_DIGITS.fullmatch(text) else _from_text(text)


def time_in_name(name: str) -> datetime | None:
    """Return the time in the name of a backup, or None.

    Args:
        name: such as `threads-2025-07-05T14-30-00-123Z.json` or `threads.backup-20250705-143000.json`.
    """
    digits = _DIGITS_IN_NAME.search(name)
    if digits:
        return _from_text(f"{digits[1]}T{digits[2] or '000000'}+00:00")
    found = _DATE_IN_NAME.search(name)
    if found:
        date, hour, minute, second, fraction = found.groups(default="")
        return _from_text(f"{date}T{hour or '00'}:{minute or '00'}:{second or '00'}.{fraction or '0'}+00:00")
    digits = _EPOCH_IN_NAME.search(name)
    return _from_count(Fraction(digits[0])) if digits else None


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


def _label_names(given: list[Value]) -> list[str]:
    names: list[str] = []
    for each in given:
        name = composed_text(cast("dict[str, Value]", each).get("name") if isinstance(each, dict) else each)
        if name is not None and len(name) <= LONGEST_LABEL and name not in names:
            names.append(name)
    return names
