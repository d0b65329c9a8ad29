"""Many contexts at once, memory that is off, and a default in place of an error. Both classes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import psycopg
import pytest

from guestsql import errors
from tests.context_helpers import GUEST, Open, count_calls, counting, opening, seed, stored

Connection = psycopg.Connection[tuple[Any, ...]]

OTHER = "573000000002"
NEW = "573000000003"


@pytest.fixture(params=["async", "sync"])
async def opened(request: pytest.FixtureRequest, database_url: str) -> AsyncIterator[Open]:
    """Opens databases of the class under test."""
    async with opening(request.param, database_url) as made:
        yield made


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the queries that are run."""
    return count_calls(monkeypatch)


# Memory off.


async def test_memory_off_gives_no_context_and_builds_none(
    opened: Open, autocommit: Connection, calls: list[str]
) -> None:
    profiles, build = counting()
    database = await opened(build)
    await database.update_profile(GUEST, user_name="Ana", memory_enabled=False)
    seed(autocommit, "stored text", "1 second", guest=OTHER)
    autocommit.execute("UPDATE guest_profiles SET memory_enabled = false")
    calls.clear()

    assert await database.get_context(GUEST) == ""
    assert await database.get_context(OTHER) == ""
    assert await database.get_context(GUEST, ttl_seconds=0) == ""
    assert await database.get_contexts([GUEST, OTHER]) == {GUEST: "", OTHER: ""}
    assert calls == ["lookup_context"] * 3 + ["lookup_contexts"]
    assert profiles == []

    await database.update_profile(GUEST, memory_enabled=True)
    assert await database.get_context(GUEST) == "text 1 of Ana"


async def test_memory_turned_off_between_lookup_and_claim(
    opened: Open, autocommit: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    profiles, build = counting()
    database = await opened(build)
    seed(autocommit, None)
    executor = type(database.raw._engine.executor)
    call = executor.call

    def turned_off(self: Any, name: str, *given: Any, **known: Any) -> Any:
        if name == "claim_context":
            autocommit.execute("UPDATE guest_profiles SET memory_enabled = false")
        return call(self, name, *given, **known)

    monkeypatch.setattr(executor, "call", turned_off)

    assert await database.get_context(GUEST) == ""
    assert profiles == []
    assert stored(autocommit)[2] is None


# Many at once.


async def test_get_contexts_keeps_ids_and_order_and_reads_all_hits_at_once(
    opened: Open, autocommit: Connection, calls: list[str]
) -> None:
    profiles, build = counting()
    database = await opened(build)
    guests = [f"5730000001{number:02}" for number in range(20)]
    for guest in guests:
        seed(autocommit, f"text of {guest}", "1 second", guest=guest)
    asked = [f"+{guest}" if number % 2 else f"{guest}@c.us" for number, guest in enumerate(reversed(guests))]

    texts = await database.get_contexts(iter(asked))

    assert list(texts) == asked
    assert [texts[spelled] for spelled in asked] == [f"text of {guest}" for guest in reversed(guests)]
    assert calls == ["lookup_contexts"]
    assert profiles == []


async def test_get_contexts_builds_what_is_missing_and_only_that(
    opened: Open, autocommit: Connection, calls: list[str]
) -> None:
    profiles, build = counting(lambda profile: f"new text of {profile.phone_number}")
    database = await opened(build)
    seed(autocommit, "stored text", "1 second")
    seed(autocommit, "old text", guest=OTHER)

    texts = await database.get_contexts([NEW, OTHER, f"+{GUEST}", GUEST, f"{OTHER}@s.whatsapp.net"])

    assert list(texts.items()) == [
        (NEW, f"new text of {NEW}"),
        (OTHER, f"new text of {OTHER}"),
        (f"+{GUEST}", "stored text"),
        (GUEST, "stored text"),
        (f"{OTHER}@s.whatsapp.net", f"new text of {OTHER}"),
    ]
    assert [profile.phone_number for profile in profiles] == [OTHER, NEW]
    assert calls.count("lookup_contexts") == 1
    calls.clear()
    assert await database.get_contexts(list(texts)) == texts
    assert calls == ["lookup_contexts"]


async def test_get_contexts_of_no_one_asks_no_one(opened: Open, calls: list[str]) -> None:
    database = await opened()
    assert await database.get_contexts([]) == {}
    assert calls == []


async def test_get_contexts_refuses_an_id_that_is_no_guests_before_anything_is_built(
    opened: Open, autocommit: Connection
) -> None:
    profiles, build = counting()
    database = await opened(build)

    with pytest.raises(errors.InvalidUserId):
        await database.get_contexts([GUEST, "120363000000000001@g.us"])
    assert profiles == []
    assert autocommit.execute("SELECT count(*) FROM guest_profiles").fetchone() == (0,)


async def test_get_contexts_takes_a_ttl(opened: Open, autocommit: Connection) -> None:
    database = await opened(counting()[1])
    seed(autocommit, "stored text", "1 hour")

    assert await database.get_contexts([GUEST], ttl_seconds=7200) == {GUEST: "stored text"}
    assert await database.get_contexts([GUEST], ttl_seconds=0) == {GUEST: "text 1 of Ana"}


# A default in place of an error.


async def test_a_default_stands_in_for_a_database_error_only(opened: Open, autocommit: Connection) -> None:
    def fail(_: object) -> str:
        raise OSError("the gateway is away")

    database = await opened(fail)
    with pytest.raises(OSError, match="away"):
        await database.get_context(GUEST, default="")
    for unusable in ("120363000000000001@g.us", "", "x"):
        with pytest.raises(errors.InvalidUserId):
            await database.get_context(unusable, default="")

    autocommit.execute("ALTER TABLE guest_profiles RENAME TO gone")
    assert await database.get_context(GUEST, default="") == ""
    assert await database.get_context(GUEST, default="a default") == "a default"
    with pytest.raises(errors.DatabaseError) as caught:
        await database.get_context(GUEST)
    assert caught.value.sqlstate == "42P01"
    assert "guestsql migrate up" in caught.value.hint


async def test_a_default_never_hides_an_answer(opened: Open, autocommit: Connection) -> None:
    database = await opened(counting()[1])
    seed(autocommit, "stored text", "1 second")
    assert await database.get_context(GUEST, default="a default") == "stored text"
    assert await database.get_context(OTHER, default="a default") == "text 1 of None"
