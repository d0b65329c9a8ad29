"""What was recorded and not yet written: messages by guest, coalesced."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from time import monotonic

from guestsql.errors import InvalidValue

__all__ = ["Batch", "Pending"]


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


class Batch:
    """What was taken to be written at once.

    Attributes:
        transaction_id: set while COMMIT is on its way; if it stays set, nobody knows whether the batch was written.
        writer: the thread that took it, None when that has given it up.
    """

    def __init__(self, guests: dict[str, _Messages]) -> None:
        self.guests = guests
        self.transaction_id = ""
        self.writer: threading.Thread | None = threading.current_thread()

    def __bool__(self) -> bool:
        return bool(self.guests)

    def committing(self, transaction_id: str) -> None:
        """Note the transaction whose COMMIT is about to be sent; "" when it is known to have failed."""
        self.transaction_id = transaction_id

    def columns(self, server_time: datetime) -> dict[str, object]:
        """Return the parameters of `record_interactions`, in the order of the keys.

        Args:
            server_time: what the server's clock says now.
        """
        moment = monotonic()
        rows = sorted(self.guests.items())
        spans = [messages.span(server_time, moment) for _, messages in rows]
        return {
            "phone_numbers": [key for key, _ in rows],
            "counts": [messages.count for _, messages in rows],
            "first_times": [first for first, _ in spans],
            "last_times": [last for _, last in spans],
        }


class Pending:
    """Messages by guest's key. May be used from several threads.

    A batch that was taken stays known here until it is `done` or `put_back`, so that whoever comes at exit finds it.
    """

    def __init__(self) -> None:
        self._lock = threading.Condition(threading.Lock())
        self._guests: dict[str, _Messages] = {}
        self._taken: list[Batch] = []

    def __bool__(self) -> bool:
        return bool(self._guests) or bool(self._taken)

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

    def take(self) -> Batch:
        """Return all that is not taken yet."""
        with self._lock:
            batch, self._guests = Batch(self._guests), {}
            if batch:
                self._taken.append(batch)
        return batch

    def done(self, batch: Batch) -> None:
        """Forget a batch that was written."""
        with self._lock:
            self._taken.remove(batch)
            self._lock.notify_all()

    def put_back(self, batch: Batch) -> None:
        """Keep a batch that was not written for the next one."""
        with self._lock:
            self._taken.remove(batch)
            for key, messages in batch.guests.items():
                self._guests.setdefault(key, _Messages()).add(messages)
            self._lock.notify_all()

    def give_up(self, batch: Batch) -> None:
        """Take note that writing a batch has failed; keep it for the next one unless it may have been written."""
        if not batch.transaction_id:
            self.put_back(batch)
            return
        with self._lock:
            batch.writer = None
            self._lock.notify_all()

    def unsettled(self) -> list[Batch]:
        """Return the batches of which nobody knows whether they were written."""
        with self._lock:
            return [batch for batch in self._taken if batch.transaction_id]

    def left_over(self, seconds: float) -> list[Batch]:
        """Return the batches that nobody writes any more.

        Args:
            seconds: how long to wait for other threads that are about it.
        """
        with self._lock:
            self._lock.wait_for(lambda: not any(map(_is_being_written, self._taken)), seconds)
            return list(self._taken)

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


def _is_being_written(batch: Batch) -> bool:
    """Tell whether another thread may yet finish it; what this thread left unfinished it will not take up again."""
    writer = batch.writer
    return writer is not None and writer is not threading.current_thread() and writer.is_alive()


def _instant(at: object) -> datetime:
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
