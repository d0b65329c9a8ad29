"""The guests whose records are not imported."""

from __future__ import annotations

from collections.abc import Iterable

from guestsql.guests.erasure import ErasureKey

__all__ = ["ERASED", "OWN_NUMBER", "Excluded"]

OWN_NUMBER = "the key is the bot's own number"
ERASED = "the guest was erased on request"


class Excluded:
    """The bot's own numbers, which are not guests, and the erased guests.

    Args:
        own: keys of the bot's own numbers.
        key: of the hashes.
        salt: the database's, of the hashes without a key.
        erased: hashes of the ids of erased guests.
    """

    def __init__(
        self, own: frozenset[str], key: ErasureKey | None = None, salt: bytes = b"", erased: Iterable[bytes] = ()
    ) -> None:
        self._own = own
        self._key = key or ErasureKey(None)
        self._salt = salt
        self._erased = frozenset(erased)

    def reason(self, key: str) -> str:
        """Return why the records of a guest are not imported; "" when they are.

        Args:
            key: the guest's.
        """
        if key in self._own:
            return OWN_NUMBER
        return ERASED if self.is_erased(key) else ""

    def is_erased(self, key: str) -> bool:
        """Return whether a guest was erased.

        Args:
            key: the guest's.
        """
        # Usually none was.
        return bool(self._erased) and not self._erased.isdisjoint(self._key.candidates(key, self._salt))

    def has_erased(self) -> bool:
        """Return whether any guest was erased."""
        return bool(self._erased)
