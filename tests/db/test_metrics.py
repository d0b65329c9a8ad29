"""What the process counts is what is in the minute tables: every call, every error, every answer, once."""

from __future__ import annotations

import asyncio
import gc
import logging
import threading
import weakref
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from time import monotonic
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from guestsql import GuestDatabase, GuestProfile
from guestsql.errors import ConstraintViolation, DatabaseError, DatabaseUnavailable, OutcomeUnknown, QueryTimeout
from guestsql.telemetry.figures import BOUNDS, KINDS, OUTCOMES
from tests.databases import GUEST, OTHER, PATIENCE_SECONDS, Either, Proxy, hurried, make_settings, waiting_sessions
from tests.databases import KINDS as CLASSES
from tests.server import eventually

CANCEL_WAITING = """
SELECT pg_cancel_backend(pid) FROM pg_stat_activity
WHERE datname = current_database() AND wait_event_type = 'Lock'
"""

Connection = psycopg.Connection[Any]

# The timer does not come; what is written is written on close.
LATER = {"metrics_seconds": 3600.0}
AT_ONCE = {"metrics_seconds": 0.01}


def calls(connection: Connection) -> dict[str, tuple[int, int]]:
    """Calls and rows by query."""
    found = connection.execute("SELECT query, sum(calls)::bigint, sum(row_count)::bigint FROM query_minutes GROUP BY 1")
    return {query: (count, rows) for query, count, rows in found}


def errors(connection: Connection) -> dict[tuple[str, str], int]:
    """Errors by query and kind."""
    found = connection.execute("SELECT query, kind, sum(errors)::bigint FROM query_error_minutes GROUP BY 1, 2")
    return {(query, kind): count for query, kind, count in found}


def outcomes(connection: Connection) -> dict[str, int]:
    """Context answers by outcome."""
    found = connection.execute("SELECT outcome, sum(answers)::bigint FROM context_minutes GROUP BY 1")
    return dict(found.fetchall())


async def _until(condition: Callable[[], bool]) -> None:
    deadline = monotonic() + PATIENCE_SECONDS
    while not condition():
        assert monotonic() < deadline
        await asyncio.sleep(0.01)


def flushes(connection: Connection) -> tuple[int, int]:
    """Flushes and failures of all processes."""
    found = connection.execute(
        "SELECT coalesce(sum(flushes), 0)::bigint, coalesce(sum(flush_failures), 0)::bigint FROM process_minutes"
    ).fetchone()
    assert found is not None
    return found[0], found[1]


@pytest.mark.parametrize("kind", CLASSES)
async def test_calls_rows_and_time(kind: str, database_url: str, autocommit: Connection) -> None:
    async with Either(kind, database_url, **LATER) as db:
        for _ in range(7):
            assert await db.get_profile(GUEST) is None
        for guest in (GUEST, OTHER):
            await db.update_profile(guest, labels=["VIP"])
        assert len(await db.queries.list_last_interactions(max_rows=10)) == 2
        assert calls(autocommit) == {}  # nothing is written when something is read
    assert calls(autocommit) == {
        "get_profile": (7, 0),
        "upsert_profile": (2, 2),
        "list_last_interactions": (1, 2),
        "get_server_time": (1, 1),
    }
    sound = autocommit.execute(
        """SELECT bool_and(calls = (SELECT sum(b) FROM unnest(buckets) AS b) AND microseconds > 0
        AND minute = date_trunc('minute', minute) AND minute > statement_timestamp() - INTERVAL '5 minutes')
        FROM query_minutes"""
    ).fetchone()
    assert sound == (True,)
    assert flushes(autocommit) == (1, 0)


@pytest.mark.parametrize("kind", CLASSES)
async def test_the_buckets_hold_the_durations(kind: str, database_url: str, autocommit: Connection) -> None:
    async with Either(kind, database_url, **LATER) as db:
        await db.get_profile(GUEST)
        counting = db.raw._engine.counting
        for seconds in (0.0, BOUNDS[0], BOUNDS[7], BOUNDS[7] * 1.0001, 0.9, 500.0):
            counting._calls.append(("timed", 0.0, seconds, 0))
    found = autocommit.execute(
        """SELECT place, b FROM query_minutes, unnest(buckets) WITH ORDINALITY AS u (b, place)
        WHERE query = 'timed' AND b > 0 ORDER BY place"""
    ).fetchall()
    # PostgreSQL counts from 1.
    assert found == [(1, 2), (8, 1), (9, 1), (33, 1), (49, 1)]


