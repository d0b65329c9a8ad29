"""A server that is killed, restarted, stopped, hung, or refuses: said in time, and picked up without a restart."""

from __future__ import annotations

import asyncio
import os
import signal
import traceback
from collections.abc import Awaitable, Callable, Iterator
from contextlib import closing, contextmanager
from typing import Any

import psutil
import psycopg
import pytest

from guestsql.embedded import PrivateServer
from guestsql.errors import DatabaseError, DatabaseUnavailable, OutcomeUnknown, QueryTimeout
from tests.databases import GUEST, KINDS, PATIENCE_SECONDS, Either, Proxy, answered, hurried, waiting_sessions
from tests.server import apply_migrations, eventually, private_server


@pytest.fixture(scope="module")
def own_server() -> Iterator[PrivateServer]:
    """A server that may be killed: it is this module's alone."""
    with private_server() as started:
        apply_migrations(started.url())
        yield started


@pytest.fixture
def own_url(own_server: PrivateServer) -> str:
    with psycopg.connect(own_server.url(), autocommit=True) as connection:
        connection.execute("TRUNCATE guest_profiles, historical_clients CASCADE")
    return own_server.url()


async def in_time(call: Awaitable[Any]) -> Any:
    return await asyncio.wait_for(call, PATIENCE_SECONDS)


def restart(server: PrivateServer) -> None:
    server.restart()


def crash(server: PrivateServer) -> None:
    server.kill()
    server.start()


@pytest.mark.parametrize("interrupt", [restart, crash])
@pytest.mark.parametrize("kind", KINDS)
async def test_between_two_calls(
    kind: str, interrupt: Callable[[PrivateServer], None], own_server: PrivateServer, own_url: str
) -> None:
    async with Either(kind, own_url) as db:
        await db.update_profile(GUEST, user_name="Ana")
        assert await db.add_thread_tokens(GUEST, "t1", 5) == 5
        await db.record_interaction(GUEST)
        for turn, call in enumerate(
            [
                lambda: db.get_profile(GUEST),
                lambda: db.update_profile(GUEST, labels=["a"]),
                lambda: db.add_thread_tokens(GUEST, "t1", 6),
                db.flush,
            ]
        ):
            if turn != 1:
                await asyncio.to_thread(interrupt, own_server)
            await in_time(call())
        assert (await db.get_thread(GUEST)).token_count == 11
        profile = await db.get_profile(GUEST)
        assert (profile.user_name, profile.labels, profile.total_interactions) == ("Ana", ["a"], 1)


@pytest.mark.parametrize("kind", KINDS)
async def test_away_for_a_while(kind: str, own_server: PrivateServer, own_url: str) -> None:
    async with Either(kind, own_url) as db:
        await db.update_profile(GUEST, user_name="Ana")
        await asyncio.to_thread(own_server.stop)
        try:
            for call in (
                db.get_profile(GUEST),
                db.update_profile(GUEST),
                db.add_thread_tokens(GUEST, "t1", 5),
                db.queries.get_profile_totals(),
                db.get_context(GUEST),
            ):
                with hurried(db, 1.0), pytest.raises(DatabaseUnavailable) as caught:
                    await in_time(call)
                assert caught.value.retryable
                assert caught.value.hint
            await db.record_interaction(GUEST)
            with hurried(db, 1.0):
                assert await in_time(db.get_context(GUEST, default="none")) == "none"
                with pytest.raises(DatabaseUnavailable):
                    await in_time(db.flush())
        finally:
            await asyncio.to_thread(own_server.start)
        assert (await answered(lambda: db.get_profile(GUEST))).user_name == "Ana"
        assert await answered(db.flush) == 1
        assert (await db.get_profile(GUEST)).total_interactions == 1
        assert (await db.get_thread(GUEST)).token_count == 0


@pytest.mark.parametrize("kind", KINDS)
async def test_a_call_waits_for_a_server_that_comes_back_in_time(
    kind: str, own_server: PrivateServer, own_url: str
) -> None:
    async with Either(kind, own_url) as db:
        await db.update_profile(GUEST, user_name="Ana")
        await asyncio.to_thread(own_server.stop)
        calls = [
            asyncio.create_task(call)
            for call in (db.get_profile(GUEST), db.add_thread_tokens(GUEST, "t1", 5), db.update_profile(GUEST))
        ]
        await asyncio.to_thread(own_server.start)
        assert [await in_time(call) for call in calls][1] == 5
        assert (await db.get_thread(GUEST)).token_count == 5


@pytest.mark.parametrize("kind", KINDS)
async def test_killed_in_the_middle_of_a_call(kind: str, own_server: PrivateServer, own_url: str) -> None:
    async with Either(kind, own_url) as db:
        await db.add_thread_tokens(GUEST, "t1", 5)
        # Closed, not left by `with`: by then there is nothing to commit on.
        with (
            closing(psycopg.connect(own_url)) as holder,
            closing(psycopg.connect(own_url, autocommit=True)) as observer,
        ):
            holder.execute("LOCK TABLE guest_profiles")
            calls = [
                asyncio.create_task(db.get_profile(GUEST)),
                asyncio.create_task(db.add_thread_tokens(GUEST, "t1", 6)),
            ]
            await asyncio.to_thread(eventually, lambda: waiting_sessions(observer) == 2)
            await asyncio.to_thread(crash, own_server)
            profile, count = [await in_time(call) for call in calls]
        assert (profile.phone_number, count) == (GUEST, 11)


