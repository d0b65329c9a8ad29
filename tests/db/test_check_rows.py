"""How many rows a query can return, and whether its order is total: derived from keys, and true of the rows."""

# ruff: noqa: E501  a query is on one line
from __future__ import annotations

import os
from contextlib import closing
from pathlib import Path
from random import Random

import psycopg
import pytest

from guestsql.check.identity import Bound, RowJudge
from guestsql.check.infer.trees import read_scopes
from guestsql.settings import Settings
from guestsql.sql._sync.connection import connect
from guestsql.sql.reading import read_queries
from tests.random_queries import SCHEMA, QueryMaker, data_statements

IS_LONG = bool(os.environ.get("GUESTSQL_LONG_TESTS"))
QUERIES, FILLINGS, SEEDS = (4_000, 40, 5) if IS_LONG else (200, 12, 1)

ROOMS = "rooms r JOIN floors f ON f.id = r.floor"
# Rows that agree in the order look the same.
TOTAL = [
    "SELECT id, tag FROM rooms ORDER BY id",
    "SELECT id::text, tag FROM rooms ORDER BY id::text",
    "SELECT id, tag FROM rooms ORDER BY tag, id",
    "SELECT tag FROM rooms ORDER BY tag",
    "SELECT DISTINCT tag, floor FROM rooms ORDER BY floor, tag",
    "SELECT room, day, guest FROM stays ORDER BY day, room",
    "SELECT room, day, guest FROM stays WHERE room = 1 ORDER BY day",
    "SELECT room, day, guest FROM stays WHERE day IS NOT DISTINCT FROM 1 ORDER BY room",
    "SELECT id, code FROM floors WHERE code IS NOT NULL ORDER BY code",
    "SELECT id, code FROM floors WHERE code > 0 ORDER BY code",
    "SELECT x.id FROM (SELECT id, code FROM floors) AS x WHERE x.code > 0 ORDER BY x.code",
    "SELECT guest, floor FROM cards ORDER BY guest",
    f"SELECT r.id, f.kind FROM {ROOMS} ORDER BY r.id",
    f"SELECT r.tag, f.kind FROM {ROOMS} ORDER BY f.id, r.id",
    "SELECT r.id, f.kind FROM rooms r LEFT JOIN floors f ON f.id = r.floor ORDER BY r.id",
    "SELECT r.id, f.kind FROM floors f RIGHT JOIN rooms r ON f.id = r.floor ORDER BY r.id",
    "SELECT r.id, f.kind FROM rooms r LEFT JOIN floors f ON f.code = r.tag ORDER BY r.id",
    "SELECT f.id, r.tag FROM floors f LEFT JOIN rooms r ON r.floor = f.id ORDER BY f.id, r.id",
    "SELECT f.id, r.tag FROM floors f LEFT JOIN rooms r ON r.floor = f.id AND r.id = 2 ORDER BY f.id",
    "SELECT f.id, s.guest FROM floors f LEFT JOIN stays s ON s.room = f.id AND s.day = 1 ORDER BY f.id",
    "SELECT f.id, r.id, r.tag FROM floors f FULL JOIN rooms r ON r.floor = f.id ORDER BY f.id, r.id",
    "SELECT f.id, r.tag FROM floors f CROSS JOIN rooms r ORDER BY f.id, r.id",
    "SELECT f.id, n FROM floors f CROSS JOIN generate_series(1, 3) AS s (n) ORDER BY f.id, n",
    "SELECT u.n, u.place FROM unnest(ARRAY[1, 1]) WITH ORDINALITY AS u (n, place) ORDER BY u.place",
    "SELECT f.id, x.days FROM floors f JOIN (SELECT room, count(*) AS days FROM stays GROUP BY room) AS x ON x.room = f.id ORDER BY f.id",
    "SELECT f.id, (SELECT count(*) FROM rooms r WHERE r.floor = f.id) AS rooms FROM floors f ORDER BY f.id",
    "SELECT f.id, l.tag FROM floors f LEFT JOIN LATERAL (SELECT r.tag FROM rooms r WHERE r.floor = f.id LIMIT 1) l ON TRUE ORDER BY f.id",
    "SELECT floor, count(*), max(tag) FROM rooms GROUP BY floor ORDER BY floor",
    "SELECT floor, count(*) FROM rooms GROUP BY floor ORDER BY count(*), floor",
    "SELECT id, tag, days FROM busy_rooms ORDER BY id",
    "SELECT DISTINCT ON (floor) floor, tag FROM rooms ORDER BY floor, tag DESC",
    "SELECT id, row_number() OVER (ORDER BY tag) AS place FROM rooms ORDER BY place",
    "SELECT id, tag, row_number() OVER (PARTITION BY floor ORDER BY tag) AS place FROM rooms ORDER BY floor, place",
    "SELECT x.id FROM (SELECT id, row_number() OVER (PARTITION BY floor ORDER BY tag) AS n, floor FROM rooms) x WHERE n = 1 ORDER BY x.floor",
    "SELECT id, room FROM doors WHERE is_open ORDER BY room",
    "SELECT id, room FROM doors ORDER BY id + 1",
    "SELECT id, tag FROM rooms EXCEPT SELECT id, tag FROM rooms WHERE id = 1 ORDER BY id",
    "SELECT tag, floor FROM rooms INTERSECT SELECT id, floor FROM rooms ORDER BY tag",
    "WITH x AS (SELECT id, tag FROM rooms) SELECT a.id, b.tag FROM x a JOIN x b ON b.id = a.id ORDER BY a.id",
    "SELECT coalesce(id, 0) AS id, tag FROM rooms ORDER BY 1",
    "SELECT id, tag FROM rooms WHERE (id, floor) = (SELECT id, floor FROM rooms LIMIT 1) ORDER BY floor",
    "SELECT id, tag FROM rooms ORDER BY ROW(tag, id)",
    "SELECT ctid::text, text FROM notes ORDER BY ctid",
]
# Two rows can agree in the order and differ.
OPEN = [
    "SELECT id, tag FROM rooms ORDER BY tag",
    "SELECT id, tag FROM rooms ORDER BY id / 2",
    "SELECT id, code FROM floors ORDER BY code",
    "SELECT id, code FROM floors WHERE coalesce(code, 1) = 1 ORDER BY code",
    "SELECT x.id FROM (SELECT id, code FROM floors) AS x ORDER BY x.code",
    "SELECT room, day FROM stays ORDER BY day",
    "SELECT room, day FROM stays WHERE guest = 1 ORDER BY day",
    "SELECT room, day FROM stays WHERE room IN (1, 2) ORDER BY day",
    f"SELECT f.id, r.tag FROM {ROOMS} ORDER BY f.id",
    "SELECT f.id, r.tag FROM floors f LEFT JOIN rooms r ON r.floor = f.id ORDER BY f.id",
    "SELECT f.id, r.tag FROM rooms r RIGHT JOIN floors f ON r.floor = f.id ORDER BY f.id",
    "SELECT a.id, b.tag FROM rooms a JOIN rooms b ON a.floor = b.floor ORDER BY a.id",
    "SELECT a.id, b.id FROM rooms a JOIN rooms b ON a.tag = b.tag ORDER BY a.id",
    "SELECT f.id, r.tag FROM floors f CROSS JOIN rooms r ORDER BY f.id",
    "SELECT f.id, r.tag FROM floors f, rooms r WHERE r.id > f.id ORDER BY f.id",
    "SELECT r.id, f.id FROM rooms r LEFT JOIN floors f ON f.code IS NOT DISTINCT FROM r.tag ORDER BY r.id",
    "SELECT f.id, r.id FROM floors f LEFT JOIN rooms r ON r.floor = f.id ORDER BY r.id",
    "SELECT f.id, r.id FROM floors f FULL JOIN rooms r ON r.floor = f.id ORDER BY f.id",
    "SELECT floor, count(*) FROM rooms GROUP BY floor ORDER BY count(*)",
    "SELECT floor, tag FROM rooms GROUP BY floor, tag ORDER BY floor",
    "SELECT DISTINCT floor, tag FROM rooms ORDER BY floor",
    "SELECT id, row_number() OVER (PARTITION BY floor ORDER BY tag) AS place FROM rooms ORDER BY place",
    "SELECT id, rank() OVER (ORDER BY tag) AS place FROM rooms ORDER BY place",
    "SELECT id, room FROM doors ORDER BY room",
    "SELECT id, tag FROM rooms EXCEPT SELECT id, tag FROM rooms WHERE id = 1 ORDER BY tag",
    "SELECT f.id, r.id FROM floors f, LATERAL (SELECT r.id FROM rooms r WHERE r.floor = f.id) r ORDER BY f.id",
    "SELECT f.id, r.id FROM floors f, LATERAL (SELECT r.id FROM rooms r WHERE r.floor = f.id ORDER BY r.id LIMIT 2) r ORDER BY f.id",
    "WITH x AS (SELECT id, tag FROM rooms) SELECT a.id, b.id FROM x a JOIN x b ON b.tag = a.tag ORDER BY a.id",
    "SELECT id, tag FROM busy_rooms ORDER BY days",
]
# Nothing is reported for these: no key distinguishes their rows, or it cannot be known whether one does.
DOUBTFUL = [
    "SELECT guest, text FROM notes ORDER BY guest",
    "SELECT u.a, u.b FROM unnest(ARRAY[1, 2], ARRAY[1, 2]) AS u (a, b) ORDER BY u.a",
    "SELECT 'a' AS kind, id FROM rooms UNION ALL SELECT 'b', id FROM floors ORDER BY id",
    "SELECT floor, tag, count(*) FROM rooms GROUP BY ROLLUP (floor, tag) ORDER BY floor, tag",
    "SELECT x.n, count(*) FROM (SELECT count(*) AS n FROM rooms) AS x GROUP BY ROLLUP (x.n) ORDER BY count(*)",
    "SELECT c.relname, i.relname FROM pg_index x JOIN pg_class c ON c.oid = x.indrelid LEFT JOIN pg_class i ON i.oid = x.indexrelid ORDER BY i.oid",
    "SELECT id, unnest(ARRAY[1, 2]) FROM rooms ORDER BY id",
    "SELECT id, room FROM doors WHERE NOT is_open ORDER BY room",
    # Total if every stay has its room, as a foreign key would say.
    "SELECT s.guest, s.room FROM stays s LEFT JOIN rooms r ON r.id = s.room ORDER BY r.id, s.day",
]
ONE = [
    "SELECT tag FROM rooms WHERE id = 1",
    "SELECT count(*) FROM rooms",
    "SELECT id FROM floors WHERE code = 1",
    "SELECT id FROM floors WHERE code IS NOT DISTINCT FROM 1",
    "SELECT floor FROM cards WHERE guest IS NULL",
    "SELECT f.kind FROM rooms r LEFT JOIN floors f ON f.id = r.floor WHERE r.id = 1",
    "SELECT tag FROM rooms ORDER BY tag LIMIT 1",
    "SELECT id FROM rooms ORDER BY id FETCH FIRST 1 ROW WITH TIES",
    "SELECT tag FROM rooms WHERE id = (SELECT max(id) FROM rooms)",
    "SELECT tag FROM rooms WHERE id IN (SELECT max(id) FROM rooms)",
    "SELECT x.tag FROM (SELECT id, tag FROM rooms) x WHERE x.id = 1",
    "SELECT id FROM doors WHERE is_open AND room = 1",
    "SELECT room FROM doors WHERE id + 1 = 2",
    "SELECT (SELECT array_agg(u) FROM unnest(ARRAY[1]) AS u) AS found",
    "SELECT floor, count(*) FROM rooms WHERE floor = 1 GROUP BY floor",
    "SELECT a.id FROM rooms a FULL JOIN (SELECT 1 AS id) b ON a.id = b.id WHERE a.id = 1",
    "UPDATE rooms SET tag = 1 FROM stays WHERE rooms.id = 1 RETURNING rooms.tag",
    "DELETE FROM rooms USING stays WHERE rooms.id = 1 RETURNING rooms.tag",
    "INSERT INTO notes VALUES (1, 1) RETURNING guest",
]
MANY = [
    # Whether the second is joined depends on the first, of which the condition within says nothing then.
    "SELECT DISTINCT x.n FROM stays s LEFT JOIN LATERAL (SELECT 1 AS n WHERE s.guest = 1) x ON TRUE",
    "SELECT tag FROM rooms WHERE floor = 1",
    "SELECT id FROM floors WHERE code IS NULL",
    "SELECT id FROM floors WHERE NOT (code IS DISTINCT FROM NULL::int)",
    "SELECT r.id FROM floors f LEFT JOIN rooms r ON r.floor = f.id WHERE f.id = 1",
    "SELECT f.id FROM floors f CROSS JOIN rooms r WHERE f.id = 1",
    "SELECT a.id FROM (SELECT 1 AS id) a FULL JOIN (SELECT 2 AS id) b ON a.id = b.id",
    "SELECT room FROM doors WHERE room = 1",
    "SELECT tag FROM rooms WHERE id IN (1, 2)",
    "SELECT tag FROM rooms WHERE id IN (SELECT floor FROM rooms)",
    "SELECT id FROM rooms ORDER BY tag FETCH FIRST 1 ROW WITH TIES",
    "SELECT floor, count(*) FROM rooms GROUP BY floor",
    "SELECT id, generate_series(1, 2) FROM rooms WHERE id = 1",
    "SELECT tag FROM rooms WHERE id = 1 UNION ALL SELECT 2",
    "UPDATE rooms SET tag = 1 FROM stays WHERE rooms.id = stays.room AND stays.day = 1 RETURNING rooms.tag",
    "INSERT INTO notes SELECT id, tag FROM rooms RETURNING guest",
    "INSERT INTO notes VALUES (1, 1), (2, 2) RETURNING guest",
]


