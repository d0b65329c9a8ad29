"""Consent to being contacted: what the methods return, and what is checked before it reaches the database."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from guestsql.errors import InvalidValue
from guestsql.guests.values import clean_id, clean_instant, clean_text

__all__ = [
    "Consent",
    "ConsentEvent",
    "clean_word",
    "consents_from",
    "events_from",
    "given_parameters",
    "withdrawn_parameters",
]

_ALL = "*"
# As the checks of consent_events. Exact words: consent to `whatsapp` and a withdrawal of `WhatsApp` would not meet.
_NAME = re.compile(r"[a-z][a-z0-9_-]{0,49}")
_LANGUAGE = re.compile(r"[a-z]{2,3}(-[A-Za-z0-9]{2,8})*")
_NUMBER = re.compile(r"[0-9]{5}")
_LONGEST_WORDING = 100_000
_LONGEST_VERSION = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Consent:
    """Whether a guest agrees to a purpose on a channel now.

    Attributes:
        purpose: such as `marketing`; `*` is a withdrawal of every purpose that has no later consent.
        channel: such as `whatsapp`; `*` is a withdrawal of every channel that has no later consent.
        is_given: False after a withdrawal.
        changed_at: when the guest said so last.
    """

    purpose: str
    channel: str
    is_given: bool
    changed_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentEvent:
    """A consent or a withdrawal with its proof.

    Attributes:
        event_id: its number; a later event has a higher one.
        action: `given` or `withdrawn`.
        purpose: `*` is every purpose.
        channel: `*` is every channel.
        source: where it was recorded.
        wording: the text that the guest agreed to; None for a withdrawal.
        version: of the wording, as the caller stated it; None for a withdrawal.
        language: of the wording; None if not stated.
        digest: SHA-256 of the wording in UTF-8, in hexadecimal digits; None for a withdrawal.
        actor: who recorded it; None if not stated, and after an erasure.
        occurred_at: when the guest said so.
        recorded_at: when it was recorded.
        is_erased: True if the guest has been erased since.
    """

    event_id: int
    action: str
    purpose: str
    channel: str
    source: str
    wording: str | None
    version: str | None
    language: str | None
    digest: str | None
    actor: str | None
    occurred_at: datetime
    recorded_at: datetime
    is_erased: bool


_CONSENT = tuple(Consent.__dataclass_fields__)
_EVENT = tuple(ConsentEvent.__dataclass_fields__)


def consents_from(rows: Iterable[Any]) -> list[Consent]:
    """Return the consents in the rows of a query."""
    return [Consent(**{name: getattr(row, name) for name in _CONSENT}) for row in rows]


def events_from(rows: Iterable[Any]) -> list[ConsentEvent]:
    """Return the events in the rows of list_consent_proof."""
    return [ConsentEvent(**{name: getattr(row, name) for name in _EVENT}) for row in rows]


def given_parameters(
    *,
    purpose: object,
    channel: object,
    wording: object,
    version: object,
    source: object,
    language: object,
    actor: object,
    at: datetime | None,
) -> dict[str, object]:
    """Return the parameters of `change_consent` for a consent.

    Args:
        purpose: a name.
        channel: a name.
        wording: what the guest agreed to.
        version: of the wording.
        source: a name.
        language: of the wording, as `es` or `es-CO`; None if unknown.
        actor: who recorded it; None if unknown.
        at: when the guest agreed; None for now.

    Raises:
        InvalidValue: one of them cannot be stored.
    """
    return {
        "action": "given",
        "purpose": clean_word(purpose, "purpose"),
        "channel": clean_word(channel, "channel"),
        "wording": _wording(wording),
        "wording_version": clean_id(version, "version", _LONGEST_VERSION),
        "language": None if language is None else _language(language),
    } | _origin(source, actor, at)


def withdrawn_parameters(
    *, purpose: object, channel: object, source: object, actor: object, at: datetime | None
) -> dict[str, object]:
    """Return the parameters of `change_consent` for a withdrawal.

    Args:
        purpose: a name; None for every purpose.
        channel: a name; None for every channel.
        source: a name.
        actor: who recorded it; None if unknown.
        at: when the guest said so; None for now.

    Raises:
        InvalidValue: one of them cannot be stored.
    """
    return {
        "action": "withdrawn",
        "purpose": _ALL if purpose is None else clean_word(purpose, "purpose"),
        "channel": _ALL if channel is None else clean_word(channel, "channel"),
        "wording": None,
        "wording_version": None,
        "language": None,
    } | _origin(source, actor, at)


def _origin(source: object, actor: object, at: datetime | None) -> dict[str, object]:
    return {
        "source": _source(source),
        "actor": None if actor is None else clean_id(actor, "actor"),
        "said_at": None if at is None else clean_instant(at),
    }


def clean_word(word: object, what: str) -> str:
    """Return the name of a purpose, a channel, an account or a source.

    Args:
        word: 1 to 50 lowercase letters, digits, hyphens and underscores, beginning with a letter.
        what: what it is, for the error.

    Raises:
        InvalidValue: it is something else.
    """
    name = clean_text(word, what)
    if not _NAME.fullmatch(name):
        raise InvalidValue(
            f"{what} is one word of 1 to 50 lowercase letters, digits, hyphens and underscores, not {name[:60]!r}",
            hint="always use the same words, such as marketing and whatsapp: a withdrawal must find the consent",
        )
    return name


def _source(given: object) -> str:
    source = clean_word(given, "source")
    if _NUMBER.search(source):
        raise InvalidValue(
            "source has a number of 5 digits or more", hint="name the place, not the person: it stays after an erasure"
        )
    return source


def _wording(given: object) -> str:
    wording = clean_text(given, "wording", blank=False)
    if len(wording) > _LONGEST_WORDING:
        raise InvalidValue(f"wording has {len(wording)} characters, more than {_LONGEST_WORDING}")
    return wording


def _language(given: object) -> str:
    language = clean_text(given, "language")
    if not _LANGUAGE.fullmatch(language):
        raise InvalidValue(f"language is a code such as es or es-CO, not {language[:60]!r}")
    return language
