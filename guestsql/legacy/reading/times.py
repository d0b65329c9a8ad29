"""Every form of time in the old bot's files, read as UTC."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from guestsql.legacy.reading.json_text import Json

__all__ = ["parse_name_time", "parse_time"]

_NUMBER = re.compile(r"[0-9]{9,18}(\.[0-9]{1,9})?")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

# Smaller numbers would be before 1973. From the second limit on (the year 5138 in seconds) a number counts
# milliseconds, up to the year 9999.
_LEAST_SECONDS = 10**8
_LEAST_MILLISECONDS = 10**11
_FIRST_YEAR = 1970

_IN_NAME = re.compile(
    r"(?P<date>[0-9]{4}-[0-9]{2}-[0-9]{2})"
    r"(?:[T_ -](?P<hour>[0-9]{2})[-:.]?(?P<minute>[0-9]{2})"
    r"(?:[-:.]?(?P<second>[0-9]{2})(?:[-:.](?P<fraction>[0-9]{1,6}))?)?)?"
)
_COMPACT_IN_NAME = re.compile(
    r"(?<![0-9])(20[0-9]{2})(0[1-9]|1[0-2])(0[1-9]|[12][0-9]|3[01])"
    r"(?:[T_.-]?([01][0-9]|2[0-3])([0-5][0-9])([0-5][0-9]))?(?![0-9])"
)
_EPOCH_IN_NAME = re.compile(r"(?<![0-9])[0-9]{9,14}(?![0-9])")


def parse_time(value: Json) -> datetime | None:
    """Return a time in UTC, or None for anything else.

    Args:
        value: ISO 8601 with `Z`, an offset or no zone (then UTC), a bare date, or a count of seconds or milliseconds
            since 1970 as a number or as digits.
    """
    if value is None:
        return None
    if isinstance(value, str):
        text = value.strip()
        # No ISO 8601 form with a dash is a number.
        return _from_number(Decimal(text)) if "-" not in text and _NUMBER.fullmatch(text) else _from_iso(text)
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        return None
    return _from_number(Decimal(value))


def parse_name_time(name: str) -> datetime | None:
    """Return the time in the name of a backup, or None.

    Args:
        name: a file's name such as `threads-2025-07-05T14-30-00-123Z.json`, with dashes for colons and the dot, or
            `threads.backup-20250705-143000.json`.
    """
    compact = _COMPACT_IN_NAME.search(name)
    if compact:
        year, month, day, hour, minute, second = compact.groups(default="00")
        return _from_iso(f"{year}-{month}-{day}T{hour}:{minute}:{second}Z")
    found = _IN_NAME.search(name)
    if found is None:
        digits = _EPOCH_IN_NAME.search(name)
        return parse_time(digits[0]) if digits else None
    clock = ":".join(found[part] or "00" for part in ("hour", "minute", "second"))
    return _from_iso(f"{found['date']}T{clock}.{found['fraction'] or '0'}Z")


def _from_number(number: Decimal) -> datetime | None:
    if not _LEAST_SECONDS <= number < _LEAST_MILLISECONDS * 10**5:
        return None
    seconds = number if number < _LEAST_MILLISECONDS else number / 1000
    try:
        return _EPOCH + timedelta(microseconds=int(seconds * 10**6))
    except OverflowError:
        return None


def _from_iso(text: str) -> datetime | None:
    try:
        time = datetime.fromisoformat(text)
        if time.tzinfo is not UTC:
            time = time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return time if time.year >= _FIRST_YEAR else None
