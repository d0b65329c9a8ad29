"""Exit codes, one line for an error, and no password anywhere."""

from __future__ import annotations

import logging

import pytest

from guestsql.cli.failure import exit_code
from guestsql.cli.redaction import Redactor
from guestsql.errors import (
    ConstraintViolation,
    DatabaseError,
    DatabaseUnavailable,
    EmbeddedServerError,
    InvalidUserId,
    InvalidValue,
    LegacyFileError,
    MigrationError,
    QueryFileError,
    QueryTimeout,
    SettingsError,
)
from tests.cli.shell import invoke

PASSWORD = "s3cr%C3%A9t-pw"
NOWHERE = f"postgresql://bot:{PASSWORD}@127.0.0.1:1/hotel"


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (QueryFileError("x"), 1),
        (MigrationError("x"), 1),
        (MigrationError("x", sqlstate="42P01"), 3),
        (LegacyFileError("x", path="x"), 1),
        (SettingsError("x"), 2),
        (InvalidUserId("x"), 2),
        (InvalidValue("x"), 2),
        (DatabaseError("x"), 3),
        (ConstraintViolation("x"), 3),
        (QueryTimeout("x"), 3),
        (DatabaseUnavailable("x"), 4),
        (EmbeddedServerError("x"), 4),
    ],
)
def test_every_error_has_its_exit_code(error, code):
    assert exit_code(error) == code


def _assert_one_line(result, code):
    assert (result.exit_code, result.stdout) == (code, "")
    assert result.stderr.startswith("guestsql: ")
    assert result.stderr.count("\n") == 1
    assert "Traceback" not in result.stderr


def test_no_connection():
    _assert_one_line(invoke("query", "run", "get_profile_totals", DATABASE_URL=NOWHERE), 4)


def test_no_connection_for_a_method():
    result = invoke("guest", "show", "573000000001", DATABASE_URL=NOWHERE, GUESTSQL_DEADLINE_SECONDS="0.1")

    _assert_one_line(result, 4)


def test_no_place_for_the_embedded_server():
    _assert_one_line(invoke("migrate", "status", GUESTSQL_HOME="/dev/null/x"), 4)


def test_a_missing_table_is_told_with_the_cure(empty_database_url):
    result = invoke("query", "run", "get_profile_totals", DATABASE_URL=empty_database_url)

    _assert_one_line(result, 3)
    assert "guestsql migrate up" in result.stderr


@pytest.mark.parametrize(
    "command",
    [
        ("query", "run", "get_profile_totals"),
        ("query", "list"),
        ("monitor", "--once"),
        ("serve-metrics", "--once"),
        ("guest", "show", "573000000001"),
    ],
    ids="-".join,
)
def test_a_broken_query_file_is_told_with_its_place_and_the_way_round_it(command, tmp_path):
    (tmp_path / "mine.sql").write_text("-- name: get_one()$\nSELECT 'one;\n", encoding="utf-8")
    result = invoke(*command, DATABASE_URL=NOWHERE, GUESTSQL_QUERIES_DIR=str(tmp_path))

    _assert_one_line(result, 1)
    assert f"{tmp_path}/mine.sql:2:8: " in result.stderr
    assert "to go on with the packaged queries meanwhile, unset GUESTSQL_QUERIES_DIR" in result.stderr


def test_what_a_folder_lacks_is_told_with_the_way_round_it(tmp_path):
    (tmp_path / "mine.sql").write_text("-- name: get_one()$\nSELECT 1 AS one;\n", encoding="utf-8")
    result = invoke("monitor", "--once", DATABASE_URL=NOWHERE, GUESTSQL_QUERIES_DIR=str(tmp_path))

    _assert_one_line(result, 1)
    assert "copy what is missing" in result.stderr
    assert "unset GUESTSQL_QUERIES_DIR" in result.stderr


def test_an_unusable_setting():
    result = invoke("query", "list", GUESTSQL_TIMEZONE="Mars/Olympus")

    _assert_one_line(result, 2)
    assert "GUESTSQL_TIMEZONE" in result.stderr


