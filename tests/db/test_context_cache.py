"""Hits and misses: what is fresh, for whom, and for how long. Both classes."""

from __future__ import annotations

import datetime as dt
import math
import time
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from guestsql import errors
from guestsql.guests._async import pausing as async_pausing
from guestsql.guests._sync import pausing as sync_pausing
from tests.context_helpers import GUEST, Open, count_calls, counting, opening, seed, stored
from tests.databases import hurried

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


async def test_an_unknown_guest_is_created_and_the_second_call_hits(
    opened: Open, autocommit: Connection, calls: list[str]
) -> None:
    profiles, build = counting()
    database = await opened(build)

    assert [await database.get_context(GUEST) for _ in range(2)] == ["text 1 of None"] * 2

    assert len(profiles) == 1
    assert calls == ["lookup_context", "claim_new_context", "publish_context", "lookup_context"]
    assert stored(autocommit) == ("text 1 of None", 0, None, True)


async def test_a_stale_context_is_built_again(opened: Open, autocommit: Connection, calls: list[str]) -> None:
    profiles, build = counting()
    database = await opened(build)
    seed(autocommit, "old text")

    assert [await database.get_context(GUEST) for _ in range(2)] == ["text 1 of Ana"] * 2

    assert profiles == [await database.get_profile(GUEST)]
    assert calls[:4] == ["lookup_context", "claim_context", "publish_context", "lookup_context"]


@pytest.mark.parametrize(
    ("age", "ttl_seconds", "fresh"),
    [
        ("0.6 seconds", 0.5, False),
        ("0 seconds", 0, False),
        ("0 seconds", 0.0, False),
        ("0 seconds", 3600.0, True),
        ("200 seconds", None, True),  # the settings': 300
        ("301 seconds", None, False),
        ("9 years", 10 * 365 * 86_400, True),
        ("-1 hour", 300, False),
        ("-1 hour", 10_000, False),
        ("-100 years", 300, False),
    ],
)
async def test_fresh_is_what_is_younger_than_the_ttl_and_not_of_the_future(
    opened: Open, autocommit: Connection, age: str, ttl_seconds: float | None, fresh: bool
) -> None:
    profiles, build = counting()
    database = await opened(build)
    seed(autocommit, "stored text", age)

    text = await database.get_context(GUEST, ttl_seconds=ttl_seconds)

    assert text == ("stored text" if fresh else "text 1 of Ana")
    # Whatever it was, it is mended.
    assert await database.get_context(GUEST, ttl_seconds=math.inf) == text
    assert len(profiles) == (0 if fresh else 1)


@pytest.mark.parametrize("time", ["9999-12-31", "0001-01-01"])
async def test_a_time_of_another_age_is_not_fresh(opened: Open, autocommit: Connection, time: str) -> None:
    database = await opened(counting()[1])
    seed(autocommit, "stored text", "0 seconds")
    autocommit.execute("UPDATE guest_profiles SET last_context_update = %s", (time,))

    assert await database.get_contexts([GUEST]) == {GUEST: "text 1 of Ana"}
    autocommit.execute("UPDATE guest_profiles SET last_context_update = %s", (time,))
    assert await database.get_context(GUEST) == "text 2 of Ana"


async def test_a_ttl_of_0_builds_every_time(opened: Open) -> None:
    profiles, build = counting()
    database = await opened(build)

    texts = [await database.get_context(GUEST, ttl_seconds=0) for _ in range(3)]

    assert texts == ["text 1 of None", "text 2 of None", "text 3 of None"]
    assert len(profiles) == 3


async def test_a_ttl_of_0_in_the_settings_means_that_too(opened: Open) -> None:
    profiles, build = counting()
    database = await opened(build, context_ttl_seconds=0.0)

    assert [await database.get_context(GUEST) for _ in range(2)] == ["text 1 of None", "text 2 of None"]
    assert await database.get_context(GUEST, ttl_seconds=3600) == "text 2 of None"
    assert list((await database.get_contexts([GUEST])).values()) == ["text 3 of None"]
    assert len(profiles) == 3


