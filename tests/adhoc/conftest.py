"""A database without this package's tables, and queries for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import psycopg
import pytest
from psycopg.rows import TupleRow

from guestsql.adhoc.target import Target
from guestsql.settings import Settings
from guestsql.sql import Query, load_catalogue
from tests.conftest import NewDatabase

QUERIES = r"""
-- name: count_up(last)
-- Numbers.
--   last: int, e.g. 3
SELECT n FROM generate_series(1, :last::int) AS s (n) ORDER BY n;

-- name: list_odd_values(amount, words)
-- What Python lacks, or writes otherwise.
--   amount: numeric = 1.10
--   words: text[] = '{}'
SELECT
    :amount::numeric AS amount,
    repeat('9', 5000)::numeric AS huge,
    ('{"n": ' || repeat('9', 5000) || '}')::jsonb AS huge_in_json,
    'NaN'::numeric AS nan,
    'infinity'::timestamptz AS never,
    '-infinity'::date AS always,
    '0044-03-15 BC'::date AS ides,
    '24:00'::time AS midnight,
    '{"nul": "\u0000", "half": "\ud800"}'::json AS escaped,
    '\x00ff'::bytea AS bytes,
    ARRAY['infinity', '0044-03-15 BC']::timestamp[] AS moments,
    :words::text[] AS words,
    'a "q", b' || E'\r\n' AS lines,
    NULL::int AS nothing,
    '' AS empty,
    1 AS n,
    2 AS n;

-- name: divide(last)
-- The last row cannot be made.
--   last: int, e.g. 3
SELECT
    n,
    100 / (:last::int - n) AS share
FROM generate_series(1, :last::int) AS s (n);

-- name: list_wide_rows()
-- 60 MB, made while they are fetched.
SELECT
    generate_series(1, 30000) AS n,
    repeat('x', 2000) AS filler;

-- name: stall()
-- The third row is never made.
SELECT
    n,
    CASE
        WHEN n = 3 THEN pg_sleep(600)::text
    END AS slept
FROM generate_series(1, 4) AS s (n);

-- name: get_session()^
-- What a transaction is run with.
SELECT
    current_user::text AS run_as,
    current_setting('transaction_read_only') AS read_only,
    current_setting('statement_timeout') AS timeout,
    pg_backend_pid() AS pid;

-- name: get_name()$
-- A value.
SELECT 'Ana' AS name;

-- name: change_session()$
-- What it sets would outlive its transaction.
SELECT set_config('search_path', 'nowhere', false) || set_config('work_mem', '64kB', false);

-- name: get_settings()^
-- What it could have set.
SELECT current_setting('search_path') AS path, current_setting('work_mem') AS memory, pg_backend_pid() AS pid;

-- name: get_nobody()^
-- No row.
SELECT 1 AS n WHERE FALSE;

-- name: sleep_long()$
-- Longer than anybody waits.
SELECT pg_sleep(600);

-- name: show_version()$
-- No cursor reads it.
SHOW server_version;

-- name: write_note()
-- It writes.
WITH written AS (
    INSERT INTO notes VALUES ('x') RETURNING note
)
SELECT note FROM written;

-- name: list_notes()
-- A table of the login's own.
SELECT note FROM notes;

-- name: get_broken()
-- A column is missing.
SELECT
    1
    + no_such_column;
"""


@pytest.fixture(scope="module")
def queries(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Query]:
    """The queries above, by name."""
    folder = tmp_path_factory.mktemp("queries")
    (folder / "own.sql").write_text(QUERIES)
    return dict(load_catalogue(folder, packaged=False))


@pytest.fixture(scope="module")
def plain_url(new_database: NewDatabase) -> Iterator[str]:
    """A database with a table `notes`, for all tests of a module."""
    with new_database("template1") as url, psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE TABLE notes (note text)")
        yield url


@pytest.fixture
def admin(plain_url: str) -> Iterator[psycopg.Connection[TupleRow]]:
    """A superuser's connection to that database."""
    with psycopg.connect(plain_url, autocommit=True) as connection:
        yield connection


MakeTarget = Callable[[str], Target]


@pytest.fixture
def target(plain_url: str) -> Target:
    """That database, as a server to query."""
    return target_of(plain_url)


def target_of(url: str) -> Target:
    """A server to query."""
    return Target(Settings(database_url=url, packaged=False), url, "DATABASE_URL")