@pytest.mark.parametrize("kind", CLASSES)
async def test_flushes_add_up(kind: str, database_url: str, autocommit: Connection) -> None:
    async with Either(kind, database_url, **LATER) as db:
        for number in (1, 2, 3):
            for _ in range(number):
                await db.get_profile(GUEST)
            await _flush(db)
            assert calls(autocommit)["get_profile"] == (sum(range(number + 1)), 0)
    assert calls(autocommit)["record_metrics"] == (2, 2)  # the last one cannot count itself


@pytest.mark.direct("behind a pooler, the server has no deadline of its own")
def test_errors_by_kind(database_url: str, autocommit: Connection) -> None:
    autocommit.execute("INSERT INTO guest_profiles (phone_number) VALUES (%s)", [GUEST])
    with GuestDatabase(settings=make_settings(database_url, **LATER)) as db, ThreadPoolExecutor(1) as pool:
        with pytest.raises(ConstraintViolation):
            db.queries.set_thread(phone_number="nobody's", thread_id="t")
        with psycopg.connect(database_url) as holder:
            holder.execute("SELECT FROM guest_profiles FOR UPDATE")
            waiting = pool.submit(db.queries.invalidate_context, phone_number=GUEST)
            eventually(lambda: waiting_sessions(autocommit) == 1)
            autocommit.execute(CANCEL_WAITING)
            with pytest.raises(QueryTimeout):
                waiting.result()
        with pytest.raises(DatabaseError):
            db.queries.record_guest_days(timezone="Nowhere")
    assert errors(autocommit) == {
        ("set_thread", "constraint"): 1,
        ("invalidate_context", "timeout"): 1,
        ("record_guest_days", "other"): 1,
    }
    assert {query: count for query, (count, _) in calls(autocommit).items()} == {
        "set_thread": 1,
        "invalidate_context": 1,
        "record_guest_days": 1,
        "get_server_time": 1,
    }


async def test_a_task_that_is_cancelled(database_url: str, autocommit: Connection) -> None:
    autocommit.execute("INSERT INTO guest_profiles (phone_number) VALUES (%s)", [GUEST])
    async with Either("async", database_url, **LATER) as db:
        await db.get_profile(GUEST)
        with psycopg.connect(database_url) as holder:
            holder.execute("SELECT FROM guest_profiles FOR UPDATE")
            task = asyncio.ensure_future(db.invalidate_context(GUEST))
            await _until(lambda: waiting_sessions(autocommit) == 1)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
    assert errors(autocommit) == {("invalidate_context", "cancelled"): 1}
    assert calls(autocommit)["invalidate_context"] == (1, 0)


@pytest.mark.parametrize("kind", CLASSES)
async def test_no_connection_is_an_error_of_the_call(kind: str, database_url: str) -> None:
    with Proxy(database_url) as proxy:
        proxy.deaf = True
        async with Either(kind, proxy.url, deadline_seconds=0.2, pool_min=0) as db:
            with pytest.raises(DatabaseUnavailable):
                await db.get_profile(GUEST)
            assert await db.get_context(GUEST, default="") == ""
            with pytest.raises(DatabaseUnavailable):
                await db.queries.get_profile(phone_number=GUEST)
            total = db.raw._engine.counting.total()
    assert total.errors == {("get_profile", "unavailable"): 2, ("lookup_context", "unavailable"): 1}
    assert {query: figures.calls for query, figures in total.queries.items()} == {"get_profile": 2, "lookup_context": 1}
    assert total.queries["get_profile"].seconds >= 0.2  # it was waited for
    assert total.outcomes == {"error": 1}


@pytest.mark.parametrize("kind", CLASSES)
async def test_an_operation_without_an_answer(kind: str, database_url: str) -> None:
    with Proxy(database_url) as proxy:
        async with Either(kind, proxy.url, pool_max=1) as db:
            await db.get_thread(GUEST)
            proxy.lose("answer and all")
            with hurried(db, 3.0), pytest.raises(OutcomeUnknown):
                await db.add_thread_tokens(GUEST, "thread_1", 5)
            total = db.raw._engine.counting.total()
    assert total.errors == {("add_thread_tokens", "unavailable"): 1, ("add_thread_tokens", "outcome_unknown"): 1}
    assert total.queries["add_thread_tokens"].calls == 2


