"""Large tables: how much is read is bounded, how far an estimate is off too, and what is known is not contradicted."""

from __future__ import annotations

import json
from typing import Any

import psycopg
import pytest
from psycopg import RawCursor

from guestsql.sql import arrange
from tests.databases import case_id
from tests.monitoring import CATALOGUE, ask, ask_one, tell_statistics

Connection = psycopg.Connection[Any]

GUESTS = 20_000
# By 100 of their 350 pages; the more pages, the nearer. In order of time is the worst.
NEAR = 0.04 * GUESTS
SMALL: dict[str, dict[str, int]] = {
    "get_profile_totals": {"sample_pages": 100},
    "get_context_freshness": {"sample_pages": 100},
    "list_last_interactions": {"read_guests": 200},
    "list_guest_days": {"read_guests": 100, "sample_pages": 100},
    "get_guests_today": {"read_guests": 100, "sample_pages": 100},
}

NOON = "(statement_timestamp() AT TIME ZONE 'America/Bogota')::date + TIME '12:00'"
# When the guests wrote last, before noon of the hotel's day; number is from 1 to 20,000.
DISTRIBUTIONS = {
    "over 50 days, mixed": "number * 7919 % 20011 * INTERVAL '216 seconds'",
    "over 50 days, in order": "number * INTERVAL '216 seconds'",
    "over 2 years": "number * 7919 % 20011 * INTERVAL '3152 seconds'",
    "most of them lately": "power(number * 7919 % 20011 / 20011.0, 4) * INTERVAL '500 days'",
    "one instant": "INTERVAL '0 days'",
    "one instant, 30 days ago": "INTERVAL '30 days'",
    "never": "NULL::interval",
}

_ARRIVE = """
INSERT INTO guest_profiles (
    phone_number, thread_id, labels, memory_enabled, last_context_update, first_interaction, last_interaction
)
SELECT
    (573000000000 + number)::text,
    CASE WHEN number % 2 = 0 THEN 't' END,
    CASE WHEN number % 4 = 0 THEN '{}'::text[] ELSE '{VIP}' END,
    number % 5 > 0,
    CASE WHEN number % 2 = 0 THEN statement_timestamp() END,
    (NOON - before) AT TIME ZONE 'America/Bogota' - number % 30 * INTERVAL '1 day',
    (NOON - before) AT TIME ZONE 'America/Bogota'
FROM (
    SELECT number, BEFORE AS before FROM generate_series(1::bigint, $1) AS number
) AS told
"""


def _arrive(connection: Connection, distribution: str, guests: int = GUESTS) -> None:
    text = _ARRIVE.replace("NOON", NOON).replace("BEFORE", DISTRIBUTIONS[distribution])
    RawCursor(connection).execute(text.encode(), [guests])


def _blocks(connection: Connection, name: str, **parameters: object) -> int:
    """How many blocks a query reads, each as often as it is read."""
    query = CATALOGUE[name]
    cursor = RawCursor(connection)
    cursor.execute(
        f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {query.text}".encode(), arrange(query, parameters), prepare=False
    )
    row = cursor.fetchone()
    assert row is not None
    (told,) = row[0] if isinstance(row[0], list) else json.loads(row[0])
    return int(told["Plan"]["Shared Hit Blocks"] + told["Plan"]["Shared Read Blocks"])


@pytest.mark.parametrize("distribution", DISTRIBUTIONS, ids=case_id)
def test_little_is_read_and_the_figures_are_near(autocommit: Connection, distribution: str) -> None:
    """In a table that is analyzed and never vacuumed, as after an import."""
    _arrive(autocommit, distribution)
    autocommit.execute("ANALYZE guest_profiles")
    for name, known in SMALL.items():
        # Guests that are looked up, a block each, pages of the sample, and something for indexes and catalogues.
        bound = 2 * known.get("read_guests", 0) + 1.3 * known.get("sample_pages", 0) + 60
        blocks = _blocks(autocommit, name, **known)
        assert blocks <= bound, name
    assert _blocks(autocommit, "get_profile_totals") > 250  # the table, read whole
    for name in ("list_guest_days", "get_guests_today"):
        exact = ask(autocommit, name)
        assert all(row.is_exact for row in exact)
        estimated = ask(autocommit, name, **SMALL[name])
        assert estimated == ask(autocommit, name, **SMALL[name])  # always the same pages
        for row, truth in zip(estimated, exact, strict=True):
            for column in ("new_guests", "active_guests", "silent_guests"):
                found, true = getattr(row, column), getattr(truth, column)
                assert abs(found - true) <= (0 if row.is_exact else NEAR), (name, column, row, truth)


