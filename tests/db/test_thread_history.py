"""The threads that guests had before: nothing that was spent is lost, whichever caller replaces a thread, and when."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from psycopg.types.json import Jsonb

from guestsql import GuestDatabase, GuestThread
from tests.databases import GUEST, KINDS, OTHER, Either, Proxy, make_settings, transaction, waiting_sessions
from tests.migrating import apply_until
from tests.server import MIGRATIONS, eventually

Connection = psycopg.Connection[Any]
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


def seen(threads: list[GuestThread]) -> list[tuple[str | None, int, str | None]]:
    return [(thread.thread_id, thread.token_count, thread.reason) for thread in threads]


@pytest.mark.parametrize("kind", KINDS)
async def test_a_thread_that_is_replaced_keeps_its_tokens(kind: str, database_url: str) -> None:
    async with Either(kind, database_url) as db:
        assert await db.get_threads(GUEST) == []
        first = await db.set_thread(GUEST, "t1")
        await db.add_thread_tokens(GUEST, "t1", 7)
        await db.add_thread_tokens(GUEST, "t2", 5)
        assert await db.add_thread_tokens(GUEST, "t1", 3) == 10
        assert (await db.get_thread(GUEST)).thread_id == "t2"
        await db.clear_thread(GUEST)
        assert await db.add_thread_tokens(GUEST, "t2", 1) == 6
        assert (await db.get_thread(GUEST)).thread_id is None
        assert seen(await db.get_threads(GUEST)) == [("t2", 6, "cleared"), ("t1", 10, "replaced")]
        resumed = await db.set_thread(GUEST, "t1")
        assert (resumed.token_count, resumed.created_at) == (10, first.created_at)
        assert await db.add_thread_tokens(GUEST, "t1", 1) == 11
        current, cleared = await db.get_threads(GUEST)
        assert tuple(await db.queries.get_thread_totals()) == (1, 1, 11, 6)
    assert current == GuestThread(phone_number=GUEST, thread_id="t1", token_count=11, created_at=first.created_at)
    assert (cleared.thread_id, cleared.token_count, cleared.reason) == ("t2", 6, "cleared")
    assert first.created_at < cleared.created_at < cleared.ended_at


@pytest.mark.parametrize("kind", KINDS)
async def test_in_a_transaction(kind: str, database_url: str) -> None:
    async with Either(kind, database_url) as db:
        with suppress(ZeroDivisionError):
            async with transaction(db) as tx:
                await tx.set_thread(GUEST, "t0")
                await tx.clear_thread(GUEST)
                raise ZeroDivisionError
        async with transaction(db) as tx:
            assert await tx.get_threads(GUEST) == []
            assert await tx.add_thread_tokens(GUEST, "t1", 7) == 7
            await tx.set_thread(GUEST, "t2")
            assert await tx.add_thread_tokens(GUEST, "t1", 3) == 10
            assert await tx.add_thread_tokens(GUEST, "t3", 2) == 2
            await tx.clear_thread(GUEST)
            await tx.set_thread(GUEST, "t1")
            # The times are those of the statements, not of the transaction.
            expected = [("t1", 10, None), ("t3", 2, "cleared"), ("t2", 0, "replaced")]
            assert seen(await tx.get_threads(GUEST)) == expected
        assert seen(await db.get_threads(GUEST)) == expected


async def overtaken(database_url: str, autocommit: Connection, change: str, *calls: Awaitable[Any]) -> list[Any]:
    """The answers of calls that have begun before another session's change of the guest, and go on after it."""
    with psycopg.connect(database_url) as writer:
        writer.execute(change.encode())
        tasks = [asyncio.ensure_future(call) for call in calls]
        await asyncio.to_thread(eventually, lambda: waiting_sessions(autocommit) == len(calls))
        writer.commit()
    return await asyncio.gather(*tasks)


REPLACE = "UPDATE guest_profiles SET thread_id = 't2', thread_tokens = 0"
RETURN = "UPDATE guest_profiles SET thread_id = 't1', thread_tokens = 0"


@pytest.mark.parametrize("kind", KINDS)
async def test_tokens_that_wait_while_their_thread_is_replaced(
    kind: str, database_url: str, autocommit: Connection
) -> None:
    async with Either(kind, database_url) as db:
        await db.add_thread_tokens(GUEST, "t1", 7)
        adding = [db.add_thread_tokens(GUEST, "t1", 3) for _ in range(2)]
        assert sorted(await overtaken(database_url, autocommit, REPLACE, *adding)) == [10, 13]
        assert seen(await db.get_threads(GUEST)) == [("t2", 0, None), ("t1", 13, "replaced")]
        adding = [db.add_thread_tokens(GUEST, "t1", 3) for _ in range(2)]
        assert sorted(await overtaken(database_url, autocommit, RETURN, *adding)) == [16, 19]
        assert seen(await db.get_threads(GUEST)) == [("t1", 19, None), ("t2", 0, "replaced")]


