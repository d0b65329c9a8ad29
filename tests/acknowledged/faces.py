"""Both classes for the threads of a writer: the calls of the async one run in one event loop."""

from __future__ import annotations

import asyncio
import random
import threading
import time
from collections.abc import Callable
from typing import Any

from guestsql import AsyncGuestDatabase, GuestDatabase, GuestProfile
from guestsql.settings import Settings
from tests.acknowledged.journal import Journal

_PAUSES = [0.0, 0.0, 0.0, 0.005, 0.02, 0.2]


def build(profile: GuestProfile) -> str:
    """The context that the writers compare: the guest's name."""
    time.sleep(random.choice(_PAUSES))
    return f"[{profile.user_name}]"


async def build_later(profile: GuestProfile) -> str:
    await asyncio.sleep(random.choice(_PAUSES))
    return f"[{profile.user_name}]"


class SyncFace:
    """A `GuestDatabase`, and the blocks that the two classes spell differently."""

    def __init__(self, settings: Settings, journal: Journal) -> None:
        del journal
        self.db = GuestDatabase(settings=settings, context_builder=build)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.db, name)

    def process(self, message_id: str, guest: str, act: Callable[[Any], None]) -> str:
        """Process a message; returns its state."""
        with self.db.message(message_id, guest) as message:
            if message.is_new:
                act(message)
        return message.state

    def transact(self, *calls: tuple[Any, ...]) -> None:
        """Make calls in one transaction."""
        with self.db.transaction() as tx:
            for name, *arguments in calls:
                getattr(tx, name)(*arguments)


class AsyncFace:
    """An `AsyncGuestDatabase` whose calls wait for their results."""

    def __init__(self, settings: Settings, journal: Journal) -> None:
        self._loop = asyncio.new_event_loop()
        self._loop.set_exception_handler(lambda _, context: _note(journal, context))
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self.db = self._wait(_open(settings))

    def __getattr__(self, name: str) -> Callable[..., Any]:
        method = getattr(self.db, name)
        return lambda *given, **known: self._wait(method(*given, **known))

    def record_interaction(self, guest: str) -> None:
        self._wait(self.db.record_interaction(guest))

    def create_thread(self, guest: str, make: Callable[[], str]) -> Any:
        async def factory() -> str:
            return make()

        return self._wait(self.db.create_thread(guest, factory))

    def process(self, message_id: str, guest: str, act: Callable[[Any], None]) -> str:
        async def run() -> str:
            async with self.db.message(message_id, guest) as message:
                if message.is_new:
                    act(message)
            return message.state

        return str(self._wait(run()))

    def transact(self, *calls: tuple[Any, ...]) -> None:
        async def run() -> None:
            async with self.db.transaction() as tx:
                for name, *arguments in calls:
                    await getattr(tx, name)(*arguments)

        self._wait(run())

    def _wait(self, coroutine: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result()


async def _open(settings: Settings) -> AsyncGuestDatabase:
    return AsyncGuestDatabase(settings=settings, context_builder=build_later)


def _note(journal: Journal, context: dict[str, Any]) -> None:
    error = context.get("exception") or RuntimeError(context["message"])
    journal.foreign("event loop", error)


FACES = {"sync": SyncFace, "async": AsyncFace}
