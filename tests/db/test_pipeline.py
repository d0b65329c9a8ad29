"""Statements that are sent together, and commits that do not wait. Both classes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from guestsql import AsyncDatabase, Database, errors
from guestsql.settings import Settings
from guestsql.sql._async import pipeline as async_pipeline
from guestsql.sql._async.connection import AsyncDeadlineConnection
from guestsql.sql._sync import pipeline
from guestsql.sql._sync.connection import DeadlineConnection
from tests.databases import KINDS, Either, awaitable, block, transaction

QUERIES = """\
-- name: make_counts()!
-- A table that counts.
CREATE TABLE counts AS SELECT 0 AS n;

-- name: require_count()!
-- Refuses NULL.
ALTER TABLE counts ALTER COLUMN n SET NOT NULL;

-- name: lose_count(least)$
-- Counts; a crash may lose it.
-- commit: async
--   least: int = 0, fails below it
UPDATE counts
SET n = CASE WHEN n >= :least::int THEN n + 1 END
RETURNING n;

-- name: show_wait()$
-- How a commit waits.
SELECT current_setting('synchronous_commit') AS waiting;
"""


class Connected:
    """A connection of either class; every method is awaited."""

    def __init__(self, kind: str, raw: Any) -> None:
        self.raw = raw
        self._together = pipeline.together if kind == "sync" else async_pipeline.together

    def together(self) -> Any:
        return block(self._together(self.raw))

    async def execute(self, text: str, *values: object, prepare: bool | None = None) -> Any:
        return await awaitable(self.raw.execute)(text, values, prepare=prepare)

    async def row(self, text: str) -> tuple[Any, ...]:
        found = await self.execute(text)
        return tuple(await awaitable(found.fetchone)())


@pytest.fixture(params=KINDS)
async def connected(request: pytest.FixtureRequest, empty_database_url: str) -> AsyncIterator[Connected]:
    kind = request.param
    if kind == "sync":
        raw: Any = DeadlineConnection.connect(empty_database_url, autocommit=True)
    else:
        raw = await AsyncDeadlineConnection.connect(empty_database_url, autocommit=True)
    found = Connected(kind, raw)
    await found.execute("CREATE TABLE counts (id int PRIMARY KEY, n int NOT NULL)")
    await found.execute("INSERT INTO counts VALUES (1, 0)")
    yield found
    await awaitable(raw.close)()


async def test_statements_are_one_transaction_up_to_its_end(connected: Connected) -> None:
    number = "SELECT pg_current_xact_id()::text AS n"
    async with connected.together() as batch:
        first = await connected.execute("UPDATE counts SET n = n + %s RETURNING n", 5)
        inside = [await connected.execute(number), await connected.execute(number)]
        assert first.pgresult is None  # nothing is sent before the end
        batch.end_transaction()
        behind = await connected.execute(number)
    assert await awaitable(first.fetchone)() == (5,)
    numbers = [(await awaitable(each.fetchone)())[0] for each in (*inside, behind)]
    assert numbers[0] == numbers[1] != numbers[2]


@pytest.mark.parametrize("prepare", [None, True])
async def test_the_first_error_is_raised_and_undoes_its_transaction_alone(
    connected: Connected, prepare: bool | None
) -> None:
    with pytest.raises(psycopg.errors.DivisionByZero):
        async with connected.together() as batch:
            await connected.execute("UPDATE counts SET n = 1", prepare=prepare)
            batch.end_transaction()
            await connected.execute("UPDATE counts SET n = 2", prepare=prepare)
            await connected.execute("SELECT 1 / (n - n) FROM counts", prepare=prepare)
            await connected.execute("SELECT 1", prepare=prepare)
            batch.end_transaction()
            done = await connected.execute("UPDATE counts SET n = n + 2 RETURNING n", prepare=prepare)
    assert await awaitable(done.fetchone)() == (3,)
    assert await connected.row("SELECT n FROM counts") == (3,)


@pytest.mark.parametrize("is_last", [True, False])
async def test_a_commit_that_fails_is_an_error_too(connected: Connected, is_last: bool) -> None:
    await connected.execute("ALTER TABLE counts ADD UNIQUE (n) DEFERRABLE INITIALLY DEFERRED")
    with pytest.raises(psycopg.errors.UniqueViolation):
        async with connected.together() as batch:
            await connected.execute("UPDATE counts SET n = 1")
            batch.end_transaction()
            await connected.execute("INSERT INTO counts VALUES (2, 1)")
            if not is_last:
                batch.end_transaction()
                await connected.execute("UPDATE counts SET n = n + 1")
    assert batch.committed == 1
    assert await connected.row("SELECT sum(n)::int AS n FROM counts") == (1 if is_last else 2,)


async def test_a_caller_that_fails_has_sent_nothing(connected: Connected) -> None:
    with pytest.raises(UnicodeEncodeError):
        async with connected.together():
            await connected.execute("UPDATE counts SET n = 1")
            await connected.execute("SELECT %s::text", "\ud800")
    assert await connected.row("SELECT n FROM counts") == (0,)


async def test_a_large_batch_in_both_directions_ends(connected: Connected) -> None:
    text = "x" * 500_000
    async with connected.together():
        echoes = [await connected.execute("SELECT %s::text", text) for _ in range(20)]
    assert [len((await awaitable(each.fetchone)())[0]) for each in echoes] == [len(text)] * 20


async def test_a_lost_connection_is_an_error_and_closes_it(connected: Connected) -> None:
    with pytest.raises(psycopg.OperationalError):
        async with connected.together():
            await connected.execute("UPDATE counts SET n = 1")
            await connected.execute("SELECT pg_terminate_backend(pg_backend_pid())")
    assert connected.raw.closed


@pytest.mark.parametrize("kind", KINDS)
async def test_the_mark_changes_no_transaction_but_the_querys_own(
    kind: str, empty_database_url: str, tmp_path: Path
) -> None:
    """That its own does not wait is tested with a crash, and with a standby that is away."""
    (tmp_path / "own.sql").write_text(QUERIES)
    settings = Settings(database_url=empty_database_url, pool_min=1, pool_max=1)
    made: Any = Database if kind == "sync" else AsyncDatabase
    async with block(made(queries=tmp_path, settings=settings)) as raw:
        db = Either.__new__(Either)
        db.use(raw)
        await db.queries.make_counts()
        await db.queries.require_count()
        assert [await db.queries.lose_count() for _ in range(5)] == [1, 2, 3, 4, 5]
        assert await db.queries.show_wait() == "on"
        async with transaction(db) as tx:
            assert await tx.queries.lose_count() == 6
            assert await tx.queries.show_wait() == "on"
        with pytest.raises(errors.ConstraintViolation):
            await db.queries.lose_count(least=10)
        assert await db.queries.lose_count() == 7
