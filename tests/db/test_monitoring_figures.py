"""The monitoring queries upon what the bot's processes counted: hit rates, latencies, errors, memory."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Any

import psycopg
import pytest

from guestsql.sql import arrange
from tests.monitoring import CATALOGUE, ask, ask_one

Connection = psycopg.Connection[Any]

CLASSES = 49
BOGOTA = "America/Bogota"


def _class_of(seconds: float) -> int:
    """The class of a duration, from 1; computed as the table's comment says, and not as the bot does."""
    limits = [2 ** ((place - 33) / 2) for place in range(1, CLASSES)]
    return next((place for place, limit in enumerate(limits, start=1) if seconds <= limit), CLASSES)


def _buckets(durations: Iterable[float]) -> list[int]:
    counts = [0] * CLASSES
    for seconds in durations:
        counts[_class_of(seconds) - 1] += 1
    while counts[-1] == 0:
        counts.pop()
    return counts


# What is arranged together is arranged in one statement: a minute must not end in between. And nothing stands at the
# edge of a window, for one may end before the question.


def _count(connection: Connection, *told: tuple[str, int, Sequence[float]]) -> None:
    """Count calls: each the query, how many minutes ago, and the durations in seconds."""
    rows = [
        {
            "query": query,
            "ago": ago,
            "calls": len(durations),
            "microseconds": round(sum(durations) * 1e6),
            "buckets": _buckets(durations),
        }
        for query, ago, durations in told
    ]
    connection.execute(
        """
        INSERT INTO query_minutes (minute, query, calls, row_count, microseconds, buckets)
        SELECT
            date_trunc('minute', statement_timestamp()) - make_interval(mins => ago),
            query, calls, 2 * calls, microseconds, buckets
        FROM jsonb_to_recordset(%s) AS told (ago int, query text, calls bigint, microseconds bigint, buckets bigint[])
        """,
        [json.dumps(rows)],
    )


def _answer(connection: Connection, *told: tuple[str, int, str]) -> None:
    """Count answers: each the outcome, how many, and when as SQL."""
    values = ", ".join(f"(date_trunc('minute', {when}), '{outcome}', {answers})" for outcome, answers, when in told)
    connection.execute(f"INSERT INTO context_minutes (minute, outcome, answers) VALUES {values}".encode())


def _ago(minutes: int) -> str:
    return f"statement_timestamp() - INTERVAL '{minutes} minutes'"


def _fail(connection: Connection, query: str, kind: str, errors: int, *, minutes_ago: int = 0) -> None:
    connection.execute(
        """
        INSERT INTO query_error_minutes (minute, query, kind, errors)
        VALUES (date_trunc('minute', statement_timestamp()) - make_interval(mins => %s), %s, %s, %s)
        """,
        [minutes_ago, query, kind, errors],
    )


def _percentile(durations: Sequence[float], share: float) -> float:
    return sorted(durations)[math.ceil(share * len(durations)) - 1]


def test_hits_of_the_last_hour(connection: Connection) -> None:
    nothing = ask_one(connection, "get_cache_hits")
    assert nothing == (0, 0, 0, 0, 0, None)
    told = [("hit", 7, _ago(0)), ("miss", 2, _ago(0)), ("stale", 1, _ago(57)), ("error", 50, _ago(63))]
    _answer(connection, *told)
    assert ask_one(connection, "get_cache_hits") == (10, 7, 1, 2, 0, 70)
    assert ask_one(connection, "get_cache_hits", minutes=90).errors == 50


def test_misses_alone_are_a_rate_of_nought(connection: Connection) -> None:
    _answer(connection, ("miss", 3, _ago(0)))
    assert ask_one(connection, "get_cache_hits").hit_percent == 0
    assert [row.hit_percent for row in ask(connection, "list_hit_rates")] == [0]


def test_hit_rates_by_minute(connection: Connection) -> None:
    counted = ((0, 3, 1), (1, 1, 1), (57, 5, 0), (63, 9, 9))
    hits = [("hit", hits, _ago(minutes)) for minutes, hits, _ in counted]
    _answer(connection, *hits, *(("miss", misses, _ago(minutes)) for minutes, _, misses in counted))
    rows = ask(connection, "list_hit_rates")
    assert [(row.total_requests, row.hit_percent) for row in rows] == [(4, 75), (2, 50), (5, 100)]
    assert [rows[0].since - row.since for row in rows] == [timedelta(minutes=each) for each in (0, 1, 57)]
    assert len(ask(connection, "list_hit_rates", max_rows=1)) == 1


