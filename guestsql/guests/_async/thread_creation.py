"""A guest's first thread: one caller at a time calls its factory, and the others wait for that thread.

SQL: queries/internal/threads.sql, queries/threads.sql
"""

from __future__ import annotations

import logging
import uuid
from dataclasses import dataclass, field
from time import monotonic
from typing import Any

from guestsql.errors import DatabaseError, DatabaseUnavailable, QueryTimeout
from guestsql.guests._async.pausing import AsyncPauses
from guestsql.guests.builds import THREAD, building, check_not_building
from guestsql.guests.callbacks import AsyncThreadFactory, async_call_callback
from guestsql.guests.deadline import FIRST_PAUSE_SECONDS, Deadline
from guestsql.guests.models import GuestThread
from guestsql.guests.rows import thread_from
from guestsql.guests.values import clean_id
from guestsql.settings import Settings
from guestsql.sql._async.executor import AsyncExecutor
from guestsql.telemetry.log import event

__all__ = ["AsyncThreadCreator"]

# Within one call. A factory that erases its guest would otherwise be called for ever.
_MOST_CREATIONS = 3


@dataclass(slots=True)
class _Request:
    key: str
    deadline: Deadline
    # The caller's own for as long as it asks, so that a claim whose answer was lost is found again.
    lease: uuid.UUID = field(default_factory=uuid.uuid4)
    may_hold_lease: bool = False


class AsyncThreadCreator:
    """Creates threads of guests who have none.

    Args:
        executor: runs the queries.
        settings: for the lease and the deadline.
    """

    def __init__(self, executor: AsyncExecutor, settings: Settings) -> None:
        self._executor = executor
        self._settings = settings
        self._pauses = AsyncPauses()

    async def create(self, key: str, factory: AsyncThreadFactory) -> GuestThread:
        """Return a guest's thread; if there is none, that of the caller whose factory is called.

        Args:
            key: the guest's key.
            factory: creates a thread, and returns its id.

        Raises:
            InvalidValue: the factory returned no id, is of the other class, or asks for the thread that it creates.
            QueryTimeout: another caller's factory took longer than the deadline.
            DatabaseError: the server could not be asked.
            Exception: whatever the factory raised.
        """
        check_not_building(self, key, what=THREAD)
        request = _Request(key, Deadline.after(self._settings.deadline_seconds))
        try:
            return await self._create_or_wait(request, factory)
        except Exception:
            await self._release(request)
            raise
        except BaseException:  # a cancelled task, Ctrl-C: the caller must not be held up
            request.deadline.interrupt()
            await self._release(request)
            raise

    async def _create_or_wait(self, request: _Request, factory: AsyncThreadFactory) -> GuestThread:
        pause = FIRST_PAUSE_SECONDS
        creations = 0
        while True:
            row = await self._call(request, "get_thread")
            if row is not None:
                check_not_building(self, row.phone_number, what=THREAD)
                if row.thread_id is not None:
                    return thread_from(row)
            claimed = await self._claim(request)
            if claimed is not None:
                creations += 1
                with self._pauses.building_here(request.key):
                    thread = await self._create_and_publish(request, claimed, factory)
                if thread is not None:
                    return thread
            if not request.deadline.leaves(pause) or creations == _MOST_CREATIONS:
                raise _timeout(creations)
            pause = await self._pauses.rest(request.key, pause, request.deadline.at)

    async def _claim(self, request: _Request) -> Any | None:  # noqa: ANN401  a row of claim_thread
        request.may_hold_lease = True
        claimed = await self._call(
            request, "claim_thread", lease=request.lease, lease_seconds=self._settings.lease_seconds
        )
        request.may_hold_lease = claimed is not None
        return claimed

    async def _create_and_publish(
        self,
        request: _Request,
        claimed: Any,  # noqa: ANN401  a row of claim_thread
        factory: AsyncThreadFactory,
    ) -> GuestThread | None:
        """Return the thread; None if the guest now has one, or was erased. No connection is held meanwhile."""
        started = monotonic()
        try:
            with building(self, request.key), building(self, claimed.phone_number):
                created = await async_call_callback("factory", factory)
        finally:
            request.deadline.add_build(monotonic() - started)
        thread_id = clean_id(created, "the thread that the factory returned")
        row = await self._call(
            request, "publish_thread", thread_id=thread_id, lease=request.lease, created_at=claimed.created_at
        )
        if row is None:
            await self._release(request)
            event(logging.WARNING, "THREAD_DISCARDED", "the guest has another thread, or was erased", guest=request.key)
            return None
        request.may_hold_lease = False
        event(logging.INFO, "THREAD_CREATED", "thread created and stored", guest=request.key)
        return thread_from(row)

    async def _call(self, request: _Request, name: str, **parameters: object) -> Any:  # noqa: ANN401  the query's own
        """Run a query. If the server does not answer, the lease is left to expire."""
        try:
            return await self._executor.call(
                name, {"phone_number": request.key, **parameters}, deadline=request.deadline.at
            )
        except (DatabaseUnavailable, QueryTimeout):
            request.may_hold_lease = False
            raise

    async def _release(self, request: _Request) -> None:
        """Release the lease, if it may be held. If that fails it expires, and the first error is the one to report."""
        if not request.may_hold_lease:
            return
        try:
            await self._call(request, "release_thread", lease=request.lease)
        except DatabaseError as error:
            event(
                logging.WARNING,
                "THREAD_LEASE_KEPT",
                "the lease will run out by itself",
                guest=request.key,
                sqlstate=error.sqlstate,
            )
        request.may_hold_lease = False


def _timeout(creations: int) -> QueryTimeout:
    if creations:
        return QueryTimeout(
            f"the guest was erased or merged during each of {creations} calls of the thread factory",
            query="publish_thread",
            hint="a factory must not change the guest for whom it creates a thread",
        )
    return QueryTimeout(
        "another caller was still creating the thread at the deadline",
        query="claim_thread",
        hint="make the factory faster, or raise GUESTSQL_DEADLINE_SECONDS",
    )
