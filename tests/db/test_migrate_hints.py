"""Every hint of the runner, followed: the file is then applied, or the hint says that no migration can do it."""

from __future__ import annotations

import shlex
from pathlib import Path

import psycopg
import pytest

from guestsql.errors import MigrationError
from guestsql.migrate import Runner
from tests.cli.shell import invoke
from tests.migrating import apply_until, make_runner, session, value, write_files

pytestmark = pytest.mark.direct("migrations need a session")

FIRST = """
CREATE TABLE days (id int) PARTITION BY LIST (id);
CREATE TABLE days1 PARTITION OF days FOR VALUES IN (1);
CREATE TABLE rooms (id int);
CREATE INDEX old ON rooms (id);
CREATE TYPE mood AS ENUM ('good');
CREATE PROCEDURE fill() LANGUAGE plpgsql AS $$ BEGIN INSERT INTO rooms VALUES (1); COMMIT; END $$;
"""
ALONE = "-- no-transaction\n"
# What was written, a part of the hint, and what is written when the hint is followed.
FOLLOWED = {
    "an index": (
        "CREATE INDEX CONCURRENTLY i ON rooms (id)",
        "-- no-transaction",
        ALONE + "CREATE INDEX CONCURRENTLY IF NOT EXISTS i ON rooms (id)",
    ),
    "an index, repeatable": (
        "CREATE INDEX CONCURRENTLY IF NOT EXISTS i ON rooms (id)",
        "-- no-transaction",
        ALONE + "CREATE INDEX CONCURRENTLY IF NOT EXISTS i ON rooms (id)",
    ),
    "an index, alone": (
        ALONE + "CREATE INDEX CONCURRENTLY ON rooms (id)",
        "IF NOT EXISTS name ON",
        ALONE + "CREATE INDEX CONCURRENTLY IF NOT EXISTS i ON rooms (id)",
    ),
    "an index dropped": (
        "DROP INDEX CONCURRENTLY old",
        "write DROP INDEX CONCURRENTLY IF EXISTS",
        ALONE + "DROP INDEX CONCURRENTLY IF EXISTS old",
    ),
    "a table, alone": (ALONE + "CREATE TABLE t (a int)", "leave the first line out", "CREATE TABLE t (a int)"),
    "a table dropped, alone": (ALONE + "DROP TABLE rooms", "leave the first line out", "DROP TABLE rooms"),
    "rows, alone": (ALONE + "INSERT INTO rooms VALUES (1)", "leave the first line out", "INSERT INTO rooms VALUES (1)"),
    "two, alone": (
        ALONE + "VACUUM rooms; INSERT INTO rooms VALUES (1)",
        "give each its own file",
        ALONE + "VACUUM rooms",
    ),
    "a value": (
        ALONE + "ALTER TYPE mood ADD VALUE 'bad'",
        "ADD VALUE IF NOT EXISTS",
        ALONE + "ALTER TYPE mood ADD VALUE IF NOT EXISTS 'bad'",
    ),
    "a partition": (
        "ALTER TABLE days DETACH PARTITION days1 CONCURRENTLY",
        "without CONCURRENTLY",
        "ALTER TABLE days DETACH PARTITION days1",
    ),
    "a partition, alone": (
        ALONE + "ALTER TABLE days DETACH PARTITION days1 CONCURRENTLY",
        "without CONCURRENTLY",
        "ALTER TABLE days DETACH PARTITION days1",
    ),
    "a subscription": (
        "CREATE SUBSCRIPTION s CONNECTION 'dbname=nowhere' PUBLICATION p",
        "create_slot = false",
        """
        CREATE SUBSCRIPTION s CONNECTION 'dbname=nowhere' PUBLICATION p
        WITH (create_slot = false, connect = false, enabled = false, slot_name = NONE);
        DROP SUBSCRIPTION s
        """,
    ),
    "vacuum": ("VACUUM rooms", "-- no-transaction", ALONE + "VACUUM rooms"),
    "an isolation level": (
        "SELECT 1; SET TRANSACTION ISOLATION LEVEL SERIALIZABLE",
        "as the first statement of the file",
        "SET TRANSACTION ISOLATION LEVEL SERIALIZABLE; SELECT 1",
    ),
    "discard": ("DISCARD ALL; SELECT 1", "each file has a new session", "SELECT 1"),
    "discard, alone": (ALONE + "DISCARD ALL", "leave the first line out", None),
    "commit in a block": (
        "DO $$ BEGIN INSERT INTO rooms VALUES (1); COMMIT; END $$",
        "-- no-transaction",
        ALONE + "DO $$ BEGIN INSERT INTO rooms VALUES (1); COMMIT; END $$",
    ),
    "commit in a procedure": ("CALL fill()", "-- no-transaction", ALONE + "CALL fill()"),
    "an index in a block": (
        "DO $$ BEGIN EXECUTE 'CREATE INDEX CONCURRENTLY i ON rooms (id)'; END $$",
        "write the statement itself, not inside DO",
        ALONE + "CREATE INDEX CONCURRENTLY IF NOT EXISTS i ON rooms (id)",
    ),
    "an index in a block, alone": (
        ALONE + "DO $$ BEGIN EXECUTE 'CREATE INDEX CONCURRENTLY i ON rooms (id)'; END $$",
        "write the statement itself, not inside DO",
        ALONE + "CREATE INDEX CONCURRENTLY IF NOT EXISTS i ON rooms (id)",
    ),
    "begin, alone": (ALONE + "BEGIN", "leave the first line out", None),
    "commit": ("SELECT 1; COMMIT", "leave it out", "SELECT 1"),
    "copy": (
        "COPY rooms FROM stdin;\n1\n\\.\n",
        "write its rows as INSERT",
        "INSERT INTO rooms VALUES (1)",
    ),
    "psql": ("\\i other.sql\nSELECT 1", "write it as SQL, or leave it out", "SELECT 1"),
    "no statement": ("-- nothing\n", "fill it", "SELECT 1"),
    "a string": ("SELECT 'a", "close it with '", "SELECT 'a'"),
    "a comment": ("SELECT 1 /* a", "close it with */", "SELECT 1 /* a */"),
    "a dollar quote": ("SELECT $a$ b", "close it with $a$", "SELECT $a$ b $a$"),
    "an identifier": ('SELECT 1 AS "a', 'close it with "', 'SELECT 1 AS "a"'),
    "an index of another table": (
        ALONE + "CREATE INDEX CONCURRENTLY IF NOT EXISTS old ON days1 (id)",
        "give the index another name",
        ALONE + "CREATE INDEX CONCURRENTLY IF NOT EXISTS new ON days1 (id)",
    ),
    "read only": (
        "SET transaction_read_only = on; CREATE TABLE t (a int)",
        "default_transaction_read_only",
        "SET transaction_read_only = off; CREATE TABLE t (a int)",
    ),
}
BY_HAND = {
    "a database": "CREATE DATABASE no_migration",
    "a database, alone": ALONE + "CREATE DATABASE no_migration",
    "a tablespace": "CREATE TABLESPACE no_migration LOCATION '/nowhere'",
    "a tablespace, alone": ALONE + "CREATE TABLESPACE no_migration LOCATION '/nowhere'",
}


