"""Booking status, notes and hours: the current status is that of the latest event, whoever writes."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from psycopg.errors import CheckViolation, ForeignKeyViolation, ObjectNotInPrerequisiteState

from tests.databases import GUEST, OTHER

Connection = psycopg.Connection[Any]
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)

# What the trigger keeps, computed in another way.
DERIVED = """
    SELECT known.phone_number FROM guest_marketing AS known
    FULL JOIN (SELECT DISTINCT phone_number FROM booking_events) AS guest USING (phone_number)
    WHERE (
        known.booking_status, known.booking_status_at, known.first_interested_at, known.first_booked_at,
        known.last_booked_at, known.last_quoted_at
    ) IS DISTINCT FROM (
        (SELECT status FROM booking_events AS e WHERE e.phone_number = coalesce(known.phone_number, guest.phone_number)
            ORDER BY occurred_at DESC, event_id DESC LIMIT 1),
        (SELECT max(occurred_at) FROM booking_events AS e WHERE e.phone_number = known.phone_number),
        (SELECT min(occurred_at) FROM booking_events AS e
            WHERE e.phone_number = known.phone_number AND status = 'interested'),
        (SELECT min(occurred_at) FROM booking_events AS e
            WHERE e.phone_number = known.phone_number AND status = 'booked'),
        (SELECT max(occurred_at) FROM booking_events AS e
            WHERE e.phone_number = known.phone_number AND status = 'booked'),
        (SELECT max(occurred_at) FROM booking_events AS e
            WHERE e.phone_number = known.phone_number AND status = 'interested' AND value IS NOT NULL)
    )"""


def statuses(connection: Connection) -> dict[str, str | None]:
    return dict(connection.execute("SELECT phone_number, booking_status FROM guest_marketing").fetchall())


def test_the_current_status_follows_whatever_is_done_by_hand(connection: Connection) -> None:
    chosen = random.Random(13)
    guests = [f"57300000{number:04}" for number in range(6)]
    for _ in range(120):
        guest, other = chosen.sample(guests, 2)
        at = NOON + timedelta(days=chosen.randrange(5))
        match chosen.randrange(10):
            case 0:
                connection.execute(
                    "UPDATE booking_events SET phone_number = %s WHERE phone_number = %s", [guest, other]
                )
            case 1:
                connection.execute("DELETE FROM booking_events WHERE phone_number = %s AND event_id %% 2 = 0", [guest])
            case 2:
                connection.execute(
                    "UPDATE guest_marketing SET booking_status = 'lost', last_quoted_at = %s WHERE phone_number = %s",
                    [at, guest],
                )
            case 3:
                connection.execute(
                    """INSERT INTO guest_marketing (phone_number, booking_status) VALUES (%s, 'lost')
                    ON CONFLICT (phone_number) DO UPDATE SET booking_status = excluded.booking_status""",
                    [guest],
                )
            case _:
                value = chosen.choice([None, 120])
                connection.execute(
                    """INSERT INTO booking_events (phone_number, status, occurred_at, source, value, currency)
                    SELECT key, status, %s, 'test', %s, %s FROM (VALUES (%s, %s), (%s, %s)) AS v (key, status)""",
                    [
                        at,
                        value,
                        value and "USD",
                        guest,
                        chosen.choice(["interested", "booked", "lost"]),
                        other,
                        "interested",
                    ],
                )
        assert connection.execute(DERIVED.encode()).fetchall() == []
    assert set(statuses(connection).values()) >= {"interested", "booked"}
    connection.execute("SET CONSTRAINTS ALL IMMEDIATE")
    connection.execute("TRUNCATE booking_events")
    assert connection.execute(DERIVED.encode()).fetchall() == []


def test_events_are_not_changed_and_keep_their_row(connection: Connection) -> None:
    connection.execute(
        "INSERT INTO booking_events (phone_number, status, source) VALUES (%s, 'booked', 'bot')", [GUEST]
    )
    for change in ("status = 'lost'", "occurred_at = now() - interval '1 day'", "note = 'x'", "event_id = DEFAULT"):
        with pytest.raises(ObjectNotInPrerequisiteState), connection.transaction():
            connection.execute(f"UPDATE booking_events SET {change}".encode())
    connection.execute("SET CONSTRAINTS ALL IMMEDIATE")
    with pytest.raises(ForeignKeyViolation):
        connection.execute("DELETE FROM guest_marketing")


REFUSED = [
    ("booking_events_status_check", {"status": "'Booked'"}),
    ("booking_events_texts_check", {"source": "''"}),
    ("booking_events_value_check", {"value": "1"}),
    ("booking_events_value_check", {"currency": "'USD'"}),
    ("booking_events_value_check", {"value": "-1", "currency": "'USD'"}),
    ("booking_events_value_check", {"value": "'NaN'", "currency": "'USD'"}),
    ("booking_events_value_check", {"value": "1", "currency": "'usd'"}),
    ("booking_events_times_check", {"occurred_at": "'infinity'"}),
]


@pytest.mark.parametrize(("constraint", "columns"), REFUSED)
def test_booking_events_refuses(connection: Connection, constraint: str, columns: dict[str, str]) -> None:
    columns = {"phone_number": f"'{OTHER}'", "status": "'booked'", "source": "'bot'", **columns}
    with pytest.raises(CheckViolation) as caught:
        connection.execute(
            f"INSERT INTO booking_events ({', '.join(columns)}) VALUES ({', '.join(columns.values())})".encode()
        )
    assert caught.value.diag.constraint_name == constraint


@pytest.mark.parametrize("hour", ["2026-11-20 12:30Z", "2026-11-20 12:00:00.000001Z", "infinity", "0001-01-01 00:30Z"])
def test_an_hour_is_a_full_hour(connection: Connection, hour: str) -> None:
    connection.execute("INSERT INTO interaction_hours VALUES (%s, '2026-11-20 12:00Z', 1)", [GUEST])
    with pytest.raises(CheckViolation):
        connection.execute("INSERT INTO interaction_hours VALUES (%s, %s, 1)", [GUEST, hour])
