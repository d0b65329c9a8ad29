"""`guestsql check`: what it prints, how it ends, and what it leaves alone."""

from __future__ import annotations

import json

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from tests.checking import QUERIES
from tests.cli.shell import invoke
from tests.through_pooler import direct

WRONG = """\
-- name: get_thread_id(phone_number)$
-- The guest's thread.
--   phone_number: text, the guest's key
SELECT tread_id FROM guest_profiles WHERE phone_number = :phone_number::text;

-- name: list_times()
-- Times.
SELECT now() AS moment FROM generate_series(1, 2) AS g (n) ORDER BY g.n;
"""
OWN = {"GUESTSQL_MIGRATIONS_DIR": "migrations", "GUESTSQL_PACKAGED": "no"}
RIGHT = WRONG.replace("tread_id", "thread_id").replace("now()", "statement_timestamp()")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder of queries in the working directory."""
    queries = tmp_path / "queries"
    queries.mkdir()
    (queries / "guests.sql").write_text(WRONG, encoding="utf-8")
    monkeypatch.setenv("GUESTSQL_QUERIES_DIR", str(queries))
    return queries


@pytest.mark.usefixtures("folder")
def test_findings_are_shown_with_line_caret_and_hint(server):
    result = invoke("check", "--server", server.url())
    assert result.exit_code == 1
    assert result.stdout == (
        'queries/guests.sql:4:8: GS203: column "tread_id" does not exist\n'
        "  |\n"
        "4 | SELECT tread_id FROM guest_profiles WHERE phone_number = :phone_number::text;\n"
        "  |        ^^^^^^^^\n"
        '  = hint: Perhaps you meant to reference the column "guest_profiles.thread_id".\n'
        "\n"
        "queries/guests.sql:8:8: GS403: now does not advance inside a transaction\n"
        "  |\n"
        "8 | SELECT now() AS moment FROM generate_series(1, 2) AS g (n) ORDER BY g.n;\n"
        "  |        ^^^\n"
        "  = hint: write statement_timestamp()\n"
        "\n"
    )
    assert result.stderr == "check: 2 findings in 2 queries\n"


@pytest.mark.usefixtures("folder")
def test_json_has_the_keys_that_programs_rely_on(server):
    result = invoke("check", "--server", server.url(), "--format", "json")
    assert result.exit_code == 1
    assert json.loads(result.stdout)[0] == {
        "file": "queries/guests.sql",
        "line": 4,
        "column": 8,
        "rule": "GS203",
        "message": 'column "tread_id" does not exist',
        "query": "get_thread_id",
    }


def test_json_of_nothing_is_an_empty_array(server, folder):
    (folder / "guests.sql").write_text(RIGHT, encoding="utf-8")
    result = invoke("check", "--server", server.url(), "--format", "json")
    assert (result.exit_code, result.stdout) == (0, "[]\n")
    assert result.stderr.endswith("check: 2 queries, nothing found\n")


@pytest.mark.usefixtures("folder")
def test_github_gets_annotations(server):
    result = invoke("check", "--server", server.url(), "--format", "github")
    assert result.exit_code == 1
    assert result.stdout.splitlines()[1] == (
        "::error file=queries/guests.sql,line=8,col=8,title=GS403%3A the current time is statement_timestamp()"
        "::now does not advance inside a transaction (write statement_timestamp())"
    )


def test_a_file_alone_is_judged_by_the_whole_folder(server, folder):
    (folder / "more.sql").write_text(
        "-- name: list_times()\n-- Others.\nSELECT 1 AS one;\n\n"
        "-- name: get_text(phone_number)$\n-- Text.\n--   phone_number: int, the key\n"
        "SELECT :phone_number::int AS text;\n",
        encoding="utf-8",
    )
    result = invoke("check", "queries/more.sql", "--server", server.url(), "--format", "json")
    found = [(each["file"], each["line"], each["rule"]) for each in json.loads(result.stdout)]
    assert found == [("queries/more.sql", 1, "GS005"), ("queries/more.sql", 7, "GS106")]


@pytest.mark.usefixtures("folder")
def test_a_file_elsewhere_is_judged_alone(server, tmp_path):
    (tmp_path / "draft.sql").write_text(RIGHT, encoding="utf-8")
    assert invoke("check", "draft.sql", "--server", server.url()).exit_code == 0


@pytest.mark.usefixtures("folder", "server")
def test_the_database_of_the_url_is_left_alone(empty_database_url):
    before = _contents(empty_database_url)
    assert invoke("check", "--server", direct(empty_database_url)).exit_code == 1
    assert _contents(empty_database_url) == before


def _contents(url):
    with psycopg.connect(url) as connection:
        return connection.execute("SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace").fetchall()


@pytest.mark.usefixtures("folder")
def test_database_url_is_never_asked(server):
    result = invoke("check", "--server", server.url(), DATABASE_URL="postgresql://nobody@127.0.0.1:1/none")
    assert result.exit_code == 1
    assert "GS203" in result.stdout


def test_the_scratch_database_is_kept_until_the_migrations_change(server, folder, tmp_path, monkeypatch):
    monkeypatch.setenv("GUESTSQL_MIGRATIONS_DIR", "migrations")
    monkeypatch.setenv("GUESTSQL_PACKAGED", "no")
    arguments = ("check", "--server", server.url())
    (tmp_path / "migrations").mkdir()
    migration = tmp_path / "migrations" / "0001_guests.sql"
    migration.write_text("CREATE TABLE guest_profiles (phone_number text PRIMARY KEY, thread_id text);")
    (folder / "guests.sql").write_text(RIGHT, encoding="utf-8")
    assert invoke(*arguments).exit_code == 0
    first = _scratch_databases(server)
    assert invoke(*arguments).exit_code == 0
    assert _scratch_databases(server) == first
    migration.write_text("CREATE TABLE guest_profiles (phone_number text PRIMARY KEY);")
    assert "GS203" in invoke(*arguments).stdout
    second = _scratch_databases(server)
    assert len(second) == 1
    assert second != first


def _scratch_databases(server):
    with psycopg.connect(server.url()) as connection:
        found = connection.execute("SELECT datname, oid FROM pg_database WHERE datname LIKE 'guestsql\\_check\\_%'")
        return found.fetchall()


@pytest.mark.usefixtures("folder", "template_database")
def test_a_check_leaves_the_roles_of_the_server_alone(server):
    assert invoke("check", "--server", server.url()).exit_code == 1
    ((name, _),) = _scratch_databases(server)
    with psycopg.connect(server.url(name)) as connection:
        found = connection.execute(
            "SELECT rolname, has_table_privilege(rolname, 'guest_profiles', 'SELECT') FROM pg_roles"
            " WHERE rolname = 'guestsql_bot'"
        ).fetchall()
    assert found == [("guestsql_bot", False)]  # the role is the template's; it was given nothing here


@pytest.mark.usefixtures("folder")
def test_a_database_that_was_not_finished_is_made_anew(server):
    assert invoke("check", "--server", server.url()).exit_code == 1
    ((name, oid),) = _scratch_databases(server)
    with psycopg.connect(server.url(), autocommit=True) as connection:
        connection.execute(f"COMMENT ON DATABASE {name} IS NULL".encode())
    assert invoke("check", "--server", server.url()).exit_code == 1
    ((again, other),) = _scratch_databases(server)
    assert (again, other != oid) == (name, True)


@pytest.mark.usefixtures("folder")
def test_a_migration_that_fails_is_an_error_of_its_own(server, tmp_path):
    (tmp_path / "migrations").mkdir()
    (tmp_path / "migrations" / "0001_broken.sql").write_text("CREATE TABLE broken (id nothing);")
    result = invoke("check", "--server", server.url(), **OWN)
    assert result.exit_code == 3
    assert "0001_broken.sql:1:25" in result.stderr


@pytest.mark.parametrize(
    ("mark", "rule"),
    [
        ("overrides: nothing", "GS009"),
        ("overrides:", "GS009"),
        ("overrides: get_one sha256:1a2b3c4d5e6f7081", "GS905"),
        ("segment: foo", "GS905"),
        ("on: forget_guest", "GS007"),
    ],
)
def test_marks_of_the_packaged_queries_are_judged_without_them(server, folder, mark, rule):
    (folder / "guests.sql").write_text(f"-- name: get_one()$\n-- One.\n-- {mark}\nSELECT 1 AS one;\n", "utf-8")
    result = invoke("check", "--server", server.url(), "--format", "json", GUESTSQL_PACKAGED="no")
    assert [(each["rule"], each["line"]) for each in json.loads(result.stdout)] == [(rule, 3)]


def test_without_guests_any_column_may_be_on_a_chart(server, folder):
    text = "-- name: list_a()\n-- A.\n-- chart: bar x=email y=n\nSELECT 'a' AS email, 1 AS n ORDER BY 1 LIMIT 1;\n"
    (folder / "guests.sql").write_text(text, "utf-8")
    assert "GS902" in invoke("check", "--server", server.url()).stdout
    assert invoke("check", "--server", server.url(), GUESTSQL_PACKAGED="no").exit_code == 0


def test_an_override_that_no_folder_can_load_is_reported_in_a_file_elsewhere(server, tmp_path):
    file = tmp_path / "draft.sql"
    file.write_text("-- name: get_one()$\n-- One.\n-- overrides: nothing\nSELECT 1 AS one;\n", "utf-8")
    result = invoke("check", "--server", server.url(), str(file))
    assert (result.exit_code, "GS009" in result.stdout) == (1, True)


def test_without_any_folder_of_queries_check_says_so(server):
    result = invoke("check", "--server", server.url(), GUESTSQL_PACKAGED="no")
    assert (result.exit_code, "there is no folder of queries" in result.stderr) == (1, True), result.output


@pytest.mark.usefixtures("folder")
def test_a_repeatable_file_that_cannot_run_twice_is_found(server, tmp_path):
    (tmp_path / "migrations").mkdir()
    file = tmp_path / "migrations" / "R_v.sql"
    file.write_text("CREATE VIEW v AS SELECT 1 AS one;")
    result = invoke("check", "--server", server.url(), **OWN)
    assert result.exit_code == 3
    assert "R_v.sql:1:1: the second run of this repeatable file fails" in result.stderr
    assert "CREATE OR REPLACE VIEW" in result.stderr
    file.write_text("CREATE OR REPLACE VIEW v AS SELECT 1 AS one;")
    assert "R_v" not in invoke("check", "--server", server.url(), **OWN).stderr


@pytest.mark.usefixtures("folder")
def test_a_server_that_is_not_there_ends_with_4():
    result = invoke("check", "--server", "postgresql://nobody:hidden@127.0.0.1:1/none")
    assert result.exit_code == 4
    assert "hidden" not in result.output
    assert "DATABASE_URL" not in result.output
    assert "--server" in result.stderr


@pytest.mark.usefixtures("folder")
def test_an_address_that_is_none_is_reported_with_the_option():
    result = invoke("check", "--server", "postgresql://ci:p/q@r@h/none")
    assert (result.exit_code, "DATABASE_URL" in result.output) == (2, False)
    assert "--server does not parse" in result.stderr


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("nothing", ["", " "])
def test_no_address_is_wrong_usage(nothing):
    result = invoke("check", "--server", nothing)
    assert (result.exit_code, "--server" in result.stderr) == (2, True)


@pytest.mark.usefixtures("folder")
def test_two_roles_check_on_one_server_and_leave_each_other_alone(server, tmp_path):
    (tmp_path / "migrations").mkdir()
    migration = tmp_path / "migrations" / "0001_guests.sql"
    roles = ["check_one", "check_two"]
    with psycopg.connect(server.url(), autocommit=True) as connection:
        for role in roles:
            connection.execute(f"CREATE ROLE {role} LOGIN CREATEDB PASSWORD 'invented'".encode())
    try:
        for column in ("phone_number", "number"):
            migration.write_text(f"CREATE TABLE guest_profiles ({column} text PRIMARY KEY, thread_id text);")
            for role in roles:
                url = make_conninfo(server.url(), user=role, password="invented")
                result = invoke("check", "--server", url, **OWN)
                assert (result.exit_code, "GS203" in result.stdout) == (1, True), result.output
            with psycopg.connect(server.url()) as connection:
                found = connection.execute(
                    "SELECT rolname FROM pg_database INNER JOIN pg_roles AS r ON datdba = r.oid"
                    " WHERE rolname = ANY(%s) ORDER BY 1",
                    (roles,),
                ).fetchall()
            assert [role for (role,) in found] == roles
    finally:
        with psycopg.connect(server.url(), autocommit=True) as connection:
            left = connection.execute(
                "SELECT datname FROM pg_database WHERE pg_get_userbyid(datdba) = ANY(%s)", (roles,)
            ).fetchall()
            for (name,) in left:
                connection.execute(f"DROP DATABASE {name}".encode())
            for role in roles:
                connection.execute(f"DROP ROLE {role}".encode())


@pytest.mark.usefixtures("folder")
def test_a_file_that_is_not_there_is_wrong_usage():
    assert invoke("check", "nothing.sql").exit_code == 2


@pytest.mark.usefixtures("folder")
def test_a_folder_without_files_is_wrong_usage(tmp_path):
    (tmp_path / "empty").mkdir()
    assert invoke("check", "empty").exit_code == 2


@pytest.mark.usefixtures("folder")
def test_the_embedded_server_is_the_default(embedded_home):
    result = invoke("check", str(QUERIES / "threads.sql"), GUESTSQL_HOME=str(embedded_home))
    assert (result.exit_code, result.stdout) == (0, "")
    assert "creating an embedded PostgreSQL in" in result.stderr
    assert result.stderr.endswith("check: 4 queries, nothing found\n")


def test_a_query_that_is_gone_is_found_in_its_file_alone(server, folder):
    (folder / "guests.sql").write_text(RIGHT, encoding="utf-8")
    other = RIGHT.replace("get_thread_id", "get_other").replace("list_times", "list_others")
    (folder / "other.sql").write_text(other, encoding="utf-8")
    assert invoke("stubs", "--out", "hotel_queries", "--server", server.url()).exit_code == 0
    arguments = ("--server", server.url(), "--stubs", "hotel_queries")
    assert invoke("check", "queries/other.sql", *arguments).exit_code == 0
    (folder / "guests.sql").write_text(RIGHT.replace("get_thread_id", "get_own_thread"), encoding="utf-8")
    assert invoke("check", "queries/other.sql", *arguments).exit_code == 0
    result = invoke("check", "queries/guests.sql", *arguments)
    assert result.exit_code == 1
    assert "queries/guests.sql:1:1: GS603: breaking: query get_thread_id is gone" in result.stdout
    # Moved to another file of the folder, it is not gone.
    (folder / "other.sql").write_text(other + "\n" + RIGHT.partition("\n\n")[0], encoding="utf-8")
    assert invoke("check", "queries/guests.sql", *arguments).exit_code == 0


def test_the_caret_stands_below_its_place_behind_wide_letters(server, folder):
    sql = "SELECT '日本語 🏨 e\u0301\r' || nothing AS words;"
    (folder / "guests.sql").write_bytes(f"-- name: get_words()$\n-- Words.\n{sql}\n".encode())
    lines = invoke("check", "--server", server.url()).stdout.split("\n")
    assert "\r" not in lines[2]
    # Three letters and a hotel take two cells each, the accent none.
    assert lines[3].index("^") == lines[2].index("nothing") + 4 - 1
    assert lines[3].count("^") == len("nothing")


def test_a_bracket_that_is_not_closed_is_reported_once(server, folder):
    text = "-- name: get_a(x)$\n-- One.\n--   x: int, any\nSELECT 1 AS one WHERE 1 = (:x::int;\n\n" + RIGHT
    (folder / "guests.sql").write_text(text, encoding="utf-8")
    result = invoke("check", "--server", server.url(), "--format", "json")
    assert [(each["line"], each["rule"]) for each in json.loads(result.stdout)] == [(4, "GS201")]


def test_a_rule_is_explained_without_settings_or_a_server():
    result = invoke("check", "--explain", "gs306", GUESTSQL_TIMEZONE="Mars/Olympus")
    assert result.exit_code == 0
    assert result.stdout.startswith("# GS306: ")
    assert "Right:" in result.stdout


def test_an_unknown_rule_is_refused():
    result = invoke("check", "--explain", "GS999")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "'GS999' is not a rule" in result.stderr


@pytest.mark.parametrize("command", ["check", "stubs"])
def test_without_an_embedded_server_the_option_is_offered(command, tmp_path):
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "a.sql").write_text("-- name: get_a()$\n-- A.\nSELECT 1 AS a;\n", "utf-8")
    environment = {"GUESTSQL_PG_BIN": str(tmp_path), "GUESTSQL_HOME": str(tmp_path / "home"), "GUESTSQL_PACKAGED": "no"}
    more = ("--out", "made") if command == "stubs" else ()
    result = invoke(command, *more, GUESTSQL_QUERIES_DIR=str(tmp_path / "own"), **environment)
    assert "give --server URL" in result.stderr
    assert "DATABASE_URL" not in result.stderr.replace("DATABASE_URL is not set: creating", "")