def failed(url: str, folder: Path, text: str) -> MigrationError:
    write_files(folder, {"0001_first.sql": FIRST, "0002_next.sql": text})
    with pytest.raises(MigrationError) as caught:
        make_runner(url, folder).up()
    return caught.value


@pytest.mark.parametrize(("written", "hint", "followed"), FOLLOWED.values(), ids=FOLLOWED)
def test_a_file_that_follows_the_hint_is_applied(
    empty_database_url: str, tmp_path: Path, written: str, hint: str, followed: str | None
) -> None:
    folder = tmp_path / "m"
    error = failed(empty_database_url, folder, written)
    assert hint in error.hint
    assert error.file == folder / "0002_next.sql"
    if followed is None:  # the next hint ends it
        assert "leave it out" in failed(empty_database_url, folder, written.removeprefix(ALONE)).hint
        return
    write_files(folder, {"0002_next.sql": followed})
    make_runner(empty_database_url, folder).up()
    assert {status.state for status in make_runner(empty_database_url, folder).status()} == {"applied"}


@pytest.mark.parametrize("written", BY_HAND.values(), ids=BY_HAND)
def test_what_no_migration_can_do_is_said_at_once(empty_database_url: str, tmp_path: Path, written: str) -> None:
    hint = failed(empty_database_url, tmp_path / "m", written).hint
    assert "by hand, with psql" in hint
    assert "no-transaction" not in hint


