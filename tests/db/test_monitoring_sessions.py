"""The monitoring queries upon sessions and statements: who blocks whom, who idles, what is slow."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from guestsql import GuestDatabase
from tests.databases import GUEST, make_settings, waiting_sessions
from tests.monitoring import ask, ask_one
from tests.server import eventually

Connection = psycopg.Connection[Any]

_TOUCH = "/* q={name} */ UPDATE guest_profiles SET total_interactions = 1 WHERE phone_number = '" + GUEST + "'"


@pytest.fixture
def blocked(database_url: str, autocommit: Connection) -> Iterator[tuple[int, int]]:
    """Two sessions, the second of which waits for the first; their numbers."""
    autocommit.execute("INSERT INTO guest_profiles (phone_number) VALUES (%s)", [GUEST])
    with psycopg.connect(database_url) as holder, psycopg.connect(database_url) as waiter:
        holder.execute(_TOUCH.format(name="holds_the_row").encode())
        thread = threading.Thread(target=waiter.execute, args=(_TOUCH.format(name="waits_for_it").encode(),))
        thread.start()
        eventually(lambda: waiting_sessions(autocommit) == 1)
        yield holder.info.backend_pid, waiter.info.backend_pid
        holder.rollback()
        thread.join()


def test_who_blocks_whom(autocommit: Connection, blocked: tuple[int, int]) -> None:
    holder, waiter = blocked
    (row,) = [row for row in ask(autocommit, "list_blocked_sessions") if row.blocked_pid == waiter]
    assert (row.blocked_query, row.blocking_query) == ("waits_for_it", "holds_the_row")
    assert (row.blocking_pid, row.blocking_state) == (holder, "idle in transaction")
    assert (row.lock_type, row.lock_mode, row.relation_name) == ("transactionid", "ShareLock", None)
    assert row.waiting_seconds >= 0
    assert row.blocking_transaction_seconds >= row.waiting_seconds


def test_a_waiting_table_lock_names_the_table(database_url: str, autocommit: Connection) -> None:
    with psycopg.connect(database_url) as holder, psycopg.connect(database_url) as waiter:
        holder.execute("LOCK TABLE legacy_imports")
        thread = threading.Thread(target=waiter.execute, args=("SELECT count(*) FROM legacy_imports",))
        thread.start()
        eventually(lambda: waiting_sessions(autocommit) == 1)
        (row,) = ask(autocommit, "list_blocked_sessions")
        holder.rollback()
        thread.join()
    assert (row.lock_mode, row.relation_name) == ("AccessShareLock", "legacy_imports")
    assert row.blocked_query == "SELECT count(*) FROM legacy_imports"


def test_no_session_blocked(autocommit: Connection) -> None:
    assert ask(autocommit, "list_blocked_sessions") == []


def test_idle_in_transaction_and_running_long(autocommit: Connection, blocked: tuple[int, int]) -> None:
    holder, waiter = blocked
    idle = {row.pid: row for row in ask(autocommit, "list_idle_transactions", min_seconds=0)}
    assert idle[holder].query == "holds_the_row"
    assert idle[holder].transaction_seconds >= idle[holder].idle_seconds >= 0
    assert waiter not in idle
    assert ask(autocommit, "list_idle_transactions", min_seconds=3600) == []
    running = {row.pid: row for row in ask(autocommit, "list_long_queries", min_seconds=0)}
    assert running.keys() == {waiter}  # and not the one that asks
    assert (running[waiter].query, running[waiter].wait_event_type) == ("waits_for_it", "Lock")
    assert ask(autocommit, "list_long_queries", min_seconds=3600) == []


def test_connections_against_the_limit(autocommit: Connection, blocked: tuple[int, int]) -> None:
    assert blocked
    row = ask_one(autocommit, "get_connection_usage")
    limit = autocommit.execute("SHOW max_connections").fetchone()
    assert limit is not None
    assert row.max_connections == int(limit[0])
    assert row.reserved == 3
    assert row.used == row.active + row.idle + row.idle_in_transaction
    assert (row.active, row.idle_in_transaction, row.waiting_for_locks) == (2, 1, 1)
    assert abs(float(row.used_percent) - 100 * row.used / (row.max_connections - 3)) <= 0.05
    listed = ask(autocommit, "list_connections")
    assert sum(each.connections for each in listed) == row.used
    assert any(each.state == "idle in transaction" and each.connections == 1 for each in listed)
    assert [each.connections for each in listed] == sorted((each.connections for each in listed), reverse=True)


@pytest.mark.parametrize(
    ("statement", "name"),
    [
        ("/* q=get_profile */ SELECT 1\n-- q=get_profile", "get_profile"),
        ("SELECT 1\n-- q=get_profile", "get_profile"),
        ("/* q=get_profile */ SELECT a very long text that is cut o", "get_profile"),
        ("  /* q=a1_b */ SELECT 1", "a1_b"),
        ("SELECT '\n-- q=no' AS text", "SELECT …"),
        ("SELECT '/* q=no */'", "SELECT …"),
        ("DELETE FROM t\n  WHERE phone = '573000000001'", "DELETE FROM t WHERE phone = …"),
        ("select pg_sleep(9), '57.300.000.0001', 'Ana Secreta'", "select pg_sleep(?), …"),
        ("SELECT E'it\\'s Ana', U&'Ana', 'Ana", "SELECT E…"),
        ("SELECT $$Ana$$", "SELECT …"),
        ("SELECT $guest$Ana$guest$, 5", "SELECT …"),
        ("SELECT $1, $12, $573000000001", "SELECT $1, $12, $?"),
        ("SELECT 573000000001, 57.300, +57 300, 573_000_000_001, 0x5A, 5e9", "SELECT ?, ?, +? ?, ?, ?, ?"),
        ("SELECT md5(t1.a) FROM t573000000001 LIMIT 5", "SELECT md5(t1.a) FROM t? LIMIT ?"),
        ('SELECT "t"."a" FROM "t" WHERE "b" = \'Ana\'', "SELECT t.a FROM t WHERE b = …"),
        ('SELECT 1 FROM t WHERE a = "Ana Secreta"', "SELECT ? FROM t WHERE a = …"),
        ("SELECT 1 -- Ana", "SELECT ? …"),
        ("SELECT 1 /* Ana */", "SELECT ? …"),
        ("/* Ana **/ -- Ana\n SELECT 1", "SELECT ?"),
        ("/* a /* b */ Ana */ SELECT 1", "…"),
        ("/* Ana", "…"),
        ("x" * 200, "x" * 80),
        ("<insufficient privilege>", "<insufficient privilege>"),
        ("", ""),
    ],
)
def test_what_a_statement_is_called(connection: Connection, statement: str, name: str) -> None:
    assert connection.execute("SELECT guestsql_query_name(%s)", [statement]).fetchone() == (name,)


def test_a_phone_in_an_applications_name_is_masked(database_url: str, autocommit: Connection) -> None:
    with psycopg.connect(database_url, application_name="bot +57 300.000.0001") as other:
        pid = other.info.backend_pid
        other.execute("SELECT '57.300.000.0001', 'Ana Secreta'")
        rows = ask(autocommit, "list_connections")
        idle = ask(autocommit, "list_idle_transactions", min_seconds=0)
    assert "bot +…" in {row.application_name for row in rows}
    (row,) = [row for row in idle if row.pid == pid]
    assert (row.application_name, row.query) == ("bot +…", "SELECT …")
    shown = autocommit.execute("SELECT guestsql_mask_numbers('bot-7 on node12')").fetchone()
    assert shown == ("bot-7 on node12",)


def test_without_the_extension_there_are_no_statements(connection: Connection) -> None:
    assert ask(connection, "list_slow_queries") == []
    state = ask_one(connection, "get_statement_statistics")
    assert (state.is_loaded, state.version) == (True, None)
    assert state.available_version is not None


@pytest.mark.parametrize("schema", ["public", "Odd schema"])
def test_slow_queries_by_name(database_url: str, autocommit: Connection, schema: str) -> None:
    autocommit.execute(f'CREATE SCHEMA IF NOT EXISTS "{schema}"'.encode())
    autocommit.execute(f'CREATE EXTENSION pg_stat_statements SCHEMA "{schema}"'.encode())
    with GuestDatabase(settings=make_settings(database_url)) as database:
        for _ in range(4):
            database.get_profile(GUEST)
    # Two statements with numbers of their own, under one name.
    autocommit.execute("SELECT pg_sleep(0.05)\n-- q=two_shapes")
    autocommit.execute("SELECT 1 AS one, 2 AS two\n-- q=two_shapes")
    autocommit.execute("SELECT '573000000001' AS phone")
    rows = {row.query: row for row in ask(autocommit, "list_slow_queries", max_rows=200)}
    assert rows["get_profile"].calls == 4
    assert rows["two_shapes"].calls == 2
    assert rows["two_shapes"].row_count == 2
    assert rows["two_shapes"].max_milliseconds >= 50
    assert 25 <= rows["two_shapes"].mean_milliseconds <= rows["two_shapes"].max_milliseconds
    means = [row.mean_milliseconds for row in rows.values()]
    assert means == sorted(means, reverse=True)
    assert "SELECT $1 AS phone" in rows
    assert GUEST not in str(rows)
    assert ask_one(autocommit, "get_statement_statistics").version is not None
    assert len(ask(autocommit, "list_slow_queries", max_rows=1)) == 1


def test_the_statements_of_other_databases_are_theirs(
    database_url: str, empty_database_url: str, autocommit: Connection
) -> None:
    assert database_url != empty_database_url
    autocommit.execute("CREATE EXTENSION pg_stat_statements")
    with psycopg.connect(empty_database_url, autocommit=True) as other:
        other.execute("SELECT 1\n-- q=of_another")
    assert "of_another" not in {row.query for row in ask(autocommit, "list_slow_queries", max_rows=500)}
