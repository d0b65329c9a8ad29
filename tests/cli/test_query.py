"""`guestsql query`: list, show and run, in every format."""

from __future__ import annotations

import csv
import io
import json

import psycopg
import pytest

from tests.cli.shell import invoke

QUERIES = """\
-- name: list_pairs(low, words)
-- Numbers and words.
--   low: int = 1, the first number
--   words: text[] = '{a}', the words
SELECT :low::int AS number, w.word
FROM unnest(:words::text[]) WITH ORDINALITY AS w (word, place)
ORDER BY w.place;

-- name: get_odd_row()^
-- One of each kind.
SELECT
    1.10::numeric AS exact,
    '\\x00ff'::bytea AS bytes,
    '{"pi": 3.14159265358979323846}'::jsonb AS document,
    '2026-11-22 12:00+00'::timestamptz AS at,
    'infinity'::timestamptz AS never,
    '1 day 02:00'::interval AS pause,
    '[1,5)'::int4range AS span,
    '0044-03-15 BC'::date AS ides,
    ARRAY['x', NULL] AS labels,
    'a "q", b' || E'\\n\\t' || 'c' AS words,
    '' AS empty,
    NULL::text AS nothing,
    true AS yes;

-- name: get_nobody()^
-- No row.
SELECT 1 AS one WHERE false;

-- name: get_answer()$
-- A value.
SELECT 42 AS answer;

-- name: get_same_names()
-- Two columns of one name.
SELECT 1 AS n, 2 AS n;

-- name: get_half_pair()$
-- A text that UTF-8 does not have.
SELECT '"\\ud800"'::json AS half;

-- name: get_broken(x)$
-- It names a column that is not there.
--   x: int, anything
SELECT
    :x::int
    + no_such_column;

-- name: sleep_long()$
-- Longer than anybody waits.
SELECT pg_sleep(600);

-- name: count_to(number)
-- Many rows.
--   number: int, how many
SELECT n, repeat('x', 100) AS filler FROM generate_series(1, :number::int) AS s (n) ORDER BY n;

-- name: add_remark(note)!
-- Writes.
--   note: text, what is written
INSERT INTO notes (note) VALUES (:note::text);

-- name: get_time_zone()$
-- The session's own.
SELECT current_setting('statement_timeout') || ' ' || current_setting('transaction_read_only');
"""


@pytest.fixture
def queries(tmp_path):
    folder = tmp_path / "my queries"
    folder.mkdir()
    (folder / "test.sql").write_text(QUERIES, encoding="utf-8")
    return folder


@pytest.fixture
def run(database_url, queries):
    def run_query(*arguments, **environment):
        given = {"DATABASE_URL": database_url, "GUESTSQL_QUERIES_DIR": str(queries), **environment}
        return invoke("query", "run", *arguments, **given)

    return run_query


PAIRS = ("list_pairs", "-p", "low=7", "-p", "words=x,{y")
EXPECTED = {
    "json": '[\n  {\n    "number": 7,\n    "word": "x"\n  },\n  {\n    "number": 7,\n    "word": "{y"\n  }\n]\n',
    "jsonl": '{"number": 7, "word": "x"}\n{"number": 7, "word": "{y"}\n',
    "csv": "number,word\n7,x\n7,{y\n",
    "tsv": "number\tword\n7\tx\n7\t{y\n",
    "table": "number   word\n─────────────\n     7   x   \n     7   {y  \n",
}


@pytest.mark.parametrize("name", EXPECTED)
def test_rows_in_every_format(run, name):
    result = run(*PAIRS, "--format", name)

    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout == EXPECTED[name]


def test_without_a_terminal_it_is_json(run):
    assert run(*PAIRS).stdout == EXPECTED["json"]


@pytest.mark.parametrize(
    ("name", "expected"),
    [("json", "[]\n"), ("jsonl", ""), ("csv", "number,word\n"), ("tsv", "number\tword\n")],
)
def test_no_rows_in_every_format(run, name, expected):
    result = run("list_pairs", "-p", "words=", "--format", name)

    assert (result.exit_code, result.stdout, result.stderr) == (0, expected, "")


def test_a_table_without_rows_says_so_on_stderr(run):
    assert run("list_pairs", "-p", "words={}", "--format", "table").stderr == "no rows\n"


@pytest.mark.parametrize("name", ["list_nothing", "get_nothing"])
def test_what_no_row_means_is_reported_by_the_query_itself(run, queries, name):
    (queries / "nothing.sql").write_text(
        "-- name: list_nothing()\n-- Nothing.\n-- empty: nobody came today  \nSELECT 1 AS one WHERE FALSE;\n\n"
        "-- name: get_nothing()^\n-- Nothing.\n-- empty: nobody came today\nSELECT 1 AS one WHERE FALSE;\n\n"
        "-- name: list_one()\n-- One.\n-- empty: nobody came today\nSELECT 1 AS one;\n",
        encoding="utf-8",
    )
    assert run(name, "--format", "table").stderr == "no rows: nobody came today\n"
    assert run("list_one", "--format", "table").stderr == ""
    assert [run(name, "--format", each).stderr for each in ("json", "jsonl", "csv", "tsv")] == [""] * 4


