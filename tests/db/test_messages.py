"""Messages: each is processed once, by one caller at a time, and what comes of it is stored together or not at all."""

from __future__ import annotations

import asyncio
import os
import random
import threading
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any, NoReturn

import psycopg
import pytest

from guestsql import AsyncGuestDatabase, GuestDatabase, Message
from guestsql.errors import InvalidUserId, InvalidValue, LeaseLost, MessageError, TransactionError, WrongEventLoop
from tests.databases import GUEST, KINDS, OTHER, Either, Proxy, block, column, make_settings
from tests.server import eventually

Connection = psycopg.Connection[Any]
AT = datetime(2026, 11, 1, 12, tzinfo=UTC)


def message(db: Either, *given: Any, **known: Any) -> AbstractAsyncContextManager[Message]:
    """A block of either class."""
    return block(db.raw.message(*given, **known))


def rows(connection: Connection, query: str) -> list[tuple[Any, ...]]:
    return connection.execute(query.encode()).fetchall()


def expire(connection: Connection) -> None:
    """Let every lease run out."""
    connection.execute(
        "UPDATE operations SET lease_until = statement_timestamp() - INTERVAL '1 s' WHERE done_at IS NULL"
    )


@pytest.mark.parametrize("kind", KINDS)
async def test_all_that_comes_of_a_message_is_stored_once(kind: str, database_url: str, autocommit: Connection) -> None:
    async with Either(kind, database_url) as db:
        async with message(db, "m1", GUEST, at=AT, chat_id="1@g.us", text="Hola") as first:
            assert (first.is_new, first.state) == (True, "new")
            assert await db.get_profile(GUEST) is None
            first.tokens("t1", 5)
            first.tokens("t2", 7)
            first.tokens("t1", 1)
            async with message(db, "m1", f"+{GUEST}", at=AT + timedelta(hours=1)) as second:
                assert (second.is_new, second.state, second.since) == (False, "in progress", first.since)
                with pytest.raises(MessageError, match="in progress"):
                    second.tokens("t1", 1)
        async with message(db, "m1", f"{GUEST}@c.us") as third:
            assert (third.is_new, third.state) == (False, "done")
            with pytest.raises(MessageError, match="not new: it is done"):
                third.reply({"text": "twice"})
        with pytest.raises(MessageError, match="has ended"):
            first.tokens("t1", 1)
        profile = await db.get_profile(GUEST)
        thread = await db.get_thread(GUEST)
    assert (profile.chat_id, profile.total_interactions, profile.last_interaction) == ("1@g.us", 1, AT)
    assert (thread.thread_id, thread.token_count) == ("t1", 6)
    assert rows(autocommit, "SELECT message_id, sent_at, tokens, direction, text FROM messages") == [
        ("m1", AT, 13, "in", None)
    ]
    assert rows(autocommit, "SELECT attempts, phone_number, done_at IS NULL FROM operations") == [(3, None, False)]


@pytest.mark.parametrize("kind", KINDS)
async def test_a_block_that_raises_stores_nothing_and_the_message_can_be_claimed_at_once(
    kind: str, database_url: str, autocommit: Connection
) -> None:
    async with Either(kind, database_url) as db:
        with pytest.raises(ZeroDivisionError):
            async with message(db, "m1", GUEST) as failed:
                failed.tokens("t1", 5)
                raise ZeroDivisionError
        assert await db.get_profile(GUEST) is None
        async with message(db, "m1", GUEST) as again:
            assert again.is_new
            again.tokens("t1", 5)
    assert column(autocommit, "thread_tokens") == 5


@pytest.mark.parametrize("kind", KINDS)
async def test_a_late_block_stores_nothing(kind: str, database_url: str, autocommit: Connection) -> None:
    async with Either(kind, database_url) as db:
        with pytest.raises(LeaseLost):
            async with message(db, "m1", GUEST) as late:
                late.tokens("t1", 5)
                expire(autocommit)
                async with message(db, "m1", GUEST) as other:
                    assert other.is_new
                    other.tokens("t1", 9)
    assert column(autocommit, "thread_tokens") == 9
    assert column(autocommit, "total_interactions") == 1