def test_hit_rates_by_the_hotels_day(connection: Connection) -> None:
    """The day begins at midnight of the hotel, which is 05:00 UTC in Bogotá."""
    midnight = f"date_trunc('day', statement_timestamp(), '{BOGOTA}')"
    _answer(
        connection,
        ("hit", 1, midnight),
        ("miss", 3, f"{midnight} - INTERVAL '1 minute'"),
        ("hit", 4, f"{midnight} - INTERVAL '1 day'"),
        ("error", 8, f"{midnight} - INTERVAL '1 day 1 minute'"),
    )
    rows = ask(connection, "list_hit_rates", unit="day")
    assert [(row.total_requests, row.cache_hits, row.errors) for row in rows] == [(1, 1, 0), (7, 4, 0), (8, 0, 8)]
    assert len(ask(connection, "list_hit_rates", unit="day", max_rows=2)) == 2
    assert [row.total_requests for row in ask(connection, "list_hit_rates", unit="day", timezone="UTC")] != [1, 7, 8]
    assert sum(row.total_requests for row in ask(connection, "list_hit_rates", unit="hour", max_rows=80)) == 16


def test_a_unit_that_is_none_is_refused(connection: Connection) -> None:
    with pytest.raises(psycopg.DataError, match=r"fortnight|interval"):
        ask(connection, "list_hit_rates", unit="fortnight")


@pytest.mark.parametrize("seed", range(3))
def test_percentiles_are_within_a_factor_of_the_root_of_two(connection: Connection, seed: int) -> None:
    chance = random.Random(seed)
    durations = [chance.lognormvariate(-6, 1.5) for _ in range(1000)]
    parts = (("get_profile", 0, durations[:600]), ("get_profile", 30, durations[600:]))
    _count(connection, *parts, ("get_profile", 63, [100.0] * 500))
    row = ask_one(connection, "list_query_latencies")
    for share, found in ((0.5, row.p50_milliseconds), (0.95, row.p95_milliseconds), (0.99, row.p99_milliseconds)):
        truth = _percentile(durations, share) * 1000
        assert 1 / math.sqrt(2) <= float(found) / truth <= math.sqrt(2)
    assert (row.calls, row.row_count, row.errors, row.error_percent) == (1000, 2000, 0, 0)
    assert math.isclose(float(row.mean_milliseconds), sum(durations), rel_tol=0.01)
    assert 0.272 < row.calls_per_second <= 0.278  # 1,000 in 3,600 to 3,660 seconds, rounded


def test_a_percentile_inside_a_class_is_placed_on_a_logarithmic_scale(connection: Connection) -> None:
    """1,000 durations spread evenly so over half a second to a second: two classes."""
    durations = [0.5 * 2 ** ((each + 0.5) / 1000) for each in range(1000)]
    _count(connection, ("slow", 0, durations))
    row = ask_one(connection, "list_query_latencies")
    assert math.isclose(row.p50_milliseconds, 500 * 2**0.5, rel_tol=0.002)
    assert math.isclose(row.p95_milliseconds, 500 * 2**0.95, rel_tol=0.002)
    assert math.isclose(row.p99_milliseconds, 500 * 2**0.99, rel_tol=0.002)


@pytest.mark.parametrize(("seconds", "milliseconds"), [(1e9, 181_019.336), (1e-9, 0.0129)])
def test_the_classes_at_the_ends(connection: Connection, seconds: float, milliseconds: float) -> None:
    _count(connection, ("odd", 0, [seconds]))
    assert math.isclose(ask_one(connection, "list_query_latencies").p50_milliseconds, milliseconds, rel_tol=0.01)


def test_one_call_is_every_percentile(connection: Connection) -> None:
    _count(connection, ("rare", 0, [0.1]))
    row = ask_one(connection, "list_query_latencies")
    assert row.p50_milliseconds <= row.p95_milliseconds <= row.p99_milliseconds <= 2 ** ((27 - 33) / 2) * 1000


def test_latencies_by_query_with_errors_most_time_first(connection: Connection) -> None:
    _count(connection, ("quick", 0, [0.001] * 10), ("slow", 0, [2.0] * 4))
    _fail(connection, "slow", "timeout", 1)
    _fail(connection, "slow", "unavailable", 1, minutes_ago=57)
    _fail(connection, "slow", "other", 3, minutes_ago=63)
    rows = ask(connection, "list_query_latencies")
    assert [(row.query, row.calls, row.errors, row.error_percent) for row in rows] == [
        ("slow", 4, 2, 50),
        ("quick", 10, 0, 0),
    ]
    assert rows[0].total_milliseconds == 8000
    assert [row.query for row in ask(connection, "list_query_latencies", max_rows=1)] == ["slow"]
    assert [(row.kind, row.errors) for row in ask(connection, "list_query_errors")] == [
        ("timeout", 1),
        ("unavailable", 1),
    ]
    assert ask(connection, "list_query_errors", minutes=90)[0][:3] == ("slow", "other", 3)


