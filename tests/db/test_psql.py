"""The query files in the real psql: every one runs, and psql reads what guestsql reads."""

from __future__ import annotations

import json
import random
import subprocess

import psycopg
import pytest

from guestsql.embedded._binaries import find_binaries
from guestsql.sql import TokenKind, load_catalogue, tokenize
from guestsql.sql.psql import misread_colons, psql_preamble, psql_query, sql_literal
from guestsql.sql.reading import read_queries
from guestsql.sql.samples import Origin, Sample, sample_values, shared_samples
from tests.checking import EXTRA_SCHEMA, QUERIES, check_text, every_query
from tests.cli.shell import cloned, invoke
from tests.databases import case_id
from tests.server import pg_bin

FILES = sorted(path.name for path in QUERIES.glob("*.sql"))


@pytest.fixture(scope="session")
def psql():
    program = find_binaries(pg_bin()).program("psql")

    def run(url, *arguments, stdin=""):
        return subprocess.run(
            [program, "-X", "-v", "ON_ERROR_STOP=1", *arguments, url],
            input=stdin,
            capture_output=True,
            encoding="utf-8",
            env={"LC_ALL": "C", "PAGER": "cat"},
            timeout=60,
            check=False,
        )

    return run


@pytest.fixture(scope="module")
def ledger_url(server, template_database):
    """A database as `guestsql migrate` leaves it: with the ledger."""
    with cloned(server, template_database, "guestsql_psql") as url:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(every_query()["create_migration_ledger"].text.encode())
        yield url


@pytest.fixture(scope="module")
def catalogue():
    return every_query()


@pytest.mark.parametrize("name", FILES)
def test_every_file_runs_in_psql_with_the_values_of_its_preamble(psql, ledger_url, catalogue, tmp_path, name):
    queries = [query for query in catalogue.values() if query.file.name == name]
    samples = shared_samples(queries, catalogue.values())
    assert [each.name for each in samples.values() if each.origin is Origin.NOWHERE] == []
    preamble = tmp_path / "samples.psql"
    preamble.write_text(psql_preamble(queries, samples), encoding="utf-8")
    before = rows_of(ledger_url)

    done = psql(ledger_url, "-c", "BEGIN", "-f", str(preamble), "-f", str(QUERIES / name), "-c", "ROLLBACK")

    assert (errors(done), done.returncode) == ([], 0)
    assert done.stdout.rstrip().endswith("ROLLBACK")
    assert rows_of(ledger_url) == before


def test_the_preamble_of_a_file_is_made_by_the_shell(psql, ledger_url, catalogue):
    queries = [query for query in catalogue.values() if query.file == QUERIES / "threads.sql"]
    preamble = psql_preamble(queries, shared_samples(queries, catalogue.values()))

    alone = invoke("query", "show", "threads.sql", "--preamble")
    assert (alone.exit_code, alone.stdout, alone.stderr) == (0, preamble, "")
    whole = invoke("query", "show", "queries/threads.sql", "--psql").stdout
    done = psql(ledger_url, stdin=f"BEGIN;\n{whole}ROLLBACK;\n")
    assert (done.returncode, done.stderr, whole.count("-- name: ")) == (0, "", len(queries))


def errors(done):
    return [line for line in done.stderr.splitlines() if "ERROR" in line or "FATAL" in line]


def rows_of(url):
    with psycopg.connect(url) as connection:
        names = connection.execute(
            "SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY tablename"
        ).fetchall()
        return {name: connection.execute(f'SELECT count(*) FROM "{name}"'.encode()).fetchone() for (name,) in names}


def test_a_query_shown_for_psql_can_be_piped_there(psql, database_url):
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("INSERT INTO guest_profiles (phone_number, user_name) VALUES ('573000000001', 'Ana')")

    shown = invoke("query", "show", "get_profile", "--psql").stdout
    done = psql(database_url, "--csv", stdin=shown)

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[1].startswith("573000000001,,,Ana,")


