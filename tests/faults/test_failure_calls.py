"""Calls that fail: typed errors in time, a pool that stays healthy, and retries of what is safe to repeat."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from guestsql import AsyncGuestDatabase, GuestDatabase
from guestsql.errors import (
    ConstraintViolation,
    DatabaseError,
    DatabaseUnavailable,
    OutcomeUnknown,
    QueryTimeout,
    SettingsError,
)
from tests.databases import (
    GUEST,
    KINDS,
    OTHER,
    PATIENCE_SECONDS,
    Either,
    Proxy,
    answered,
    column,
    hurried,
    make_settings,
    waiting_sessions,
)
from tests.server import eventually

Connection = psycopg.Connection[Any]

SESSIONS = """FROM pg_stat_activity
WHERE datname = current_database() AND application_name = 'guestsql' AND backend_type = 'client backend'"""


def sessions(connection: Connection) -> int:
    row = connection.execute(f"SELECT count(*) {SESSIONS}".encode()).fetchone()
    assert row is not None
    return int(row[0])


def terminate(connection: Connection) -> None:
    """End all of guestsql's sessions, also one that the pool was just making, and wait until they are gone."""

    def none_left() -> bool:
        connection.execute(f"SELECT pg_terminate_backend(pid) {SESSIONS}".encode())
        return sessions(connection) == 0

    eventually(none_left)


async def in_time(call: Any) -> Any:
    return await asyncio.wait_for(call, PATIENCE_SECONDS)


CALLS: dict[str, Callable[[Either], Any]] = {
    "get_profile": lambda db: db.get_profile(GUEST),
    "get_context": lambda db: db.get_context(GUEST),
    "get_contexts": lambda db: db.get_contexts([GUEST, OTHER]),
    "update_profile": lambda db: db.update_profile(GUEST, user_name="Eva"),
    "add_labels": lambda db: db.add_labels(GUEST, ["new"]),
    "get_thread": lambda db: db.get_thread(GUEST),
    "set_thread": lambda db: db.set_thread(GUEST, "t9"),
    "add_thread_tokens": lambda db: db.add_thread_tokens(GUEST, "t1", 5),
    "merge_guests": lambda db: db.merge_guests(GUEST, OTHER),
    "export_guest": lambda db: db.export_guest(GUEST),
    "queries": lambda db: db.queries.get_profile(phone_number=GUEST),
}


@pytest.mark.direct("behind a pooler, the server has no deadline: the write may come after its error")
@pytest.mark.parametrize("name", CALLS)
async def test_a_locked_table_holds_no_call_beyond_its_deadline(
    name: str, database_url: str, autocommit: Connection
) -> None:
    kind = KINDS[len(name) % 2]  # the twin is generated
    # Not hurried: the server ends the statement too, a little before the client's own deadline.
    async with Either(kind, database_url, deadline_seconds=1.0, pool_max=1) as db:
        await answered(lambda: db.update_profile(GUEST, user_name="Ana"))
        with autocommit.transaction():
            autocommit.execute("LOCK TABLE guest_profiles")
            # The client's clock may be the faster one. Then it is unknown whether these were done.
            expected = (QueryTimeout, OutcomeUnknown) if name in ("queries", "add_thread_tokens") else QueryTimeout
            with pytest.raises(expected) as caught:
                await in_time(CALLS[name](db))
            assert caught.value.retryable == isinstance(caught.value, QueryTimeout)
            assert caught.value.hint
            assert caught.value.query
            # One whose caller has left must not get the lock.
            with psycopg.connect(database_url, autocommit=True) as observer:
                await asyncio.to_thread(eventually, lambda: waiting_sessions(observer) == 0)
    async with Either(kind, database_url, pool_max=1) as db:
        assert (await db.get_profile(GUEST)).user_name == "Ana"


@pytest.mark.direct("behind a pooler, the session of a caller who left counts for 30 s")
@pytest.mark.parametrize("kind", KINDS)
async def test_after_a_timeout_the_pool_is_as_it_was(kind: str, database_url: str, autocommit: Connection) -> None:
    async with Either(kind, database_url, pool_max=2) as db:
        await db.update_profile(GUEST)
        with hurried(db, 0.1), autocommit.transaction():
            autocommit.execute("LOCK TABLE guest_profiles")
            for _ in range(5):
                with pytest.raises((QueryTimeout, DatabaseUnavailable)):
                    await in_time(db.get_profile(GUEST))
        assert await db.get_profile(GUEST) is not None
        await asyncio.to_thread(eventually, lambda: sessions(autocommit) <= 2)


