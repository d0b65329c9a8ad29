"""Threads: three answers, and token counts that add up with any writers."""

from __future__ import annotations

import threading
from typing import Any

import psycopg
import pytest

from guestsql import GuestDatabase
from guestsql.errors import DatabaseError, InvalidValue
from tests.databases import GUEST, KINDS, PATIENCE_SECONDS, Either, Program, column, make_settings

Connection = psycopg.Connection[Any]


@pytest.mark.parametrize("kind", KINDS)
async def test_three_answers(kind: str, database_url: str) -> None:
    async with Either(kind, database_url) as db:
        assert await db.get_thread(GUEST) is None
        await db.update_profile(GUEST)
        without = await db.get_thread(GUEST)
        assert (without.phone_number, without.thread_id, without.token_count, without.created_at) == (
            GUEST,
            None,
            0,
            None,
        )
        thread = await db.set_thread(GUEST, "t1")
        assert thread == await db.get_thread(GUEST)
        assert (thread.thread_id, thread.token_count) == ("t1", 0)
        assert thread.created_at.utcoffset() is not None


@pytest.mark.parametrize("kind", KINDS)
async def test_set(kind: str, database_url: str) -> None:
    async with Either(kind, database_url) as db:
        first = await db.set_thread(GUEST, "t1")
        assert await db.add_thread_tokens(GUEST, "t1", 7) == 7
        same = await db.set_thread(GUEST, "t1")
        assert (same.token_count, same.created_at) == (7, first.created_at)
        other = await db.set_thread(GUEST, "t2")
        assert (other.thread_id, other.token_count) == ("t2", 0)
        assert other.created_at > first.created_at
        assert (await db.get_profile(GUEST)).thread_id == "t2"


@pytest.mark.parametrize("kind", KINDS)
async def test_clear(kind: str, database_url: str) -> None:
    async with Either(kind, database_url) as db:
        await db.add_thread_tokens(GUEST, "t1", 7)
        cleared = await db.clear_thread(GUEST)
        assert (cleared.thread_id, cleared.token_count, cleared.created_at) == (None, 0, None)
        assert await db.clear_thread(GUEST) == cleared == await db.get_thread(GUEST)
        assert (await db.clear_thread("573000000002")).thread_id is None
        assert await db.get_thread("573000000002") is not None
        assert (await db.set_thread(GUEST, "t1")).token_count == 7


@pytest.mark.parametrize("kind", KINDS)
async def test_tokens(kind: str, database_url: str) -> None:
    async with Either(kind, database_url) as db:
        assert await db.add_thread_tokens(GUEST, "t1", 908_475) == 908_475
        assert await db.add_thread_tokens(GUEST, "t1", 10_321) == 918_796
        assert await db.add_thread_tokens(GUEST, "t1", 0) == 918_796
        assert await db.add_thread_tokens(GUEST, "t2", 5) == 5
        assert await db.add_thread_tokens(GUEST, "t1", 3) == 918_799
        thread = await db.get_thread(GUEST)
        assert (thread.thread_id, thread.token_count) == ("t2", 5)


@pytest.mark.parametrize("kind", KINDS)
async def test_more_than_can_be_counted(kind: str, database_url: str, autocommit: Connection) -> None:
    async with Either(kind, database_url, pool_max=1) as db:
        most = 2**63 - 1
        assert await db.add_thread_tokens(GUEST, "t1", most) == most
        with pytest.raises(DatabaseError, match="out of range") as caught:
            await db.add_thread_tokens(GUEST, "t1", 1)
        assert (caught.value.sqlstate, caught.value.query) == ("22003", "add_thread_tokens")
        assert column(autocommit, "thread_tokens") == most
        assert await db.add_thread_tokens(GUEST, "t2", 1) == 1


@pytest.mark.parametrize("tokens", [-1, 2**63, 1.5, "5", None, True], ids=repr)
@pytest.mark.parametrize("kind", KINDS)
async def test_tokens_that_are_none(kind: str, database_url: str, tokens: Any) -> None:
    async with Either(kind, database_url) as db:
        with pytest.raises(InvalidValue, match="tokens"):
            await db.add_thread_tokens(GUEST, "t1", tokens)
        assert await db.get_thread(GUEST) is None


@pytest.mark.parametrize(
    "thread_id", ["", "  ", "a\x00", "\ud83d", pytest.param("t" * 501, id="long"), None, 5], ids=ascii
)
@pytest.mark.parametrize("kind", KINDS)
async def test_threads_that_are_none(kind: str, database_url: str, thread_id: Any) -> None:
    async with Either(kind, database_url) as db:
        with pytest.raises(InvalidValue, match="thread_id"):
            await db.set_thread(GUEST, thread_id)
        with pytest.raises(InvalidValue, match="thread_id"):
            await db.add_thread_tokens(GUEST, thread_id, 5)
        assert await db.get_thread(GUEST) is None


def test_increments_of_many_threads_sum(database_url: str) -> None:
    with GuestDatabase(settings=make_settings(database_url, pool_max=4)) as db:
        counts: list[int] = []
        barrier = threading.Barrier(8)

        def count() -> None:
            barrier.wait()
            counts.extend(db.add_thread_tokens(GUEST, "t1", 3) for _ in range(25))

        threads = [threading.Thread(target=count) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert sorted(counts) == list(range(3, 601, 3))


ADD = """
import sys
from guestsql import GuestDatabase
with GuestDatabase(sys.argv[1]) as db:
    db.get_profile("573000000001")
    print("ready", flush=True)
    sys.stdin.readline()
    for _ in range(20):
        db.add_thread_tokens("573000000001", "t1", 5)
"""


def test_increments_of_many_processes_sum(database_url: str, autocommit: Connection) -> None:
    with Program(ADD, database_url) as one, Program(ADD, database_url) as two, Program(ADD, database_url) as three:
        programs = [one, two, three]
        for program in programs:
            program.line()
        for program in programs:
            assert program.process.stdin is not None
            program.process.stdin.write("go\n")
            program.process.stdin.flush()
        for program in programs:
            program.process.wait(PATIENCE_SECONDS)
            assert program.wait() == (0, "")
    assert column(autocommit, "thread_tokens") == 300
