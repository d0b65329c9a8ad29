"""Buffered interactions: the message's own time, never backwards, many messages in one write, each counted once."""

from __future__ import annotations

import asyncio
import logging
import random
import threading
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import psycopg
import pytest

from guestsql import GuestDatabase
from guestsql.errors import DatabaseError, DatabaseUnavailable, InvalidValue, OutcomeUnknown
from tests.databases import GUEST, KINDS, OTHER, Either, Proxy, column, hurried, make_settings, waiting_sessions
from tests.server import eventually

Connection = psycopg.Connection[Any]
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
LOSSES = ["request", "answer"]
# For tests that wait for a deadline: each loss, and each class.
WAITING = [("async", "request"), ("async", "answer"), ("sync", "answer")]


def totals(connection: Connection, key: str = GUEST) -> int:
    row = connection.execute("SELECT total_interactions FROM guest_profiles WHERE phone_number = %s", [key]).fetchone()
    return 0 if row is None else int(row[0])


def attempts(connection: Connection) -> list[int]:
    return [row[0] for row in connection.execute("SELECT attempts FROM operations ORDER BY done_at")]


@pytest.mark.parametrize("kind", KINDS)
async def test_the_messages_own_time(kind: str, database_url: str) -> None:
    bogota = datetime(2026, 11, 20, 8, tzinfo=timezone(timedelta(hours=-5)))
    async with Either(kind, database_url) as db:
        await db.record_interaction(GUEST, at=bogota)
        await db.record_interaction(GUEST, at=NOON)
        assert await db.get_profile(GUEST) is None  # it is buffered
        assert await db.flush() == 1
        assert await db.flush() == 0
        profile = await db.get_profile(GUEST)
    assert (profile.first_interaction, profile.last_interaction) == (NOON, NOON + timedelta(hours=1))
    assert profile.total_interactions == 2


@pytest.mark.parametrize("kind", KINDS)
async def test_never_backwards(kind: str, database_url: str) -> None:
    async with Either(kind, database_url) as db:
        for hours in (0, -2, 3, 1):
            await db.record_interaction(GUEST, at=NOON + timedelta(hours=hours))
            await db.flush()
        profile = await db.get_profile(GUEST)
    assert profile.first_interaction == NOON - timedelta(hours=2)
    assert profile.last_interaction == NOON + timedelta(hours=3)
    assert profile.total_interactions == 4


@pytest.mark.parametrize("at", [datetime(2026, 11, 20, 12), "2026-11-20T12:00:00Z", 1_763_640_000], ids=repr)  # noqa: DTZ001  naive on purpose
@pytest.mark.parametrize("kind", KINDS)
async def test_a_time_without_a_zone_is_refused(kind: str, database_url: str, at: Any) -> None:
    async with Either(kind, database_url) as db:
        with pytest.raises(InvalidValue):
            await db.record_interaction(GUEST, at=at)
        assert await db.flush() == 0


@pytest.mark.parametrize("kind", KINDS)
async def test_the_future_is_taken_for_now(kind: str, database_url: str, autocommit: Connection) -> None:
    async with Either(kind, database_url) as db:
        await db.record_interaction(GUEST, at=datetime(2999, 1, 1, tzinfo=UTC))
        await db.record_interaction(OTHER, at=NOON)
        await db.record_interaction(OTHER, at=datetime(9999, 12, 31, tzinfo=UTC))
        await db.flush()
    found = autocommit.execute(
        """SELECT bool_and(last_interaction BETWEEN statement_timestamp() - INTERVAL '1 minute' AND
        statement_timestamp()) FROM guest_profiles"""
    ).fetchone()
    assert found == (True,)
    assert column(autocommit, "first_interaction", OTHER) == NOON