def test_latencies_by_minute_add_up_all_queries(connection: Connection) -> None:
    present = (("quick", 0, [0.001] * 99), ("slow", 0, [2.0]))
    _count(connection, *present, ("slow", 57, [4.0]), ("slow", 63, [4.0]))
    rows = ask(connection, "list_minute_latencies")
    assert [row.calls for row in rows] == [100, 1]
    assert rows[0].p50_milliseconds < 1.5
    assert rows[0].p99_milliseconds < 1.5
    assert 2800 < rows[1].p50_milliseconds <= 4000


def test_call_rates(connection: Connection) -> None:
    _count(connection, ("quick", 0, [0.001] * 8), ("slow", 0, [0.5] * 2), ("slow", 3, [1.0]))
    connection.execute("INSERT INTO query_error_minutes SELECT max(minute), 'slow', 'timeout', 1 FROM query_minutes")
    rows = ask(connection, "list_call_rates")
    assert [(row.calls, row.errors, row.error_percent, row.row_count) for row in rows] == [
        (10, 1, 10, 20),
        (1, 0, 0, 2),
    ]
    assert math.isclose(rows[0].mean_milliseconds, 100.8)
    assert sum(row.calls for row in ask(connection, "list_call_rates", unit="day")) == 11


def test_one_query_by_hour(connection: Connection) -> None:
    """The present hour counts as one; what is older than the hours, and other queries, do not count."""
    assert ask_one(connection, "get_query_latency", query="slow") == (0, 0, None, None)
    _count(connection, ("quick", 0, [0.001] * 8), ("slow", 0, [0.5] * 2), ("slow", 120, [2.0]), ("slow", 1440, [9.0]))
    connection.execute("INSERT INTO query_error_minutes SELECT minute, query, 'timeout', calls FROM query_minutes")
    latency = ask_one(connection, "get_query_latency", query="slow")
    assert latency[:2] == (3, 3)
    assert 350 < latency.p50_milliseconds <= 500
    assert 1400 < latency.p95_milliseconds <= 2000
    hours = ask(connection, "list_query_hours", query="slow")
    assert len(hours) == 24
    older, newer = (row for row in hours if row.calls)
    assert (older.calls, older.errors, newer.calls, newer.errors) == (1, 1, 2, 2)
    assert newer.since - older.since == timedelta(hours=2)
    assert 350 < newer.p95_milliseconds <= 500
    assert hours[0].p50_milliseconds is None


def test_memory_of_the_processes(connection: Connection) -> None:
    connection.execute(
        """
        INSERT INTO process_minutes (minute, process, flushes, flush_failures, resident_bytes)
        SELECT date_trunc('minute', statement_timestamp()) - make_interval(mins => ago), process, 6, failed, bytes
        FROM (VALUES
            (0, 'b:2', 0, 50), (1, 'b:2', 1, 80), (2, 'a:1', 0, NULL), (3, 'a:1', 0, 30), (90, 'old:3', 0, 99)
        ) AS told (ago, process, failed, bytes)
        """
    )
    rows = ask(connection, "list_process_memory")
    assert [(row.process, *row[2:]) for row in rows] == [("b:2", 50, 80, 12, 1), ("a:1", 30, 30, 12, 0)]


def test_the_tables_against_the_files_of_the_last_import(connection: Connection) -> None:
    assert ask(connection, "get_import_comparison") == []
    connection.execute(
        """
        INSERT INTO legacy_imports (
            started_at, files, records, guests, inserted, updated, unchanged, rejected, merged, file_bytes, table_bytes,
            peak_memory_bytes, seconds
        )
        SELECT statement_timestamp(), '[]', 1, 1, 1, 0, 0, 0, 0, bytes, 1000, 2000, 3
        FROM unnest(ARRAY[1, 4096]) AS bytes
        """
    )
    row = ask_one(connection, "get_import_comparison")
    sizes = connection.execute(
        "SELECT pg_total_relation_size('guest_profiles'), pg_indexes_size('guest_profiles')"
    ).fetchone()
    assert sizes is not None
    assert (row.file_bytes, row.imported_table_bytes, row.peak_memory_bytes) == (4096, 1000, 2000)
    assert (row.table_bytes, row.index_bytes) == sizes
    assert math.isclose(row.table_per_file, sizes[0] / 4096, rel_tol=0.01)


