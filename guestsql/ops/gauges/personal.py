"""What may identify a guest: names of columns, columns of the guests' tables, and digits that may be a phone number."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime

__all__ = [
    "MASK",
    "is_personal_column",
    "is_personal_label",
    "is_personal_value",
    "may_be_shown",
    "personal_columns",
    "safe_label",
]

MASK = "…"

# Columns of the guests' tables that identify no one. A copy of any other column is rejected.
_HARMLESS = frozenset(
    {
        "archived_at",
        "booking_status",
        "ended_at",
        "first_interaction",
        "last_context_update",
        "last_interaction",
        "marketing_consent",
        "memory_enabled",
        "started_at",
        "thread_created_at",
        "thread_tokens",
        "tokens",
        "total_interactions",
    }
)

# Names of personal columns, in this schema and as a DBA may name them.
_NUMBERED = (
    r"phones?|phone_numbers?|phone_no|mobile|cell|cellphone|celular|telefono|telephone|tel|whatsapp|wa_id|msisdn|jid|lid"
    r"|chat_id|thread_id|user_id|guest_id|client_id|contact_id|email|correo"
)
_NAMED = (
    r"user_name|contact_name|guest|guest_name|first_name|last_name|full_name|nombres?|apellidos?|profile_data"
    r"|context_cache|labels?|notes?"
)
_PERSONAL_VALUE = re.compile(rf"(?:.*_)?(?:{_NUMBERED})", re.IGNORECASE)
# Groups such as VIP, which identify no one. As labels of a metric they would show each guest's.
_GROUPS = re.compile(r"(?:.*_)?labels?", re.IGNORECASE)
_PERSONAL_LABEL = re.compile(rf"(?:.*_)?(?:{_NUMBERED}|{_NAMED})", re.IGNORECASE)

_LEAST_DIGITS = 7
# Digits with any separators between them: signs, quotes, dashes of all kinds, blanks, and invisible characters (soft
# hyphen, zero-width characters, direction marks).
_RUN = re.compile(
    r"\d(?:[\s.\-/()_+'\u2019\u00ad\u200b-\u200f\u2010-\u2015\u202a-\u202e\u2060\u2066-\u2069\ufeff]*\d)*"
)

# Values that look like phone numbers but are not; they are excluded first.
_TIME = re.compile(
    r"(?<!\d)\d{4}[-/]\d\d[-/]\d\d(?:[ T]\d\d:\d\d(?::\d\d(?:\.\d{1,6})?)?(?:Z|[+-]\d\d(?::?\d\d)?)?)?(?!\d)"
)
_BYTE = r"(?:25[0-5]|2[0-4]\d|1?\d?\d)"
_ADDRESS = re.compile(
    rf"(?<![\d.])(?:{_BYTE}\.){{3}}{_BYTE}(?:/\d\d?)?(?![\d.])|(?<=\bip-)(?:{_BYTE}-){{3}}{_BYTE}(?!\d)"
)
_LOG_PLACE = re.compile(r"[0-9A-F]{1,8}/[0-9A-F]{1,8}")
_LOG_PLACES = re.compile(r"(?:.*_)?lsn")
_PROCESS = re.compile(r"(?P<host>[^:]*[A-Za-z][^:]*):(?P<pid>[1-9]\d{0,6})")
_PROCESS_ID = re.compile(r"(?:.*_)?pid")
# The highest process id on Linux.
_MOST_PROCESSES = 4_194_304


def is_personal_label(name: str) -> bool:
    """Return whether a label with that name identifies a guest."""
    return _PERSONAL_LABEL.fullmatch(name) is not None


def is_personal_column(name: str) -> bool:
    """Return whether a column with that name identifies a guest, in a table or a picture. Labels such as VIP do not."""
    return is_personal_label(name) and _GROUPS.fullmatch(name) is None


def personal_columns(*, packaged: bool) -> Callable[[str], bool]:
    """Return what decides whether a column identifies a guest.

    Args:
        packaged: False where there are no packaged tables, and so no guests.
    """
    return is_personal_column if packaged else lambda _: False


def is_personal_value(name: str) -> bool:
    """Return whether a number with that name is a phone number or a guest's id."""
    return _PERSONAL_VALUE.fullmatch(name) is not None


def may_be_shown(column: str) -> bool:
    """Return whether a column of a guests' table identifies no one."""
    return column in _HARMLESS


def safe_label(name: str, value: object) -> str:
    """Return the value of a label, with everything masked that may be a phone number.

    Args:
        name: the label's name; process ids and log positions are recognised by it.
        value: a text or an integer; None becomes "".

    Returns:
        The value, with `…` for seven or more digits, whatever separates them. Times, IP addresses, process ids and log
        positions are not masked.
    """
    if value is None:
        return ""
    text = str(value)
    if isinstance(value, int) and _PROCESS_ID.fullmatch(name) and 0 < value <= _MOST_PROCESSES:
        return text
    if _LOG_PLACES.fullmatch(name) and _LOG_PLACE.fullmatch(text):
        return text
    process = _PROCESS.fullmatch(text) if name == "process" else None
    if process is not None and int(process["pid"]) <= _MOST_PROCESSES:
        return f"{_masked(process['host'])}:{process['pid']}"
    return _masked(text)


def _masked(text: str) -> str:
    shown: list[str] = []
    end = 0
    forms = [*_ADDRESS.finditer(text), *filter(_is_time, _TIME.finditer(text))]
    for form in sorted(forms, key=lambda form: form.start()):
        if form.start() >= end:
            shown += [_without_phones(text[end : form.start()]), form[0]]
            end = form.end()
    return "".join(shown) + _without_phones(text[end:])


def _is_time(found: re.Match[str]) -> bool:
    try:
        datetime.strptime(found[0][:10].replace("/", "-"), "%Y-%m-%d")  # noqa: DTZ007  only whether there is such a day
    except ValueError:
        return False
    return True


def _without_phones(text: str) -> str:
    return _RUN.sub(lambda run: MASK if sum(map(str.isdigit, run[0])) >= _LEAST_DIGITS else run[0], text)
