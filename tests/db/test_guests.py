"""Guests: one row each, whatever the spelling; what is not given stays; what changes nothing writes nothing."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from guestsql import CLEAR, GuestDatabase
from guestsql.errors import InvalidUserId, InvalidValue, SettingsError
from tests.databases import GUEST, KINDS, OTHER, Either, case_id, column, make_settings, nonempty, traces

Connection = psycopg.Connection[Any]

FULL: dict[str, Any] = {
    "chat_id": "573000000001@s.whatsapp.net",
    "user_name": "Ana",
    "contact_name": "Ana Ruiz",
    "labels": ["VIP", "cotización"],
    "profile_data": {"room": 5, "pets": ["cat"]},
    "memory_enabled": False,
}
CHANGES: dict[str, Any] = {
    "chat_id": "120363000000000001@g.us",
    "user_name": "Eva",
    "contact_name": "Eva Paz",
    "labels": ["Colega Jefe"],
    "memory_enabled": True,
}


def shown(profile: Any) -> dict[str, Any]:
    return {name: getattr(profile, name) for name in FULL}


@pytest.mark.parametrize("kind", KINDS)
async def test_a_new_guest(kind: str, database_url: str) -> None:
    async with Either(kind, database_url) as db:
        assert await db.get_profile(GUEST) is None
        profile = await db.update_profile(GUEST)
        assert profile == await db.get_profile(GUEST)
    assert (profile.phone_number, profile.labels, profile.profile_data) == (GUEST, [], {})
    assert (profile.chat_id, profile.user_name, profile.contact_name, profile.thread_id) == (None,) * 4
    assert (profile.first_interaction, profile.last_interaction, profile.total_interactions) == (None, None, 0)
    assert profile.memory_enabled
    assert profile.created_at.utcoffset() is not None


@pytest.mark.parametrize("kind", KINDS)
async def test_every_field(kind: str, database_url: str) -> None:
    async with Either(kind, database_url) as db:
        profile = await db.update_profile(GUEST, **FULL)
        assert shown(profile) == FULL
        assert profile == await db.get_profile(GUEST)


@pytest.mark.parametrize("name", CHANGES)
@pytest.mark.parametrize("kind", KINDS)
async def test_what_is_not_given_stays(kind: str, database_url: str, name: str) -> None:
    async with Either(kind, database_url) as db:
        await db.update_profile(GUEST, **FULL)
        await db.update_profile(GUEST, **{name: CHANGES[name]})
        assert shown(await db.get_profile(GUEST)) == {**FULL, name: CHANGES[name]}


@pytest.mark.parametrize("kind", KINDS)
async def test_none_is_not_given(kind: str, database_url: str) -> None:
    async with Either(kind, database_url) as db:
        before = await db.update_profile(GUEST, **FULL)
        assert await db.update_profile(GUEST, **dict.fromkeys(FULL)) == before


EMPTY: dict[str, Any] = {"chat_id": None, "user_name": None, "contact_name": None, "labels": [], "profile_data": {}}


@pytest.mark.parametrize("name", EMPTY)
@pytest.mark.parametrize("kind", KINDS)
async def test_clear_empties_a_column(kind: str, database_url: str, name: str) -> None:
    async with Either(kind, database_url) as db:
        await db.update_profile(GUEST, **FULL)
        await db.get_context(GUEST)
        await db.update_profile(GUEST, **{name: CLEAR})
        cleared = await db.update_profile(GUEST, **{name: CLEAR})
        assert shown(cleared) == {**FULL, name: EMPTY[name]}
        assert await db.update_profile(OTHER, **{name: CLEAR}) == await db.get_profile(OTHER)


@pytest.mark.parametrize("kind", KINDS)
async def test_labels_that_look_alike_are_one(kind: str, database_url: str) -> None:
    composed, decomposed = "caf\N{LATIN SMALL LETTER E WITH ACUTE}", "cafe\N{COMBINING ACUTE ACCENT}"
    async with Either(kind, database_url) as db:
        await db.update_profile(GUEST, user_name=decomposed, labels=[composed])
        profile = await db.add_labels(GUEST, [decomposed])
        assert (profile.user_name, profile.labels) == (composed, [composed])
        assert (await db.remove_labels(GUEST, [decomposed])).labels == []
        longest = "\N{HOTEL}" * 500
        assert (await db.add_labels(GUEST, [longest])).labels == [longest]


@pytest.mark.parametrize("kind", KINDS)
async def test_keys_of_the_data_merge(kind: str, database_url: str) -> None:
    async with Either(kind, database_url) as db:
        await db.update_profile(GUEST, profile_data={"a": 1, "b": {"c": 2}, "n": None})
        profile = await db.update_profile(GUEST, profile_data={"b": {"d": 3}, "n": None})
        assert profile.profile_data == {"a": 1, "b": {"d": 3}, "n": None}
        assert (await db.update_profile(GUEST, profile_data={})).profile_data == profile.profile_data


@pytest.mark.parametrize("kind", KINDS)
async def test_data_comes_back_as_it_was(kind: str, database_url: str) -> None:
    data = {"big": 2**70, "ñ 🏨": ["a\nb", "'", '"', "\\", "%s", "$1", ":x"], "float": 0.5, "": {}, "deep": [[[None]]]}
    async with Either(kind, database_url) as db:
        assert (await db.update_profile(GUEST, profile_data=data)).profile_data == data


@pytest.mark.parametrize("name", [GUEST, "+57 300 000 0001", "573000000001@c.us", "Usuario", "", "  "])
@pytest.mark.parametrize("kind", KINDS)
async def test_a_name_that_says_nothing_replaces_nothing(kind: str, database_url: str, name: str) -> None:
    async with Either(kind, database_url) as db:
        first = await db.update_profile(OTHER.replace("2", "1"), user_name=name)
        assert first.user_name is None
        await db.update_profile(GUEST, **FULL)
        await db.update_profile(GUEST, user_name=name, contact_name=name)
        assert shown(await db.get_profile(GUEST)) == FULL


@pytest.mark.parametrize("kind", KINDS)
async def test_writing_elsewhere_leaves_the_profile(kind: str, database_url: str) -> None:
    async with Either(kind, database_url) as db:
        before = await db.update_profile(GUEST, **FULL)
        await db.set_thread(GUEST, "t1")
        await db.add_thread_tokens(GUEST, "t2", 5)
        await db.clear_thread(GUEST)
        await db.record_interaction(GUEST)
        await db.flush()
        after = await db.get_profile(GUEST)
        assert shown(after) == FULL
        assert after.created_at == before.created_at


@pytest.mark.parametrize("kind", KINDS)
async def test_an_update_moves_no_interaction(kind: str, database_url: str) -> None:
    async with Either(kind, database_url) as db:
        await db.record_interaction(GUEST)
        await db.flush()
        before = await db.get_profile(GUEST)
        await db.update_profile(GUEST, **FULL)
        await db.add_labels(GUEST, ["new"])
        await db.set_thread(GUEST, "t1")
        await db.get_context(GUEST)
        await db.invalidate_context(GUEST)
        after = await db.get_profile(GUEST)
    assert after.last_interaction == before.last_interaction
    assert after.total_interactions == before.total_interactions == 1


SPELLINGS = ["+57 300 000 0001", "573000000001@c.us", "573000000001:12@s.whatsapp.net", "573000000001"]


@pytest.mark.parametrize("kind", KINDS)
async def test_all_spellings_are_one_guest(kind: str, database_url: str, autocommit: Connection) -> None:
    async with Either(kind, database_url) as db:
        await db.update_profile(SPELLINGS[0], user_name="Ana")
        await db.add_labels(SPELLINGS[1], ["a"])
        await db.set_thread(SPELLINGS[2], "t1")
        await db.record_interaction(SPELLINGS[3])
        await db.record_interaction(SPELLINGS[1])
        await db.flush()
        profiles = [await db.get_profile(spelling) for spelling in SPELLINGS]
        texts = await db.get_contexts(SPELLINGS)
    assert all(profile == profiles[0] for profile in profiles)
    assert (profiles[0].user_name, profiles[0].labels, profiles[0].total_interactions) == ("Ana", ["a"], 2)
    assert list(texts) == SPELLINGS
    assert autocommit.execute("SELECT count(*) FROM guest_profiles").fetchone() == (1,)


@pytest.mark.parametrize("kind", KINDS)
async def test_guests_without_a_phone_collide_with_no_one(kind: str, database_url: str) -> None:
    ids = ["81234567890123", "81234567890123@lid", "CO.81234567890123"]
    async with Either(kind, database_url) as db:
        for user_id in ids:
            await db.update_profile(user_id, user_name=f"I am {user_id}")
            await db.record_interaction(user_id)
        assert await db.flush() == 3
        for user_id in ids:
            assert (await db.get_profile(user_id)).user_name == f"I am {user_id}"
            assert (await db.get_context(user_id)).startswith(f"[I am {user_id} |")


@pytest.mark.parametrize("chat_id", ["120363000000000001@g.us", "120363000000000001@newsletter", "status@broadcast"])
@pytest.mark.parametrize("kind", KINDS)
async def test_a_group_is_a_chat_and_no_guest(kind: str, database_url: str, chat_id: str) -> None:
    async with Either(kind, database_url) as db:
        with pytest.raises(InvalidUserId):
            await db.update_profile(chat_id)
        assert (await db.update_profile(GUEST, chat_id=chat_id)).chat_id == chat_id


CALLS: dict[str, tuple[Any, ...]] = {
    "get_context": (),
    "invalidate_context": (),
    "get_profile": (),
    "update_profile": (),
    "add_labels": (["a"],),
    "remove_labels": (["a"],),
    "get_thread": (),
    "set_thread": ("t1",),
    "clear_thread": (),
    "add_thread_tokens": ("t1", 5),
    "record_interaction": (),
    "export_guest": (),
    "forget_guest": (),
}


@pytest.mark.parametrize("kind", KINDS)
async def test_the_bots_own_numbers_are_refused_everywhere(
    kind: str, database_url: str, autocommit: Connection
) -> None:
    async with Either(kind, database_url, own_numbers=("+57 300 000 0001",)) as db:
        for spelling in SPELLINGS:
            for name, arguments in CALLS.items():
                with pytest.raises(InvalidUserId, match="own number"):
                    await getattr(db, name)(spelling, *arguments)
            with pytest.raises(InvalidUserId, match="own number"):
                await db.get_contexts([OTHER, spelling])
            for pair in [(spelling, OTHER), (OTHER, spelling)]:
                with pytest.raises(InvalidUserId, match="own number"):
                    await db.merge_guests(*pair)
        assert await db.flush() == 0
    assert autocommit.execute("SELECT count(*) FROM guest_profiles").fetchone() == (0,)


def test_an_own_number_that_is_none(database_url: str) -> None:
    with pytest.raises(SettingsError, match="GUESTSQL_OWN_NUMBERS"):
        GuestDatabase(settings=make_settings(database_url, own_numbers=("hotel",)))


@pytest.mark.parametrize("kind", KINDS)
async def test_an_id_that_is_nothing_is_refused_everywhere(kind: str, database_url: str) -> None:
    async with Either(kind, database_url) as db:
        for name, arguments in CALLS.items():
            with pytest.raises(InvalidUserId):
                await getattr(db, name)("Usuario", *arguments)


@pytest.mark.parametrize(
    "changes",
    [
        {"user_name": "a\x00b"},
        {"user_name": "\ud83d"},
        {"user_name": 5},
        {"labels": "VIP"},
        {"labels": [1]},
        {"labels": [{"name": "VIP"}]},
        {"profile_data": {"a": "\x00"}},
        {"profile_data": {"a": object()}},
        {"chat_id": ""},
        {"memory_enabled": CLEAR},
        {"memory_enabled": "yes"},
    ],
    ids=case_id,
)
@pytest.mark.parametrize("kind", KINDS)
async def test_bad_values_change_nothing(
    kind: str, database_url: str, autocommit: Connection, changes: dict[str, Any]
) -> None:
    async with Either(kind, database_url) as db:
        await db.update_profile(GUEST, **FULL)
        before = traces(autocommit)
        with pytest.raises(InvalidValue):
            await db.update_profile(GUEST, **changes)
        assert traces(autocommit) == before


@pytest.mark.parametrize("kind", KINDS)
async def test_labels(kind: str, database_url: str) -> None:
    async with Either(kind, database_url) as db:

        async def labels() -> list[str]:
            return list((await db.get_profile(GUEST)).labels)

        assert (await db.add_labels(GUEST, ["b", "a", "b"])).labels == ["b", "a"]
        assert (await db.add_labels(GUEST, ["c", "a", "d"])).labels == ["b", "a", "c", "d"]
        assert (await db.remove_labels(GUEST, ["a", "x"])).labels == ["b", "c", "d"]
        assert (await db.update_profile(GUEST, labels=["d", "b"])).labels == ["d", "b"]
        assert (await db.add_labels(GUEST, [])).labels == ["d", "b"]
        assert (await db.remove_labels(GUEST, [])).labels == ["d", "b"]
        assert (await db.remove_labels(GUEST, ["b", "d"])).labels == []
        await db.add_labels(GUEST, [" Colega Jefe ", 'a"b', "a,b", "{}", "NULL"])
        assert await labels() == ["Colega Jefe", 'a"b', "a,b", "{}", "NULL"]
        await db.update_profile(GUEST, user_name="Ana")
        assert len(await labels()) == 5
        assert (await db.update_profile(GUEST, labels=[])).labels == []
        assert await labels() == []


@pytest.mark.parametrize("kind", KINDS)
async def test_labels_of_a_guest_not_known(kind: str, database_url: str) -> None:
    async with Either(kind, database_url) as db:
        assert (await db.add_labels(GUEST, [])).labels == []
        assert (await db.remove_labels(OTHER, ["a"])).labels == []
        assert await db.get_profile(OTHER) is not None


@pytest.mark.parametrize("labels", [None, "VIP", [None], [""], 5], ids=case_id)
@pytest.mark.parametrize("name", ["add_labels", "remove_labels"])
@pytest.mark.parametrize("kind", KINDS)
async def test_bad_labels(kind: str, database_url: str, name: str, labels: Any) -> None:
    async with Either(kind, database_url) as db:
        with pytest.raises(InvalidValue):
            await getattr(db, name)(GUEST, labels)
        assert await db.get_profile(GUEST) is None


SAME: list[Callable[[Either], Any]] = [
    lambda db: db.update_profile(GUEST),
    lambda db: db.update_profile(GUEST, **FULL),
    lambda db: db.update_profile(GUEST, profile_data={"room": 5}),
    lambda db: db.update_profile(GUEST, profile_data={}),
    lambda db: db.update_profile(GUEST, user_name="Usuario", contact_name=GUEST),
    lambda db: db.update_profile(GUEST, user_name=" Ana "),
    lambda db: db.add_labels(GUEST, ["cotización"]),
    lambda db: db.remove_labels(GUEST, ["nothing"]),
    lambda db: db.set_thread(GUEST, "t1"),
    lambda db: db.get_profile(GUEST),
    lambda db: db.get_thread(GUEST),
    lambda db: db.clear_thread(OTHER),
    lambda db: db.flush(),
    lambda db: db.export_guest(GUEST),
]


@pytest.mark.parametrize("kind", KINDS)
async def test_what_changes_nothing_writes_nothing(kind: str, database_url: str, autocommit: Connection) -> None:
    """Not a new version of the row, nor as much as a lock on it."""
    async with Either(kind, database_url) as db:
        await db.update_profile(GUEST, **FULL)
        await db.set_thread(GUEST, "t1")
        await db.update_profile(OTHER)
        before = traces(autocommit), traces(autocommit, OTHER), column(autocommit, "context_epoch")
        for call in SAME:
            await call(db)
            assert (traces(autocommit), traces(autocommit, OTHER), column(autocommit, "context_epoch")) == before


@pytest.mark.parametrize("kind", KINDS)
async def test_what_changes_nothing_waits_for_no_one(kind: str, database_url: str, autocommit: Connection) -> None:
    """While another session holds the row: the calls return."""
    async with Either(kind, database_url) as db:
        await db.update_profile(GUEST, **FULL)
        await db.set_thread(GUEST, "t1")
        await db.update_profile(OTHER)
        with autocommit.transaction():
            autocommit.execute("SELECT FROM guest_profiles WHERE phone_number = %s FOR UPDATE", [GUEST])
            for call in SAME:
                await call(db)


async def test_four_first_writers_make_one_row(database_url: str, autocommit: Connection) -> None:
    async with Either("async", database_url, pool_max=4, pool_min=4) as db:
        await asyncio.gather(
            db.update_profile(GUEST, user_name="Ana"),
            db.add_labels(GUEST, ["a"]),
            db.set_thread(GUEST, "t1"),
            db.add_thread_tokens(GUEST, "t1", 5),
            db.get_context(GUEST),
        )
        profile = await db.get_profile(GUEST)
    assert (profile.user_name, profile.labels, profile.thread_id) == ("Ana", ["a"], "t1")
    assert autocommit.execute("SELECT count(*) FROM guest_profiles").fetchone() == (1,)


def _together(*calls: Callable[[], object]) -> None:
    """Run calls in threads that start at once."""
    barrier = threading.Barrier(len(calls))
    failures: list[BaseException] = []

    def run(call: Callable[[], object]) -> None:
        barrier.wait()
        try:
            call()
        except BaseException as error:  # noqa: BLE001  shown below
            failures.append(error)

    threads = [threading.Thread(target=run, args=(call,)) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


def test_labels_of_concurrent_writers_sum(database_url: str) -> None:
    with GuestDatabase(settings=make_settings(database_url)) as db:
        _together(
            *(
                lambda number=number: [db.add_labels(GUEST, [f"{number}-{i}", "same"]) for i in range(10)]  # type: ignore[misc]
                for number in range(8)
            )
        )
        profile = db.get_profile(GUEST)
    assert profile is not None
    assert len(profile.labels) == len(set(profile.labels)) == 81


def test_disjoint_keys_of_concurrent_writers_are_both_kept(database_url: str) -> None:
    with GuestDatabase(settings=make_settings(database_url)) as db:
        _together(
            *(
                lambda number=number: [  # type: ignore[misc]
                    db.update_profile(GUEST, profile_data={f"{number}-{i}": i}) for i in range(10)
                ]
                for number in range(8)
            )
        )
        profile = db.get_profile(GUEST)
    assert profile is not None
    assert profile.profile_data == {f"{number}-{i}": i for number in range(8) for i in range(10)}


@pytest.mark.parametrize("kind", KINDS)
async def test_another_process_is_seen_at_once(kind: str, database_url: str, autocommit: Connection) -> None:
    async with Either(kind, database_url) as db:
        await db.update_profile(GUEST, user_name="Ana")
        autocommit.execute("UPDATE guest_profiles SET user_name = 'Eva'")
        assert (await db.get_profile(GUEST)).user_name == "Eva"


@pytest.mark.parametrize("kind", KINDS)
async def test_memory_off(kind: str, database_url: str) -> None:
    async with Either(kind, database_url) as db:
        await db.update_profile(GUEST, user_name="Ana")
        assert await db.get_context(GUEST) != ""
        await db.update_profile(GUEST, memory_enabled=False)
        assert await db.get_context(GUEST) == ""
        assert await db.get_contexts([GUEST]) == {GUEST: ""}
        await db.update_profile(GUEST, memory_enabled=True)
        assert (await db.get_context(GUEST)).startswith("[Ana |")


@pytest.mark.parametrize("kind", KINDS)
async def test_export_and_forget(kind: str, database_url: str) -> None:
    async with Either(kind, database_url) as db:
        await db.update_profile(GUEST, **FULL)
        await db.update_profile(OTHER, user_name="Eva")
        stored = await db.export_guest(SPELLINGS[0])
        assert {table: len(rows) for table, rows in nonempty(stored).items()} == {
            "guest_ids": 1,
            "guest_profiles": 1,
        }
        assert stored["guest_profiles"][0]["profile_data"] == FULL["profile_data"]
        await db.record_interaction(GUEST)
        assert nonempty(await db.forget_guest(SPELLINGS[1])) == {
            "guest_ids": 1,
            "guest_profiles": 1,
        }
        assert await db.flush() == 0
        assert await db.get_profile(GUEST) is None
        assert nonempty(await db.export_guest(GUEST)) == {}
        assert nonempty(await db.forget_guest(GUEST)) == {}
        assert (await db.get_profile(OTHER)).user_name == "Eva"


def test_a_change_of_a_guest_who_is_forgotten_in_that_moment_is_written(
    database_url: str, autocommit: Connection
) -> None:
    with GuestDatabase(settings=make_settings(database_url)) as db:
        db.update_profile(GUEST, user_name="Ana")
        call = db._call

        def forgetful(name: str, **parameters: Any) -> Any:
            if name == "get_profile":
                autocommit.execute("DELETE FROM guest_profiles")
            return call(name, **parameters)

        db._call = forgetful  # type: ignore[method-assign]
        assert db.update_profile(GUEST, user_name="Ana").user_name == "Ana"
        assert db.add_labels(GUEST, ["VIP"]).labels == ["VIP"]
