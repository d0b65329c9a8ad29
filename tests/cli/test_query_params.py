"""`guestsql query run -p`: values of every common type, and those that a type does not take."""

from __future__ import annotations

import json

import psycopg
import pytest

from tests.cli.shell import cloned, invoke
from tests.databases import case_id

TYPES = (
    "smallint",
    "int",
    "bigint",
    "numeric(10, 2)",
    "float8",
    "real",
    "text",
    "varchar(3)",
    "boolean",
    "date",
    "time",
    "timestamp",
    "timestamptz",
    "interval",
    "uuid",
    "json",
    "jsonb",
    "bytea",
    "inet",
    "text[]",
    "int[]",
    "timestamptz[]",
    "jsonb[]",
    "int4range",
    "tstzrange",
    "mood",
    "mood[]",
    "stars",
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("typed")
    queries = [
        f"-- name: get_{number}(x)$\n--   x: {name}, the value\nSELECT :x::{name} AS x;\n"
        for number, name in enumerate(TYPES)
    ]
    further = """\
-- name: get_further(id, n)$
--   id: text, which
--   n: int = 1, a number
SELECT :id::text::inet::text || 1 / (:n::int - 1) AS x;
"""
    (path / "typed.sql").write_text("\n".join([*queries, further]), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def url(server, template_database):
    with cloned(server, template_database, "guestsql_params") as url:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("CREATE TYPE mood AS ENUM ('glad', 'sad')")
            connection.execute("CREATE DOMAIN stars AS int CHECK (value BETWEEN 1 AND 5)")
        yield url


@pytest.fixture
def run(url, folder):
    def run_query(type_, value, *arguments):
        name = type_ if type_.startswith("get_") else f"get_{TYPES.index(type_)}"
        own = {"DATABASE_URL": url, "GUESTSQL_QUERIES_DIR": str(folder)}
        return invoke("query", "run", name, "-p", value, *arguments, "--format", "json", **own)

    return run_query


GOOD = [
    ("smallint", "-32768", -32768),
    ("bigint", "9223372036854775807", 9223372036854775807),
    ("numeric(10, 2)", "1.005", 1.01),
    ("float8", "1e-3", 0.001),
    ("float8", "NaN", "NaN"),
    ("text", "a=b, c", "a=b, c"),
    ("text", "", ""),
    ("varchar(3)", "abcd", "abc"),
    ("boolean", "yes", True),
    ("date", "2026-02-28", "2026-02-28"),
    ("date", "infinity", "infinity"),
    ("time", "24:00", "24:00:00"),
    ("timestamp", "2026-11-22 03:00", "2026-11-22T03:00:00"),
    ("timestamptz", "2026-11-22 03:00-05", "2026-11-22T08:00:00+00:00"),
    ("interval", "90 minutes", "01:30:00"),
    ("uuid", "00000000000040008000000000000001", "00000000-0000-4000-8000-000000000001"),
    ("jsonb", '{"a": [1, null]}', {"a": [1, None]}),
    ("bytea", "\\xDEAD", "\\xdead"),
    ("inet", "::1", "::1"),
    ("text[]", "a, b", ["a", "b"]),
    ("text[]", '{"a, b",NULL}', ["a, b", None]),
    ("text[]", "", []),
    ("int[]", "1,2", [1, 2]),
    ("timestamptz[]", "2026-11-22 00:00Z", ["2026-11-22T00:00:00+00:00"]),
    ("jsonb[]", '{"{\\"a\\": 1}"}', [{"a": 1}]),
    ("int4range", "[1,3]", "[1,4)"),
    ("mood", "sad", "sad"),
    ("mood[]", "sad,glad", "{sad,glad}"),  # the driver knows no arrays of types that somebody made
    ("stars", "5", 5),
    ('"char"', "a", "a"),
    ("int array", "1,2", [1, 2]),
    ("numeric(10,2)[3]", "1.005", [1.01]),
    ("interval day to second", "26:00", "26:00:00"),
]


def test_every_value_is_converted_to_its_type(url, tmp_path):
    names = [f"x{number}" for number in range(len(GOOD))]
    comments = "".join(f"--   {name}: {type_}, any\n" for name, (type_, _, _) in zip(names, GOOD, strict=True))
    columns = ", ".join(f":{name}::{type_} AS {name}" for name, (type_, _, _) in zip(names, GOOD, strict=True))
    (tmp_path / "all.sql").write_text(f"-- name: get_all({', '.join(names)})^\n{comments}SELECT {columns};\n")
    given = [part for name, (_, value, _) in zip(names, GOOD, strict=True) for part in ("-p", f"{name}={value}")]

    result = invoke("query", "run", "get_all", *given, DATABASE_URL=url, GUESTSQL_QUERIES_DIR=str(tmp_path))

    assert (result.exit_code, result.stderr) == (0, "")
    assert list(json.loads(result.stdout).values()) == [expected for _, _, expected in GOOD]


@pytest.mark.parametrize(
    ("type_", "given"),
    [
        ("int", "seven"),
        ("int", ""),
        ("int", "1.5"),
        ("int", "9999999999999999"),
        ("smallint", "40000"),
        ("numeric(10, 2)", "1,5"),
        ("boolean", "maybe"),
        ("date", "2026-02-30"),
        ("timestamptz", "tomorrow-ish"),
        ("interval", "a while"),
        ("uuid", "abc"),
        ("jsonb", "{a: 1}"),
        ("bytea", "\\xq"),
        ("int[]", "1,two"),
        ("text[]", "{a"),
        ("int4range", "[3,1]"),
        ("mood", "angry"),
        ("stars", "6"),
    ],
    ids=case_id,
)
def test_a_value_that_does_not_fit_is_reported_with_its_parameter_and_type(run, type_, given):
    result = run(type_, f"x={given}")

    assert (result.exit_code, result.stdout, result.stderr.count("\n")) == (2, "", 1)
    assert result.stderr.startswith("guestsql: parameter x: ")
    assert f"'{given}'" in result.stderr or f'"{given.rpartition(",")[2]}"' in result.stderr
    assert f" is not of type {type_} (" in result.stderr
    assert f"wanted: x {type_}, the value" in result.stderr


def test_the_value_is_masked_if_it_may_be_a_phone(run):
    result = run("int", "x=+57 300 000 0001")
    assert (result.exit_code, "0001" in result.stderr, "300" in result.stderr) == (2, True, False)
    assert run("int", "x=12345x").stderr.count("'12345x'") == 1


def test_a_value_that_the_query_converts_further_is_reported_too(run):
    result = run("get_further", "id=abc", "-p", "n=2")
    assert (result.exit_code, "parameter id: 'abc' is not of type text (" in result.stderr) == (2, True)


def test_what_the_values_lead_to_is_an_sql_error(run):
    result = run("get_further", "id=::1", "-p", "n=1")
    assert (result.exit_code, "division by zero" in result.stderr) == (3, True)


@pytest.mark.parametrize("given", ["max_rows=-1", "skipped=-1"])
def test_a_number_of_rows_below_zero_is_a_value_that_does_not_fit(url, tmp_path, given):
    """The server says only that LIMIT must not be negative, and it is wrong usage like any other value."""
    (tmp_path / "rows.sql").write_text(
        "-- name: list_numbers(least, max_rows, skipped)\n-- Numbers.\n--   least: int = 1, the first\n"
        "--   max_rows: int = 50, rows at most\n--   skipped: int = 0, rows left out\n"
        "SELECT n FROM (SELECT n FROM generate_series(:least::int, 9) AS n LIMIT 7) AS few ORDER BY n\n"
        "LIMIT :max_rows::int\nOFFSET ( :skipped::int );\n",
        encoding="utf-8",
    )
    own = {"DATABASE_URL": url, "GUESTSQL_QUERIES_DIR": str(tmp_path)}
    result = invoke("query", "run", "list_numbers", "-p", given, "-p", "least=-3", **own)

    assert (result.exit_code, result.stdout) == (2, "")
    assert f"parameter {given.partition('=')[0]}: '-1' does not fit (" in result.stderr
    assert "must not be negative); wanted: " in result.stderr
