"""PostgreSQL is the judge: what it reads, the scanner reads the same."""

from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from guestsql.sql.reading import read_queries
from guestsql.sql.rewriting import rewrite
from guestsql.sql.scanner import tokenize

# One connection serves all examples of a test: each leaves it as it was.
moderate = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], derandomize=True
)

NASTY = [
    *["'", '"', "$", "$$", "$a$", "\\", "/*", "*/", "--", "\n", "\r", ";", ":a", ":b", "::", ":=", "%s", "%", "?"],
    *["[", "]", "(", ")", "$1", "e'", "U&'", "é", "😀", " ", "\t", "x", "-- name: y()\n", "1:a", "{", "&", "@>", "|"],
]
nasty = st.lists(st.sampled_from(NASTY), max_size=8).map("".join)


@dataclass(frozen=True)
class Piece:
    """An expression and what the server must make of it."""

    sql: str
    value: object


def quoted(text):
    return "'" + text.replace("'", "''") + "'"


def escaped(text):
    changes = {"\\": "\\\\", "'": "\\'", "\n": "\\n", "\r": "\\015", "😀": "\\U0001F600"}
    return "E'" + "".join(changes.get(char, char) for char in text) + "'"


def unicode_quoted(text):
    return "U&'" + "".join(f"\\{ord(char):04x}" if ord(char) < 0x2000 else f"\\+{ord(char):06x}" for char in text) + "'"


def continued(text, gap, middle):
    return Piece(f"{quoted(text)}{gap}{quoted(middle)}", text + middle)


def dollar_quoted(text, tag):
    # A text that ends in a dollar sign, or holds the tag, would end the quote itself.
    while f"${tag}$" in f"{text}${tag}$"[:-1]:
        tag += "z"
    return Piece(f"${tag}${text}${tag}$", text)


strings = st.one_of(
    nasty.map(lambda text: Piece(quoted(text), text)),
    nasty.map(lambda text: Piece(escaped(text), text)),
    nasty.map(lambda text: Piece(unicode_quoted(text), text)),
    nasty.map(lambda text: Piece("n" + quoted(text), text.rstrip(" "))),  # a bpchar loses them
    st.builds(continued, nasty, st.sampled_from(["\n", " -- it's :a\n\t", "\n--:b $$\n\n"]), nasty),
    st.builds(lambda one, two: Piece(f"{escaped(one)}\n{escaped(two)[1:]}", one + two), nasty, nasty),
    st.builds(dollar_quoted, nasty, st.sampled_from(["", "a", "día", "_1"])),
).map(lambda piece: Piece(f"{piece.sql}::text", piece.value))

others = st.sampled_from(
    [
        Piece("7 % 4", 3),
        Piece("'{\"a\": 1}'::jsonb ? 'a'", True),
        Piece("'{\"a\": 1}'::jsonb @> '{\"a\":1}'::jsonb", True),
        Piece("(ARRAY[1, 2, 3])[2:3]", [2, 3]),
        Piece("(SELECT v[lo:hi] FROM (SELECT ARRAY[1,2,3] AS v, 1 AS lo, 2 AS hi) AS s)", [1, 2]),
        Piece("(SELECT v[:hi] FROM (SELECT ARRAY[1,2,3] AS v, 2 AS hi) AS s)", [1, 2]),
        Piece("(SELECT foo$1$bar FROM (SELECT 5 AS foo$1$bar) AS s)", 5),
        Piece("'1'::int::text::int", 1),
        Piece("B'01'::text||X'1f'::text", "0100011111"),
        Piece("1.5+.5", Decimal("2.0")),
        Piece("1*/*:a*/2--:b\n", 2),
        Piece("make_interval(days:=1)=interval'1 day'", True),
        Piece('(SELECT ":a" FROM (SELECT 1 AS ":a") AS s)', 1),
        Piece('(SELECT u&":b" FROM (SELECT 1 AS ":b") AS s)', 1),
    ]
)

# An expression with parameters: the text with each as a literal is what the server is asked for comparison.
templates = st.sampled_from(
    [
        "{a}::text",
        "CASE WHEN{a}::text IS NULL THEN{b}::text ELSE{a}::text||{b}::text END",
        "(ARRAY[{a}::text, {b}::text, {a}::text])[{n}::int:3]",
        "(ARRAY['x', {b}::text])[{n}::int]",
        "(ARRAY[1,2,3])[{n}::int : {n}::int + 1]",
        "(ARRAY[1,2,3])[CASE WHEN {n}::int > 1 THEN 1 END: {n}::int]",
        "ARRAY[[{a}::text],[{b}::text]]",
        "{a}::text IN({b}::text,{a}::text)",
        "left({a}::text,{n}::int)||$$:a$$",
        "coalesce(NULL,{a}::text)--:b\n",
    ]
)
blanks = st.sampled_from([" ", "\n", " /* it's :a */ ", " -- don't :b\n", '/* /* $$ */ " */', "\t", "\r\n"])