@pytest.fixture(scope="module")
def url(server):
    with psycopg.connect(server.url(), autocommit=True) as connection:
        connection.execute("CREATE DATABASE check_rows TEMPLATE template0")
    with psycopg.connect(server.url("check_rows"), autocommit=True) as connection:
        connection.execute(SCHEMA)
        # A key of one table does not hold for what inherits from it.
        connection.execute(
            "CREATE TABLE parents (id int PRIMARY KEY, name text); CREATE TABLE heirs () INHERITS (parents)"
        )
    yield server.url("check_rows")
    with psycopg.connect(server.url(), autocommit=True) as connection:
        connection.execute("DROP DATABASE check_rows WITH (FORCE)")


@pytest.fixture(scope="module")
def judged(url):
    """Judge queries: whether the order of each is total, and how many rows it has."""

    def judge(statements):
        text = "".join(f"-- name: query_{number}()\n{sql};\n" for number, sql in enumerate(statements))
        queries, errors = read_queries(text.encode(), Path("cases.sql"))
        assert errors == []
        with closing(connect(Settings(), url)) as connection:
            scopes = read_scopes(connection, queries, [[]] * len(queries))
        assert None not in scopes
        rows = RowJudge(lambda *_: False)
        return [(rows.order_is_total(scope), rows.bound(scope)) for scope in scopes]

    return judge


