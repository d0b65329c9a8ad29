"""The guests whose records are not imported."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

__all__ = ["ERASED", "OWN_NUMBER", "Excluded"]

OWN_NUMBER = "the key is the bot's own number"
ERASED = "the guest was erased on request"


class Excluded:
    """The bot's own numbers, which are not guests, and the erased guests.

    Args:
        own: keys of the bot's own numbers.
        salt: of the hashes.
        erased: salted hashes of the keys of erased guests.
    """

    def __init__(self, own: frozenset[str], salt: bytes = b"", erased: Iterable[bytes] = ()) -> None:
        self._own = own
        self._salt = salt
        self._erased = frozenset(erased)

    def reason(self, key: str) -> str:
        """Return why the records of a guest are not imported; "" when they are.

        Args:
            key: the guest's.
        """
        if key in self._own:
            return OWN_NUMBER
        # Usually there is none.
        is_erased = self._erased and hashlib.sha256(self._salt + key.encode()).digest() in self._erased
        return ERASED if is_erased else ""
