"""Builders that fail, are cancelled or take too long. Both classes."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import AsyncIterator
from typing import Any

import psycopg
import pytest

from guestsql import AsyncGuestDatabase, GuestDatabase, GuestProfile, errors
from guestsql.sql._async.executor import AsyncExecutor
from tests.context_helpers import (
    GUEST,
    Builder,
    Either,
    Open,
    eventually,
    make_settings,
    opening,
    queries_with,
    seed,
    stored,
)
from tests.databases import hurried

Connection = psycopg.Connection[tuple[Any, ...]]


@pytest.fixture(params=["async", "sync"])
async def opened(request: pytest.FixtureRequest, database_url: str) -> AsyncIterator[Open]:
    """Opens databases of the class under test."""
    async with opening(request.param, database_url) as made:
        yield made


def ask(database: Either, **known: Any) -> asyncio.Task[str]:
    return asyncio.create_task(database.get_context(GUEST, **known))


# A builder that fails.


@pytest.mark.parametrize("text", [None, "old text"])
async def test_a_builder_that_raises_gives_the_lease_back(
    opened: Open, autocommit: Connection, text: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "guestsql")

    class GatewayError(Exception):
        """Nothing that guestsql knows."""

    def answer(_: GuestProfile) -> str:
        if len(builder.profiles) == 1:
            raise GatewayError("404")
        return "new text"

    builder = Builder(answer)
    database = await opened(builder)
    seed(autocommit, text)

    failing = ask(database, default="not for errors of the builder")
    go = await builder.called()
    other = ask(database)
    if text is not None:
        assert await other == text
    await eventually(lambda: [getattr(each, "event", "") for each in caplog.records].count("CONTEXT_CACHE_MISS") == 2)
    go.set()
    with pytest.raises(GatewayError, match="404"):
        await failing
    if text is None:
        with pytest.raises(GatewayError, match="404"):
            await other
    assert stored(autocommit) == (text, 0, None, text is not None)
    again = ask(database)
    (await builder.called()).set()
    assert await again == "new text"
    assert stored(autocommit) == ("new text", 0, None, True)
    assert len(builder.profiles) == 2


@pytest.mark.parametrize("unusable", [None, 5, b"text", "NUL \x00", "half an emoji \ud83d"])
async def test_what_is_no_text_is_an_error_and_gives_the_lease_back(
    opened: Open, autocommit: Connection, unusable: Any
) -> None:
    database = await opened(lambda _: unusable)
    seed(autocommit, "old text")

    with pytest.raises(errors.InvalidValue, match="the builder returned"):
        await database.get_context(GUEST, default="not for this")
    assert stored(autocommit) == ("old text", 0, None, True)


async def test_a_builder_interrupted_from_the_keyboard_gives_the_lease_back(
    database_url: str, autocommit: Connection
) -> None:
    def build(_: GuestProfile) -> str:
        raise KeyboardInterrupt

    seed(autocommit, None)
    async with Either("sync", database_url, build) as database:
        with pytest.raises(KeyboardInterrupt):
            database.raw.get_context(GUEST)
        assert stored(autocommit)[2] is None


@pytest.mark.usefixtures("unhurried_releases")
async def test_a_cancelled_builder_gives_the_lease_back(database_url: str, autocommit: Connection) -> None:
    building = asyncio.Event()

    async def build(_: GuestProfile) -> str:
        building.set()
        await asyncio.Event().wait()
        return ""

    seed(autocommit, "old text")
    async with AsyncGuestDatabase(settings=make_settings(database_url), context_builder=build) as database:
        asked = asyncio.create_task(database.get_context(GUEST))
        await building.wait()
        assert stored(autocommit)[2] is not None
        asked.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asked
    assert stored(autocommit) == ("old text", 0, None, True)


@pytest.mark.usefixtures("unhurried_releases")
@pytest.mark.parametrize("query", ["claim_context", "publish_context"])
async def test_cancelled_on_the_way_to_the_server_and_back_it_leaves_no_lease(
    database_url: str, autocommit: Connection, monkeypatch: pytest.MonkeyPatch, query: str
) -> None:
    """The statement is done, and the answer never reaches the caller."""
    call = AsyncExecutor.call

    async def cancelled(self: AsyncExecutor, name: str, *given: Any, **known: Any) -> Any:
        if name == query and query == "publish_context":
            raise asyncio.CancelledError
        answer = await call(self, name, *given, **known)
        if name == query:
            raise asyncio.CancelledError
        return answer

    monkeypatch.setattr(AsyncExecutor, "call", cancelled)
    seed(autocommit, "old text")
    async with AsyncGuestDatabase(settings=make_settings(database_url)) as database:
        with pytest.raises(asyncio.CancelledError):
            await database.get_context(GUEST)
    assert stored(autocommit) == ("old text", 0, None, True)


async def test_a_caller_that_waits_may_be_cancelled(database_url: str, autocommit: Connection) -> None:
    builder = Builder()
    seed(autocommit, None)
    async with Either("async", database_url, builder) as database:
        first = ask(database)
        go = await builder.called()
        waiting = ask(database)
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert stored(autocommit)[2] is not None  # the builder's lease is not the waiter's to give back
        go.set()
        assert await first == "text of Ana"


# Deadlines.


async def test_who_waits_longer_than_the_deadline_gets_an_error(opened: Open, autocommit: Connection) -> None:
    builder = Builder()
    builders = await opened(builder, lease_seconds=3600.0)
    hasty = await opened(builder, lease_seconds=3600.0)
    await hasty.get_profile(GUEST)
    seed(autocommit, None)

    first = ask(builders)
    go = await builder.called()
    # On a busy machine the deadline may pass while it looks whether the other has built.
    with hurried(hasty, 0.5), pytest.raises(errors.QueryTimeout, match=r"still building|deadline passed") as caught:
        await hasty.get_context(GUEST)
    assert caught.value.retryable
    assert caught.value.query in ("claim_context", "lookup_context")
    assert "GUESTSQL_DEADLINE_SECONDS" in caught.value.hint
    with hurried(hasty, 0.2):
        assert await hasty.get_context(GUEST, default="") == ""
    go.set()

    assert await first == "text of Ana"
    assert await hasty.get_context(GUEST) == "text of Ana"
    assert len(builder.profiles) == 1


async def test_a_build_may_take_longer_than_the_deadline(opened: Open, autocommit: Connection) -> None:
    released = threading.Event()

    def build(profile: GuestProfile) -> str:
        released.wait(2.2)  # it is never set
        return f"text of {profile.user_name}"

    database = await opened(build)
    await database.get_profile(GUEST)
    seed(autocommit, None)

    with hurried(database, 2.0):
        assert await database.get_context(GUEST) == "text of Ana"
    assert stored(autocommit)[0] == "text of Ana"
    await database.invalidate_context(GUEST)
    await database.forget_guest("573000000002")
    with hurried(database, 2.0):
        texts = await database.get_contexts([GUEST, "573000000002"])
    assert list(texts.values()) == ["text of Ana", "text of None"]


async def test_a_default_query_that_returns_nothing_is_an_error(
    opened: Open, autocommit: Connection, tmp_path_factory: pytest.TempPathFactory
) -> None:
    body = "SELECT nullif(:phone_number::text, :phone_number::text)"
    database = await opened(queries_dir=queries_with(tmp_path_factory.mktemp("queries"), "build_context", body))
    seed(autocommit, "old text")

    with pytest.raises(errors.InvalidValue, match="build_context returned nothing"):
        await database.get_context(GUEST)
    assert stored(autocommit) == ("old text", 0, None, True)


async def test_the_default_query_is_the_dbas_to_change(
    opened: Open, autocommit: Connection, tmp_path_factory: pytest.TempPathFactory
) -> None:
    body = "SELECT 'Huésped ' || user_name FROM guest_profiles WHERE phone_number = :phone_number::text"
    database = await opened(queries_dir=queries_with(tmp_path_factory.mktemp("queries"), "build_context", body))
    seed(autocommit, None)

    assert await database.get_context(GUEST) == "Huésped Ana"


async def test_a_builder_of_the_other_class_is_reported_by_its_name(database_url):
    async def asynchronous(profile: GuestProfile) -> str:
        return profile.phone_number

    with (
        GuestDatabase(database_url, context_builder=asynchronous) as db,
        pytest.raises(errors.InvalidValue, match="context_builder is a coroutine function"),
    ):
        db.get_context(GUEST)
    async with AsyncGuestDatabase(database_url, context_builder=lambda profile: profile.phone_number) as db:
        with pytest.raises(errors.InvalidValue, match="context_builder is not a coroutine function"):
            await db.get_context(GUEST)
    with pytest.raises(errors.InvalidValue, match="context_builder is not a function"):
        GuestDatabase(database_url, context_builder=5)
