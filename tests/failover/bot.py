"""A bot that writes and reads until SIGUSR1, and journals each call outside the database.

A line is `TIME EVENT WORK KEY`, TIME in seconds of `time.monotonic()`, which all processes of a machine share:
`sent` before a call, `done` when it was acknowledged, `failed` when its error says that it was not done; `read` and
`stale` for a context that its process had renamed before.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from guestsql import AsyncGuestDatabase, GuestDatabase
from guestsql.errors import DatabaseError, OutcomeUnknown
from guestsql.settings import Settings

_READS = 10


class Journal:
    """Each line is one write to the end of the file, so a kill loses nothing that was noted."""

    def __init__(self, path: str) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def note(self, *words: object) -> None:
        """Add a line."""
        os.write(self._file, (" ".join(map(str, (time.monotonic(), *words))) + "\n").encode())

    @contextmanager
    def call(self, work: str, key: str) -> Iterator[None]:
        """Journal a write; a failure of the database ends here."""
        self.note("sent", work, key)
        try:
            yield
        except OutcomeUnknown:
            return
        except DatabaseError:
            self.note("failed", work, key)
        else:
            self.note("done", work, key)


async def _write(db: AsyncGuestDatabase, journal: Journal, name: str, guest: str, stopped: asyncio.Event) -> None:
    """Add tokens, each to a thread of its own, and process messages."""
    for number in itertools.count():
        if stopped.is_set():
            return
        key = f"{name}-{number}"
        with journal.call("tokens", key):
            await db.add_thread_tokens(guest, key, 1)
        with journal.call("message", key):
            async with db.message(key, guest):
                pass


async def _read(db: AsyncGuestDatabase, journal: Journal, name: str, guest: str, stopped: asyncio.Event) -> None:
    """Rename a guest, and read its context some times."""
    for number in itertools.count():
        if stopped.is_set():
            return
        try:
            await db.update_profile(guest, user_name=f"name {number}")
            for _ in range(_READS):
                is_new = f"name {number} |" in await db.get_context(guest)
                journal.note("read" if is_new else "stale", "context", f"{name}-{number}")
        except DatabaseError:  # it may have been renamed or not: the next name is
            continue


class _Awaitable:
    """A synchronous database, whose methods are awaited: each runs in a thread."""

    def __init__(self, db: GuestDatabase) -> None:
        self._db = db

    def __getattr__(self, name: str) -> object:
        method = getattr(self._db, name)
        return lambda *given, **known: asyncio.to_thread(method, *given, **known)

    def message(self, *given: str) -> object:
        return _AwaitableBlock(self._db.message(*given))


class _AwaitableBlock:
    def __init__(self, block: object) -> None:
        self._block = block

    async def __aenter__(self) -> object:
        return await asyncio.to_thread(self._block.__enter__)  # type: ignore[attr-defined]

    async def __aexit__(self, *given: object) -> object:
        return await asyncio.to_thread(self._block.__exit__, *given)  # type: ignore[attr-defined]


async def _run(kind: str, url: str, replica_url: str, path: str, *numbers: str) -> None:
    number, writers, readers = map(int, numbers)
    settings = Settings(
        database_url=url,
        replica_url=replica_url,
        replica_reads=True,
        flush_seconds=0.2,
        metrics_seconds=0.5,
    )
    raw = AsyncGuestDatabase(settings=settings) if kind == "async" else GuestDatabase(settings=settings)
    db: AsyncGuestDatabase = raw if kind == "async" else _Awaitable(raw)  # type: ignore[assignment,arg-type]
    journal, stopped = Journal(path), asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, stopped.set)
    await db.open()
    callers = [(_write, f"{number}.{place}", place) for place in range(writers)]
    callers += [(_read, f"{number}.{place}", 50 + place) for place in range(readers)]
    first = 573_000_000_000 + 100 * number  # each writes a guest that no other one writes
    await asyncio.gather(*(work(db, journal, name, str(first + place), stopped) for work, name, place in callers))
    await db.close()


if __name__ == "__main__":
    logging.disable()  # stderr is a pipe that is read at the end: once full, it would stop the bot
    asyncio.run(_run(*sys.argv[1:]))
