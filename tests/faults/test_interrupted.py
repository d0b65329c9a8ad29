"""A caller that is interrupted goes on at once, whatever the server does: cancelled tasks, Ctrl-C, the deadline."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from collections.abc import Awaitable, Callable, Iterator
from time import monotonic
from typing import Any

import psycopg
import pytest

from guestsql import AsyncGuestDatabase, GuestDatabase
from guestsql.errors import DatabaseUnavailable, InvalidValue, OutcomeUnknown, QueryTimeout
from guestsql.sql._async import pool
from tests.databases import GUEST, KINDS, OTHER, Either, Proxy, hurried, make_settings, waiting_sessions
from tests.server import eventually

Connection = psycopg.Connection[Any]

DEADLINE_SECONDS = 60.0
"""Far more than any of it takes, also on a busy machine."""


@pytest.fixture
def proxy(database_url: str) -> Iterator[Proxy]:
    with Proxy(database_url) as made:
        yield made


@pytest.fixture(autouse=True)
def requests_to_cancel(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No one waits for a request to cancel, to which psycopg gives five seconds: none is sent."""
    sent: list[object] = []
    for kind in (psycopg.Connection, psycopg.AsyncConnection):
        monkeypatch.setattr(kind, "_try_cancel", lambda self, **_: sent.append(self))
    yield
    assert sent == []


@pytest.fixture
def clock() -> Iterator[None]:
    """What happens in the test may be awaited, but not until the deadline."""
    started = monotonic()
    yield
    assert monotonic() - started < DEADLINE_SECONDS


CALLS: dict[str, Callable[[AsyncGuestDatabase], Awaitable[Any]]] = {
    "get_profile": lambda db: db.get_profile(GUEST),
    "a hit": lambda db: db.get_context(GUEST),
    "a miss": lambda db: db.get_context(OTHER),
    "many contexts": lambda db: db.get_contexts([GUEST, OTHER]),
    "update_profile": lambda db: db.update_profile(GUEST, user_name="Eva"),
    "add_thread_tokens": lambda db: db.add_thread_tokens(GUEST, "t1", 5),
    "flush": lambda db: db.flush(),
    "a query": lambda db: db.queries.get_profile(phone_number=GUEST),
}


async def ended(call: Awaitable[Any]) -> None:
    """Give a call a moment, cancel it, and see that it is gone at once."""
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.2):
            await call


@pytest.mark.parametrize("name", CALLS)
async def test_a_timeout_of_asyncio_holds_when_packets_are_lost(name: str, proxy: Proxy) -> None:
    deadline = 8.0  # and 4 s for a connection that is being made
    settings = make_settings(proxy.url, deadline_seconds=deadline)
    async with AsyncGuestDatabase(settings=settings) as db:
        await db.get_context(GUEST)
        await db.record_interaction(GUEST)
        proxy.loses_packets = True
        started = monotonic()
        await ended(CALLS[name](db))
        took = monotonic() - started
        proxy.loses_packets = False
        assert (await db.get_profile(GUEST)) is not None
    assert took < deadline


async def test_a_timeout_of_asyncio_holds_while_a_connection_is_made(proxy: Proxy) -> None:
    settings = make_settings(proxy.url, deadline_seconds=DEADLINE_SECONDS)
    proxy.loses_packets = True
    async with AsyncGuestDatabase(settings=settings) as db:
        started = monotonic()
        await ended(db.get_profile(GUEST))
        took = monotonic() - started
        proxy.close()
    assert took < DEADLINE_SECONDS


@pytest.mark.usefixtures("clock")
async def test_a_cancelled_builder_does_not_wait_for_a_silent_server(proxy: Proxy) -> None:
    async def build(_: object) -> str:
        proxy.loses_packets = True
        await asyncio.Event().wait()
        return ""

    settings = make_settings(proxy.url, deadline_seconds=DEADLINE_SECONDS)
    async with AsyncGuestDatabase(settings=settings, context_builder=build) as db:
        await ended(db.get_context(GUEST))
        proxy.close()


