"""What the tests of the context cache share: both classes under one name, a builder that waits, callers elsewhere.

Run as a script it is one of those callers: a process whose threads ask for a context on a command.
"""

from __future__ import annotations

import asyncio
import inspect
import json
import logging
import os
import queue
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any, Self

import psycopg
import pytest

from guestsql import AsyncGuestDatabase, GuestDatabase, GuestProfile
from guestsql.guests import _async, _sync
from guestsql.settings import Settings
from guestsql.sql._async.executor import AsyncExecutor
from guestsql.sql._sync.executor import Executor
from tests.checking import override

GUEST = "573000000001"
PATIENCE_SECONDS = 60.0
"""The bound of every wait: what is awaited comes at once, or the test has failed."""

Build = Callable[[GuestProfile], str]


def make_settings(url: str, **known: Any) -> Settings:
    """Settings that wait long and flush by themselves never."""
    usual = {"deadline_seconds": PATIENCE_SECONDS, "flush_seconds": 3600.0, "metrics_seconds": 0.0}
    return Settings(database_url=url, **{**usual, **known})


class Either:
    """One of the two classes: every method is awaited, and a builder is a plain function run in a thread."""

    def __init__(self, kind: str, url: str, build: Build | None = None, **settings: Any) -> None:
        self.kind = kind
        known = make_settings(url, **settings)
        if kind == "sync":
            self.raw: Any = GuestDatabase(settings=known, context_builder=build)
        else:
            self.raw = AsyncGuestDatabase(settings=known, context_builder=_in_thread(build))

    def __getattr__(self, name: str) -> Callable[..., Any]:
        method = getattr(self.raw, name)
        if inspect.iscoroutinefunction(method):
            return method  # type: ignore[no-any-return]
        return lambda *given, **known: asyncio.to_thread(method, *given, **known)

    async def query(self, name: str, **parameters: Any) -> Any:
        """Run a query, also an internal one."""
        call = partial(self.raw._call, name)
        return await (call(**parameters) if self.kind == "async" else asyncio.to_thread(call, **parameters))

    async def __aenter__(self) -> Self:
        # Callers of the synchronous class each occupy a thread while they wait.
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(32))
        await self.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()


Open = Callable[..., Awaitable[Either]]


@asynccontextmanager
async def opening(kind: str, url: str) -> AsyncIterator[Open]:
    """Gives a function that opens databases of one of the two classes; they are closed at the end."""
    async with AsyncExitStack() as stack:

        async def opened(build: Build | None = None, **settings: Any) -> Either:
            return await stack.enter_async_context(Either(kind, url, build, **settings))

        yield opened


def _in_thread(build: Build | None) -> Any:
    if build is None:
        return None

    async def waiting(profile: GuestProfile) -> str:
        return await asyncio.to_thread(build, profile)

    return waiting


class Builder:
    """A context builder that says when it is called, and waits until it is let go.

    Attributes:
        profiles: those it was called with.
    """

    def __init__(self, text: Callable[[GuestProfile], Any] | None = None) -> None:
        self.profiles: list[GuestProfile] = []
        self._text = text or (lambda profile: f"text of {profile.user_name}")
        self._called: queue.Queue[threading.Event] = queue.Queue()

    def __call__(self, profile: GuestProfile) -> str:
        go = threading.Event()
        self.profiles.append(profile)
        self._called.put(go)
        assert go.wait(PATIENCE_SECONDS)
        return self._text(profile)  # type: ignore[no-any-return]

    async def called(self) -> threading.Event:
        """Wait until it is called once more; set the event to let that call go on."""
        return await asyncio.to_thread(self._called.get, timeout=PATIENCE_SECONDS)


def counting(text: Callable[[GuestProfile], Any] | None = None) -> tuple[list[GuestProfile], Build]:
    """A builder that does not wait, and the profiles it was called with."""
    profiles: list[GuestProfile] = []

    def build(profile: GuestProfile) -> str:
        profiles.append(profile)
        return text(profile) if text else f"text {len(profiles)} of {profile.user_name}"

    return profiles, build


def count_calls(patch: pytest.MonkeyPatch) -> list[str]:
    """The names of the queries that either class runs from now on."""
    names: list[str] = []
    call, async_call = Executor.call, AsyncExecutor.call

    def counted(self: Executor, name: str, *given: Any, **known: Any) -> Any:
        names.append(name)
        return call(self, name, *given, **known)

    def counted_async(self: AsyncExecutor, name: str, *given: Any, **known: Any) -> Any:
        names.append(name)
        return async_call(self, name, *given, **known)

    patch.setattr(Executor, "call", counted)
    patch.setattr(AsyncExecutor, "call", counted_async)
    return names