@pytest.mark.parametrize(
    ("name", "expected"),
    [("json", "42\n"), ("jsonl", "42\n"), ("csv", "answer\n42\n"), ("tsv", "answer\n42\n"), ("table", "42\n")],
)
def test_a_value_in_every_format(run, name, expected):
    assert run("get_answer", "--format", name).stdout == expected


@pytest.mark.parametrize(("name", "expected"), [("json", "null\n"), ("jsonl", ""), ("csv", "one\n"), ("tsv", "one\n")])
def test_no_row_in_every_format(run, name, expected):
    result = run("get_nobody", "--format", name)

    assert (result.exit_code, result.stdout) == (0, expected)


def test_json_of_every_kind_of_value(run):
    result = run("get_odd_row")

    assert '"exact": 1.10,' in result.stdout
    assert '"pi": 3.14159265358979323846' in result.stdout
    row = json.loads(result.stdout)
    del row["exact"], row["document"]
    assert row == {
        "bytes": "\\x00ff",
        "at": "2026-11-22T12:00:00+00:00",
        "never": "infinity",
        "pause": "1 day 02:00:00",
        "span": "[1,5)",
        "ides": "0044-03-15 BC",
        "labels": ["x", None],
        "words": 'a "q", b\n\tc',
        "empty": "",
        "nothing": None,
        "yes": True,
    }


@pytest.mark.parametrize(("name", "delimiter"), [("csv", ","), ("tsv", "\t")])
def test_separated_values_are_read_back_exactly(run, name, delimiter):
    result = run("get_odd_row", "--format", name)

    (row,) = csv.DictReader(io.StringIO(result.stdout, newline=""), delimiter=delimiter)
    assert row["words"] == 'a "q", b\n\tc'
    assert row["exact"] == "1.10"
    assert row["labels"] == '["x", null]'
    assert (row["empty"], row["nothing"], row["yes"]) == ("", "", "true")


def test_a_wide_row_is_shown_as_names_and_values(run):
    lines = run("get_odd_row", "--format", "table").stdout.splitlines()

    assert lines[0].split() == ["column", "value"]
    assert ["pause", "1", "day", "02:00:00"] in [line.split() for line in lines]


def test_a_json_object_holds_a_name_once(run):
    assert json.loads(run("get_same_names").stdout) == [{"n": 1, "n_2": 2}]
    assert run("get_same_names", "--format", "csv").stdout == "n,n\n1,2\n"


@pytest.mark.parametrize(("name", "expected"), [("json", '"\\ud800"\n'), ("csv", "half\n\\ud800\n")])
def test_what_no_encoding_has_is_escaped(run, name, expected):
    assert run("get_half_pair", "--format", name).stdout == expected


def test_defaults_come_from_the_comments(run):
    assert json.loads(run("list_pairs").stdout) == [{"number": 1, "word": "a"}]


def test_an_array_literal_keeps_its_commas(run):
    result = run("list_pairs", "-p", 'words={"a, b",c}', "--format", "jsonl")

    assert [json.loads(line)["word"] for line in result.stdout.splitlines()] == ["a, b", "c"]


def test_null_can_be_given(run):
    assert json.loads(run("list_pairs", "--null", "low").stdout) == [{"number": None, "word": "a"}]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["list_pears"], "did you mean list_pairs"),
        (["zzzzzz"], "see guestsql query list"),
        (["count_to"], "needs -p number=…: number int, how many"),
        (["list_pairs", "-p", "lo=1"], "list_pairs(low int = 1, words text[] = '{a}')"),
        (["list_pairs", "-p", "low"], "not name=value"),
        (["list_pairs", "-p", "low=1", "-p", "low=2"], "given twice"),
        (["list_pairs", "-p", "low=\udcff"], "not UTF-8"),
        (["list_pairs", "--timeout", "0"], "--timeout"),
        (["list_pairs", "--format", "xml"], "--format"),
    ],
)
def test_wrong_usage_is_reported_in_one_line(run, arguments, told):
    result = run(*arguments)

    assert (result.exit_code, result.stdout) == (2, "")
    assert told in result.stderr
    assert result.stderr.startswith("guestsql: ")
    assert result.stderr.count("\n") == 1


