"""The deploy order without a server: which columns a statement writes, what Python makes of types, who meets whom."""

from __future__ import annotations

import itertools

import pytest

from guestsql.check.against.compatibility import Incompatibility, python_type
from guestsql.check.against.order import DeployVerdict, Matrix, Order, judge, meeting_points, roles
from guestsql.check.against.schema import Constraint, is_widened
from guestsql.check.against.writes import read_writes
from guestsql.check.words import read_words
from guestsql.sql import tokenize

MERGE = """
MERGE INTO t AS x USING u ON x.a = u.a
WHEN MATCHED THEN UPDATE SET b = 1, c = CASE WHEN d THEN 1 END
WHEN NOT MATCHED THEN INSERT (a, b) VALUES (1, 2)
"""
WRITES = [
    ("SELECT a FROM t FOR UPDATE", []),
    ("SELECT a AS update FROM t", []),
    ("DELETE FROM t WHERE a = 1", []),
    ("INSERT INTO t VALUES (1)", [("", "t", "Insert", None, "")]),
    ("INSERT INTO t (SELECT a FROM u)", [("", "t", "Insert", None, "")]),
    ("INSERT INTO t (WITH u AS (SELECT 1) SELECT 1 FROM u)", [("", "t", "Insert", None, "")]),
    ("INSERT INTO t DEFAULT VALUES", [("", "t", "Insert", None, "")]),
    ("INSERT INTO s.t AS x (a, b[1], c.d) VALUES (1, 2, f(3, 4))", [("s", "t", "Insert", "a b c", "")]),
    ('INSERT INTO "S"."T t" ("A ""x""", b) SELECT 1, 2', [("S", "T t", "Insert", 'A "x"|b', "")]),
    (
        "INSERT INTO t (a) VALUES (1) ON CONFLICT (a) WHERE b DO UPDATE SET (c, d) = (1, 2), e = f(g, h) WHERE t.i = 1",
        [("", "t", "Insert", "a", "c d e")],
    ),
    ("INSERT INTO t (a) VALUES (1) ON CONFLICT DO NOTHING", [("", "t", "Insert", "a", "")]),
    ("UPDATE ONLY t AS x SET a = CASE WHEN b THEN c ELSE d END, e = 1 FROM u", [("", "t", "Update", "", "a e")]),
    ("UPDATE t SET a = b IS DISTINCT FROM c, d = 1 FROM u WHERE e", [("", "t", "Update", "", "a d")]),
    ("UPDATE t SET a = (SELECT b, c FROM u), d[1] = 2 RETURNING e, f", [("", "t", "Update", "", "a d")]),
    (
        "WITH x AS (UPDATE t SET a = 1 RETURNING b), y AS (INSERT INTO u (c) SELECT b FROM x) SELECT 1, 2",
        [("", "t", "Update", "", "a"), ("", "u", "Insert", "c", "")],
    ),
    (
        MERGE,
        [("", "t", "Merge", "a b", "b c")],
    ),
    ("MERGE INTO t USING u ON t.a = u.a WHEN MATCHED THEN DELETE", [("", "t", "Merge", None, "")]),
]


def _names(text):
    return frozenset(text.split("|") if "|" in text else text.split())


@pytest.mark.parametrize(("sql", "expected"), WRITES, ids=[sql[:40] for sql, _ in WRITES])
def test_the_columns_that_a_statement_names(sql, expected):
    found = [
        (write.schema, write.table, write.operation, write.inserted, write.updated)
        for write in read_writes(read_words(tokenize(sql)))
    ]
    assert found == [
        (schema, table, operation, None if inserted is None else _names(inserted), _names(updated))
        for schema, table, operation, inserted, updated in expected
    ]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("integer", "bigint"),
        ("text", "character varying"),
        ("json", "jsonb"),
        ("text", "mood"),
        ("text[]", "character varying[]"),
        ("integer[]", "bigint[]"),
        ("real", "double precision"),
    ],
)
def test_types_that_are_the_same_to_python(one, other):
    assert python_type(one) == python_type(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("integer", "numeric"),
        ("integer", "text"),
        ("text", "text[]"),
        ("text[]", "mood[]"),
        ("timestamp with time zone", "timestamp without time zone"),
        ("int4range", "int8multirange"),
        ("date", "timestamp with time zone"),
    ],
)
def test_types_that_python_tells_apart(one, other):
    assert python_type(one) != python_type(other)