def test_totals_are_near(autocommit: Connection) -> None:
    _arrive(autocommit, "never")
    autocommit.execute("ANALYZE guest_profiles")
    exact = ask_one(autocommit, "get_profile_totals")
    assert exact == (20_000, 10_000, 15_000, 10_000, 4_000, True)
    sampled = ask_one(autocommit, "get_profile_totals", sample_pages=100)
    assert sampled.total_profiles == GUESTS  # of the last analyze, which read the whole table
    assert not sampled.is_exact
    for found, truth in zip(sampled[1:5], exact[1:5], strict=True):
        assert abs(found - truth) < NEAR
    assert ask_one(autocommit, "get_profile_totals", sample_pages=100) == sampled
    warm = ask_one(autocommit, "get_context_freshness", sample_pages=100)
    assert (warm.total_profiles, warm.is_exact) == (GUESTS, False)
    assert warm.fresh_contexts + warm.stale_contexts + warm.missing_contexts == GUESTS
    assert abs(warm.fresh_contexts - 10_000) < NEAR


def test_the_days_that_were_read_stay_exact(autocommit: Connection) -> None:
    """400 guests a day: of the newest days all are read, and the estimate of the others does not touch them."""
    _arrive(autocommit, "over 50 days, mixed")
    exact = ask(autocommit, "list_guest_days", silent_days=60)
    rows = ask(autocommit, "list_guest_days", silent_days=60, read_guests=1_500, sample_pages=50)
    assert [row.is_exact for row in rows] == [True] * 4 + [False] * 10
    assert rows[:4] == exact[:4]
    today = ask_one(autocommit, "get_guests_today", silent_days=60, read_guests=1_500, sample_pages=50)
    assert today[:3] == (rows[0].new_guests, rows[0].active_guests, 0)
    assert today.is_exact


def test_what_was_recorded_wins_over_an_estimate(autocommit: Connection) -> None:
    _arrive(autocommit, "one instant")
    autocommit.execute(
        f"""
        INSERT INTO guest_days (day, new_guests, active_guests)
        SELECT ({NOON})::date - days, 700, 20001 FROM generate_series(0, 1) AS days
        """.encode()
    )
    known = {"read_guests": 100, "sample_pages": 50, "max_rows": 3}
    today, yesterday, before = ask(autocommit, "list_guest_days", **known)
    assert (today.is_recorded, today.is_exact) == (True, False)
    assert today.active_guests == 20_001  # more than the estimate
    assert abs(today.new_guests - 700) < NEAR
    assert yesterday[1:] == (700, 20_001, 0, True, True)  # and not what the sample tells of it
    assert before[1:] == (before.new_guests, 0, 0, False, False)
    assert before.new_guests > 300


def test_an_estimate_is_no_less_than_what_was_read(autocommit: Connection) -> None:
    _arrive(autocommit, "one instant")
    row = ask_one(autocommit, "get_guests_today", read_guests=150, sample_pages=0)
    assert (row.active_guests, row.is_exact) == (151, False)
    assert ask(autocommit, "list_guest_days", read_guests=150, sample_pages=0)[0].active_guests == 151


def test_the_last_of_a_day_that_is_too_large(autocommit: Connection) -> None:
    """Whoever was not read may have written later, and that is told; who never wrote cannot."""
    _arrive(autocommit, "over 50 days, in order")
    plain = ask(autocommit, "list_last_interactions", max_rows=300)
    assert [row.inactivity_seconds for row in plain] == sorted(row.inactivity_seconds for row in plain)
    assert all(row.is_exact for row in plain)
    assert not any(row.is_exact for row in ask(autocommit, "list_last_interactions", read_guests=50))
    assert ask(autocommit, "list_last_interactions", read_guests=2_000)[0][:2] == plain[0][:2]
    autocommit.execute("DELETE FROM guest_profiles")
    _arrive(autocommit, "never")
    rows = ask(autocommit, "list_last_interactions", read_guests=50)
    assert [(row.last_interaction, row.is_exact) for row in rows] == [(None, True)] * 10


def test_the_number_of_guests_is_counted_where_that_is_cheap(autocommit: Connection) -> None:
    """Counted after a vacuum; touched since by many, it is that of the last analyze; without one, the sample's."""

    def total() -> int:
        tell_statistics(autocommit)
        rows = [ask_one(autocommit, name, sample_pages=50) for name in ("get_profile_totals", "get_context_freshness")]
        assert rows[0].total_profiles == rows[1].total_profiles
        assert not any(row.is_exact for row in rows)
        return int(rows[0].total_profiles)

    autocommit.execute("ANALYZE guest_profiles")  # empty
    _arrive(autocommit, "never", 8_000)
    assert abs(total() - 8_000) < 1_200
    autocommit.execute("VACUUM ANALYZE guest_profiles")
    autocommit.execute("DELETE FROM guest_profiles WHERE phone_number <= '573000000040'")
    assert total() == 7_960
    autocommit.execute("DELETE FROM guest_profiles WHERE phone_number <= '573000000400'")
    assert total() == 8_000
    autocommit.execute("ANALYZE guest_profiles")
    assert total() == 7_600
    autocommit.execute("DELETE FROM guest_profiles WHERE right(phone_number, 1) <> '3'")
    assert abs(total() - 760) < 100  # too far from that: the sample is believed
