"""Old minutes become hours and old hours go; no figure is lost or counted twice before its time."""

from __future__ import annotations

import threading
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


@pytest.mark.parametrize("table", TABLES)
def test_minutes_become_hours(table: str, database_url: str, autocommit: Connection) -> None:
    old, young, gone = hour(10), hour(1), hour(500)
    apart = [timedelta(minutes=minutes) for minutes in (0, 7, 59)]
    fill(autocommit, table, gone, *(old + each for each in apart), *(young + each for each in apart))
    with GuestDatabase(settings=make_settings(database_url)) as db:
        thin = getattr(db.queries, f"thin_{table}")
        assert thin() == 3  # two minutes into the hour's first, and one hour that goes
        once = rows(autocommit, table)
        assert [row[0] for row in once] == [old, *(young + each for each in apart)]
        summed = {
            "query_minutes": (9, 6, 3000, [3, 0, 6]),
            "query_error_minutes": (12,),
            "context_minutes": (15,),
            "process_minutes": (18, 3, 1000),
        }
        assert once[0][1:] == summed[table]
        assert thin() == 0
        assert rows(autocommit, table) == once
        fill(autocommit, table, old + timedelta(minutes=30))  # from a process that could not write for long
        assert thin() == 1
        assert rows(autocommit, table)[0][1] == summed[table][0] + once[1][1]


def test_arrays_of_different_lengths(database_url: str, autocommit: Connection) -> None:
    old = hour(10)
    for minute, buckets in ((1, "{1}"), (2, "{0,0,0,5}"), (3, "{2,1}")):
        autocommit.execute(
            "INSERT INTO query_minutes VALUES (%s, 'q', 3, 3, 3, %s)", [old + timedelta(minutes=minute), buckets]
        )
    with GuestDatabase(settings=make_settings(database_url)) as db:
        assert db.queries.thin_query_minutes(max_rows=2) == 2
        assert db.queries.thin_query_minutes(max_rows=2) == 1
    assert rows(autocommit, "query_minutes") == [(old, 9, 9, 9, [3, 1, 0, 5])]


def test_two_at_once(database_url: str, autocommit: Connection) -> None:
    old = hour(10)
    for day in range(40):
        minutes = (old - timedelta(days=day) + timedelta(minutes=minute) for minute in range(60))
        fill(autocommit, "context_minutes", *minutes)
    barrier = threading.Barrier(2)

    def thin() -> None:
        with GuestDatabase(settings=make_settings(database_url)) as db:
            barrier.wait()
            while db.queries.thin_context_minutes(max_rows=100):
                pass

    threads = [threading.Thread(target=thin) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with GuestDatabase(settings=make_settings(database_url)) as db:
        assert db.queries.thin_context_minutes() == 0  # what one had locked the other passed by, and came back for
    assert {row[1] for row in rows(autocommit, "context_minutes")} == {300}
    assert len(rows(autocommit, "context_minutes")) == 40


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
        total = db._counting.total()
    assert total.errors == {("thin_query_minutes", "other"): 1}
    assert total.flush_failures == 0
    assert "METRICS_CHORE_FAILED" in caplog.text
