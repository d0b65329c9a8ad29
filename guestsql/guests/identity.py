"""WhatsApp ids: every spelling of a guest leads to one key; what may be someone else's id is refused.

The key of a guest is the bare phone number (`573000000001`), or, for a guest whom WhatsApp shows without a
phone, the id itself (`81234567890123@lid`, `CO.1a2B3c`, `CO.ENT.1a2B3c`), or `573000000001#2` for a guest whose phone
has been another guest's. All but the first contain a character that no phone has, so the kinds never collide.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

from guestsql.errors import InvalidUserId, InvalidValue, SettingsError
from guestsql.guests.national import complete_national
from guestsql.guests.spellings import spellings

__all__ = ["BLANKS", "canonical_user_id", "clean_chat_id", "mask", "own_keys"]

# E.164 allows 15 digits; with fewer than 7 there are only short codes of services.
_PHONE = re.compile(r"[1-9][0-9]{6,14}")
_LID = re.compile(r"[0-9]{1,32}")
# What is written as it is: a business-scoped id, or that of a guest whose phone is another guest's now.
_BARE_ID = re.compile(r"[A-Z]{2}\.(?:ENT\.)?[A-Za-z0-9]{1,128}|[1-9][0-9]{6,14}#[1-9][0-9]{0,8}")
# What may follow the number in a chat id: an agent (`.0`, `_1`) and a device (`:12`).
_DEVICE = re.compile(r"([0-9]+)(?:[._](?:0|[1-9][0-9]{0,2}))?(?::[0-9]{1,4})?")

# What follows is repeated in SQL, by the function guestsql_user_id of the migrations: a change needs a migration.
_CHANNEL = re.compile(r"^whatsapp:", re.IGNORECASE | re.ASCII)
_FRONT = re.compile(r"^(?:tel|sms):|^'(?=[+0-9])", re.IGNORECASE | re.ASCII)
_LINK = re.compile(r"^(?:https?://)?(?:wa\.me/|api\.whatsapp\.com/send/?\?phone=)([^/]*)/?$", re.IGNORECASE | re.ASCII)
_BRACKETS = re.compile(r"\((\+?[1-9][0-9]{0,4})\)")
_SPELLED = re.compile(r"(\+|00)? *([1-9][0-9]*(?:(?: *[-.] *| +)[0-9]+)*)")
# Not certainly one number: a number that is whole is followed by more digits (a second number, an extension), or a
# single dot makes it a decimal number.
_UNCERTAIN = re.compile(r"[0-9]{7}[0-9]*[^0-9]|^[^.]*\.[^.]*$")
# The last digits are an extension, or the end of another number that differs in them; unless they come in pairs, as in
# France.
_LEFT_OVER = re.compile(r"[^0-9][0-9]{1,2}$")
_PAIRS = re.compile(r"([^0-9]+)[0-9]{2}\1[0-9]{2}$")
# A zero behind the country code is dialled inside the country only, except for the countries that are left out.
_TRUNK_ZERO = re.compile(
    r"(?:[17]|2[07]|3[0-46]|4[013-9]|5[1-8]|6[0-6]|8[1246]|9[0-58]"
    r"|(?!225|24[12]|37[89])(?:2[1-689]|3[578]|42|5[09]|6[7-9]|8[0578]|9[679])[0-9])[^0-9]+0"
)
# Without a sign of an international number: a date has 8 digits, and two local numbers have 14.
_LEAST_SPELLED = 9
_MOST_SPELLED = 13

_DIGITS = (0x0660, 0x06F0, 0x0966, 0xFF10)
_MARKS = (0xAD, 0x61C, *range(0x200B, 0x2010), *range(0x202A, 0x202F), *range(0x2060, 0x2070), 0xFEFF)
_SPACES = (0xA0, *range(0x2000, 0x200B), 0x202F, 0x205F, 0x3000)
_DASHES = (*range(0x2010, 0x2016), 0x2212, 0xFE58, 0xFE63)
# Digits of other scripts, full-width signs, and the invisible marks that a copied contact carries. What is not in here
# is not part of a number: a superscript two is not the digit 2.
_FOLD = (
    {zero + digit: str(digit) for zero in _DIGITS for digit in range(10)}
    | {0xFEE0 + ord(sign): sign for sign in "+-.():/@"}
    | dict.fromkeys(_MARKS, "")
    | dict.fromkeys(_SPACES, " ")
    | dict.fromkeys(_DASHES, "-")
)
BLANKS = " \t\n\r\f\v"
"""What is no part of an id at its ends, as in SQL; `str.strip` alone would take more."""

_PHONE_SERVERS = frozenset({"s.whatsapp.net", "c.us", "hosted"})
_LID_SERVERS = frozenset({"lid", "hosted.lid"})
_NO_GUEST = {
    "g.us": "a group",
    "newsletter": "a channel",
    "broadcast": "a broadcast list",
    "call": "a call",
}
_LONGEST_CHAT_ID = 256


def canonical_user_id(user_id: str, region: str | None = None) -> str:
    """Return the one key of a guest, whatever the spelling.

    Args:
        user_id: a phone number in any spelling that can be read in one way only (`+57 300 000 0001`,
            `573000000001`, `https://wa.me/573000000001`), a chat id with or without a device part
            (`573000000001:12@s.whatsapp.net`, `…@c.us`), or an id without a phone (`…@lid`, a business-scoped
            `CC.xxxx` or its parent `CC.ENT.xxxx`), or a phone with the number that guestsql gave it
            (`573000000001#2`).
        region: whose national numbers are completed with the country code, such as `CO`
            (`Settings.default_region`); None completes none.

    Returns:
        The digits of the phone number, or the id without a phone.

    Raises:
        InvalidUserId: the text is empty, a group, a channel, a broadcast list, no id at all, or it is not certain
            whose id it is: a decimal number (`573000000001.0`), two numbers (`573000000001/2`), an extension, a zero
            that is dialled inside the country only (`+44 (0)7700 900123`).
    """
    if not isinstance(user_id, str):  # pyright: ignore[reportUnnecessaryIsInstance]  not every caller is type-checked
        raise InvalidUserId(f"a user id is a text, not {type(user_id).__name__}", hint="pass it as str")
    if region is None and _PHONE.fullmatch(user_id):  # nearly every call; the cache of the others would take longer
        return user_id
    return _canonical(user_id, region)


def own_keys(numbers: Iterable[str], region: str | None = None) -> frozenset[str]:
    """Return the keys of the bot's own numbers, in every national spelling.

    Args:
        numbers: ids in any spelling.
        region: as for `canonical_user_id`.

    Raises:
        SettingsError: one of them is not the id of a person.
    """
    try:
        return frozenset(each for number in numbers for each in spellings(canonical_user_id(number, region)))
    except InvalidUserId as error:
        raise SettingsError(f"GUESTSQL_OWN_NUMBERS: {error.message}", hint=error.hint) from error


def clean_chat_id(chat_id: str) -> str:
    """Return a chat id as it is to be stored; a group or a channel may be one.

    Args:
        chat_id: the id as the gateway gave it, 1 to 256 characters.

    Raises:
        InvalidValue: it is not a text, empty, too long, or holds blanks or control characters.
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
def _canonical(user_id: str, region: str | None) -> str:
    text = _CHANNEL.sub("", (user_id if user_id.isascii() else user_id.translate(_FOLD)).strip(BLANKS))
    if not text:
        raise InvalidUserId("the user id is empty", hint="pass a phone number or a WhatsApp id")
    name, at, server = text.rpartition("@")
    if at:
        return _from_jid(name, server.lower())
    if _BARE_ID.fullmatch(text):
        return text
    written = _FRONT.sub("", text)
    number = _LINK.sub(r"\1", written)
    # A link always has the country code.
    return _phone(number) if region is None or number != written else _phone_of_region(number, region)