async def test_a_ttl_of_half_a_second_runs_out(opened: Open, autocommit: Connection) -> None:
    _, build = counting()
    database = await opened(build)
    await database.get_context(GUEST)

    autocommit.execute("UPDATE guest_profiles SET last_context_update = last_context_update - interval '500 ms'")

    assert await database.get_context(GUEST, ttl_seconds=0.5) == "text 2 of None"


@pytest.mark.parametrize("ttl_seconds", [-1, -0.001, float("nan"), True, "300"])
async def test_an_unusable_ttl_is_an_error(opened: Open, ttl_seconds: Any) -> None:
    database = await opened()
    with pytest.raises(errors.InvalidValue, match="ttl_seconds"):
        await database.get_context(GUEST, ttl_seconds=ttl_seconds, default="not for this")
    with pytest.raises(errors.InvalidValue, match="ttl_seconds"):
        await database.get_contexts([GUEST], ttl_seconds=ttl_seconds)


@pytest.mark.parametrize("hours", [-1, 1, 24 * 365])
async def test_the_clients_clock_does_not_matter(
    opened: Open, autocommit: Connection, monkeypatch: pytest.MonkeyPatch, hours: int
) -> None:
    class WrongTime(dt.datetime):
        @classmethod
        def now(cls, tz: dt.tzinfo | None = None) -> dt.datetime:  # type: ignore[override]
            return dt.datetime.fromtimestamp(time.time(), tz)

    right = time.time
    monkeypatch.setattr(time, "time", lambda: right() + hours * 3600)
    monkeypatch.setattr(time, "time_ns", lambda: int(time.time() * 1e9))
    monkeypatch.setattr(dt, "datetime", WrongTime)
    profiles, build = counting()
    database = await opened(build)

    assert [await database.get_context(GUEST) for _ in range(2)] == ["text 1 of None"] * 2
    wrong_by = "SELECT abs(extract(epoch FROM statement_timestamp() - last_context_update)) FROM guest_profiles"
    seconds = autocommit.execute(wrong_by).fetchone()
    assert seconds is not None
    assert seconds[0] < 1800  # the server's time, not one an hour away
    autocommit.execute("UPDATE guest_profiles SET last_context_update = last_context_update - interval '301 s'")
    assert await database.get_context(GUEST) == "text 2 of None"
    assert len(profiles) == 2


@pytest.mark.parametrize("zone", ["Asia/Tokyo", "America/Los_Angeles", "UTC"])
async def test_sessions_in_other_time_zones_agree_on_what_is_fresh(
    opened: Open, autocommit: Connection, zone: str
) -> None:
    profiles, build = counting()
    one = await opened(build)
    assert await one.get_context(GUEST) == "text 1 of None"
    autocommit.execute(f"ALTER DATABASE \"{autocommit.info.dbname}\" SET timezone = '{zone}'")

    another = await opened(build)  # its sessions are of the new zone

    assert await another.get_context(GUEST) == "text 1 of None"
    await another.invalidate_context(GUEST)
    assert await another.get_context(GUEST) == "text 2 of None"
    assert await one.get_context(GUEST) == "text 2 of None"
    assert len(profiles) == 2


# What makes a context stale.


@pytest.mark.parametrize(
    "change",
    [
        "user_name = 'Berta'",
        "contact_name = 'Berta'",
        "labels = '{vip}'",
        "profile_data = '{\"age\": 5}'",
        "chat_id = '120363000000000001@g.us'",
        "user_name = NULL",
    ],
)
async def test_a_row_changed_by_hand_is_seen_at_once(opened: Open, autocommit: Connection, change: str) -> None:
    database = await opened(counting()[1])
    seed(autocommit, "stored text", "1 second")
    assert await database.get_context(GUEST) == "stored text"

    autocommit.execute(f"UPDATE guest_profiles SET {change}")

    assert (await database.get_context(GUEST)).startswith("text 1 of ")


