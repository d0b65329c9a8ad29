# Generated from ../_async by tools/generate_sync.py (make sync). Do not edit.
"""Writes what a write buffer holds, each batch exactly once, whatever becomes of the connection."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

from guestsql.sql._sync.executor import Executor
from guestsql.sql.runtime import Turns
from guestsql.telemetry.write_buffer import WriteBuffer

__all__ = ["Flusher"]


class Flusher:
    """Writes the batches of one write buffer, one after the other.

    Args:
        executor: runs the buffer's query.
        buffer: where they come from; what could not be written stays there.
    """

    def __init__(self, executor: Executor, buffer: WriteBuffer[Any]) -> None:
        self._executor = executor
        self._buffer = buffer
        self._turns = Turns()

    def flush(self, deadline: float | None = None) -> int:
        """Write what was collected.

        Args:
            deadline: in seconds of `time.monotonic()`; default the settings' from now.

        Returns:
            The number of rows written, 0 when there was nothing.

        Raises:
            DatabaseError: it could not be written; it is kept for the next flush.
        """
        until = self._executor.deadline() if deadline is None else deadline
        with self._turns.take(until):
            return self._write_open(until) + self._write_next(until)

    @contextmanager
    def held(self) -> Generator[None]:
        """Let no batch be written meanwhile, so that what is collected can be changed.

        Raises:
            DatabaseError: a batch that may have been written, or is still being written, could not be written again.
        """
        until = self._executor.deadline()
        with self.turn(until):
            self._write_open(until)
            yield

    @contextmanager
    def turn(self, deadline: float) -> Generator[None]:
        """Let no batch be taken or written meanwhile.

        Args:
            deadline: until when to wait for a flush that is under way, in seconds of `time.monotonic()`.

        Raises:
            QueryTimeout: it did not end in time.
        """
        with self._turns.take(deadline):
            yield

    def _write_open(self, deadline: float) -> int:
        return self._write_next(deadline) if self._buffer.open is not None else 0

    def _write_next(self, deadline: float) -> int:
        buffer = self._buffer
        if not buffer:
            return 0
        if buffer.needs_time():
            buffer.set_time(self._executor.call("get_server_time", {}, deadline=deadline))
        batch = buffer.take()
        if batch is None:
            return 0
        self._executor.call(buffer.query, batch.parameters, deadline=deadline)
        buffer.done(batch)
        return len(batch)