def test_an_address_that_does_not_parse_is_not_quoted():
    result = invoke("query", "run", "get_profile_totals", DATABASE_URL="postgresql://bot:hidden@host:port:/x")

    _assert_one_line(result, 2)
    assert "hidden" not in result.stderr


def test_an_id_that_is_no_guests(database_url):
    result = invoke("guest", "show", "120363000000000001@g.us", DATABASE_URL=database_url)

    _assert_one_line(result, 2)
    assert "a group is no guest" in result.stderr


def test_a_traceback_with_debug_only_and_without_the_password():
    result = invoke("--debug", "query", "run", "get_profile_totals", DATABASE_URL=NOWHERE)

    assert result.exit_code == 4
    assert "Traceback" in result.stderr
    assert "DatabaseUnavailable" in result.stderr
    assert PASSWORD not in result.output
    assert "s3crét-pw" not in result.output


def test_debug_shows_log_events(database_url):
    result = invoke("--debug", "guest", "context", "573000000001", DATABASE_URL=database_url)

    assert result.exit_code == 0
    assert "info: CONTEXT_BUILT" in result.stderr
    assert "573000000001" not in result.stderr


def test_without_debug_there_is_no_log(database_url):
    before = logging.getLogger("guestsql").level
    result = invoke("guest", "context", "573000000001", DATABASE_URL=database_url)

    assert (result.exit_code, result.stderr) == (0, "")
    assert logging.getLogger("guestsql").level == before


def test_debug_does_not_outlive_the_command(database_url):
    invoke("--debug", "guest", "context", "573000000001", DATABASE_URL=database_url)

    assert logging.getLogger("guestsql").level == logging.NOTSET


def test_a_bug_ends_in_one_line_too(monkeypatch):
    def broken(_directory):
        raise ZeroDivisionError("of bot:pw at postgresql://bot:pw@host/hotel")

    monkeypatch.setattr("guestsql.cli.query.load_catalogue", broken)
    result = invoke("query", "list")

    _assert_one_line(result, 1)
    assert "ZeroDivisionError" in result.stderr
    assert "postgresql://bot:***@host/hotel" in result.stderr
    assert "--debug" in result.stderr


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("at postgresql://bot:pw@host/hotel now", "at postgresql://bot:***@host/hotel now"),
        ("postgres://bot:p:w@host", "postgres://bot:***@host"),
        ("host=x password=pw user=bot", "host=x password=*** user=bot"),
        ("password='a b' user=bot", "password=*** user=bot"),
        ("postgresql://host/hotel?password=pw&user=bot", "postgresql://host/hotel?password=***&user=bot"),
        ("postgresql:///hotel?host=/run/x", "postgresql:///hotel?host=/run/x"),
        ('password authentication failed for user "bot"', 'password authentication failed for user "bot"'),
    ],
)
def test_passwords_are_known_by_their_form(text, clean):
    assert Redactor()(text) == clean


def test_known_passwords_are_masked_wherever_they_stand(monkeypatch):
    monkeypatch.setenv("DATABASE_URL", NOWHERE)
    monkeypatch.setenv("DATABASE_REPLICA_URL", "host=x password='of the replica' user=y")
    monkeypatch.setenv("PGPASSWORD", "from libpq")

    assert Redactor()("s3crét-pw s3cr%C3%A9t-pw of the replica from libpq") == "*** *** *** ***"


def test_a_password_that_is_also_the_roles_name_hides_nothing(monkeypatch):
    monkeypatch.setenv("DATABASE_URL", "postgresql://postgres:postgres@host/hotel")

    assert Redactor()('role "postgres" does not exist') == 'role "postgres" does not exist'


def test_the_password_of_the_env_file_is_known_too(tmp_path):
    (tmp_path / ".env").write_text(f"DATABASE_URL={NOWHERE}\n", encoding="utf-8")
    result = invoke("--debug", "query", "run", "get_profile_totals")

    assert result.exit_code == 4
    assert PASSWORD not in result.output