def hinted(text: str) -> list[str]:
    """The arguments of the command in a hint."""
    command = text[text.index("guestsql migrate") :].split(";", maxsplit=1)[0]
    return shlex.split(command)[1:]


@pytest.fixture
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the own series, of which alone the shell runs too."""
    monkeypatch.setenv("GUESTSQL_MIGRATIONS_DIR", str(tmp_path / "my files"))
    monkeypatch.setenv("GUESTSQL_PACKAGED", "no")
    return tmp_path / "my files"


def test_the_commands_of_the_hints_name_the_series(empty_database_url: str, own_folder: Path) -> None:
    """Without it, `baseline 2` would record packaged files."""
    folder = write_files(own_folder, {"0001_a.sql": "SELECT 1;", "0003_c.sql": "SELECT 3;"})
    write_files(folder, {"0002_b.sql": "SELECT 2;"})
    runner: Runner = make_runner(empty_database_url, folder)
    runner.up()
    with session(empty_database_url) as connection:
        connection.execute("DELETE FROM guestsql_migrations WHERE version = 2")
    (problem,) = runner.verify()
    result = invoke(*hinted(problem.hint), DATABASE_URL=empty_database_url)
    assert result.exit_code == 0, result.stderr
    assert runner.verify() == []
    assert value(empty_database_url, "SELECT count(*) FROM guestsql_migrations") == 3


def test_the_hint_for_an_invalid_index_repairs_it(empty_database_url: str, own_folder: Path) -> None:
    text = ALONE + "CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS once ON rooms (id)"
    folder = write_files(own_folder, {"0001_first.sql": FIRST, "0002_next.sql": text})
    runner = make_runner(empty_database_url, folder)
    apply_until(empty_database_url, folder, 1)
    with session(empty_database_url) as connection:
        connection.execute("INSERT INTO rooms VALUES (1), (1)")
        with pytest.raises(MigrationError):
            runner.up()
        (problem,) = runner.verify()
        connection.execute("TRUNCATE rooms")
        assert invoke(*hinted(problem.hint), DATABASE_URL=empty_database_url).exit_code == 0
        assert runner.verify() == []
        connection.execute("UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'once'::regclass")
        (problem,) = runner.verify()
        connection.execute(problem.hint[problem.hint.index("REINDEX") :].encode())
    assert runner.verify() == []


def test_the_folder_without_files_says_how_to_write_the_first(own_folder: Path, empty_database_url: str) -> None:
    own_folder.mkdir()
    with pytest.raises(MigrationError) as caught:
        make_runner(empty_database_url, own_folder).up()
    made = invoke(*hinted(caught.value.hint.replace("NAME", "rooms")))
    assert made.exit_code == 0, made.stderr
    (own_folder / "0001_rooms.sql").write_text("SELECT 1;", encoding="utf-8")
    assert len(make_runner(empty_database_url, own_folder).up()) == 1


def test_another_role_is_named_that_may_migrate(empty_database_url: str, tmp_path: Path) -> None:
    folder = write_files(tmp_path / "m", {"0001_first.sql": FIRST})
    with session(empty_database_url) as connection:
        connection.execute("CREATE ROLE hint_stranger LOGIN")
    stranger = psycopg.conninfo.make_conninfo(empty_database_url, user="hint_stranger")
    try:
        with pytest.raises(Exception, match="permission denied") as caught:
            make_runner(stranger, folder).up()
        owner = str(caught.value).partition("run it as ")[2].partition(",")[0]
        named = psycopg.conninfo.make_conninfo(empty_database_url, user=owner)
        assert len(make_runner(named, folder).up()) == 1
    finally:
        with session(empty_database_url) as connection:
            connection.execute("DROP ROLE hint_stranger")
