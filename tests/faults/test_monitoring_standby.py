"""The monitoring queries upon replication, on a primary and on its hot standby; and on servers that lack something."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest

from guestsql.embedded import PrivateServer
from tests.databases import GUEST
from tests.monitoring import QUERIES, ask, ask_one
from tests.server import apply_migrations, eventually, private_server
from tests.standby import standby_of

Connection = psycopg.Connection[Any]

_INSERT = "INSERT INTO guest_profiles (phone_number) VALUES (%s)"


@pytest.fixture(scope="module")
def primary() -> Iterator[PrivateServer]:
    """A server without pg_stat_statements in its memory, though the extension is installed."""
    with private_server(settings={"shared_preload_libraries": "", "superuser_reserved_connections": "100"}) as server:
        apply_migrations(server.url())
        yield server


@contextmanager
def _session(server: PrivateServer) -> Iterator[Connection]:
    with psycopg.connect(server.url(), autocommit=True) as connection:
        yield connection


def test_an_extension_that_is_not_loaded_is_reported_and_no_error(primary: PrivateServer) -> None:
    with _session(primary) as connection:
        connection.execute("CREATE EXTENSION pg_stat_statements")
        assert ask(connection, "list_slow_queries") == []
        state = ask_one(connection, "get_statement_statistics")
        assert state.is_loaded is False
        assert state.version is not None
        connection.execute("DROP EXTENSION pg_stat_statements")


def test_a_server_alone(primary: PrivateServer) -> None:
    with _session(primary) as connection:
        assert ask(connection, "list_standbys") == []
        assert ask(connection, "list_replication_slots") == []
        assert ask_one(connection, "get_standby_lag") == (False, False, None, 0)


def test_connections_that_are_reserved_are_not_to_be_had(primary: PrivateServer) -> None:
    with _session(primary) as connection:
        row = ask_one(connection, "get_connection_usage")
    assert (row.max_connections, row.reserved) == (200, 100)
    assert row.used_percent == row.used


def test_a_standby_that_stands_still(primary: PrivateServer) -> None:
    with _session(primary) as connection, standby_of(primary) as standby, _session(standby) as replica:
        eventually(lambda: [row.lag_bytes for row in ask(connection, "list_standbys")] == [0])
        row = ask_one(connection, "list_standbys")
        assert (row.state, row.sync_state, row.unsent_bytes) == ("streaming", "async", 0)
        slot = ask_one(connection, "list_replication_slots")
        assert (slot.slot_name, slot.slot_type, slot.is_active) == ("slot_1", "physical", True)
        eventually(lambda: ask_one(replica, "get_standby_lag") == (True, True, 0, 0))

        replica.execute("SELECT pg_wal_replay_pause()")
        eventually(lambda: replica.execute("SELECT pg_get_wal_replay_pause_state()").fetchone() == ("paused",))
        connection.execute(_INSERT, [GUEST])
        eventually(lambda: ask_one(replica, "get_standby_lag").lag_bytes > 0)
        eventually(lambda: ask_one(connection, "list_standbys").lag_bytes > 0)
        assert ask_one(replica, "get_profile_totals").total_profiles == 0
        for name in QUERIES:  # all of them on a server that cannot write
            ask(replica, name)

        replica.execute("SELECT pg_wal_replay_resume()")
        eventually(lambda: ask_one(replica, "get_standby_lag")[2:] == (0, 0))
        assert ask_one(replica, "get_profile_totals").total_profiles == 1

        standby.stop()
        connection.execute(_INSERT, ["573000000002"])
        eventually(lambda: ask(connection, "list_standbys") == [])
        slot = ask_one(connection, "list_replication_slots")
        assert slot.is_active is False
        assert slot.retained_bytes > 0
