"""Building a context: who builds, who waits, and what overtakes a build. Both classes."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from guestsql import GuestProfile, errors
from tests.context_helpers import (
    GUEST,
    PATIENCE_SECONDS,
    Builder,
    Either,
    Open,
    eventually,
    opening,
    seed,
    stored,
    watch_pauses,
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


# What overtakes a build. Each is tried on a guest without a text and on one with a stale text.

PREPARED = pytest.mark.parametrize("text", [None, "text of Ana, old"])


@PREPARED
@pytest.mark.parametrize("by_sql", [False, True])
async def test_a_text_of_the_old_profile_is_neither_stored_nor_returned(
    opened: Open, autocommit: Connection, text: str | None, by_sql: bool
) -> None:
    builder = Builder()
    database = await opened(builder)
    seed(autocommit, text)

    asked = ask(database)
    go = await builder.called()
    if by_sql:
        autocommit.execute("UPDATE guest_profiles SET user_name = 'Berta'")
    else:
        await database.update_profile(GUEST, user_name="Berta")
    go.set()

    again = await builder.called()
    assert stored(autocommit)[0] == text  # the first build was refused
    again.set()
    assert await asked == "text of Berta"
    assert [profile.user_name for profile in builder.profiles] == ["Ana", "Berta"]
    assert stored(autocommit) == ("text of Berta", 1, None, True)


async def test_while_the_new_text_is_built_no_one_is_given_the_old_one(
    opened: Open, autocommit: Connection, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "guestsql")
    builder = Builder(lambda profile: f"labels {profile.labels}")
    database = await opened(builder)
    seed(autocommit, "labels []")

    first = ask(database)
    before = await builder.called()
    await database.add_labels(GUEST, ["vip"])
    second = ask(database)
    after = await builder.called()  # at once: the change took the first one's lease away
    before.set()
    await eventually(lambda: "CONTEXT_OVERTAKEN" in [record.event for record in caplog.records])
    third = ask(database)
    await eventually(lambda: len([record for record in caplog.records if record.event == "CONTEXT_CACHE_MISS"]) == 3)
    assert not any(asked.done() for asked in (first, second, third))
    after.set()

    assert await asyncio.gather(first, second, third) == ["labels ['vip']"] * 3
    assert len(builder.profiles) == 2


@pytest.mark.parametrize("fails", [False, True])
async def test_callers_of_one_process_go_on_when_its_build_ends(
    opened: Open, monkeypatch: pytest.MonkeyPatch, fails: bool
) -> None:
    resting = watch_pauses(monkeypatch)
    builder = Builder(lambda _: {}["gone"] if fails else "text")
    database = await opened(builder)
    with hurried(database, 7200.0):
        first = ask(database)
        go = await builder.called()
        others = [ask(database) for _ in range(3)]
        await eventually(lambda: len(resting) == 3)
        go.set()
        answers = await asyncio.wait_for(asyncio.gather(first, *others, return_exceptions=True), PATIENCE_SECONDS)
    assert [KeyError if isinstance(answer, KeyError) else answer for answer in answers] == [
        KeyError if fails else "text"
    ] * 4


@PREPARED
async def test_memory_turned_off_during_a_build_gives_no_context(
    opened: Open, autocommit: Connection, text: str | None
) -> None:
    builder = Builder()
    database = await opened(builder)
    seed(autocommit, text)

    asked = ask(database)
    go = await builder.called()
    await database.update_profile(GUEST, memory_enabled=False)
    go.set()

    assert await asked == ""
    assert stored(autocommit)[0] == text


async def test_nothing_of_a_guest_merged_during_a_build_is_returned(opened: Open, autocommit: Connection) -> None:
    """The merged guest has the older one's created_at, and may not have that one's epoch too."""
    builder = Builder()
    database = await opened(builder)
    seed(autocommit, None)
    autocommit.execute("UPDATE guest_profiles SET context_epoch = 1, created_at = created_at - interval '1 day'")

    asked = ask(database)
    go = await builder.called()
    await database.update_profile("573000000002", memory_enabled=False)
    await database.merge_guests("573000000002", GUEST)
    go.set()

    assert await asked == ""


@PREPARED
async def test_nothing_of_a_guest_forgotten_during_a_build_comes_back(
    opened: Open, autocommit: Connection, text: str | None
) -> None:
    builder = Builder()
    database = await opened(builder)
    seed(autocommit, text, labels=["vip"])

    asked = ask(database)
    go = await builder.called()
    await database.forget_guest(GUEST)
    go.set()
    (await builder.called()).set()

    assert await asked == "text of None"
    assert [(profile.user_name, profile.labels) for profile in builder.profiles] == [("Ana", ["vip"]), (None, [])]
    assert stored(autocommit)[0] == "text of None"


async def test_a_guest_forgotten_and_created_anew_during_a_build_is_another(
    opened: Open, autocommit: Connection
) -> None:
    builder = Builder()
    database = await opened(builder)
    seed(autocommit, None)

    asked = ask(database)
    go = await builder.called()
    await database.forget_guest(GUEST)
    await database.update_profile(GUEST, user_name="Berta")  # with the same epoch
    go.set()
    (await builder.called()).set()

    assert await asked == "text of Berta"


async def test_a_guest_forgotten_before_the_default_query_runs_is_created_anew(
    opened: Open, autocommit: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = await opened()
    seed(autocommit, "old text")
    autocommit.execute("UPDATE guest_profiles SET user_name = 'Ana'")
    cache = database.raw._context
    claim = cache._claim
    forgotten: list[bool] = []

    def forget() -> None:
        if not forgotten:
            forgotten.append(True)
            autocommit.execute("DELETE FROM guest_profiles")

    async def claim_async(*given: Any, **known: Any) -> Any:
        claimed = await claim(*given, **known)
        forget()
        return claimed

    def claim_sync(*given: Any, **known: Any) -> Any:
        claimed = claim(*given, **known)
        forget()
        return claimed

    monkeypatch.setattr(cache, "_claim", claim_async if database.kind == "async" else claim_sync)

    assert (await database.get_context(GUEST)).startswith("[Cliente | ")


async def test_invalidated_during_a_build_it_is_built_again(opened: Open, autocommit: Connection) -> None:
    texts = iter(["before", "after"])
    builder = Builder(lambda _: next(texts))
    database = await opened(builder)
    seed(autocommit, None)

    asked = ask(database)
    go = await builder.called()
    assert await database.invalidate_context(GUEST)
    go.set()
    (await builder.called()).set()

    assert await asked == "after"
    assert stored(autocommit)[0] == "after"


async def test_a_builder_may_change_its_guest_once(opened: Open, database_url: str) -> None:
    profiles: list[GuestProfile] = []

    def build(profile: GuestProfile) -> str:
        profiles.append(profile)
        with psycopg.connect(database_url, autocommit=True) as own:
            own.execute("UPDATE guest_profiles SET labels = '{found}' WHERE phone_number = %s", (GUEST,))
        return ",".join(profile.labels)

    database = await opened(build)

    assert await database.get_context(GUEST) == "found"
    assert len(profiles) == 2


async def test_a_builder_that_changes_its_guest_every_time_is_an_error_in_the_end(
    opened: Open, database_url: str, autocommit: Connection
) -> None:
    builds = 0

    def build(_: GuestProfile) -> str:
        nonlocal builds
        builds += 1
        with psycopg.connect(database_url, autocommit=True) as own:
            own.execute("UPDATE guest_profiles SET user_name = %s", (f"Ana {builds}",))
        return "text"

    database = await opened(build)
    await database.get_profile(GUEST)

    with (
        hurried(database, 2.0),
        pytest.raises(errors.QueryTimeout, match=r"changed during each of \d+ builds") as caught,
    ):
        await database.get_context(GUEST)
    assert "must not change" in caught.value.hint
    assert str(builds) in caught.value.message
    assert stored(autocommit)[2] is None


# The lease.


async def test_a_publish_under_a_lease_that_was_taken_over_is_refused(opened: Open, autocommit: Connection) -> None:
    database = await opened()
    seed(autocommit, None)
    zombie, owner = uuid4(), uuid4()
    claim = {"phone_number": GUEST, "ttl_seconds": 300.0}

    claimed = await database.query("claim_context", lease=zombie, lease_seconds=0.0, **claim)
    assert claimed.context_epoch == 0
    assert await database.query("claim_context", lease=owner, lease_seconds=3600.0, **claim) is not None
    publish = {"phone_number": GUEST, "epoch": 0}

    assert await database.query("publish_context", lease=zombie, context_text="late", **publish) is None
    assert stored(autocommit) == (None, 0, owner, False)
    assert await database.query("release_context", phone_number=GUEST, lease=zombie) == 0
    assert await database.query("publish_context", lease=owner, context_text="text", **publish) is not None
    assert await database.query("publish_context", lease=owner, context_text="twice", **publish) is None
    assert stored(autocommit) == ("text", 0, None, True)


async def test_a_claim_finds_its_own_lease_again(opened: Open, autocommit: Connection) -> None:
    database = await opened()
    seed(autocommit, None)
    lease = uuid4()
    claim = {"phone_number": GUEST, "ttl_seconds": 300.0, "lease_seconds": 3600.0}

    assert await database.query("claim_context", lease=lease, **claim) is not None
    assert await database.query("claim_context", lease=lease, **claim) is not None
    assert await database.query("claim_context", lease=uuid4(), **claim) is None


async def test_a_builder_slower_than_its_lease_answers_its_own_caller(opened: Open, autocommit: Connection) -> None:
    numbers = iter(range(1, 9))
    builder = Builder(lambda _: f"text {next(numbers)}")
    slow = await opened(builder, lease_seconds=0.001)
    other = await opened(builder, lease_seconds=3600.0)
    seed(autocommit, None)

    first = ask(slow)
    slow_go = await builder.called()
    second = ask(other)  # takes the lease over
    other_go = await builder.called()
    slow_go.set()
    assert await first == "text 1"  # right, though not stored
    assert stored(autocommit)[0] is None
    other_go.set()

    assert await second == "text 2"
    assert stored(autocommit)[0] == "text 2"
    assert len(builder.profiles) == 2


async def test_a_builder_slower_than_its_lease_stores_its_text_when_no_one_took_over(
    opened: Open, autocommit: Connection
) -> None:
    builder = Builder()
    database = await opened(builder, lease_seconds=0.001)
    seed(autocommit, None)

    asked = ask(database)
    go = await builder.called()
    await eventually(
        lambda: (
            autocommit.execute("SELECT context_lease_until < statement_timestamp() FROM guest_profiles").fetchone()
            == (True,)
        )
    )
    go.set()

    assert await asked == "text of Ana"
    assert stored(autocommit)[0] == "text of Ana"


async def test_four_first_messages_at_once_make_one_row_and_one_build(opened: Open, autocommit: Connection) -> None:
    builder = Builder()
    one, another = await opened(builder), await opened(builder)  # two of them in one process
    spellings = [GUEST, f"+{GUEST}", f"{GUEST}@s.whatsapp.net", f"{GUEST}:7@s.whatsapp.net"]

    asked = [
        asyncio.create_task(database.get_context(spelling))
        for database, spelling in zip([one, another, one, another], spellings, strict=True)
    ]
    (await builder.called()).set()

    assert await asyncio.gather(*asked) == ["text of None"] * 4
    assert len(builder.profiles) == 1
    assert autocommit.execute("SELECT phone_number FROM guest_profiles").fetchall() == [(GUEST,)]


async def test_no_connection_is_held_during_a_build(opened: Open, autocommit: Connection) -> None:
    database: Either
    states: list[list[tuple[Any, ...]]] = []
    loop = asyncio.get_running_loop()

    def build(profile: GuestProfile) -> str:
        # With one connection in the pool this answers only if the build holds none.
        known = asyncio.run_coroutine_threadsafe(database.get_profile(GUEST), loop).result(PATIENCE_SECONDS)
        sessions = autocommit.execute(
            """
            SELECT state, xact_start
            FROM pg_stat_activity
            WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'
            """
        ).fetchall()
        states.append(sessions)
        return f"{known == profile}"

    database = await opened(build, pool_max=1)
    seed(autocommit, None)

    assert await database.get_context(GUEST) == "True"
    assert states == [[("idle", None)]]
