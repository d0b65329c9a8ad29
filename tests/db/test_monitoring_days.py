"""The guests of the hotel's days against a plain count of all of them: what is called exact is, in any time zone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import psycopg
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.monitoring import ask, ask_one

Connection = psycopg.Connection[Any]

ZONES = [
    "America/Bogota",
    "UTC",
    "Pacific/Kiritimati",  # UTC+14
    "Etc/GMT+12",  # UTC-12
    "Asia/Kathmandu",  # UTC+5:45
    "America/St_Johns",  # UTC-3:30, and summer time
    "America/Santiago",  # summer time begins and ends at midnight
]


@dataclass(frozen=True)
class Hotel:
    """Guests by days and seconds: the midnight that the last message is near, and how long before it the first was."""

    zone: str
    guests: Sequence[tuple[int, int, int] | None]
    silent_days: int
    days: int
    read_guests: int


_NEAR_MIDNIGHT = st.one_of(st.sampled_from([-1, 0, 1]), st.integers(-86_400, 86_400))
_GUEST = st.none() | st.tuples(st.integers(-1, 12), _NEAR_MIDNIGHT, st.sampled_from([0, 1, 3_600, 86_400, 300_000]))

HOTELS = st.builds(
    Hotel,
    zone=st.sampled_from(ZONES),
    guests=st.lists(_GUEST, max_size=12),
    silent_days=st.integers(0, 8),
    days=st.integers(1, 6),
    read_guests=st.sampled_from([0, 1, 2, 3, 5, 8, 2**31 - 1]),
)

_ARRIVE = """
INSERT INTO guest_profiles (phone_number, first_interaction, last_interaction)
SELECT
    (573000000000 + told.number)::text,
    told.last_interaction - make_interval(secs => told.before),
    told.last_interaction
FROM (
    SELECT
        number,
        before,
        ((statement_timestamp() AT TIME ZONE %(zone)s)::date - days)::timestamp AT TIME ZONE %(zone)s
        + make_interval(secs => seconds) AS last_interaction
    FROM unnest(%(days)s::int[], %(seconds)s::int[], %(before)s::int[]) WITH ORDINALITY
        AS near (days, seconds, before, number)
) AS told
"""

_PLAIN_DAYS = """
SELECT
    listed.day::date,
    count(*) FILTER (WHERE (first_interaction AT TIME ZONE %(zone)s)::date = listed.day),
    count(*) FILTER (WHERE (last_interaction AT TIME ZONE %(zone)s)::date = listed.day),
    count(*) FILTER (WHERE (last_interaction AT TIME ZONE %(zone)s)::date + %(silent_days)s = listed.day)
FROM generate_series(0, %(days)s - 1) AS past (days)
CROSS JOIN LATERAL (SELECT (statement_timestamp() AT TIME ZONE %(zone)s)::date - past.days AS day) AS listed
LEFT JOIN guest_profiles ON TRUE
GROUP BY listed.day
ORDER BY listed.day DESC
"""

_PLAIN_TODAY = """
SELECT
    count(*) FILTER (WHERE (first_interaction AT TIME ZONE %(zone)s)::date = today.day),
    count(*) FILTER (WHERE (last_interaction AT TIME ZONE %(zone)s)::date = today.day),
    count(*) FILTER (WHERE (last_interaction AT TIME ZONE %(zone)s)::date <= today.day - %(silent_days)s)
FROM (SELECT (statement_timestamp() AT TIME ZONE %(zone)s)::date AS day) AS today
LEFT JOIN guest_profiles ON TRUE
"""


def _arrive(connection: Connection, hotel: Hotel) -> dict[str, Any]:
    """The guests of a hotel and no others; what the plain counts ask for."""
    connection.execute("DELETE FROM guest_profiles")
    told = [guest or (None, None, None) for guest in hotel.guests]
    days, seconds, before = ([guest[place] for guest in told] for place in range(3))
    connection.execute(_ARRIVE.encode(), {"zone": hotel.zone, "days": days, "seconds": seconds, "before": before})
    return {"zone": hotel.zone, "silent_days": hotel.silent_days, "days": hotel.days}


_IN_ONE_TRANSACTION = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@_IN_ONE_TRANSACTION
@given(hotel=HOTELS)
def test_a_small_hotels_figures_are_exact(connection: Connection, hotel: Hotel) -> None:
    """However few guests are read one by one: the sample is the whole table."""
    asked = _arrive(connection, hotel)
    known = {"timezone": hotel.zone, "silent_days": hotel.silent_days, "read_guests": hotel.read_guests}
    rows = ask(connection, "list_guest_days", max_rows=hotel.days, **known)
    assert [row[:4] for row in rows] == connection.execute(_PLAIN_DAYS.encode(), asked).fetchall()
    assert {row.is_exact for row in rows} == {True}
    today = ask_one(connection, "get_guests_today", **known)
    assert today[:3] == connection.execute(_PLAIN_TODAY.encode(), asked).fetchone()
    assert today.is_exact


# The day began on the day before by UTC, of which one guest was read and one was not.
_EVENING, _MORNING, _LATER_MORNING = (2, 72_000, 0), (2, 3_600, 0), (2, 7_200, 0)
_EAST = [_MORNING, _LATER_MORNING, _EVENING]


@_IN_ONE_TRANSACTION
@example(hotel=Hotel("Pacific/Kiritimati", _EAST, silent_days=8, days=4, read_guests=1))
@example(hotel=Hotel("Pacific/Kiritimati", _EAST, silent_days=2, days=1, read_guests=1))
@given(hotel=HOTELS)
def test_what_is_called_exact_is_so_without_a_sample(connection: Connection, hotel: Hotel) -> None:
    """And what is not, is no more than there are."""
    asked = _arrive(connection, hotel)
    known = {"timezone": hotel.zone, "silent_days": hotel.silent_days, "read_guests": hotel.read_guests}
    rows = ask(connection, "list_guest_days", max_rows=hotel.days, sample_pages=0, **known)
    for row, truth in zip(rows, connection.execute(_PLAIN_DAYS.encode(), asked), strict=True):
        assert row[:4] == truth if row.is_exact else all(map(int.__le__, row[1:4], truth[1:])), (row, truth)
    today = ask_one(connection, "get_guests_today", sample_pages=0, **known)
    truth = connection.execute(_PLAIN_TODAY.encode(), asked).fetchone()
    assert truth is not None
    assert today[:3] == truth if today.is_exact else all(map(int.__le__, today[:3], truth))
    if hotel.read_guests > len(hotel.guests):
        assert today.is_exact
        assert {row.is_exact for row in rows} == {True}


_PLAIN_LAST = """
SELECT guest, last_interaction
FROM guest_figures
ORDER BY last_interaction DESC NULLS LAST, guest
"""


@_IN_ONE_TRANSACTION
@given(hotel=HOTELS, wanted=st.integers(0, 14))
def test_the_last_interactions_are_those_of_a_plain_sort(connection: Connection, hotel: Hotel, wanted: int) -> None:
    _arrive(connection, hotel)
    plain = connection.execute(_PLAIN_LAST).fetchall()
    rows = ask(connection, "list_last_interactions", max_rows=wanted, read_guests=hotel.read_guests)
    assert len(rows) == min(wanted, hotel.read_guests, len(plain))
    if hotel.read_guests >= len(plain):
        assert all(row.is_exact for row in rows)
        assert [row[:2] for row in rows] == plain[:wanted]
    if all(row.is_exact for row in rows):
        assert [row.last_interaction for row in rows] == [time for _, time in plain[: len(rows)]]
