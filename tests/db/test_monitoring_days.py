"""The guests of the hotel's days, compared with a plain count of all of them, in any time zone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import psycopg
from hypothesis import HealthCheck, given, settings
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


_NEAR_MIDNIGHT = st.one_of(st.sampled_from([-1, 0, 1]), st.integers(-86_400, 86_400))
_GUEST = st.none() | st.tuples(st.integers(-1, 12), _NEAR_MIDNIGHT, st.sampled_from([0, 1, 3_600, 86_400, 300_000]))

HOTELS = st.builds(
    Hotel,
    zone=st.sampled_from(ZONES),
    guests=st.lists(_GUEST, max_size=12),
    silent_days=st.integers(0, 8),
    days=st.integers(1, 6),
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


_PLAIN_LAST = """
SELECT guest, last_interaction
FROM guest_figures
ORDER BY last_interaction DESC NULLS LAST, guest
"""


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(hotel=HOTELS, wanted=st.integers(0, 14))
def test_the_figures_are_those_of_a_plain_count(connection: Connection, hotel: Hotel, wanted: int) -> None:
    asked = _arrive(connection, hotel)
    known = {"timezone": hotel.zone, "silent_days": hotel.silent_days}
    rows = ask(connection, "list_guest_days", max_rows=hotel.days, **known)
    assert [row[:4] for row in rows] == connection.execute(_PLAIN_DAYS.encode(), asked).fetchall()
    today = ask_one(connection, "get_guests_today", **known)
    assert today == connection.execute(_PLAIN_TODAY.encode(), asked).fetchone()
    last = connection.execute(_PLAIN_LAST).fetchall()
    assert [row[:2] for row in ask(connection, "list_last_interactions", max_rows=wanted)] == last[:wanted]
