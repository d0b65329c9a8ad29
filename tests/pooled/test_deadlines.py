"""Behind a pooler the server too ends a write whose caller has given up."""

from __future__ import annotations

from pathlib import Path
from time import monotonic
from typing import Any

import psycopg
import pytest
from psycopg import RawCursor

from guestsql import Database, GuestDatabase
from guestsql.errors import DatabaseError
from guestsql.settings import Settings
from guestsql.sql._sync.connection import DeadlineConnection
from guestsql.sql._sync.pipeline import bound, execute_together
from tests.databases import GUEST, make_settings, waiting_sessions
from tests.server import eventually

# What a deferred trigger does belongs to COMMIT.
TABLE = """
CREATE TABLE counts (n int);
CREATE FUNCTION dawdle() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(2.2); RETURN NULL; END $$;
CREATE CONSTRAINT TRIGGER dawdle AFTER UPDATE ON counts DEFERRABLE INITIALLY DEFERRED
FOR EACH ROW EXECUTE FUNCTION dawdle();
CREATE PROCEDURE add_two() LANGUAGE plpgsql AS $$
BEGIN INSERT INTO counts VALUES (1); COMMIT; INSERT INTO counts VALUES (2); END $$;
INSERT INTO counts VALUES (0);
"""
QUERIES = """\
-- name: lock_count()$
-- Locks, and so counts as a write.
SELECT current_setting('statement_timeout') AS waits FROM counts FOR UPDATE;

-- name: read_limit()$
-- A read.
SELECT current_setting('statement_timeout') AS waits;

-- name: add_two()!
-- Commits on its way.
CALL add_two();
"""


def test_a_write_that_waits_ends_with_its_call(
    database_url: str, direct_url: str, autocommit: psycopg.Connection[Any]
) -> None:
    autocommit.execute("INSERT INTO guest_profiles (phone_number, user_name) VALUES (%s, 'Ana')", [GUEST])
    with GuestDatabase(settings=make_settings(database_url, deadline_seconds=3.0)) as db:
        assert db.get_profile(GUEST) is not None
        with psycopg.connect(direct_url) as other:
            other.execute("SELECT FROM guest_profiles FOR UPDATE")
            with pytest.raises(DatabaseError):
                db.update_profile(GUEST, user_name="Eva")
            eventually(lambda: waiting_sessions(autocommit) == 0)
    assert autocommit.execute("SELECT user_name FROM guest_profiles").fetchone() == ("Ana",)


def test_reads_procedures_and_the_next_client_have_no_limit(
    tmp_path: Path, database_url: str, autocommit: psycopg.Connection[Any]
) -> None:
    autocommit.execute(TABLE.encode())
    (tmp_path / "counts.sql").write_text(QUERIES)
    with Database(database_url, tmp_path, settings=Settings(deadline_seconds=20.0)) as db:
        assert db.queries.lock_count() in {"18s", *(f"{each}ms" for each in range(18_000))}
        assert db.queries.read_limit() == "0"
        db.queries.add_two()
    assert autocommit.execute("SELECT array_agg(n ORDER BY n) FROM counts").fetchone() == ([0, 1, 2],)


def test_commit_has_no_limit(database_url: str, autocommit: psycopg.Connection[Any]) -> None:
    autocommit.execute(TABLE.encode())
    with DeadlineConnection.connect(database_url, autocommit=True, cursor_factory=RawCursor) as connection:
        cursor = connection.cursor()
        settings = [bound(monotonic() + 2.0)]
        execute_together(cursor, "UPDATE counts SET n = 7", [], companion=None, settings=settings)
    assert autocommit.execute("SELECT n FROM counts").fetchone() == (7,)
