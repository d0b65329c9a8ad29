"""create_thread: of callers at once one calls its factory, and all get that thread, whatever happens meanwhile."""

from __future__ import annotations

import asyncio
import queue
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

import psycopg
import pytest

from guestsql.errors import InvalidValue, QueryTimeout, TransactionError
from tests.databases import GUEST, KINDS, OTHER, PATIENCE_SECONDS, Either, Program, column, hurried, transaction

Connection = psycopg.Connection[Any]
LID = "81234567890123@lid"
kinds = pytest.mark.parametrize("kind", KINDS)


class Factory:
    """A thread factory whose calls are answered by the test."""

    def __init__(self, kind: str) -> None:
        self._calls: queue.Queue[Future[Any]] = queue.Queue()
        self.given = self._wait if kind == "sync" else self._wait_async

    def _call(self) -> Future[Any]:
        call: Future[Any] = Future()
        self._calls.put(call)
        return call

    def _wait(self) -> Any:
        return self._call().result(PATIENCE_SECONDS)

    async def _wait_async(self) -> Any:
        return await asyncio.wait_for(asyncio.wrap_future(self._call()), PATIENCE_SECONDS)

    async def called(self) -> Future[Any]:
        """Wait until it is called once more; set the result of that call."""
        return await asyncio.to_thread(self._calls.get, timeout=PATIENCE_SECONDS)

    @property
    def is_idle(self) -> bool:
        return self._calls.empty()


def giving(kind: str, make: Callable[[], Any]) -> Any:
    """A factory that does not wait."""

    async def made() -> Any:
        return make()

    return make if kind == "sync" else made


def creating(db: Either, factory: Factory, user_id: str = GUEST) -> asyncio.Task[Any]:
    return asyncio.create_task(_creating(db, factory, user_id))


async def _creating(db: Either, factory: Factory, user_id: str) -> tuple[str, int]:
    thread = await db.create_thread(user_id, factory.given)
    assert thread.created_at is not None
    return thread.thread_id, thread.token_count


@kinds
async def test_three_quick_messages_create_one_thread(kind: str, database_url: str, autocommit: Connection) -> None:
    factory = Factory(kind)
    async with Either(kind, database_url, pool_max=1) as db:
        await db.link_ids(GUEST, lid=LID)
        callers = [creating(db, factory, user_id) for user_id in (GUEST, LID, "+57 300 000 0001")]
        call = await factory.called()
        assert (await db.get_thread(GUEST)).thread_id is None  # the only connection is free
        await db.record_interaction(GUEST)
        call.set_result("t1")
        assert await asyncio.gather(*callers) == [("t1", 0)] * 3
        assert await db.add_thread_tokens(GUEST, "t1", 5) == 5
        assert await creating(db, factory) == ("t1", 5)
    assert factory.is_idle
    assert (column(autocommit, "thread_lease"), column(autocommit, "thread_lease_until")) == (None, None)


CREATE = """
import asyncio, os, sys
from guestsql import AsyncGuestDatabase, GuestDatabase
def make():
    print("called", flush=True)
    sys.stdin.readline()
    return f"t{os.getpid()}"
async def make_async():
    return await asyncio.to_thread(make)
async def run():
    async with AsyncGuestDatabase(sys.argv[1]) as db:
        return await db.create_thread("573000000001", make_async)
def run_sync():
    with GuestDatabase(sys.argv[1]) as db:
        return db.create_thread("573000000001", make)
thread = asyncio.run(run()) if sys.argv[2] == "async" else run_sync()
print(thread.thread_id, flush=True)
"""


async def test_three_processes_create_one_thread(database_url: str) -> None:
    kinds = ("async", "sync", "async")
    programs = [Program(CREATE, database_url, kind) for kind in kinds]
    try:
        lines = [asyncio.create_task(asyncio.to_thread(program.line)) for program in programs]
        done, waiting = await asyncio.wait(lines, return_when=asyncio.FIRST_COMPLETED)
        assert [line.result() for line in done] == ["called"]
        creator = programs[lines.index(done.pop())]
        creator.send()
        assert {*await asyncio.gather(*waiting), creator.line()} == {f"t{creator.process.pid}"}
    finally:
        for program in programs:
            program.__exit__()


