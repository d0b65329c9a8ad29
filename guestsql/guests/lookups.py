"""Looks up the cached contexts of single guests; tasks of one event loop that ask at once share a statement."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from guestsql.sql._async.executor import AsyncExecutor
    from guestsql.sql._sync.executor import Executor

__all__ = ["AsyncLookups", "Lookups"]

# One statement does not grow without bound: the next caller begins another.
_GUESTS_AT_MOST = 100


class Lookups:
    """Looks up one guest per statement: threads do not wait for each other.

    Args:
        executor: runs the queries.
    """

    def __init__(self, executor: Executor) -> None:
        self._executor = executor

    def get(self, key: str, deadline: float) -> Any | None:  # noqa: ANN401  a row of lookup_context
        """Return a guest's row; None for an unknown guest."""
        return self._executor.call("lookup_context", {"phone_number": key}, deadline=deadline)


@dataclass(eq=False, slots=True)
class _Gathering:
    """Callers who share a statement that is not sent yet.

    Attributes:
        deadline: the earliest of theirs; they began within one turn of the loop.
        callers: what each of them waits for, and the key of its guest.
    """

    deadline: float
    callers: list[tuple[str, asyncio.Future[Any]]] = field(default_factory=list[tuple[str, "asyncio.Future[Any]"]])

    def join(self, key: str, deadline: float) -> asyncio.Future[Any]:
        waiting: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self.callers.append((key, waiting))
        self.deadline = min(self.deadline, deadline)
        return waiting


class AsyncLookups:
    """Looks up one guest per statement, unless several tasks ask in the same turn of the loop.

    While another lookup is on its way, a caller lets the other tasks run once. Those that ask too are answered by one
    statement, as if they had called `get_contexts` together. No caller joins a statement that was sent already: it
    could be older than what the caller has just written. If only one of the two queries is replaced, nothing is shared.
    """

    def __init__(self, executor: AsyncExecutor) -> None:
        self._executor = executor
        self._running = 0
        self._gathering: _Gathering | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def get(self, key: str, deadline: float) -> Any | None:  # noqa: ANN401  a row of lookup_context
        """Return a guest's row; None for an unknown guest."""
        gathering = self._gathering
        if gathering is not None and len(gathering.callers) < _GUESTS_AT_MOST:
            return await gathering.join(key, deadline)
        shared = await self._gather(key, deadline) if self._running and self._is_alike() else None
        if shared is not None:
            return await shared
        self._running += 1
        try:
            return await self._executor.call("lookup_context", {"phone_number": key}, deadline=deadline)
        finally:
            self._running -= 1

    def _is_alike(self) -> bool:
        queries = self._executor.catalogue
        return queries["lookup_context"].file == queries["lookup_contexts"].file

    async def _gather(self, key: str, deadline: float) -> asyncio.Future[Any] | None:
        """Let other tasks join; return what they and this one wait for, or None if there is no other."""
        gathering = self._gathering = _Gathering(deadline)
        try:
            await asyncio.sleep(0)
            return gathering.join(key, deadline) if gathering.callers else None
        finally:  # also when this caller is cancelled: others wait for it
            if self._gathering is gathering:
                self._gathering = None
            if gathering.callers:
                # A task of its own: a caller that is cancelled takes nothing away from the others.
                task = asyncio.get_running_loop().create_task(self._answer(gathering))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)

    async def _answer(self, gathering: _Gathering) -> None:
        """Run the statement, and give each caller its row, or all of them the error."""
        keys = sorted({key for key, waiting in gathering.callers if not waiting.done()})
        self._running += 1
        try:
            rows = await self._executor.call("lookup_contexts", {"phone_numbers": keys}, deadline=gathering.deadline)
        except Exception as error:  # noqa: BLE001  it is the callers'
            for _, waiting in gathering.callers:
                if not waiting.done():
                    waiting.set_exception(error)
        except BaseException:  # the loop ends
            for _, waiting in gathering.callers:
                waiting.cancel()
            raise
        else:
            known = {row.id: row for row in rows}
            for key, waiting in gathering.callers:
                if not waiting.done():
                    waiting.set_result(known.get(key))
        finally:
            self._running -= 1