def test_an_sql_error_names_its_place_in_the_file(run, queries):
    result = run("get_broken", "-p", "x=1")

    line = QUERIES.splitlines().index("    + no_such_column;") + 1
    assert result.exit_code == 3
    assert 'column "no_such_column" does not exist' in result.stderr
    assert f"{queries / 'test.sql'}:{line}:7" in result.stderr
    assert result.stderr.count("\n") == 1


def test_a_value_that_does_not_fit_names_the_parameter_and_its_type(run):
    result = run("list_pairs", "-p", "low=seven")

    assert (result.exit_code, result.stdout) == (2, "")
    assert "parameter low: 'seven' is not of type int" in result.stderr
    assert result.stderr.count("\n") == 1


def test_writing_needs_write(run, database_url):
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("CREATE TABLE notes (note text)")
        refused = run("add_remark", "-p", "note=one")
        assert refused.exit_code == 3
        assert "run it with --write" in refused.stderr

        written = run("add_remark", "-p", "note=two", "--write")
        assert (written.exit_code, written.stdout) == (0, "1\n")
        assert connection.execute("SELECT note FROM notes").fetchall() == [("two",)]


def test_the_transaction_is_read_only_with_a_timeout(run):
    assert run("get_time_zone").stdout == '"10s on"\n'
    assert run("get_time_zone", "--timeout", "1.5").stdout == '"1500ms on"\n'
    assert run("get_time_zone", "--write").stdout == '"10s off"\n'


def test_the_timeout_ends_a_query(run):
    result = run("sleep_long", "--timeout", "0.05")

    assert result.exit_code == 3
    assert "raise --timeout" in result.stderr


def test_reading_is_done_on_the_replica(run, database_url):
    nowhere = "postgresql://127.0.0.1:1/nowhere"

    answered = run("get_answer", DATABASE_URL=nowhere, DATABASE_REPLICA_URL=database_url)
    assert answered.exit_code == 0
    assert answered.stderr == "queried the replica of DATABASE_REPLICA_URL; --primary queries the main server\n"
    assert run("get_answer", "--primary", DATABASE_URL=database_url, DATABASE_REPLICA_URL=nowhere).stderr == ""
    assert run("get_answer", "--write", DATABASE_URL=nowhere, DATABASE_REPLICA_URL=database_url).exit_code == 4


def test_list_needs_no_database():
    result = invoke("query", "list", "--format", "json", DATABASE_URL="postgresql://127.0.0.1:1/nowhere")

    found = {each["name"]: each for each in json.loads(result.stdout)}
    assert found["list_last_interactions"]["returns"] == "rows"
    (parameter,) = found["list_last_interactions"]["parameters"]
    assert parameter.items() >= {"name": "max_rows", "type": "int", "default": "10", "doc": "rows at most"}.items()
    assert found["list_last_interactions"]["file"].endswith("monitoring_guests.sql")
    assert found["list_last_interactions"]["chart"] is None
    new = found["list_new_guests"]
    assert (new["chart"], new["dashboard"], new["cache_seconds"]) == ("bar x=since_day y=new_guests", "guests", 600)
    assert new["spanish"].startswith("Huéspedes nuevos")
    assert (new["parameters"][0]["choices"], new["parameters"][0]["spanish"]) == ("list_day_units", "día, semana o mes")


def test_list_as_a_table_is_short():
    result = invoke("query", "list", "--format", "table")

    assert result.stdout.splitlines()[0].split() == ["query", "returns", "about"]
    assert all(len(line) <= 80 for line in result.stdout.splitlines())


def test_show_prints_what_can_be_read_as_a_query_file(queries, tmp_path):
    shown = invoke("query", "show", "list_pairs", GUESTSQL_QUERIES_DIR=str(queries)).stdout
    copy = tmp_path / "copy"
    copy.mkdir()
    (copy / "copy.sql").write_text(shown, encoding="utf-8")

    again = invoke("query", "show", "list_pairs", GUESTSQL_QUERIES_DIR=str(copy)).stdout
    assert again.splitlines()[1:] == shown.splitlines()[1:]
    assert shown.startswith(f"-- {queries / 'test.sql'}:1\n-- name: list_pairs(low, words)\n-- Numbers and words.\n")
    assert "SELECT :low::int AS number" in shown


def test_show_as_json(queries):
    result = invoke("query", "show", "get_answer", "--format", "json", GUESTSQL_QUERIES_DIR=str(queries))

    assert json.loads(result.stdout)["sql"] == "SELECT 42 AS answer"


def test_a_broken_query_file_is_reported_with_its_place(queries):
    (queries / "wrong.sql").write_text("-- name: get_x()?\nSELECT 1;\n", encoding="utf-8")

    result = invoke("query", "list", GUESTSQL_QUERIES_DIR=str(queries), GUESTSQL_FORMAT="json")

    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith(f"guestsql: {queries / 'wrong.sql'}:1:")
