"""What is to be done next for a guest is done once, whatever happens to an answer, and to an action that is claimed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from guestsql import GuestDatabase
from guestsql.errors import OutcomeUnknown
from tests.campaigns import allow_everything
from tests.databases import GUEST, KINDS, Either, Proxy, make_settings, waiting_sessions
from tests.server import eventually

Connection = psycopg.Connection[Any]

Proxied = tuple[GuestDatabase, Proxy]
NOW = datetime.now(UTC)
LATER = NOW + timedelta(days=1)


class _Undone(Exception):
    """Rolls a transaction back."""


@pytest.fixture
def free(autocommit: Connection) -> Connection:
    allow_everything(autocommit)
    return autocommit


@pytest.fixture
def db(database_url: str) -> Iterator[GuestDatabase]:
    with GuestDatabase(settings=make_settings(database_url)) as opened:
        yield opened


@pytest.fixture
def through_proxy(db: GuestDatabase, database_url: str) -> Iterator[Proxied]:
    """A database, and a proxy by which another one reaches its server."""
    with Proxy(database_url) as proxy:
        yield db, proxy


def actions(connection: Connection) -> list[tuple[str, str | None]]:
    return connection.execute("SELECT state, note FROM campaign_actions ORDER BY action_id").fetchall()


def claim(db: GuestDatabase) -> None:
    [action] = db.claim_actions()
    assert action.note == "call back"


@pytest.mark.parametrize(
    ("state", "meanwhile"),
    [
        ("planned", lambda db: db.get_next_action(GUEST)),
        ("claimed", claim),
        ("cancelled", lambda db: db.cancel_next_action(GUEST)),
    ],
)
@pytest.mark.parametrize("kind", KINDS)
async def test_after_a_lost_answer_it_is_not_planned_again(
    through_proxy: Proxied, free: Connection, kind: str, state: str, meanwhile: Callable[[GuestDatabase], object]
) -> None:
    db, proxy = through_proxy
    db.update_profile(GUEST, user_name="Ana")
    async with Either(kind, proxy.url) as lost:
        await lost.get_profile(GUEST)
        proxy.meanwhile = lambda: meanwhile(db)
        proxy.lie("57P01")
        action = await lost.set_next_action(GUEST, NOW, note="call back")
    assert (action.phone_number, action.note) == (GUEST, "call back")
    assert actions(free) == [(state, "call back")]


def test_a_request_that_was_lost_is_repeated(through_proxy: Proxied, free: Connection) -> None:
    proxy = through_proxy[1]
    with GuestDatabase(settings=make_settings(proxy.url)) as lost:
        proxy.lose("request")
        lost.set_next_action(GUEST, NOW, note="call back")
    assert actions(free) == [("planned", "call back")]


def test_a_guest_who_is_erased_meanwhile_has_none(through_proxy: Proxied, free: Connection) -> None:
    db, proxy = through_proxy
    with GuestDatabase(settings=make_settings(proxy.url)) as lost:
        lost.get_profile(GUEST)
        proxy.meanwhile = lambda: db.forget_guest(GUEST)
        proxy.lie("57P01")
        with pytest.raises(OutcomeUnknown, match="is gone"):
            lost.set_next_action(GUEST, NOW, note="call back")
    assert actions(free) == []


def test_one_that_is_released_gives_way_to_a_newer_one(db: GuestDatabase, free: Connection) -> None:
    db.set_next_action(GUEST, NOW, note="first")
    [action] = db.claim_actions()
    newer = db.set_next_action(GUEST, LATER, note="second")
    db.release_action(action)
    assert actions(free) == [("cancelled", "first"), ("planned", "second")]
    assert db.get_next_action(GUEST) == newer
    counted = free.execute("SELECT cardinality(contacted_at) FROM guest_marketing").fetchall()
    assert counted == [(0,)]


@pytest.mark.parametrize("commits", [True, False])
def test_one_that_is_released_waits_for_one_that_is_being_planned(
    db: GuestDatabase, free: Connection, *, commits: bool
) -> None:
    db.set_next_action(GUEST, NOW, note="first")
    [action] = db.claim_actions()

    with ThreadPoolExecutor(1) as pool, suppress(_Undone), db.transaction() as tx:
        tx.set_next_action(GUEST, LATER, note="second")
        released = pool.submit(db.release_action, action)
        eventually(lambda: released.done() or waiting_sessions(free) == 1)
        if not commits:
            raise _Undone
    released.result()
    assert actions(free) == ([("cancelled", "first"), ("planned", "second")] if commits else [("planned", "first")])
