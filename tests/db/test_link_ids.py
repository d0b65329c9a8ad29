"""link_ids and change_phone: every id of a person leads to one guest, and a recycled number to another one."""

from __future__ import annotations

import asyncio
import pickle
from typing import Any

import psycopg
import pytest

from guestsql import GuestDatabase
from guestsql.errors import DifferentGuests, InvalidUserId, InvalidValue
from guestsql.guests import _async, _sync
from guestsql.guests.ids import id_kind
from tests.databases import (
    GUEST,
    KINDS,
    OTHER,
    PATIENCE_SECONDS,
    Either,
    Proxy,
    make_settings,
    nonempty,
    transaction,
    waiting_sessions,
)
from tests.server import eventually

Connection = psycopg.Connection[Any]
LID = "81234567890123@lid"
BSUID, NEW_BSUID = "CO.1a2B3c", "CO.9z8Y7x"
PARENT = "CO.ENT.5q6R7s"


def ids_of(connection: Connection, key: str = GUEST) -> set[str]:
    return {row[0] for row in connection.execute("SELECT id FROM guest_ids WHERE phone_number = %s", [key])}


def guests(connection: Connection) -> list[str]:
    return [row[0] for row in connection.execute("SELECT phone_number FROM guest_profiles ORDER BY 1")]


@pytest.mark.parametrize("kind", KINDS)
async def test_every_id_leads_to_one_guest(kind: str, database_url: str, autocommit: Connection) -> None:
    ids = {"phone": "+57 300 000 0001", "lid": LID, "bsuid": BSUID, "parent_bsuid": PARENT}
    async with Either(kind, database_url) as db:
        profile = await db.link_ids(f"{GUEST}@c.us", **ids, chat_id="120363000000000000@g.us")
        assert (profile.phone_number, profile.current_phone) == (GUEST, GUEST)
        assert profile.chat_id == "120363000000000000@g.us"
        for each in (GUEST, LID, BSUID, PARENT):
            assert await db.get_profile(each) == profile
        assert await db.link_ids(LID, **ids) == profile, "nothing is left to do, so nothing changed"
    assert ids_of(autocommit) == {GUEST, LID, BSUID, PARENT}
    assert autocommit.execute("SELECT count(*) FROM operations").fetchone() == (1,)


@pytest.mark.parametrize("kind", KINDS)
async def test_guests_who_are_one_person_are_merged(kind: str, database_url: str, autocommit: Connection) -> None:
    async with Either(kind, database_url) as db:
        await db.update_profile(LID, user_name="Ana", labels=["a"])
        await db.update_profile(GUEST, contact_name="Ana Ruiz", labels=["b"])
        await db.update_profile(BSUID, labels=["c"])
        for each in (LID, GUEST, BSUID, BSUID):
            await db.record_interaction(each)
        with pytest.raises(DifferentGuests) as caught:
            await db.link_ids(BSUID, lid=LID, phone=GUEST, merge=False)
        assert caught.value.guests == (BSUID, LID, GUEST)
        assert pickle.loads(pickle.dumps(caught.value)).guests == caught.value.guests
        assert guests(autocommit) == [GUEST, LID, BSUID]

        profile = await db.link_ids(BSUID, lid=LID, phone=GUEST)
        await db.flush()
        assert profile.phone_number == BSUID, "the guest whom user_id names"
        assert (profile.user_name, profile.contact_name, profile.current_phone) == ("Ana", "Ana Ruiz", GUEST)
        assert sorted(profile.labels) == ["a", "b", "c"]
        assert (await db.get_profile(LID)).total_interactions == 4
    assert guests(autocommit) == [BSUID]


async def test_the_oldest_stays_if_user_id_names_none(database_url: str, autocommit: Connection) -> None:
    async with Either("async", database_url) as db:
        await db.update_profile(LID)
        await db.update_profile(GUEST)
        assert (await db.link_ids(BSUID, phone=GUEST, lid=LID)).phone_number == LID
    assert ids_of(autocommit, LID) == {GUEST, LID, BSUID}