@pytest.mark.parametrize("kind", CLASSES)
@pytest.mark.parametrize("loss", ["request", "answer"])
async def test_figures_count_once_when_their_own_answer_is_lost(
    kind: str, loss: str, database_url: str, autocommit: Connection
) -> None:
    with Proxy(database_url) as proxy:
        async with Either(kind, proxy.url, **LATER) as db:
            for _ in range(5):
                await db.get_profile(GUEST)
            proxy.lose(loss)
    assert calls(autocommit)["get_profile"] == (5, 0)
    assert flushes(autocommit) == (1, 0)


@pytest.mark.parametrize("kind", CLASSES)
async def test_contexts_by_outcome(kind: str, database_url: str, autocommit: Connection) -> None:
    async with Either(kind, database_url, **LATER) as db:
        await db.get_context(GUEST)  # miss
        await db.get_context(GUEST)
        await db.get_contexts([GUEST, "+57 300 000 0001", OTHER])  # a hit, once, and a miss
        await db.update_profile(OTHER, memory_enabled=False)
        await db.get_context(OTHER)  # none is wanted
        autocommit.execute(
            """UPDATE guest_profiles SET context_lease = gen_random_uuid(),
            context_lease_until = statement_timestamp() + INTERVAL '1 hour',
            last_context_update = statement_timestamp() - INTERVAL '1 hour' WHERE phone_number = %s""",
            [GUEST],
        )
        await db.get_context(GUEST)  # stale
    assert outcomes(autocommit) == {"hit": 3, "miss": 2, "stale": 1}


@pytest.mark.parametrize("kind", CLASSES)
async def test_an_error_of_the_builder_is_an_answer_too(kind: str, database_url: str, autocommit: Connection) -> None:
    def fail(profile: GuestProfile) -> str:
        raise RuntimeError(profile.phone_number)

    async def fail_async(profile: GuestProfile) -> str:
        return fail(profile)

    async with Either(kind, database_url, **LATER) as db:
        await db.get_profile(GUEST)
        db.raw._context._builder = fail if kind == "sync" else fail_async
        with pytest.raises(RuntimeError):
            await db.get_context(GUEST, default="")
        with pytest.raises(RuntimeError):
            await db.get_contexts([GUEST, OTHER])
    assert outcomes(autocommit) == {"error": 3}


@pytest.mark.parametrize("kind", CLASSES)
async def test_an_idle_bot_writes_nothing(kind: str, database_url: str, autocommit: Connection) -> None:
    async with Either(kind, database_url, **LATER) as db:
        assert await _flush(db) == 0
        await db.get_profile(GUEST)
        assert await _flush(db) == 1
        before = autocommit.execute("SELECT pg_current_xact_id()::text::bigint").fetchone()
        for _ in range(5):
            assert await _flush(db) == 0
    after = autocommit.execute("SELECT pg_current_xact_id()::text::bigint").fetchone()
    assert before is not None
    assert after == (before[0] + 1,)


async def _flush(db: Either) -> int:
    if isinstance(db.raw, GuestDatabase):
        return await asyncio.to_thread(db.raw._metrics.flush)
    found: int = await db.raw._metrics.flush()
    return found


@pytest.mark.parametrize("kind", CLASSES)
async def test_switched_off(kind: str, database_url: str, autocommit: Connection) -> None:
    async with Either(kind, database_url, metrics_seconds=0.0) as db:
        await db.get_profile(GUEST)
    assert calls(autocommit) == {}


def test_a_database_that_is_dropped_is_not_kept_alive(database_url: str) -> None:
    db = GuestDatabase(settings=make_settings(database_url, metrics_seconds=0.01))
    db.get_profile(GUEST)
    kept = weakref.ref(db._metrics), weakref.ref(db._engine.executor)
    chance = db._exit_flush
    del db
    eventually(lambda: gc.collect() >= 0 and [each() for each in kept] == [None, None])
    chance.unwatch()  # its server does not live until pytest ends


FAULTS = {
    "read-only": "ALTER DATABASE {name} SET default_transaction_read_only = on",
    "no table": "DROP TABLE context_minutes",
}


