"""Exit codes, one line for an error, and no password anywhere."""

from __future__ import annotations

import dataclasses
import logging
import pkgutil
import re
from importlib import import_module

import pytest

import guestsql as guestsql_package
from guestsql.adhoc.redaction import mask_addresses
from guestsql.cli.failure import exit_code
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


def test_a_missing_table_is_reported_with_the_cure(empty_database_url):
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
def test_a_broken_query_file_is_reported_with_its_place_and_the_way_round_it(command, tmp_path):
    (tmp_path / "mine.sql").write_text("-- name: get_one()$\nSELECT 'one;\n", encoding="utf-8")
    result = invoke(*command, DATABASE_URL=NOWHERE, GUESTSQL_QUERIES_DIR=str(tmp_path))

    _assert_one_line(result, 1)
    assert f"{tmp_path}/mine.sql:2:8: " in result.stderr
    assert "to continue with the packaged queries in the meantime, unset GUESTSQL_QUERIES_DIR" in result.stderr


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
    assert "a group is not a guest" in result.stderr


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
    def broken(*_arguments, **_more):
        raise ZeroDivisionError("of bot:pw at postgresql://bot:pw@host/hotel")

    monkeypatch.setattr("guestsql.cli.app.load_catalogue", broken)
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
        ("'mysql+x://bot:p/@w@host'", "'mysql+x://bot:***@host'"),
        ("host=x password=pw user=bot", "host=x password=*** user=bot"),
        ("password='a b' user=bot", "password=*** user=bot"),
        ("postgresql://host/hotel?password=pw&user=bot", "postgresql://host/hotel?password=***&user=bot"),
        ("postgresql:///hotel?host=/run/x", "postgresql:///hotel?host=/run/x"),
        ('password authentication failed for user "bot"', 'password authentication failed for user "bot"'),
    ],
)
def test_the_passwords_of_addresses_in_the_texts_of_others_are_masked(text, clean):
    assert mask_addresses(text) == clean


@pytest.mark.parametrize("password", ["p", "o", "e", "connection", "guestsql", "***"])
def test_a_password_of_common_letters_changes_no_word(password):
    address = f"postgresql://bot:{password}@127.0.0.1:1/hotel"
    result = invoke("--debug", "query", "run", "get_profile_totals", DATABASE_URL=address, PGPASSWORD=password)
    plain = invoke("--debug", "query", "run", "get_profile_totals", DATABASE_URL="postgresql://bot@127.0.0.1:1/hotel")

    assert "guestsql: " in result.stderr
    assert "connection refused" in result.stderr.lower()
    assert _without_addresses(result.stderr) == _without_addresses(plain.stderr)


def _without_addresses(text):
    """Objects of a traceback have another address in memory each time, and a wait another length."""
    return re.sub(r"0x[0-9a-f]+|[0-9.]+ m?s\b|[0-9]+", "", text)


def test_the_sample_address_of_a_hint_is_whole():
    result = invoke("query", "run", "get_profile_totals", DATABASE_URL="mysql://bot:hidden@host/x")

    assert "postgresql://user:password@host:5432/database" in result.stderr
    assert "hidden" not in result.stderr


SECRET = "Zq7vX3"
BROKEN_ADDRESSES = {
    "nobody listens": f"postgresql://bot:{SECRET}@127.0.0.1:1/hotel",
    "pairs": f"host=127.0.0.1 port=1 user=bot password={SECRET} dbname=hotel",
    "in the query": f"postgresql://127.0.0.1:1/hotel?user=bot&password={SECRET}",
    "unknown host": f"postgresql://bot:{SECRET}@no-such-host.invalid/hotel",
    "no socket": f"postgresql://bot:{SECRET}@/hotel?host=/no/such/folder",
    "another scheme": f"mysql://bot:{SECRET}@host/hotel",
    "a slash": f"postgresql://bot:x/{SECRET}@127.0.0.1:1/hotel",
    "a slash after digits": f"postgresql://bot:1/{SECRET}@127.0.0.1:1/hotel",
    "an at sign": f"postgresql://bot:x@{SECRET}@127.0.0.1:1/hotel",
    "a percent sign": f"postgresql://bot:{SECRET}%zz@127.0.0.1:1/hotel",
    "a question mark": f"postgresql://bot:x?{SECRET}@127.0.0.1:1/hotel",
    "a hash": f"postgresql://bot:{SECRET}#x@127.0.0.1:1/hotel",
    "a space": f"host=127.0.0.1 password=x {SECRET} port=1",
    "an open quote": f"host=127.0.0.1 password='x {SECRET} port=1",
    "an unknown option": f"postgresql://bot@127.0.0.1:1/hotel?password=x&{SECRET}=1",
    "a port": f"postgresql://bot:1@127.0.0.1:{SECRET}/hotel",
}
EVERY_WAY = [(("query", "run", "get_profile_totals"), way) for way in BROKEN_ADDRESSES]
EVERY_COMMAND = [
    (("migrate", "status"), "nobody listens"),
    (("guest", "show", "573000000001"), "nobody listens"),
    (("monitor", "--once"), "nobody listens"),
    (("doctor",), "nobody listens"),
    (("doctor",), "a slash after digits"),
]