@pytest.mark.parametrize(("statements", "expected"), [(TOTAL, True), (OPEN, False), (DOUBTFUL, None)])
def test_an_order(judged, statements, expected):
    answers = {sql: total for sql, (total, _) in zip(statements, judged(statements), strict=True)}
    assert {sql: total for sql, total in answers.items() if total is not expected} == {}


@pytest.mark.parametrize(("statements", "is_one"), [(ONE, True), (MANY, False)])
def test_how_many_rows_there_can_be(judged, statements, is_one):
    answers = {sql: bound for sql, (_, bound) in zip(statements, judged(statements), strict=True)}
    wrong = {sql: bound for sql, bound in answers.items() if (bound is Bound.ONE) is not is_one}
    assert wrong == {}
    assert Bound.UNKNOWN not in answers.values()


def test_a_key_does_not_hold_for_what_inherits(judged):
    answers = judged(
        [
            "SELECT id, name FROM parents ORDER BY id",
            "SELECT id, name FROM ONLY parents ORDER BY id",
            "SELECT name FROM parents WHERE id = 1",
        ]
    )
    assert answers[0] == (None, Bound.GROWS)
    assert answers[1] == (True, Bound.GROWS)
    assert answers[2][1] is Bound.GROWS


@pytest.mark.parametrize("seed", range(SEEDS))
def test_random_queries_are_judged_as_their_rows_are(url, judged, seed):
    maker = QueryMaker(Random(seed))
    made = [maker.query() for _ in range(QUERIES)]
    answers = judged([sql for sql, _ in made])
    is_open, has_many = set(), set()
    with psycopg.connect(url, autocommit=True) as connection:
        for filling in range(FILLINGS):
            for statement in data_statements(Random(1000 * seed + filling)):
                try:
                    connection.execute(statement.encode())
                except psycopg.IntegrityError:
                    continue
            for number, (sql, places) in enumerate(made):
                try:
                    rows = connection.execute(sql.encode(), prepare=False).fetchall()
                except psycopg.errors.CardinalityViolation:
                    continue  # a scalar subquery of many rows
                first = {}
                for row in rows:
                    if first.setdefault(tuple(row[at] for at in places), row) != row:
                        is_open.add(number)
                if len(rows) > 1:
                    has_many.add(number)
    totals = {number for number, (total, _) in enumerate(answers) if total}
    ones = {number for number, (_, bound) in enumerate(answers) if bound is Bound.ONE}
    assert [made[number][0] for number in sorted(totals & is_open)] == []
    assert [made[number][0] for number in sorted(ones & has_many)] == []
    # Enough of them are judged for this to mean something.
    assert len(totals) > QUERIES / 3
    assert len(ones) > QUERIES / 20
    assert (
        len([number for number, (total, _) in enumerate(answers) if total is False and number in is_open])
        > QUERIES / 30
    )
