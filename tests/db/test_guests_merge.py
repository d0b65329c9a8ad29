"""merge_guests: two rows become one, and nothing that either said vanishes."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from psycopg.types.json import Jsonb

from guestsql.errors import InvalidUserId
from tests.databases import GUEST, KINDS, OTHER, PATIENCE_SECONDS, Either, nonempty, waiting_sessions
from tests.server import eventually

Connection = psycopg.Connection[Any]
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
LID = "81234567890123@lid"


async def two_guests(db: Either, *, later: str) -> None:
    """Both guests with everything; one of them wrote later."""
    await db.update_profile(
        GUEST,
        user_name="Ana",
        labels=["a", "b"],
        profile_data={"room": 5, "diet": "none"},
        chat_id="573000000001@s.whatsapp.net",
    )
    await db.update_profile(
        OTHER,
        user_name="Anita",
        contact_name="Ana Ruiz",
        labels=["b", "c"],
        profile_data={"room": 7, "pets": 1},
        chat_id="573000000002@s.whatsapp.net",
    )
    await db.add_thread_tokens(GUEST, "t-kept", 10)
    await db.add_thread_tokens(OTHER, "t-gone", 20)
    for guest in (GUEST, OTHER):
        offset = timedelta(hours=1 if guest == later else 0)
        await db.record_interaction(guest, at=NOON + offset)
        await db.record_interaction(guest, at=NOON + offset + timedelta(minutes=5))
    await db.flush()


@pytest.mark.parametrize("kind", KINDS)
async def test_everything_comes_together(kind: str, database_url: str) -> None:
    async with Either(kind, database_url) as db:
        await two_guests(db, later=GUEST)
        profile = await db.merge_guests("+57 300 000 0001", "573000000002@c.us")
        assert profile == await db.get_profile(GUEST) == await db.get_profile(OTHER)
        thread = await db.get_thread(GUEST)
    assert (profile.user_name, profile.contact_name) == ("Ana", "Ana Ruiz")
    assert profile.chat_id == "573000000001@s.whatsapp.net"
    assert profile.labels == ["a", "b", "c"]
    assert profile.total_interactions == 4
    assert profile.first_interaction == NOON
    assert profile.last_interaction == NOON + timedelta(hours=1, minutes=5)
    assert (thread.thread_id, thread.token_count) == ("t-kept", 10)
    data = profile.profile_data
    assert {name: data[name] for name in ("room", "diet", "pets")} == {"room": 5, "diet": "none", "pets": 1}
    assert data["merged"] == {
        OTHER: {
            "chat_id": "573000000002@s.whatsapp.net",
            "user_name": "Anita",
            "contact_name": "Ana Ruiz",
            "profile_data": {"room": 7, "pets": 1},
        }
    }


@pytest.mark.parametrize("kind", KINDS)
async def test_the_thread_of_the_later_writer_stays(kind: str, database_url: str) -> None:
    async with Either(kind, database_url) as db:
        await two_guests(db, later=OTHER)
        await db.merge_guests(GUEST, OTHER)
        thread, replaced = await db.get_threads(GUEST)
    assert (thread.thread_id, thread.token_count) == ("t-gone", 20)
    assert thread.created_at is not None
    assert (replaced.thread_id, replaced.token_count, replaced.reason) == ("t-kept", 10, "replaced")


@pytest.mark.parametrize(
    ("kept_wrote", "gone_wrote", "stays"),
    [(None, None, "t-gone"), (NOON, None, "t-kept"), (None, NOON, "t-gone"), (NOON, NOON, "t-kept")],
)
async def test_threads_of_guests_who_may_never_have_written(
    database_url: str, kept_wrote: datetime | None, gone_wrote: datetime | None, stays: str
) -> None:
    async with Either("async", database_url) as db:
        for guest, thread, at in ((GUEST, "t-kept", kept_wrote), (OTHER, "t-gone", gone_wrote)):
            await db.set_thread(guest, thread)
            if at is not None:
                await db.record_interaction(guest, at=at)
        await db.flush()
        profile = await db.merge_guests(GUEST, OTHER)
        assert profile.thread_id == stays
        assert {thread.thread_id for thread in await db.get_threads(GUEST)} == {"t-kept", "t-gone"}


@pytest.mark.parametrize("mine", [True, False])
async def test_the_only_thread_stays(database_url: str, mine: bool) -> None:
    async with Either("async", database_url) as db:
        await db.update_profile(GUEST)
        await db.update_profile(OTHER)
        await db.add_thread_tokens(GUEST if mine else OTHER, "t", 7)
        await db.record_interaction(OTHER if mine else GUEST, at=NOON)
        await db.flush()
        await db.merge_guests(GUEST, OTHER)
        thread = await db.get_thread(GUEST)
        assert (thread.thread_id, thread.token_count) == ("t", 7)


@pytest.mark.parametrize("off", [GUEST, OTHER])
async def test_memory_off_wins(database_url: str, off: str) -> None:
    async with Either("async", database_url) as db:
        await db.update_profile(GUEST)
        await db.update_profile(OTHER)
        await db.update_profile(off, memory_enabled=False)
        assert not (await db.merge_guests(GUEST, OTHER)).memory_enabled


@pytest.mark.parametrize("kind", KINDS)
async def test_without_a_duplicate_nothing_changes(kind: str, database_url: str) -> None:
    async with Either(kind, database_url) as db:
        before = await db.update_profile(GUEST, user_name="Ana", labels=["a"])
        assert await db.merge_guests(GUEST, OTHER) == before


@pytest.mark.parametrize("kind", KINDS)
async def test_the_guest_who_stays_may_be_new(kind: str, database_url: str) -> None:
    async with Either(kind, database_url) as db:
        await two_guests(db, later=OTHER)
        profile = await db.merge_guests("573000000003", OTHER)
        assert (profile.user_name, profile.labels, profile.total_interactions) == ("Anita", ["b", "c"], 2)
        assert profile.thread_id == "t-gone"
        assert await db.get_profile(OTHER) == profile


@pytest.mark.parametrize("kind", KINDS)
async def test_one_guest_is_not_two(kind: str, database_url: str) -> None:
    async with Either(kind, database_url) as db:
        before = await db.update_profile(GUEST, user_name="Ana")
        with pytest.raises(InvalidUserId, match="same guest"):
            await db.merge_guests(GUEST, "+57 300 000 0001")
        assert await db.get_profile(GUEST) == before


async def test_a_guest_first_known_without_a_phone(database_url: str) -> None:
    async with Either("async", database_url) as db:
        await db.update_profile(LID, user_name="Ana")
        assert (await db.merge_guests(GUEST, LID)).user_name == "Ana"
        assert (await db.get_profile(GUEST)).profile_data["merged"][LID]["user_name"] == "Ana"


async def test_merged_again_and_again_nothing_vanishes(database_url: str) -> None:
    async with Either("async", database_url) as db:
        for number in range(1, 5):
            await db.update_profile(f"57300000000{number}", user_name=f"Name {number}", profile_data={"n": number})
        await db.merge_guests("573000000003", "573000000004")
        await db.merge_guests("573000000001", "573000000002")
        profile = await db.merge_guests("573000000001", "573000000003")
    assert sorted(profile.profile_data["merged"]) == ["573000000002", "573000000003", "573000000004"]
    assert profile.profile_data["merged"]["573000000004"] == {"user_name": "Name 4", "profile_data": {"n": 4}}
    assert profile.profile_data["n"] == 1


@pytest.mark.parametrize("kind", KINDS)
async def test_an_erasure_that_waits_for_a_merge_erases_what_it_brought(
    kind: str, database_url: str, autocommit: Connection
) -> None:
    note = "INSERT INTO guest_notes (phone_number, note) VALUES (%s, 'secret')"
    hashes = "SELECT count(*) FROM erased_guests"
    async with Either(kind, database_url) as db, Either(kind, database_url) as other:
        for guest in (GUEST, OTHER):
            await db.update_profile(guest)
        autocommit.execute(note, [OTHER])
        with psycopg.connect(database_url) as merging:
            merging.execute("SELECT 1 FROM guest_profiles WHERE phone_number = %s FOR UPDATE", [GUEST])
            merge = asyncio.create_task(db.merge_guests(GUEST, OTHER))
            await asyncio.to_thread(eventually, lambda: waiting_sessions(autocommit) == 1)
            erasure = asyncio.create_task(other.forget_guest(GUEST))
            await asyncio.to_thread(eventually, lambda: waiting_sessions(autocommit) == 2)
            merging.rollback()
        await merge
        assert nonempty(await erasure) == {"guest_ids": 2, "guest_notes": 1, "guest_profiles": 1}
        assert await db.get_profile(GUEST) is None
    assert autocommit.execute("SELECT count(*) FROM guest_notes").fetchone() == (0,)
    assert autocommit.execute(hashes).fetchone() == (2,)


@pytest.mark.parametrize("merged", [5, "text", ["list"]], ids=repr)
async def test_after_a_merge_the_merged_guests_are_an_object_whatever_was_there(
    database_url: str, autocommit: Connection, merged: Any
) -> None:
    async with Either("async", database_url) as db:
        for guest in (GUEST, OTHER):
            await db.update_profile(guest)
        autocommit.execute("UPDATE guest_profiles SET profile_data = %s", [Jsonb({"merged": merged})])
        found = (await db.merge_guests(GUEST, OTHER)).profile_data["merged"]
    assert found == {key: {"profile_data": {"merged": merged}} for key in (GUEST, OTHER)}


@pytest.mark.parametrize("merged", [None, 5, "text", ["list"], {"mine": 1}], ids=repr)
async def test_a_bots_own_key_of_that_name_is_kept(database_url: str, autocommit: Connection, merged: Any) -> None:
    async with Either("async", database_url) as db:
        for guest in (GUEST, OTHER):
            await db.update_profile(guest)
        # update_profile reserves the key; a script may have written it.
        autocommit.execute("UPDATE guest_profiles SET profile_data = %s", [Jsonb({"merged": merged})])
        found = (await db.merge_guests(GUEST, OTHER)).profile_data["merged"]
    assert str(merged).strip("{}[]") in str(found)
    assert OTHER in str(found)


@pytest.mark.parametrize("kind", KINDS)
async def test_buffered_interactions_move_along(kind: str, database_url: str) -> None:
    async with Either(kind, database_url) as db:
        await db.update_profile(OTHER)
        await db.record_interaction(OTHER, at=NOON)
        await db.record_interaction(GUEST, at=NOON + timedelta(hours=1))
        await db.merge_guests(GUEST, OTHER)
        assert await db.flush() == 2
        profile = await db.get_profile(GUEST)
    assert (profile.total_interactions, profile.first_interaction) == (2, NOON)


async def test_the_context_is_expired(database_url: str) -> None:
    async with Either("async", database_url) as db:
        await db.get_context(GUEST)
        await db.update_profile(OTHER, user_name="Ana")
        await db.merge_guests(GUEST, OTHER)
        assert (await db.get_context(GUEST)).startswith("[Ana |")


async def test_a_change_while_the_merge_waits_is_not_lost(database_url: str, autocommit: Connection) -> None:
    async with Either("async", database_url) as db:
        await db.update_profile(GUEST, labels=["a"])
        await db.update_profile(OTHER, labels=["b"])
        with psycopg.connect(database_url) as writer:
            writer.execute("UPDATE guest_profiles SET labels = labels || ARRAY['new'], total_interactions = 5")
            merging = asyncio.create_task(db.merge_guests(GUEST, OTHER))
            await asyncio.to_thread(eventually, lambda: waiting_sessions(autocommit) == 1)
            writer.commit()
        profile = await merging
    assert (profile.labels, profile.total_interactions) == (["a", "new", "b"], 10)


async def test_two_merges_at_once_crosswise(database_url: str, autocommit: Connection) -> None:
    """The second caller finds its own guest gone: as if it had come later, it gets everything."""
    async with Either("async", database_url) as db, Either("async", database_url) as other:
        for attempt in range(10):
            await db.update_profile(GUEST, labels=[f"a{attempt}"])
            await db.update_profile(OTHER, labels=[f"b{attempt}"])
            with autocommit.transaction():  # both start when both wait here
                autocommit.execute("SELECT FROM guest_profiles ORDER BY phone_number FOR UPDATE")
                merges = [
                    asyncio.create_task(db.merge_guests(GUEST, OTHER)),
                    asyncio.create_task(other.merge_guests(OTHER, GUEST)),
                ]
                with psycopg.connect(database_url, autocommit=True) as observer:
                    await asyncio.to_thread(eventually, lambda seen=observer: waiting_sessions(seen) == 2)
            await asyncio.wait_for(asyncio.gather(*merges), PATIENCE_SECONDS)
            left = autocommit.execute("SELECT phone_number, labels FROM guest_profiles").fetchall()
            assert len(left) == 1
            assert sorted(left[0][1]) == [f"a{attempt}", f"b{attempt}"]
            await db.forget_guest(left[0][0])


async def test_two_merges_of_one_duplicate(database_url: str, autocommit: Connection) -> None:
    third = "573000000003"
    async with Either("async", database_url) as db, Either("async", database_url) as other:
        await db.update_profile(GUEST)
        await db.update_profile(OTHER)
        await db.update_profile(third, labels=["a"])
        with autocommit.transaction():
            autocommit.execute("SELECT FROM guest_profiles ORDER BY phone_number FOR UPDATE")
            merges = [
                asyncio.create_task(db.merge_guests(GUEST, third)),
                asyncio.create_task(other.merge_guests(OTHER, third)),
            ]
            with psycopg.connect(database_url, autocommit=True) as observer:
                await asyncio.to_thread(eventually, lambda: waiting_sessions(observer) == 2)
        await asyncio.gather(*merges)
    # The second finds the duplicate merged already: all three are one person.
    assert autocommit.execute("SELECT labels FROM guest_profiles").fetchall() == [(["a"],)]


@pytest.mark.parametrize("keep", [GUEST, OTHER])
async def test_a_first_message_of_one_after_the_last_of_the_other(
    keep: str, database_url: str, autocommit: Connection
) -> None:
    autocommit.execute("INSERT INTO guest_profiles (phone_number, first_interaction) VALUES (%s, %s)", (GUEST, NOON))
    earlier = NOON - timedelta(days=1)
    autocommit.execute("INSERT INTO guest_profiles (phone_number, last_interaction) VALUES (%s, %s)", (OTHER, earlier))
    async with Either("sync", database_url) as db:
        profile = await db.merge_guests(keep, GUEST if keep == OTHER else OTHER)
    assert (profile.first_interaction, profile.last_interaction) == (earlier, earlier)
