"""Passwords of addresses are masked in texts from elsewhere, such as the message of a bug.

This package's own messages contain no password: an address is shown by its host and database, and no error quotes
it. They are not searched, so that a short password changes no word.
"""

from __future__ import annotations

import re

__all__ = ["mask_addresses"]

_MASK = "***"
# Up to the last @: a password that was not percent-encoded may hold one, and a slash.
_IN_URL = re.compile(r"(?P<user>\b[a-z][a-z0-9+.-]*://[^\s:@/]*):[^\s'\"]*@", re.IGNORECASE)
_IN_PAIRS = re.compile(r"(?P<name>\b(?:ssl)?password\s*=\s*)(?:'(?:[^'\\]|\\.)*'|[^\s&]+)", re.IGNORECASE)


def mask_addresses(text: str) -> str:
    """Return a text with `***` for the password of each address in it, known by the form of an address.

    Args:
        text: from elsewhere: the message of an exception, a traceback, an argument of the command line.
    """
    return _IN_PAIRS.sub(rf"\g<name>{_MASK}", _IN_URL.sub(rf"\g<user>:{_MASK}@", text))