@pytest.mark.parametrize(
    "change", ["user_name = 'Ana'", "labels = '{}'", "thread_id = 'thread_1'", "total_interactions = 5"]
)
async def test_what_changes_nothing_that_is_shown_leaves_the_context(
    opened: Open, autocommit: Connection, change: str
) -> None:
    database = await opened(counting()[1])
    seed(autocommit, "stored text", "1 second")

    autocommit.execute(f"UPDATE guest_profiles SET {change}")
    await database.update_profile(GUEST, user_name="Ana", labels=[])
    await database.record_interaction(GUEST)
    await database.flush()

    assert await database.get_context(GUEST) == "stored text"


async def test_invalidate_tells_whether_there_was_such_a_guest(opened: Open, autocommit: Connection) -> None:
    database = await opened(counting()[1])

    assert await database.invalidate_context(GUEST) is False
    assert autocommit.execute("SELECT count(*) FROM guest_profiles").fetchone() == (0,)
    seed(autocommit, None)
    assert await database.invalidate_context(f"+{GUEST}") is True
    assert await database.get_context(GUEST) == "text 1 of Ana"
    assert await database.invalidate_context(GUEST) is True
    assert stored(autocommit)[0] == "text 1 of Ana"
    assert await database.get_context(GUEST) == "text 2 of Ana"


async def test_an_invalidated_text_is_old_and_a_text_of_an_old_profile_is_wrong(
    opened: Open, autocommit: Connection
) -> None:
    """The one may be served while another builds, the other may not."""
    database = await opened(counting()[1])
    seed(autocommit, "stored text", "1 second")
    lease = {"phone_number": GUEST, "lease": uuid4(), "ttl_seconds": 300.0, "lease_seconds": 3600.0}

    await database.invalidate_context(GUEST)
    assert await database.query("claim_context", **lease) is not None
    assert await database.get_context(GUEST) == "stored text"

    await database.update_profile(GUEST, user_name="Berta")
    assert await database.query("claim_context", **lease) is not None
    with hurried(database, 0.3), pytest.raises(errors.QueryTimeout):
        await database.get_context(GUEST)


async def test_who_asks_with_a_ttl_of_0_is_given_no_stale_text(opened: Open, autocommit: Connection) -> None:
    database = await opened(counting()[1])
    seed(autocommit, "stored text", "1 second")
    lease = {"phone_number": GUEST, "lease": uuid4(), "ttl_seconds": 0.0, "lease_seconds": 3600.0}
    assert await database.query("claim_context", **lease) is not None

    assert await database.get_context(GUEST, ttl_seconds=0.001) == "stored text"  # old, but better than waiting
    with hurried(database, 0.3), pytest.raises(errors.QueryTimeout):
        await database.get_context(GUEST, ttl_seconds=0)


async def test_a_caller_with_a_ttl_of_0_takes_what_was_stored_while_it_waited(
    opened: Open, autocommit: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    profiles, build = counting()
    database = await opened(build)
    seed(autocommit, "stored text", "1 hour")
    claim = {"phone_number": GUEST, "lease": uuid4(), "ttl_seconds": 0.0, "lease_seconds": 3600.0}
    assert await database.query("claim_context", **claim) is not None

    def publish(*_: object) -> None:
        autocommit.execute(
            """
            UPDATE guest_profiles
            SET context_cache = 'shared text', last_context_update = statement_timestamp(),
                context_lease = NULL, context_lease_until = NULL
            """
        )

    async def publish_async(*_: object) -> None:
        publish()

    monkeypatch.setattr(sync_pausing, "sleep", publish)
    monkeypatch.setattr(async_pausing, "async_sleep", publish_async)

    assert await database.get_context(GUEST, ttl_seconds=0) == "shared text"
    assert profiles == []
    assert await database.get_context(GUEST, ttl_seconds=0) == "text 1 of Ana"
