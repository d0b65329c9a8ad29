"""Both classes under one name, what a row looks like to the server, a proxy that swallows answers, and programs."""

from __future__ import annotations

import asyncio
import inspect
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, Self
from urllib.parse import quote

import psycopg
from psycopg.conninfo import conninfo_to_dict

from guestsql import AsyncGuestDatabase, GuestDatabase
from guestsql.errors import DatabaseError
from guestsql.settings import Settings
from tests.through_pooler import settings_behind

GUEST = "573000000001"
OTHER = "573000000002"
KINDS = ["sync", "async"]
PATIENCE_SECONDS = 30.0
"""The bound of every wait: what is awaited comes at once, or the test has failed."""


def make_settings(url: str, **known: Any) -> Settings:
    """Settings that flush by themselves never."""
    never = {"flush_seconds": 3600.0, "metrics_seconds": 0.0}
    return Settings(database_url=url, **{"deadline_seconds": 30.0, **never, **settings_behind(url), **known})


def nonempty(tables: dict[str, Any]) -> dict[str, Any]:
    """What an erasure, a merge or an export has of the tables that hold anything of the guest."""
    return {name: content for name, content in tables.items() if content}


def case_id(value: object) -> str:
    """A parameter as part of a test's name, without addresses: they differ from one worker to the next."""
    return re.sub(r" at 0x[0-9a-f]+", "", ascii(value))


class Either:
    """A database of one of the two classes: every method, and every query, is awaited."""

    def __init__(self, kind: str, url: str, **known: Any) -> None:
        settings = make_settings(url, **known)
        self.use(GuestDatabase(settings=settings) if kind == "sync" else AsyncGuestDatabase(settings=settings))

    def use(self, raw: Any) -> None:
        """Give a database of either class this face."""
        self.raw = raw
        self.queries = _Queries(raw.queries)

    def __getattr__(self, name: str) -> Callable[..., Any]:
        return awaitable(getattr(self.raw, name))

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()