@moderate
@given(
    pieces=st.lists(st.one_of(strings, others, templates), min_size=1, max_size=8),
    gaps=st.lists(blanks, min_size=8, max_size=8),
    values=st.fixed_dictionaries({"a": nasty, "b": nasty, "n": st.integers(1, 3)}),
)
def test_values_come_back_as_with_literals_in_their_place(connection, pieces, gaps, values):
    def select(marks):
        columns = [piece.sql if isinstance(piece, Piece) else piece.format_map(marks) for piece in pieces]
        return "SELECT " + ",".join(gap + column for gap, column in zip(gaps, columns, strict=False))

    declared = frozenset(values)
    rewritten = rewrite(tokenize(select({name: f":{name}" for name in values})), declared)
    literals = {"a": f" {quoted(values['a'])}", "b": f" {quoted(values['b'])}", "n": f" {values['n']}"}
    arguments = [values[name] for name in rewritten.positional]
    with connection.transaction():
        row = psycopg.RawCursor(connection).execute(rewritten.text, arguments).fetchone()
        assert row == connection.execute(select(literals)).fetchone()
    for piece, value in zip(pieces, row, strict=True):
        if isinstance(piece, Piece):
            assert value == piece.value


GARBAGE = [
    *NASTY,
    *["'a'", '"a"', "a", "b", "1", "2", ",", ",", "+", "-", "*", "/", "=", "a[1:b]", "a[:b]", "a[b:]", "[:", ":2]"],
    *[
        "[a:",
        " AS a",
        "(SELECT a)",
        "CASE WHEN",
        " THEN ",
        " END",
        " NULL ",
        "E'\\''",
        "E'\\\\'",
        "''",
        "$$ $$",
        "N'x'",
    ],
    *["/*'*/", "--'\n", "json_object('a':1)", "json_object('a':", "x'1F'", "1e5", ".5", "1.", "0x1", "::int", 'U&"a"'],
]
garbage = st.lists(st.sampled_from(GARBAGE), min_size=1, max_size=9).map("".join)
near_valid = st.lists(
    st.sampled_from(
        [piece for piece in GARBAGE if len(piece) > 1] + [",", ", ", " + ", "||", "\n", "-- '\n,", "1", "a"]
    ),
    min_size=1,
    max_size=7,
).map("".join)


@settings(moderate, max_examples=1500)
@given(text=st.one_of(garbage, near_valid))
def test_what_the_server_accepts_passes_as_it_is(connection, text):
    # `a` and `b` are columns of every statement, so that slices with bounds that look like parameters are valid.
    statement = f"SELECT {text}\nFROM (SELECT '{{1,2}}'::int[] AS a, 1 AS b) AS source"
    if not accepts(connection, statement):
        return
    assert rewrite(tokenize(statement), frozenset()).text == statement


def accepts(connection, statement):
    """True when the server can prepare it, and finds no parameter in it."""
    pgconn = connection.pgconn
    with connection.transaction(force_rollback=True):
        prepared = pgconn.prepare(b"", statement.encode()).status == psycopg.pq.ExecStatus.COMMAND_OK
        return prepared and pgconn.describe_prepared(b"").nparams == 0


@pytest.mark.parametrize(
    "expression",
    [
        "a[1:b]",
        "a[b:b]",
        "a[:b]",
        "a[b:]",
        "a[:]",
        "a[1::int:b]",
        "a['1':'2']",
        "a[:'2']",
        "a[x'1'::int:b]",
        "a[(1):b]",
        "a[a[1]:b]",
        "(SELECT a)[1:b]",
        "(array_agg(b))[1:b]",
        "a[CASE WHEN true THEN 1 END:b]",
        "a[NULL:b]",
        "a[b+source.b:source.b]",
        "a[b OPERATOR(pg_catalog.+) b:b]",
    ],
)
def test_slices_of_columns_pass_as_they_are(connection, expression):
    statement = f"SELECT {expression} FROM (SELECT '{{1,2}}'::int[] AS a, 1 AS b) AS source GROUP BY a, b"
    assert accepts(connection, statement)
    assert rewrite(tokenize(statement), frozenset()).text == statement


lead = st.lists(st.sampled_from([":a::text", ":b::text", "'é😀'", "1", "$$\n$$", "'a\nb'", "/* \n */ 2"]), max_size=8)


@moderate
@given(columns=lead, doc=st.sampled_from(["", "-- Doc, don't.\n"]), line_end=st.sampled_from(["\n", "\r\n"]))
def test_the_servers_position_leads_to_the_place_in_the_file(connection, columns, doc, line_end):
    names = [name for name in "ab" if any(f":{name}" in column for column in columns)]
    sql = ",\n   ".join([*columns, "  no_such_column"])
    text = f"-- before\n\n-- name: find({', '.join(names)})\n{doc}\nSELECT {sql},  1\n-- after\n;\n"
    (query,), errors = read_queries(text.replace("\n", line_end).encode(), Path("a.sql"))
    assert not errors
    with pytest.raises(psycopg.errors.UndefinedColumn) as caught, connection.transaction():
        psycopg.RawCursor(connection).execute(query.text, ["x"] * len(query.positional))
    line, column = query.locate(int(caught.value.diag.statement_position))
    assert text.split("\n")[line - 1][column - 1 :].startswith("no_such_column")
