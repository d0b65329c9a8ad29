"""Writes what an outbox holds, each batch exactly once, whatever becomes of the connection."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

from guestsql._async.executor import AsyncExecutor
from guestsql._core.outbox import Outbox
from guestsql._core.runtime import AsyncTurns

__all__ = ["AsyncFlusher"]


class AsyncFlusher:
    """Writes the batches of one outbox, one after the other.

    Args:
        executor: runs the outbox's query.
        outbox: where they come from; what could not be written stays there.
    """

    def __init__(self, executor: AsyncExecutor, outbox: Outbox[Any]) -> None:
        self._executor = executor
        self._outbox = outbox
        self._turns = AsyncTurns()

    async def flush(self, deadline: float | None = None) -> int:
        """Write what was collected.

        Args:
            deadline: in seconds of `time.monotonic()`; default the settings' from now.

        Returns:
            The number of rows written, 0 when there was nothing.

        Raises:
            DatabaseError: it could not be written; it is kept for the next flush.
        """
        until = self._executor.deadline() if deadline is None else deadline
        async with self._turns.take(until):
            await self._settle(until)
            return await self._write(until)

    async def write(self) -> int:
        """Write what was collected, and leave alone what somebody else is just writing.

        Raises:
            DatabaseError: it could not be written; it is kept for the next flush.
        """
        return await self._write(self._executor.deadline())

    @asynccontextmanager
    async def held(self) -> AsyncGenerator[None]:
        """Let no batch be written meanwhile, so that what is collected can be changed.

        Raises:
            DatabaseError: a batch whose COMMIT was not answered could not be asked for.
        """
        until = self._executor.deadline()
        async with self._turns.take(until):
            await self._settle(until)
            yield

    async def _write(self, deadline: float) -> int:
        outbox = self._outbox
        if not outbox.has_more():
            return 0
        if outbox.needs_time:
            outbox.set_time(await self._executor.call("get_server_time", {}, deadline=deadline))
        batch = outbox.take()
        if not batch:
            return 0
        try:
            rows: int = await self._executor.call_once(
                outbox.query, batch.columns, committing=batch.committing, deadline=deadline
            )
        except BaseException:  # a cancelled task too
            outbox.give_up(batch)
            raise
        outbox.done(batch)
        return rows

    async def _settle(self, deadline: float) -> None:
        """Find out what came of batches whose COMMIT was not answered; keep what was not written."""
        for batch in self._outbox.unsettled():
            query = self._outbox.query
            if await self._executor.was_committed(batch.transaction_id, query=query, deadline=deadline):
                self._outbox.done(batch)
            else:
                batch.committing("")
                self._outbox.put_back(batch)
