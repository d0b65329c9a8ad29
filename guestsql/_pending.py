"""What was recorded and not yet written: messages by guest, coalesced."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from time import monotonic

from guestsql.errors import InvalidValue

__all__ = ["Pending"]


@dataclass(slots=True)
class _Messages:
    """Messages of one guest.

    A message recorded without a time is dated by the server's clock when it is written; until then only the moment
    on the monotonic clock is known, which nobody sets.
    """

    count: int = 0
    first_at: datetime | None = None
    last_at: datetime | None = None
    first_moment: float | None = None
    last_moment: float | None = None

    def add(self, other: _Messages) -> None:
        self.count += other.count
        self.first_at = min((at for at in (self.first_at, other.first_at) if at), default=None)
        self.last_at = max((at for at in (self.last_at, other.last_at) if at), default=None)
        self.first_moment = min((m for m in (self.first_moment, other.first_moment) if m is not None), default=None)
        self.last_moment = max((m for m in (self.last_moment, other.last_moment) if m is not None), default=None)

    def span(self, server_time: datetime, moment: float) -> tuple[datetime, datetime]:
        """Return the times of the first and the last message, given what the server's clock says at a moment."""
        times = [at for at in (self.first_at, self.last_at) if at is not None]
        times += [
            server_time - timedelta(seconds=max(0.0, moment - known))
            for known in (self.first_moment, self.last_moment)
            if known is not None
        ]
        return min(times), max(times)


class Pending:
    """Messages by guest's key. May be used from several threads."""

    def __init__(self, guests: dict[str, _Messages] | None = None) -> None:
        self._lock = threading.Lock()
        self._guests = {} if guests is None else guests

    def __bool__(self) -> bool:
        return bool(self._guests)

    def add(self, key: str, at: datetime | None) -> None:
        """Count one message.

        Args:
            key: the guest's key.
            at: its time, with a zone; None for now.

        Raises:
            InvalidValue: the time has no zone.
        """
        if at is None:
            moment = monotonic()
            message = _Messages(1, first_moment=moment, last_moment=moment)
        else:
            time = _instant(at)
            message = _Messages(1, first_at=time, last_at=time)
        with self._lock:
            self._guests.setdefault(key, _Messages()).add(message)

    def take(self) -> Pending:
        """Return all there is, and be empty."""
        with self._lock:
            guests, self._guests = self._guests, {}
        return Pending(guests)

    def put_back(self, other: Pending) -> None:
        """Add what was taken and could not be written."""
        with self._lock:
            for key, messages in other._guests.items():
                self._guests.setdefault(key, _Messages()).add(messages)

    def move(self, key: str, to: str) -> None:
        """Give one guest's messages to another, with whom it is merged."""
        with self._lock:
            messages = self._guests.pop(key, None)
            if messages is not None:
                self._guests.setdefault(to, _Messages()).add(messages)

    def drop(self, key: str) -> int:
        """Forget one guest's messages, and return how many there were."""
        with self._lock:
            messages = self._guests.pop(key, None)
        return 0 if messages is None else messages.count

    def columns(self, server_time: datetime) -> dict[str, object]:
        """Return the parameters of `record_interactions`, in the order of the keys.

        Args:
            server_time: what the server's clock says now.
        """
        moment = monotonic()
        rows = sorted(self._guests.items())
        spans = [messages.span(server_time, moment) for _, messages in rows]
        return {
            "phone_numbers": [key for key, _ in rows],
            "counts": [messages.count for _, messages in rows],
            "first_times": [first for first, _ in spans],
            "last_times": [last for _, last in spans],
        }


def _instant(at: datetime) -> datetime:
    if not isinstance(at, datetime):
        raise InvalidValue(f"the time of a message is a datetime, not {type(at).__name__}")
    if at.utcoffset() is None:
        raise InvalidValue(
            "the time of a message has no zone",
            hint="use datetime.fromtimestamp(seconds, UTC), or leave it out for now",
        )
    try:
        return at.astimezone(UTC)
    except OverflowError as error:
        raise InvalidValue("the time of a message lies beyond the years 1 to 9999") from error
