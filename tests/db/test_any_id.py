"""Every method takes any id of a guest, and finds a guest who was merged, moved or erased meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest

from guestsql.errors import InvalidUserId, TransactionConflict
from tests.databases import GUEST, KINDS, OTHER, Either, column, transaction, waiting_sessions
from tests.server import eventually

Connection = psycopg.Connection[Any]

LID = "81234567890123@lid"
MEXICO = ("525512345678", "5215512345678")
AT = datetime(2026, 1, 2, tzinfo=UTC)

METHODS: dict[str, Callable[[Any, str], Any]] = {
    "get_context": lambda db, user_id: db.get_context(user_id),
    "get_profile": lambda db, user_id: db.get_profile(user_id),
    "get_thread": lambda db, user_id: db.get_thread(user_id),
    "update_profile": lambda db, user_id: db.update_profile(user_id, user_name="Eva"),
    "add_labels": lambda db, user_id: db.add_labels(user_id, ["a"]),
    "remove_labels": lambda db, user_id: db.remove_labels(user_id, ["VIP"]),
    "set_thread": lambda db, user_id: db.set_thread(user_id, "t2"),
    "clear_thread": lambda db, user_id: db.clear_thread(user_id),
    "add_thread_tokens": lambda db, user_id: db.add_thread_tokens(user_id, "t1", 5),
    "invalidate_context": lambda db, user_id: db.invalidate_context(user_id),
}


def link(connection: Connection, guest_id: str, key: str = GUEST) -> None:
    connection.execute(
        """INSERT INTO guest_ids (id, phone_number, source) VALUES (%s, %s, 'link')
        ON CONFLICT (id) DO UPDATE SET phone_number = excluded.phone_number""",
        [guest_id, key],
    )


def guests(connection: Connection) -> list[tuple[str, int]]:
    return connection.execute(
        "SELECT phone_number, total_interactions FROM guest_profiles ORDER BY phone_number"
    ).fetchall()


def shown(answer: Any) -> Any:
    """A profile or a thread without its times."""
    names = ("phone_number", "user_name", "labels", "thread_id", "token_count")
    return [getattr(answer, name, None) for name in names] if hasattr(answer, "phone_number") else answer


@pytest.mark.parametrize("kind", KINDS)
async def test_every_method(kind: str, database_url: str, autocommit: Connection) -> None:
    async with Either(kind, database_url) as db:
        for call in METHODS.values():
            answers = []
            for user_id in (GUEST, LID):
                autocommit.execute("TRUNCATE guest_profiles CASCADE")
                await db.update_profile(GUEST, user_name="Ana", labels=["VIP"])
                await db.set_thread(GUEST, "t1")
                link(autocommit, LID)
                answer = await call(db, user_id)
                answers.append(shown(answer))
                assert guests(autocommit) == [(GUEST, 0)]
            assert answers[0] == answers[1]
        assert (await db.get_profile(LID)).current_phone == GUEST
        for text in (LID, "+812 3456", GUEST[3:]):
            assert [row.phone_number for row in await db.queries.search_guests(search=text)] == [GUEST]


@pytest.mark.parametrize("kind", KINDS)
async def test_contexts_under_several_ids_of_a_guest(kind: str, database_url: str, autocommit: Connection) -> None:
    ids = [LID, GUEST, OTHER, *MEXICO]
    async with Either(kind, database_url) as db:
        await db.update_profile(GUEST, user_name="Ana")
        link(autocommit, LID)
        for _ in range(2):
            texts = await db.get_contexts(ids)
            assert [text[:5] for text in texts.values()] == ["[Ana ", "[Ana ", "[Clie", "[Clie", "[Clie"]
            assert list(texts) == ids
    assert [key for key, _ in guests(autocommit)] == [MEXICO[1], GUEST, OTHER]


@pytest.mark.parametrize("kind", KINDS)
async def test_messages_under_several_ids_of_a_guest(kind: str, database_url: str, autocommit: Connection) -> None:
    async with Either(kind, database_url) as db:
        await db.update_profile(GUEST)
        link(autocommit, LID)
        autocommit.execute("UPDATE guest_ids SET last_seen_at = '2020-01-01Z' WHERE id IN (%s, %s)", [GUEST, LID])
        for at, user_id in enumerate([LID, GUEST, LID, *MEXICO]):
            await db.record_interaction(user_id, at=AT.replace(hour=at))
        assert await db.flush() == 4
    assert guests(autocommit) == [(MEXICO[1], 2), (GUEST, 3)]
    assert column(autocommit, "first_interaction") == AT
    assert column(autocommit, "last_interaction") == AT.replace(hour=2)
    seen = "SELECT count(*) FROM guest_ids WHERE last_seen_at > statement_timestamp() - interval '1 hour'"
    assert autocommit.execute(seen).fetchone() == (4,)


WRITES = [name for name in METHODS if name not in ("get_profile", "get_thread", "invalidate_context", "get_context")]


@pytest.mark.parametrize("write", [*WRITES, "record_interaction"])
async def test_a_write_that_waits_for_a_merge_reaches_the_guest_who_stays(
    database_url: str, autocommit: Connection, write: str
) -> None:
    async with Either("sync", database_url) as db:
        await db.update_profile(GUEST)
        await db.update_profile(OTHER, labels=["VIP"])
        await db.set_thread(OTHER, "t3")
        link(autocommit, LID, OTHER)
        with psycopg.connect(database_url) as merge:
            merge.execute("UPDATE guest_ids SET phone_number = %s", [GUEST])
            merge.execute("DELETE FROM guest_profiles WHERE phone_number = %s", [OTHER])
            if write == "record_interaction":
                await db.record_interaction(LID)
                writing = asyncio.ensure_future(db.flush())
            else:
                writing = asyncio.ensure_future(METHODS[write](db, LID))
            await asyncio.to_thread(eventually, lambda: waiting_sessions(autocommit))
            merge.commit()
        answer = await writing
        assert getattr(answer, "phone_number", GUEST) == GUEST
    assert [key for key, _ in guests(autocommit)] == [GUEST]


@pytest.mark.parametrize("isolation", ["read committed", "repeatable read"])
async def test_in_a_transaction_a_write_waits_for_a_merge(
    database_url: str, autocommit: Connection, isolation: str
) -> None:
    """Its statement begins after the merge. At a stricter level it cannot see it, and the caller repeats."""
    async with Either("sync", database_url) as db:
        await db.update_profile(GUEST)
        await db.update_profile(OTHER)

        async def write() -> None:
            async with transaction(db, isolation=isolation) as tx:
                await tx.update_profile(OTHER, user_name="Eva")

        with psycopg.connect(database_url) as merge:
            merge.execute("UPDATE guest_ids SET phone_number = %s", [GUEST])
            merge.execute("DELETE FROM guest_profiles WHERE phone_number = %s", [OTHER])
            writing = asyncio.ensure_future(write())
            await asyncio.to_thread(eventually, lambda: waiting_sessions(autocommit))
            merge.commit()
        if isolation == "read committed":
            await writing
        else:
            with pytest.raises(TransactionConflict) as caught:
                await writing
            assert caught.value.retryable
            await write()
    assert column(autocommit, "user_name") == "Eva"
    assert [key for key, _ in guests(autocommit)] == [GUEST]


async def test_two_spellings_of_one_number(database_url: str, autocommit: Connection) -> None:
    async with Either("sync", database_url) as db:
        assert (await db.update_profile(MEXICO[1])).current_phone == MEXICO[1]
        assert (await db.update_profile(MEXICO[0], user_name="Eva")).phone_number == MEXICO[1]
        assert await db.queries.list_guests_with_two_spellings() == []
        autocommit.execute("DELETE FROM guest_profiles")
        autocommit.execute("INSERT INTO guest_profiles (phone_number) VALUES (%s), (%s)", list(MEXICO))
        rows = await db.queries.list_guests_with_two_spellings()
    assert [(row.phone_number, row.duplicate) for row in rows] == [(MEXICO[1], MEXICO[0])]


async def test_the_bots_own_number_in_another_spelling(database_url: str) -> None:
    async with Either("sync", database_url, own_numbers=(MEXICO[0],)) as db:
        for number in MEXICO:
            with pytest.raises(InvalidUserId, match="own number"):
                await db.get_profile(number)