@pytest.mark.parametrize("kind", KINDS)
async def test_a_pool_that_is_exhausted_says_so(kind: str, database_url: str, autocommit: Connection) -> None:
    async with Either(kind, database_url, pool_min=1, pool_max=1, deadline_seconds=3.0) as db:
        await db.update_profile(GUEST)
        with psycopg.connect(database_url, autocommit=True) as observer, autocommit.transaction():
            autocommit.execute("SELECT FROM guest_profiles FOR UPDATE")
            holding = asyncio.create_task(db.add_labels(GUEST, ["a"]))
            await asyncio.to_thread(eventually, lambda: waiting_sessions(observer) == 1)
            with pytest.raises((DatabaseUnavailable, QueryTimeout)):
                await in_time(holding)
            blocked = asyncio.create_task(db.add_labels(GUEST, ["a"]))
            waiting = asyncio.create_task(db.get_profile(GUEST))
            results = await asyncio.gather(blocked, waiting, return_exceptions=True)
        kinds = {type(result) for result in results}
        assert QueryTimeout in kinds or DatabaseUnavailable in kinds


@pytest.mark.parametrize("kind", KINDS)
async def test_a_server_that_does_not_answer_is_no_full_pool(kind: str, database_url: str) -> None:
    with Proxy(database_url) as proxy:
        proxy.loses_packets = True
        async with Either(kind, proxy.url, deadline_seconds=0.3) as db:
            with pytest.raises(DatabaseUnavailable, match="has not answered yet") as caught:
                await in_time(db.get_profile(GUEST))
        assert "can be reached" in caught.value.hint


@pytest.mark.parametrize("kind", KINDS)
async def test_no_free_connection(kind: str, database_url: str) -> None:
    async with Either(kind, database_url, pool_min=1, pool_max=1) as db:
        await db.update_profile(GUEST)
        connections = db.raw._engine.executor._connections
        acquire, release = connections.acquire, connections.release
        held = await acquire(_far()) if kind == "async" else acquire(_far())
        with hurried(db, 1.0), pytest.raises(DatabaseUnavailable, match="no connection was free") as caught:
            await in_time(db.get_profile(GUEST))
        assert "GUESTSQL_POOL_MAX" in caught.value.hint
        if kind == "async":
            await release(held)
        else:
            release(held)
        assert await db.get_profile(GUEST) is not None


def _far() -> float:
    return float("inf")


@pytest.mark.parametrize("kind", KINDS)
async def test_a_missing_table_says_how_to_mend_it(kind: str, empty_database_url: str) -> None:
    async with Either(kind, empty_database_url) as db:
        for call in CALLS.values():
            with pytest.raises(DatabaseError, match="run guestsql migrate up") as caught:
                await call(db)
            assert caught.value.sqlstate == "42P01"
        await db.record_interaction(GUEST)
        with pytest.raises(DatabaseError, match="run guestsql migrate up"):
            await db.flush()
        assert await db.get_context(GUEST, default="") == ""
        db.raw._pending.done(db.raw._pending.take())


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize("kind", KINDS)
async def test_a_connection_that_was_ended_is_replaced(
    kind: str, name: str, database_url: str, autocommit: Connection
) -> None:
    async with Either(kind, database_url) as db:
        await db.add_thread_tokens(GUEST, "t1", 1)
        await asyncio.to_thread(terminate, autocommit)
        await in_time(CALLS[name](db))
        if name == "add_thread_tokens":
            assert column(autocommit, "thread_tokens") == 6


@pytest.mark.parametrize("name", ["get_profile", "update_profile", "add_labels", "add_thread_tokens", "queries"])
async def test_a_connection_ended_in_the_middle_of_a_call(name: str, database_url: str, autocommit: Connection) -> None:
    async with Either("async", database_url) as db:
        await db.add_thread_tokens(GUEST, "t1", 1)
        with psycopg.connect(database_url, application_name="holder") as holder:
            holder.execute("LOCK TABLE guest_profiles")
            calling = asyncio.create_task(CALLS[name](db))
            await asyncio.to_thread(eventually, lambda: waiting_sessions(autocommit) == 1)
            autocommit.execute(f"SELECT pg_terminate_backend(pid) {SESSIONS}".encode())
        await in_time(calling)
        if name == "add_thread_tokens":
            assert column(autocommit, "thread_tokens") == 6


