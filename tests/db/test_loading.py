"""aiosql's methods, made from query files, on a real server; sync and async side by side."""

import inspect

import psycopg
import pytest
from psycopg import AsyncRawCursor, RawCursor

from guestsql.sql import arrange, bind_queries, load_catalogue

QUERIES = """\
-- name: list_numbers(first, last)
-- The whole numbers from first to last, in order.
--   first: int = 1, the first
SELECT number, '%'
FROM generate_series(:first::int, :last::int) AS number
ORDER BY number;

-- name: get_pair(one, two)^
SELECT :two::text, :one::text WHERE :one::text IS NOT NULL

-- name: get_slice(upper_bound)$
SELECT (ARRAY[10, 20, 30])[2:upper_bound] FROM (SELECT :upper_bound::int AS upper_bound) AS bound

-- name: add_numbers(numbers)!
INSERT INTO numbers SELECT unnest(:numbers::int[])

-- name: get_activity()$
SELECT query
FROM pg_stat_activity
WHERE
    pid = pg_backend_pid()
    /* PADDING */
    AND 1 = 1
""".replace("PADDING", "x" * 3000)


class Adapter:
    """The smallest eager adapter."""

    is_aio_driver = False

    def __init__(self, catalogue=None):
        self.catalogue = catalogue

    def _run(self, conn, name, sql, parameters):
        return RawCursor(conn).execute(sql, arrange(self.catalogue[name], parameters))

    def select(self, conn, name, sql, parameters, *_):
        return self._run(conn, name, sql, parameters).fetchall()

    def select_one(self, conn, name, sql, parameters, *_):
        return self._run(conn, name, sql, parameters).fetchone()

    def select_value(self, conn, name, sql, parameters):
        return self._run(conn, name, sql, parameters).fetchone()[0]

    def insert_update_delete(self, conn, name, sql, parameters):
        return self._run(conn, name, sql, parameters).rowcount


class AsyncAdapter:
    """The same, asynchronous."""

    is_aio_driver = True

    def __init__(self, catalogue):
        self.catalogue = catalogue

    async def _run(self, conn, name, sql, parameters):
        return await AsyncRawCursor(conn).execute(sql, arrange(self.catalogue[name], parameters))

    async def select(self, conn, name, sql, parameters, *_):
        return await (await self._run(conn, name, sql, parameters)).fetchall()

    async def select_one(self, conn, name, sql, parameters, *_):
        return await (await self._run(conn, name, sql, parameters)).fetchone()

    async def select_value(self, conn, name, sql, parameters):
        return (await (await self._run(conn, name, sql, parameters)).fetchone())[0]

    async def insert_update_delete(self, conn, name, sql, parameters):
        return (await self._run(conn, name, sql, parameters)).rowcount


@pytest.fixture
def folder(tmp_path):
    path = tmp_path / "queries"
    path.mkdir()
    (path / "numbers.sql").write_text(QUERIES)
    return path


@pytest.fixture
def catalogue(folder):
    return load_catalogue(folder)


@pytest.fixture
def queries(catalogue):
    return bind_queries(catalogue, Adapter(catalogue))


@pytest.fixture
def async_queries(catalogue):
    return bind_queries(catalogue, AsyncAdapter(catalogue))


@pytest.fixture
async def async_connection(database_url):
    async with await psycopg.AsyncConnection.connect(database_url) as connection:
        yield connection


CALLS = [
    ("list_numbers", {"first": 2, "last": 3}, [(2, "%"), (3, "%")]),
    ("list_numbers", {"last": 2}, [(1, "%"), (2, "%")]),
    ("list_numbers", {"last": 0}, []),
    ("get_pair", {"one": "1", "two": "2"}, ("2", "1")),
    ("get_pair", {"one": None, "two": "2"}, None),
    ("get_slice", {"upper_bound": 3}, [20, 30]),
    ("add_numbers", {"numbers": [1, 2, 3]}, 3),
]


@pytest.mark.parametrize(("name", "arguments", "expected"), CALLS)
def test_answers(connection, queries, name, arguments, expected):
    connection.execute("CREATE TEMPORARY TABLE numbers (number int)")
    assert getattr(queries, name)(connection, **arguments) == expected


async def test_asynchronous_answers_are_the_same(async_connection, async_queries):
    await async_connection.execute("CREATE TEMPORARY TABLE numbers (number int)")
    for name, arguments, expected in CALLS:
        assert await getattr(async_queries, name)(async_connection, **arguments) == expected


@pytest.mark.parametrize("kind", ["queries", "async_queries"])
def test_there_is_a_method_for_each_query_and_no_other(request, catalogue, kind):
    bound = request.getfixturevalue(kind)
    assert bound.available_queries == sorted(catalogue)
    for name, query in catalogue.items():
        method = getattr(bound, name)
        assert (method.__doc__ or "") == query.doc
        assert inspect.iscoroutinefunction(method) is (kind == "async_queries")
        assert method.__code__.co_filename == str(query.file)


def test_the_signature_is_the_declaration(queries):
    assert str(inspect.signature(queries.list_numbers)) == "(conn, *, first='1', last)"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, r"list_numbers\(first, last\): missing last"),
        ({"last": 2, "step": 1}, r"list_numbers\(first, last\): unexpected step"),
    ],
)
def test_wrong_arguments(connection, queries, arguments, message):
    with pytest.raises(TypeError, match=message):
        queries.list_numbers(connection, **arguments)


async def test_wrong_arguments_of_an_asynchronous_query(async_connection, async_queries):
    with pytest.raises(TypeError, match="missing last"):
        await async_queries.list_numbers(async_connection)


def test_arguments_without_a_name_are_refused(connection, queries):
    with pytest.raises(TypeError, match="by name"):
        queries.list_numbers(connection, 1, 2)


def test_the_server_shows_the_name_of_a_long_query_in_both_views(connection, queries):
    connection.execute("CREATE EXTENSION IF NOT EXISTS pg_stat_statements")
    connection.execute("SELECT pg_stat_statements_reset()")
    shown = queries.get_activity(connection)
    assert shown.startswith("/* q=get_activity */")
    assert len(shown) < len(QUERIES)  # the view has cut the end off
    statements = connection.execute(
        "SELECT query FROM pg_stat_statements WHERE query LIKE '%pg_backend_pid()%xxx%'"
    ).fetchall()
    assert [text.endswith("-- q=get_activity") for (text,) in statements] == [True]