@kinds
async def test_after_a_failure_the_next_caller_tries(kind: str, database_url: str, autocommit: Connection) -> None:
    factory = Factory(kind)
    async with Either(kind, database_url) as db:
        first = creating(db, factory)
        call = await factory.called()
        second = creating(db, factory)
        call.set_exception(ZeroDivisionError("no answer from the provider"))
        with pytest.raises(ZeroDivisionError, match="no answer"):
            await first
        (await factory.called()).set_result("t2")
        assert await second == ("t2", 0)
    assert column(autocommit, "thread_lease") is None


@kinds
@pytest.mark.parametrize("is_overtaken", [True, False])
async def test_of_two_factories_that_outlast_the_lease_the_first_thread_is_stored(
    kind: str, is_overtaken: bool, database_url: str
) -> None:
    factory = Factory(kind)
    async with Either(kind, database_url, lease_seconds=0.001) as db:
        callers = [creating(db, factory)]
        calls = [await factory.called()]
        callers.append(creating(db, factory))
        calls.append(await factory.called())
        order = (1, 0) if is_overtaken else (0, 1)
        for number in order:
            calls[number].set_result(f"t{number}")
            assert await callers[number] == (f"t{order[0]}", 0)
        assert len(await db.get_threads(GUEST)) == 1


@pytest.mark.usefixtures("unhurried_releases")
async def test_a_cancelled_caller_gives_up_its_lease(database_url: str, autocommit: Connection) -> None:
    factory = Factory("async")
    async with Either("async", database_url) as db:
        caller = creating(db, factory)
        await factory.called()
        caller.cancel()
        with pytest.raises(asyncio.CancelledError):
            await caller
        assert column(autocommit, "thread_lease") is None
        caller = creating(db, factory)
        (await factory.called()).set_result("t1")
        assert await caller == ("t1", 0)


@kinds
async def test_answers_that_are_no_thread(kind: str, database_url: str, autocommit: Connection) -> None:
    async with Either(kind, database_url) as db:
        for answer in ("", " \u200e", None, 5, "t\x00"):
            with pytest.raises(InvalidValue, match="the thread that the factory returned"):
                await db.create_thread(GUEST, giving(kind, lambda answer=answer: answer))
            assert column(autocommit, "thread_lease") is None
        with pytest.raises(InvalidValue, match=r"factory is (not )?a coroutine function"):
            await db.create_thread(GUEST, giving("async" if kind == "sync" else "sync", lambda: "t1"))
        with pytest.raises(InvalidValue, match="not a function"):
            await db.create_thread(GUEST, "t1")
        assert await db.get_threads(GUEST) == []


def again(kind: str, db: Either, user_id: str) -> Any:
    """A factory that asks for a thread itself."""

    def create() -> str:
        return db.raw.create_thread(user_id, lambda: "t-inner").thread_id or ""

    async def create_async() -> str:
        return (await db.raw.create_thread(user_id, giving("async", lambda: "t-inner"))).thread_id

    return create if kind == "sync" else create_async


@kinds
async def test_a_factory_that_asks_for_the_thread_it_creates(kind: str, database_url: str) -> None:
    async with Either(kind, database_url) as db:
        await db.link_ids(GUEST, lid=LID)
        for user_id in (f"{GUEST}@s.whatsapp.net", LID):
            with pytest.raises(InvalidValue, match="for the guest whose thread it creates"):
                await db.create_thread(GUEST, again(kind, db, user_id))
        assert (await db.create_thread(GUEST, again(kind, db, OTHER))).thread_id == "t-inner"


@kinds
async def test_a_thread_that_is_set_meanwhile_stays(kind: str, database_url: str, autocommit: Connection) -> None:
    factory = Factory(kind)
    async with Either(kind, database_url) as db:
        caller = creating(db, factory)
        call = await factory.called()
        await db.add_thread_tokens(GUEST, "t-set", 3)
        call.set_result("t1")
        assert await caller == ("t-set", 3)
        assert len(await db.get_threads(GUEST)) == 1
    assert column(autocommit, "thread_lease") is None


