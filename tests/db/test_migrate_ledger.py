"""One ledger a database: found wherever the search_path leads, and never begun a second time."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import LiteralString

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

from guestsql.embedded import PrivateServer
from guestsql.errors import MigrationError
from guestsql.migrate import Runner
from guestsql.ops.health import Probe
from guestsql.settings import Settings
from tests.cli.shell import invoke
from tests.migrating import make_runner, session, value, write_files
from tests.server import drop_database

pytestmark = pytest.mark.direct("migrations need a session")

FIRST = {"0001_rooms.sql": "CREATE TABLE rooms (id int PRIMARY KEY); INSERT INTO rooms VALUES (1);"}
LEDGERS = "SELECT array_agg(schemaname::text ORDER BY 1) FROM pg_tables WHERE tablename = 'guestsql_migrations'"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_files(tmp_path / "migrations", FIRST)


@pytest.fixture
def hotel_url(server: PrivateServer) -> Iterator[str]:
    """A database whose owner has the search_path that every role has: "$user", public."""
    with psycopg.connect(server.url(), autocommit=True) as admin:
        admin.execute("CREATE ROLE ledger_hotel LOGIN")
        admin.execute("CREATE DATABASE ledger_hotel OWNER ledger_hotel")
    yield make_conninfo(server.url("ledger_hotel"), user="ledger_hotel")
    drop_database(server, "ledger_hotel")
    with psycopg.connect(server.url(), autocommit=True) as admin:
        admin.execute("DROP ROLE ledger_hotel")


def with_path(url: str, path: str) -> str:
    return make_conninfo(url, options=f"-c search_path={path}")


def applied(runner: Runner) -> list[int]:
    return [each.version for each in runner.up()]


def test_a_schema_named_like_the_role_starts_no_second_ledger(hotel_url: str, folder: Path) -> None:
    write_files(folder, {"0002_schema.sql": "CREATE SCHEMA ledger_hotel; CREATE TABLE ledger_hotel.stays (id int);"})
    runner = make_runner(hotel_url, folder)
    assert applied(runner) == [1, 2]
    write_files(folder, {"0003_more.sql": "CREATE TABLE more (id int);"})
    assert [each.version for each in runner.plan()] == [3]
    (done,) = runner.up()
    assert done.version == 3
    assert len(done.notices) == 1
    assert "the ledger is in the schema public, and new tables are created in ledger_hotel" in done.notices[0]
    assert runner.verify() == []
    assert value(hotel_url, LEDGERS) == ["public"]
    assert value(hotel_url, "SELECT array_agg(version ORDER BY version) FROM public.guestsql_migrations") == [1, 2, 3]


@pytest.mark.parametrize("path", ["app, public", "app", "''", "pg_catalog"])
def test_another_search_path_of_the_database_applies_nothing_again(
    empty_database_url: str, folder: Path, path: LiteralString
) -> None:
    make_runner(empty_database_url, folder).up()
    with session(empty_database_url) as connection:
        connection.execute("CREATE SCHEMA app")
        name = sql.Identifier(connection.info.dbname)
        connection.execute(sql.SQL("ALTER DATABASE {} SET search_path = {}").format(name, sql.SQL(path)))
    runner = make_runner(empty_database_url, folder)
    assert applied(runner) == []
    assert [each.state for each in runner.status()] == ["applied"]
    assert runner.plan() == []
    assert runner.verify() == []
    assert runner.baseline(1) == []
    assert value(empty_database_url, LEDGERS) == ["public"]


def test_the_packaged_files_go_on_under_another_search_path(empty_database_url: str) -> None:
    Runner(Settings(), empty_database_url).up()
    with session(empty_database_url) as connection:
        connection.execute("CREATE SCHEMA app")
    url = with_path(empty_database_url, "app")
    assert Runner(Settings(), url).up() == []
    # Its function is found too, and finds the tables of its own schema.
    with session(empty_database_url) as connection:
        connection.execute("REVOKE SELECT ON guestsql_migrations FROM guestsql_bot")
    assert Runner(Settings(), url).grant() is not None
    assert value(empty_database_url, "SELECT has_table_privilege('guestsql_bot', 'guestsql_migrations', 'SELECT')")


def test_health_doctor_and_the_shell_ask_the_same_ledger(empty_database_url: str) -> None:
    Runner(Settings(), empty_database_url).up()
    with session(empty_database_url) as connection:
        connection.execute("CREATE SCHEMA app")
    url = with_path(empty_database_url, "app,public")
    with closing(Probe(Settings(), url, seconds=30)) as probe:
        assert probe.check().is_ready
    with closing(Probe(Settings(), with_path(empty_database_url, "app"), seconds=30)) as probe:
        assert probe.check().is_ready
    result = invoke("migrate", "status", "--exit-code", DATABASE_URL=url)
    assert result.exit_code == 0, result.stderr
    assert "no migration is applied" not in invoke("doctor", DATABASE_URL=url).output


def test_a_ledger_of_its_own_schema_goes_on_there(empty_database_url: str, folder: Path) -> None:
    with session(empty_database_url) as connection:
        connection.execute('CREATE SCHEMA "Grand Hotel"')
    make_runner(with_path(empty_database_url, '"Grand\\ Hotel"'), folder).up()
    assert value(empty_database_url, LEDGERS) == ["Grand Hotel"]
    write_files(folder, {"0002_more.sql": "CREATE TABLE more (id int);"})
    assert applied(make_runner(empty_database_url, folder)) == [2]
    assert value(empty_database_url, LEDGERS) == ["Grand Hotel"]


def test_two_tenants_have_a_ledger_each_where_their_search_path_says_so(empty_database_url: str, folder: Path) -> None:
    one, other = (with_path(empty_database_url, schema) for schema in ("one", "other"))
    with session(empty_database_url) as connection:
        connection.execute("CREATE SCHEMA one")
        connection.execute("CREATE SCHEMA other")
    assert applied(make_runner(one, folder)) == [1]
    # Releases before this one made a ledger for each search_path.
    with session(empty_database_url) as connection:
        connection.execute("CREATE TABLE other.guestsql_migrations (LIKE one.guestsql_migrations INCLUDING ALL)")
    assert applied(make_runner(other, folder)) == [1]
    with pytest.raises(MigrationError, match="2 ledgers") as caught:
        make_runner(empty_database_url, folder).up()
    assert "one.guestsql_migrations, other.guestsql_migrations" in caught.value.message
    with closing(Probe(Settings(), empty_database_url, seconds=30)) as probe:
        assert probe.check().database == "refused"
    result = invoke("doctor", DATABASE_URL=empty_database_url)
    assert "2 ledgers" in result.output


def test_twins_stop_the_run_and_the_hint_repairs_it(empty_database_url: str, folder: Path) -> None:
    url = with_path(empty_database_url, "app,public")
    make_runner(empty_database_url, folder).up()
    with session(empty_database_url) as connection:
        connection.execute("CREATE SCHEMA app")
        connection.execute("CREATE TABLE app.guestsql_migrations (LIKE public.guestsql_migrations INCLUDING ALL)")
    with pytest.raises(MigrationError, match="2 ledgers") as caught:
        make_runner(url, folder).up()
    assert value(empty_database_url, "SELECT to_regclass('app.rooms')") is None
    statement = caught.value.hint.partition("rename the others: ")[2].partition(";")[0]
    with session(empty_database_url) as connection:
        connection.execute(statement.replace("public.", "app.").encode())
    assert applied(make_runner(url, folder)) == []


def test_a_temporary_table_and_a_file_s_search_path_do_not_lead_elsewhere(
    empty_database_url: str, folder: Path
) -> None:
    write_files(
        folder,
        {
            "0002_decoy.sql": "CREATE SCHEMA other; CREATE TABLE other.decoy (id int); SET search_path = other, public;"
            "CREATE TEMP TABLE guestsql_migrations (version int)",
            "0003_after.sql": "CREATE TABLE after (id int);",
        },
    )
    assert applied(make_runner(empty_database_url, folder)) == [1, 2, 3]
    assert value(empty_database_url, "SELECT count(*) FROM public.guestsql_migrations") == 3
    assert value(empty_database_url, "SELECT to_regclass('public.after') IS NOT NULL") is True


def test_a_trigger_at_commit_sees_the_search_path_of_its_role(empty_database_url: str, folder: Path) -> None:
    """Entering the row leads the search_path to the ledger for that statement alone."""
    write_files(
        folder,
        {
            "0002_late.sql": """
            CREATE SCHEMA app;
            CREATE TABLE app.seen (path text);
            CREATE FUNCTION app.look() RETURNS trigger LANGUAGE plpgsql AS
            $$ BEGIN INSERT INTO app.seen VALUES (current_setting('search_path')); RETURN NULL; END $$;
            CREATE TABLE app.late (id int);
            CREATE CONSTRAINT TRIGGER look AFTER INSERT ON app.late DEFERRABLE INITIALLY DEFERRED
            FOR EACH ROW EXECUTE FUNCTION app.look();
            INSERT INTO app.late VALUES (1);
            """
        },
    )
    make_runner(empty_database_url, folder).up()
    assert value(empty_database_url, "SELECT path FROM app.seen") == '"$user", public'


def test_a_role_without_a_right_to_the_ledger_s_schema_runs_nothing(hotel_url: str, folder: Path) -> None:
    with session(make_conninfo(hotel_url, user="postgres")) as admin:
        admin.execute("CREATE SCHEMA secret")
    make_runner(with_path(make_conninfo(hotel_url, user="postgres"), "secret"), folder).up()
    with pytest.raises(MigrationError, match="schema secret, which this role may not use") as caught:
        make_runner(hotel_url, folder).up()
    assert caught.value.hint.startswith("run it as postgres, the owner")
    with closing(Probe(Settings(), hotel_url, seconds=30)) as probe:
        report = probe.check()
    assert (report.database, report.sqlstate) == ("refused", "42501")
    assert "ledger_hotel may not read which migrations are applied" in invoke("doctor", DATABASE_URL=hotel_url).output
    assert value(hotel_url, "SELECT to_regclass('public.rooms')") is None


def test_the_changed_search_path_is_logged(
    empty_database_url: str, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    make_runner(empty_database_url, folder).up()
    with session(empty_database_url) as connection:
        connection.execute("CREATE SCHEMA app")
    write_files(folder, {"0002_more.sql": "CREATE TABLE more (id int);"})
    for expected in ([2], []):  # also when there is nothing to apply: another tenant's schema would stay empty
        caplog.clear()
        with caplog.at_level(logging.WARNING, "guestsql"):
            assert applied(make_runner(with_path(empty_database_url, "app"), folder)) == expected
        assert "new tables are created in app" in caplog.text
        assert "CREATE TABLE app.guestsql_migrations (LIKE public.guestsql_migrations INCLUDING ALL)" in caplog.text