@pytest.mark.parametrize("kind", KINDS)
async def test_a_recycled_number_leads_to_a_stranger(kind: str, database_url: str, autocommit: Connection) -> None:
    async with Either(kind, database_url) as db:
        await db.update_profile(GUEST, user_name="Ana")
        await db.link_ids(GUEST, phone=GUEST, bsuid=BSUID)
        chat = f"{GUEST}@s.whatsapp.net"
        stranger = await db.link_ids(GUEST, bsuid=NEW_BSUID, parent_bsuid=PARENT, chat_id=chat)
        assert (stranger.phone_number, stranger.user_name, stranger.current_phone) == (NEW_BSUID, None, GUEST)
        assert await db.get_profile(GUEST) == stranger
        for _ in range(2):
            assert "Ana" not in await db.get_context(GUEST)
            assert (await db.get_context(BSUID)).startswith("[Ana")
        assert list((await db.get_contexts([GUEST, BSUID])).values())[1].startswith("[Ana")
        for former in (BSUID, f"{GUEST}#1"):
            ana = await db.get_profile(former)
            assert (ana.phone_number, ana.user_name, ana.current_phone) == (GUEST, "Ana", None)
        # Each keeps its own, however often the phone goes back and forth.
        await db.link_ids(GUEST, phone=GUEST, bsuid=BSUID)
        assert (await db.get_profile(GUEST)).user_name == "Ana"
        assert (await db.get_profile(BSUID)).current_phone == GUEST
        await db.link_ids(GUEST, phone=GUEST, bsuid=NEW_BSUID)
        assert nonempty(await db.forget_guest(BSUID)) == {"guest_ids": 2, "guest_profiles": 1}
        assert (await db.get_profile(GUEST)).phone_number == NEW_BSUID
        await db.forget_guest(GUEST)
        assert await db.get_profile(GUEST) is None
        assert (await db.update_profile(GUEST)).phone_number == GUEST
    assert guests(autocommit) == [GUEST]


async def test_a_recycled_number_never_shows_the_text_of_its_former_guest(
    database_url: str, autocommit: Connection
) -> None:
    async with Either("async", database_url) as db:
        await db.update_profile(GUEST, user_name="Ana")
        await db.link_ids(GUEST, phone=GUEST, bsuid=BSUID)
        assert (await db.get_context(GUEST)).startswith("[Ana")
        await db.link_ids(GUEST, phone=GUEST, bsuid=NEW_BSUID)
        # The stranger has no text yet: the only fresh one is that of Ana, whose key is the number.
        ids = [GUEST, BSUID, NEW_BSUID]
        rows = await db.raw.queries.lookup_contexts(phone_numbers=ids)
        assert sorted(row.id for row in rows) == sorted(ids)
        assert [row.id for row in rows if row.context_cache is not None] == [BSUID]
        assert "Ana" not in (await db.get_contexts(ids))[GUEST]
        autocommit.execute("UPDATE guest_profiles SET last_context_update = NULL, context_cache = NULL")
        assert (await db.get_context(BSUID)).startswith("[Ana")
        for text in await asyncio.gather(*(db.get_context(GUEST) for _ in range(5))):
            assert "Ana" not in text


async def test_a_recycled_number_of_a_guest_who_is_known_elsewhere(database_url: str) -> None:
    async with Either("async", database_url) as db:
        await db.link_ids(GUEST, bsuid=BSUID)
        await db.link_ids(OTHER, bsuid=NEW_BSUID)
        profile = await db.link_ids(NEW_BSUID, phone=GUEST)
        assert (profile.phone_number, profile.current_phone) == (OTHER, GUEST)
        assert (await db.get_profile(BSUID)).phone_number == GUEST