async def answered(call: Callable[[], Awaitable[Any]]) -> Any:
    """The answer of a server that is coming back, or of a call whose deadline is short."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            try:
                return await call()
            except DatabaseError as error:
                assert error.retryable  # noqa: PT017  the loop ends by its bound


@contextmanager
def hurried(db: Any, seconds: float) -> Iterator[None]:
    """Give the calls of a database this deadline while this lasts; what is to succeed is called before or after it.

    With a short deadline from the beginning, a call that is to succeed would fail on a busy machine.
    """
    waiting, executor = (db.raw._context, db.raw._thread_creator), db.raw._engine.executor
    kept, usual = db.raw._settings, executor._seconds
    executor._seconds = seconds
    for each in waiting:
        each._settings = replace(kept, deadline_seconds=seconds)
    try:
        yield
    finally:
        executor._seconds = usual
        for each in waiting:
            each._settings = kept


class _Queries:
    def __init__(self, raw: Any) -> None:
        self.raw = raw

    def __getattr__(self, name: str) -> Callable[..., Any]:
        return awaitable(getattr(self.raw, name))


def awaitable(method: Callable[..., Any]) -> Callable[..., Any]:
    if inspect.iscoroutinefunction(method):
        return method
    return lambda *given, **known: asyncio.to_thread(method, *given, **known)


@asynccontextmanager
async def block(entered: Any) -> AsyncIterator[Any]:
    """A context manager of either class."""
    if hasattr(entered, "__aenter__"):
        async with entered as found:
            yield found
        return
    found = await asyncio.to_thread(entered.__enter__)
    try:
        yield found
    except BaseException as error:
        await asyncio.to_thread(entered.__exit__, type(error), error, error.__traceback__)
        raise
    await asyncio.to_thread(entered.__exit__, None, None, None)


def traces(connection: psycopg.Connection[Any], key: str = GUEST) -> tuple[Any, ...] | None:
    """Where the row is, who wrote it and who locked it: the same before and after means that it was not touched."""
    found = connection.execute(
        "SELECT ctid::text, xmin::text, xmax::text FROM guest_profiles WHERE phone_number = %s", [key]
    )
    return found.fetchone()


def column(connection: psycopg.Connection[Any], name: str, key: str = GUEST) -> Any:
    """One column of a guest."""
    row = connection.execute(f"SELECT {name} FROM guest_profiles WHERE phone_number = %s".encode(), [key]).fetchone()
    assert row is not None, "no such guest"
    return row[0]


def waiting_sessions(connection: psycopg.Connection[Any]) -> int:
    """How many sessions of this database wait for a lock."""
    row = connection.execute(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    ).fetchone()
    assert row is not None
    return int(row[0])


async def pool_filled(db: Either) -> None:
    """Wait until no connection of the pool is still being made."""
    await awaitable(db.raw._engine.executor._connections._pool.wait)()


_OPERATION = b"INSERT INTO operations"
_COMPLETION = b"UPDATE operations AS done"
_READY = b"Z\0\0\0\5"  # the start of ReadyForQuery, the end of every answer


class Proxy:
    """A proxy between a client and a server. On request it drops an operation, or its answer, or lies, and hangs up.

    An operation is a write that carries an operation id. It is recognised by its text, so while it is not prepared.

    Args:
        url: the server's database.

    Attributes:
        operations: how many operations have come by.
        deaf: while True, new connections are closed at once.
        meanwhile: called when the server has done what the client will be told has failed (`lie`).
        loses_packets: while True, nothing comes through in either direction, and no end of a connection either.
    """

    def __init__(self, url: str) -> None:
        self._known = conninfo_to_dict(url)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._lock = threading.Lock()
        self._losses: list[str] = []
        self._lies: list[tuple[bytes, bytes]] = []
        self.operations = 0
        self.deaf = False
        self.meanwhile: Callable[[], object] = int
        self.loses_packets = False
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    @property
    def url(self) -> str:
        """The same database, by way of the proxy."""
        port = self._listener.getsockname()[1]
        known = self._known
        return f"postgresql://{quote(str(known['user']))}@127.0.0.1:{port}/{known['dbname']}?sslmode=disable"

    def lose(self, *what: str) -> None:
        """Lose the next operations, one each.

        Args:
            what: "request" before the server sees it, "answer" after it has committed; "… and all" is deaf from then.
        """
        with self._lock:
            self._losses.extend(what)

    def lie(self, *sqlstates: str, severity: str = "FATAL", at: bytes = _OPERATION) -> None:
        """Have the server do the next request of a kind and go, and report a failure to the client.

        Args:
            sqlstates: what is reported to the client, as a pooler would: without a place in the server's source. It may
                add its own error to that of the server.
            severity: ERROR, FATAL or PANIC.
            at: what is in the request.
        """
        with self._lock:
            self._lies.append((at, b"".join(_error(sqlstate, severity) for sqlstate in sqlstates)))

    def close(self) -> None:
        """Accept no one any more."""
        self.loses_packets = False
        self._listener.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:  # closed
                return
            if self.deaf:
                client.close()
                continue
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        path = f"{self._known['host']}/.s.PGSQL.{self._known['port']}"
        # Either side may have hung up.
        with suppress(BrokenPipeError, ConnectionResetError), client, socket.socket(socket.AF_UNIX) as server:
            server.connect(path)
            silent, ready = threading.Event(), threading.Event()
            back = threading.Thread(target=self._pump, args=(server, client, silent, ready), daemon=True)
            back.start()
            while data := _receive(client):
                if self.loses_packets:
                    continue
                loss, _, rest = (self._loss(data) or "").partition(" ")
                self.deaf = self.deaf or bool(rest)
                if loss == "request":
                    break
                if loss == "answer":
                    _shut(client)  # before the server commits
                    self._do_unheard(server, data, back, ready)
                    return
                if lie := self._lie(data):
                    silent.set()
                    self._do_unheard(server, data, back, ready)
                    self.meanwhile()
                    client.sendall(lie)
                    _shut(client)
                    return
                server.sendall(data)
            while self.loses_packets:
                time.sleep(0.01)
            _shut(server)
            _shut(client)
            back.join()

    def _pump(
        self, source: socket.socket, target: socket.socket, silent: threading.Event, ready: threading.Event
    ) -> None:
        while data := _receive(source):
            if data[-6:-1] == _READY:
                ready.set()
            if silent.is_set() or self.loses_packets:
                continue
            try:
                target.sendall(data)
            except OSError:  # hung up: read on, so that the server is not held up
                continue
        ready.set()
        if not silent.is_set():
            _shut(target)

    def _loss(self, data: bytes) -> str | None:
        if _OPERATION not in data and _COMPLETION not in data:
            return None
        with self._lock:
            self.operations += 1
            return self._losses.pop(0) if self._losses else None

    def _lie(self, data: bytes) -> bytes:
        with self._lock:
            return self._lies.pop(0)[1] if self._lies and self._lies[0][0] in data else b""

    @staticmethod
    def _do_unheard(server: socket.socket, data: bytes, back: threading.Thread, ready: threading.Event) -> None:
        """Let the server do what it was sent, and go. A pooler would not wait for the end of it."""
        ready.clear()
        server.sendall(data)
        ready.wait(PATIENCE_SECONDS)
        server.sendall(b"X\x00\x00\x00\x04")  # Terminate
        back.join()


def _error(sqlstate: str, severity: str) -> bytes:
    fields = {"S": severity, "V": severity, "C": sqlstate, "M": f"told {sqlstate}"}
    body = b"".join(f"{code}{value}".encode() + b"\0" for code, value in fields.items()) + b"\0"
    return b"E" + (len(body) + 4).to_bytes(4, "big") + body


def _receive(source: socket.socket) -> bytes:
    try:
        return source.recv(65536)
    except OSError:
        return b""


def _shut(one: socket.socket) -> None:
    try:
        one.shutdown(socket.SHUT_RDWR)
    except OSError:  # already gone
        return


class Program:
    """A Python program in a process of its own, which says when it is ready."""

    def __init__(self, source: str, *arguments: str) -> None:
        root = Path(__file__).parent.parent
        self.process = subprocess.Popen(
            [sys.executable, "-W", "error", "-c", source, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            env={**os.environ, "PYTHONPATH": str(root)},
            start_new_session=True,
        )

    def line(self) -> str:
        """The next line that it prints."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline().strip()
        assert line, self.process.communicate(timeout=PATIENCE_SECONDS)[1]
        return line

    def send(self, line: str = "") -> None:
        """Send a line to its stdin."""
        assert self.process.stdin is not None
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def wait(self, seconds: float = PATIENCE_SECONDS) -> tuple[int, str]:
        """The exit code and what was written to stderr."""
        _, errors = self.process.communicate(timeout=seconds)
        return self.process.returncode, errors

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(ProcessLookupError):  # the children that it forked may live longer
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.communicate(timeout=PATIENCE_SECONDS)


@asynccontextmanager
async def transaction(db: Any, **known: Any) -> AsyncIterator[Any]:
    """A transaction of either class, or a savepoint in one: everything of it is awaited."""
    opened = getattr(db, "raw", db).transaction(**known)
    if hasattr(opened, "__aenter__"):
        async with opened as tx:
            yield tx
        return
    tx = await asyncio.to_thread(opened.__enter__)
    try:
        yield _Awaited(tx)
    except BaseException as error:
        if not await asyncio.to_thread(opened.__exit__, type(error), error, error.__traceback__):
            raise
    else:
        await asyncio.to_thread(opened.__exit__, None, None, None)


class _Awaited:
    def __init__(self, raw: Any) -> None:
        self.raw = raw
        self.queries = _Queries(raw.queries)

    def __getattr__(self, name: str) -> Callable[..., Any]:
        return awaitable(getattr(self.raw, name))
