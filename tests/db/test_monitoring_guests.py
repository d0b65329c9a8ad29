"""The monitoring queries upon guests by the hotel's day."""

from __future__ import annotations

from datetime import date
from typing import Any

import psycopg

from tests.monitoring import ask, ask_one

Connection = psycopg.Connection[Any]

# Noon of the hotel's present day is within it, whatever the time; the days before follow from it.
NOON = "(statement_timestamp() AT TIME ZONE 'America/Bogota')::date + TIME '12:00'"


def _arrive(connection: Connection, *guests: tuple[str | None, str | None]) -> None:
    """Guests by the hotel's local time of their first and last message, as intervals before today's noon."""
    for number, (first, last) in enumerate(guests):
        connection.execute(
            f"""
            INSERT INTO guest_profiles (phone_number, first_interaction, last_interaction)
            VALUES (
                (573000000001 + %s)::text,
                ({NOON} - %s::interval) AT TIME ZONE 'America/Bogota',
                ({NOON} - %s::interval) AT TIME ZONE 'America/Bogota'
            )
            """.encode(),
            [number, first, last],
        )


def _today(connection: Connection) -> date:
    row = connection.execute("SELECT (statement_timestamp() AT TIME ZONE 'America/Bogota')::date").fetchone()
    assert row is not None
    return row[0]


# First and last message: 11:59 hours before noon is 00:01 of the hotel, 05:01 UTC; 12:01 is 23:59 of the day before.
GUESTS = [
    ("11:59", "00:00"),  # new today
    ("400 days", "11:59"),  # active today
    ("400 days", "12:01"),  # last seen yesterday, when it was today by UTC already
    ("1 day", "1 day"),  # new yesterday
    ("1 day", "00:00"),  # new yesterday, and wrote again today
    ("400 days", "30 days"),  # silent since today
    ("400 days", "30 days 11:59"),  # silent since today
    ("400 days", "29 days 12:01"),  # likewise: a day later by UTC
    ("400 days", "30 days 12:01"),  # silent since yesterday
    ("400 days", "43 days"),  # silent since the first day of the list
    ("400 days", "29 days"),  # will be silent tomorrow
    ("400 days", "13 days"),
    ("14 days", "14 days"),  # beyond the list
    (None, None),  # never wrote
]


def test_new_active_and_silent_guests_by_the_hotels_day(connection: Connection) -> None:
    _arrive(connection, *GUESTS)
    rows = ask(connection, "list_guest_days")
    today = _today(connection)
    assert [(today - row.day).days for row in rows] == list(range(14))
    assert rows[0][1:] == (1, 3, 3, False)
    assert rows[1][1:] == (2, 2, 1, False)
    assert rows[13][1:] == (0, 1, 1, False)
    assert [row[1:4] for row in rows[2:13]] == [(0, 0, 0)] * 11
    assert ask_one(connection, "get_guests_today") == (1, 3, 5)
    assert ask_one(connection, "get_guests_today", silent_days=12).silent_guests == 8
    assert len(ask(connection, "list_guest_days", max_rows=3)) == 3
    assert ask(connection, "list_guest_days", silent_days=29)[0].silent_guests == 1


def test_a_time_in_the_future_is_not_of_today(connection: Connection) -> None:
    _arrive(connection, ("00:00", "00:00"), ("400 days", "-12:01"), ("-40 days", "-41 days"), ("1 day", "-3 years"))
    (today,) = ask(connection, "list_guest_days", max_rows=1)
    assert today[1:4] == (1, 1, 0)
    assert ask_one(connection, "get_guests_today")[:3] == today[1:4]


def test_no_guests_at_all(connection: Connection) -> None:
    assert [row[1:] for row in ask(connection, "list_guest_days", max_rows=2)] == [(0, 0, 0, False)] * 2
    assert ask_one(connection, "get_guests_today") == (0, 0, 0)


def test_another_zone_has_other_days(connection: Connection) -> None:
    _arrive(connection, ("12:01", "12:01"))
    assert [row.active_guests for row in ask(connection, "list_guest_days", max_rows=2)] == [0, 1]
    utc = ask(connection, "list_guest_days", max_rows=3, timezone="UTC")
    (found,) = [row for row in utc if row.active_guests]
    assert found.day == _today(connection)  # 04:59 UTC


def test_what_was_recorded_on_a_day_stays_when_guests_write_again(connection: Connection) -> None:
    _arrive(connection, ("400 days", "00:00"), ("00:00", "00:00"), ("400 days", "1 day"))
    assert ask(connection, "record_guest_days") == [1]  # yesterday was not recorded on its day, and is not now
    assert ask(connection, "record_guest_days") == [0]
    connection.execute("UPDATE guest_days SET day = day - 1")  # the night passes: today is yesterday
    rows = ask(connection, "list_guest_days", max_rows=2)
    assert [row[1:] for row in rows] == [(1, 2, 0, False), (1, 2, 0, True)]
    connection.execute("DELETE FROM guest_profiles WHERE first_interaction = last_interaction")
    assert ask(connection, "record_guest_days") == [1]  # today; yesterday's figures only grow
    assert [row[1:3] for row in ask(connection, "list_guest_days", max_rows=2)] == [(0, 1), (1, 2)]


def test_yesterday_is_brought_up_to_date(connection: Connection) -> None:
    today = _today(connection)
    connection.execute("INSERT INTO guest_days (day, new_guests, active_guests) VALUES (%s::date - 1, 0, 1)", [today])
    _arrive(connection, ("400 days", "1 day"), ("400 days", "1 day"), ("400 days", "1 day"))
    assert ask(connection, "record_guest_days") == [2]
    assert [row.active_guests for row in ask(connection, "list_guest_days", max_rows=2)] == [0, 3]
