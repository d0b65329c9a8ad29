"""A replica that is not what it should be, or not quite: its answers are not used."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import psycopg
import pytest

from guestsql import AsyncDatabase
from guestsql.ops.doctor.diagnosis import CheckResult
from guestsql.ops.doctor.login import replica
from guestsql.ops.doctor.target import Target
from guestsql.settings import Settings
from guestsql.sql._async import pipeline
from guestsql.sql.position import NOWHERE, Position, Written
from tests.context_helpers import GUEST, seed
from tests.databases import OTHER, PATIENCE_SECONDS, Either, transaction
from tests.failover.conftest import Turns, pause_replay
from tests.failover.test_replica_reads import Connection, own_queries, replicated, used
from tests.server import eventually
from tests.standby import ServerGroup, replayed, server_group, wal_position


@pytest.fixture
async def db(pair: ServerGroup, primary: Connection, turns: Turns) -> AsyncIterator[Either]:
    """A database that reads a cached text on the standby."""
    seed(primary, "stored text", "1 second")
    pair.wait_for_standbys()
    async with replicated("async", pair) as db:
        await used(db, turns)
        yield db


async def test_what_a_database_of_other_queries_has_written_counts(
    db: Either, pair: ServerGroup, primary: Connection, standby: Connection
) -> None:
    primary.execute(
        "CREATE OR REPLACE FUNCTION rename_guest(text) RETURNS text LANGUAGE sql AS $$ "
        "UPDATE guest_profiles SET user_name = 'Eva' WHERE phone_number = $1 RETURNING user_name $$"
    )
    pair.wait_for_standbys()
    pause_replay(standby)
    other: Any = AsyncDatabase(queries=own_queries(), settings=db.raw._settings)
    async with other:
        await other.queries.rename_guest(phone_number=GUEST)
    assert (await db.get_context(GUEST)).startswith("[Eva")


async def test_a_lost_prepared_statement_is_prepared_again(db: Either, turns: Turns) -> None:
    replica = db.raw._engine.executor.replica
    connection = await replica._connections.acquire(db.raw._engine.executor.deadline())
    connection.pgconn.exec_(b"DEALLOCATE ALL")
    await replica._connections.release(connection)
    assert await db.get_context(GUEST) == "stored text"
    assert turns() == {"primary": 1}  # the connection to the standby is closed
    replica._resting_until = 0.0
    async with asyncio.timeout(PATIENCE_SECONDS):
        while turns() != {"standby": 1}:
            await db.get_context(GUEST)


async def test_a_connection_that_is_there_at_last_has_time_for_the_read(db: Either, turns: Turns) -> None:
    connections = db.raw._engine.executor.replica._connections
    await connections._empty_hand()
    connections._outage.begin()  # as while a connection is made
    assert await db.get_context(GUEST) == "stored text"
    assert turns() == {"standby": 1}


async def test_a_primary_that_does_not_know_its_position_answers(
    db: Either, monkeypatch: pytest.MonkeyPatch, turns: Turns
) -> None:
    monkeypatch.setattr(pipeline, "_position", lambda: b"SELECT 1 / 0")
    assert (await db.update_profile(OTHER, user_name="Eva")).user_name == "Eva"
    async with transaction(db) as tx:
        await tx.update_profile(OTHER, user_name="Ana")
    for _ in range(4):
        assert await db.get_context(GUEST) == "stored text"
    assert "standby" not in turns()


async def test_that_a_guest_has_no_memory_is_asked_of_the_primary(
    db: Either, pair: ServerGroup, primary: Connection, standby: Connection
) -> None:
    """It does not age, as a text does: a standby that no longer follows would say so for ever."""
    primary.execute("UPDATE guest_profiles SET memory_enabled = false")
    pair.wait_for_standbys()
    assert await db.get_context(GUEST) == ""
    pause_replay(standby)
    primary.execute("UPDATE guest_profiles SET memory_enabled = true")
    assert (await db.get_context(GUEST)).startswith("[")
    primary.execute("UPDATE guest_profiles SET memory_enabled = false")
    assert await db.get_contexts([GUEST]) == {GUEST: ""}


def test_the_doctor_reports_a_replica_of_another_cluster(pair: ServerGroup, database_url: str) -> None:
    def found(replica_url: str) -> CheckResult:
        url = pair.primary.url()
        with Target(Settings(database_url=url, replica_url=replica_url), url=url) as target:
            return replica(target)

    assert found(pair.standbys[0].url()).message == "DATABASE_REPLICA_URL points to a standby"
    assert "another cluster" in found(database_url).message


def test_a_place_in_another_cluster_says_nothing() -> None:
    known = Position(1, 2, 100)
    assert known.covers(NOWHERE)
    assert known.covers(Position(1, 2, 100))
    assert not any(known.covers(each) for each in (Position(1, 2, 101), Position(1, 1, 1), Position(2, 2, 1)))
    written = Written()
    for position in (Position(9, 3, 100), Position(1, 2, 50), Position(1, 2, 20)):
        written.add(position)
    assert written.position() == Position(1, 2, 50)


@pytest.mark.once
async def test_a_server_on_another_timeline_is_not_read() -> None:
    """A standby that has passed the new primary's writes on the timeline that ended; and one promoted on its own."""
    with server_group(3) as group:
        old, (promoted, diverged) = group.primary, group.standbys
        known = {"replica_url": diverged.url(), "replica_reads": True}
        async with Either("async", group.url(), **known) as db:
            await db.update_profile(GUEST, user_name="Eva")
            group.wait_for_standbys()
            with psycopg.connect(promoted.url(), autocommit=True) as connection:
                connection.execute("ALTER SYSTEM SET primary_conninfo = ''")
                connection.execute("SELECT pg_reload_conf()")
                receivers = "SELECT count(*) FROM pg_stat_wal_receiver"
                await asyncio.to_thread(eventually, lambda: connection.execute(receivers).fetchone() == (0,))
            with psycopg.connect(group.primary.url(), autocommit=True) as connection:
                connection.execute("SELECT pg_logical_emit_message(false, '', repeat('x', 9000000), true)")
            assert (await db.get_context(GUEST)).startswith("[Eva")
            written = wal_position(group.primary)
            await asyncio.to_thread(eventually, lambda: replayed(diverged) >= written)

            group.fail_over(promoted)
            await db.update_profile(GUEST, user_name="Ana")
            assert wal_position(promoted) < replayed(diverged)
            for _ in range(20):
                assert (await db.get_context(GUEST)).startswith("[Ana")

        old.start()  # as if only the standby had been promoted: it has more, and lacks what is written now
        with psycopg.connect(promoted.url(), autocommit=True) as connection:
            connection.execute("SELECT pg_logical_emit_message(false, '', repeat('x', 20000000))")
        async with Either("async", old.url(), replica_url=promoted.url(), replica_reads=True) as db:
            assert (await db.get_context(GUEST)).startswith("[Ana")
            await db.update_profile(GUEST, user_name="Luz")
            assert wal_position(promoted) > wal_position(old)
            for _ in range(5):
                assert (await db.get_context(GUEST)).startswith("[Luz")
