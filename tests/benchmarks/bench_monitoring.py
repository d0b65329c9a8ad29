"""Every query of queries/monitoring_*.sql with 1,000,000 guests, and the figures of a busy bot's year.

All run in turn, round by round, with their defaults. Those that read guests also run with other distributions of the
guests' last messages, after an import, and when a tenth of the guests have been updated since.
GUESTSQL_BENCH_GUESTS sets another number of guests.
"""

from __future__ import annotations

import os
import re
import statistics
import sys
from collections.abc import Iterator
from time import perf_counter
from typing import Any

import psycopg
import pytest

from guestsql.embedded import PrivateServer
from tests.monitoring import QUERIES, ask
from tests.server import apply_migrations, private_server

GUESTS = int(os.environ.get("GUESTSQL_BENCH_GUESTS", "1000000"))
ROUNDS = 5
ROUNDS_BY_DISTRIBUTION = 3
AIM_MILLISECONDS = 2000

_GUESTS = """
INSERT INTO guest_profiles (
    phone_number, chat_id, user_name, labels, profile_data, thread_id, memory_enabled, first_interaction,
    last_interaction, total_interactions, context_cache, last_context_update
)
SELECT
    (573000000000 + number)::text,
    (573000000000 + number) || '@s.whatsapp.net',
    'Invitado ' || number,
    CASE WHEN number % 4 > 0 THEN '{cotización,Colega Jefe}'::text[] ELSE '{}' END,
    jsonb_build_object('legacy', jsonb_build_object('name', 'Invitado ' || number, 'color', '#00ff00')),
    CASE WHEN number % 5 > 0 THEN 'thread_' || md5(number::text) END,
    number % 97 > 0,
    last_interaction - make_interval(days => (number % 100)::int),
    last_interaction,
    number % 50,
    CASE WHEN number % 2 = 0 THEN '[Invitado ' || number || ' | {HH:MM} | cotización]' END,
    CASE WHEN number % 2 = 0 THEN statement_timestamp() - make_interval(secs => number % 5000) END
FROM
    generate_series(1::bigint, $1) AS number,
    LATERAL (SELECT LAST_INTERACTION AS last_interaction) AS told
"""

# When the guests wrote last. 7919 and 1,000,003 are primes: guests in neighbouring rows wrote on different days.
_SHARE = "(number * 7919 % 1000003) / 1000003.0"
_AGO = "statement_timestamp() - INTERVAL '1 minute' - "
DISTRIBUTIONS = {
    "over two years, a tenth never": f"CASE WHEN number % 10 > 0 THEN {_AGO} {_SHARE} * INTERVAL '730 days' END",
    "over 30 days": f"{_AGO} {_SHARE} * INTERVAL '30 days'",
    "one a second, in order": f"{_AGO} number * INTERVAL '1 second'",
    "within four hours": f"{_AGO} {_SHARE} * INTERVAL '4 hours'",
    "one instant": "date_trunc('minute', statement_timestamp())",
    "never": "NULL::timestamptz",
}
USUAL = "over two years, a tenth never"

# What happens to the table, one after the other.
STATES = {
    "imported": "ANALYZE guest_profiles",
    "a tenth updated": """
        UPDATE guest_profiles SET total_interactions = total_interactions + 1 WHERE right(phone_number, 1) = '3'
    """,
}

# Twenty queries each minute of a week, and each hour of a year before.
FIGURES = """
WITH minutes AS (
    SELECT date_trunc('minute', statement_timestamp()) - make_interval(mins => ago) AS minute
    FROM generate_series(0, 7 * 1440 - 1) AS ago
    UNION ALL
    SELECT date_trunc('hour', statement_timestamp()) - make_interval(hours => 7 * 24 + ago)
    FROM generate_series(1, 365 * 24) AS ago
),

counted AS (
    INSERT INTO query_minutes
    SELECT
        minute, 'query_' || number, 60, 60, 60000,
        array_fill(0::bigint, ARRAY[16]) || '{1,4,9,16,12,8,5,3,1,0,0,1}'::bigint[]
    FROM minutes CROSS JOIN generate_series(1, 20) AS number
),

failed AS (
    INSERT INTO query_error_minutes
    SELECT minute, 'query_' || number, 'timeout', 1 FROM minutes CROSS JOIN generate_series(1, 3) AS number
),

answered AS (
    INSERT INTO context_minutes
    SELECT minute, outcome, 50 FROM minutes CROSS JOIN unnest(ARRAY['hit', 'stale', 'miss', 'error']) AS outcome
)

INSERT INTO process_minutes
SELECT minute, 'bot:' || number, 6, 0, 5e7::bigint FROM minutes CROSS JOIN generate_series(1, 4) AS number
"""


