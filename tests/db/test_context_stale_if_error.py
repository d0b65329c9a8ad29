"""What a caller gets when a builder fails: an old text if it asked for one, else the error, with all that waited.

Both classes.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from typing import Any

import psycopg
import pytest

from guestsql import AsyncGuestDatabase, GuestDatabase, GuestProfile, errors
from tests.context_helpers import GUEST, Builder, Either, Open, eventually, make_settings, opening, seed, stored

Connection = psycopg.Connection[tuple[Any, ...]]

OTHER = "573000000002"
CALLERS = 20


class GatewayError(Exception):
    """Nothing that guestsql knows."""


@pytest.fixture(params=["async", "sync"])
async def opened(request: pytest.FixtureRequest, database_url: str) -> AsyncIterator[Open]:
    """Opens databases of the class under test."""
    async with opening(request.param, database_url) as made:
        yield made


def failing(_: GuestProfile) -> str:
    raise GatewayError("503")


async def test_an_old_text_in_place_of_the_error(
    opened: Open, autocommit: Connection, caplog: pytest.LogCaptureFixture
) -> None:
    database = await opened(failing)
    seed(autocommit, "old text at {HH:MM}")

    text = await database.get_context(GUEST, stale_if_error=True)

    assert text.startswith("old text at ")
    assert "{HH:MM}" not in text
    assert stored(autocommit) == ("old text at {HH:MM}", 0, None, True)
    [record] = [record for record in caplog.records if getattr(record, "event", "") == "CONTEXT_STALE_IF_ERROR"]
    assert record.levelno == logging.WARNING
    assert record.reason == "GatewayError"  # type: ignore[attr-defined]
    assert GUEST not in record.getMessage()
    assert database.raw.figures().outcomes == {"stale": 1}
    with pytest.raises(GatewayError):
        await database.get_context(GUEST)


async def test_also_when_nothing_but_a_new_text_was_wanted(opened: Open, autocommit: Connection) -> None:
    database = await opened(failing)
    seed(autocommit, "old text", "1 second")
    assert await database.get_context(GUEST, ttl_seconds=0, stale_if_error=True) == "old text"


@pytest.mark.parametrize("text", [None, "old text"])
async def test_without_a_text_that_is_right_the_error_is_raised(
    opened: Open, autocommit: Connection, text: str | None
) -> None:
    database = await opened(failing)
    seed(autocommit, text)
    autocommit.execute("UPDATE guest_profiles SET user_name = 'Berta'")  # the text is of Ana
    for _ in range(2):
        with pytest.raises(GatewayError):
            await database.get_context(GUEST, stale_if_error=True, default="not for errors of the builder")
    with pytest.raises(GatewayError):
        await database.get_context(OTHER, stale_if_error=True)
    assert database.raw.figures().outcomes == {"error": 3}


async def test_a_text_that_became_wrong_during_the_build_is_not_returned(opened: Open, autocommit: Connection) -> None:
    builder = Builder(failing)
    database = await opened(builder)
    seed(autocommit, "old text")

    asked = asyncio.create_task(database.get_context(GUEST, stale_if_error=True))
    go = await builder.called()
    await database.add_labels(GUEST, ["vip"])
    go.set()

    with pytest.raises(GatewayError):
        await asked


async def test_memory_that_was_turned_off_during_the_build_stays_off(opened: Open, autocommit: Connection) -> None:
    builder = Builder(failing)
    database = await opened(builder)
    seed(autocommit, "old text")

    asked = asyncio.create_task(database.get_context(GUEST, stale_if_error=True))
    go = await builder.called()
    autocommit.execute("UPDATE guest_profiles SET memory_enabled = FALSE")
    go.set()

    assert await asked == ""


async def test_an_old_text_when_the_new_one_cannot_be_stored(opened: Open, autocommit: Connection) -> None:
    autocommit.execute(
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'disk full'; END $$;"
        "CREATE TRIGGER refuse BEFORE UPDATE OF context_cache ON guest_profiles FOR EACH ROW EXECUTE FUNCTION refuse()"
    )
    database = await opened(lambda _: "new text")
    seed(autocommit, "old text")

    assert await database.get_context(GUEST, stale_if_error=True) == "old text"
    with pytest.raises(errors.DatabaseError, match="disk full"):
        await database.get_context(GUEST)
    assert await database.get_context(GUEST, default="none") == "none"
    assert await database.get_context(GUEST, default="none", stale_if_error=True) == "old text"


async def test_of_many_guests_each_has_its_own_old_text(opened: Open, autocommit: Connection) -> None:
    database = await opened(failing)
    seed(autocommit, "fresh", "0")
    seed(autocommit, "old", guest=OTHER)
    wanted = [GUEST, OTHER]
    assert await database.get_contexts(wanted, stale_if_error=True) == {GUEST: "fresh", OTHER: "old"}
    with pytest.raises(GatewayError):
        await database.get_contexts(wanted)
    with pytest.raises(GatewayError):
        await database.get_contexts([*wanted, "573000000003"], stale_if_error=True)


# Those that wait.


async def test_twenty_that_wait_get_one_failure(
    opened: Open, autocommit: Connection, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "guestsql")
    builder = Builder(failing)
    database = await opened(builder)
    seed(autocommit, None)

    asked = [asyncio.create_task(database.get_context(GUEST)) for _ in range(CALLERS)]
    go = await builder.called()
    # Each of them has looked, and found nothing.
    await eventually(
        lambda: sum(getattr(each, "event", "") == "CONTEXT_CACHE_MISS" for each in caplog.records) == CALLERS
    )
    go.set()

    results = await asyncio.gather(*asked, return_exceptions=True)
    assert {type(result) for result in results} == {GatewayError}
    assert len({id(result) for result in results}) == 1
    assert len(builder.profiles) == 1
    assert stored(autocommit) == (None, 0, None, False)

    again = asyncio.create_task(database.get_context(GUEST))
    (await builder.called()).set()
    with pytest.raises(GatewayError):
        await again
    assert len(builder.profiles) == 2  # what failed once is tried again by the next


async def test_a_cancelled_build_is_taken_over_by_those_that_wait(database_url: str, autocommit: Connection) -> None:
    builder = Builder()
    seed(autocommit, None)
    async with Either("async", database_url, builder) as database:
        first = asyncio.create_task(database.get_context(GUEST))
        abandoned = await builder.called()
        second = asyncio.create_task(database.get_context(GUEST))
        await asyncio.sleep(0)
        first.cancel()
        (await builder.called()).set()
        assert await second == "text of Ana"
        abandoned.set()


# A builder that asks for itself.

SELF = "requested the context that it builds"


def test_a_builder_that_requests_its_own_context_is_rejected(database_url: str, autocommit: Connection) -> None:
    seed(autocommit, "old text")

    def build(profile: GuestProfile) -> str:
        return database.get_context(profile.phone_number, default="not for this")

    with GuestDatabase(settings=make_settings(database_url), context_builder=build) as database:
        with pytest.raises(errors.InvalidValue, match=SELF) as caught:
            database.get_context(GUEST)
        assert "GuestProfile" in caught.value.hint
        assert stored(autocommit) == ("old text", 0, None, True)
        with pytest.raises(errors.InvalidValue, match=SELF):
            database.get_contexts([OTHER])


def test_also_through_the_context_of_another_guest(database_url: str, autocommit: Connection) -> None:
    def build(profile: GuestProfile) -> str:
        other = OTHER if profile.phone_number == GUEST else GUEST
        return next(iter(database.get_contexts([other]).values()))

    with GuestDatabase(settings=make_settings(database_url), context_builder=build) as database:
        for guest in (GUEST, OTHER):
            with pytest.raises(errors.InvalidValue, match=SELF):
                database.get_context(guest)
        assert stored(autocommit) == (None, 0, None, False)
        assert stored(autocommit, OTHER) == (None, 0, None, False)


async def test_a_coroutine_that_requests_its_own_context_is_rejected(database_url: str) -> None:
    async def build(profile: GuestProfile) -> str:
        calls = [database.get_context(profile.phone_number), database.get_contexts([profile.phone_number])]
        results = await asyncio.gather(*calls, return_exceptions=True)  # in tasks of their own
        assert [type(result) for result in results] == [errors.InvalidValue] * 2
        return await database.get_context(profile.phone_number)

    settings = make_settings(database_url)
    async with AsyncGuestDatabase(settings=settings, context_builder=build) as database:
        with pytest.raises(errors.InvalidValue, match=SELF):
            await database.get_context(GUEST)


async def test_a_builder_may_use_the_context_of_another_guest(database_url: str) -> None:
    async def build(profile: GuestProfile) -> str:
        return "other" if profile.phone_number == OTHER else f"with {await database.get_context(OTHER)}"

    settings = make_settings(database_url)
    async with AsyncGuestDatabase(settings=settings, context_builder=build) as database:
        assert await database.get_context(GUEST) == "with other"


async def test_a_task_that_outlives_its_builder_may_request_the_context(database_url: str) -> None:
    go = asyncio.Event()
    later: list[asyncio.Task[str]] = []

    async def ask_later(user_id: str) -> str:
        await go.wait()
        return await database.get_context(user_id)

    async def build(profile: GuestProfile) -> str:
        later.append(asyncio.create_task(ask_later(profile.phone_number)))
        return "text"

    settings = make_settings(database_url)
    async with AsyncGuestDatabase(settings=settings, context_builder=build) as database:
        assert await database.get_context(GUEST) == "text"
        go.set()
        assert await later[0] == "text"
