"""An async database belongs to the event loop in which it was opened; elsewhere each call says so."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import closing
from typing import Any

import psycopg
import pytest

from guestsql import AsyncGuestDatabase
from guestsql.errors import GuestSQLError, WrongEventLoop
from tests.databases import GUEST, Program, make_settings

Call = Callable[[AsyncGuestDatabase], Coroutine[Any, Any, Any]]

CALLS: dict[str, Call] = {
    "get_context": lambda db: db.get_context(GUEST),
    "get_context with a default": lambda db: db.get_context(GUEST, default=""),
    "get_contexts": lambda db: db.get_contexts([GUEST]),
    "get_profile": lambda db: db.get_profile(GUEST),
    "add_thread_tokens": lambda db: db.add_thread_tokens(GUEST, "thread_1", 1),
    "record_interaction": lambda db: db.record_interaction(GUEST),
    "flush": lambda db: db.flush(),
    "merge_guests": lambda db: db.merge_guests(GUEST, "573000000002"),
    "a query": lambda db: db.queries.get_profile(phone_number=GUEST),
    "open": lambda db: db.open(),
    "close": lambda db: db.close(),
    "with": lambda db: db.__aenter__(),
}


@pytest.fixture
def first_loop() -> Iterator[asyncio.AbstractEventLoop]:
    with closing(asyncio.new_event_loop()) as loop:
        yield loop


@pytest.fixture
def opened(first_loop: asyncio.AbstractEventLoop, database_url: str) -> Iterator[AsyncGuestDatabase]:
    """A database that was opened in another loop, with a context and a message at hand."""
    db = AsyncGuestDatabase(settings=make_settings(database_url))
    first_loop.run_until_complete(db.get_context(GUEST))
    first_loop.run_until_complete(db.record_interaction(GUEST))
    yield db
    first_loop.run_until_complete(db.close())


@pytest.mark.parametrize("call", CALLS)
def test_a_call_in_a_second_loop_is_refused(call: str, opened: AsyncGuestDatabase) -> None:
    with pytest.raises(WrongEventLoop, match="another event loop") as caught:
        asyncio.run(CALLS[call](opened))
    assert not caught.value.retryable
    assert isinstance(caught.value, GuestSQLError)


def test_a_call_from_a_loop_in_another_thread_is_refused(opened: AsyncGuestDatabase) -> None:
    failures: list[Exception] = []

    def work() -> None:
        try:
            asyncio.run(opened.get_profile(GUEST))
        except WrongEventLoop as error:
            failures.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert len(failures) == 1


def test_the_first_loop_goes_on(first_loop: asyncio.AbstractEventLoop, opened: AsyncGuestDatabase) -> None:
    with pytest.raises(WrongEventLoop):
        asyncio.run(opened.get_profile(GUEST))
    assert first_loop.run_until_complete(opened.flush()) == 1


def test_closed_in_one_loop_it_can_be_opened_in_the_next(database_url: str) -> None:
    db = AsyncGuestDatabase(settings=make_settings(database_url))

    async def use() -> int:
        async with db:
            await db.record_interaction(GUEST)
        async with db:
            profile = await db.get_profile(GUEST)
        return 0 if profile is None else profile.total_interactions

    assert [asyncio.run(use()), asyncio.run(use())] == [1, 2]


ABANDONED = """
import asyncio, sys
from guestsql import AsyncGuestDatabase
from guestsql.errors import WrongEventLoop
from tests.databases import GUEST, make_settings

db = AsyncGuestDatabase(settings=make_settings(sys.argv[1]))
asyncio.run(db.record_interaction(GUEST))
try:
    asyncio.run(db.record_interaction(GUEST))
except WrongEventLoop:
    print("refused", flush=True)
"""


def test_what_an_abandoned_loop_has_recorded_is_written_at_exit(database_url: str) -> None:
    with Program(ABANDONED, database_url) as program:
        assert program.line() == "refused"
        assert program.wait()[0] == 0
    with psycopg.connect(database_url) as connection:
        row = connection.execute("SELECT total_interactions FROM guest_profiles").fetchone()
    assert row == (1,)
