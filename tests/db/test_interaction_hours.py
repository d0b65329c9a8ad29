"""Messages per hour: each in its own hour, each once, and together as many as total_interactions says."""

from __future__ import annotations

import random
from collections import Counter
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from guestsql import GuestDatabase
from tests.databases import GUEST, KINDS, OTHER, Either, block, make_settings

Connection = psycopg.Connection[Any]
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
Hours = Counter[tuple[str, datetime]]


def stored(connection: Connection) -> Hours:
    rows = connection.execute("SELECT phone_number, hour, messages FROM interaction_hours").fetchall()
    assert len({row[:2] for row in rows}) == len(rows)
    return Counter({(key, hour): messages for key, hour, messages in rows})


def totals(connection: Connection) -> dict[str, int]:
    rows = connection.execute(
        "SELECT phone_number, total_interactions FROM guest_profiles WHERE total_interactions > 0"
    )
    return dict(rows.fetchall())


def server_time(connection: Connection) -> datetime:
    row = connection.execute("SELECT statement_timestamp()").fetchone()
    assert row is not None
    return row[0].astimezone(UTC)


def hour_of(at: datetime) -> datetime:
    return at.replace(minute=0, second=0, microsecond=0)


@pytest.mark.parametrize("kind", KINDS)
async def test_every_message_is_in_its_own_hour(kind: str, database_url: str, autocommit: Connection) -> None:
    """However it is counted: buffered, in a transaction, with an id, as a message, and some of them twice."""
    chosen, wanted = random.Random(7), Hours()
    async with Either(kind, database_url) as db, Either(kind, database_url) as second:
        for number in range(150):
            guest = chosen.choice([GUEST, OTHER, "573000000003"])
            at = NOON + timedelta(minutes=chosen.randrange(-400, 400), microseconds=chosen.choice([0, 999_999]))
            spelling = chosen.choice(["", "@c.us"])
            message = {"at": at, "message_id": f"m{number}"}
            match chosen.randrange(6):
                case 0:
                    await db.flush()
                    continue
                case 1:
                    await db.record_interaction(guest + spelling, **message)
                    await second.record_interaction(guest, **message)
                case 2:
                    async with block(db.raw.message(message["message_id"], guest, at=at)) as first:
                        assert first.is_new
                    async with block(second.raw.message(message["message_id"], guest, at=at)) as again:
                        assert not again.is_new
                    await second.record_interaction(guest, **message)
                case _:
                    await chosen.choice([db, second]).record_interaction(guest + spelling, at=at)
            wanted[guest, hour_of(at)] += 1
        await db.flush()
        await second.flush()
        assert stored(autocommit) == wanted
        await db.merge_guests(GUEST, OTHER)
    merged = Hours()
    for (guest, hour), messages in wanted.items():
        merged[GUEST if guest == OTHER else guest, hour] += messages
    assert stored(autocommit) == merged
    assert totals(autocommit) == {
        guest: sum(messages for (each, _), messages in merged.items() if each == guest) for guest, _ in merged
    }


def test_in_a_transaction_it_is_undone_with_it(database_url: str, autocommit: Connection) -> None:
    with GuestDatabase(settings=make_settings(database_url)) as db:
        with db.transaction() as tx:
            tx.record_interaction(GUEST, at=NOON)
        with suppress(ZeroDivisionError), db.transaction() as tx:
            tx.record_interaction(GUEST, at=NOON)
            _ = 1 / 0
    assert stored(autocommit) == {(GUEST, NOON): 1}


def test_the_server_places_messages_without_a_time(database_url: str, autocommit: Connection) -> None:
    """By their ages. Of a count across a full hour, the first and the last message are each in their own hour."""
    now = server_time(autocommit)
    # The age of a message in the middle of the hour before the last. Minutes from a full hour: the calls take time.
    half = (now - hour_of(now)).total_seconds() + 5400.0
    first_hour = hour_of(now) - timedelta(hours=2)
    batches: list[tuple[int, float, float, dict[int, int]]] = [
        (3, half, half - 600.0, {0: 3}),
        (2, half, half - 3600.0, {0: 1, 1: 1}),
        (9, half, half - 2500.0, {0: 8, 1: 1}),
        (9, half - 1000.0, half - 3500.0, {0: 1, 1: 8}),
        (4, half + 7200.0, half, {-2: 3, 0: 1}),
    ]
    wanted = Hours()
    with GuestDatabase(settings=make_settings(database_url)) as db:
        for number, (messages, first, last, placed) in enumerate(batches):
            guest = f"57300000010{number}"
            late = server_time(autocommit) - now
            batch = {
                "phone_numbers": [guest],
                "counts": [messages],
                "first_times": [None],
                "last_times": [None],
                "first_ages": [first + late.total_seconds()],
                "last_ages": [last + late.total_seconds()],
                "operation_id": str(uuid4()),
            }
            for _ in range(2):
                db._call("record_interactions", **batch)
            for hours, count in placed.items():
                wanted[guest, first_hour + timedelta(hours=hours)] += count
    assert stored(autocommit) == wanted


def test_a_time_in_the_future_is_in_the_hour_of_the_write(database_url: str, autocommit: Connection) -> None:
    before = server_time(autocommit)
    with GuestDatabase(settings=make_settings(database_url)) as db:
        db.record_interaction(GUEST, at=datetime(2999, 1, 1, tzinfo=UTC))
        db.flush()
        with db.message("m1", GUEST, at=datetime(2999, 1, 1, tzinfo=UTC)):
            pass
    after = server_time(autocommit)
    found = stored(autocommit)
    assert {hour for _, hour in found} <= {hour_of(before), hour_of(after)}
    assert found.total() == 2


def test_old_hours_are_thinned_by_batches_and_an_erasure_takes_all(database_url: str, autocommit: Connection) -> None:
    autocommit.execute(
        """INSERT INTO interaction_hours
        SELECT %s, date_trunc('hour', statement_timestamp(), 'UTC') - make_interval(days => d), 1
        FROM generate_series(360, 370) AS d""",
        [GUEST],
    )
    with GuestDatabase(settings=make_settings(database_url)) as db:
        assert [db.queries.thin_interaction_hours(max_rows=3) for _ in range(3)] == [3, 2, 0]
        assert len(db.export_guest(GUEST)["interaction_hours"]) == 6
        db.record_interaction(GUEST)
        db.flush()
        assert db.forget_guest(GUEST)["interaction_hours"] == 7
    assert stored(autocommit) == {}


def test_a_message_of_an_archived_guest_is_counted_once(database_url: str, autocommit: Connection) -> None:
    """The statement is refused, the guest returns, and the statement is repeated."""
    with GuestDatabase(settings=make_settings(database_url)) as db:
        db.record_interaction(GUEST, at=NOON - timedelta(days=90))
        db.flush()
        assert db.archive_guests(silent_days=30) == 1
        db.record_interaction(GUEST, at=NOON)
        db.flush()
        with db.message("m1", GUEST, at=NOON + timedelta(hours=1)):
            pass
    assert stored(autocommit) == {
        (GUEST, NOON - timedelta(days=90)): 1,
        (GUEST, NOON): 1,
        (GUEST, NOON + timedelta(hours=1)): 1,
    }
    assert totals(autocommit) == {GUEST: 3}
