"""What is printed where: formats, columns, and tables that are no wider than the terminal."""

from __future__ import annotations

import json

import pytest

from guestsql.cli.units import readable_bytes, readable_seconds
from tests.cli.shell import invoke, on_terminal

WIDE = """\
-- name: list_wide()
-- One row that no terminal is wide enough for.
SELECT
    573000000001 AS first_number,
    'Ana' AS name,
    repeat('word ', 200) AS long_text,
    1536000::bigint AS total_bytes,
    123.4::float8 AS waiting_seconds,
    timestamptz '2026-11-22 17:00:05+00' AS last_interaction_of_the_guest,
    repeat('w', 70) AS long_word,
    'end' AS last_column;

-- name: get_wide()^
-- The same as one row.
SELECT 1536000::bigint AS total_bytes, 123.4::float8 AS waiting_seconds, repeat('word ', 40) AS long_text;
"""


@pytest.fixture
def query(database_url, tmp_path):
    folder = tmp_path / "wide"
    folder.mkdir()
    (folder / "wide.sql").write_text(WIDE, encoding="utf-8")

    def run(*arguments, **environment):
        given = {"DATABASE_URL": database_url, "GUESTSQL_QUERIES_DIR": str(folder), **environment}
        return invoke("query", *arguments, **given)

    return run


def test_a_wide_table_wraps_and_leaves_out_columns(query):
    result = query("run", "list_wide", "--format", "table")

    lines = result.stdout.splitlines()
    assert max(map(len, lines)) <= 80
    assert len(lines) < 12
    assert "1.5 MB" in result.stdout
    assert "2 min 3 s" in result.stdout
    assert result.stderr.startswith("too wide for 80 columns, left out: ")
    assert "long_word" in result.stderr
    assert "shortened: long_text" in result.stderr
    assert "--columns" in result.stderr
    assert "…" in result.stdout


def test_columns_are_chosen_in_every_format(query):
    chosen = ("run", "list_wide", "--columns", "long_word, name")
    table = query(*chosen, "--format", "table")
    assert table.stdout.splitlines()[0].split() == ["long_word", "name"]
    assert "w" * 60 in table.stdout
    assert table.stderr == ""
    assert query(*chosen, "--format", "csv").stdout == f"long_word,name\n{'w' * 70},Ana\n"
    assert json.loads(query(*chosen).stdout) == [{"long_word": "w" * 70, "name": "Ana"}]
    assert query("run", "get_wide", "--columns", "total_bytes", "--format", "csv").stdout == "total_bytes\n1536000\n"
    # A text is not cut when its column was asked for.
    assert query("run", "list_wide", "--columns", "long_text", "--format", "table").stdout.count("word") == 200


def test_an_unknown_column_is_answered_with_those_there_are(query):
    result = query("run", "list_wide", "--columns", "names")

    assert (result.exit_code, result.stdout) == (2, "")
    assert "no column names" in result.stderr
    assert "last_column" in result.stderr
    assert query("list", "--columns", ",").exit_code == 2


def test_a_row_on_its_side_wraps(query):
    result = query("run", "get_wide", "--format", "table")

    assert max(map(len, result.stdout.splitlines())) <= 80
    assert ["total_bytes", "1.5", "MB"] in [line.split() for line in result.stdout.splitlines()]
    assert result.stdout.count("word") == 40
    assert json.loads(query("run", "get_wide").stdout)["waiting_seconds"] == 123.4


def test_in_a_pipe_some_commands_print_tables_and_data_stays_json(query):
    assert query("list").stdout.startswith("query ")
    assert json.loads(query("list", GUESTSQL_FORMAT="json").stdout)
    assert query("list", "--format", "csv", GUESTSQL_FORMAT="json").stdout.startswith("name,")
    assert json.loads(query("run", "list_wide").stdout)
    assert query("run", "list_wide", GUESTSQL_FORMAT="csv").stdout.startswith("first_number,")


def test_the_format_of_the_settings_holds_on_a_terminal_too(database_url):
    seen = on_terminal("query", "list", DATABASE_URL=database_url, GUESTSQL_FORMAT="csv")
    assert seen.text.startswith("name,")


@pytest.mark.parametrize(
    ("number", "shown"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (1_536_000, "1.5 MB"),
        (999_600, "1.0 MB"),
        (123_400_000, "123 MB"),
        (-2_000_000_000, "-2.0 GB"),
        (5 * 10**18, "5000 PB"),
    ],
)
def test_bytes(number, shown):
    assert readable_bytes(number) == shown


@pytest.mark.parametrize(
    ("number", "shown"),
    [
        (0, "0 s"),
        (0.00001, "0.00001 s"),
        (0.25, "0.25 s"),
        (12.345, "12.3 s"),
        (59.7, "1 min"),
        (123, "2 min 3 s"),
        (3600, "1 h"),
        (-3900, "-1 h 5 min"),
        (273_600, "3 d 4 h"),
    ],
)
def test_seconds(number, shown):
    assert readable_seconds(number) == shown
