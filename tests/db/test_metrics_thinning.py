"""Old minutes become hours and old hours are deleted; no figure is lost or counted twice."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from guestsql import GuestDatabase
from guestsql.guests._async import metrics
from tests.databases import make_settings

Connection = psycopg.Connection[Any]

TABLES = {
    "query_minutes": ("query", "'q'", "calls, row_count, microseconds, buckets", "3, 2, 1000, '{1,0,2}'"),
    "query_error_minutes": ("query, kind", "'q', 'timeout'", "errors", "4"),
    "context_minutes": ("outcome", "'hit'", "answers", "5"),
    "process_minutes": ("process", "'host:1'", "flushes, flush_failures, resident_bytes", "6, 1, 1000"),
}


def fill(connection: Connection, table: str, *minutes: datetime) -> None:
    keys, named, columns, values = TABLES[table]
    statement = f"INSERT INTO {table} (minute, {keys}, {columns}) VALUES (%s, {named}, {values})"
    for minute in minutes:
        connection.execute(statement.encode(), [minute])


def rows(connection: Connection, table: str) -> list[tuple[Any, ...]]:
    return connection.execute(f"SELECT minute, {TABLES[table][2]} FROM {table} ORDER BY minute".encode()).fetchall()


def hour(days: float) -> datetime:
    return (datetime.now(UTC) - timedelta(days=days)).replace(minute=0, second=0, microsecond=0)


def test_minutes_become_hours(database_url: str, autocommit: Connection) -> None:
    old, young, gone = hour(10), hour(1), hour(500)
    apart = [timedelta(minutes=minutes) for minutes in (0, 7, 59)]
    for table in TABLES:
        fill(autocommit, table, gone, *(old + each for each in apart), *(young + each for each in apart))
    summed = {
        "query_minutes": (9, 6, 3000, [3, 0, 6]),
        "query_error_minutes": (12,),
        "context_minutes": (15,),
        "process_minutes": (18, 3, 1000),
    }
    with GuestDatabase(settings=make_settings(database_url)) as db:
        assert db.queries.thin_minutes() == 4 * len(TABLES)  # three minutes become an hour, one hour goes
        once = {table: rows(autocommit, table) for table in TABLES}
        for table, found in once.items():
            assert found[0] == (old, *summed[table])
            assert [row[0] for row in found[1:]] == [young + each for each in apart]
        assert db.queries.thin_minutes() == 0
        assert {table: rows(autocommit, table) for table in TABLES} == once
        fill(autocommit, "context_minutes", old + timedelta(minutes=30))  # a process could not write for days
        assert db.queries.thin_minutes() == 2
        assert rows(autocommit, "context_minutes")[0] == (old, 20)


def test_a_call_takes_one_day(database_url: str, autocommit: Connection) -> None:
    """And adds up arrays of different lengths."""
    old = hour(10)
    for minute, buckets in ((1, "{1}"), (2, "{0,0,0,5}"), (3, "{2,1}"), (24 * 60 + 1, "{4}")):
        autocommit.execute(
            "INSERT INTO query_minutes VALUES (%s, 'q', 3, 3, 3, %s)", [old + timedelta(minutes=minute), buckets]
        )
    with GuestDatabase(settings=make_settings(database_url)) as db:
        assert [db.queries.thin_minutes() for _ in range(3)] == [3, 1, 0]
    assert rows(autocommit, "query_minutes") == [
        (old, 9, 9, 9, [3, 1, 0, 5]),
        (old + timedelta(days=1), 3, 3, 3, [4]),
    ]


def test_two_at_once(database_url: str, autocommit: Connection) -> None:
    """The one that comes second leaves the work to the first, and the bot may write in between."""
    old = hour(10)
    fill(autocommit, "context_minutes", old, old + timedelta(minutes=5))
    with GuestDatabase(settings=make_settings(database_url)) as db, psycopg.connect(database_url) as first:
        assert first.execute("SELECT guestsql_thin_minutes(7, 400)").fetchone() == (2,)
        assert db.queries.thin_minutes() == 0
        fill(autocommit, "context_minutes", old + timedelta(minutes=30))
        first.commit()
        assert db.queries.thin_minutes() == 2
    assert rows(autocommit, "context_minutes") == [(old, 15)]


def test_the_timer_records_the_day(
    database_url: str, autocommit: Connection, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("guestsql.guests._sync.metrics._CHORES_SECONDS", 0.0)
    with GuestDatabase(settings=make_settings(database_url, metrics_seconds=3600.0)) as db:
        db.record_interaction("573000000001")
        db.flush()
        db._metrics.tick()
        db._metrics.tick()
    assert autocommit.execute("SELECT new_guests, active_guests FROM guest_days").fetchall() == [(1, 1)]
    assert autocommit.execute("SELECT count(DISTINCT day) > 0 FROM relation_sizes").fetchone() == (True,)
    assert "METRICS_CHORE_FAILED" not in caplog.text


def test_the_timer_thins(database_url: str, autocommit: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(autocommit, "context_minutes", hour(500))
    monkeypatch.setattr("guestsql.guests._sync.metrics._CHORES_SECONDS", 0.0)
    assert metrics._CHORES_SECONDS == 3600.0
    with GuestDatabase(settings=make_settings(database_url, metrics_seconds=3600.0)) as db:
        db.open()
        db._metrics.tick()
    assert rows(autocommit, "context_minutes") == []


def test_thinning_that_fails_never_reaches_the_bot(
    database_url: str, autocommit: Connection, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    autocommit.execute("DROP TABLE query_minutes")
    monkeypatch.setattr("guestsql.guests._sync.metrics._CHORES_SECONDS", 0.0)
    with GuestDatabase(settings=make_settings(database_url, metrics_seconds=3600.0)) as db:
        db.open()
        db._metrics.tick()
        total = db._engine.counting.total()
    assert total.errors == {("thin_minutes", "other"): 1}
    assert total.flush_failures == 0
    assert "METRICS_CHORE_FAILED" in caplog.text
