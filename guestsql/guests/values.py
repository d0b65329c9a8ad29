"""Values that come from outside, checked before they reach the database."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Final, cast, final

from guestsql.errors import InvalidUserId, InvalidValue
from guestsql.guests.identity import BLANKS, canonical_user_id
from guestsql.guests.spellings import spellings
from guestsql.settings import LONGEST_TTL_SECONDS

__all__ = [
    "CLEAR",
    "LONGEST_ID",
    "LONGEST_LABEL",
    "RAISE",
    "Clear",
    "Raise",
    "clean_count",
    "clean_id",
    "clean_instant",
    "clean_json",
    "clean_labels",
    "clean_name",
    "clean_reason",
    "clean_seconds",
    "clean_text",
    "clean_tokens",
    "clean_ttl",
    "is_blank",
    "is_placeholder",
    "normalized",
]

LONGEST_LABEL = 500
"""Characters of a label: labels are indexed, and an index entry has room for some 2,700 bytes."""

LONGEST_ID = 500
"""Characters of an id from outside, such as a message's or a thread's: likewise."""

_LONGEST_REASON = 1000
_LONGEST_SECONDS = 86_400


@final
class Clear:
    """The type of `CLEAR`."""

    def __repr__(self) -> str:
        return "CLEAR"


CLEAR: Final = Clear()
"""Empties a column in `update_profile`, where None means not given."""


@final
class Raise:
    """The type of `RAISE`: no answer in place of an error."""

    def __repr__(self) -> str:
        return "RAISE"


RAISE: Final = Raise()


def clean_text(text: object, what: str, *, blank: bool = True) -> str:
    """Return a text that PostgreSQL can keep.

    Args:
        text: the text.
        what: what it is, for the error.
        blank: whether it may be empty or blank.

    Raises:
        InvalidValue: it is not a text, blank when it must not be, or holds NUL or half of a broken emoji.
    """
    if not isinstance(text, str):
        raise InvalidValue(f"{what} is a text, not {type(text).__name__}")
    if not blank and is_blank(text):
        raise InvalidValue(f"{what} is blank")
    if "\x00" in text:
        raise InvalidValue(f"{what} holds NUL, which PostgreSQL cannot keep", hint="remove \\x00 from it")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise InvalidValue(
            f"{what} holds a lone surrogate (a broken emoji) at character {error.start}",
            hint='clean it with text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")',
        ) from error
    return text


def normalized(text: str) -> str:
    """Return a text in Unicode's composed form (NFC): `ó` typed on a Mac equals `ó` typed on a phone.

    Args:
        text: a name or a label.
    """
    return unicodedata.normalize("NFC", text)


def clean_name(name: object, what: str) -> str:
    """Return a name in composed form, without blanks around it; it may be blank.

    Args:
        name: the name.
        what: what it is, for the error.

    Raises:
        InvalidValue: it is not a text, or PostgreSQL cannot keep it.
    """
    return normalized(clean_text(name, what)).strip()


def clean_labels(labels: object) -> list[str]:
    """Return labels in their order and in composed form, each once, without blanks around them.

    Args:
        labels: texts of 1 to 500 characters.

    Raises:
        InvalidValue: it is a single text, or one of them is not a text, blank or too long.
    """
    kind = type(labels).__name__
    if isinstance(labels, str | bytes | Mapping) or not isinstance(labels, Iterable):
        raise InvalidValue(f"labels are a list of texts, not {kind}", hint="[] clears them")
    found: dict[str, None] = {}
    for place, label in enumerate(cast("Iterable[object]", labels)):
        text = clean_name(label, f"label {place}")
        if is_blank(text):
            raise InvalidValue(f"label {place} is blank")
        if len(text) > LONGEST_LABEL:
            raise InvalidValue(
                f"label {place} has {len(text)} characters, more than {LONGEST_LABEL}",
                hint="keep long texts in profile_data",
            )
        found[text] = None
    return list(found)


def clean_id(given: object, what: str, longest: int = LONGEST_ID) -> str:
    """Return an id, or a name, that comes from outside and is indexed.

    Args:
        given: the id.
        what: what it is, for the error.
        longest: characters at most.

    Raises:
        InvalidValue: it is not a text, blank, too long, or cannot be kept.
    """
    found = clean_text(given, what, blank=False)
    if len(found) > longest:
        raise InvalidValue(
            f"{what} has {len(found)} characters, more than {longest}",
            hint="shorten it, for example by replacing its end with a hash",
        )
    return found


def clean_json(data: object, what: str) -> str:
    """Return an object as JSON text that jsonb can keep exactly.

    Args:
        data: a mapping with text keys.
        what: what it is, for the error.

    Raises:
        InvalidValue: it is not a mapping, or something in it has no JSON form, or holds NUL or a lone surrogate.
    """
    if not isinstance(data, Mapping):
        raise InvalidValue(f"{what} is a mapping, not {type(data).__name__}")
    try:
        text = json.dumps(data, ensure_ascii=False, allow_nan=False, default=_mapping)
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidValue(f"{what} has no JSON form: {error}") from error
    # Only now: what has a JSON form is finite and holds no circle, so the walk ends.
    _check_json(cast("object", data), what)
    return text


def clean_instant(at: object) -> datetime:
    """Return a time in UTC.

    Args:
        at: a datetime with a zone.

    Raises:
        InvalidValue: it is not a datetime, has no zone, or is outside the years 1 to 9999.
    """
    if not isinstance(at, datetime):
        raise InvalidValue(f"the time is a datetime, not {type(at).__name__}")
    if at.utcoffset() is None:
        raise InvalidValue(
            "the time has no zone",
            hint="use datetime.fromtimestamp(seconds, UTC), or omit it: the default is now",
        )
    try:
        return at.astimezone(UTC)
    except OverflowError as error:
        raise InvalidValue("the time is outside the years 1 to 9999") from error


def clean_tokens(tokens: object) -> int:
    """Return a number of tokens.

    Args:
        tokens: 0 or more, below 2^63.

    Raises:
        InvalidValue: it is not a whole number, or out of range.
    """
    if not isinstance(tokens, int) or isinstance(tokens, bool):
        raise InvalidValue(f"tokens are a whole number, not {type(tokens).__name__}")
    if not 0 <= tokens < 2**63:
        raise InvalidValue("tokens are 0 or more and below 2^63", hint="pass what this call used, not a correction")
    return tokens


def clean_count(number: object, what: str, most: int, least: int = 1) -> int:
    """Return a whole number that is in range.

    Args:
        number: the number.
        what: what it is, for the error.
        most: the greatest one.
        least: the least one.

    Raises:
        InvalidValue: it is out of range, or not a whole number.
    """
    if isinstance(number, bool) or not isinstance(number, int) or not least <= number <= most:
        raise InvalidValue(f"{what} is a whole number from {least} to {most:,}, not {number!r}")
    return number


def clean_seconds(seconds: object, what: str, least: float = 0.0) -> float:
    """Return a number of seconds, a day at most.

    Args:
        seconds: the number.
        what: what it is, for the error.
        least: the least one.

    Raises:
        InvalidValue: it is out of range, NaN, or not a number.
    """
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not least <= seconds <= _LONGEST_SECONDS:
        raise InvalidValue(f"{what} is a number from {least:g} to {_LONGEST_SECONDS:,}, not {seconds!r}")
    return seconds


def clean_reason(error: object) -> str:
    """Return why something failed, as text that PostgreSQL can store, shortened to 1,000 characters.

    Args:
        error: a text or an exception.
    """
    text = error if isinstance(error, str) else f"{type(error).__name__}: {error}"
    return text.encode("utf-8", "replace").decode().replace("\x00", "")[:_LONGEST_REASON]


def clean_ttl(seconds: object) -> float:
    """Return a time to live in seconds, ten years at most.

    Args:
        seconds: 0 or more; 0 means that nothing cached is fresh, and more than ten years counts as ten years.

    Raises:
        InvalidValue: it is negative, NaN, or not a number.
    """
    if isinstance(seconds, bool) or not isinstance(seconds, int | float):
        raise InvalidValue("ttl_seconds is a number of seconds")
    if not seconds >= 0:  # NaN is neither
        raise InvalidValue("ttl_seconds is 0 or more")
    return float(min(seconds, LONGEST_TTL_SECONDS))


def is_blank(text: str) -> bool:
    """Return whether a text has no visible character: only spaces, direction marks, zero-width joiners.

    Args:
        text: the text.
    """
    return all(character.isspace() or not character.isprintable() for character in text)


def is_placeholder(name: str, key: str) -> bool:
    """Return whether a name is a placeholder: blank, `Usuario`, or the guest's own id in any spelling.

    The function guestsql_is_placeholder of the migrations does the same in SQL.

    Args:
        name: the name.
        key: the guest's key.
    """
    bare = name.strip(BLANKS)
    if is_blank(bare) or bare == key or bare.casefold() == "usuario":
        return True
    if not any(character.isdigit() for character in bare):
        return False
    try:
        return canonical_user_id(bare) in spellings(key.partition("#")[0])
    except InvalidUserId:
        return False


def _mapping(value: object) -> dict[Any, Any]:
    if isinstance(value, Mapping):
        return dict(value)  # pyright: ignore[reportUnknownArgumentType]  json.dumps looks at the keys
    raise TypeError(f"{type(value).__name__} has no JSON form")


def _check_json(value: object, what: str) -> None:
    """Refuse what jsonb refuses, naming the place."""
    waiting: list[tuple[object, str]] = [(value, what)]
    while waiting:
        node, place = waiting.pop()
        if isinstance(node, str):
            clean_text(node, place)
        elif isinstance(node, Mapping):
            for key, below in cast("Mapping[object, object]", node).items():
                clean_text(key, f"a key of {place}")
                waiting.append((below, f"{place}.{key}"))
        elif isinstance(node, list | tuple):
            items = cast("list[object] | tuple[object, ...]", node)
            waiting.extend((below, f"{place}[{index}]") for index, below in enumerate(items))