def test_what_may_write_says_so_and_can_be_rolled_back(psql, database_url):
    shown = invoke("query", "show", "add_labels", "--psql").stdout
    assert "-- It may write: run it between BEGIN; and ROLLBACK;" in shown.splitlines()
    assert "It may write" not in invoke("query", "show", "get_profile", "--psql").stdout

    done = psql(database_url, "--csv", stdin=f"BEGIN;\n{shown}ROLLBACK;\n")

    assert (done.returncode, done.stderr) == (0, "")
    assert "{VIP}" in done.stdout


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("SELECT 1 AS one FROM t FOR UPDATE", False),
        ("SELECT 1 AS one FROM t FOR NO KEY UPDATE", False),
        ("WITH gone AS (DELETE FROM t RETURNING a) SELECT a FROM gone", True),
        ("UPDATE t SET a = 1 WHERE TRUE", True),
        ("CREATE TABLE t ()", True),
        ("SELECT 'insert' AS word", False),
    ],
)
def test_what_may_write(sql, expected):
    (query,), _ = read_queries(f"-- name: get_it()$\n{sql};".encode(), QUERIES / "x.sql")
    assert psql_query(query).startswith("-- It may write") is expected


ODD_VALUES = ["", "it's", "a\\b", "\\", "a\nb\r\n\tc", ":max_rows :'x' $$ -- /* ;", "ñ 👩‍👧", "\x01\x7f", "E'x'", '"q"']


@pytest.mark.parametrize("value", ODD_VALUES, ids=case_id)
def test_any_text_arrives_as_it_is(psql, ledger_url, value):
    text = "-- name: get_it(x)$\nSELECT encode(convert_to(:x::text, 'UTF8'), 'hex') AS it;"
    (query,), _ = read_queries(text.encode(), QUERIES / "x.sql")
    given = {"x": Sample("x", "text", value, Origin.COMMENT)}

    done = psql(ledger_url, "-A", "-t", stdin=psql_preamble([query], given) + psql_query(query))

    assert (done.stderr, done.stdout) == ("", value.encode().hex() + "\n")


TYPES = """\
-- name: get_kinds(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r)^
-- One of each.
--   a: int, x
--   b: text, x
--   c: float8, x
--   d: timestamptz, x
--   e: uuid, x
--   f: jsonb, x
--   g: text[], x
--   h: bool, x
--   i: date, x
--   j: interval, x
--   k: numeric(10, 2), x
--   l: bigint[], x
--   m: character varying(3), x
--   n: timestamp without time zone, x
--   o: int4range, x
--   p: bytea, x
--   q: interval[], x
--   r: smallint = -32768, x
SELECT
    :a::int, :b::text, :c::float8, :d::timestamptz, :e::uuid, :f::jsonb, :g::text[], :h::bool, :i::date,
    :j::interval, :k::numeric(10, 2), :l::bigint[], :m::character varying(3), :n::timestamp without time zone,
    :o::int4range, :p::bytea, :q::interval[], 5 -:r::smallint, LIMIT_OF.x FROM (SELECT:a::int AS x) AS LIMIT_OF;
"""


def test_every_type_has_a_value(psql, ledger_url, tmp_path):
    folder = tmp_path / "q"
    folder.mkdir()
    (folder / "kinds.sql").write_text(TYPES, encoding="utf-8")

    shown = invoke("query", "show", "get_kinds", "--psql", GUESTSQL_QUERIES_DIR=str(folder))
    done = psql(ledger_url, "-A", "-t", stdin=shown.stdout)

    assert (shown.stderr, done.stderr) == ("", "")
    assert done.stdout.startswith("1|text|1.5|2026-01-31 ")
    assert done.stdout.endswith("|32773|1\n")
    assert "NULL" not in shown.stdout


OWN_TYPES = """\
-- name: get_rooms(mood, moods, stars)
-- Rooms.
--   mood: mood, x
--   moods: mood[], x
--   stars: stars, x
SELECT :mood::mood AS mood, :moods::mood[] AS moods, :stars::stars AS stars;
"""


