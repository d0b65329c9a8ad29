"""`guestsql migrate`."""

from __future__ import annotations

import json

import psycopg
import pytest

from tests.cli.shell import invoke

pytestmark = pytest.mark.direct("migrations need a session")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    made = tmp_path / "migrations"
    made.mkdir()
    (made / "0001_first.sql").write_text("CREATE TABLE first (n int);\n", encoding="utf-8")
    (made / "0002_second.sql").write_text("CREATE TABLE second (n int);\n", encoding="utf-8")
    monkeypatch.setenv("GUESTSQL_MIGRATIONS_DIR", str(made))
    return made


@pytest.fixture
def migrate(empty_database_url, folder):
    """The shell, with an own series alone."""
    assert folder.is_dir()

    def run(*arguments, **environment):
        given = {
            "DATABASE_URL": empty_database_url,
            "GUESTSQL_FORMAT": "json",
            "GUESTSQL_PACKAGED": "no",
            **environment,
        }
        return invoke("migrate", *arguments, **given)

    return run


def _states(result):
    return [each["state"] for each in json.loads(result.stdout)]


def test_up_applies_and_then_has_nothing_to_do(migrate):
    first = migrate("up", "--wait", "5")
    assert first.exit_code == 0
    assert [(each["version"], each["name"]) for each in json.loads(first.stdout)] == [(1, "first"), (2, "second")]

    again = migrate("up")
    assert (again.exit_code, again.stdout, again.stderr) == (0, "[]\n", "migrations: nothing to apply\n")


def test_the_packaged_migrations_are_the_default(empty_database_url):
    result = invoke("migrate", "up", "--format", "csv", DATABASE_URL=empty_database_url)

    assert result.exit_code == 0
    assert result.stdout.startswith("series,version,name,seconds\nguestsql,1,guest_profiles,")
    assert invoke("query", "run", "get_profile_totals", DATABASE_URL=empty_database_url).exit_code == 0


def test_status_and_its_exit_code(migrate):
    assert _states(migrate("status")) == ["pending", "pending"]
    pending = migrate("status", "--exit-code")
    assert (pending.exit_code, _states(pending)) == (1, ["pending", "pending"])

    migrate("up")
    applied = migrate("status", "--exit-code")
    assert (applied.exit_code, _states(applied)) == (0, ["applied", "applied"])


def test_plan_runs_nothing(migrate, folder):
    for _ in range(2):
        planned = json.loads(migrate("plan").stdout)
        assert [each["file"] for each in planned] == [str(folder / "0001_first.sql"), str(folder / "0002_second.sql")]
    migrate("up")

    assert migrate("plan", "--format", "table").stderr == "migrations: nothing to apply\n"


def test_verify_agrees(migrate):
    migrate("up")
    result = migrate("verify")

    assert (result.exit_code, result.stdout) == (0, "[]\n")


def test_verify_shows_what_was_edited(migrate, folder):
    migrate("up")
    (folder / "0001_first.sql").write_text("CREATE TABLE first (n bigint);\n", encoding="utf-8")

    result = migrate("verify")
    assert result.exit_code == 1
    (problem,) = json.loads(result.stdout)
    assert (problem["kind"], problem["version"]) == ("changed", 1)
    assert "bigint" in problem["diff"]

    table = migrate("verify", "--format", "table")
    assert table.exit_code == 1
    assert "+" in table.stderr
    assert "bigint" in table.stderr


def test_up_stops_at_an_edited_file(migrate, folder):
    migrate("up")
    (folder / "0001_first.sql").write_text("CREATE TABLE first (n bigint);\n", encoding="utf-8")
    result = migrate("up")

    assert (result.exit_code, result.stdout) == (1, "")
    assert "bigint" in result.stderr


def test_a_statement_that_fails_is_an_sql_error_with_its_place(migrate, folder):
    (folder / "0003_third.sql").write_text("SELECT 1;\nSELECT 2;\nSELECT no_such_column;\n", encoding="utf-8")
    result = migrate("up")

    assert result.exit_code == 3
    assert f"guestsql: {folder / '0003_third.sql'}:3:8: " in result.stderr
    assert "no_such_column" in result.stderr


def test_a_bad_file_name_is_a_failed_check(migrate, folder):
    (folder / "third.sql").write_text("SELECT 1;\n", encoding="utf-8")

    assert migrate("up").exit_code == 1


def test_baseline_enters_without_running(migrate, empty_database_url):
    with psycopg.connect(empty_database_url, autocommit=True) as connection:
        connection.execute("CREATE TABLE first (n int)")
    entered = migrate("baseline", "1")
    assert json.loads(entered.stdout) == [{"series": "own", "version": 1, "name": "first"}]
    assert "already recorded" in migrate("baseline", "1").stderr

    assert migrate("up").exit_code == 0
    assert _states(migrate("status")) == ["baseline", "applied"]


def test_new_creates_the_next_file_of_the_own_series(folder):
    result = invoke("migrate", "new", "guest notes")

    assert (result.exit_code, result.stdout) == (0, f"{folder / '0003_guest_notes.sql'}\n")
    assert (folder / "0003_guest_notes.sql").is_file()
    assert result.stderr == "write the SQL into it, then run guestsql migrate plan\n"
    assert invoke("migrate", "new", "¿qué?").exit_code == 1


def test_new_without_an_own_folder_explains_how_to_have_one(tmp_path):
    result = invoke("migrate", "new", "guest notes")
    assert result.exit_code == 2
    assert "[tool.guestsql]" in result.stderr

    (tmp_path / "pyproject.toml").write_text('[tool.guestsql]\nmigrations = "own"\n', encoding="utf-8")
    missing = invoke("migrate", "new", "guest notes")
    assert (missing.exit_code, "own is not a folder" in missing.stderr) == (2, True)

    (tmp_path / "own").mkdir()
    assert invoke("migrate", "new", "guest notes").stdout == f"{tmp_path / 'own' / '0001_guest_notes.sql'}\n"


def test_the_direct_address_is_used(migrate, empty_database_url):
    nowhere = "postgresql://127.0.0.1:1/nowhere"

    assert migrate("up", DATABASE_URL=nowhere, DATABASE_UNPOOLED_URL=empty_database_url).exit_code == 0
    assert migrate("up", DATABASE_URL=empty_database_url, DATABASE_UNPOOLED_URL=nowhere).exit_code == 4