async def test_a_block_whose_lease_ran_out_unnoticed_is_stored(database_url: str, autocommit: Connection) -> None:
    """No one else has claimed the message: the work need not be done again."""
    with GuestDatabase(settings=make_settings(database_url)) as db:
        with db.message("m1", GUEST):
            expire(autocommit)
        with db.message("m1", GUEST) as again:
            assert again.state == "done"


@pytest.mark.parametrize("kind", KINDS)
async def test_the_lease_is_renewed_and_its_loss_is_noticed(
    kind: str, database_url: str, autocommit: Connection
) -> None:
    """By a timer, for all messages that are in progress here."""
    until = "SELECT lease_until FROM operations WHERE operation_id = 'm1'"
    async with Either(kind, database_url, lease_seconds=0.3) as db:
        with pytest.raises(LeaseLost):
            async with message(db, "m1", GUEST) as first, message(db, "m2", OTHER) as second:
                before = rows(autocommit, until)
                await asyncio.to_thread(eventually, lambda: rows(autocommit, until) > before)
                autocommit.execute("UPDATE operations SET lease = gen_random_uuid() WHERE operation_id = 'm2'")
                await asyncio.to_thread(eventually, lambda: second._claim.is_lost)
                with pytest.raises(LeaseLost):
                    second.tokens("t1", 1)
                first.tokens("t1", 1)
    assert rows(autocommit, "SELECT count(*) FROM messages") == [(0,)]


@pytest.mark.usefixtures("unhurried_releases")
async def test_a_cancelled_block_gives_the_message_back(database_url: str, autocommit: Connection) -> None:
    async with AsyncGuestDatabase(settings=make_settings(database_url)) as db:
        entered = asyncio.Event()

        async def handle() -> None:
            async with db.message("m1", GUEST):
                entered.set()
                await asyncio.sleep(3600)

        task = asyncio.create_task(handle())
        await entered.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert rows(autocommit, "SELECT lease, done_at FROM operations") == [(None, None)]


@pytest.mark.usefixtures("unhurried_releases")
async def test_a_completion_that_is_cancelled_is_done_or_can_be_repeated(
    database_url: str, autocommit: Connection
) -> None:
    """It waits for the guest's row, and is cancelled there: the next caller finds out."""
    async with AsyncGuestDatabase(settings=make_settings(database_url)) as db:
        await db.update_profile(GUEST, user_name="Ana")
        with psycopg.connect(database_url) as holder:
            holder.execute("SELECT FROM guest_profiles FOR UPDATE")

            async def handle() -> None:
                async with db.message("m1", GUEST) as late:
                    late.tokens("t1", 5)

            task = asyncio.create_task(handle())
            waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted"
            await asyncio.to_thread(eventually, lambda: rows(autocommit, waiting) != [(0,)])
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
        for _ in range(2):
            async with db.message("m1", GUEST) as again:
                if again.is_new:
                    again.tokens("t1", 5)
    assert column(autocommit, "total_interactions") == 1
    assert column(autocommit, "thread_tokens") == 5


@pytest.mark.parametrize("loss", ["request", "answer"])
@pytest.mark.parametrize("kind", KINDS)
async def test_a_claim_or_a_completion_whose_answer_is_lost(
    kind: str, loss: str, database_url: str, autocommit: Connection
) -> None:
    with Proxy(database_url) as proxy:
        async with Either(kind, proxy.url) as db:
            proxy.lose(loss)
            async with message(db, "m1", GUEST) as first:
                assert first.is_new
                first.tokens("t1", 5)
                proxy.lose(loss)
        assert column(autocommit, "total_interactions") == 1
        assert column(autocommit, "thread_tokens") == 5
        assert rows(autocommit, "SELECT count(*) FROM messages") == [(1,)]


def test_two_messages_of_one_guest_at_once(database_url: str, autocommit: Connection) -> None:
    with GuestDatabase(settings=make_settings(database_url)) as db:
        with db.message("m1", GUEST) as outer:
            outer.tokens("t1", 1)
            with db.message("m2", GUEST) as inner:
                inner.tokens("t1", 2)
                inner.reply({"text": "second"})
            outer.reply({"text": "first"})
        assert [reply.payload["text"] for reply in db.claim_replies()] == ["second"]  # one at a time for a guest
    assert column(autocommit, "total_interactions") == 2
    assert column(autocommit, "thread_tokens") == 3