PAST: tuple[tuple[str, dict[str, object]], ...] = (
    ("get_cache_hits", {}),
    ("list_hit_rates", {}),
    ("list_query_latencies", {}),
    ("list_minute_latencies", {}),
    ("list_call_rates", {}),
    ("get_query_latency", {"query": "a"}),
    ("list_query_hours", {"query": "a"}),
)


def test_the_planner_sees_how_little_of_the_past_is_asked_for(autocommit: Connection) -> None:
    """With days of figures, free to choose: the last hour comes by the index."""
    autocommit.execute(
        """
        WITH minutes AS (
            SELECT date_trunc('minute', statement_timestamp()) - make_interval(mins => ago) AS minute
            FROM generate_series(0, 8000) AS ago
        ),
        counted AS (
            INSERT INTO query_minutes SELECT minute, 'a', 1, 1, 1, ARRAY[0, 0, 1] FROM minutes
        ),
        failed AS (
            INSERT INTO query_error_minutes SELECT minute, 'a', 'timeout', 1 FROM minutes
        )
        INSERT INTO context_minutes SELECT minute, 'hit', 1 FROM minutes
        """
    )
    autocommit.execute("ANALYZE query_minutes, query_error_minutes, context_minutes")
    for name, values in PAST:
        query = CATALOGUE[name]
        with psycopg.RawCursor(autocommit) as cursor:
            cursor.execute(f"EXPLAIN {query.text}".encode(), arrange(query, values))
            plan = "\n".join(line for (line,) in cursor)
        assert "Seq Scan" not in plan, f"{name}\n{plan}"


def test_messages_and_replies(connection: Connection) -> None:
    connection.execute("""
        INSERT INTO operations (source, operation_id, attempts, phone_number, lease, lease_until, claimed_at, done_at)
        SELECT source, source || place, attempts, NULL, lease, at + lease_for, at, done_at
        FROM (
            VALUES
            (1, 'guestsql', 5, NULL, NULL::interval, interval '1 h', now()),
            (2, 'whatsapp', 3, gen_random_uuid(), '1 s', '1 min', now()),
            (3, 'whapi', 1, NULL, NULL, '1 min', now()),
            (4, 'whapi', 1, NULL, NULL, '1 d', now() - interval '2 h'),
            (5, 'whapi', 2, gen_random_uuid(), '2 h', '1 h', NULL),
            (6, 'whapi', 2, gen_random_uuid(), '1 s', '1 h', NULL),
            (7, 'whapi', 2, NULL, NULL, '3 h', NULL)
        ) AS given (place, source, attempts, lease, lease_for, age, done_at)
        CROSS JOIN LATERAL (SELECT now() - age AS at) AS times
    """)
    found = ask_one(connection, "get_message_figures")
    assert found[:5] == (2, 2, 1, 1, 1)
    assert round(found.oldest_open_seconds) >= 3 * 3600
    states = [(row.state, row.gateway) for row in ask(connection, "list_open_messages")]
    assert sorted(states) == [("abandoned", "whapi"), ("failed", "whapi"), ("in progress", "whapi")]

    connection.execute("""
        INSERT INTO outbox (phone_number, state, due_at, attempts, lease, created_at, payload, sent_at)
        VALUES
        ('573000000001', 'queued', now() - interval '1 s', 0, NULL, now() - interval '1 h', '{}', NULL),
        ('573000000001', 'queued', now() + interval '1 h', 2, NULL, now(), '{}', NULL),
        ('573000000002', 'sending', now() + interval '1 h', 1, gen_random_uuid(), now(), '{}', NULL),
        ('573000000003', 'sending', now() - interval '1 s', 1, gen_random_uuid(), now(), '{}', NULL),
        ('573000000004', 'dead', now(), 9, NULL, now() - interval '1 d', '{}', NULL),
        ('573000000004', 'sent', now(), 1, gen_random_uuid(), now() - interval '1 d', NULL, now())
    """)
    found = ask_one(connection, "get_outbox_figures")
    assert (found[:5], found.dead_letters) == ((4, 1, 1, 1, 1), 1)
    assert 3600 <= found.oldest_unsent_seconds < 86_400
    assert [row.state for row in ask(connection, "list_unsent_replies")] == [
        "queued",
        "queued",
        "sending",
        "maybe sent",
    ]
