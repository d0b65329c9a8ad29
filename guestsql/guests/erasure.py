"""The hash of an id, which is all that stays of an erased guest: it recognises the id and does not contain it."""

from __future__ import annotations

import hmac
from collections.abc import Callable
from functools import partial
from hashlib import sha256

__all__ = ["ErasureKey"]

# Each use of a key has a prefix, so that a hash of one is never a hash of another.
_ID_PREFIX = b"guestsql id "
_KEY_PREFIX = b"guestsql key"
_KEY_ID_DIGITS = 16


class ErasureKey:
    """Hashes ids with `GUESTSQL_ERASURE_KEY`, or with the database's salt if there is no key.

    The hash with a key is HMAC-SHA256, computed here: the key never reaches the server, so no one can find an id by
    trying all phone numbers on a copy of the database. The salt is in the database, so with the salt alone one can.

    Args:
        secret: the key; several separated by commas, the newest first: it hashes, and all of them recognise. None for
            none.
    """

    __slots__ = ("_keys",)

    def __init__(self, secret: str | None) -> None:
        self._keys = tuple(part.strip().encode() for part in (secret or "").split(",") if part.strip())

    @property
    def key_id(self) -> str | None:
        """What distinguishes the newest key from others, without showing it; None without a key."""
        return self.key_ids[0] if self._keys else None

    @property
    def key_ids(self) -> list[str]:
        """The same of every key, the newest first."""
        return [hmac.digest(key, _KEY_PREFIX, "sha256").hex()[:_KEY_ID_DIGITS] for key in self._keys]

    def hash(self, user_id: str, salt: bytes) -> bytes:
        """Return the hash of an id that is stored when its guest is erased: 32 bytes.

        Args:
            user_id: a canonical id.
            salt: the database's (`get_erasure_salt`); used only without a key.
        """
        return self.keyed(user_id)[0] if self._keys else _salted(user_id, salt)

    def keyed(self, user_id: str) -> list[bytes]:
        """Return the hashes of an id with each key, the newest first; none without a key.

        Args:
            user_id: a canonical id.
        """
        message = _ID_PREFIX + user_id.encode()
        return [hmac.digest(key, message, "sha256") for key in self._keys]

    def hasher(self, number: int) -> Callable[[str], bytes]:
        """Return what hashes many ids with one key.

        Args:
            number: the key's, 0 for the newest.
        """
        key = self._keys[number]
        return lambda user_id: hmac.digest(key, _ID_PREFIX + user_id.encode(), "sha256")

    def salted_hasher(self, salt: bytes) -> Callable[[str], bytes]:
        """Return what hashes many ids with the salt."""
        return partial(_salted, salt=salt)

    def candidates(self, user_id: str, salt: bytes) -> list[bytes]:
        """Return every hash under which an id may be stored: with each key, and with the salt.

        Args:
            user_id: a canonical id.
            salt: the database's (`get_erasure_salt`).
        """
        return [*self.keyed(user_id), _salted(user_id, salt)]


def _salted(user_id: str, salt: bytes) -> bytes:
    """As `guestsql_is_erased` computes it."""
    return sha256(salt + user_id.encode()).digest()
