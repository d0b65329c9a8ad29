"""Guests whom a restored dump has brought back, found by the log of erasures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from guestsql.guests.erasure import ErasureKey
from guestsql.guests.erasure_log import LoggedErasure, LoggedErasures

__all__ = ["ErasureIndex", "Match", "ReplayReport", "ReplayedGuest"]


@dataclass(frozen=True, slots=True)
class ReplayedGuest:
    """A guest who has an erased id.

    Attributes:
        phone_number: the guest's key.
        erased_at: when a guest with this id was erased first.
        created_at: when the guest in the database became known, or got the id from someone else.
        is_spared: True for a guest who became known, or got the id, after that: another guest, who stays.
    """

    phone_number: str
    erased_at: datetime
    created_at: datetime
    is_spared: bool


@dataclass(slots=True)
class ReplayReport:
    """What a replay has done, or would do.

    Attributes:
        erasures: how many the log has.
        restored: how many of them the database did not know.
        guests: those found, in the order of their keys.
        unreadable: the numbers of lines that could not be read.
        unknown_keys: erasures whose hashes were made with a key that is not in `GUESTSQL_ERASURE_KEY`, by key.
        is_dry_run: nothing was written.
    """

    erasures: int
    restored: int = 0
    guests: list[ReplayedGuest] = field(default_factory=list[ReplayedGuest])
    unreadable: list[int] = field(default_factory=list[int])
    unknown_keys: dict[str, int] = field(default_factory=dict[str, int])
    is_dry_run: bool = False

    @property
    def is_complete(self) -> bool:
        """False if an erasure of the log could not be repeated."""
        return not self.unreadable and not self.unknown_keys


class Match(NamedTuple):
    """An erased id of a guest.

    Attributes:
        user_id: an id that leads to the guest; the key itself may lead to another guest, whose number it is now.
        since: when the id came to this guest; None for the guest's key: then it matters when the guest became known.
        until: who had the id before this was erased.
        erasure: what the log says.
    """

    user_id: str
    since: datetime | None
    until: datetime
    erasure: LoggedErasure

    def replayed(self, guest: str, known_since: datetime) -> ReplayedGuest:
        """Return what follows for the guest.

        Args:
            guest: the key.
            known_since: when the guest became known.
        """
        since = self.since or known_since
        return ReplayedGuest(guest, self.erasure.at, since, is_spared=since >= self.until)


class ErasureIndex:
    """The erasures of a log, by the hashes of a guest's key and of the other ids.

    Args:
        logged: what the log says.
        key: of the hashes.
        salt: the database's, of hashes without a key.
    """

    def __init__(self, logged: LoggedErasures, key: ErasureKey, salt: bytes) -> None:
        self._keys: dict[bytes, tuple[datetime, LoggedErasure]] = {}
        self._ids: dict[bytes, tuple[datetime, LoggedErasure]] = {}
        used = Counter(erasure.key_id for erasure in logged.by_id.values())
        known = key.key_ids
        # Only the keys that the log has: each costs a hash of every id.
        self._hashes: list[Callable[[str], bytes]] = [
            key.hasher(number) for number, key_id in enumerate(known) if key_id in used
        ]
        if None in used:
            self._hashes.append(key.salted_hasher(salt))
        self.unknown_keys = {each: count for each, count in used.items() if each is not None and each not in known}
        for erasure in logged.by_id.values():
            for hashed, until in erasure.keys.items():
                _enter(self._keys, hashed, until or erasure.at, erasure)
            for hashed in erasure.ids:
                _enter(self._ids, hashed, erasure.at, erasure)

    def find(self, ids: Iterable[tuple[str, str, datetime]]) -> dict[str, list[Match]]:
        """Return the guests who have erased ids, by key.

        Args:
            ids: each id, the key of its guest, and when it came to that guest.
        """
        found: dict[str, list[Match]] = {}
        for user_id, guest, since in ids:
            for hash_of in self._hashes:
                hashed = hash_of(user_id)
                matches = [
                    (since, self._ids.get(hashed)),
                    (None, self._keys.get(hashed if user_id == guest else hash_of(guest))),
                ]
                for at, match in matches:
                    if match is not None:
                        found.setdefault(guest, []).append(Match(user_id, at, *match))
        return found


def _enter(
    index: dict[bytes, tuple[datetime, LoggedErasure]], hashed: str, until: datetime, erasure: LoggedErasure
) -> None:
    """Enter an erasure; of several of one id the latest counts."""
    place = bytes.fromhex(hashed)
    if place not in index or index[place][0] < until:
        index[place] = (until, erasure)
