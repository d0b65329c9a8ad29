"""Updates of contexts and touches stay heap-only: they write no index."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from guestsql import GuestDatabase
from tests.context_helpers import make_settings
from tests.server import eventually

Connection = psycopg.Connection[tuple[Any, ...]]

GUESTS = [f"57300{number:07}" for number in range(400)]
ROUNDS = 5
DAY = datetime(2026, 1, 5, 12, tzinfo=UTC)


@pytest.fixture
def guests(autocommit: Connection) -> Connection:
    """Guests as large as real ones, of whom everybody has a context.

    A transaction in any database of the server keeps dead rows from being pruned; a killed program of an earlier test
    may have left one.
    """
    others = "SELECT count(*) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND backend_xmin IS NOT NULL"
    eventually(lambda: autocommit.execute(others).fetchone() == (0,))
    autocommit.execute(
        """
        INSERT INTO guest_profiles (
            phone_number, chat_id, user_name, labels, profile_data, thread_id, last_interaction,
            context_cache, last_context_update
        )
        SELECT phone, phone || '@s.whatsapp.net', 'Guest ' || phone, '{potential,cotizado}',
            jsonb_build_object('notes', repeat('x', 200)), 'thread_' || md5(phone), %s,
            '[Guest ' || phone || ' | {HH:MM} | potential, cotizado]', statement_timestamp()
        FROM unnest(%s::text[]) AS phone
        """,
        (DAY, GUESTS),
    )
    return autocommit


def _updates(connection: Connection, table: str = "guest_profiles") -> tuple[int, int]:
    """All updates of the table and those that were heap-only, as far as the sessions have reported."""
    row = connection.execute(
        "SELECT n_tup_upd, n_tup_hot_upd FROM pg_stat_user_tables WHERE relname = %s", [table]
    ).fetchone()
    assert row is not None
    return row


def _assert_hot(connection: Connection, expected: int, table: str = "guest_profiles") -> None:
    # A session reports its counts when it ends, which is a moment after its client has left.
    eventually(lambda: _updates(connection, table)[0] >= expected)
    updates, hot = _updates(connection, table)
    assert updates == expected
    assert hot / updates >= 0.95, f"{hot} of {updates} updates were heap-only"


def test_context_updates_are_hot(database_url: str, guests: Connection) -> None:
    with GuestDatabase(settings=make_settings(database_url)) as database:
        for _ in range(ROUNDS):
            database.get_contexts(GUESTS, ttl_seconds=0)  # all are built anew: a claim and a publish each

    _assert_hot(guests, ROUNDS * len(GUESTS) * 2)


def test_invalidations_and_a_custom_builders_longer_texts_are_hot(database_url: str, guests: Connection) -> None:
    lengths = random.Random(5)

    def build(_: object) -> str:
        return "x" * lengths.randrange(50, 400)

    with GuestDatabase(settings=make_settings(database_url), context_builder=build) as database:
        for _ in range(ROUNDS):
            for guest in GUESTS:
                database.invalidate_context(guest)
                database.get_context(guest)

    _assert_hot(guests, ROUNDS * len(GUESTS) * 3)


@pytest.mark.parametrize("at_once", [7, 20])
def test_touches_of_one_day_are_hot(database_url: str, guests: Connection, at_once: int) -> None:
    order = random.Random(5)
    flushes = 0
    with GuestDatabase(settings=make_settings(database_url)) as database:
        for round_number in range(ROUNDS):
            shuffled = order.sample(GUESTS, len(GUESTS))
            for first in range(0, len(shuffled), at_once):
                for guest in shuffled[first : first + at_once]:
                    flushes += 1
                    database.record_interaction(guest, at=DAY + timedelta(minutes=flushes // 100 + round_number))
                database.flush()

    _assert_hot(guests, ROUNDS * len(GUESTS))


def test_token_additions_are_hot(database_url: str, guests: Connection) -> None:
    """Those of the current thread, and those that arrive late for a replaced one."""
    with GuestDatabase(settings=make_settings(database_url)) as database:
        threads = {guest: database.get_thread(guest).thread_id or "" for guest in GUESTS[:100]}  # type: ignore[union-attr]
        for guest in threads:
            database.set_thread(guest, "thread_new")
        for _ in range(3):
            for guest, replaced in threads.items():
                database.add_thread_tokens(guest, "thread_new", 1200)
                database.add_thread_tokens(guest, replaced, 7)

    _assert_hot(guests, 4 * len(threads))
    _assert_hot(guests, 3 * len(threads), "guest_threads")


def test_contexts_and_touches_together_are_hot(database_url: str, guests: Connection) -> None:
    """What a message does: the guest is touched, and the context is built when it is old."""
    order = random.Random(5)
    with GuestDatabase(settings=make_settings(database_url)) as database:
        for _ in range(ROUNDS):
            for number, guest in enumerate(order.sample(GUESTS, len(GUESTS))):
                database.get_context(guest, ttl_seconds=0)
                database.record_interaction(guest, at=DAY + timedelta(minutes=5))
                if number % 10 == 9:
                    database.flush()

    _assert_hot(guests, ROUNDS * len(GUESTS) * 3)


def test_only_the_first_touch_of_a_new_day_writes_an_index(database_url: str, guests: Connection) -> None:
    with GuestDatabase(settings=make_settings(database_url)) as database:
        for minutes in (0, 5, 10):
            database.record_interaction(GUESTS[0], at=DAY + timedelta(days=1, minutes=minutes))
            database.flush()

    eventually(lambda: _updates(guests) == (3, 2))
