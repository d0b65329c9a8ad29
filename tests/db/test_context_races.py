"""Many callers against many changes: no caller ever gets a text older than what was known when it asked."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from typing import Any

import psycopg
import pytest

from guestsql import GuestProfile, errors
from tests.context_helpers import GUEST, PATIENCE_SECONDS, Either, Open, opening, seed

Connection = psycopg.Connection[tuple[Any, ...]]

READERS = 6
CHANGES = 40
OTHER = "573000000002"


@pytest.fixture(params=["async", "sync"])
async def opened(request: pytest.FixtureRequest, database_url: str) -> AsyncIterator[Open]:
    """Opens databases of the class under test."""
    async with opening(request.param, database_url) as made:
        yield made


@pytest.mark.parametrize("lease_seconds", [8.0, 0.001])
async def test_no_text_is_older_than_the_profile_was_when_it_was_asked_for(
    opened: Open, autocommit: Connection, lease_seconds: float
) -> None:
    """With the short lease every second build is a zombie's."""

    def build(profile: GuestProfile) -> str:
        return f"{profile.user_name}"

    databases = [await opened(build, lease_seconds=lease_seconds) for _ in range(2)]
    seed(autocommit, None, name="0")
    committed = 0
    chance = random.Random(5)

    async def write() -> None:
        nonlocal committed
        for number in range(1, CHANGES + 1):
            if chance.random() < 0.5:
                await databases[0].update_profile(GUEST, user_name=str(number))
            else:
                await asyncio.to_thread(autocommit.execute, "UPDATE guest_profiles SET user_name = %s", (str(number),))
            committed = number
            for _ in range(chance.randrange(4)):  # let some texts become old, and some be hit
                await databases[0].invalidate_context(GUEST)

    async def read(reader: int) -> None:
        database = databases[reader % 2]
        while not writer.done():
            known = committed
            if chance.random() < 0.2:
                text = (await database.get_contexts([GUEST]))[GUEST]
            else:
                text = await database.get_context(GUEST, ttl_seconds=chance.choice([0, 0.001, 300]))
            assert int(text) >= known

    writer = asyncio.create_task(write())
    await asyncio.gather(writer, *(read(reader) for reader in range(READERS)))

    assert await databases[1].get_context(GUEST) == str(committed)


async def test_a_forgotten_guests_text_never_comes_back(opened: Open) -> None:
    """The guest is forgotten and created anew again and again, with another name each time."""
    database = await opened(lambda profile: f"{profile.user_name or 0}")
    committed = 0

    async def write() -> None:
        nonlocal committed
        for number in range(1, CHANGES + 1):
            await database.forget_guest(GUEST)
            await database.update_profile(GUEST, user_name=str(number))
            committed = number

    async def read() -> None:
        while not writer.done():
            known = committed
            text = await database.get_context(GUEST, ttl_seconds=0)
            assert text == "0" or int(text) >= known

    writer = asyncio.create_task(write())
    await asyncio.gather(writer, *(read() for _ in range(READERS)))


async def test_a_builder_may_ask_for_another_guest_with_one_connection(opened: Open) -> None:
    loop = asyncio.get_running_loop()
    database: Either

    def build(profile: GuestProfile) -> str:
        if profile.phone_number == OTHER:
            return "text of the other"
        asked = asyncio.run_coroutine_threadsafe(database.get_context(OTHER), loop)
        return f"mine, and {asked.result(PATIENCE_SECONDS)}"

    database = await opened(build, pool_max=1)

    assert await database.get_context(GUEST) == "mine, and text of the other"


async def test_a_builder_that_requests_its_own_context_through_a_loop_is_rejected(
    opened: Open, autocommit: Connection
) -> None:
    loop = asyncio.get_running_loop()
    database: Either

    def build(_: GuestProfile) -> str:
        return asyncio.run_coroutine_threadsafe(database.get_context(GUEST), loop).result(PATIENCE_SECONDS)

    database = await opened(build)

    with pytest.raises(errors.InvalidValue, match="requested the context that it builds"):
        await database.get_context(GUEST)
    assert autocommit.execute("SELECT context_lease FROM guest_profiles").fetchone() == (None,)