def watch_pauses(patch: pytest.MonkeyPatch) -> list[float]:
    """Has an entry for each pause of either class from now on; no caller sees the end of one that waits for a build."""
    begun: list[float] = []

    def rest(_: float, longest: float) -> float:
        begun.append(longest)
        return longest

    for folder in (_async, _sync):
        patch.setattr(folder.pausing, "jitter", rest)
        patch.setattr(folder.pausing, "LONGEST_PAUSE_SECONDS", 1800.0)
    return begun


def seed(
    connection: psycopg.Connection[Any],
    text: str | None = "old text",
    age: str | None = "1 hour",
    *,
    guest: str = GUEST,
    name: str | None = "Ana",
    labels: list[str] | None = None,
) -> None:
    """Store a guest whose context has this text and this age; neither when `text` is None."""
    connection.execute(
        """
        INSERT INTO guest_profiles (phone_number, user_name, labels, context_cache, last_context_update)
        VALUES (%s, %s, %s, %s, statement_timestamp() - %s::interval)
        """,
        (guest, name, labels or [], text, None if text is None else age),
    )


def stored(connection: psycopg.Connection[Any], guest: str = GUEST) -> tuple[Any, ...]:
    """The guest's cached text, epoch and lease, and whether the text has a time."""
    row = connection.execute(
        """
        SELECT context_cache, context_epoch, context_lease, last_context_update IS NOT NULL
        FROM guest_profiles
        WHERE phone_number = %s
        """,
        (guest,),
    ).fetchone()
    assert row is not None
    return row


async def eventually(condition: Callable[[], object]) -> None:
    """Wait until the condition holds; fails when it never does."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not condition():  # noqa: ASYNC110  what is awaited happens in the server, or in another thread
            await asyncio.sleep(0.005)


def queries_with(folder: Path, name: str, body: str) -> Path:
    """Override a packaged query in a folder, with another body below its comment."""

    def edit(text: str) -> str:
        comment = "".join(line for line in text.splitlines(keepends=True) if line.startswith("--"))
        return f"{comment}{body};\n"

    override(folder, name, edit)
    return folder


class Callers:
    """Another process with callers of its own; its builder waits for the command to go on.

    Args:
        said: where what it says is put, as (this, event).
        kind: "sync" or "async", the class it uses.
        url: the database.
        settings: of the class.
    """

    def __init__(self, said: queue.Queue[tuple[Callers, dict[str, Any]]], kind: str, url: str, **settings: Any) -> None:
        here = Path(__file__)
        path = os.pathsep.join([str(here.parent.parent), *filter(None, [os.environ.get("PYTHONPATH")])])
        self.process = subprocess.Popen(
            [sys.executable, str(here), kind, url, json.dumps(settings)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            encoding="utf-8",
            env={**os.environ, "PYTHONPATH": path},
        )
        self._said = said
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def tell(self, command: str) -> None:
        """Send `call` (a caller more) or `go` (the builder may go on)."""
        assert self.process.stdin is not None
        self.process.stdin.write(command + "\n")
        self.process.stdin.flush()

    def kill(self) -> None:
        """Kill it with SIGKILL."""
        self.process.kill()
        self._end()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            assert self.process.stdin is not None
            self.process.stdin.close()
            try:
                self.process.wait(PATIENCE_SECONDS)
            except subprocess.TimeoutExpired:
                self.process.kill()
        self._end()

    def _end(self) -> None:
        self.process.wait(PATIENCE_SECONDS)
        self._reader.join(PATIENCE_SECONDS)
        for pipe in (self.process.stdin, self.process.stdout):
            assert pipe is not None
            pipe.close()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._said.put((self, json.loads(line)))


class _Telling(logging.Handler):
    """Says every event of the log."""

    def emit(self, record: logging.LogRecord) -> None:
        _say(event=getattr(record, "event", ""))


_saying = threading.Lock()


def _say(**event: object) -> None:
    with _saying:
        sys.stdout.write(json.dumps(event) + "\n")
        sys.stdout.flush()


def _serve(kind: str, url: str, settings: dict[str, Any]) -> None:
    go = threading.Event()

    def build(profile: GuestProfile) -> str:
        _say(event="building")
        assert go.wait(PATIENCE_SECONDS)
        return f"text of {profile.user_name} by {os.getpid()}"

    log = logging.getLogger("guestsql")
    log.setLevel(logging.INFO)
    log.addHandler(_Telling())
    asyncio.run(_serve_commands(Either(kind, url, build, **settings), go))


async def _serve_commands(database: Either, go: threading.Event) -> None:
    async def ask() -> None:
        _say(event="text", text=await database.get_context(GUEST))

    async with database:
        _say(event="ready")
        calls: set[asyncio.Task[None]] = set()
        while command := await asyncio.to_thread(sys.stdin.readline):
            if command.strip() == "go":
                go.set()
            else:
                calls.add(asyncio.create_task(ask()))
        await asyncio.gather(*calls)


if __name__ == "__main__":
    logging.raiseExceptions = False
    _serve(sys.argv[1], sys.argv[2], json.loads(sys.argv[3]))
