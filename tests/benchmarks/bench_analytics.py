"""Every query of queries/analytics_*.sql and report.sql on an invented hotel of 1,000,000 guests, and its invention.

The figures of calls are those of a busy bot: the invented ones are by hour.

All run in turn, round by round, with their defaults. GUESTSQL_BENCH_GUESTS sets another number of guests.
"""

from __future__ import annotations

import os
import statistics
import sys
from collections.abc import Iterator
from datetime import datetime
from time import perf_counter
from typing import Any
from zoneinfo import ZoneInfo

import psycopg
import pytest

from guestsql.cli.demo_hotel import invent_hotel
from guestsql.settings import Settings
from guestsql.sql._sync.connection import connect
from tests.benchmarks.bench_monitoring import FIGURES
from tests.monitoring import ANALYSES, REPORT, ask
from tests.server import apply_migrations, private_server

GUESTS = int(os.environ.get("GUESTSQL_BENCH_GUESTS", "1000000"))
ROUNDS = 5
AIM_SECONDS = 2.0
ZONE = ZoneInfo("America/Bogota")
DATABASE = "guestsql_demo_bench"


@pytest.fixture(scope="module")
def hotel() -> Iterator[psycopg.Connection[Any]]:
    """A connection to the invented hotel."""
    with private_server() as server:
        with psycopg.connect(server.url(), autocommit=True) as admin:
            admin.execute(f"CREATE DATABASE {DATABASE}".encode())
        apply_migrations(server.url(DATABASE))
        with connect(Settings(), server.url(DATABASE)) as connection:
            started = perf_counter()
            rows = invent_hotel(connection, GUESTS, seed=1, until=datetime.now(ZONE), timezone=ZONE)
            sys.stdout.write(f"\ninvented in {perf_counter() - started:.0f} s: {rows}\n")
        with psycopg.connect(server.url(DATABASE), autocommit=True) as connection:
            connection.execute("TRUNCATE context_minutes, process_minutes, query_error_minutes, query_minutes")
            connection.execute(FIGURES)
            connection.execute("VACUUM ANALYZE")
            yield connection


def bench_analytics(hotel: psycopg.Connection[Any], capsys: pytest.CaptureFixture[str]) -> None:
    names = [*ANALYSES, *REPORT]
    seconds: dict[str, list[float]] = {name: [] for name in names}
    for _ in range(ROUNDS):
        for name in names:
            given = {"user_id": "573000000500"} if name == "get_guest_summary" else {}
            started = perf_counter()
            ask(hotel, name, **given)
            seconds[name].append(perf_counter() - started)
    medians = {name: statistics.median(found) for name, found in seconds.items()}
    with capsys.disabled():
        sys.stdout.write(f"\nanalyses and report, {GUESTS} guests, median of {ROUNDS} rounds (aim {AIM_SECONDS:g} s)\n")
        for name in sorted(medians, key=medians.__getitem__, reverse=True):
            sys.stdout.write(f"{name:<30} {medians[name]:6.3f} s, at least {min(seconds[name]):.3f}\n")
    assert max(medians.values()) < AIM_SECONDS