@pytest.mark.parametrize("loss", ["request", "answer"])
@pytest.mark.parametrize("kind", KINDS)
async def test_a_crash_after_which_transaction_ids_are_reused(
    kind: str, loss: str, own_server: PrivateServer, own_url: str
) -> None:
    """The write, or its answer, is lost and the server crashes; other clients then use the same transaction ids."""
    with Proxy(own_url) as proxy:
        async with Either(kind, proxy.url) as db:
            assert await db.add_thread_tokens(GUEST, "t1", 100) == 100
            proxy.lose(f"{loss} and all")
            adding = asyncio.create_task(db.add_thread_tokens(GUEST, "t1", 50))
            await asyncio.to_thread(eventually, lambda: proxy.deaf)
            await asyncio.to_thread(crash, own_server)
            with closing(psycopg.connect(own_url, autocommit=True)) as other:
                for _ in range(50):
                    other.execute("SELECT pg_current_xact_id()")
            proxy.deaf = False
            assert await in_time(adding) == 150
            assert (await db.get_thread(GUEST)).token_count == 150


@contextmanager
def frozen(server: PrivateServer) -> Iterator[None]:
    """Stop every process of the server, so that it takes and gives nothing."""
    os.kill(server.pid, signal.SIGSTOP)  # first: it starts no process any more that is not in the list
    pids = [child.pid for child in psutil.Process(server.pid).children(recursive=True)]
    try:
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        yield
    finally:
        for pid in [server.pid, *pids]:
            if psutil.pid_exists(pid):
                os.kill(pid, signal.SIGCONT)


@pytest.mark.parametrize("kind", KINDS)
async def test_hung(kind: str, own_server: PrivateServer, own_url: str) -> None:
    async with Either(kind, own_url) as db:
        await answered(lambda: db.update_profile(GUEST, user_name="Ana"))
        await answered(lambda: db.set_thread(GUEST, "t1"))
        await db.record_interaction(GUEST)
        with frozen(own_server), hurried(db, 0.1):
            with pytest.raises((OutcomeUnknown, DatabaseUnavailable)) as caught:
                await in_time(db.add_thread_tokens(GUEST, "t1", 5))
            may_be_done = isinstance(caught.value, OutcomeUnknown)
            for call in (
                db.flush(),
                db.get_profile(GUEST),
                db.update_profile(GUEST, labels=["a"]),
                db.get_context(GUEST),
                db.get_contexts([GUEST]),
                db.queries.get_profile_totals(),
            ):
                with pytest.raises((QueryTimeout, DatabaseUnavailable)):
                    await in_time(call)
            assert await in_time(db.get_context(GUEST, default="none")) == "none"
        assert (await answered(lambda: db.get_profile(GUEST))).user_name == "Ana"
        assert (await answered(lambda: db.get_thread(GUEST))).token_count in ((0, 5) if may_be_done else (0,))
        await answered(db.flush)
        assert (await answered(lambda: db.get_profile(GUEST))).total_interactions == 1


REFUSALS = [
    ("postgresql://bot:sesame-wrong@/postgres?host={host}&port={port}", "password"),
    ("postgresql://nobody:sesame@/postgres?host={host}&port={port}", "role"),
    ("postgresql://postgres:sesame@/nowhere?host={host}&port={port}", "database's name"),
    ("postgresql://bot:sesame@/postgres?host={host}&port=1", "can be reached"),
    ("postgresql://bot:sesame@/postgres?host={host}/nowhere&port={port}", "can be reached"),
    ("postgresql://bot:sesame@127.0.0.1:1/postgres", "can be reached"),
    ("postgresql://full:sesame@/postgres?host={host}&port={port}", "CONNECTION LIMIT"),
]

RULES = """
COPY (VALUES ('local all postgres trust'), ('local all full,nobody trust'), ('local all all scram-sha-256'))
TO '{path}'
"""


@pytest.fixture(scope="module")
def guarded_server(own_server: PrivateServer) -> PrivateServer:
    """The server asks for passwords."""
    with psycopg.connect(own_server.url(), autocommit=True) as connection:
        row = connection.execute("SHOW hba_file").fetchone()
        assert row is not None
        connection.execute("CREATE ROLE bot LOGIN PASSWORD 'sesame'; CREATE ROLE full LOGIN CONNECTION LIMIT 0")
        connection.execute(RULES.format(path=row[0]).encode())
        connection.execute("SELECT pg_reload_conf()")
        answers = "SELECT count(*) FROM pg_hba_file_rules"
        eventually(lambda: connection.execute(answers).fetchone() == (3,))
    return own_server


@pytest.mark.usefixtures("ask_again_soon")
@pytest.mark.parametrize(("url", "hint"), REFUSALS)
@pytest.mark.parametrize("kind", KINDS)
async def test_a_server_that_refuses(
    kind: str, url: str, hint: str, guarded_server: PrivateServer, caplog: pytest.LogCaptureFixture
) -> None:
    known = url.format(host=guarded_server.socket_dir, port=guarded_server.port)
    with caplog.at_level("DEBUG"):
        async with Either(kind, known, deadline_seconds=3.0) as db:
            with pytest.raises(DatabaseUnavailable) as caught:
                await in_time(db.get_profile(GUEST))
    assert hint in caught.value.hint
    everything = "".join(traceback.format_exception(caught.value)) + repr(caught.value) + caplog.text
    assert "sesame" not in everything


async def test_a_right_password(guarded_server: PrivateServer) -> None:
    url = f"postgresql://bot:sesame@/postgres?host={guarded_server.socket_dir}&port={guarded_server.port}"
    async with Either("async", url) as db:
        with pytest.raises(DatabaseError, match="right") as caught:
            await db.get_profile(GUEST)
    assert caught.value.sqlstate == "42501"
