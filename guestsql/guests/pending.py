"""What was recorded and not yet written: messages by guest and hour, coalesced."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from time import monotonic, time
from typing import NamedTuple, TypeAlias

from guestsql.guests.erasure import ErasureKey
from guestsql.guests.values import clean_instant
from guestsql.telemetry.write_buffer import Batch, WriteBuffer

__all__ = ["MessageId", "Messages", "Pending"]

# Messages with a time are counted by its hour, in UTC; others by the hour of this machine's clock. If that clock is
# right, the server finds no such count on both sides of a full hour; if it is not, the server divides the count.
_Hour: TypeAlias = datetime | int
# Computed once: later changes of the clock would mix up the hours.
_CLOCK = time() - monotonic()


@dataclass(slots=True)
class _Count:
    """Messages of one guest in one hour.

    A message recorded without a time is dated by the server's clock when it is written. Until then only its moment on
    the monotonic clock is known, which is never set.
    """

    count: int = 0
    first_at: datetime | None = None
    last_at: datetime | None = None
    first_moment: float | None = None
    last_moment: float | None = None

    def add(self, other: _Count) -> None:
        self.count += other.count
        self.first_at = min((at for at in (self.first_at, other.first_at) if at), default=None)
        self.last_at = max((at for at in (self.last_at, other.last_at) if at), default=None)
        self.first_moment = min((m for m in (self.first_moment, other.first_moment) if m is not None), default=None)
        self.last_moment = max((m for m in (self.last_moment, other.last_moment) if m is not None), default=None)


class MessageId(NamedTuple):
    """What identifies a message that is counted once: its gateway, and its id there."""

    gateway: str
    message_id: str


@dataclass(slots=True)
class _Identified:
    """A message with an id, and its guest."""

    key: str
    count: _Count
    keyed_hashes: list[bytes]

    def row(self, known: MessageId, now: float) -> dict[str, object]:
        """Return it as `record_interactions` has it."""
        at = self.count.first_at
        hashes = [f"\\x{each.hex()}" for each in self.keyed_hashes]
        return {
            "gateway": known.gateway,
            "message_id": known.message_id,
            "guest": self.key,
            "sent_at": None if at is None else at.isoformat(),
            "age": _age(self.count.first_moment, now),
            "keyed_hashes": hashes,
        }


_Guests: TypeAlias = dict[str, dict[_Hour, _Count]]


class Messages(Batch):
    """Messages taken to be written at once: the parameters of `record_interactions`."""

    def __init__(self, guests: _Guests, identified: dict[MessageId, _Identified] | None = None) -> None:
        super().__init__()
        self.guests = guests
        self.identified = identified or {}

    @classmethod
    def of_one(
        cls, key: str, at: datetime | None, known: MessageId | None = None, keyed_hashes: list[bytes] | None = None
    ) -> Messages:
        """Return one message that is written by itself.

        Args:
            key: the guest's key.
            at: its time, with a zone; None for now.
            known: what identifies it; None if it has no id.
            keyed_hashes: hashes of the guest's key (`ErasureKey.keyed`).

        Raises:
            InvalidValue: the time has no zone.
        """
        hour, count = _message(at)
        if known is None:
            return cls({key: {hour: count}})
        return cls({}, {known: _Identified(key, count, keyed_hashes or [])})

    @property
    def ids(self) -> set[str]:
        """The guests, by the ids given."""
        return self.guests.keys() | {message.key for message in self.identified.values()}

    def __len__(self) -> int:
        return len(self.ids)

    def columns(self) -> dict[str, object]:
        """Return a row for each guest and hour, as columns, in the order of the keys."""
        now = monotonic()
        rows = [(key, count) for key in sorted(self.guests) for count in self.guests[key].values()]
        counts = [count for _, count in rows]
        return {
            "phone_numbers": [key for key, _ in rows],
            "counts": [count.count for count in counts],
            "first_times": [count.first_at for count in counts],
            "last_times": [count.last_at for count in counts],
            "first_ages": [_age(count.first_moment, now) for count in counts],
            "last_ages": [_age(count.last_moment, now) for count in counts],
        }

    def parameters(self) -> dict[str, object]:
        """Return the columns, the messages that have an id, and the operation id."""
        now = monotonic()
        rows = [message.row(known, now) for known, message in self.identified.items()]
        return {**super().parameters(), "messages": json.dumps(rows)}


class Pending(WriteBuffer[Messages]):
    """Messages by guest's key and hour; those with an id one by one.

    Args:
        erasure_key: hashes the guests' keys; None for none.
    """

    query = "record_interactions"
    content = "INTERACTIONS"

    def __init__(self, erasure_key: ErasureKey | None = None) -> None:
        super().__init__()
        self._erasure_key = erasure_key or ErasureKey(None)
        self._guests: _Guests = {}
        self._identified: dict[MessageId, _Identified] = {}

    def add(self, key: str, at: datetime | None, known: MessageId | None = None) -> None:
        """Count one message.

        Args:
            key: the guest's key.
            at: its time, with a zone; None for now.
            known: what identifies it; None if it has no id. Of two with the same id the first counts.

        Raises:
            InvalidValue: the time has no zone.
        """
        hour, message = _message(at)
        with self._lock:
            if known is None:
                self._guests.setdefault(key, {}).setdefault(hour, _Count()).add(message)
            else:
                self._identified.setdefault(known, _Identified(key, message, self._erasure_key.keyed(key)))

    def drop(self, ids: Collection[str]) -> int:
        """Forget the messages under some ids, and return how many there were."""
        with self._lock:
            counted = [count for each in ids for count in self._guests.pop(each, {}).values()]
            identified = [known for known, message in self._identified.items() if message.key in ids]
            for known in identified:
                del self._identified[known]
        return len(identified) + sum(messages.count for messages in counted)

    def has_more(self) -> bool:
        """Return whether anything is in no batch yet."""
        return bool(self._guests or self._identified)

    def _collect(self) -> Messages:
        batch = Messages(self._guests, self._identified)
        self._guests, self._identified = {}, {}
        return batch


def _message(at: datetime | None) -> tuple[_Hour, _Count]:
    if at is None:
        moment = monotonic()
        return int((moment + _CLOCK) // 3600), _Count(1, first_moment=moment, last_moment=moment)
    instant = clean_instant(at)
    hour = instant.replace(minute=0, second=0, microsecond=0)
    return hour, _Count(1, first_at=instant, last_at=instant)


def _age(moment: float | None, now: float) -> float | None:
    return None if moment is None else now - moment