@pytest.mark.parametrize("kind", KINDS)
async def test_without_a_time_it_is_now_by_the_servers_clock(
    kind: str, database_url: str, autocommit: Connection
) -> None:
    clock = "SELECT statement_timestamp()"
    async with Either(kind, database_url) as db:
        await db.get_profile(GUEST)
        before = autocommit.execute(clock).fetchone()
        await db.record_interaction(GUEST)
        await db.flush()
        after = autocommit.execute(clock).fetchone()
    assert before is not None
    assert after is not None
    # Whatever the flush is late by is added, as the server learns the age when it arrives; microseconds are rounded.
    assert before[0] - timedelta(milliseconds=1) <= column(autocommit, "last_interaction") <= after[0]


@pytest.mark.parametrize("kind", KINDS)
async def test_a_thousand_messages_of_ten_guests_are_one_statement(
    kind: str, database_url: str, autocommit: Connection, caplog: pytest.LogCaptureFixture
) -> None:
    async with Either(kind, database_url) as db:
        for number in range(1000):
            await db.record_interaction(f"57300000000{number % 10}", at=NOON + timedelta(seconds=number))
        with caplog.at_level(logging.DEBUG, "guestsql"):
            assert await db.flush() == 10
    ran = [(r.query, r.rows) for r in caplog.records if getattr(r, "event", "") == "DATABASE_QUERY"]  # type: ignore[attr-defined]
    assert ran == [("record_interactions", 10)]
    found = autocommit.execute(
        "SELECT count(*), sum(total_interactions), max(last_interaction) FROM guest_profiles"
    ).fetchone()
    assert found == (10, 1000, NOON + timedelta(seconds=999))