@pytest.mark.parametrize("known", [True, False])
async def test_two_unknown_threads_at_once(known: bool, database_url: str, autocommit: Connection) -> None:
    async with Either("async", database_url) as db:
        if known:
            await db.update_profile(GUEST)
            change = "UPDATE guest_profiles SET thread_id = 't0', thread_tokens = 5"
        else:
            change = f"INSERT INTO guest_profiles (phone_number, thread_id, thread_tokens) VALUES ('{GUEST}', 't0', 5)"
        adding = [db.add_thread_tokens(GUEST, thread, tokens) for thread, tokens in (("t1", 7), ("t2", 3), ("t0", 1))]
        await overtaken(database_url, autocommit, change, *adding)
        threads = {thread.thread_id: thread.token_count for thread in await db.get_threads(GUEST)}
    assert threads == {"t0": 6, "t1": 7, "t2": 3}


@pytest.mark.parametrize("kind", KINDS)
async def test_late_tokens_whose_answer_is_lost(kind: str, database_url: str) -> None:
    with Proxy(database_url) as proxy:
        async with Either(kind, proxy.url) as db:
            await db.add_thread_tokens(GUEST, "t1", 7)
            await db.set_thread(GUEST, "t2")
            for loss, count in (("answer", 10), ("request", 13)):
                proxy.lose(loss)
                assert await db.add_thread_tokens(GUEST, "t1", 3) == count
            assert seen(await db.get_threads(GUEST)) == [("t2", 0, None), ("t1", 13, "replaced")]


def test_a_repeat_answers_the_count_of_a_thread_that_was_replaced_since(database_url: str) -> None:
    with GuestDatabase(settings=make_settings(database_url)) as db:
        once = {"phone_number": GUEST, "thread_id": "t1", "tokens": 5, "operation_id": "once"}
        assert db.queries.add_thread_tokens(**once) == 5
        db.set_thread(GUEST, "t2")
        assert db.queries.add_thread_tokens(**once) == 5
        db.add_thread_tokens(GUEST, "t1", 2)
        assert db.queries.add_thread_tokens(**once) == 7
        assert seen(db.get_threads(GUEST)) == [("t2", 0, None), ("t1", 7, "replaced")]


def test_changes_by_hand_lose_nothing(database_url: str, autocommit: Connection) -> None:
    with GuestDatabase(settings=make_settings(database_url)) as db:
        db.add_thread_tokens(GUEST, "t1", 7)
        autocommit.execute("UPDATE guest_profiles SET thread_id = NULL, thread_tokens = 0")
        autocommit.execute("UPDATE guest_profiles SET thread_id = 't2', thread_tokens = 1")
        assert seen(db.get_threads(GUEST)) == [("t2", 1, None), ("t1", 7, "cleared")]
        # The row is there although the thread is the guest's: it is added up when the thread ends.
        autocommit.execute("INSERT INTO guest_threads VALUES (%s, 't2', NULL, NULL, 4, 'imported')", [GUEST])
        db.clear_thread(GUEST)
        assert sorted(seen(db.get_threads(GUEST))) == [("t1", 7, "cleared"), ("t2", 5, "cleared")]
        autocommit.execute("DELETE FROM guest_profiles")
        assert autocommit.execute("SELECT count(*) FROM guest_threads").fetchone() == (0,)


@pytest.mark.parametrize("kind", KINDS)
async def test_export_and_erasure(kind: str, database_url: str) -> None:
    async with Either(kind, database_url) as db:
        for thread in ("t1", "t2", "t3"):
            await db.add_thread_tokens(GUEST, thread, 7)
        exported = (await db.export_guest(GUEST))["guest_threads"]
        assert [(row["thread_id"], row["tokens"], row["reason"]) for row in exported] == [
            ("t1", 7, "replaced"),
            ("t2", 7, "replaced"),
        ]
        await db.set_thread(OTHER, "t1")
        await db.clear_thread(OTHER)
        assert (await db.forget_guest(GUEST))["guest_threads"] == 2
        assert await db.get_threads(GUEST) == []
        assert len(await db.get_threads(OTHER)) == 1