@pytest.mark.parametrize(("command", "way"), [*EVERY_WAY, *EVERY_COMMAND])
def test_no_part_of_a_password_is_shown_however_it_is_written(command, way):
    """With tracebacks and log events, on both streams."""
    quick = {"GUESTSQL_DEADLINE_SECONDS": "0.2", "GUESTSQL_LEASE_SECONDS": "0.1"}
    result = invoke("--debug", *command, DATABASE_URL=BROKEN_ADDRESSES[way], **quick)

    assert result.exit_code in {1, 2, 4}
    assert result.output
    assert SECRET not in result.output


@pytest.mark.parametrize(
    "variable",
    [
        "GUESTSQL_TIMEZONE",
        "GUESTSQL_POOL_MAX",
        "GUESTSQL_DEADLINE_SECONDS",
        "GUESTSQL_MIGRATIONS_DIR",
        "GUESTSQL_PG_BIN",
    ],
)
def test_an_address_in_the_wrong_variable_is_not_quoted(variable):
    result = invoke("--debug", "query", "list", **{variable: f"postgresql://bot:{SECRET}@host/hotel"})

    assert result.exit_code == 2
    assert variable in result.stderr
    assert SECRET not in result.output


def test_an_address_on_the_command_line_is_masked():
    result = invoke("check", f"postgresql://bot:{SECRET}@host/hotel")

    assert result.exit_code == 2
    assert "postgresql://bot:***@host/hotel" in result.stderr
    assert SECRET not in result.output


def test_the_repr_of_what_holds_an_address_shows_none():
    """Every data class of the package with an address or a password."""
    holders = [
        (name, each.name)
        for module in pkgutil.walk_packages(guestsql_package.__path__, "guestsql.")
        if not module.name.endswith("__main__")
        for name, kind in vars(import_module(module.name)).items()
        if dataclasses.is_dataclass(kind) and isinstance(kind, type)
        for each in dataclasses.fields(kind)
        if each.repr and re.search(r"(?:^|_)(?:url|password|conninfo|dsn)$", each.name)
    ]
    assert holders == []


def test_the_password_of_the_env_file_is_not_shown_either(tmp_path):
    (tmp_path / ".env").write_text(f"DATABASE_URL={NOWHERE}\n", encoding="utf-8")
    result = invoke("--debug", "query", "run", "get_profile_totals")

    assert result.exit_code == 4
    assert PASSWORD not in result.output


@pytest.mark.parametrize("command", [("monitor", "--once"), ("guest", "list"), ("legacy", "import", ".")])
def test_a_project_without_the_packaged_queries_has_no_guests(database_url, command):
    result = invoke(*command, DATABASE_URL=database_url, GUESTSQL_PACKAGED="false")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "needs the packaged queries and tables, and packaged is false" in result.stderr
    assert "unset GUESTSQL_PACKAGED; then run guestsql migrate up" in result.stderr


def test_unsetting_the_folder_is_advised_only_where_it_helps(tmp_path, monkeypatch):
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "bad.sql").write_text("-- name: a\nSELECT 1\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    assert "meantime" in invoke("query", "list", GUESTSQL_QUERIES_DIR="own").stderr
    assert "meantime" not in invoke("query", "list", GUESTSQL_QUERIES_DIR="own", GUESTSQL_PACKAGED="no").stderr
    (tmp_path / "pyproject.toml").write_text('[tool.guestsql]\nqueries = "own"\n', encoding="utf-8")
    assert "meantime" not in invoke("query", "list").stderr
    assert "meantime" not in invoke("query", "list", GUESTSQL_QUERIES_DIR="own").stderr