@pytest.fixture(scope="module")
def large() -> Iterator[PrivateServer]:
    """A server with the figures of a busy bot."""
    with private_server() as server:
        apply_migrations(server.url())
        with psycopg.connect(server.url(), autocommit=True) as connection:
            connection.execute("CREATE EXTENSION pg_stat_statements")
            connection.execute(FIGURES)
        yield server


def bench_monitoring(large: PrivateServer, capsys: pytest.CaptureFixture[str]) -> None:
    with psycopg.connect(large.url(), autocommit=True) as connection:
        _arrive(connection, USUAL)
        connection.execute("VACUUM ANALYZE")
        ask(connection, "record_relation_sizes")
        connection.execute("UPDATE relation_sizes SET day = day - 20")
        medians = _medians(connection, list(QUERIES), ROUNDS)
        days = [_timed(connection, "list_hit_rates", unit="day"), _timed(connection, "list_call_rates", unit="day")]
    with capsys.disabled():
        sys.stdout.write(f"\nmonitoring with {GUESTS} guests, median of {ROUNDS} rounds (aim {AIM_MILLISECONDS} ms)\n")
        for milliseconds, least, name in medians[:10]:
            sys.stdout.write(f"{name:<28} {milliseconds:7.1f} ms, at least {least:.1f}\n")
        sys.stdout.write(f"60 days by day: hits {days[0] * 1000:.1f} ms, calls {days[1] * 1000:.1f} ms\n")
    assert medians[0][0] < AIM_MILLISECONDS


def bench_distributions(large: PrivateServer, capsys: pytest.CaptureFixture[str]) -> None:
    names = [name for name, query in QUERIES.items() if re.search(r"\bguest_(profiles|figures)\b", query.source)]
    slowest = 0.0
    with psycopg.connect(large.url(), autocommit=True) as connection, capsys.disabled():
        sys.stdout.write(f"\n{'':<30} {'':<16} the slowest query, median of {ROUNDS_BY_DISTRIBUTION} rounds\n")
        for distribution in DISTRIBUTIONS:
            _arrive(connection, distribution)
            for state, statement in STATES.items():
                connection.execute(statement.encode())
                ((milliseconds, least, name), *_) = _medians(connection, names, ROUNDS_BY_DISTRIBUTION)
                slowest = max(slowest, milliseconds)
                sys.stdout.write(
                    f"{distribution:<30} {state:<16} {milliseconds:7.1f} ms, at least {least:5.1f}  {name}\n"
                )
            with connection.transaction(force_rollback=True):
                recording = _timed(connection, "record_guest_days") * 1000
            sys.stdout.write(f"{'':<30} {'to record it':<16} {recording:7.1f} ms\n")
    assert slowest < AIM_MILLISECONDS


def _arrive(connection: psycopg.Connection[Any], distribution: str) -> None:
    """These guests and no others."""
    connection.execute("TRUNCATE guest_profiles CASCADE")
    text = _GUESTS.replace("LAST_INTERACTION", DISTRIBUTIONS[distribution])
    psycopg.RawCursor(connection).execute(text.encode(), [GUESTS])


def _medians(connection: psycopg.Connection[Any], names: list[str], rounds: int) -> list[tuple[float, float, str]]:
    """Median and least milliseconds and name, the slowest first."""
    seconds: dict[str, list[float]] = {name: [] for name in names}
    for _ in range(rounds):
        for name, taken in seconds.items():
            taken.append(_timed(connection, name))
    return sorted(
        ((statistics.median(taken) * 1000, min(taken) * 1000, name) for name, taken in seconds.items()), reverse=True
    )


def _timed(connection: psycopg.Connection[Any], name: str, **parameters: object) -> float:
    started = perf_counter()
    ask(connection, name, **parameters)
    return perf_counter() - started
