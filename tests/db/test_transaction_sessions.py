"""Transactions as the executor runs them: savepoints, repeats, and how each kind of failure ends."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from guestsql import GuestDatabase
from guestsql.errors import (
    ConstraintViolation,
    DatabaseUnavailable,
    OutcomeUnknown,
    QueryTimeout,
    TransactionAborted,
    TransactionConflict,
    TransactionError,
)
from guestsql.sql import load_catalogue
from guestsql.sql._async.executor import AsyncExecutor
from guestsql.sql._async.transaction import AsyncTransactionSession
from tests.databases import GUEST, Program, Proxy, make_settings

Connection = psycopg.Connection[Any]

QUERIES = """
-- name: add_number(number)!
INSERT INTO numbers (number) VALUES (:number::int);

-- name: list_numbers()
SELECT number FROM numbers ORDER BY number;

-- name: commit_all()!
COMMIT;

-- name: set_savepoint()!
/* for an editor */ savepoint guestsql_1;

-- name: get_pid()$
SELECT pg_backend_pid();

-- name: sleep(seconds)$
SELECT pg_sleep(:seconds::float8)::text;
"""


@pytest.fixture
async def opened(
    empty_database_url: str, tmp_path: Path, request: pytest.FixtureRequest
) -> AsyncIterator[AsyncExecutor]:
    """An executor of three queries; `request.param` are further settings."""
    with psycopg.connect(empty_database_url, autocommit=True) as connection:
        connection.execute("CREATE TABLE numbers (number int UNIQUE DEFERRABLE INITIALLY IMMEDIATE)")
    (tmp_path / "numbers.sql").write_text(QUERIES, encoding="utf-8")
    settings = make_settings(empty_database_url, **getattr(request, "param", {}))
    executor = AsyncExecutor(settings, empty_database_url, load_catalogue(tmp_path))
    await executor.open()
    try:
        yield executor
    finally:
        await executor.close()


async def numbers(executor: AsyncExecutor) -> list[int]:
    return [row.number for row in await executor.call("list_numbers", {})]


async def add(tx: AsyncTransactionSession, *given: int) -> None:
    for number in given:
        await tx.call("add_number", {"number": number})


async def test_all_is_committed_together_or_not_at_all(opened: AsyncExecutor) -> None:
    async with opened.transaction() as tx:
        await add(tx, 1, 2)
        assert await numbers(opened) == []
    assert await numbers(opened) == [1, 2]
    with pytest.raises(KeyError):
        async with opened.transaction() as tx:
            await add(tx, 3)
            raise KeyError
    assert await numbers(opened) == [1, 2]


async def test_a_savepoint_undoes_what_is_inside_it_and_is_reusable(opened: AsyncExecutor) -> None:
    called: list[str] = []
    async with opened.transaction() as tx:
        await add(tx, 1)
        tx.on_commit(lambda: called.append("outer"))
        for _ in range(2):
            with pytest.raises(ConstraintViolation):
                async with tx.savepoint():
                    tx.on_commit(lambda: called.append("undone"))
                    await add(tx, 2, 1)
        async with tx.savepoint():
            await add(tx, 3)
            with pytest.raises(KeyError):
                async with tx.savepoint():
                    await add(tx, 4)
                    raise KeyError
        assert not called
    assert called == ["outer"]
    assert await numbers(opened) == [1, 3]


async def test_a_failure_that_is_caught_is_named_by_what_follows(opened: AsyncExecutor) -> None:
    with pytest.raises(TransactionAborted, match=r"query add_number: .*unique") as end:
        async with opened.transaction() as tx:
            await add(tx, 1)
            with pytest.raises(ConstraintViolation) as first:
                await add(tx, 1)
            with pytest.raises(TransactionAborted, match=r"query add_number: .*unique") as second:
                await tx.call("list_numbers", {})
            assert second.value.__cause__ is first.value
    assert end.value.__cause__ is first.value
    assert await numbers(opened) == []


async def test_arguments_that_are_wrong_end_nothing(opened: AsyncExecutor) -> None:
    async with opened.transaction() as tx:
        with pytest.raises(TypeError):
            await tx.call("add_number", {"letter": "a"})
        await add(tx, 1)
    assert await numbers(opened) == [1]


async def test_a_transaction_is_used_inside_its_block_by_one_task_at_a_time(opened: AsyncExecutor) -> None:
    async with opened.transaction() as tx:
        await add(tx, 1)
        results = await asyncio.gather(add(tx, 2), add(tx, 3), return_exceptions=True)
        assert [type(result) for result in results] == [type(None), TransactionError]
        assert "another task" in str(results[1])
    with pytest.raises(TransactionError, match="has ended"):
        await add(tx, 4)
    assert await numbers(opened) == [1, 2]


async def test_a_call_that_still_runs_at_the_end_rolls_back(opened: AsyncExecutor) -> None:
    with pytest.raises(TransactionError, match="still running"):
        async with opened.transaction() as tx:
            await add(tx, 1)
            late = asyncio.create_task(tx.call("sleep", {"seconds": 0.05}))
            await asyncio.sleep(0)
    await late
    assert await numbers(opened) == []


async def test_savepoints_that_overlap_are_refused(opened: AsyncExecutor) -> None:
    with pytest.raises(TransactionError, match="overlap"):
        async with opened.transaction() as tx:
            first, second = tx.savepoint(), tx.savepoint()
            await first.__aenter__()
            await second.__aenter__()
            await add(tx, 1)
            await first.__aexit__(None, None, None)
    assert await numbers(opened) == []


async def test_savepoints_that_overlap_leave_nothing_even_if_the_error_is_caught(opened: AsyncExecutor) -> None:
    with pytest.raises(TransactionAborted, match="overlap"):
        async with opened.transaction() as tx:
            await add(tx, 1)
            first, second = tx.savepoint(), tx.savepoint()
            await first.__aenter__()
            await second.__aenter__()
            await first.__aexit__(KeyError, KeyError(), None)
            with pytest.raises(TransactionAborted):
                await add(tx, 2)
            with pytest.raises(TransactionError, match="overlap"):
                await second.__aexit__(None, None, None)
    assert await numbers(opened) == []


@pytest.mark.parametrize("query", ["commit_all", "set_savepoint"])
async def test_a_query_cannot_end_the_transaction(query: str, opened: AsyncExecutor) -> None:
    async with opened.transaction() as tx:
        with pytest.raises(KeyError):
            async with tx.savepoint():
                await add(tx, 1)
                with pytest.raises(TransactionError, match=f"query {query} would begin or end a transaction"):
                    await tx.call(query, {})
                raise KeyError
        await add(tx, 2)
    assert await numbers(opened) == [2]


async def test_one_deadline_holds_for_everything(opened: AsyncExecutor) -> None:
    async with opened.transaction() as tx:
        pid = await tx.call("get_pid", {})
    with pytest.raises(QueryTimeout, match="still open at its deadline: everything was rolled back"):
        async with opened.transaction() as tx:
            await add(tx, 1)
            tx._state._deadline = 0.0  # as if it had passed
            with pytest.raises(QueryTimeout, match="still open"):
                await add(tx, 2)
    assert await numbers(opened) == []
    assert await opened.call("get_pid", {}) == pid  # it was rolled back, not torn down


@pytest.mark.direct("behind a pooler, the session of a caller who left counts for 30 s")
@pytest.mark.parametrize("opened", [{"pool_max": 1}], indirect=True)
async def test_a_cancelled_transaction_leaves_a_pool_that_works(opened: AsyncExecutor) -> None:
    async def work(seconds: float, inside: asyncio.Event) -> None:
        async with opened.transaction() as tx:
            await add(tx, 1)
            inside.set()
            if seconds:
                await tx.call("sleep", {"seconds": seconds})
            else:
                await asyncio.sleep(3600)

    for seconds in (0.0, 0.2):
        inside = asyncio.Event()
        task = asyncio.create_task(work(seconds, inside))
        await inside.wait()
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await numbers(opened) == []


async def test_a_function_is_repeated_after_a_conflict(opened: AsyncExecutor) -> None:
    async with opened.transaction() as tx:
        await add(tx, 1)
    seen: list[list[int]] = []

    async def next_number(tx: AsyncTransactionSession) -> int:
        known = [row.number for row in await tx.call("list_numbers", {})]
        seen.append(known)
        if len(seen) == 1:  # another transaction does the same, and is faster
            await opened.run(add_next, isolation="serializable")
        await add(tx, 10 * len(seen))
        return len(seen)

    async def add_next(tx: AsyncTransactionSession) -> None:
        await tx.call("list_numbers", {})
        await add(tx, 2)

    assert await opened.run(next_number, isolation="serializable") == 2
    assert seen == [[1], [1, 2]]
    assert await numbers(opened) == [1, 2, 20]


async def test_a_conflict_without_run_is_the_callers(opened: AsyncExecutor) -> None:
    with pytest.raises(TransactionConflict) as caught:
        async with opened.transaction(isolation="serializable") as tx:
            await tx.call("list_numbers", {})
            async with opened.transaction(isolation="serializable") as other:
                await other.call("list_numbers", {})
                await add(other, 2)
            await add(tx, 3)
    assert caught.value.retryable
    assert await numbers(opened) == [2]


@pytest.mark.direct("a pooler may learn of it after COMMIT, whose outcome is then unknown")
async def test_a_connection_that_is_lost_before_commit_is_repeated(opened: AsyncExecutor) -> None:
    attempts = 0

    async def work(tx: AsyncTransactionSession) -> int:
        nonlocal attempts
        attempts += 1
        await add(tx, attempts)
        if attempts == 1:
            pid = await tx.call("get_pid", {})
            with psycopg.connect(opened_url, autocommit=True) as other:
                other.execute("SELECT pg_terminate_backend(%s, 10000)", [pid])
        return attempts

    settings: Any = opened._connections
    opened_url = settings._settings.database_url
    assert await opened.run(work) == 2
    assert await numbers(opened) == [2]


async def test_what_the_function_raises_is_not_repeated(opened: AsyncExecutor) -> None:
    attempts = 0

    async def work(tx: AsyncTransactionSession) -> None:
        nonlocal attempts
        attempts += 1
        await add(tx, 1)
        raise KeyError

    with pytest.raises(KeyError):
        await opened.run(work)
    assert attempts == 1
    assert await numbers(opened) == []


@pytest.mark.parametrize("way", ["run", "transaction"])
async def test_a_commit_whose_answer_is_lost_is_neither_repeated_nor_denied(
    way: str, empty_database_url: str, tmp_path: Path
) -> None:
    with psycopg.connect(empty_database_url, autocommit=True) as connection:
        connection.execute("CREATE TABLE numbers (number int)")
    (tmp_path / "numbers.sql").write_text(QUERIES, encoding="utf-8")
    attempts = 0

    async def work(tx: AsyncTransactionSession) -> None:
        nonlocal attempts
        attempts += 1
        await add(tx, attempts)

    with Proxy(empty_database_url) as proxy:
        executor = AsyncExecutor(make_settings(proxy.url), proxy.url, load_catalogue(tmp_path))
        await executor.open()
        proxy.lie("57P01", at=b"COMMIT")
        with pytest.raises(OutcomeUnknown, match="COMMIT: told 57P01") as caught:
            if way == "run":
                await executor.run(work)
            else:
                async with executor.transaction() as tx:
                    await work(tx)
        assert not caught.value.retryable
        assert await numbers(executor) == [1]
        await executor.close()


async def test_an_error_from_elsewhere_says_nothing_of_the_transaction(empty_database_url: str, tmp_path: Path) -> None:
    with psycopg.connect(empty_database_url, autocommit=True) as connection:
        connection.execute("CREATE TABLE numbers (number int)")
    (tmp_path / "numbers.sql").write_text(QUERIES, encoding="utf-8")
    attempts = 0

    async def work(tx: AsyncTransactionSession) -> None:
        nonlocal attempts
        attempts += 1
        await add(tx, 10)
        async with executor.transaction() as other:
            await add(other, attempts)
            proxy.lie("57P01", at=b"COMMIT")

    with Proxy(empty_database_url) as proxy:
        executor = AsyncExecutor(make_settings(proxy.url), proxy.url, load_catalogue(tmp_path))
        await executor.open()
        for count, call in enumerate((executor.run, run_once(executor)), 1):
            with pytest.raises(OutcomeUnknown, match="COMMIT: told 57P01") as caught:
                await call(work)
            assert attempts == count
            assert not caught.value.undone
        assert await numbers(executor) == [1, 2]
        await executor.close()


def run_once(executor: AsyncExecutor) -> Any:
    """Like `run`, with a block."""

    async def run(function: Any) -> None:
        async with executor.transaction() as tx:
            await function(tx)

    return run


async def test_a_connection_that_is_lost_at_its_beginning_is_repeated(empty_database_url: str, tmp_path: Path) -> None:
    (tmp_path / "numbers.sql").write_text(QUERIES, encoding="utf-8")
    with Proxy(empty_database_url) as proxy:
        executor = AsyncExecutor(make_settings(proxy.url), proxy.url, load_catalogue(tmp_path))
        await executor.open()
        proxy.lie("57P01", at=b"BEGIN")
        assert await executor.run(lambda tx: tx.call("get_pid", {})) > 0
        await executor.close()


async def test_an_error_of_commit_itself_is_reported_as_it_is(opened: AsyncExecutor) -> None:
    settings: Any = opened._connections
    with psycopg.connect(settings._settings.database_url, autocommit=True) as connection:
        connection.execute("ALTER TABLE numbers DROP CONSTRAINT numbers_number_key")
        connection.execute("ALTER TABLE numbers ADD UNIQUE (number) DEFERRABLE INITIALLY DEFERRED")
    with pytest.raises(ConstraintViolation):
        async with opened.transaction() as tx:
            await add(tx, 1, 1)
    assert await numbers(opened) == []


async def test_a_server_that_is_away_is_an_error_in_time() -> None:
    url = "postgresql://127.0.0.1:1/nowhere"
    executor = AsyncExecutor(make_settings(url, deadline_seconds=0.3), url, load_catalogue())
    await executor.open()
    with pytest.raises(DatabaseUnavailable):
        async with executor.transaction():
            pytest.fail("there is no connection")
    await executor.close()


def test_a_thread_that_comes_in_between_is_refused(database_url: str) -> None:
    errors: list[BaseException] = []
    with GuestDatabase(settings=make_settings(database_url)) as db, db.transaction() as tx:
        with tx._session._state.used():  # as if a statement of this thread were running

            def call() -> None:
                try:
                    tx.get_profile(GUEST)
                except TransactionError as error:
                    errors.append(error)

            thread = threading.Thread(target=call)
            thread.start()
            thread.join()
        assert tx.get_profile(GUEST) is None
    assert "another task or thread" in str(errors[0])


FORKED = """
import os, sys
from guestsql import GuestDatabase, Settings
from guestsql.errors import TransactionError

db = GuestDatabase(settings=Settings(database_url=sys.argv[1], metrics_seconds=0.0))
with db.transaction() as tx:
    tx.update_profile("573000000001", user_name="Ana")
    child = os.fork()
    if child == 0:
        try:
            tx.get_profile("573000000001")
        except TransactionError as error:
            assert "forked" in str(error)
            assert db.get_profile("573000000001") is None    # a connection of its own
            sys.exit(7)
        os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
    tx.add_labels("573000000001", ["VIP"])
assert db.get_profile("573000000001").labels == ["VIP"]
db.close()
"""


def test_a_forked_child_cannot_use_it_and_does_it_no_harm(database_url: str) -> None:
    with Program(FORKED, database_url) as program:
        assert program.wait() == (0, "")
