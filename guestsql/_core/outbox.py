"""What was collected in the process and is to be written in batches, each exactly once."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Mapping
from datetime import datetime
from typing import Generic, TypeVar

__all__ = ["Batch", "Outbox"]


class Batch(ABC):
    """What was taken to be written at once.

    Attributes:
        transaction_id: set while COMMIT is on its way; if it stays set, nobody knows whether the batch was written.
        writer: the thread that took it, None when that has given it up.
    """

    def __init__(self) -> None:
        self.transaction_id = ""
        self.writer: threading.Thread | None = threading.current_thread()

    @abstractmethod
    def __bool__(self) -> bool: ...

    @abstractmethod
    def columns(self, server_time: datetime) -> Mapping[str, object]:
        """Return the parameters of the query that writes it, in the order of the keys.

        Args:
            server_time: what the server's clock says now.
        """

    def committing(self, transaction_id: str) -> None:
        """Note the transaction whose COMMIT is about to be sent; "" when it is known to have failed."""
        self.transaction_id = transaction_id


AnyBatch = TypeVar("AnyBatch", bound=Batch)


class Outbox(ABC, Generic[AnyBatch]):
    """Batches on their way to the server. May be used from several threads.

    A batch that was taken stays known here until it is `done` or `put_back`, so that whoever comes at exit finds it.

    Attributes:
        query: the query that writes a batch.
        content: what it holds, as log events begin: `INTERACTIONS`.
        needs_time: True when the server is to be asked for its time before a batch is taken.
    """

    query: str
    content: str
    needs_time = False

    def __init__(self) -> None:
        self._lock = threading.Condition(threading.Lock())
        self._taken: list[AnyBatch] = []

    def __bool__(self) -> bool:
        return self.has_more() or bool(self._taken)

    @abstractmethod
    def has_more(self) -> bool:
        """Tell whether there is anything that was not taken yet."""

    @abstractmethod
    def _collect(self) -> AnyBatch:
        """Return all that is not taken yet, under the lock."""

    @abstractmethod
    def _keep(self, batch: AnyBatch) -> None:
        """Add a batch to what is not taken yet, under the lock."""

    def _remember(self, batch: AnyBatch) -> None:
        """Take note of a batch that was written, under the lock."""

    def set_time(self, server_time: datetime) -> None:
        """Take note of what the server's clock says now; asked for by `needs_time`."""

    def take(self) -> AnyBatch:
        """Return all that is not taken yet."""
        with self._lock:
            batch = self._collect()
            if batch:
                self._taken.append(batch)
        return batch

    def done(self, batch: AnyBatch) -> None:
        """Forget a batch that was written."""
        with self._lock:
            self._taken.remove(batch)
            self._remember(batch)
            self._lock.notify_all()

    def put_back(self, batch: AnyBatch) -> None:
        """Keep a batch that was not written for the next one."""
        with self._lock:
            self._taken.remove(batch)
            self._keep(batch)
            self._lock.notify_all()

    def give_up(self, batch: AnyBatch) -> None:
        """Take note that writing a batch has failed; keep it for the next one unless it may have been written."""
        if not batch.transaction_id:
            self.put_back(batch)
            return
        with self._lock:
            batch.writer = None
            self._lock.notify_all()

    def unsettled(self) -> list[AnyBatch]:
        """Return the batches of which nobody knows whether they were written."""
        with self._lock:
            return [batch for batch in self._taken if batch.transaction_id]

    def left_over(self, seconds: float) -> list[AnyBatch]:
        """Return the batches that nobody writes any more.

        Args:
            seconds: how long to wait for other threads that are about it.
        """
        with self._lock:
            self._lock.wait_for(lambda: not any(map(_is_being_written, self._taken)), seconds)
            return list(self._taken)


def _is_being_written(batch: Batch) -> bool:
    """Tell whether another thread may yet finish it; what this thread left unfinished it will not take up again."""
    writer = batch.writer
    return writer is not None and writer is not threading.current_thread() and writer.is_alive()
