"""Tasks that ask for contexts at once share a statement. Only of the asynchronous class: threads do not."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import psycopg
import pytest

from guestsql import errors
from guestsql.sql._async.executor import AsyncExecutor
from tests.checking import override
from tests.context_helpers import Either, count_calls, counting, eventually, seed

GUESTS = [f"5730000001{number:02}" for number in range(20)]
TEXTS = [f"text of {guest}" for guest in GUESTS]


@pytest.fixture
def cached(autocommit: psycopg.Connection[Any]) -> psycopg.Connection[Any]:
    """Every guest has a fresh text."""
    for guest, text in zip(GUESTS, TEXTS, strict=True):
        seed(autocommit, text, "1 second", guest=guest)
    return autocommit


@pytest.mark.usefixtures("cached")
async def test_the_first_goes_alone_and_the_rest_together(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async with Either("async", database_url) as db:
        await db.get_context(GUESTS[0])
        calls = count_calls(monkeypatch)
        assert await asyncio.gather(*map(db.get_context, GUESTS)) == TEXTS
        assert calls == ["lookup_context", "lookup_contexts"]
        calls.clear()
        for guest, text in zip(GUESTS[:3], TEXTS, strict=False):
            assert await db.get_context(guest) == text
        assert calls == ["lookup_context"] * 3


@pytest.mark.usefixtures("cached")
async def test_an_own_query_answers_however_many_ask(database_url: str, tmp_path: Path) -> None:
    column = "    context_cache,\n"
    override(
        tmp_path, "lookup_context", lambda text: text.replace(column, "    upper(context_cache) AS context_cache,\n")
    )
    async with Either("async", database_url, queries_dir=tmp_path) as db:
        assert await asyncio.gather(*map(db.get_context, GUESTS)) == [text.upper() for text in TEXTS]


@pytest.mark.usefixtures("cached")
async def test_each_caller_has_its_own_time_to_live(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async with Either("async", database_url) as db:
        calls = count_calls(monkeypatch)
        seconds = [60.0, 60.0, 60.0, 70.0, 70.0, 0.0]
        asked = [db.get_context(guest, ttl_seconds=ttl) for guest, ttl in zip(GUESTS, seconds, strict=False)]
        assert (await asyncio.gather(*asked))[:5] == TEXTS[:5]
        assert calls[:2] == ["lookup_context", "lookup_contexts"]
        assert calls.count("claim_context") == 1


@pytest.mark.usefixtures("cached")
async def test_a_statement_has_a_hundred_guests_at_most(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async with Either("async", database_url) as db:
        calls = count_calls(monkeypatch)
        assert set(await asyncio.gather(*(db.get_context(guest) for guest in GUESTS * 13))) == set(TEXTS)
        assert calls == ["lookup_context"] + ["lookup_contexts"] * 3


async def test_hits_misses_and_other_ids_of_one_guest(database_url: str) -> None:
    profiles, build = counting(lambda profile: f"text of {profile.phone_number}")
    async with Either("async", database_url, build) as db:
        await db.get_context(GUESTS[0])
        await db.link_ids(GUESTS[0], bsuid="CO.1a2B3c")
        ids = [GUESTS[1], GUESTS[0], "CO.1a2B3c", GUESTS[2], GUESTS[0]]
        found = await asyncio.gather(*map(db.get_context, ids))
    assert found == [TEXTS[1], TEXTS[0], TEXTS[0], TEXTS[2], TEXTS[0]]
    assert len(profiles) == 3


@pytest.mark.parametrize("is_first", [True, False])
async def test_a_caller_that_is_cancelled_takes_nothing_from_the_others(
    database_url: str, cached: psycopg.Connection[Any], is_first: bool
) -> None:
    async with Either("async", database_url) as db:
        await db.get_context(GUESTS[0])
        with psycopg.connect(cached.info.dsn) as locking:
            locking.execute("LOCK TABLE guest_profiles")
            tasks = [asyncio.create_task(db.get_context(guest)) for guest in GUESTS[:5]]
            await asyncio.sleep(0)  # the first is on its way, and the second gathers the others
            tasks[1 if is_first else 3].cancel()
            await eventually(lambda: _waiting(cached) == 2)
            locking.rollback()
        found = await asyncio.gather(*tasks, return_exceptions=True)
    assert [each for each in found if isinstance(each, str)] == [
        text for number, text in enumerate(TEXTS[:5]) if number != (1 if is_first else 3)
    ]


@pytest.mark.usefixtures("cached")
async def test_an_error_reaches_all_of_its_statement_and_no_one_else(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    call = AsyncExecutor.call

    async def failing(self: Any, name: Any, *given: Any, **known: Any) -> Any:
        if name == "lookup_contexts":
            raise errors.DatabaseUnavailable("away")
        return await call(self, name, *given, **known)

    async with Either("async", database_url) as db:
        await db.get_context(GUESTS[0])
        monkeypatch.setattr(AsyncExecutor, "call", failing)
        found = await asyncio.gather(*map(db.get_context, GUESTS), return_exceptions=True)
        assert found[0] == TEXTS[0]
        assert {type(each) for each in found[1:]} == {errors.DatabaseUnavailable}
        assert await db.get_context(GUESTS[1]) == TEXTS[1]


def _waiting(connection: psycopg.Connection[Any]) -> int:
    row = connection.execute(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    ).fetchone()
    assert row is not None
    return int(row[0])
