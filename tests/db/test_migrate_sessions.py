"""What a file leaves in its session reaches neither the next file nor its own second try."""

from __future__ import annotations

from pathlib import Path

import pytest
from psycopg import sql

from tests.migrating import make_runner, session, value, write_files

pytestmark = pytest.mark.direct("migrations need a session")

TABLE = "CREATE TABLE stage (id int); INSERT INTO stage VALUES (1);"
LEFT = {
    "a temporary table": ("CREATE TEMP TABLE stage (id int);", "SELECT 1;"),
    "a temporary view": ("CREATE TEMP VIEW stage AS SELECT 2 AS id;", "SELECT 1;"),
    "a prepared statement": ("PREPARE left_over AS SELECT 1;", "PREPARE left_over AS SELECT 1; EXECUTE left_over;"),
    "a cursor": (
        "DECLARE left_over CURSOR WITH HOLD FOR SELECT 1;",
        "DECLARE left_over CURSOR WITH HOLD FOR SELECT 1;",
    ),
    "a lock": (
        "SELECT pg_advisory_lock(7);",
        "DO $$ BEGIN ASSERT NOT EXISTS (SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND objid = 7); END $$;",
    ),
    "every lock given back": (
        "SELECT pg_advisory_unlock_all();",
        "DO $$ BEGIN ASSERT EXISTS (SELECT 1 FROM pg_locks WHERE objid = 1953722732 AND granted); END $$;",
    ),
    "a channel": (
        "LISTEN left_over;",
        "DO $$ BEGIN ASSERT (SELECT count(*) FROM pg_listening_channels()) = 0; END $$;",
    ),
    "a setting": (
        "SET search_path = pg_catalog; SET app.tenant = '7'; SET statement_timeout = 1;",
        "DO $$ BEGIN ASSERT coalesce(current_setting('app.tenant', true), '') = ''; END $$; SELECT pg_sleep(0.01);",
    ),
    "session defaults": (
        "SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY;",
        "CREATE TABLE written (id int);",
    ),
    "a role": ("SET ROLE pg_monitor;", "DO $$ BEGIN ASSERT current_user = session_user; END $$;"),
    "a sequence's last value": (
        "CREATE SEQUENCE numbers; SELECT nextval('numbers');",
        """
        DO $$
        BEGIN
            PERFORM lastval();
            RAISE 'left';
        EXCEPTION WHEN object_not_in_prerequisite_state THEN NULL;
        END $$;
        """,
    ),
    "a loaded library": (
        "LOAD 'auto_explain';",
        "DO $$ BEGIN ASSERT current_setting('auto_explain.log_analyze', true) IS NULL; END $$;",
    ),
}


@pytest.mark.parametrize(("first", "second"), LEFT.values(), ids=LEFT)
def test_the_next_file_finds_nothing_of_the_one_before(
    empty_database_url: str, tmp_path: Path, first: str, second: str
) -> None:
    files = {"0001_leave.sql": first, "0002_stage.sql": TABLE, "0003_look.sql": second}
    runner = make_runner(empty_database_url, write_files(tmp_path / "m", files))
    assert [found.version for found in runner.up()] == [1, 2, 3]
    assert value(empty_database_url, "SELECT count(*) FROM public.stage") == 1


def test_a_second_try_begins_in_a_new_session(empty_database_url: str, tmp_path: Path) -> None:
    """PREPARE outlives a rollback; a sequence distinguishes one try from another."""
    text = """
    PREPARE again AS SELECT 1;
    DO $$ BEGIN IF nextval('tries') < 3 THEN RAISE 'deadlock' USING ERRCODE = '40P01'; END IF; END $$;
    """
    with session(empty_database_url) as connection:
        connection.execute("CREATE SEQUENCE tries")
    assert len(make_runner(empty_database_url, write_files(tmp_path / "m", {"0001_try.sql": text})).up()) == 1


def test_a_file_outside_a_transaction_leaves_nothing_either(empty_database_url: str, tmp_path: Path) -> None:
    files = {
        "0001_procedure.sql": """
        CREATE PROCEDURE leave() LANGUAGE plpgsql AS
        $$ BEGIN CREATE TEMP TABLE stage (id int); COMMIT; PERFORM pg_advisory_lock(7); END $$;
        """,
        "0002_call.sql": "-- no-transaction\nCALL leave();",
        "0003_stage.sql": TABLE + LEFT["a lock"][1],
    }
    assert len(make_runner(empty_database_url, write_files(tmp_path / "m", files)).up()) == 3
    assert value(empty_database_url, "SELECT count(*) FROM public.stage") == 1


@pytest.mark.parametrize("name", ["idle_session_timeout", "transaction_timeout", "statement_timeout"])
def test_a_timeout_of_the_database_ends_neither_a_file_nor_the_lock(
    empty_database_url: str, tmp_path: Path, name: str
) -> None:
    with session(empty_database_url) as connection:
        if connection.execute("SELECT 1 FROM pg_settings WHERE name = %s", [name]).fetchone() is None:
            pytest.skip(f"this server has no {name}")
        database, setting = sql.Identifier(connection.info.dbname), sql.Identifier(name)
        connection.execute(sql.SQL("ALTER DATABASE {} SET {} = '1s'").format(database, setting))
    files = {"0001_slow.sql": "SELECT pg_sleep(1.2);", "0002_next.sql": "SELECT 1;"}
    runner = make_runner(empty_database_url, write_files(tmp_path / "m", files))
    assert len(runner.up()) == 2
