# Generated from guestsql/_async by tools/generate_sync.py (make sync). Do not edit.
"""Buffered interactions: many messages, one write.

What a kill -9 can lose is what was recorded since the last flush: one flush interval at most, as long as the server
answers. A failed flush keeps everything for the next one.
"""

from __future__ import annotations

import logging
from collections.abc import Generator
from contextlib import contextmanager
from datetime import datetime

from guestsql._core.log import event
from guestsql._core.pending import Pending
from guestsql._core.runtime import Ticker, Turns
from guestsql._sync.executor import Executor
from guestsql.errors import DatabaseError

__all__ = ["InteractionBuffer"]


class InteractionBuffer:
    """Collects interactions and writes them in batches, sorted by key.

    SQL: queries/guests.sql

    Args:
        executor: runs the batch.
        seconds: between two flushes.
        pending: where they are collected; also emptied at exit.
    """

    def __init__(self, executor: Executor, seconds: float, pending: Pending) -> None:
        self._executor = executor
        self._pending = pending
        self._turns = Turns()
        self._ticker = Ticker(seconds, self._tick)

    def record(self, key: str, at: datetime | None) -> None:
        """Count one message.

        Args:
            key: the guest's key.
            at: the message's own time, with its zone; None for now, by the server's clock.
        """
        self._pending.add(key, at)
        self._ticker.start()

    def flush(self) -> int:
        """Write what was recorded.

        Returns:
            The number of guests written, 0 when there was nothing.

        Raises:
            DatabaseError: it could not be written; it is kept for the next flush.
        """
        until = self._executor.deadline()
        with self._turns.take(until):
            self._settle(until)
            batch = self._pending.take()
            if not batch:
                return 0
            try:
                rows: int = self._executor.call_once(
                    "record_interactions", batch.columns, committing=batch.committing, deadline=until
                )
            except BaseException:  # a cancelled task too
                self._pending.give_up(batch)
                raise
            self._pending.done(batch)
            event(logging.INFO, "INTERACTIONS_WRITTEN", "interactions written", rows=rows)
            return rows

    @contextmanager
    def held(self) -> Generator[None]:
        """Let no batch be written meanwhile, so that what is buffered of a guest can be moved or dropped.

        Raises:
            DatabaseError: a batch whose COMMIT was not answered could not be asked for.
        """
        until = self._executor.deadline()
        with self._turns.take(until):
            self._settle(until)
            yield

    def close(self) -> None:
        """Stop the timer and write what is left.

        Raises:
            DatabaseError: it could not be written and is lost with this object.
        """
        self._ticker.stop()
        self.flush()

    def _settle(self, deadline: float) -> None:
        """Find out what came of batches whose COMMIT was not answered; keep what was not written."""
        for batch in self._pending.unsettled():
            if self._executor.was_committed(batch.transaction_id, query="record_interactions", deadline=deadline):
                self._pending.done(batch)
            else:
                batch.committing("")
                self._pending.put_back(batch)

    def _tick(self) -> None:
        try:
            self.flush()
        except DatabaseError as error:
            # The adapter has logged the cause; this says what it means here.
            event(logging.WARNING, "INTERACTIONS_KEPT", "flush failed, will be tried again", sqlstate=error.sqlstate)
        except Exception as error:  # noqa: BLE001  an edited query file, say: the timer must outlive it
            event(logging.ERROR, "INTERACTIONS_KEPT", f"flush failed, will be tried again: {error!r}")
