"""Passwords in addresses, and phones, are masked in texts from elsewhere, such as the message of a bug.

This package's own messages contain no password: an address is shown by its host and database, and no error quotes
it. They are not searched, so that a short password changes no word.
"""

from __future__ import annotations

import re

from guestsql.guests.identity import mask

__all__ = ["mask_addresses", "mask_phones"]

_MASK = "***"
# Up to the last @: a password that was not percent-encoded may hold one, and a slash.
_IN_URL = re.compile(r"(?P<user>\b[a-z][a-z0-9+.-]*://[^\s:@/]*):[^\s'\"]*@", re.IGNORECASE)
_IN_PAIRS = re.compile(r"(?P<name>\b(?:ssl)?password\s*=\s*)(?:'(?:[^'\\]|\\.)*'|[^\s&]+)", re.IGNORECASE)
# Digits, and the separators that people write within a phone number.
_DIGITS = re.compile(r"\+?\d(?:[\s().-]{0,2}\d)*")
_DATE = re.compile(r"\d{4}-\d\d?-\d\d?(?!\d)")
_PHONE_LENGTHS = range(8, 16)


def mask_addresses(text: str) -> str:
    """Return a text with `***` for the password of each address in it, known by the form of an address.

    Args:
        text: from elsewhere: the message of an exception, a traceback, an argument of the command line.
    """
    return _IN_PAIRS.sub(rf"\g<name>{_MASK}", _IN_URL.sub(rf"\g<user>:{_MASK}@", text))


def mask_phones(text: str) -> str:
    """Return a text in which everything that may be a phone number is masked.

    Args:
        text: from elsewhere: an error that quotes a value, the answer of a gateway.
    """
    return _DIGITS.sub(_without_phone, text)


def _without_phone(found: re.Match[str]) -> str:
    digits = sum(char.isdigit() for char in found.group())
    is_phone = digits in _PHONE_LENGTHS and not _DATE.match(found.group())
    return mask(found.group()) if is_phone else found.group()