@pytest.fixture(params=FAULTS)
def fault(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """What keeps figures from being written."""
    if request.param == "read-only":  # a server that is read-only for a while is asked again until the deadline
        for kind in CLASSES:
            monkeypatch.setattr(f"guestsql.guests._{kind}.metrics._PATIENCE_SECONDS", 0.1)
    return str(request.param)


@pytest.mark.parametrize("kind", CLASSES)
async def test_a_failing_flush_never_reaches_the_bot(
    kind: str, fault: str, database_url: str, autocommit: Connection, caplog: pytest.LogCaptureFixture
) -> None:
    name = conninfo_to_dict(database_url)["dbname"]
    autocommit.execute(FAULTS[fault].format(name=name).encode())
    with caplog.at_level(logging.INFO, "guestsql"):
        async with Either(kind, database_url, **AT_ONCE) as db:
            counting = db.raw._engine.counting
            for _ in range(3):
                assert await db.get_profile(GUEST) is None
            await _until(lambda: counting.total().flush_failures >= 3)
            if fault == "no table":
                autocommit.execute(
                    """CREATE TABLE context_minutes (minute timestamptz, outcome text, answers bigint,
                    UNIQUE (minute, outcome))"""
                )
                failures = counting.total().flush_failures
                await _until(lambda: flushes(autocommit)[0] > 0 and flushes(autocommit)[1] >= failures)
            told = [r for r in caplog.records if r.levelno >= logging.WARNING and r.name == "guestsql"]
    assert [getattr(record, "event", "") for record in told] == ["METRICS_KEPT"]
    if fault == "no table":
        total = db.raw._engine.counting.total()
        assert calls(autocommit)["get_profile"] == (total.queries["get_profile"].calls, 0)
        assert total.flush_failures == flushes(autocommit)[1]


@pytest.mark.parametrize("kind", CLASSES)
async def test_the_servers_clock_dates_them(
    kind: str, database_url: str, autocommit: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process whose clock is a day ahead writes the minute of everybody else."""
    monkeypatch.setattr("guestsql.telemetry.counting.time.time", lambda: datetime.now(UTC).timestamp() + 86_400)
    async with Either(kind, database_url, **LATER) as db:
        for _ in range(1200):  # more than is kept as samples
            db.raw._engine.counting.answer("hit")
        await db.get_profile(GUEST)
    row = autocommit.execute(
        """SELECT min(minute), max(minute), statement_timestamp()
        FROM (SELECT minute FROM query_minutes UNION ALL SELECT minute FROM context_minutes) AS minutes"""
    ).fetchone()
    assert row is not None
    assert row[2] - timedelta(minutes=3) < row[0] <= row[1] <= row[2]


def test_threads_lose_no_count(database_url: str, autocommit: Connection) -> None:
    with GuestDatabase(settings=make_settings(database_url, **AT_ONCE)) as db:
        barrier = threading.Barrier(4)

        def work() -> None:
            barrier.wait()
            for _ in range(150):
                db.get_context(GUEST)
            for _ in range(20_000):
                db._engine.counting.answer("stale")

        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    found = outcomes(autocommit)
    assert found.pop("stale") == 80_000
    assert found.keys() <= set(OUTCOMES)
    assert sum(found.values()) == 600


def test_the_tables_know_every_kind_and_outcome(connection: Connection) -> None:
    for kind in KINDS:
        connection.execute("INSERT INTO query_error_minutes VALUES (statement_timestamp(), 'q', %s, 1)", [kind])
    for outcome in OUTCOMES:
        connection.execute("INSERT INTO context_minutes VALUES (statement_timestamp(), %s, 1)", [outcome])


def test_updates_stay_heap_only(database_url: str, autocommit: Connection) -> None:
    with GuestDatabase(settings=make_settings(database_url, **LATER)) as db:
        for _ in range(30):
            for number in range(60):
                db._engine.counting.call(f"query_{number}", 0.0, 1)
            db._metrics.flush()
    eventually(lambda: _updates(autocommit)[0] >= 28 * 60)  # a new minute begins with new rows
    updates, hot = _updates(autocommit)
    assert hot >= 0.95 * updates


def _updates(connection: Connection) -> tuple[int, int]:
    connection.execute("SELECT pg_stat_force_next_flush()")
    row = connection.execute(
        "SELECT n_tup_upd, n_tup_hot_upd FROM pg_stat_user_tables WHERE relname = 'query_minutes'"
    ).fetchone()
    assert row is not None
    return row[0], row[1]
