# Generated from guestsql/_async by tools/generate_sync.py (make sync). Do not edit.
"""Writes what an outbox holds, each batch exactly once, whatever becomes of the connection."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

from guestsql._core.outbox import Outbox
from guestsql._core.runtime import Turns
from guestsql._sync.executor import Executor

__all__ = ["Flusher"]


class Flusher:
    """Writes the batches of one outbox, one after the other.

    Args:
        executor: runs the outbox's query.
        outbox: where they come from; what could not be written stays there.
    """

    def __init__(self, executor: Executor, outbox: Outbox[Any]) -> None:
        self._executor = executor
        self._outbox = outbox
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
            self._settle(until)
            return self._write(until)

    def write(self) -> int:
        """Write what was collected, and leave alone what somebody else is just writing.

        Raises:
            DatabaseError: it could not be written; it is kept for the next flush.
        """
        return self._write(self._executor.deadline())

    @contextmanager
    def held(self) -> Generator[None]:
        """Let no batch be written meanwhile, so that what is collected can be changed.

        Raises:
            DatabaseError: a batch whose COMMIT was not answered could not be asked for.
        """
        until = self._executor.deadline()
        with self._turns.take(until):
            self._settle(until)
            yield

    def _write(self, deadline: float) -> int:
        outbox = self._outbox
        if not outbox.has_more():
            return 0
        if outbox.needs_time:
            outbox.set_time(self._executor.call("get_server_time", {}, deadline=deadline))
        batch = outbox.take()
        if not batch:
            return 0
        try:
            rows: int = self._executor.call_once(
                outbox.query, batch.columns, committing=batch.committing, deadline=deadline
            )
        except BaseException:  # a cancelled task too
            outbox.give_up(batch)
            raise
        outbox.done(batch)
        return rows

    def _settle(self, deadline: float) -> None:
        """Find out what came of batches whose COMMIT was not answered; keep what was not written."""
        for batch in self._outbox.unsettled():
            query = self._outbox.query
            if self._executor.was_committed(batch.transaction_id, query=query, deadline=deadline):
                self._outbox.done(batch)
            else:
                batch.committing("")
                self._outbox.put_back(batch)
