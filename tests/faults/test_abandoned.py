"""Sessions that are left behind: they count, they are never cancelled, and cached contexts are read meanwhile."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Self

import psycopg
import pytest

from guestsql.embedded import PrivateServer
from guestsql.errors import DatabaseError, DatabaseUnavailable, OutcomeUnknown, QueryTimeout
from guestsql.sql._async import abandoned
from guestsql.sql._async.abandoned import AsyncAbandonedSessions
from guestsql.sql._async.connection import connect
from tests.databases import (
    GUEST,
    KINDS,
    OTHER,
    PATIENCE_SECONDS,
    Either,
    answered,
    make_settings,
    pool_filled,
    waiting_sessions,
)
from tests.server import apply_migrations, eventually, private_server
from tests.unreplicated import without_standby

Connection = psycopg.Connection[Any]

POOL_MAX = 4
WRITERS = POOL_MAX - 1
SESSIONS = """SELECT pid, wait_event FROM pg_stat_activity
WHERE datname = current_database() AND application_name = 'guestsql' AND backend_type = 'client backend'"""


@pytest.fixture(scope="module")
def own_server() -> Iterator[PrivateServer]:
    """A server whose commits can be made to wait for a standby that is not there."""
    with private_server() as started:
        apply_migrations(started.url())
        yield started


@pytest.fixture
def observer(own_server: PrivateServer) -> Iterator[Connection]:
    with psycopg.connect(own_server.url(), autocommit=True) as opened:
        opened.execute("SET synchronous_commit = local")
        opened.execute("TRUNCATE guest_profiles, historical_clients CASCADE")
        yield opened
        eventually(lambda: not opened.execute(SESSIONS).fetchall())


def waits(connection: Connection) -> list[str]:
    return [event for _, event in connection.execute(SESSIONS).fetchall()]


class Watch:
    """Counts the sessions as fast as it can, and keeps the highest number."""

    def __init__(self, url: str) -> None:
        self.most = 0
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(url,), daemon=True)

    def _run(self, url: str) -> None:
        with psycopg.connect(url, autocommit=True) as connection:
            while not self._stopped.wait(0.002):
                self.most = max(self.most, len(connection.execute(SESSIONS).fetchall()))

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self._thread.join()


@pytest.mark.parametrize("kind", KINDS)
async def test_without_its_standby_a_server_is_not_filled_with_sessions(
    kind: str, own_server: PrivateServer, observer: Connection
) -> None:
    url = own_server.url()
    async with Either(kind, url, deadline_seconds=3.0, pool_max=POOL_MAX) as db:
        await answered(lambda: db.get_context(GUEST))
        with without_standby(observer):
            failures: list[DatabaseError] = []

            async def write(guest: str) -> None:
                for _ in range(2):
                    with pytest.raises((QueryTimeout, DatabaseUnavailable, OutcomeUnknown)) as caught:
                        await db.add_thread_tokens(guest, "t1", 1)
                    failures.append(caught.value)

            with Watch(url) as watch:
                writing = asyncio.gather(*(write(f"5730000001{number:02d}") for number in range(2 * POOL_MAX)))
                while not writing.done():
                    assert (await db.get_context(GUEST)).startswith("[Cliente | ")
                    await asyncio.sleep(0.01)
                await writing
            assert watch.most <= POOL_MAX
            # None was cancelled: each waits for as long as it takes.
            await asyncio.to_thread(eventually, lambda: waits(observer).count("SyncRep") == WRITERS)
            refused = [each for each in failures if isinstance(each, DatabaseUnavailable)]
            assert any("SyncRep" in each.message and "standby is away" in each.hint for each in refused)

        async with asyncio.timeout(PATIENCE_SECONDS):
            while True:
                try:
                    await asyncio.gather(*(db.add_thread_tokens(GUEST, "t1", 1) for _ in range(2 * POOL_MAX)))
                    break
                except DatabaseError as error:
                    assert error.retryable or isinstance(error, OutcomeUnknown)  # noqa: PT017  the loop has a bound
        await asyncio.to_thread(eventually, lambda: len(waits(observer)) <= POOL_MAX)


@pytest.mark.direct("behind a pooler, the session of a caller who left counts for 30 s")
async def test_cancelled_writes_do_not_fill_the_pool_for_others(database_url: str, autocommit: Connection) -> None:
    """The server ends a statement that waits for a lock when its client has gone."""
    async with Either("async", database_url, pool_max=POOL_MAX) as db:
        await db.update_profile(GUEST)
        with Watch(database_url) as watch, psycopg.connect(database_url, application_name="holder") as holder:
            holder.execute("SELECT FROM guest_profiles FOR UPDATE")
            for _ in range(3 * POOL_MAX):
                with pytest.raises(TimeoutError):
                    async with asyncio.timeout(0.05):
                        await db.update_profile(GUEST, user_name="Ana")
            assert (await db.update_profile(OTHER, user_name="Eva")).user_name == "Eva"
            assert (await db.get_profile(GUEST)).user_name is None
        assert watch.most <= POOL_MAX
        await asyncio.to_thread(eventually, lambda: waiting_sessions(autocommit) == 0)


@contextmanager
def stopped(pids: list[int]) -> Iterator[None]:
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)


@pytest.mark.parametrize("pool_max", [1, 2])
@pytest.mark.parametrize("kind", KINDS)
async def test_where_every_session_hangs_one_more_is_opened_to_ask(
    kind: str, pool_max: int, own_server: PrivateServer, observer: Connection
) -> None:
    url = own_server.url()
    async with Either(kind, url, deadline_seconds=1.2, pool_max=pool_max, pool_min=pool_max) as db:
        await pool_filled(db)
        await answered(lambda: db.update_profile(GUEST))
        pids = [pid for pid, _ in observer.execute(SESSIONS).fetchall()]
        with stopped(pids), Watch(url) as watch:
            for _ in range(3):
                calls = [db.get_profile(GUEST) for _ in range(pool_max + 1)]
                results = await asyncio.gather(*calls, return_exceptions=True)
                assert {type(result) for result in results} <= {QueryTimeout, DatabaseUnavailable}
        assert watch.most <= pool_max + 2  # the one that asks, and one that is just ending
        async with asyncio.timeout(PATIENCE_SECONDS):
            while True:
                try:
                    assert await db.get_profile(GUEST) is not None
                    break
                except DatabaseError as error:
                    assert error.retryable  # noqa: PT017  likewise


# What is asked.


async def ended(url: str, left: list[Any], count: int) -> set[Any]:
    """Ask until so many have ended, and then once more."""
    sessions = AsyncAbandonedSessions(9)
    for each in left:
        sessions.add(each)
    asking = await connect(make_settings(url), url)
    found: set[Any] = set()
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while len(found) < count:
                found.update(await sessions.ended(asking))
        return found.union(await sessions.ended(asking))
    finally:
        await asking.close()


@pytest.mark.direct("looks for the server's processes by their numbers")
async def test_an_idle_session_is_ended_and_a_busy_one_is_not(database_url: str, autocommit: Connection) -> None:
    settings = make_settings(database_url)
    idle, busy, transaction, gone, younger = [await connect(settings, database_url) for _ in range(5)]
    for each in (idle, busy, transaction, gone, younger):
        each.abandoned_pid = each.info.backend_pid
    await transaction.execute("BEGIN")
    autocommit.execute("SELECT pg_advisory_lock(1)")
    waiting = asyncio.create_task(busy.execute("SELECT pg_advisory_lock(1)"))
    await asyncio.to_thread(eventually, lambda: waiting_sessions(autocommit) == 1)
    await gone.close()
    younger.connected_at -= 3600.0  # as if another session had its number since

    found = await ended(database_url, [idle, busy, transaction, gone, younger], 4)

    assert found == {idle, transaction, gone, younger}
    left = {busy.abandoned_pid, younger.abandoned_pid}
    await asyncio.to_thread(eventually, lambda: {pid for pid, _ in autocommit.execute(SESSIONS).fetchall()} == left)
    autocommit.execute("SELECT pg_advisory_unlock(1)")
    await waiting
    for each in (idle, busy, transaction, younger):
        await each.close()


async def test_behind_a_pooler_they_count_for_a_while(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    connection = await connect(make_settings(database_url), database_url)
    connection.has_session = False
    connection.abandoned_pid = 1
    await connection.close()
    assert await ended(database_url, [connection], 0) == set()
    monkeypatch.setattr(abandoned, "_POOLER_SECONDS", -1.0)
    assert await ended(database_url, [connection], 1) == {connection}