def _from_jid(name: str, server: str) -> str:
    if server in _NO_GUEST:
        raise InvalidUserId(
            f"{_NO_GUEST[server]} is not a guest (…@{server})",
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
    if _PHONE.fullmatch(text):
        return text
    spelled = _SPELLED.fullmatch(_BRACKETS.sub(r" \1 ", text).strip(" "))
    if spelled:
        number = spelled[2]
        digits = re.sub("[^0-9]", "", number)
        if _PHONE.fullmatch(digits) and (digits == number or _is_one_number(number, len(digits), spelled[1])):
            return digits
    raise InvalidUserId(
        f"not clearly a phone number: {_shown(text)}",
        hint="pass one number of 7 to 15 digits with the country code, such as 573000000001, without an extension, "
        "a decimal point or a zero in brackets",
    )


def _phone_of_region(text: str, region: str) -> str:
    is_international = text.startswith(("+", "00"))
    if is_international or _is_uncertain(text):
        return _phone(text)
    return complete_national(text, region) or _phone(text)


def _is_one_number(number: str, length: int, sign: str | None) -> bool:
    if not sign and not _LEAST_SPELLED <= length <= _MOST_SPELLED:
        return False
    return not _is_uncertain(number) and not _TRUNK_ZERO.match(number)


def _is_uncertain(number: str) -> bool:
    """Whether more than one number may have been written, or something else than a number."""
    if _UNCERTAIN.search(number):
        return True
    return _LEFT_OVER.search(number) is not None and _PAIRS.search(number) is None


def _shown(text: str) -> str:
    """Quote a refused id without its digits: it may be most of a person's number."""
    return repr(re.sub(r"\d", "#", text[:40]))