@pytest.mark.usefixtures("clock")
def test_ctrl_c_holds_when_packets_are_lost(proxy: Proxy) -> None:
    with GuestDatabase(settings=make_settings(proxy.url, deadline_seconds=DEADLINE_SECONDS)) as db:
        db.update_profile(GUEST)
        proxy.loses_packets = True
        # A signal that came before this block would end the test run.
        with pytest.raises(KeyboardInterrupt):  # noqa: PT012  likewise
            threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT)).start()
            db.get_profile(GUEST)
        proxy.loses_packets = False


@pytest.mark.direct("behind a pooler, the session of a caller who left counts for 30 s")
@pytest.mark.usefixtures("clock")
@pytest.mark.parametrize("kind", KINDS)
async def test_the_deadline_holds_when_packets_are_lost(kind: str, proxy: Proxy) -> None:
    async with Either(kind, proxy.url) as db:
        await db.get_context(GUEST)
        proxy.loses_packets = True
        with hurried(db, 1.5):
            with pytest.raises(OutcomeUnknown):  # it may have been done
                await db.add_thread_tokens(GUEST, "t1", 5)
            with pytest.raises((QueryTimeout, DatabaseUnavailable)):
                await db.get_context(GUEST)
        proxy.loses_packets = False


async def test_no_request_to_cancel_is_sent(
    database_url: str, autocommit: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would also end a wait for a synchronous standby, and with it the promise that the standby has the row."""
    monkeypatch.setattr(pool, "_CLIENT_CHECK_SECONDS", 3600.0)  # the server itself ends a wait for a lock
    with psycopg.connect(database_url) as holder:
        async with AsyncGuestDatabase(settings=make_settings(database_url)) as db:
            await db.update_profile(GUEST)
            holder.execute("LOCK TABLE guest_profiles")
            asked = asyncio.create_task(db.update_profile(GUEST, user_name="Ana"))
            await asyncio.to_thread(eventually, lambda: waiting_sessions(autocommit) == 1)
            asked.cancel()
            with pytest.raises(asyncio.CancelledError):
                await asked
            assert waiting_sessions(autocommit) == 1
            holder.rollback()
            await asyncio.to_thread(eventually, lambda: _name(autocommit) == "Ana")


def _name(connection: Connection) -> Any:
    row = connection.execute("SELECT user_name FROM guest_profiles").fetchone()
    return row and row[0]


async def test_a_connection_that_is_given_back_by_a_cancelled_task_is_not_lost(database_url: str) -> None:
    async with AsyncGuestDatabase(settings=make_settings(database_url, pool_max=1)) as db:
        await db.get_profile(GUEST)
        connections: Any = db._engine.executor._connections  # type: ignore[union-attr]
        connection = await connections.acquire(monotonic() + 30)
        async with connections._pool._lock:
            giving = asyncio.create_task(connections._pool.putconn(connection))
            await asyncio.sleep(0.05)
            assert not giving.done()
            giving.cancel()
            with pytest.raises(asyncio.CancelledError):
                await giving
        assert await db.get_profile(GUEST) is None


@pytest.mark.parametrize("kind", KINDS)
async def test_a_close_that_is_cut_short_closes_everything_else(
    kind: str, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    class CutShortError(BaseException):
        pass

    def cut_short() -> None:
        raise CutShortError

    async with Either(kind, database_url) as db:
        await db.update_profile(GUEST)
        pool, metrics = db.raw._engine.executor._connections._pool, db.raw._metrics
        monkeypatch.setattr(db.raw._interactions, "close", cut_short)
        with pytest.raises(CutShortError):
            await db.close()
    assert pool.closed
    assert metrics._ticker._stopped.is_set()


def test_a_value_that_cannot_be_encoded_costs_no_connection(database_url: str, autocommit: Connection) -> None:
    sessions = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'guestsql'"
    with GuestDatabase(settings=make_settings(database_url, pool_max=1)) as db:
        db.get_profile(GUEST)
        pids = autocommit.execute(sessions).fetchall()
        with pytest.raises(InvalidValue, match="lone surrogate"):
            db.queries.get_profile(phone_number="a\ud800")
        db.get_profile(GUEST)
        assert autocommit.execute(sessions).fetchall() == pids != []