async def test_business_scoped_ids_are_per_portfolio(database_url: str, autocommit: Connection) -> None:
    async with Either("async", database_url) as db:
        for portfolio, bsuid in (("north", BSUID), ("south", NEW_BSUID)):
            await db.link_ids(GUEST, phone=GUEST, bsuid=bsuid, portfolio=portfolio)
        assert ids_of(autocommit) == {GUEST, BSUID, NEW_BSUID}
        # The same parent id: one person, whatever the other ids are.
        await db.link_ids(GUEST, parent_bsuid=PARENT)
        await db.link_ids(GUEST, phone=GUEST, bsuid="CO.third", parent_bsuid=PARENT, portfolio="south")
        assert len(ids_of(autocommit)) == 5
        # Seen before the portfolio was known.
        await db.record_interaction("CO.early")
        await db.flush()
        await db.link_ids("CO.early", bsuid="CO.early", portfolio="north")
    assert autocommit.execute("SELECT portfolio FROM guest_ids WHERE id = 'CO.early'").fetchone() == ("north",)


async def test_a_new_business_scoped_id_that_the_gateway_reports(database_url: str) -> None:
    async with Either("async", database_url) as db:
        await db.link_ids(GUEST, bsuid=BSUID)
        await db.update_profile(NEW_BSUID, user_name="Ana")
        profile = await db.link_ids(BSUID, bsuid=NEW_BSUID)
        assert (profile.phone_number, profile.user_name) == (GUEST, "Ana")
        assert await db.link_ids(GUEST, phone=GUEST, bsuid=NEW_BSUID) == profile


@pytest.mark.parametrize("kind", KINDS)
async def test_a_phone_changes(kind: str, database_url: str, autocommit: Connection) -> None:
    async with Either(kind, database_url) as db:
        await db.update_profile(GUEST, user_name="Ana")
        changed = await db.change_phone(GUEST, "+57 300 000 0002")
        assert (changed.phone_number, changed.current_phone) == (GUEST, OTHER)
        assert await db.get_profile(GUEST) == await db.get_profile(OTHER) == changed
        assert await db.change_phone(GUEST, OTHER) == changed
        assert (await db.link_ids(GUEST, lid=LID)).current_phone == OTHER, "an old id does not bring the old phone back"
        assert (await db.change_phone(LID, GUEST)).current_phone == GUEST
        assert column_of(autocommit, GUEST) is None
        # A number that another guest had: the phone moves, and nothing else.
        await db.update_profile("573000000003", user_name="Eva")
        assert (await db.change_phone(GUEST, "573000000003")).user_name == "Ana"
        eva = await db.get_profile("573000000003#1")
        assert (eva.user_name, eva.current_phone) == ("Eva", None)
        # The guest had written under the new number before the gateway reported it.
        await db.link_ids("573000000004", bsuid=NEW_BSUID)
        await db.change_phone(GUEST, "573000000004")
        assert (await db.link_ids(GUEST, bsuid=NEW_BSUID)).current_phone == "573000000004"
    assert guests(autocommit) == [GUEST, "573000000003"]


def column_of(connection: Connection, key: str) -> Any:
    row = connection.execute("SELECT current_phone FROM guest_profiles WHERE phone_number = %s", [key]).fetchone()
    assert row is not None
    return row[0]


async def test_national_spellings_follow(database_url: str, autocommit: Connection) -> None:
    async with Either("async", database_url) as db:
        await db.update_profile(LID)
        await db.link_ids(LID, phone="5215512345678")
        assert (await db.get_profile("525512345678")).phone_number == LID
        await db.change_phone(GUEST, "525512345678")
        assert (await db.get_profile("5215512345678")).phone_number == GUEST
        assert (await db.get_profile(LID)).current_phone is None
        # Two guests from the time before; each has one spelling.
        autocommit.execute("DELETE FROM guest_ids WHERE id = '5491123456789'")
        await db.update_profile("541123456789", user_name="Ana")
        autocommit.execute("DELETE FROM guest_ids WHERE id = '5491123456789'")
        await db.update_profile("5491123456789", labels=["VIP"])
        merged = await db.merge_guests("541123456789", "5491123456789")
        assert (merged.user_name, merged.labels) == ("Ana", ["VIP"])
        assert await db.get_profile("5491123456789") == merged


