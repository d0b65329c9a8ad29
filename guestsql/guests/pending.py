"""What was recorded and not yet written: messages by guest, coalesced."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from time import monotonic

from guestsql.guests.values import clean_instant
from guestsql.telemetry.write_buffer import Batch, WriteBuffer

__all__ = ["Messages", "Pending"]


@dataclass(slots=True)
class _Count:
    """Messages of one guest.

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


class Messages(Batch):
    """Messages taken to be written at once: the parameters of `record_interactions`."""

    def __init__(self, guests: dict[str, _Count]) -> None:
        super().__init__()
        self.guests = guests

    @classmethod
    def of_one(cls, key: str, at: datetime | None) -> Messages:
        """Return one message that is written by itself.

        Args:
            key: the guest's key.
            at: its time, with a zone; None for now.

        Raises:
            InvalidValue: the time has no zone.
        """
        return cls({key: _message(at)})

    def __len__(self) -> int:
        return len(self.guests)

    def columns(self) -> dict[str, object]:
        """Return a row for each guest, as columns, in the order of the keys."""
        now = monotonic()
        rows = sorted(self.guests.items())
        counts = [count for _, count in rows]
        return {
            "phone_numbers": [key for key, _ in rows],
            "counts": [count.count for count in counts],
            "first_times": [count.first_at for count in counts],
            "last_times": [count.last_at for count in counts],
            "first_ages": [_age(count.first_moment, now) for count in counts],
            "last_ages": [_age(count.last_moment, now) for count in counts],
        }


class Pending(WriteBuffer[Messages]):
    """Messages by guest's key."""

    query = "record_interactions"
    content = "INTERACTIONS"

    def __init__(self) -> None:
        super().__init__()
        self._guests: dict[str, _Count] = {}

    def add(self, key: str, at: datetime | None) -> None:
        """Count one message.

        Args:
            key: the guest's key.
            at: its time, with a zone; None for now.

        Raises:
            InvalidValue: the time has no zone.
        """
        message = _message(at)
        with self._lock:
            self._guests.setdefault(key, _Count()).add(message)

    def move(self, key: str, to: str) -> None:
        """Give one guest's messages to another, with whom it is merged."""
        with self._lock:
            messages = self._guests.pop(key, None)
            if messages is not None:
                self._guests.setdefault(to, _Count()).add(messages)

    def drop(self, key: str) -> int:
        """Forget one guest's messages, and return how many there were."""
        with self._lock:
            messages = self._guests.pop(key, None)
        return 0 if messages is None else messages.count

    def has_more(self) -> bool:
        """Return whether anything is in no batch yet."""
        return bool(self._guests)

    def _collect(self) -> Messages:
        batch, self._guests = Messages(self._guests), {}
        return batch


def _message(at: datetime | None) -> _Count:
    if at is None:
        moment = monotonic()
        return _Count(1, first_moment=moment, last_moment=moment)
    time = clean_instant(at)
    return _Count(1, first_at=time, last_at=time)


def _age(moment: float | None, now: float) -> float | None:
    return None if moment is None else now - moment
