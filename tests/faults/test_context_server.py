"""The context cache when the server, a connection or an answer is lost. Both classes."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Iterator
from typing import Any
from uuid import UUID

import psycopg
import pytest

from guestsql import GuestProfile, errors
from guestsql.embedded import PrivateServer
from tests.context_helpers import GUEST, Builder, Either, Open, counting, eventually, opening, seed, stored
from tests.databases import answered, hurried
from tests.server import apply_migrations, private_server

Connection = psycopg.Connection[tuple[Any, ...]]


@pytest.fixture(params=["async", "sync"])
async def opened(request: pytest.FixtureRequest, database_url: str) -> AsyncIterator[Open]:
    """Opens databases of the class under test."""
    async with opening(request.param, database_url) as made:
        yield made


@pytest.fixture(scope="module")
def own_server() -> Iterator[PrivateServer]:
    """A server that may be stopped."""
    with private_server() as server:
        apply_migrations(server.url())
        yield server


@pytest.fixture
def mortal(own_server: PrivateServer) -> PrivateServer:
    """The same, running and empty."""
    own_server.start()
    with psycopg.connect(own_server.url(), autocommit=True) as connection:
        connection.execute("TRUNCATE guest_profiles CASCADE")
    return own_server


def _stored(server: PrivateServer) -> tuple[Any, ...]:
    with psycopg.connect(server.url(), autocommit=True) as connection:
        return stored(connection)


@pytest.fixture(scope="module")
def forgetful() -> Iterator[PrivateServer]:
    """A server whose crash loses every commit that did not wait, unless its WAL writer runs: see `hold_wal_writer`."""
    settings = {"wal_writer_delay": "10s", "bgwriter_lru_maxpages": "0", "autovacuum": "off"}
    with private_server(settings=settings) as server:
        apply_migrations(server.url())
        yield server


def hold_wal_writer(server: PrivateServer) -> None:
    """Stop the process that writes the log out every 10 s."""
    with psycopg.connect(server.url()) as connection:
        [(pid,)] = connection.execute("SELECT pid FROM pg_stat_activity WHERE backend_type = 'walwriter'").fetchall()
    os.kill(pid, signal.SIGSTOP)


KINDS = pytest.mark.parametrize("kind", ["async", "sync"])


@KINDS
async def test_a_server_that_restarts_during_a_build_is_published_to(kind: str, mortal: PrivateServer) -> None:
    builder = Builder()
    async with Either(kind, mortal.url(), builder) as database:
        await database.update_profile(GUEST, user_name="Ana")
        asked = asyncio.create_task(database.get_context(GUEST))
        go = await builder.called()
        await asyncio.to_thread(mortal.restart)
        go.set()

        assert await asked == "text of Ana"
        assert await database.get_context(GUEST) == "text of Ana"
    assert len(builder.profiles) == 1


@KINDS
async def test_a_crash_that_loses_claim_and_publish_costs_a_build_and_returns_no_older_text(
    kind: str, forgetful: PrivateServer
) -> None:
    async def crash() -> None:
        await asyncio.to_thread(forgetful.kill)
        await asyncio.to_thread(forgetful.start)

    builder = Builder()
    async with Either(kind, forgetful.url(), builder, metrics_seconds=0.0) as database:
        for user_name in ("Ana", "Berta"):
            # It is durable, and so is what was published before it: a crash must not bring that text back.
            await database.update_profile(GUEST, user_name=user_name)
            for is_lost in (True, False):
                if is_lost:
                    hold_wal_writer(forgetful)
                asked = asyncio.create_task(database.get_context(GUEST))
                (await builder.called()).set()
                assert await asked == f"text of {user_name}"
                assert await database.get_context(GUEST) == f"text of {user_name}"
                if is_lost:
                    await crash()
                    _, _, lease, has_time = _stored(forgetful)
                    assert (lease, has_time) == (None, False)

        # The claim is lost during the build; the profile that is changed after that wins.
        asked = asyncio.create_task(database.get_context(GUEST, ttl_seconds=0))
        go = await builder.called()
        await crash()
        await answered(lambda: database.update_profile(GUEST, user_name="Carla"))
        go.set()
        (await builder.called()).set()
        assert await asked == "text of Carla"
        assert await database.get_context(GUEST) == "text of Carla"


@KINDS
async def test_a_server_that_is_gone_at_the_end_of_a_build_is_an_error_or_the_default(
    kind: str, mortal: PrivateServer
) -> None:
    builder = Builder()
    async with Either(kind, mortal.url(), builder, deadline_seconds=5.0) as database:
        await answered(lambda: database.update_profile(GUEST, user_name="Ana"))
        await answered(lambda: database.update_profile("573000000002", user_name="Berta"))
        one = asyncio.create_task(database.get_context(GUEST))
        another = asyncio.create_task(database.get_context("573000000002", default="the default"))
        gone = [await builder.called(), await builder.called()]
        await asyncio.to_thread(mortal.stop)
        for go in gone:
            go.set()

        with pytest.raises((errors.DatabaseUnavailable, errors.QueryTimeout)):
            await one
        assert await another == "the default"


@KINDS
async def test_what_a_builder_raises_is_not_hidden_by_a_server_that_is_gone(kind: str, mortal: PrivateServer) -> None:
    def fail(_: GuestProfile) -> str:
        raise OSError("the gateway is away, too")

    builder = Builder(fail)
    async with Either(kind, mortal.url(), builder, deadline_seconds=5.0) as database:
        await answered(lambda: database.update_profile(GUEST, user_name="Ana"))
        asked = asyncio.create_task(database.get_context(GUEST))
        go = await builder.called()
        await asyncio.to_thread(mortal.stop)
        go.set()

        with pytest.raises(OSError, match="away, too"):
            await asked


async def test_a_claim_whose_connection_is_ended_is_repeated(opened: Open, autocommit: Connection) -> None:
    profiles, build = counting()
    database = await opened(build)
    seed(autocommit, None)
    with psycopg.connect(autocommit.info.dsn) as locking:
        locking.execute("SELECT FROM guest_profiles FOR UPDATE")
        asked = asyncio.create_task(database.get_context(GUEST))
        waiting: list[int] = []
        await eventually(lambda: waiting.extend(_waiting_for_locks(autocommit)) or waiting)
        for pid in waiting:
            autocommit.execute("SELECT pg_terminate_backend(%s)", (pid,))
        await eventually(lambda: set(_waiting_for_locks(autocommit)) - set(waiting))  # again, on another connection
        locking.rollback()

    assert await asked == "text 1 of Ana"
    assert len(profiles) == 1


async def test_a_row_that_another_holds_delays_no_hit_and_no_miss_beyond_the_deadline(
    opened: Open, autocommit: Connection
) -> None:
    # The server may still take the lease for the caller that gave up, so it is short.
    database = await opened(counting()[1], lease_seconds=0.05)
    seed(autocommit, "stored text", "1 second")
    with psycopg.connect(autocommit.info.dsn) as locking:
        locking.execute("SELECT FROM guest_profiles FOR UPDATE")

        assert await database.get_context(GUEST) == "stored text"
        assert await database.get_contexts([GUEST]) == {GUEST: "stored text"}
        with hurried(database, 0.3):
            with pytest.raises(errors.QueryTimeout):
                await database.get_context(GUEST, ttl_seconds=0)
            assert await database.get_context(GUEST, ttl_seconds=0, default="the default") == "the default"

    assert await database.get_context(GUEST, ttl_seconds=0) == "text 1 of Ana"


@pytest.mark.parametrize("query", ["claim_context", "claim_new_context", "publish_context"])
async def test_a_statement_that_was_done_and_not_answered_is_repeated_to_the_same_end(
    opened: Open, autocommit: Connection, monkeypatch: pytest.MonkeyPatch, query: str
) -> None:
    """The lease is the caller's own: no one waits until it runs out."""
    profiles, build = counting()
    database = await opened(build, lease_seconds=3600.0)
    if query != "claim_new_context":
        seed(autocommit, None)
    executor = type(database.raw._engine.executor)
    call = executor.call
    leases: set[UUID] = set()

    async def twice_async(self: Any, name: str, parameters: Any, **known: Any) -> Any:
        if name == query:
            leases.add(parameters["lease"])
            await call(self, name, parameters, **known)
        return await call(self, name, parameters, **known)

    def twice(self: Any, name: str, parameters: Any, **known: Any) -> Any:
        if name == query:
            leases.add(parameters["lease"])
            call(self, name, parameters, **known)
        return call(self, name, parameters, **known)

    monkeypatch.setattr(executor, "call", twice_async if database.kind == "async" else twice)

    text = await database.get_context(GUEST)

    assert text == f"text 1 of {'None' if query == 'claim_new_context' else 'Ana'}"
    assert len(profiles) == 1
    assert len(leases) == 1
    assert stored(autocommit) == (text, 0, None, True)
    assert await database.get_context(GUEST) == text


def _waiting_for_locks(connection: Connection) -> list[int]:
    return [
        row[0]
        for row in connection.execute(
            """
            SELECT pid
            FROM pg_stat_activity
            WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE '%context_lease%'
            """
        )
    ]