def _check(text):
    return Constraint(("public", "t"), "check", "c", text, frozenset({"a"}))


@pytest.mark.parametrize(
    ("before", "after", "is_wider"),
    [
        ("CHECK ((a = ANY (ARRAY['x'::text])))", "CHECK ((a = ANY (ARRAY['x'::text, 'y, z'::text])))", True),
        ("CHECK ((a = ANY (ARRAY['x'::text, 'y'::text])))", "CHECK ((a = ANY (ARRAY['x'::text])))", False),
        ("CHECK ((a = ANY (ARRAY[1, 2])))", "CHECK ((a = ANY (ARRAY[1, 2, 3])))", True),
        ("CHECK ((a = ANY (ARRAY[1, 2])))", "CHECK ((b = ANY (ARRAY[1, 2, 3])))", False),
        ("CHECK ((a <> ALL (ARRAY[1, 2])))", "CHECK ((a <> ALL (ARRAY[1, 2, 3])))", False),
        ("CHECK ((NOT (a = ANY (ARRAY[1, 2]))))", "CHECK ((NOT (a = ANY (ARRAY[1, 2, 3]))))", False),
        ("CHECK ((a > 1))", "CHECK ((a > 2))", False),
    ],
    ids=itertools.count(),
)
def test_a_check_that_only_allows_more(before, after, is_wider):
    assert is_widened(_check(after), [_check(before)]) is is_wider


WHY = Incompatibility("GS701", "42703", "", ())
NOBODY = {}
OLD = {"old": WHY}
NEW = {"new": WHY}


@pytest.mark.parametrize(
    ("old", "new", "verdict", "points"),
    [
        ([NOBODY], [NOBODY], DeployVerdict.NOTHING, [0]),
        ([NOBODY, NOBODY], [NOBODY, NOBODY], DeployVerdict.EITHER, [0, 1]),
        ([NOBODY, NOBODY], [NEW, NOBODY], DeployVerdict.MIGRATIONS_FIRST, [1]),
        ([NOBODY, OLD], [NOBODY, NOBODY], DeployVerdict.CODE_FIRST, [0]),
        ([NOBODY, OLD], [NEW, NOBODY], DeployVerdict.TWO_STEPS, []),
        ([NOBODY, NOBODY, OLD], [NEW, NOBODY, NOBODY], DeployVerdict.BETWEEN, [1]),
        ([NOBODY, OLD, OLD], [NEW, NEW, NOBODY], DeployVerdict.TWO_STEPS, []),
        # What breaks between two migrations only, breaks.
        ([NOBODY, OLD, NOBODY], [NEW, NEW, NOBODY], DeployVerdict.TWO_STEPS, []),
        ([NOBODY, OLD, NOBODY], [NOBODY, NOBODY, NOBODY], DeployVerdict.CODE_FIRST, [0]),
        ([NOBODY, NOBODY, NOBODY], [NOBODY, NEW, NOBODY], DeployVerdict.MIGRATIONS_FIRST, [2]),
    ],
    ids=itertools.count(),
)
def test_the_verdict_is_where_both_run(old, new, verdict, points):
    matrix = Matrix(old, new)
    assert judge(matrix) is verdict
    assert meeting_points(matrix) == points


def test_what_each_migration_is_to_both():
    found = roles(Matrix([NOBODY, NOBODY, OLD], [NEW, NOBODY, NOBODY]))
    assert [(sorted(role.breaks), sorted(role.serves)) for role in found] == [([], ["new"]), (["old"], [])]


def test_what_an_order_allows():
    allowed = {order: {verdict for verdict in DeployVerdict if verdict.allows(order)} for order in Order}
    both = {DeployVerdict.NOTHING, DeployVerdict.EITHER}
    assert allowed == {
        Order.MIGRATIONS_FIRST: both | {DeployVerdict.MIGRATIONS_FIRST},
        Order.CODE_FIRST: both | {DeployVerdict.CODE_FIRST},
    }