def test_ids_are_unique_for_a_gateway(database_url: str, autocommit: Connection) -> None:
    with GuestDatabase(settings=make_settings(database_url)) as db:
        for gateway in (None, "telegram", "whatsapp"):
            with db.message("m1", GUEST, gateway=gateway) as found:
                assert found.is_new == (gateway != "whatsapp")
    assert column(autocommit, "total_interactions") == 2


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
@pytest.mark.parametrize("error", [None, SystemExit()])
def test_a_child_that_is_forked_inside_the_block_neither_ends_nor_releases_it(
    error: BaseException | None, database_url: str, autocommit: Connection
) -> None:
    with GuestDatabase(settings=make_settings(database_url)) as db:
        inside = db.message("m1", GUEST)
        found = inside.__enter__()
        child = os.fork()
        if child == 0:
            leave_in_child(inside, error)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
        assert rows(autocommit, "SELECT count(lease), count(done_at) FROM operations") == [(1, 0)]
        found.tokens("t1", 5)
        inside.__exit__(None, None, None)
    assert column(autocommit, "thread_tokens") == 5


def leave_in_child(inside: Any, error: BaseException | None) -> NoReturn:
    """Leave the block, and the process with 7 if that was refused or passed the error on."""
    code = 1
    try:
        is_swallowed = inside.__exit__(None if error is None else type(error), error, None)
        code = 1 if error is None or is_swallowed else 7
    except MessageError:
        code = 7
    finally:
        os._exit(code)


async def test_another_event_loop_is_refused(database_url: str, autocommit: Connection) -> None:
    async with AsyncGuestDatabase(settings=make_settings(database_url)) as db:
        found: list[BaseException] = []

        async def use() -> None:
            try:
                async with db.message("m1", GUEST):
                    pass
            except WrongEventLoop as error:
                found.append(error)

        thread = threading.Thread(target=lambda: asyncio.run(use()))
        thread.start()
        await asyncio.to_thread(thread.join)
        assert found
    assert rows(autocommit, "SELECT count(*) FROM operations") == [(0,)]


def test_a_transaction_processes_no_message(database_url: str) -> None:
    with (
        GuestDatabase(settings=make_settings(database_url)) as db,
        db.transaction() as tx,
        pytest.raises(TransactionError, match="process a message"),
        tx.message("m1", GUEST),
    ):
        pass


@pytest.mark.parametrize(
    ("given", "known"),
    [
        (("", GUEST), {}),
        (("m" * 501, GUEST), {}),
        ((7, GUEST), {}),
        (("m1", GUEST), {"gateway": "guestsql"}),
        (("m1", GUEST), {"gateway": " "}),
        (("m1", GUEST), {"gateway": "g" * 101}),
        (("m1", GUEST), {"at": datetime(2026, 1, 1)}),  # noqa: DTZ001  that is the mistake
        (("m1", GUEST), {"text": "\x00"}),
        (("m1", GUEST), {"chat_id": ""}),
        (("m1", "120363000000000001@g.us"), {}),
    ],
)
def test_what_cannot_be_stored_is_refused(given: Any, known: Any, database_url: str) -> None:
    with GuestDatabase(settings=make_settings(database_url)) as db:
        with pytest.raises((InvalidValue, InvalidUserId)), db.message(*given, **known):
            pytest.fail("it was let in")
        with db.message("m1", GUEST) as found:
            for wrong in (
                lambda: found.tokens("", 1),
                lambda: found.tokens("t" * 501, 1),
                lambda: found.tokens("t", -1),
                lambda: found.reply([]),  # type: ignore[arg-type]
            ):
                with pytest.raises(InvalidValue):
                    wrong()


def test_the_longest_ids_fit_into_the_indexes(database_url: str) -> None:
    """An index entry has room for 2,704 bytes, however badly it is compressed; a character may have 4."""
    wide = iter(random.Random(1).sample(range(0x10000, 0x10FFFF), 2100))

    def longest(characters: int) -> str:
        return "".join(chr(code) for code in islice(wide, characters))

    message_id, gateway, threads = longest(500), longest(100), [longest(500), longest(500), longest(500)]
    with GuestDatabase(settings=make_settings(database_url)) as db:
        with db.message(message_id, GUEST, gateway=gateway) as found:
            for thread in threads:
                found.tokens(thread, 1)
        db.queue_reply(GUEST, {}, gateway=gateway)
        with db.message(message_id, GUEST, gateway=gateway) as again:
            assert again.state == "done"
        assert next(each.thread_id for each in db.get_threads(GUEST)) == threads[-1]
        db.forget_guest(GUEST)


