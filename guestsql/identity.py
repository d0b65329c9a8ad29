"""WhatsApp ids: every spelling of a guest leads to one key; what is no guest is refused.

The key of a guest is the bare phone number (`573000000001`), or, for a guest whom WhatsApp shows without a
phone, the id itself (`81234567890123@lid`, `CO.1a2B3c`). The latter hold a character that no phone has, so the
two kinds never collide.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from functools import lru_cache

from guestsql.errors import InvalidUserId, InvalidValue, SettingsError

__all__ = ["canonical_user_id", "clean_chat_id", "mask", "own_keys"]

# E.164 allows 15 digits; below 7 stand only short codes of services.
_PHONE = re.compile(r"[1-9][0-9]{6,14}")
_LID = re.compile(r"[0-9]{1,32}")
_BUSINESS_SCOPED = re.compile(r"[A-Z]{2}\.[A-Za-z0-9]{1,128}")
# What may follow the number in a chat id: an agent (`.0`, `_1`) and a device (`:12`).
_DEVICE = re.compile(r"([0-9]+)(?:[._](?:0|[1-9][0-9]{0,2}))?(?::[0-9]{1,4})?")
_SCHEME = re.compile(r"^(?:whatsapp|tel|sms):", re.IGNORECASE)
_LINK = re.compile(r"^(?:https?://)?(?:wa\.me/|api\.whatsapp\.com/send/?\?phone=)", re.IGNORECASE)
_PUNCTUATION = re.compile(r"[\s().\-/]")
_MINUS = "\N{MINUS SIGN}"

_PHONE_SERVERS = frozenset({"s.whatsapp.net", "c.us", "hosted"})
_LID_SERVERS = frozenset({"lid", "hosted.lid"})
_NO_GUEST = {
    "g.us": "a group",
    "newsletter": "a channel",
    "broadcast": "a broadcast list",
    "call": "a call",
}
_LONGEST_CHAT_ID = 256


def canonical_user_id(user_id: str) -> str:
    """Return the one key of a guest, whatever the spelling.

    Args:
        user_id: a phone number in any spelling (`+57 300 000 0001`, `573000000001`), a chat id with or without
            a device part (`573000000001:12@s.whatsapp.net`, `…@c.us`), or an id without a phone (`…@lid`, a
            business-scoped `CC.xxxx`).

    Returns:
        The digits of the phone number, or the id without a phone.

    Raises:
        InvalidUserId: the text is empty, a group, a channel, a broadcast list, or no id at all.
    """
    if not isinstance(user_id, str):  # pyright: ignore[reportUnnecessaryIsInstance]  not every caller is type-checked
        raise InvalidUserId(f"a user id is a text, not {type(user_id).__name__}", hint="pass it as str")
    return _canonical(user_id)


def own_keys(numbers: Iterable[str]) -> frozenset[str]:
    """Return the keys of the bot's own numbers.

    Args:
        numbers: ids in any spelling.

    Raises:
        SettingsError: one of them is no id of a person.
    """
    try:
        return frozenset(canonical_user_id(number) for number in numbers)
    except InvalidUserId as error:
        raise SettingsError(f"GUESTSQL_OWN_NUMBERS: {error.message}", hint=error.hint) from error


def clean_chat_id(chat_id: str) -> str:
    """Return a chat id as it is to be stored; a group or a channel may be one.

    Args:
        chat_id: the id as the gateway gave it, 1 to 256 characters.

    Raises:
        InvalidValue: it is no text, empty, too long, or holds blanks or control characters.
    """
    if not isinstance(chat_id, str):  # pyright: ignore[reportUnnecessaryIsInstance]  not every caller is type-checked
        raise InvalidValue(f"a chat id is a text, not {type(chat_id).__name__}")
    text = chat_id.strip()
    if not text or len(text) > _LONGEST_CHAT_ID:
        raise InvalidValue("a chat id has 1 to 256 characters", hint="leave it out when it is not known")
    if any(character.isspace() or not character.isprintable() for character in text):
        raise InvalidValue("a chat id holds no blanks and no control characters")
    return text


def mask(key: str) -> str:
    """Return a guest's key for a log: its last four characters only.

    Args:
        key: any id.
    """
    name, at, server = key.partition("@")
    return f"***{name[-4:]}{at}{server}" if len(name) > 4 else f"***{at}{server}"  # noqa: PLR2004  the four shown


# Bounded: a chain's million guests must not pile up in the bot's memory.
@lru_cache(maxsize=4096)
def _canonical(user_id: str) -> str:
    text = _plain(user_id)
    if not text:
        raise InvalidUserId("the user id is empty", hint="pass a phone number or a WhatsApp id")
    name, at, server = text.rpartition("@")
    if at:
        return _from_jid(name, server.lower())
    if _BUSINESS_SCOPED.fullmatch(text):
        return text
    return _phone(text)


def _plain(text: str) -> str:
    """Fold wide forms and digits of other scripts, and drop the invisible marks that a copied contact carries."""
    if text.isascii():
        return text.strip()
    return "".join(_folded(character) for character in text).strip()


def _folded(character: str) -> str:
    digit = unicodedata.decimal(character, None)
    if digit is not None:
        return str(digit)
    category = unicodedata.category(character)
    if category == "Cf":
        return ""
    if category == "Pd" or character == _MINUS:
        return "-"
    # A superscript or a circled digit is no digit of a number: it stays, to be refused.
    return character if category == "No" else unicodedata.normalize("NFKC", character)


def _from_jid(name: str, server: str) -> str:
    if server in _NO_GUEST:
        raise InvalidUserId(
            f"{_NO_GUEST[server]} is no guest (…@{server})",
            hint="pass the participant's id; a group or channel can be kept as chat_id",
        )
    with_device = _DEVICE.fullmatch(name)
    bare = with_device[1] if with_device else name
    if server in _PHONE_SERVERS:
        return _phone(bare)
    if server in _LID_SERVERS:
        if not _LID.fullmatch(bare):
            raise InvalidUserId(f"no such id: …@{server} has up to 32 digits before the @")
        return f"{bare}@lid"
    raise InvalidUserId(f"unknown kind of id: …@{_shown(server)}", hint="known: s.whatsapp.net, c.us, lid")


def _phone(text: str) -> str:
    digits = _PUNCTUATION.sub("", _LINK.sub("", _SCHEME.sub("", text))).removeprefix("+").removeprefix("00")
    if not _PHONE.fullmatch(digits):
        raise InvalidUserId(
            f"no phone number: {_shown(text)}",
            hint="7 to 15 digits with the country code, such as 573000000001",
        )
    return digits


def _shown(text: str) -> str:
    """Quote a refused id without its digits: it may be most of somebody's number."""
    return repr(re.sub(r"\d", "#", text[:40]))
