"""A partial change of a profile, as the parameters of `upsert_profile`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from guestsql._core.values import NotGiven, clean_json, clean_labels, clean_text, is_placeholder
from guestsql.errors import InvalidValue
from guestsql.identity import clean_chat_id

__all__ = ["profile_changes"]


def profile_changes(
    key: str,
    *,
    chat_id: str | NotGiven | None,
    user_name: str | NotGiven | None,
    contact_name: str | NotGiven | None,
    labels: Iterable[str] | NotGiven,
    profile_data: Mapping[str, Any] | NotGiven,
    memory_enabled: bool | NotGiven,
) -> dict[str, object]:
    """Return the parameters of `upsert_profile` but the phone number.

    Args:
        key: the guest's key.
        chat_id: an id, None, or not given.
        user_name: a name, None, or not given.
        contact_name: a name, None, or not given.
        labels: texts, or not given.
        profile_data: a mapping, or not given.
        memory_enabled: a bool, or not given.

    Raises:
        InvalidValue: a value cannot be stored.
    """
    changes: dict[str, object] = {}
    changes |= _nullable("chat_id", clean_chat_id(chat_id) if isinstance(chat_id, str) else chat_id)
    changes |= _nullable("user_name", _name(key, user_name, "user_name"))
    changes |= _nullable("contact_name", _name(key, contact_name, "contact_name"))
    changes["labels"] = None if isinstance(labels, NotGiven) else clean_labels(labels)
    changes["profile_data"] = None if isinstance(profile_data, NotGiven) else clean_json(profile_data, "profile_data")
    changes["memory_enabled"] = None if isinstance(memory_enabled, NotGiven) else _flag(memory_enabled)
    return changes


def _nullable(name: str, value: object) -> dict[str, object]:
    """A column that may be set to NULL needs a flag that says whether it is to be set."""
    given = not isinstance(value, NotGiven)
    if given and value is not None and not isinstance(value, str):
        raise InvalidValue(f"{name} is a text or None, not {type(value).__name__}")
    return {name: value if given else None, f"{name}_given": given}


def _name(key: str, name: str | NotGiven | None, what: str) -> str | NotGiven | None:
    """A name that says nothing replaces nothing."""
    if name is None or isinstance(name, NotGiven):
        return name
    text = clean_text(name, what)
    return NotGiven() if is_placeholder(text, key) else text.strip()


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise InvalidValue(f"memory_enabled is True or False, not {type(value).__name__}")
    return value