def test_enums_and_domains_are_asked_of_the_server(psql, database_url, tmp_path):
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("CREATE TYPE mood AS ENUM ('très glad', 'sad'); CREATE DOMAIN few AS int CHECK (value < 9)")
        connection.execute("CREATE DOMAIN stars AS few")
    folder = tmp_path / "q"
    folder.mkdir()
    (folder / "rooms.sql").write_text(OWN_TYPES, encoding="utf-8")
    own = {"GUESTSQL_QUERIES_DIR": str(folder), "GUESTSQL_HOME": str(tmp_path)}

    shown = invoke("query", "show", "get_rooms", "--psql", DATABASE_URL=database_url, **own)
    done = psql(database_url, "-A", "-t", stdin=shown.stdout)
    assert (shown.stderr, done.stderr, done.stdout) == ("", "", 'très glad|{"très glad"}|1\n')

    alone = invoke("query", "show", "get_rooms", "--psql", **own)
    assert (alone.exit_code, alone.stderr.count("is NULL: no sample value of type")) == (0, 3)
    assert psql(database_url, "-A", "-t", stdin=alone.stdout).stdout == "||\n"


def sent(psql, url, preamble, text, tmp_path):
    """The tokens of all that psql sends to the server, as it reads a file."""
    file = tmp_path / "read.sql"
    file.write_text(text, encoding="utf-8")
    done = psql(
        url,
        "-v",
        "ON_ERROR_STOP=0",
        "-v",
        "ECHO=queries",
        "-o",
        "/dev/null",
        "-f",
        "-",
        "-f",
        str(file),
        stdin=preamble,
    )
    return [token.text for token in tokenize(done.stdout) if not token.is_blank]


def meant(queries, samples):
    """The tokens of all that the driver would send, the values in the places of the parameters."""
    text = "".join(f"{_filled(query, samples)};\n" for query in queries)
    return [token.text for token in tokenize(text) if not token.is_blank]


def _filled(query, samples):
    """The parameters are found by the $n of the driver's text."""
    literals = [sql_literal(samples[name].value, samples[name].type) for name in query.positional]
    begin, end = query.text.index("*/ ") + 3, query.text.rindex("\n-- q=")
    return "".join(
        f" {literals[int(token.text[1:]) - 1]}" if token.kind is TokenKind.POSITION else token.text
        for token in tokenize(query.text[begin:end])
    )


def test_psql_reads_odd_queries_as_guestsql_does(psql, database_url, tmp_path):
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(EXTRA_SCHEMA)
    path = QUERIES.parent / "tests" / "db" / "odd_queries.sql"
    queries, _ = read_queries(path.read_bytes(), path)
    samples = {name: each for query in queries for name, each in sample_values(query).items()}
    assert not any(misread_colons(query, samples) for query in queries)

    read = sent(psql, database_url, psql_preamble(queries, samples), path.read_text(encoding="utf-8"), tmp_path)

    assert read == meant(queries, samples)


PIECES = [
    ":x", ":n", ":x::text", "( :n )", "(:n)", "a[:n]", "a[1:2]", "a[1: n]", "a[1:n]", "a[:n:2]", "a[:n : :n]", "[1:n]",
    "'a :x'", "'it''s :n'", "E'it\\'s :x'", "'\\'", "U&'\\0041:n'", "N'x'", "'a'\n':x'", "'a' -- '\n':n'", "b'1'",
    "$$ :x ' $$", "$t$ ; :n $$ $t$", "$1x", '"a :x"', '"a""b"', 'U&"a"', "-- :x '\n", "/* :x /* ; */ :n */",
    "/*+ :n */", "::n", ":=", "a := :n", "@>", "?", "-", "-:n", "- :n", "<:n", "5::x", "1.5", "1e3", ".5", "x",
    "LIMIT:n", "end", "JSON_OBJECT('k':n)", "JSON_OBJECT('k':'x')", "JSON_OBJECT('k':\"x\")", "JSON_OBJECT('k': :n)",
    "JSON_OBJECT(:x : :n)", "(;)", "( ';' )", "CASE WHEN :n THEN :x END", "%", "\t", ",", ".", "é", "é:x", ":n%2",
    ":x||:x", "!", ":n-:n", "(:x)::text", "/* ' */", "\n\n",
]  # fmt: skip