def test_batches_of_concurrent_writers_do_not_deadlock(database_url: str, autocommit: Connection) -> None:
    guests = [f"5730000000{number:02}" for number in range(40)]
    databases = [GuestDatabase(settings=make_settings(database_url, pool_max=1)) for _ in range(4)]
    barrier = threading.Barrier(4)
    failures: list[BaseException] = []

    def write(db: GuestDatabase, seed: int) -> None:
        shuffled = random.Random(seed)
        for _ in range(25):
            for guest in shuffled.sample(guests, len(guests)):
                db.record_interaction(guest, at=NOON)
            barrier.wait()
            try:
                db.flush()
            except DatabaseError as error:
                failures.append(error)

    threads = [threading.Thread(target=write, args=(db, seed)) for seed, db in enumerate(databases)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for db in databases:
        db.close()
    assert failures == []
    found = autocommit.execute(
        "SELECT min(total_interactions), max(total_interactions), count(*) FROM guest_profiles"
    ).fetchone()
    assert found == (100, 100, 40)
    deadlocks = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
    assert autocommit.execute(deadlocks).fetchone() == (0,)


@pytest.mark.parametrize("kind", KINDS)
async def test_the_timer_writes(kind: str, database_url: str, autocommit: Connection) -> None:
    async with Either(kind, database_url, flush_seconds=0.02) as db:
        for expected in (1, 2, 3):
            await db.record_interaction(GUEST)
            await asyncio.to_thread(eventually, lambda count=expected: totals(autocommit) == count)


@pytest.mark.parametrize("kind", KINDS)
async def test_close_writes(kind: str, database_url: str, autocommit: Connection) -> None:
    async with Either(kind, database_url) as db:
        await db.record_interaction(GUEST)
    assert totals(autocommit) == 1
    async with db:  # once more
        await db.record_interaction(GUEST)
    assert totals(autocommit) == 2


def _break(connection: Connection) -> None:
    connection.execute("ALTER TABLE guest_profiles RENAME TO elsewhere")


def _mend(connection: Connection) -> None:
    connection.execute("ALTER TABLE elsewhere RENAME TO guest_profiles")


@pytest.mark.parametrize("kind", KINDS)
async def test_a_flush_that_fails_keeps_everything(kind: str, database_url: str, autocommit: Connection) -> None:
    async with Either(kind, database_url) as db:
        await db.record_interaction(GUEST, at=NOON)
        await db.record_interaction(OTHER, at=NOON)
        _break(autocommit)
        for _ in range(3):
            with pytest.raises(DatabaseError, match="guestsql migrate up"):
                await db.flush()
        await db.record_interaction(GUEST, at=NOON + timedelta(hours=1))
        _mend(autocommit)
        assert await db.flush() == 3
        assert await db.flush() == 0
    assert (totals(autocommit), totals(autocommit, OTHER)) == (2, 1)
    assert column(autocommit, "last_interaction") == NOON + timedelta(hours=1)


@pytest.mark.parametrize("kind", KINDS)
async def test_a_timer_whose_flush_fails_goes_on(
    kind: str, database_url: str, autocommit: Connection, caplog: pytest.LogCaptureFixture
) -> None:
    async with Either(kind, database_url, flush_seconds=0.02) as db:
        await db.get_profile(GUEST)
        _break(autocommit)
        with caplog.at_level(logging.WARNING, "guestsql"):
            await db.record_interaction(GUEST)
            await asyncio.to_thread(eventually, lambda: "INTERACTIONS_KEPT" in caplog.text)
        _mend(autocommit)
        await asyncio.to_thread(eventually, lambda: totals(autocommit) == 1)


@pytest.mark.parametrize("kind", KINDS)
async def test_a_close_that_fails_says_so_and_loses_nothing(
    kind: str, database_url: str, autocommit: Connection
) -> None:
    db = Either(kind, database_url)
    await db.open()
    await db.record_interaction(GUEST)
    _break(autocommit)
    with pytest.raises(DatabaseError):
        await db.close()
    _mend(autocommit)
    async with db:
        assert await db.flush() == 1
    assert totals(autocommit) == 1


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("kind", KINDS)
async def test_a_connection_lost_on_the_way_counts_once(
    kind: str, loss: str, database_url: str, autocommit: Connection
) -> None:
    with Proxy(database_url) as proxy:
        async with Either(kind, proxy.url) as db:
            await db.record_interaction(GUEST)
            proxy.lose(loss)
            assert await db.flush() == 1
            assert await db.flush() == 0
            assert totals(autocommit) == 1
            assert proxy.operations == 2
            arrived = 2 if loss == "answer" else 1  # also where the repeat overtakes the first attempt
            await asyncio.to_thread(eventually, lambda: attempts(autocommit) == [arrived])
            assert totals(autocommit) == 1


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("kind", KINDS)
async def test_tokens_of_a_connection_lost_on_the_way_count_once(
    kind: str, loss: str, database_url: str, autocommit: Connection
) -> None:
    with Proxy(database_url) as proxy:
        async with Either(kind, proxy.url) as db:
            await db.add_thread_tokens(GUEST, "t1", 908_475)
            proxy.lose(loss)
            assert await db.add_thread_tokens(GUEST, "t1", 10_321) == 918_796
            assert column(autocommit, "thread_tokens") == 918_796


@pytest.mark.parametrize("kind", KINDS)
async def test_lost_again_and_again_it_counts_once(kind: str, database_url: str, autocommit: Connection) -> None:
    with Proxy(database_url) as proxy:
        async with Either(kind, proxy.url) as db:
            proxy.lose("request", "request", "answer")
            assert await db.add_thread_tokens(GUEST, "t1", 5) == 5
            assert (proxy.operations, column(autocommit, "thread_tokens")) == (4, 5)


@pytest.mark.parametrize(("kind", "loss"), WAITING)
async def test_a_flush_that_may_have_been_written_is_repeated_as_it_is(
    kind: str, loss: str, database_url: str, autocommit: Connection
) -> None:
    """The connection is lost and the server stays away beyond the deadline."""
    with Proxy(database_url) as proxy:
        async with Either(kind, proxy.url, pool_max=1) as db:
            await db.get_thread(GUEST)
            await db.record_interaction(GUEST)
            proxy.lose(f"{loss} and all")
            with hurried(db, 3.0), pytest.raises(DatabaseUnavailable) as caught:
                await db.flush()
            assert caught.value.retryable
            await db.record_interaction(GUEST)
            await db.record_interaction(OTHER)
            proxy.deaf = False
            assert await db.flush() == 3  # one in the repeated batch, two in the next
            assert await db.flush() == 0
            assert (totals(autocommit), totals(autocommit, OTHER)) == (2, 1)


@pytest.mark.parametrize(("kind", "loss"), WAITING)
async def test_a_flush_that_may_have_been_written_is_repeated_at_exit(
    kind: str, loss: str, database_url: str, autocommit: Connection
) -> None:
    with Proxy(database_url) as proxy:
        db = Either(kind, proxy.url, pool_max=1)
        await db.open()
        await db.get_thread(GUEST)
        await db.record_interaction(GUEST)
        proxy.lose(f"{loss} and all")
        with hurried(db, 3.0), pytest.raises(DatabaseUnavailable):
            await db.close()
        proxy.deaf = False
        await asyncio.to_thread(db.raw._exit_flush.flush)
        assert totals(autocommit) == 1


@pytest.mark.parametrize(("kind", "loss"), WAITING)
async def test_tokens_whose_outcome_is_unknown(kind: str, loss: str, database_url: str, autocommit: Connection) -> None:
    """The connection is lost and the server stays away beyond the deadline, however long the pool takes to see it."""
    with Proxy(database_url) as proxy:
        async with Either(kind, proxy.url, pool_max=1) as db:
            await db.get_thread(GUEST)
            proxy.lose(f"{loss} and all")
            with hurried(db, 1.0), pytest.raises(OutcomeUnknown, match="read before you repeat") as caught:
                await db.add_thread_tokens(GUEST, "t1", 5)
            assert (caught.value.query, caught.value.retryable) == ("add_thread_tokens", False)
        stored = [(5,)] if loss == "answer" else []
        tokens = "SELECT thread_tokens FROM guest_profiles"
        await asyncio.to_thread(eventually, lambda: autocommit.execute(tokens).fetchall() == stored)


SLOW_COMMIT = """
CREATE FUNCTION wait_at_commit() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN PERFORM pg_advisory_xact_lock(7); RETURN NULL; END $$;
CREATE CONSTRAINT TRIGGER wait_at_commit AFTER INSERT OR UPDATE ON guest_profiles
DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION wait_at_commit();
"""


async def test_a_flush_cancelled_at_commit_counts_once(database_url: str, autocommit: Connection) -> None:
    async with Either("async", database_url) as db:
        autocommit.execute(SLOW_COMMIT)
        await db.record_interaction(GUEST)
        with psycopg.connect(database_url) as holder:
            holder.execute("SELECT pg_advisory_xact_lock(7)")
            flushing = asyncio.create_task(db.flush())
            await asyncio.to_thread(eventually, lambda: waiting_sessions(autocommit) == 1)
            flushing.cancel()
            with pytest.raises(asyncio.CancelledError):
                await flushing
        await db.flush()  # 1 row, or 0: the server goes on with what it was sent
        assert totals(autocommit) == 1


async def test_a_flush_cancelled_before_commit_counts_once(database_url: str, autocommit: Connection) -> None:
    async with Either("async", database_url) as db:
        await db.update_profile(GUEST)
        await db.record_interaction(GUEST)
        with psycopg.connect(database_url) as holder:
            holder.execute("SELECT FROM guest_profiles FOR UPDATE")
            flushing = asyncio.create_task(db.flush())
            await asyncio.to_thread(eventually, lambda: waiting_sessions(autocommit) == 1)
            flushing.cancel()
            with pytest.raises(asyncio.CancelledError):
                await flushing
        assert await db.flush() == 1
        assert totals(autocommit) == 1


@pytest.mark.parametrize("kind", KINDS)
async def test_many_writers_and_the_timer_lose_nothing(kind: str, database_url: str, autocommit: Connection) -> None:
    async with Either(kind, database_url, flush_seconds=0.001) as db:

        async def write() -> None:
            for _ in range(100):
                await db.record_interaction(GUEST)

        await asyncio.gather(*(write() for _ in range(8)), *(db.flush() for _ in range(20)))
    assert totals(autocommit) == 800