@pytest.mark.parametrize(
    "wrong", [{"phone": LID}, {"lid": GUEST}, {"bsuid": PARENT}, {"parent_bsuid": BSUID}, {"phone": "120363@g.us"}]
)
async def test_an_id_of_another_kind_is_refused(database_url: str, wrong: dict[str, str]) -> None:
    async with Either("async", database_url) as db:
        with pytest.raises(InvalidUserId):
            await db.link_ids(GUEST, **wrong)
        with pytest.raises(InvalidUserId):
            await db.change_phone(GUEST, LID)
        with pytest.raises(InvalidValue):
            await db.link_ids(GUEST, portfolio="\x00")
        assert await db.get_profile(GUEST) is None


@pytest.mark.parametrize("kind", KINDS)
async def test_merged_ids_lead_to_the_guest_for_good(kind: str, database_url: str, autocommit: Connection) -> None:
    async with Either(kind, database_url) as db, Either(kind, database_url) as other:
        await db.link_ids(GUEST, lid=LID)
        await db.link_ids(OTHER, bsuid=BSUID)
        await other.record_interaction(BSUID)
        await db.merge_guests(LID, BSUID)
        await other.record_interaction(OTHER)
        await other.flush()
        assert (await db.get_profile(OTHER)).total_interactions == 2
        assert await db.merge_guests(GUEST, OTHER) == await db.get_profile(BSUID)
        # An unknown duplicate is known from now on.
        await db.merge_guests(GUEST, "573000000003")
        assert (await other.update_profile("573000000003", user_name="Ana")).phone_number == GUEST
        exported = (await db.export_guest("573000000003"))["guest_ids"]
        assert [each["id"] for each in exported] == [GUEST, OTHER, "573000000003", LID, BSUID]
        assert {each["kind"] for each in exported} == {"phone", "lid", "bsuid"}
        assert [each["kind"] for each in exported] == [id_kind(each["id"]) for each in exported]
        await other.record_interaction(LID)
        await other.record_interaction(OTHER)
        erased = await other.forget_guest(BSUID)
        assert (erased["guest_ids"], await other.flush()) == (5, 0)
        hashes = autocommit.execute(
            "SELECT count(*) FROM erased_guests INNER JOIN (SELECT sha256(salt || convert_to(id, 'UTF8')) AS id_hash"
            " FROM erasure_salt, unnest(%s::text[]) AS id) AS known USING (id_hash)",
            [[GUEST, OTHER, "573000000003", LID, BSUID]],
        )
        assert hashes.fetchone() == (5,)
    assert ids_of(autocommit) == set()


@pytest.mark.parametrize("kind", KINDS)
async def test_inside_a_transaction(kind: str, database_url: str, autocommit: Connection) -> None:
    async with Either(kind, database_url) as db:
        await db.update_profile(LID)
        async with transaction(db) as tx:
            await tx.link_ids(LID, phone=GUEST)
            await tx.update_profile(OTHER)
            with pytest.raises(DifferentGuests):
                await tx.link_ids(GUEST, phone=OTHER, merge=False)
            assert (await tx.change_phone(LID, "573000000003")).current_phone == "573000000003"
            await tx.link_ids(GUEST, bsuid=BSUID)
            async with transaction(tx) as savepoint:
                await savepoint.link_ids(GUEST, phone=OTHER)
    assert guests(autocommit) == [LID]


@pytest.mark.parametrize("kind", KINDS)
async def test_a_commit_whose_answer_was_lost_is_not_done_twice(
    kind: str, database_url: str, autocommit: Connection
) -> None:
    with Proxy(database_url) as proxy:
        async with Either(kind, proxy.url) as db:
            await db.update_profile(LID, labels=["a"])
            await db.update_profile(GUEST, labels=["b"])
            proxy.lie("57P01", at=b"COMMIT")
            assert (await db.link_ids(LID, phone=GUEST)).labels == ["a", "b"]
            proxy.lie("57P01", at=b"COMMIT")
            assert (await db.change_phone(LID, OTHER)).current_phone == OTHER
    assert autocommit.execute("SELECT attempts FROM operations").fetchall() == [(2,), (2,)]


