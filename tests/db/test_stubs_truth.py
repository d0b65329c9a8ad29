"""What the stubs say of NULL and of types is what the rows hold."""

from __future__ import annotations

import datetime as dt
import decimal
import ipaddress
import typing
import uuid
from contextlib import closing
from pathlib import Path

import psycopg
import pytest
from psycopg.types import multirange
from psycopg.types import range as ranges

from guestsql.check.infer import infer, nullable
from guestsql.settings import Settings
from guestsql.sql._sync.connection import connect
from guestsql.sql.reading import read_queries
from tests.db.stub_cases import CASES, DATA, SCHEMA, TYPES

_NAMES = {
    "_datetime": dt,
    "_decimal": decimal,
    "_ipaddress": ipaddress,
    "_multirange": multirange,
    "_range": ranges,
    "_typing": typing,
    "_uuid": uuid,
}


@pytest.fixture(scope="module")
def url(server):
    with psycopg.connect(server.url(), autocommit=True) as connection:
        connection.execute("CREATE DATABASE stubs_truth TEMPLATE template0")
    with psycopg.connect(server.url("stubs_truth"), autocommit=True) as connection:
        connection.execute(SCHEMA)
        if connection.info.server_version >= 180000:  # who inherits must require what the parent does
            connection.execute("ALTER TABLE parents ALTER must DROP NOT NULL")
            connection.execute(DATA.replace("ALTER TABLE heirs ALTER must DROP NOT NULL;", ""))
            connection.execute("ALTER TABLE parents ADD CONSTRAINT later NOT NULL must NOT VALID")
        else:
            connection.execute(DATA)
    yield server.url("stubs_truth")
    with psycopg.connect(server.url(), autocommit=True) as connection:
        connection.execute("DROP DATABASE stubs_truth WITH (FORCE)")


@pytest.fixture(scope="module")
def signatures(url):
    with closing(connect(Settings(), url)) as connection:
        major = connection.info.server_version // 10000
        texts = [case.sql for case in CASES if case.since <= major] + [sql for _, sql in TYPES]
        text = "".join(f"-- name: query_{number}()\n{sql};\n" for number, sql in enumerate(texts))
        queries, errors = read_queries(text.encode(), Path("cases.sql"))
        assert errors == []
        found = infer(connection, queries)
        return {sql: found[f"query_{number}"] for number, sql in enumerate(texts) if f"query_{number}" in found}


@pytest.fixture(scope="module")
def connection(url):
    with psycopg.connect(url) as opened:
        opened.adapters.register_loader("date", _Date)
        yield opened
        opened.rollback()


def _rows(connection, sql):
    with connection.transaction(force_rollback=True):
        return connection.execute(sql.encode()).fetchall()


class _Date(psycopg.adapt.Loader):
    """Infinity has no date in Python; here only NULL counts."""

    def load(self, data):
        text = bytes(data).decode()
        return dt.date.max if "infinity" in text else dt.date.fromisoformat(text)


def _major(connection):
    return connection.info.server_version // 10000


def test_there_are_enough_cases():
    assert len(CASES) >= 100


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.sql.replace(" ", "_")[:80])
def test_a_column_is_null_only_where_it_may_be(connection, signatures, case):
    if _major(connection) < case.since:
        assert case.sql not in signatures  # this server does not know it
        return
    columns = signatures[case.sql].columns
    found = "".join(
        "?"
        if "None" in column.annotation.split("list[")[0] or "| None" in column.annotation.rpartition("]")[2]
        else "."
        for column in columns
    )
    # Of what may be anything, NULL is a part.
    told = "".join(
        "." if column.annotation == "_typing.Any" and said == "?" else said
        for column, said in zip(columns, case.columns, strict=True)
    )
    assert found == told
    for row in _rows(connection, case.sql):
        for value, said in zip(row, case.columns, strict=True):
            assert value is not None or said == "?", row


