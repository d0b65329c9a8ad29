"""Every analysis of queries/analytics_*.sql against plain Python, on an invented hotel and some awkward guests."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import psycopg
import pytest
from psycopg import RawCursor, sql
from psycopg.errors import InsufficientPrivilege
from psycopg.rows import dict_row

from guestsql.cli.demo_hotel import invent_hotel
from guestsql.embedded import PrivateServer
from guestsql.errors import GuestSQLError
from guestsql.settings import Settings
from guestsql.sql._sync.connection import connect
from tests.hotel_model import (
    ZONE,
    Guest,
    activity,
    by_group,
    conversion,
    engagement,
    label_pairs,
    month,
    percent,
    read_hotel,
    score,
    segment,
)
from tests.monitoring import ANALYSES, ask
from tests.server import drop_database
from tests.through_pooler import pooled

GUESTS = 2000
UNTIL = datetime(2025, 6, 15, 18, tzinfo=ZONE)
NOW = datetime(2025, 6, 15, 23, 30, tzinfo=UTC)
STAFF = ("list_most_active_guests", "list_hot_leads", "list_guest_priorities")

# A label that is in the list twice, and the order of labels; midnight and the last day of a month by the hotel's clock;
# a message in the future; a booking that was lost later, and one after exactly 30 days; two quotes; a name with a line
# break; an id that is not the key.
AWKWARD = """
INSERT INTO guest_profiles (phone_number, labels, user_name, first_interaction, last_interaction, total_interactions)
VALUES
(
    '573990000001', '{VIP,VIP,cotización}', E'Ana\\nBooking status: booked',
    '2025-06-01 04:59+00', '2025-06-14 05:00+00', 51
),
('573990000002', '{}', NULL, '2025-06-01 05:00+00', '2026-01-01 00:00+00', 50),
('573990000003', '{solo}', NULL, NULL, NULL, 0);
INSERT INTO historical_clients (phone_number, labels, first_interaction, last_interaction, total_interactions)
VALUES ('573990000004', '{cotización,VIP}', '2023-01-01 04:59+00', '2024-06-15 23:30+00', 1);
INSERT INTO booking_events (phone_number, status, occurred_at, source, value, currency)
VALUES
('573990000001', 'interested', '2025-06-01 06:00+00', 'shell', 250, 'COP'),
('573990000002', 'booked', '2025-07-01 05:00+00', 'shell', NULL, NULL),
('573990000001', 'booked', '2025-06-02 00:00+00', 'shell', 100, 'COP'),
('573990000001', 'lost', '2025-06-03 00:00+00', 'shell', NULL, NULL),
('573990000001', 'interested', '2025-06-14 00:00+00', 'shell', 300, 'USD'),
('573990000004', 'booked', '2023-01-31 04:58+00', 'shell', NULL, NULL);
INSERT INTO interaction_hours (phone_number, hour, messages)
VALUES
('573990000001', '2025-06-14 05:00+00', 5), ('573990000001', '2025-06-15 04:00+00', 7),
('573990000001', '2025-06-15 05:00+00', 11), ('573990000001', '2025-03-23 05:00+00', 13),
('573990000001', '2025-03-23 04:00+00', 17);
INSERT INTO guest_ids (id, phone_number, source) VALUES ('77@lid', '573990000001', 'link');
INSERT INTO guest_notes (phone_number, kind, note) VALUES
('573990000001', 'preference', E'Wants\\na quiet room'), ('573990000001', 'complaint', 'Cold soup');
"""
# The clock of the queries is fixed. pg_get_functiondef: the copy calls the clock of this schema.
FROZEN = """
CREATE SCHEMA frozen;
CREATE FUNCTION frozen.statement_timestamp() RETURNS timestamptz LANGUAGE sql STABLE RETURN {now}::timestamptz;
SET search_path = frozen, pg_catalog, public;
"""


@dataclass
class Hotel:
    """A filled database, and what it holds."""

    connection: psycopg.Connection[Any]
    guests: dict[str, Guest]

    @property
    def everyone(self) -> list[Guest]:
        return list(self.guests.values())


def _fill(url: str, guests: int, seed: int, until: datetime = UNTIL) -> dict[str, int]:
    with connect(Settings(), url) as connection:
        return invent_hotel(connection, guests, seed=seed, until=until, timezone=ZONE)


def _new(server: PrivateServer, template: str, name: str) -> str:
    with psycopg.connect(server.url(), autocommit=True) as admin:
        admin.execute(f'CREATE DATABASE {name} TEMPLATE "{template}" STRATEGY file_copy'.encode())
    return pooled(server.url(name))


@pytest.fixture(scope="module")
def hotel(server: PrivateServer, template_database: str) -> Iterator[Hotel]:
    url = _new(server, template_database, "guestsql_demo_analytics")
    _fill(url, GUESTS, seed=7)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(AWKWARD.encode())
        connection.execute(sql.SQL(FROZEN).format(now=sql.Literal(NOW.isoformat())))
        copied = connection.execute("SELECT pg_get_functiondef('public.guestsql_freshness'::regproc)").fetchone()
        assert copied is not None
        connection.execute(copied[0].replace("public.", "frozen.").replace("pg_catalog.", "").encode())
        yield Hotel(connection, read_hotel(connection))
    drop_database(server, "guestsql_demo_analytics")


def _after(guests: list[Guest], since: date | None) -> list[Guest]:
    if since is None:
        return guests
    firsts = [(guest, guest.row["first_interaction"]) for guest in guests]
    return [guest for guest, first in firsts if first is not None and first.astimezone(ZONE).date() >= since]


@pytest.mark.parametrize("since", [None, date(2025, 6, 1)])
def test_conversion_by_label(hotel: Hotel, since: date | None) -> None:
    rows = ask(hotel.connection, "list_label_conversions", since=since)
    groups = by_group(_after(hotel.everyone, since), lambda guest: guest.labels or {None})
    assert {row.label: tuple(row[1:]) for row in rows} == {label: conversion(found) for label, found in groups.items()}
    assert len(rows) == len(groups)
    assert [row.guests for row in rows] == sorted((row.guests for row in rows), reverse=True)
    assert None in groups


def test_labels_that_occur_together(hotel: Hotel) -> None:
    rows = ask(hotel.connection, "list_label_pairs", max_rows=1000)
    having = by_group(hotel.everyone, lambda guest: guest.labels)
    wanted = {}
    for (first, second), found in label_pairs(hotel.everyone).items():
        guests, _, booked, converted = conversion(found)
        shares = percent(guests, len(having[first])), percent(guests, len(having[second]))
        wanted[first, second] = (guests, *shares, booked, converted)
    assert {tuple(row[:2]): tuple(row[2:]) for row in rows} == wanted
    assert len(rows) == len(wanted) > 10


def test_conversion_by_segment(hotel: Hotel) -> None:
    rows = ask(hotel.connection, "list_segment_conversions")
    groups = by_group(hotel.everyone, lambda guest: [segment(guest, NOW)])
    archived = Counter(segment(guest, NOW) for guest in hotel.everyone if guest.is_archived)
    assert [row.segment for row in rows] == ["active", "monthly", "quarterly", "yearly", "unknown"]
    for row in rows:
        assert (row.guests, *row[3:]) == conversion(groups[row.segment])
        assert row.archived_guests == archived[row.segment]


def test_conversion_by_engagement(hotel: Hotel) -> None:
    rows = ask(hotel.connection, "list_engagement_conversions")
    groups = by_group(hotel.everyone, lambda guest: [engagement(guest)])
    assert [(tuple(row[:2]), tuple(row[2:])) for row in rows] == [
        (bounds, conversion(groups[bounds])) for bounds in sorted(groups, key=lambda each: each[0])
    ]
    assert len(rows) == 6


def test_conversion_by_cohort(hotel: Hotel) -> None:
    rows = ask(hotel.connection, "list_cohort_conversions", max_rows=100)
    groups = by_group(hotel.everyone, lambda guest: [month(guest.row["first_interaction"])])
    assert {row.month for row in rows} == set(groups)
    for row in rows:
        guests, interested, booked, converted = conversion(groups[row.month])
        soon = sum(
            booking - guest.row["first_interaction"] < timedelta(days=30)
            for guest in groups[row.month]
            if (booking := guest.first("booked")) is not None and guest.row["first_interaction"] is not None
        )
        assert tuple(row[1:]) == (guests, interested, booked, soon, converted)
    months = [row.month for row in rows]
    assert months[-1] is None
    assert months[:-1] == sorted(months[:-1], reverse=True)


def test_guests_by_status(hotel: Hotel) -> None:
    rows = ask(hotel.connection, "list_booking_statuses")
    groups = by_group(hotel.everyone, lambda guest: [guest.status])
    assert {row.booking_status for row in rows} == {None, "interested", "booked", "inactive", "lost"}
    for row in rows:
        members = groups[row.booking_status]
        archived = sum(guest.is_archived for guest in members)
        assert tuple(row[1:]) == (len(members), archived, conversion(members)[2])


# Without summer time, with it (it began within these weeks), half an hour off, and already on the next day.
@pytest.mark.parametrize("zone", [ZONE, *map(ZoneInfo, ("Europe/Madrid", "Asia/Kolkata", "Pacific/Auckland"))], ids=str)
def test_activity_by_weekday_and_hour(hotel: Hotel, zone: ZoneInfo) -> None:
    rows = ask(hotel.connection, "list_hourly_activity", timezone=zone.key)
    wanted = activity(hotel.everyone, NOW, 12, zone)
    assert {(row.weekday, row.hour): row.messages for row in rows} == {
        (weekday, hour): wanted[weekday, hour] for weekday in range(1, 8) for hour in range(24)
    }
    assert len(rows) == 168
    assert all(abs(float(row.messages_per_week) - row.messages / 12) <= 0.005 for row in rows)
    # Neither today, nor the hour before the first day.
    assert activity([hotel.guests["573990000001"]], NOW, 12) == {(6, 0): 5, (6, 23): 7, (7, 0): 13}


@pytest.mark.parametrize("zone", [ZONE, ZoneInfo("Europe/Madrid")], ids=str)
@pytest.mark.parametrize("unit", ["day", "week", "month"])
def test_new_guests(hotel: Hotel, unit: str, zone: ZoneInfo) -> None:
    def beginning(day: date) -> date:
        return {"day": day, "week": day - timedelta(days=day.weekday()), "month": day.replace(day=1)}[unit]

    rows = ask(hotel.connection, "list_new_guests", unit=unit, max_rows=20, timezone=zone.key)
    firsts = [guest.row["first_interaction"] for guest in hotel.everyone]
    wanted = Counter(beginning(first.astimezone(zone).date()) for first in firsts if first is not None)
    assert rows[0].since_day == beginning(NOW.astimezone(zone).date())
    assert [row.new_guests for row in rows] == [wanted[row.since_day] for row in rows]
    days = [row.since_day for row in rows]
    assert days == sorted(set(days), reverse=True)
    assert len(days) == 20


def test_most_active_guests(hotel: Hotel) -> None:
    rows = ask(hotel.connection, "list_most_active_guests", show_numbers=True, max_rows=3000)
    counted = {
        key: [hour["messages"] for hour in guest.hours if hour["hour"] > NOW - timedelta(days=30)]
        for key, guest in hotel.guests.items()
    }
    wanted = sorted(((-sum(found), key, len(found)) for key, found in counted.items() if found))
    assert [(-row.messages, row.guest, row.active_hours) for row in rows] == wanted
    assert len(rows) > 50


def test_hot_leads(hotel: Hotel) -> None:
    rows = ask(hotel.connection, "list_hot_leads", show_numbers=True, max_rows=3000)

    def order(item: tuple[str, Guest]) -> tuple[Any, ...]:
        quoted = max((quote["occurred_at"] for quote in item[1].quotes), default=None)
        last = item[1].row["last_interaction"]
        return quoted is None, -quoted.timestamp() if quoted else 0, -last.timestamp(), item[0]

    leads = [
        (key, guest)
        for key, guest in hotel.guests.items()
        if guest.status == "interested"
        and guest.row["last_interaction"] is not None
        and guest.row["last_interaction"] > NOW - timedelta(days=7)
    ]
    assert [row.guest for row in rows] == [key for key, _ in sorted(leads, key=order)]
    assert len(rows) >= 10
    for row in rows:
        quotes = hotel.guests[row.guest].quotes
        latest = max(quotes, key=lambda quote: (quote["occurred_at"], quote["event_id"]), default={})
        assert (row.quoted_value, row.currency) == (latest.get("value"), latest.get("currency"))
    (ana,) = [row for row in rows if row.guest == "573990000001"]
    assert (ana.quoted_value, ana.currency) == (300, "USD")


def test_priorities(hotel: Hotel) -> None:
    rows = ask(hotel.connection, "list_guest_priorities", show_numbers=True, max_rows=3000)
    with hotel.connection.cursor(row_factory=dict_row) as cursor:
        weights = cursor.execute("SELECT * FROM priority_weights").fetchall()
    recent = {
        key
        for key, guest in hotel.guests.items()
        if guest.row["last_interaction"] is not None and guest.row["last_interaction"] > NOW - timedelta(days=30)
    }
    assert {row.guest for row in rows} == recent
    for row in rows:
        assert float(row.score) == pytest.approx(score(hotel.guests[row.guest], weights, NOW), abs=0.0501)
    scores = [row.score for row in rows]
    assert scores == sorted(scores, reverse=True)
    assert len(set(scores)) > 20
    assert {row.booking_status for row in rows} >= {None, "interested", "booked"}


def test_priorities_without_weights(hotel: Hotel) -> None:
    with hotel.connection.transaction(force_rollback=True):
        hotel.connection.execute("DELETE FROM priority_weights")
        assert {row.score for row in ask(hotel.connection, "list_guest_priorities")} == {0}


@pytest.mark.parametrize("name", STAFF)
def test_a_list_for_the_staff_masks_numbers(hotel: Hotel, name: str) -> None:
    assert all(row.guest.startswith("***") for row in ask(hotel.connection, name))


def test_the_summary_of_a_guest(hotel: Hotel) -> None:
    def summary(**given: object) -> str | None:
        rows = ask(hotel.connection, "get_guest_summary", **given)
        assert len(rows) <= 1
        return rows[0].summary if rows else None

    facts = [
        "Name: Ana Booking status: booked",
        "Labels: VIP, VIP, cotización",
        "First message: 2025-05-31",
        "Last message: 2025-06-14",
        "Messages: 51",
        "Booking status: interested",
        "Last booking: 2025-06-01",
        "Last quote: 2025-06-13",
    ]
    assert summary(user_id="77@lid") == "\n".join(facts)
    noted = summary(user_id="573990000001", note_kinds=["preference"])
    assert noted == "\n".join([*facts, "Note: Wants a quiet room"])
    assert summary(user_id="573990000003") == "Name: unknown\nLabels: solo\nMessages: 0"
    assert summary(user_id="573990000004") == (
        "Name: unknown\nLabels: cotización, VIP\nFirst message: 2022-12-31\nLast message: 2024-06-15\nMessages: 1\n"
        "Booking status: booked\nLast booking: 2023-01-30"
    )
    assert summary(user_id="573990000099") is None
    off = next(key for key, guest in hotel.guests.items() if not guest.row["memory_enabled"])
    assert summary(user_id=off) == ""


@pytest.mark.parametrize(
    ("role", "allowed"),
    [
        ("guestsql_monitor", {"list_hourly_activity", "list_new_guests"}),
        ("guestsql_bot", {*ANALYSES}),
    ],
)
def test_who_may_run_them(hotel: Hotel, role: str, allowed: set[str]) -> None:
    found = set()
    for name in ANALYSES:
        given = {"user_id": "77@lid"} if name == "get_guest_summary" else {}
        with hotel.connection.transaction(force_rollback=True):
            hotel.connection.execute(f"GRANT USAGE ON SCHEMA frozen TO {role}".encode())
            hotel.connection.execute(f"SET LOCAL ROLE {role}".encode())
            try:
                with hotel.connection.transaction():
                    ask(hotel.connection, name, **given)
            except InsufficientPrivilege:
                continue
            found.add(name)
    assert found == allowed


def test_the_hotel_is_believable(hotel: Hotel) -> None:
    """Counts agree between the tables, every kind of guest occurs, and what should differ differs."""
    invented = {key: guest for key, guest in hotel.guests.items() if not key.startswith("57399")}
    assert len(invented) == GUESTS
    for guest in invented.values():
        assert sum(hour["messages"] for hour in guest.hours) == guest.row["total_interactions"]
        assert guest.is_archived == (
            guest.row["last_interaction"] is not None and guest.row["last_interaction"] < UNTIL - timedelta(days=180)
        )
    rows = {row.label: row.conversion_percent for row in ask(hotel.connection, "list_label_conversions")}
    assert rows["VIP"] > rows["cotización"] > rows[None] > 0
    months = Counter(first.month for guest in invented.values() if (first := guest.row["first_interaction"]))
    assert months[12] > 1.5 * months[5]
    counts = hotel.connection.execute("""
        SELECT
            (SELECT count(*) FROM consented_guests),
            (SELECT count(*) FROM guest_consents WHERE NOT is_given),
            (SELECT count(*) FROM guest_ids WHERE kind = 'lid'),
            (SELECT count(*) FROM guest_notes)
    """).fetchone()
    assert counts is not None
    assert all(10 < count < GUESTS / 2 for count in counts)


def test_the_same_seed_gives_the_same_hotel(server: PrivateServer, template_database: str) -> None:
    tables = {
        "guest_profiles": "updated_at, phone_number, labels, last_interaction, total_interactions, user_name",
        "historical_clients": "phone_number, labels, first_interaction, archived_at",
        "booking_events": "phone_number, event_id, status, occurred_at, value",
        "interaction_hours": "phone_number, hour, messages",
        "consent_events": "event_id, phone_number, action, channel, occurred_at",
        "guest_notes": "note_id, phone_number, kind, note, created_at",
        "guest_days": "active_guests, day, new_guests",
        "action_results": "result, action_id, occurred_at",
        "context_minutes": "outcome, minute, answers",
        "query_minutes": "query, minute, calls, microseconds, buckets",
    }

    def rows(url: str) -> list[list[Any]]:
        with psycopg.connect(url) as connection:
            return [
                connection.execute(f"SELECT {columns} FROM {table} ORDER BY 2, 1".encode()).fetchall()
                for table, columns in tables.items()
            ]

    found = []
    for number, seed in enumerate((1, 1, 2)):
        name = f"guestsql_demo_{number}"
        url = _new(server, template_database, name)
        counts = _fill(url, 200, seed)
        found.append(rows(url))
        assert [len(each) for each in found[-1]] == [counts[table] for table in tables]
        with pytest.raises(GuestSQLError, match="has guests already"):
            _fill(url, 200, seed)
        drop_database(server, name)
    assert found[0] == found[1]
    assert found[0] != found[2]


def test_another_database_is_refused(database_url: str) -> None:
    with pytest.raises(GuestSQLError, match="not a database of the demo"):
        _fill(database_url, 10, seed=1)
    with psycopg.connect(database_url) as connection:
        assert connection.execute("SELECT count(*) FROM guest_ids").fetchone() == (0,)


def test_weights_that_make_no_sense_are_refused(connection: psycopg.Connection[Any]) -> None:
    for row in (
        "('status', 'Booked', 1, NULL)",
        "('status', '', 1, NULL)",
        "('recency', '', 1, NULL)",
        "('recency', '', 1, 0)",
        "('label', 'x', 'NaN', NULL)",
        "('label', 'x', 1, 5)",
        "('colour', 'x', 1, NULL)",
    ):
        with pytest.raises(psycopg.errors.CheckViolation), connection.transaction():
            RawCursor(connection).execute(
                f"INSERT INTO priority_weights VALUES {row} "
                "ON CONFLICT (factor, value) DO UPDATE SET points = excluded.points, scale = excluded.scale".encode()
            )
