"""A partial change of a profile, as the parameters of `upsert_profile`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

from guestsql.errors import InvalidValue
from guestsql.guests.identity import clean_chat_id
from guestsql.guests.values import Clear, clean_json, clean_labels, clean_name, is_placeholder

__all__ = ["RESERVED", "profile_changes", "without_reserved"]

RESERVED_FOR = {
    "legacy": "the import keeps the records of the old bot's files there",
    "historical": "the upgrade keeps an older row of the archive there",
    "merged": "merge_guests keeps the duplicate's other values there",
}
RESERVED = frozenset(RESERVED_FOR)
"""Keys of `profile_data` that only the package writes; the query `upsert_profile` keeps them when all others go."""

Given = TypeVar("Given")
Cleaned = TypeVar("Cleaned")


def profile_changes(
    key: str,
    *,
    chat_id: str | Clear | None,
    user_name: str | Clear | None,
    contact_name: str | Clear | None,
    labels: Iterable[str] | Clear | None,
    profile_data: Mapping[str, Any] | Clear | None,
    memory_enabled: bool | None,
) -> dict[str, object]:
    """Return the parameters of `upsert_profile` but the phone number.

    Args:
        key: the guest's key.
        chat_id: an id, `CLEAR`, or None for not given.
        user_name: a name, likewise.
        contact_name: a name, likewise.
        labels: texts, likewise.
        profile_data: a mapping, likewise.
        memory_enabled: a bool, or None for not given.

    Raises:
        InvalidValue: a value cannot be stored.
    """
    clearable = {
        "chat_id": chat_id,
        "user_name": user_name,
        "contact_name": contact_name,
        "profile_data": profile_data,
    }
    return {
        "cleared": [column for column, value in clearable.items() if isinstance(value, Clear)],
        "chat_id": _cleaned(chat_id, clean_chat_id),
        "user_name": _cleaned(user_name, lambda name: _name(key, name, "user_name")),
        "contact_name": _cleaned(contact_name, lambda name: _name(key, name, "contact_name")),
        "labels": [] if isinstance(labels, Clear) else _cleaned(labels, clean_labels),
        "profile_data": _cleaned(profile_data, lambda data: clean_json(data, "profile_data")),
        "memory_enabled": None if memory_enabled is None else _flag(memory_enabled),
    }


def without_reserved(given: Mapping[str, Any], stored: Mapping[str, Any]) -> dict[str, Any]:
    """Return what `update_profile` may write of `profile_data`: a reserved key that is given as stored is left out.

    Args:
        given: the caller's mapping, which has a reserved key.
        stored: the guest's `profile_data`.

    Raises:
        InvalidValue: a reserved key is given another value.
    """
    for key in RESERVED & given.keys():
        if key not in stored or given[key] != stored[key]:
            raise InvalidValue(
                f"profile_data[{key!r}] is reserved: {RESERVED_FOR[key]}",
                hint="use another key; what get_profile returned under this one may be passed again, unchanged",
            )
    return {key: value for key, value in given.items() if key not in RESERVED}


def _cleaned(value: Given | Clear | None, clean: Callable[[Given], Cleaned]) -> Cleaned | None:
    """Both None and `CLEAR` send NULL; `cleared` shows the query which of the two it is."""
    return None if value is None or isinstance(value, Clear) else clean(value)


def _name(key: str, name: str, what: str) -> str | None:
    """A placeholder replaces nothing."""
    text = clean_name(name, what)
    return None if is_placeholder(text, key) else text


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise InvalidValue(
            f"memory_enabled is True or False, not {type(value).__name__}", hint="leave it out to keep it"
        )
    return value
