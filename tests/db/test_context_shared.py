"""Callers of one process that ask for one guest at once are answered by one build."""

from __future__ import annotations

import asyncio
from collections import Counter
from time import monotonic
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from guestsql.guests._sync import pausing as sync_pausing
from guestsql.guests._sync.pausing import Build, Pauses
from tests.context_helpers import (
    GUEST,
    PATIENCE_SECONDS,
    Builder,
    Either,
    count_calls,
    eventually,
    seed,
    stored,
    watch_pauses,
)

Connection = psycopg.Connection[tuple[Any, ...]]
CALLERS = 12


@pytest.fixture
def waiting(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Has an entry for each pause that has begun."""
    return watch_pauses(monkeypatch)


async def answers(db: Either, builder: Builder, waiting: list[float]) -> list[str]:
    """What callers at once get when all but one of them wait for the build."""
    asked = [asyncio.create_task(db.get_context(GUEST)) for _ in range(CALLERS)]
    go = await builder.called()
    await eventually(lambda: len(waiting) == CALLERS - 1)
    go.set()
    return await asyncio.gather(*asked)


@pytest.mark.parametrize("text", [None, "text of Ana, old"])
async def test_one_claims_and_the_rest_ask_nothing_more(
    database_url: str,
    autocommit: Connection,
    monkeypatch: pytest.MonkeyPatch,
    waiting: list[float],
    text: str | None,
) -> None:
    builder = Builder()
    async with Either("async", database_url, builder) as db:
        seed(autocommit, text)
        autocommit.execute("UPDATE guest_profiles SET last_context_update = NULL")
        await db.get_profile(GUEST)  # connected
        calls = count_calls(monkeypatch)
        assert await answers(db, builder, waiting) == ["text of Ana"] * CALLERS
    assert calls == ["lookup_context", "lookup_contexts", "claim_context", "publish_context"]


async def test_first_messages_at_once_create_the_guest_once(
    database_url: str, monkeypatch: pytest.MonkeyPatch, waiting: list[float]
) -> None:
    builder = Builder()
    async with Either("async", database_url, builder) as db:
        await db.get_profile(GUEST)
        calls = count_calls(monkeypatch)
        assert await answers(db, builder, waiting) == ["text of None"] * CALLERS
    # Each may be the one who finds an archived guest, so each claims.
    assert Counter(calls) == {
        "lookup_context": 1,
        "lookup_contexts": 1,
        "claim_new_context": CALLERS,
        "get_archived_guest": CALLERS - 1,
        "publish_context": 1,
    }


async def test_all_wait_for_the_build_of_another_process(database_url: str, autocommit: Connection) -> None:
    builder = Builder()
    async with Either("async", database_url, builder) as db:
        seed(autocommit, None)
        lease = uuid4()
        claim = {"phone_number": GUEST, "ttl_seconds": 300.0, "lease_seconds": 3600.0}
        assert await db.query("claim_context", lease=lease, **claim) is not None
        asked = [asyncio.create_task(db.get_context(GUEST)) for _ in range(CALLERS)]
        await asyncio.wait(asked, timeout=0.2)
        assert not any(caller.done() for caller in asked)
        published = {"phone_number": GUEST, "lease": lease, "epoch": 0, "context_text": "of the other"}
        assert await db.query("publish_context", **published) is not None
        assert await asyncio.gather(*asked) == ["of the other"] * CALLERS
    assert not builder.profiles


async def test_who_asks_after_a_change_does_not_get_the_text_from_before(
    database_url: str, autocommit: Connection
) -> None:
    builder = Builder()
    async with Either("async", database_url, builder) as db:
        seed(autocommit, None)
        early = [asyncio.create_task(db.get_context(GUEST)) for _ in range(2)]
        before = await builder.called()
        autocommit.execute("UPDATE guest_profiles SET user_name = 'Berta'")
        late = asyncio.create_task(db.get_context(GUEST))
        (await builder.called()).set()
        assert await late == "text of Berta"
        before.set()
        assert await asyncio.gather(*early) == ["text of Berta"] * 2
    assert stored(autocommit)[0] == "text of Berta"


async def test_a_build_that_outlasts_its_lease_is_replaced(database_url: str, autocommit: Connection) -> None:
    numbers = iter(range(1, 9))
    builder = Builder(lambda _: f"text {next(numbers)}")
    async with Either("async", database_url, builder, lease_seconds=0.001) as db:
        seed(autocommit, None)
        asked = [asyncio.create_task(db.get_context(GUEST)) for _ in range(2)]
        slow = await builder.called()
        (await builder.called()).set()  # of the other caller, which has waited in vain
        answered, waiting = await asyncio.wait(asked, return_when=asyncio.FIRST_COMPLETED)
        slow.set()
        assert [await caller for caller in (*answered, *waiting)] == ["text 1", "text 2"]


def test_a_build_is_shared_by_those_who_asked_before_it_began() -> None:
    pauses = Pauses()
    before = monotonic()
    with pauses.claiming(GUEST) as build:
        assert pauses.begun_since(GUEST, before) is build
        assert pauses.begun_since(GUEST, build.began) is None  # its claim may be as old as the question
        assert pauses.begun_since("573000000002", before) is None
    assert pauses.begun_since(GUEST, before) is None


def test_a_claim_replaces_a_build_when_it_succeeds() -> None:
    pauses = Pauses()
    with pauses.building_here(GUEST):
        first = pauses.begun_since(GUEST, 0.0)
        with pauses.claiming(GUEST) as claim:
            assert pauses.begun_since(GUEST, 0.0) is first
        with pauses.claiming(GUEST) as second:
            pauses.claimed(GUEST, second)
            assert pauses.begun_since(GUEST, 0.0) is second
    assert isinstance(claim, Build)
    assert pauses.begun_since(GUEST, 0.0) is None


def test_a_claim_that_fails_does_not_shorten_the_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    monkeypatch.setattr(sync_pausing, "sleep", slept.append)
    pauses = Pauses()
    deadline = monotonic() + PATIENCE_SECONDS
    with pauses.claiming(GUEST) as failed:
        pass
    pauses.rest(GUEST, 0.01, deadline, failed)
    assert len(slept) == 1
    with pauses.claiming(GUEST) as build:
        pauses.claimed(GUEST, build)
    pauses.rest(GUEST, 0.01, deadline, build)
    assert len(slept) == 1
