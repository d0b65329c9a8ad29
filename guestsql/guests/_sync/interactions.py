# Generated from ../_async by tools/generate_sync.py (make sync). Do not edit.
"""Buffered interactions: many messages, one write.

What a kill -9 can lose is what was recorded since the last flush: one flush interval at most, as long as the server
answers. A failed flush keeps everything for the next one.
"""

from __future__ import annotations

import logging
from contextlib import nullcontext
from datetime import datetime

from guestsql.errors import DatabaseError
from guestsql.guests.pending import MessageId, Pending
from guestsql.sql._sync.executor import Executor
from guestsql.sql._sync.flushing import Flusher
from guestsql.sql.runtime import Ticker
from guestsql.telemetry.log import event, quietly

__all__ = ["InteractionBuffer"]


class InteractionBuffer(Flusher):
    """Collects interactions and writes them in batches, sorted by key.

    SQL: queries/internal/guests.sql

    Args:
        executor: runs the batch.
        seconds: between two flushes.
        pending: where they are collected; also emptied at exit.

    Attributes:
        pending: likewise.
    """

    def __init__(self, executor: Executor, seconds: float, pending: Pending) -> None:
        super().__init__(executor, pending)
        self.pending = pending
        self._ticker = Ticker(seconds, self._tick)
        self._is_failing = False

    def record(self, key: str, at: datetime | None, known: MessageId | None = None) -> None:
        """Count one message.

        Args:
            key: the guest's key.
            at: the message's own time, with its zone; None for now, by the server's clock.
            known: what identifies the message; None if it has no id.
        """
        self.pending.add(key, at, known)
        self._ticker.start()

    def flush(self, deadline: float | None = None) -> int:
        """Write what was recorded.

        Returns:
            The number of guests written, 0 when there was nothing.

        Raises:
            DatabaseError: it could not be written; it is kept for the next flush.
        """
        rows = super().flush(deadline)
        if rows:
            event(logging.INFO, "INTERACTIONS_WRITTEN", "interactions written", rows=rows)
        return rows

    def close(self) -> None:
        """Stop the timer and write what is left.

        Raises:
            DatabaseError: it could not be written and is lost with this object.
        """
        self._ticker.stop()
        self.flush()

    def _tick(self) -> None:
        """Flush; report a failure when it begins, not at each tick of an outage."""
        try:
            with quietly() if self._is_failing else nullcontext():
                self.flush()
        except Exception as error:  # noqa: BLE001  an edited query file, say: the timer must outlive it
            if not self._is_failing:
                why = error.message if isinstance(error, DatabaseError) else repr(error)
                event(logging.WARNING, "INTERACTIONS_KEPT", f"flush failed, will be tried again: {why}")
            self._is_failing = True
        else:
            if self._is_failing:
                event(logging.INFO, "INTERACTIONS_WRITTEN", "interactions are written again")
            self._is_failing = False