async def test_a_link_waits_for_a_message_under_one_of_its_ids(database_url: str, autocommit: Connection) -> None:
    """The other session has created a guest under the id and not committed: it is merged when it has."""
    async with Either("async", database_url) as db:
        with psycopg.connect(database_url) as writer:
            writer.execute("INSERT INTO guest_profiles (phone_number, total_interactions) VALUES (%s, 3)", [LID])
            linking = asyncio.create_task(db.link_ids(GUEST, lid=LID))
            await asyncio.to_thread(eventually, lambda: waiting_sessions(autocommit) == 1)
            writer.commit()
        assert (await linking).total_interactions == 3
    assert guests(autocommit) == [LID]


async def test_a_message_waits_for_a_link_of_its_id(database_url: str, autocommit: Connection) -> None:
    async with Either("async", database_url) as db, Either("async", database_url) as other:
        async with transaction(db) as tx:
            await tx.link_ids(GUEST, lid=LID)
            await other.record_interaction(LID)
            writing = asyncio.create_task(other.flush())
            await asyncio.to_thread(eventually, lambda: waiting_sessions(autocommit) == 1)
        await asyncio.wait_for(writing, PATIENCE_SECONDS)
        assert (await db.get_profile(GUEST)).total_interactions == 1
    assert guests(autocommit) == [GUEST]


def test_a_phone_that_the_settings_complete(database_url: str) -> None:
    pytest.importorskip("phonenumbers")
    with GuestDatabase(settings=make_settings(database_url, default_region="CO")) as db:
        assert db.link_ids(LID, phone="300 123 4567").current_phone == "573001234567"


def test_an_erasure_drops_what_is_buffered_for_an_unknown_guest_under_another_spelling(database_url: str) -> None:
    with GuestDatabase(settings=make_settings(database_url)) as db:
        db.record_interaction("5215512345678")
        db.forget_guest("525512345678")
        db.flush()
        assert db.get_profile("5215512345678") is None


@pytest.mark.parametrize("kind", KINDS)
async def test_a_phone_that_was_kept_for_the_next_guest_under_it(kind: str, database_url: str) -> None:
    """The guest whose key it is ends in the merge, and the phone then leads to another key than before."""
    async with Either(kind, database_url) as db:
        await db.merge_guests(GUEST, LID)
        await db.change_phone(BSUID, GUEST)
        await db.forget_guest(GUEST)
        await db.get_context(OTHER)
        linked = await db.link_ids(OTHER, phone=GUEST, lid=LID)
        assert [await db.get_profile(each) for each in (OTHER, GUEST, LID)] == [linked] * 3


@pytest.mark.parametrize("kind", KINDS)
async def test_a_guest_created_under_one_of_the_ids_during_a_merge_is_merged_too(
    kind: str, database_url: str, autocommit: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[object] = []

    def create() -> None:
        if not written:
            with GuestDatabase(settings=make_settings(database_url)) as other:
                other.run(lambda tx: tx.record_interaction(LID))
        written.append(None)

    async with Either(kind, database_url) as db:
        await db.update_profile(GUEST, user_name="Ana")
        await db.update_profile(BSUID, user_name="Ana")
        module = (_sync if kind == "sync" else _async).ids
        write: Any = module.write

        def merge(*given: Any, **named: Any) -> Any:
            create()
            return write(*given, **named)

        monkeypatch.setattr(module, "write", merge)
        await db.link_ids(GUEST, lid=LID, bsuid=BSUID)
    assert guests(autocommit) == [GUEST]
    assert ids_of(autocommit) == {GUEST, LID, BSUID}
    assert autocommit.execute("SELECT total_interactions FROM guest_profiles").fetchall() == [(1,)]
