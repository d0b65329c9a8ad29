"""A migration that fails: nothing of it is kept, and the place is the one an editor shows."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from guestsql.embedded import PrivateServer
from guestsql.errors import DatabaseError, MigrationError
from tests.migrating import make_runner, session, value, write_files
from tests.server import drop_database

pytestmark = pytest.mark.direct("migrations need a session")

HEAD = (
    "-- ñandú 😀\r\n"
    "/* second line */ CREATE TABLE a (id int PRIMARY KEY);\r\n"
    "\tCREATE TABLE b (t text DEFAULT '😀');\r\n"
)


def failure(url: str, folder: Path, text: str, name: str = "0002_bad.sql") -> MigrationError:
    write_files(folder, {"0001_good.sql": "CREATE TABLE good (id int)", name: text})
    with pytest.raises(MigrationError) as caught:
        make_runner(url, folder).up()
    assert caught.value.file == folder / name
    return caught.value


@pytest.mark.parametrize(
    ("third", "place", "sqlstate"),
    [
        # The server gives a position: a name that is not there, after characters of two and four bytes and a tab.
        ("  SELECT '😀ñ',\tabsent FROM a;", (4, 16), "42703"),
        # It does not parse at all, so nothing has run.
        ("  SELEC 1;", (4, 3), "42601"),
        # The server gives none: the beginning of the statement that failed.
        ("-- not here\n  CREATE TABLE a (id int);", (5, 3), "42P07"),
        ("  INSERT INTO a VALUES (1), (1);", (4, 3), "23505"),
        # Inside a block: the block.
        ("  DO $$ BEGIN\n\n RAISE EXCEPTION 'no; way'; END $$;", (4, 3), "P0001"),
        ("  DO $$ BEGIN PERFORM absent FROM a; END $$;", (4, 3), "42703"),
    ],
)
def test_the_third_statement_fails_at_its_place_and_nothing_is_kept(
    empty_database_url: str, tmp_path: Path, third: str, place: tuple[int, int], sqlstate: str
) -> None:
    error = failure(empty_database_url, tmp_path / "m", HEAD + third + "\nSELECT 4;\n")
    assert (error.line, error.column, error.sqlstate) == (*place, sqlstate)
    assert str(error).startswith(f"{error.file}:{place[0]}:{place[1]}: ")
    assert value(empty_database_url, "SELECT to_regclass('a')") is None
    assert value(empty_database_url, "SELECT array_agg(version) FROM guestsql_migrations") == [1]


def test_a_repaired_file_goes_on_from_there(empty_database_url: str, tmp_path: Path) -> None:
    failure(empty_database_url, tmp_path / "m", HEAD + "SELECT absent;")
    write_files(tmp_path / "m", {"0002_bad.sql": HEAD})
    assert [found.version for found in make_runner(empty_database_url, tmp_path / "m").up()] == [2]


def test_a_check_at_commit_fails_like_a_statement(empty_database_url: str, tmp_path: Path) -> None:
    text = """
    CREATE TABLE a (id int PRIMARY KEY, other int REFERENCES a DEFERRABLE INITIALLY DEFERRED);
    INSERT INTO a VALUES (1, 2);
    """
    error = failure(empty_database_url, tmp_path / "m", text)
    assert error.sqlstate == "23503"
    assert "is not present in table" in error.message
    assert value(empty_database_url, "SELECT to_regclass('a')") is None


def test_what_cannot_run_in_a_transaction_says_how_to_write_it(empty_database_url: str, tmp_path: Path) -> None:
    text = "CREATE INDEX CONCURRENTLY IF NOT EXISTS i ON good (id);"
    error = failure(empty_database_url, tmp_path / "m", text)
    assert error.sqlstate == "25001"
    assert "-- no-transaction" in error.hint
    write_files(tmp_path / "m", {"0002_bad.sql": "-- no-transaction\n" + text})
    assert len(make_runner(empty_database_url, tmp_path / "m").up()) == 1


def test_the_server_s_detail_hint_and_context_are_kept(empty_database_url: str, tmp_path: Path) -> None:
    text = "DO $$ BEGIN RAISE 'bad' USING DETAIL = 'the detail', HINT = 'the hint'; END $$"
    error = failure(empty_database_url, tmp_path / "m", text)
    assert error.message.startswith("bad; the detail; in PL/pgSQL function")
    assert error.hint == "the hint"


def test_a_failed_statement_outside_a_transaction_has_its_place(empty_database_url: str, tmp_path: Path) -> None:
    text = "-- no-transaction\n-- ñ😀\nCREATE INDEX CONCURRENTLY IF NOT EXISTS i ON good (absent);"
    error = failure(empty_database_url, tmp_path / "m", text)
    assert (error.line, error.sqlstate) == (3, "42703")


def test_an_index_name_that_another_table_has_is_no_success(empty_database_url: str, tmp_path: Path) -> None:
    with session(empty_database_url) as connection:
        connection.execute("CREATE TABLE elsewhere (id int)")
        connection.execute("CREATE INDEX taken ON elsewhere (id)")
    text = "-- no-transaction\nCREATE INDEX CONCURRENTLY IF NOT EXISTS taken ON good (id);"
    error = failure(empty_database_url, tmp_path / "m", text)
    assert "taken is not an index of good" in error.message
    assert value(empty_database_url, "SELECT count(*) FROM guestsql_migrations") == 1


def test_a_unique_index_that_fails_leaves_an_invalid_one_which_the_next_run_drops(
    empty_database_url: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with session(empty_database_url) as connection:
        connection.execute('CREATE TABLE "Twice" (id int)')
        connection.execute('INSERT INTO "Twice" VALUES (1), (1)')
    text = '-- no-transaction\nCREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS "Once ""only" ON public."Twice" (id)'
    assert failure(empty_database_url, tmp_path / "m", text).sqlstate == "23505"
    runner = make_runner(empty_database_url, tmp_path / "m")
    assert [problem.kind for problem in runner.verify()] == ["invalid_index"]
    with session(empty_database_url) as connection:
        connection.execute('DELETE FROM "Twice" WHERE ctid = (SELECT min(ctid) FROM "Twice")')
    with caplog.at_level(logging.WARNING, "guestsql"):
        assert [found.version for found in runner.up()] == [2]
    assert "MIGRATION_INVALID_INDEX" in [getattr(record, "event", "") for record in caplog.records]
    assert runner.verify() == []


def test_a_database_without_encoding_counts_bytes_and_the_place_is_right_all_the_same(
    server: PrivateServer, tmp_path: Path
) -> None:
    with session(server.url()) as connection:
        connection.execute(
            "CREATE DATABASE plain_bytes ENCODING 'SQL_ASCII' LOCALE 'C' TEMPLATE template0"
            + (" LOCALE_PROVIDER libc" if connection.info.server_version >= 150000 else "")
        )
    try:
        error = failure(server.url("plain_bytes"), tmp_path / "m", "SELECT 'ñ😀',\tabsent;")
        assert (error.line, error.column) == (1, 14)
    finally:
        drop_database(server, "plain_bytes")


def test_a_role_without_rights_is_reported(server: PrivateServer, empty_database_url: str, tmp_path: Path) -> None:
    with session(server.url()) as connection:
        connection.execute("CREATE ROLE guestsql_guest LOGIN")
    try:
        url = make_conninfo(empty_database_url, user="guestsql_guest")
        folder = write_files(tmp_path / "m", {"0001_good.sql": "CREATE TABLE good (id int)"})
        assert conninfo_to_dict(url)["user"] == "guestsql_guest"
        with pytest.raises(DatabaseError, match="permission denied for schema public") as caught:
            make_runner(url, folder).up()
        assert caught.value.sqlstate == "42501"
        others = "a login with that role, or, for a function, the login that ran the first migrations"
        advice = f"run it as postgres, the owner, {others}; this is guestsql_guest"
        assert caught.value.hint == advice  # of the database, as there is nothing else yet

        make_runner(empty_database_url, folder).up()
        with pytest.raises(DatabaseError, match="permission denied for table guestsql_migrations") as caught:
            make_runner(url, folder).status()
        assert caught.value.hint == advice

        with session(empty_database_url) as owner:
            owner.execute("CREATE ROLE guestsql_keeper")
            owner.execute("ALTER TABLE guestsql_migrations OWNER TO guestsql_keeper")
            owner.execute("GRANT ALL ON guestsql_migrations TO guestsql_guest")
            owner.execute("GRANT CREATE ON SCHEMA public TO guestsql_guest")
        write_files(folder, {"0002_more.sql": "ALTER TABLE good ADD COLUMN name text"})
        with pytest.raises(MigrationError, match="must be owner of table good") as denied:
            make_runner(url, folder).up()
        assert denied.value.hint == advice.replace("postgres", "guestsql_keeper")
        assert denied.value.line == 1
    finally:
        with session(empty_database_url) as connection:
            for role in ("guestsql_guest", "guestsql_keeper"):
                if connection.execute("SELECT to_regrole(%s)", [role]).fetchone() != (None,):
                    connection.execute(sql.SQL("DROP OWNED BY {}").format(sql.Identifier(role)))
                    connection.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(role)))