# The threads of the guest who stays and of the duplicate, the current one last; who wrote last; all threads of the
# merged guest, the current one first.
MERGES: list[tuple[list[str], list[str], str, list[tuple[str, int, str | None]]]] = [
    (["a"], ["b"], GUEST, [("a", 1, None), ("b", 10, "merged")]),
    (["a"], ["b"], OTHER, [("b", 10, None), ("a", 1, "replaced")]),
    (["a"], ["a"], OTHER, [("a", 11, None)]),
    (["a", "b"], ["b", "c"], OTHER, [("c", 10, None), ("a", 1, "replaced"), ("b", 11, "replaced")]),
    (["a", "b"], ["b", "c"], GUEST, [("b", 11, None), ("a", 1, "replaced"), ("c", 10, "merged")]),
    (["a", "b"], ["c", "a"], OTHER, [("a", 11, None), ("b", 1, "replaced"), ("c", 10, "replaced")]),
    (["a", "b"], ["c", "a"], GUEST, [("b", 1, None), ("a", 11, "merged"), ("c", 10, "replaced")]),
    (["a", "b"], ["a", "b"], OTHER, [("b", 11, None), ("a", 11, "replaced")]),
    ([], ["a", "b"], GUEST, [("b", 10, None), ("a", 10, "replaced")]),
]


@pytest.mark.parametrize(("kept", "gone", "later", "merged"), MERGES)
async def test_merged_guests_keep_all_threads(
    database_url: str, kept: list[str], gone: list[str], later: str, merged: list[tuple[str, int, str | None]]
) -> None:
    async with Either("async", database_url) as db:
        for guest, threads, tokens in ((GUEST, kept, 1), (OTHER, gone, 10)):
            await db.record_interaction(guest, at=NOON + timedelta(hours=guest == later))
            for thread in threads:
                await db.add_thread_tokens(guest, thread, tokens)
        await db.flush()
        profile = await db.merge_guests(GUEST, OTHER)
        found = seen(await db.get_threads(GUEST))
    assert (found[0], sorted(found[1:])) == (merged[0], merged[1:])
    assert not {name for name in profile.profile_data["merged"][OTHER] if "thread" in name}


def test_threads_that_older_versions_kept_in_profiles(empty_database_url: str) -> None:
    earlier = next(path for path in MIGRATIONS.glob("*_guest_threads.sql"))
    apply_until(empty_database_url, MIGRATIONS, int(earlier.name[:4]))
    merged = {
        OTHER: {"thread_id": "t1", "thread_tokens": 20, "replaced_thread_id": "t2", "profile_data": {}},
        "573000000003": {"thread_id": "now", "profile_data": {"thread_id": "theirs"}},
        "not a merge": {"thread_id": "theirs"},
        "nor this": "text",
    }
    legacy = {"threads": {GUEST: {"previousThreads": ["t3", "t1", "now", 5]}}, "guests": {"x": "text"}}
    guests = [
        (GUEST, {"merged": merged, "legacy": legacy}),
        (OTHER, {"merged": "text", "legacy": "text"}),
        ("573000000003", {}),
    ]
    with psycopg.connect(empty_database_url, autocommit=True) as connection:
        for guest, profile_data in guests:
            connection.execute(
                "INSERT INTO guest_profiles (phone_number, thread_id, profile_data) VALUES (%s, 'now', %s)",
                [guest, Jsonb(profile_data)],
            )
        apply_until(empty_database_url, MIGRATIONS, 9999)
        found = connection.execute("SELECT * FROM guest_threads ORDER BY thread_id").fetchall()
    assert found == [
        (GUEST, "t1", None, None, 20, "merged"),
        (GUEST, "t2", None, None, 0, "replaced"),
        (GUEST, "t3", None, None, 0, "imported"),
    ]


@pytest.mark.parametrize("kind", KINDS)
async def test_tokens_of_a_message_that_creates_its_guest_meanwhile(
    kind: str, database_url: str, autocommit: Connection
) -> None:
    done = f"""
        INSERT INTO guest_profiles (phone_number, thread_id, thread_tokens) VALUES ('{GUEST}', 't1', 5);
        INSERT INTO operations (source, operation_id, phone_number, effects)
        VALUES ('whatsapp', 'm1', '{GUEST}', '{{"tokens": {{"t1": 1}}}}')
    """
    async with Either(kind, database_url) as db:
        adding = db.add_thread_tokens(GUEST, "t1", 7, message_id="m1")
        assert await overtaken(database_url, autocommit, done, adding) == [5]