@pytest.mark.direct("a pooler's sessions keep the database's old settings")
@pytest.mark.usefixtures("early_deadline")
@pytest.mark.parametrize("kind", KINDS)
async def test_a_read_only_server(kind: str, database_url: str, autocommit: Connection) -> None:
    async with Either(kind, database_url) as db:
        await db.update_profile(GUEST, user_name="Ana")
        text = await db.get_context(GUEST)
    database = autocommit.info.dbname
    autocommit.execute(f'ALTER DATABASE "{database}" SET default_transaction_read_only = on'.encode())
    async with Either(kind, database_url) as db:
        assert (await db.get_profile(GUEST)).user_name == "Ana"
        assert (await db.get_context(GUEST))[:5] == text[:5]
        for name in ("update_profile", "set_thread", "add_thread_tokens"):
            with pytest.raises(DatabaseError, match="read-only") as caught:
                await in_time(CALLS[name](db))
            assert (caught.value.sqlstate, caught.value.retryable) == ("25006", True)


@pytest.mark.parametrize("name", ["update_profile", "add_thread_tokens", "set_thread_query"])
@pytest.mark.parametrize("sqlstate", ["25006", "53000", "53100", "53200"])
async def test_what_passes_is_waited_for(
    sqlstate: str, name: str, database_url: str, autocommit: Connection, caplog: pytest.LogCaptureFixture
) -> None:
    autocommit.execute("""
        CREATE TABLE troubles (sqlstate text);
        CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$
        DECLARE
            trouble text := (SELECT troubles.sqlstate FROM troubles);
        BEGIN
            IF trouble IS NOT NULL THEN
                RAISE EXCEPTION 'not now' USING ERRCODE = trouble;
            END IF;
            RETURN new;
        END $$;
        CREATE TRIGGER fail BEFORE INSERT OR UPDATE ON guest_profiles FOR EACH ROW EXECUTE FUNCTION fail();
    """)
    autocommit.execute("INSERT INTO troubles VALUES (%s)", [sqlstate])
    calls = {**CALLS, "set_thread_query": lambda db: db.queries.set_thread(phone_number=GUEST, thread_id="t")}
    kind = KINDS[int(sqlstate) % 2]
    async with Either(kind, database_url) as db:
        calling = asyncio.create_task(calls[name](db))
        await asyncio.to_thread(eventually, lambda: "not now" in caplog.text)
        autocommit.execute("DELETE FROM troubles")
        await in_time(calling)
        assert await db.get_profile(GUEST) is not None


@pytest.mark.parametrize("kind", KINDS)
async def test_errors_leak_no_connection(kind: str, database_url: str, autocommit: Connection) -> None:
    async with Either(kind, database_url, pool_max=2) as db:
        for _ in range(25):
            with pytest.raises(ConstraintViolation):
                await db.queries.set_thread(phone_number="nobody", thread_id="t")
            with pytest.raises(TypeError):
                await db.queries.get_profile()
        assert await db.get_profile(OTHER) is None
        assert sessions(autocommit) <= 2


def test_many_threads_share_a_small_pool(database_url: str, autocommit: Connection) -> None:
    with GuestDatabase(settings=make_settings(database_url, pool_max=4)) as db:
        barrier, failures, most = threading.Barrier(16), [], []

        def work(number: int) -> None:
            guest = f"5730000000{number:02}"
            barrier.wait()
            try:
                for count in range(1, 16):
                    db.add_labels(guest, [str(count)])
                    assert db.add_thread_tokens(guest, "t1", 2) == 2 * count
                    db.record_interaction(guest)
                    assert db.get_context(guest)
                    profile = db.get_profile(guest)
                    assert profile is not None
                    assert len(profile.labels) == count
            except BaseException as error:  # noqa: BLE001  shown below
                failures.append(error)

        threads = [threading.Thread(target=work, args=(number,)) for number in range(16)]
        for thread in threads:
            thread.start()
        while any(thread.is_alive() for thread in threads):
            most.append(sessions(autocommit))
        for thread in threads:
            thread.join()
        assert failures == []
        assert max(most) <= 4
        assert db.flush() == 16


async def test_many_tasks_share_a_small_pool(database_url: str, autocommit: Connection) -> None:
    async with Either("async", database_url, pool_max=4) as db:

        async def work(number: int) -> None:
            guest = f"5730000000{number:02}"
            for count in range(1, 6):
                assert await db.add_thread_tokens(guest, "t1", 2) == 2 * count
                assert await db.get_context(guest)

        await in_time(asyncio.gather(*(work(number) for number in range(64))))
        assert sessions(autocommit) <= 4