@kinds
@pytest.mark.parametrize("is_created_again", [True, False])
async def test_a_guest_who_is_forgotten_meanwhile_gets_a_new_thread(
    kind: str, is_created_again: bool, database_url: str
) -> None:
    factory = Factory(kind)
    async with Either(kind, database_url) as db:
        caller = creating(db, factory)
        call = await factory.called()
        await db.forget_guest(GUEST)
        if is_created_again:
            await db.update_profile(GUEST, user_name="Ana")
        call.set_result("t-forgotten")
        (await factory.called()).set_result("t-new")
        assert await caller == ("t-new", 0)
        assert len(await db.get_threads(GUEST)) == 1


@kinds
async def test_a_guest_who_is_forgotten_every_time(kind: str, database_url: str) -> None:
    factory = Factory(kind)
    async with Either(kind, database_url) as db:
        caller = creating(db, factory)
        for number in range(3):
            call = await factory.called()
            await db.forget_guest(GUEST)
            call.set_result(f"t{number}")
        with pytest.raises(QueryTimeout, match="during each of 3 calls"):
            await caller
        assert await db.get_profile(GUEST) is None


@kinds
async def test_a_caller_waits_until_its_deadline(kind: str, database_url: str, autocommit: Connection) -> None:
    autocommit.execute(
        "INSERT INTO guest_profiles (phone_number, thread_lease, thread_lease_until)"
        " VALUES (%s, gen_random_uuid(), statement_timestamp() + interval '1 hour')",
        [GUEST],
    )
    factory = Factory(kind)
    async with Either(kind, database_url) as db:
        await db.get_profile(GUEST)
        with hurried(db, 0.2), pytest.raises(QueryTimeout, match=r"still creating the thread|deadline passed"):
            await creating(db, factory)
    assert factory.is_idle


@kinds
async def test_not_in_a_transaction(kind: str, database_url: str) -> None:
    async with Either(kind, database_url) as db:
        await db.set_thread(GUEST, "t1")
        async with transaction(db) as tx:
            with pytest.raises(TransactionError, match="cannot create a thread"):
                await tx.create_thread(GUEST, giving(kind, lambda: "t2"))
            assert (await tx.get_thread(GUEST)).thread_id == "t1"


@kinds
async def test_of_two_guests_who_are_merged_the_lease_that_lasts_is_kept(
    kind: str, database_url: str, autocommit: Connection
) -> None:
    """The kept guest's has run out: its caller was killed."""
    factory = Factory(kind)
    async with Either(kind, database_url) as db:
        await db.update_profile(OTHER)
        autocommit.execute(
            "UPDATE guest_profiles SET thread_lease = gen_random_uuid(), thread_lease_until = now() - interval '1 min'"
        )
        caller = creating(db, factory, GUEST)
        call = await factory.called()
        await db.merge_guests(OTHER, GUEST)
        found = autocommit.execute("SELECT thread_lease_until > now() FROM guest_profiles").fetchall()
        call.set_result("t-created")
        assert (await caller, found) == (("t-created", 0), [(True,)])
    assert factory.is_idle


@kinds
async def test_a_guest_who_is_merged_meanwhile(kind: str, database_url: str, autocommit: Connection) -> None:
    """The thread is the merged guest's, unless that guest has one."""
    factory = Factory(kind)
    async with Either(kind, database_url) as db:
        for number, threads in enumerate(([], ["t-kept"])):
            keep, duplicate = f"57300000001{number}", f"57300000002{number}"
            await db.update_profile(keep)
            for thread in threads:
                await db.set_thread(keep, thread)
            caller = creating(db, factory, duplicate)
            call = await factory.called()
            await db.merge_guests(keep, duplicate)
            call.set_result("t-created")
            assert await caller == ((threads or ["t-created"])[0], 0)
            assert len(await db.get_threads(keep)) == 1
            assert column(autocommit, "thread_lease", keep) is None
    assert factory.is_idle