def test_the_cases_hold_null_wherever_one_is_described(connection):
    """Otherwise a column that is described as NULL only to be safe would look like one that must be."""
    major = _major(connection)
    seen = [
        any(
            value is None
            for row in _rows(connection, case.sql)
            for value, said in zip(row, case.columns, strict=True)
            if said == "?"
        )
        for case in CASES
        if "?" in case.columns and case.since <= major
    ]
    assert sum(seen) / len(seen) > 0.7


@pytest.mark.parametrize(("annotation", "sql"), TYPES, ids=[sql.replace(" ", "_")[:60] for _, sql in TYPES])
def test_a_value_has_the_type_that_is_described(connection, signatures, annotation, sql):
    (column,) = signatures[sql].columns
    assert column.annotation.replace('"', "'") == annotation
    type_ = eval(annotation, dict(_NAMES))
    for (value,) in _rows(connection, sql):
        assert _fits(value, type_), value


def _fits(value, type_):
    """Return whether a value is of a type."""
    if type_ is typing.Any:
        return True
    if type_ is None or type_ is type(None):
        return value is None
    origin, inner = typing.get_origin(type_), typing.get_args(type_)
    if origin is typing.Literal:
        return value in inner
    if origin is list:
        return isinstance(value, list) and all(_fits(each, inner[0]) for each in value)
    if inner and origin not in (ranges.Range, multirange.Multirange):
        return any(_fits(value, each) for each in inner)
    return isinstance(value, origin or type_)


def test_what_is_described_of_the_servers_own_views_is_true(url):
    """Some hundred and forty, with subqueries, set operations, functions and outer joins of every kind."""
    with closing(connect(Settings(), url)) as connection:
        found = connection.execute(
            "SELECT classes.oid::regclass::text, string_agg(quote_ident(attname), ', ' ORDER BY attnum)"
            " FROM pg_class AS classes JOIN pg_attribute ON attrelid = classes.oid AND attnum > 0"
            " WHERE relkind = 'v' AND relnamespace IN ('pg_catalog'::regnamespace, 'information_schema'::regnamespace)"
            " AND relname NOT LIKE '%numa%' GROUP BY classes.oid ORDER BY 1"
        ).fetchall()
        views = dict(tuple(row) for row in found)
        text = "".join(
            f"-- name: view_{number}()\nSELECT {columns} FROM {view};\n"
            for number, (view, columns) in enumerate(views.items())
        )
        queries, errors = read_queries(text.encode(), Path("views.sql"))
        assert errors == []
        signatures = infer(connection, queries)
        values = 0
        for number, view in enumerate(views):
            columns = [each for each in signatures[f"view_{number}"].columns if "None" not in each.annotation]
            values += len(columns)
            kept = [f'count("{each.name}")' for each in columns if "Any" not in each.annotation]
            counts = connection.execute(f"SELECT ARRAY[{', '.join([*kept, 'count(*)'])}] FROM {view}".encode())
            assert len(set(counts.fetchone()[0])) == 1, view
        assert values > 400


def test_a_chain_of_with_queries_is_judged_once(url, monkeypatch):
    """Each mentions the one before three times: judged at each mention, or from the last on, there would be no end."""
    judged = []
    judge = nullable.judge

    def counted(*of, **options):
        judged.append(of)
        assert len(judged) < 10_000
        return judge(*of, **options)

    monkeypatch.setattr(nullable, "judge", counted)
    links = ["link_0 AS (SELECT 1 AS number)"]
    links += [
        f"link_{at} AS (SELECT a.number + b.number + c.number AS number FROM link_{at - 1} AS a,"
        f" link_{at - 1} AS b LEFT JOIN link_{at - 1} AS c ON c.number = 1)"
        for at in range(1, 200)
    ]
    text = f"-- name: get_link()$\nWITH {', '.join(links)} SELECT number FROM link_{{}};\n"
    with closing(connect(Settings(), url)) as connection:
        for last, nullable_number in ((0, False), (199, True)):
            queries, _ = read_queries(text.format(last).encode(), Path("chain.sql"))
            (column,) = infer(connection, queries)["get_link"].columns
            assert ("None" in column.annotation) is nullable_number