@pytest.mark.parametrize("name", [*CALLS, "record_interaction", "flush"])
@pytest.mark.parametrize("kind", KINDS)
async def test_use_after_close(kind: str, name: str, database_url: str) -> None:
    db = Either(kind, database_url)
    async with db:
        pass
    others = {"record_interaction": lambda one: one.record_interaction(GUEST), "flush": lambda one: one.flush()}
    with pytest.raises(DatabaseUnavailable, match="closed"):
        await {**CALLS, **others}[name](db)


@pytest.mark.direct("a pooler keeps its sessions")
@pytest.mark.parametrize("kind", KINDS)
async def test_open_and_close_as_often_as_one_likes(kind: str, database_url: str, autocommit: Connection) -> None:
    db = Either(kind, database_url, pool_max=1)
    await db.close()
    await db.open()
    await db.open()
    assert await db.get_profile(GUEST) is None
    assert sessions(autocommit) == 1
    await db.close()
    await db.close()
    await asyncio.to_thread(eventually, lambda: sessions(autocommit) == 0)
    async with db, db:
        assert await db.get_profile(GUEST) is None


@pytest.mark.parametrize("kind", KINDS)
async def test_without_a_context_manager_it_opens_by_itself(
    kind: str, database_url: str, autocommit: Connection
) -> None:
    db = Either(kind, database_url)
    calls = [db.update_profile(GUEST, user_name="Ana"), db.add_labels(GUEST, ["a"]), db.get_thread(OTHER)]
    await in_time(asyncio.gather(*calls))
    assert column(autocommit, "user_name") == "Ana"
    await db.close()


@pytest.mark.direct("behind a pooler, the session of a caller who left counts for 30 s")
async def test_a_cancelled_task_leaks_no_connection(database_url: str, autocommit: Connection) -> None:
    async with Either("async", database_url, pool_max=1) as db:
        await db.update_profile(GUEST, labels=["a"])
        for _ in range(5):
            with psycopg.connect(database_url) as holder:
                holder.execute("LOCK TABLE guest_profiles")
                running = asyncio.create_task(db.add_labels(GUEST, ["b"]))
                await asyncio.to_thread(eventually, lambda: waiting_sessions(autocommit) == 1)
                queued = asyncio.create_task(db.get_profile(GUEST))
                await asyncio.sleep(0)
                for task in (queued, running):
                    task.cancel()
                results = await asyncio.gather(queued, running, return_exceptions=True)
                assert all(isinstance(result, asyncio.CancelledError) for result in results)
            # The client did not wait for the server: it may have done what it was asked for.
            assert (await in_time(db.get_profile(GUEST))).labels in (["a"], ["a", "b"])
        await asyncio.to_thread(eventually, lambda: sessions(autocommit) == 1)


@pytest.mark.direct("behind a pooler, the session of a caller who left counts for 30 s")
async def test_tasks_cancelled_at_any_moment_leak_no_connection(database_url: str, autocommit: Connection) -> None:
    async with Either("async", database_url, pool_max=2) as db:
        await db.update_profile(GUEST)
        for turns in range(60):
            tasks = [asyncio.create_task(call(db)) for call in list(CALLS.values())[:5]]
            for _ in range(turns):
                await asyncio.sleep(0)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        assert await in_time(db.get_profile(GUEST)) is not None
        assert await in_time(asyncio.gather(*(db.get_thread(GUEST) for _ in range(10))))
        assert sessions(autocommit) <= 2


@pytest.mark.direct("behind a pooler, the session of a caller who left counts for 30 s")
async def test_a_call_under_a_timeout_of_its_callers(database_url: str, autocommit: Connection) -> None:
    async with Either("async", database_url, pool_max=1) as db:
        await db.update_profile(GUEST)
        with psycopg.connect(database_url) as holder:
            holder.execute("LOCK TABLE guest_profiles")
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.05):
                    await db.get_profile(GUEST)
        assert await in_time(db.get_profile(GUEST)) is not None
        assert sessions(autocommit) == 1


BAD_URLS = ["mysql://u:sesame@h/db", "postgresql://u:sesame%zz@h/db", "postgresql://u:sesame/x@h/db", "sesame"]


@pytest.mark.parametrize("url", BAD_URLS)
@pytest.mark.parametrize("cls", [GuestDatabase, AsyncGuestDatabase])
async def test_an_address_that_does_not_parse(cls: Any, url: str) -> None:
    async def ask() -> None:
        result = cls(url).get_profile(GUEST)
        if cls is AsyncGuestDatabase:
            await result

    with pytest.raises(SettingsError, match="DATABASE_URL") as caught:
        await ask()
    assert "sesame" not in str(caught.value)
