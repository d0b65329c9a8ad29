"""`guestsql query explain` on a real server."""

from __future__ import annotations

import json

import psycopg
import pytest

from tests.cli.shell import cloned, invoke

QUERIES = """\
-- name: get_note(id)^
-- One note.
--   id: int, which
SELECT note FROM notes WHERE id = :id::int;

-- name: list_notes(word, max_rows)
-- Notes.
--   word: text = 'a', what they hold
--   max_rows: int = 5, at most
SELECT id, note FROM notes WHERE note LIKE '%' || :word::text || '%' ORDER BY id LIMIT :max_rows::int;

-- name: add_remark(note)^
-- Writes.
--   note: text, what is written
INSERT INTO notes (note) VALUES (:note::text) RETURNING id;

-- name: take_ticket()$
-- A function that writes.
SELECT nextval('tickets') AS ticket;

-- name: lock_note(id)^
--   id: int, which
SELECT note FROM notes WHERE id = :id::int FOR UPDATE;

-- name: make_table()!
CREATE TABLE more (id int);

-- name: get_broken(x)$
--   x: int, any
SELECT :x::int
    + no_such_column;

-- name: get_misspelt(x)$
--   x: int, any
SELECT :x::int FORM notes;

-- name: get_settings()^
SELECT
    current_setting('statement_timeout')::interval > '9 s' AND pg_sleep(0) IS NOT NULL AS timeout,
    1 / (current_setting('transaction_read_only') = 'on')::int AS must_be_on;

-- name: sleep_long()$
SELECT pg_sleep(600);
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("explained")
    (path / "test.sql").write_text(QUERIES, encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def database_url(server, template_database):
    with cloned(server, template_database, "guestsql_explained") as url:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("CREATE TABLE notes (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, note text)")
            connection.execute("CREATE SEQUENCE tickets")
            connection.execute("INSERT INTO notes (note) SELECT 'a' || n FROM generate_series(1, 500) AS s (n)")
            connection.execute("ANALYZE notes")
        yield url


@pytest.fixture
def notes(database_url):
    with psycopg.connect(database_url, autocommit=True) as connection:
        yield connection


def numbers_used(connection):
    return connection.execute("SELECT last_value FROM notes_id_seq").fetchone()[0]


@pytest.fixture
def explain(database_url, folder):
    def run(*arguments, **environment):
        given = {"DATABASE_URL": database_url, "GUESTSQL_QUERIES_DIR": str(folder), **environment}
        return invoke("query", "explain", *arguments, **given)

    return run


def test_without_values_it_is_the_generic_plan_and_says_so(explain):
    result = explain("get_note")

    assert result.exit_code == 0
    assert "$1" in result.stdout
    assert "the generic plan, for any values of id" in result.stderr


def test_given_values_and_defaults_are_planned_with(explain):
    assert "Index Cond: (id = 7)" in explain("get_note", "-p", "id=7").stdout
    result = explain("list_notes", "-p", "max_rows=3")
    assert (result.exit_code, result.stderr) == (0, "")
    assert "'%a%'" in result.stdout
    assert "$1" in explain("list_notes", "--generic").stdout


def test_the_costly_node_is_marked(explain):
    for arguments in ((), ("--analyze",)):
        lines = explain("list_notes", "-p", "word=9", *arguments).stdout.splitlines()
        (costly,) = [line for line in lines if "<- most expensive" in line]
        assert costly.startswith("▶")
        # By time it may be another node: a busy machine stops the server anywhere.
        assert "on notes" in costly or arguments
    assert "planned in" in lines[-1]


def test_json_is_the_servers_own(explain):
    for arguments in (["get_note"], ["get_note", "-p", "id=7"]):
        result = explain(*arguments, "--format", "json")
        assert json.loads(result.stdout)[0]["Plan"]["Relation Name"] == "notes"
        assert result.stdout.startswith('[\n  {\n    "Plan": {\n')
    assert "Execution Time" in json.loads(explain("get_note", "-p", "id=7", "--analyze", "--format", "json").stdout)[0]


def test_a_query_that_writes_is_really_run_and_really_rolled_back(explain, notes):
    used = numbers_used(notes)
    result = explain("add_remark", "-p", "note=new", "--analyze")

    assert (result.exit_code, "Insert on notes" in result.stdout) == (0, True)
    assert "run and rolled back" in result.stderr
    assert notes.execute("SELECT count(*) FROM notes").fetchone() == (500,)
    # It was run: the number that it drew is gone, as the message says.
    assert numbers_used(notes) == used + 1


def test_without_analyze_nothing_is_run(explain, notes):
    used = numbers_used(notes)
    result = explain("add_remark", "-p", "note=new")

    assert (result.exit_code, result.stderr) == (0, "")
    assert numbers_used(notes) == used


@pytest.mark.parametrize("arguments", [["take_ticket"], ["lock_note", "-p", "id=1"]])
def test_what_writes_in_other_ways_is_rolled_back_too(explain, arguments):
    result = explain(*arguments, "--analyze")

    assert (result.exit_code, "rolled back" in result.stderr) == (0, True)


def test_what_only_reads_is_read_only_with_a_timeout(explain):
    result = explain("get_settings", "--analyze")
    assert (result.exit_code, result.stderr) == (0, "")

    late = explain("sleep_long", "--analyze", "--timeout", "0.05")
    assert (late.exit_code, "raise --timeout" in late.stderr) == (3, True)


def test_a_query_that_writes_is_analyzed_on_the_main_server(explain, database_url):
    nowhere = "postgresql://127.0.0.1:1/nowhere"

    result = explain("get_note", DATABASE_REPLICA_URL=nowhere)
    assert (result.exit_code, "DATABASE_REPLICA_URL" in result.stderr) == (4, True)
    assert explain("get_note", "--primary", DATABASE_REPLICA_URL=nowhere).exit_code == 0
    written = explain(
        "add_remark", "-p", "note=x", "--analyze", DATABASE_URL=nowhere, DATABASE_REPLICA_URL=database_url
    )
    assert (written.exit_code, "DATABASE_REPLICA_URL" in written.stderr) == (4, False)
    read = explain("get_note", "-p", "id=1", "--analyze", DATABASE_URL=nowhere, DATABASE_REPLICA_URL=database_url)
    assert read.exit_code == 0


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["get_note", "--analyze"], "needs -p id=…: id int, which"),
        (["get_note", "-p", "id=x"], "parameter id: 'x' is not of type int"),
        (["get_note", "-p", "id=1", "--generic"], "--generic is the plan without values"),
        (["make_table"], "has no plan"),
        (["get_notes"], "did you mean get_note"),
    ],
)
def test_wrong_usage_is_reported_in_one_line(explain, arguments, told):
    result = explain(*arguments)

    assert (result.exit_code, result.stdout, result.stderr.count("\n")) == (2, "", 1)
    assert told in result.stderr


@pytest.mark.parametrize("arguments", [["-p", "x=1"], []])
@pytest.mark.parametrize(("name", "place"), [("get_broken", "    + no_such_column;"), ("get_misspelt", "FORM notes;")])
def test_an_error_has_its_place_in_the_file(explain, folder, arguments, name, place):
    result = explain(name, *arguments)

    lines = QUERIES.splitlines()
    line = next(number for number, text in enumerate(lines, 1) if place in text)
    word = "no_such_column" if name == "get_broken" else "notes"
    assert result.exit_code == 3
    assert f"{folder / 'test.sql'}:{line}:{lines[line - 1].index(word) + 1}" in result.stderr
