"""What was collected in the process and is to be written in batches, each exactly once."""

from __future__ import annotations

import threading
import uuid
from abc import ABC, abstractmethod
from collections.abc import Mapping
from datetime import datetime
from typing import Generic, TypeVar

__all__ = ["Batch", "WriteBuffer", "new_operation_id"]


def new_operation_id() -> str:
    """Return an id for a write that must be done once; it never repeats, not after a crash or in a forked child."""
    return str(uuid.uuid4())


class Batch(ABC):
    """What is written at once. It keeps its id and its content until it is known to be written.

    Attributes:
        operation_id: with it the server recognises a batch that is written again.
    """

    def __init__(self) -> None:
        self.operation_id = new_operation_id()

    @abstractmethod
    def __len__(self) -> int:
        """Return the number of rows that it writes."""

    @abstractmethod
    def columns(self) -> Mapping[str, object]:
        """Return the parameters of the query that writes it, in the order of the keys; times are given for now."""

    def parameters(self) -> dict[str, object]:
        """Return the columns and the operation id."""
        return {**self.columns(), "operation_id": self.operation_id}


AnyBatch = TypeVar("AnyBatch", bound=Batch)


class WriteBuffer(ABC, Generic[AnyBatch]):
    """Batches on their way to the server. May be used from several threads.

    One batch at a time is open: taken, and not known to be written. It is taken again, as it is, until it is `done`;
    what is collected meanwhile waits for the next batch. Two may write the same batch at once, as at exit: the server
    recognises its id.

    Attributes:
        query: the query that writes a batch.
        content: what it holds, as log events begin: `INTERACTIONS`.
        open: the batch that was taken and is not known to be written, or None.
    """

    query: str
    content: str

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.open: AnyBatch | None = None

    def __bool__(self) -> bool:
        return self.open is not None or self.has_more()

    @abstractmethod
    def has_more(self) -> bool:
        """Return whether anything is in no batch yet."""

    @abstractmethod
    def _collect(self) -> AnyBatch:
        """Return all that is in no batch yet, under the lock."""

    def _remember(self, batch: AnyBatch) -> None:
        """Take note of a batch that was written, under the lock."""

    def needs_time(self) -> bool:
        """Return whether the server's time is needed before a batch is taken."""
        return False

    def set_time(self, server_time: datetime) -> None:
        """Take note of the server's time; requested by `needs_time`."""

    def take(self) -> AnyBatch | None:
        """Return the batch to write next: the open one, else all that was collected; None if there is nothing."""
        with self._lock:
            if self.open is None:
                self.open = self._collect() or None
            return self.open

    def done(self, batch: AnyBatch) -> None:
        """Close a batch that was written."""
        with self._lock:
            if self.open is batch:
                self.open = None
                self._remember(batch)