def test_psql_reads_random_pieces_as_guestsql_does(psql, ledger_url, tmp_path):
    chance = random.Random(20261122)
    texts = []
    for number in range(400):
        body = " ".join(chance.choices(PIECES, k=chance.randint(1, 8)))
        head = f"-- name: q{number}(x, n)\n--   x: text = 'it''s', any\n--   n: int = 30, any\n"
        texts.append(f"{head}SELECT {body}\n, :x, :n;\n")
    read = [each for text in texts for each in read_queries(text.encode(), QUERIES / "x.sql")[0]]
    queries = [query for query in read if not misread_colons(query, {"x", "n"})]
    assert (len(queries) > 150, len(read) > len(queries)) == (True, True)
    samples = sample_values(queries[0])

    as_written = "".join(f"{query.source};\n" for query in queries)
    assert sent(psql, ledger_url, psql_preamble(queries, samples), as_written, tmp_path) == meant(queries, samples)
    # And what psql would misread, as --psql mends it.
    mended = "".join(psql_query(query) for query in read)
    assert sent(psql, ledger_url, psql_preamble(read, samples), mended, tmp_path) == meant(read, samples)


def test_the_check_tells_what_psql_would_read_otherwise(server, tmp_path):
    text = """-- name: get_one()$
SELECT 1 AS one -- the end; or not
;

-- name: get_two()$
SELECT 2 AS two

-- name: get_parts(n)^
--   n: int, a number
SELECT
    :n::int AS n,
    (ARRAY[1, 2])[1:n] AS wrong,
    (ARRAY[1, 2])[1: n] AS part,
    (ARRAY[1, 2])[1:other] AS others
FROM (SELECT 1 AS n, 2 AS other) AS given
"""
    found = check_text(server.url(), tmp_path, {"q.sql": text})
    assert [(each.rule, each.line, each.column) for each in found] == [("GS108", 6, 15), ("GS108", 12, 20)]


def test_samples_are_shared_by_name_and_the_own_comment_wins(tmp_path):
    folder = tmp_path / "q"
    folder.mkdir()
    (folder / "a.sql").write_text(
        """-- name: get_a(x, y, z, own)
--   x: text, any (e.g. 'it''s').
--   y: int = 5, any, e.g. -7
--   z: text, not said
--   own: text = 'mine', own
SELECT :x::text, :y::int, :z::text, :own::text;

-- name: get_b(z, own, x)
--   z: text,
--     over two lines, e.g. 'from b'
--   own: text, e.g. 'theirs'
--   x: uuid, another type
SELECT :z::text, :own::text, :x::uuid;
""",
        encoding="utf-8",
    )
    catalogue = load_catalogue(folder)
    found = {name: each.value for name, each in sample_values(catalogue["get_a"], catalogue.values()).items()}
    assert found == {"x": "it's", "y": "-7", "z": "from b", "own": "mine"}
    shown = json.loads(
        invoke(
            "query", "show", "get_b", "--format", "json", GUESTSQL_QUERIES_DIR=str(folder), GUESTSQL_HOME=str(tmp_path)
        ).stdout
    )
    assert shown["samples"] == {
        "z": "from b",
        "own": "theirs",
        "x": "00000000-0000-4000-8000-000000000001",
    }


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["nothing.sql", "--psql"], "no file of queries is named 'nothing.sql'"),
        (["get_profile", "--psql", "--format", "json"], "remove --format"),
    ],
)
def test_wrong_usage(arguments, told):
    result = invoke("query", "show", *arguments)
    assert (result.exit_code, result.stdout, told in result.stderr) == (2, "", True)