@pytest.mark.parametrize("is_recorded_first", [True, False])
def test_an_interaction_with_the_id_of_a_message_is_counted_once(
    is_recorded_first: bool, database_url: str, autocommit: Connection
) -> None:
    """Whichever process records it, and however often, before or after the message is processed."""
    settings = make_settings(database_url)
    with GuestDatabase(settings=settings) as db, GuestDatabase(settings=settings) as other:

        def record() -> None:
            for each in (db, other):
                for _ in range(2):
                    each.record_interaction(GUEST, message_id="m1", at=AT)
                each.record_interaction(f"{GUEST}@c.us", message_id="m1")
                each.flush()

        if is_recorded_first:
            record()
            assert column(autocommit, "total_interactions") == 1
        with db.message("m1", GUEST, at=AT) as found:
            assert found.is_new
            found.tokens("t1", 5)
        record()
        assert column(autocommit, "total_interactions") == 1
        assert column(autocommit, "last_interaction") == AT
        db.record_interaction(GUEST, message_id="m2")
        db.record_interaction(OTHER, message_id="m2", gateway="telegram")
        db.record_interaction(GUEST)
        assert db.flush() == 2
        with db.transaction() as tx:
            tx.record_interaction(GUEST, message_id="m2")
        db.forget_guest(GUEST)
        db.record_interaction(GUEST, message_id="m1")
        db.record_interaction(GUEST, message_id="m2")
        db.flush()
        assert db.get_profile(GUEST) is None
    assert column(autocommit, "total_interactions", OTHER) == 1


@pytest.mark.parametrize("are_added_first", [True, False])
def test_tokens_with_the_id_of_a_message_are_counted_once_for_each_thread(
    are_added_first: bool, database_url: str
) -> None:
    with GuestDatabase(settings=make_settings(database_url)) as db:
        db.set_thread(GUEST, "t1")

        def add() -> list[int]:
            return [db.add_thread_tokens(GUEST, thread, 5, message_id="m1") for thread in ("t1", "t1", "t2", "t1")]

        if are_added_first:
            assert add() == [5, 5, 5, 5]
        with db.message("m1", f"{GUEST}@c.us") as found:
            assert found.is_new
            found.tokens("t1", 5)
            found.tokens("t2", 5)
        assert add() == [5, 5, 5, 5]
        assert db.add_thread_tokens(GUEST, "t1", 2, message_id="m1", gateway="telegram") == 7
        with db.transaction() as tx:
            assert tx.add_thread_tokens(GUEST, "t2", 1, message_id="m2") == 6
        assert db.get_thread(GUEST).thread_id == "t2"  # type: ignore[union-attr]
        db.forget_guest(GUEST)
        assert add() == [0, 0, 0, 0]
        assert db.get_profile(GUEST) is None


def test_tokens_of_one_message_in_several_threads(database_url: str) -> None:
    """As if they had been added one after the other: a new thread replaces the guest's, an old one stays replaced."""
    with GuestDatabase(settings=make_settings(database_url)) as db:
        db.add_thread_tokens(GUEST, "old", 1)
        db.add_thread_tokens(GUEST, "current", 10)
        with db.message("m1", GUEST) as found:
            for thread, tokens in [("old", 2), ("new", 100), ("current", 20), ("newer", 1000)]:
                found.tokens(thread, tokens)
        threads = {each.thread_id: each for each in db.get_threads(GUEST)}
        assert {name: each.token_count for name, each in threads.items()} == {
            "old": 3,
            "current": 30,
            "new": 100,
            "newer": 1000,
        }
        assert threads["newer"].ended_at is None
        assert all(each.ended_at and each.created_at for name, each in threads.items() if name != "newer")
        with db.message("m2", GUEST) as found:
            found.tokens("old", 1)
        assert db.get_thread(GUEST).thread_id == "newer"  # type: ignore[union-attr]
        with db.message("m3", OTHER) as found:
            found.tokens("a", 1)
            found.tokens("b", 2)
        assert [(each.thread_id, each.token_count) for each in db.get_threads(OTHER)] == [("b", 2), ("a", 1)]
