"""`guestsql query show` and `list`: what is shown of a query, with a server and without, and the call in Python."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from uuid import UUID

import pytest

from guestsql.adhoc.python_call import python_call
from guestsql.cli.query.common import complete_name
from guestsql.sql import internal_directory
from guestsql.sql.reading import read_queries
from guestsql.sql.samples import sample_values
from tests.checking import every_query
from tests.cli.shell import invoke

NOWHERE = "postgresql://127.0.0.1:1/nowhere"

KINDS = """\
-- name: get_kinds(a, b, c, d, e, f, g, h, i, j, k, l, m)^
-- One of each kind.
--   a: int = 7, a number
--   b: text, a text, e.g. 'it''s "*/" a \\ '
--   c: float8, a fraction
--   d: timestamptz, a time
--   e: uuid, a key
--   f: text[] = '{a,"b, c",NULL,"q\\""}', texts
--   g: bool, yes or no
--   h: date, a day
--   i: interval, a pause
--   j: numeric, exact
--   k: bigint[], numbers, e.g. '{1,2}'
--   l: text = null, nothing
--   m: timestamptz = 'infinity', for ever
SELECT
    :a::int AS a, :b::text AS b, :c::float8 AS c, :d::timestamptz AS d, :e::uuid AS e, :f::text[] AS f, :g::bool AS g,
    :h::date AS h, :i::interval AS i, :j::numeric AS j, :k::bigint[] AS k, :l::text AS l,
    :m::timestamptz = 'infinity' AS m;

-- name: add_nothing()!
-- No rows.
CREATE TEMPORARY TABLE nothing (n int);

-- name: get_broken()$
-- It names a table that is not there.
SELECT 1 AS one FROM no_such_table;
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("shown")
    (path / "kinds.sql").write_text(KINDS, encoding="utf-8")
    return path


@pytest.fixture
def show(folder, tmp_path):
    def run(*arguments, **environment):
        given = {"GUESTSQL_QUERIES_DIR": str(folder), "GUESTSQL_HOME": str(tmp_path), **environment}
        return invoke("query", "show", *arguments, **given)

    return run


def test_columns_are_described_by_the_server(show, database_url):
    result = show("get_kinds", DATABASE_URL=database_url)

    assert (result.exit_code, result.stderr) == (0, "")
    assert "-- Returns a row, or None, of:\n--   a  integer\n--   b  text\n--   c  double precision\n" in result.stdout
    assert "--   k  bigint[]\n" in result.stdout
    described = json.loads(show("get_kinds", "--format", "json", DATABASE_URL=database_url).stdout)
    assert described["columns"][3] == {"name": "d", "type": "timestamp with time zone"}
    assert "-- Returns the number of rows.\n" in show("add_nothing", DATABASE_URL=database_url).stdout


@pytest.mark.parametrize(
    ("environment", "told"),
    [
        ({}, "there is no server (set DATABASE_URL)"),
        ({"DATABASE_URL": NOWHERE}, "DATABASE_URL"),
        ({"DATABASE_URL": NOWHERE, "DATABASE_REPLICA_URL": NOWHERE}, "DATABASE_REPLICA_URL"),
    ],
)
def test_without_a_server_it_says_so_and_goes_on(show, environment, told):
    result = show("get_kinds", **environment)

    assert result.exit_code == 0
    assert "the columns are unknown: " in result.stderr
    assert told in result.stderr
    assert result.stderr.count("\n") == 1
    assert "--   a: int = 7, a number\n" in result.stdout
    assert "db.queries.get_kinds(" in result.stdout


def test_a_query_that_the_server_refuses_is_shown(show, database_url):
    result = show("get_broken", DATABASE_URL=database_url)

    assert (result.exit_code, "no_such_table" in result.stderr) == (0, True)
    assert "SELECT 1 AS one FROM no_such_table;" in result.stdout


def test_the_call_runs_as_it_is_copied(show, database_url, folder, monkeypatch, tmp_path):
    shown = show("get_kinds").stdout
    call = shown[shown.index("/* In Python:\n") + 14 : shown.rindex("*/")]
    described = json.loads(show("get_kinds", "--format", "json").stdout)
    # What is shown can be put into a query file: no value of the call ends its comment.
    queries, wrong = read_queries(shown.encode(), folder / "copy.sql")
    assert ([query.name for query in queries], wrong) == (["get_kinds"], [])
    own = tmp_path / "own"  # without the queries that have a fault
    own.mkdir()
    shutil.copy(folder / "kinds.sql", own)
    monkeypatch.setenv("DATABASE_URL", database_url)
    monkeypatch.setenv("GUESTSQL_QUERIES_DIR", str(own))

    for program in (call, described["python"]):
        names: dict[str, object] = {}
        exec(program, names)
        row = names["row"]
        assert tuple(row)[:3] == (7, 'it\'s "*/" a \\ ', 1.5)
        assert (row.d, row.e) == (datetime(2026, 1, 31, 12, tzinfo=UTC), UUID("00000000-0000-4000-8000-000000000001"))
        assert (row.f, row.g, row.h) == (["a", "b, c", None, 'q"'], True, date(2026, 1, 31))
        assert (row.i, row.j, row.k, row.l, row.m) == (timedelta(days=1), Decimal("1.5"), [1, 2], None, True)


def test_the_calls_of_shipped_queries_run(database_url, monkeypatch):
    monkeypatch.setenv("DATABASE_URL", database_url)
    for name in ("list_last_interactions", "lookup_contexts"):
        exec(json.loads(invoke("query", "show", name, "--format", "json").stdout)["python"], {})


def test_every_call_is_python():
    catalogue = every_query()
    for query in catalogue.values():
        compile(python_call(query, sample_values(query, catalogue.values())), query.name, "exec")


def test_completion_knows_no_internal_query():
    assert [item.value for item in complete_name(None, None, "claim")] == []
    assert "claim_context" not in {item.value for item in complete_name(None, None, "")}


def test_an_internal_query_can_be_shown_because_the_server_names_it():
    shown = invoke("query", "show", "claim_context").stdout
    assert f"{internal_directory() / 'context.sql'}:" in shown


def test_the_shipped_queries_that_people_run_are_listed():
    shown = invoke("query", "list", "--format", "table").stdout
    for name in ("get_context_freshness", "list_last_interactions", "get_profile", "list_legacy_imports"):
        assert name in shown
    for name in ("claim_context", "fold_legacy_records", "try_migration_lock"):
        assert name not in shown
