"""The outbox: each reply goes to one sender at a time, in its guest's order, and what became of it is never guessed."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter, defaultdict
from contextlib import suppress
from datetime import timedelta
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from guestsql import GuestDatabase, Reply
from guestsql.errors import DatabaseUnavailable, InvalidValue, LeaseLost, TransactionError
from guestsql.sql import arrange, read_packaged
from guestsql.sql._async import listening as async_listening
from guestsql.sql._sync import listening as sync_listening
from tests.databases import GUEST, KINDS, OTHER, Either, Proxy, make_settings, transaction, waiting_sessions
from tests.server import eventually

Connection = psycopg.Connection[Any]


def rows(connection: Connection, columns: str, key: str | None = None) -> list[tuple[Any, ...]]:
    found = connection.execute(
        f"SELECT {columns} FROM outbox WHERE phone_number = coalesce(%s, phone_number) ORDER BY reply_id".encode(),
        [key],
    )
    return found.fetchall()


def end_leases(connection: Connection) -> None:
    connection.execute("UPDATE outbox SET due_at = statement_timestamp() WHERE state = 'sending'")


def texts(replies: list[Reply]) -> list[str]:
    return [reply.payload["text"] for reply in replies]


@pytest.mark.parametrize("kind", KINDS)
async def test_a_guest_gets_the_replies_in_order_and_each_once(
    kind: str, database_url: str, autocommit: Connection
) -> None:
    async with Either(kind, database_url, keep_text_days=1) as db, Either(kind, database_url) as second:
        for payload in ("one", "two", "three"):
            await db.queue_reply(GUEST, {"text": payload})
        await db.queue_reply(OTHER, {"text": "other"}, gateway="whapi")
        claimed = await db.claim_replies()
        assert texts(claimed) == ["one", "other"]
        assert await second.claim_replies() == []
        first = claimed[0]
        assert (first.phone_number, first.gateway, first.attempts, first.is_maybe_sent) == (GUEST, "whatsapp", 1, False)
        await db.reply_sent(first, "wamid.1")
        await db.reply_sent(first, "wamid.1")  # repeated
        assert await second.claim_replies(gateway="whapi") == []
        assert texts(await second.claim_replies()) == ["two"]
        exported = await db.export_guest(GUEST)
    assert rows(autocommit, "state, payload, sent_message_id", GUEST)[0] == ("sent", None, "wamid.1")
    assert [row["state"] for row in exported["outbox"]] == ["sent", "sending", "queued"]
    stored = autocommit.execute("SELECT phone_number, message_id, direction, text FROM messages").fetchall()
    assert stored == [(GUEST, "wamid.1", "out", '{"text": "one"}')]


def test_senders_at_once_share_the_replies_and_keep_each_guests_order(
    database_url: str, autocommit: Connection
) -> None:
    guests, each = [f"57300000{number:04}" for number in range(6)], 8
    sent: dict[str, list[int]] = defaultdict(list)
    in_flight = Counter[str]()

    def send(db: GuestDatabase) -> None:
        while autocommit_left():
            for reply in db.claim_replies(3):
                in_flight[reply.phone_number] += 1
                assert in_flight[reply.phone_number] == 1
                sent[reply.phone_number].append(reply.payload["n"])
                in_flight[reply.phone_number] -= 1
                db.reply_sent(reply)

    lock = threading.Lock()

    def autocommit_left() -> bool:
        with lock:
            found = autocommit.execute("SELECT EXISTS (SELECT FROM outbox WHERE state <> 'sent')").fetchone()
        return found == (True,)

    with GuestDatabase(settings=make_settings(database_url)) as db:
        for number in range(each):
            for guest in guests:
                db.queue_reply(guest, {"n": number})
        senders = [threading.Thread(target=send, args=(db,)) for _ in range(4)]
        for sender in senders:
            sender.start()
        for sender in senders:
            sender.join()
    assert sent == {guest: list(range(each)) for guest in guests}
    assert rows(autocommit, "attempts") == [(1,)] * len(guests) * each


@pytest.mark.parametrize("kind", KINDS)
async def test_a_sender_that_was_gone_for_too_long_leaves_the_decision_to_the_next(
    kind: str, database_url: str, autocommit: Connection
) -> None:
    async with Either(kind, database_url) as paused, Either(kind, database_url) as db:
        await db.queue_reply(GUEST, {"text": "one"})
        await db.queue_reply(GUEST, {"text": "two"})
        [stale] = await paused.claim_replies()
        end_leases(autocommit)
        assert [row.state for row in await db.queries.list_replies()] == ["maybe sent", "queued"]
        [again] = await db.claim_replies()
        assert (again.payload["text"], again.attempts, again.is_maybe_sent) == ("one", 2, True)
        with pytest.raises(LeaseLost, match="reply 1 was not marked as sent"):
            await paused.reply_sent(stale)
        with pytest.raises(LeaseLost, match="reply 1 was not marked as not sent"):
            await paused.reply_failed(stale, "paused")
        assert await paused.claim_replies() == []  # "two" waits for the decision
        await db.reply_failed(again, "still unsure", retry_seconds=0)
        [again] = await db.claim_replies()
        assert again.is_maybe_sent  # a failure of the second attempt says nothing of the first
        await db.reply_sent(again)
        [last] = await db.claim_replies()
        end_leases(autocommit)
        await db.reply_sent(last)  # late, but no one else has claimed it
    assert rows(autocommit, "state") == [("sent",), ("sent",)]
    assert autocommit.execute("SELECT count(*) FROM messages").fetchone() == (2,)


@pytest.mark.parametrize("kind", KINDS)
async def test_a_failing_reply_backs_off_and_dies_without_blocking_the_next(
    kind: str, database_url: str, autocommit: Connection
) -> None:
    async with Either(kind, database_url) as db:
        await db.queue_reply(GUEST, {"text": "bad"})
        await db.queue_reply(GUEST, {"text": "good"})
        for seconds in (5, 10, 20):
            [reply] = await db.claim_replies()
            before = autocommit.execute("SELECT clock_timestamp()").fetchone()[0]  # type: ignore[index]
            due = await db.reply_failed(reply, ConnectionError("gateway\x00 down \ud83d"))
            after = autocommit.execute("SELECT clock_timestamp()").fetchone()[0]  # type: ignore[index]
            assert before <= due - timedelta(seconds=seconds) <= after
            assert due == await db.reply_failed(reply, "gateway down")  # repeated
            assert await db.claim_replies() == []
            autocommit.execute("UPDATE outbox SET due_at = statement_timestamp() WHERE state = 'queued'")
        [reply] = await db.claim_replies()
        assert (reply.attempts, reply.last_error) == (4, "gateway down")
        assert await db.reply_failed(reply, "no WhatsApp", max_attempts=4) is None
        with pytest.raises(LeaseLost):
            await db.reply_sent(reply)
        [good] = await db.claim_replies()
        assert good.payload["text"] == "good"

        # The operator decides about the dead letter while the next reply is on its way.
        assert [row.reply_id for row in await db.queries.retry_replies(reply_ids=[good.reply_id])] == []
        assert await db.queries.drop_replies(reply_ids=[good.reply_id]) == []
        [retried] = await db.queries.retry_replies(reply_ids=None)
        assert retried.reply_id == reply.reply_id
        assert await db.claim_replies() == []
        end_leases(autocommit)  # the sender of "good" is killed; neither waits for the other forever
        [bad] = await db.claim_replies()
        assert (bad.payload["text"], bad.attempts, bad.is_maybe_sent) == ("bad", 1, False)
        await db.reply_failed(bad, "no WhatsApp", max_attempts=1)
        [dropped] = await db.queries.drop_replies(reply_ids=[bad.reply_id, good.reply_id + 5])
        assert dropped.last_error == "no WhatsApp"
        with pytest.raises(LeaseLost):
            await db.reply_failed(bad, "too late")
        [good] = await db.claim_replies()
        assert good.is_maybe_sent


@pytest.mark.parametrize("kind", KINDS)
async def test_lost_answers(kind: str, database_url: str, autocommit: Connection) -> None:
    with Proxy(database_url) as proxy:
        async with Either(kind, proxy.url) as db:
            proxy.lose("answer")
            await db.queue_reply(GUEST, {"text": "one"})
            proxy.lose("request")
            await db.queue_reply(GUEST, {"text": "two"})
            proxy.lie("57P01", at=b"due_replies")
            [reply] = await db.claim_replies()
            assert (reply.payload["text"], reply.attempts, reply.is_maybe_sent) == ("one", 1, False)
            proxy.lie("57P01", at=b"stored_messages")
            await db.reply_sent(reply)
            [reply] = await db.claim_replies()
            proxy.lie("57P01", at=b"last_error = ")
            due = await db.reply_failed(reply, "no")
        assert not proxy._lies
        assert not proxy._losses
    assert rows(autocommit, "state, attempts") == [("sent", 1), ("queued", 1)]
    assert rows(autocommit, "due_at")[1] == (due,)
    assert autocommit.execute("SELECT count(*) FROM messages").fetchone() == (1,)


@pytest.mark.parametrize("kind", KINDS)
async def test_a_guest_who_is_erased_or_merged_while_a_reply_is_on_its_way(
    kind: str, database_url: str, autocommit: Connection
) -> None:
    async with Either(kind, database_url) as db:
        for guest in (GUEST, OTHER):
            await db.queue_reply(guest, {"text": f"to {guest}"})
            await db.queue_reply(guest, {"text": f"later to {guest}"})
        to_guest, to_other = await db.claim_replies()
        assert (await db.forget_guest(GUEST))["outbox"] == 2
        with pytest.raises(LeaseLost):
            await db.reply_sent(to_guest)
        assert autocommit.execute("SELECT count(*) FROM messages").fetchone() == (0,)
        await db.queue_reply(GUEST, {"text": "a new guest"})
        await db.merge_guests(GUEST, OTHER)
        assert {row[0] for row in rows(autocommit, "phone_number")} == {GUEST}
        await db.reply_sent(to_other)
        assert autocommit.execute("SELECT phone_number FROM messages").fetchall() == [(GUEST,)]
        assert texts(await db.claim_replies()) == [f"later to {OTHER}"]


@pytest.mark.parametrize(("kind", "what"), [("sync", "merge"), ("async", "forget")])
async def test_a_reply_that_is_queued_during_a_merge_or_an_erasure(
    kind: str, what: str, database_url: str, autocommit: Connection
) -> None:
    async with Either(kind, database_url) as db:
        for guest in (GUEST, OTHER):
            await db.update_profile(guest, user_name="Ana")
        async with transaction(db) as tx:
            await (tx.merge_guests(GUEST, OTHER) if what == "merge" else tx.forget_guest(OTHER))
            queueing = asyncio.create_task(db.queue_reply(OTHER, {"text": "hello"}))
            await asyncio.to_thread(eventually, lambda: waiting_sessions(autocommit) == 1)
        await queueing
        # Of one who was erased it is a new guest.
        guest = await db.get_profile(OTHER)
        assert guest.user_name == ("Ana" if what == "merge" else None)
        assert rows(autocommit, "phone_number") == [(guest.phone_number,)]
        assert guest.phone_number == (GUEST if what == "merge" else OTHER)


@pytest.mark.parametrize(("kind", "first"), [("sync", "erasure"), ("async", "mark")])
async def test_a_reply_that_is_marked_during_an_erasure_leaves_nothing(
    kind: str, first: str, database_url: str, autocommit: Connection
) -> None:
    async with Either(kind, database_url) as db:
        await db.queue_reply(GUEST, {"text": "hello"})
        [reply] = await db.claim_replies()
        async with transaction(db) as tx:
            await (tx.forget_guest(GUEST) if first == "erasure" else tx.reply_sent(reply))
            second = asyncio.create_task(db.reply_sent(reply) if first == "erasure" else db.forget_guest(GUEST))
            await asyncio.to_thread(eventually, lambda: waiting_sessions(autocommit) == 1)
        if first == "erasure":
            with pytest.raises(LeaseLost):
                await second
        else:
            await second
    for table in ("outbox", "messages", "guest_profiles"):
        assert autocommit.execute(f"SELECT count(*) FROM {table}".encode()).fetchone() == (0,)


@pytest.mark.parametrize("kind", KINDS)
async def test_transactions_queue_and_mark_but_do_not_send(
    kind: str, database_url: str, autocommit: Connection
) -> None:
    async with Either(kind, database_url) as db:
        with suppress(ZeroDivisionError):
            async with transaction(db) as tx:
                await tx.queue_reply(GUEST, {"text": "undone"})
                raise ZeroDivisionError
        async with transaction(db) as tx:
            await tx.queue_reply(GUEST, {"text": "done"})
            for refused in (tx.claim_replies, tx.wait_for_replies):
                with pytest.raises(TransactionError):
                    await refused()
        assert rows(autocommit, "payload") == [({"text": "done"},)]
        for call in (
            db.queue_reply(GUEST, None),
            db.queue_reply(GUEST, ["text"]),
            db.queue_reply(GUEST, {"at": object()}),
            db.queue_reply(GUEST, {"text": "text"}, gateway=" "),
            db.queue_reply(GUEST, {"text": "text"}, gateway="guestsql"),
            db.claim_replies(gateway=5),  # type: ignore[arg-type]
            db.wait_for_replies(0, gateway=""),
            db.claim_replies(0),
            db.claim_replies(2.5),
            db.claim_replies(lease_seconds=float("nan")),
            db.wait_for_replies(-1),
        ):
            with pytest.raises(InvalidValue):
                await call
        [reply] = await db.claim_replies()
        await db.reply_sent(reply)
        autocommit.execute("UPDATE outbox SET sent_at = sent_at - interval '31 days'")
        assert await db.queries.thin_replies() == 1
        assert await db.queries.thin_replies() == 0


# -- waiting -------------------------------------------------------------------------------------------------------


@pytest.fixture
def _never_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only a notification, or the time that the server has named, ends a wait."""
    for module in (async_listening, sync_listening):
        monkeypatch.setattr(module, "_LOOK_SECONDS", 3600.0)
        monkeypatch.setattr(module, "_POLL_SECONDS", 3600.0)
        monkeypatch.setattr(module, "_CONNECT_SECONDS", 30.0)


def listeners(connection: Connection) -> list[int]:
    found = connection.execute(
        "SELECT pid FROM pg_stat_activity"
        " WHERE datname = current_database() AND query LIKE 'LISTEN%' AND state = 'idle'"
    )
    return [row[0] for row in found]


async def listens(connection: Connection, but: int = 0) -> int:
    """Wait until a session listens; return it."""
    await asyncio.to_thread(eventually, lambda: any(pid != but for pid in listeners(connection)))
    return next(pid for pid in listeners(connection) if pid != but)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.usefixtures("_never_looks")
async def test_a_waiting_sender_is_woken(kind: str, database_url: str, autocommit: Connection) -> None:
    async with Either(kind, database_url) as db, Either(kind, database_url) as bot:
        assert await db.wait_for_replies(0) is False
        pids = set[int]()
        for _ in range(2):
            waiting = asyncio.create_task(db.wait_for_replies(3000))
            pids.add(await listens(autocommit))
            await bot.queue_reply(GUEST, {"text": "hello"}, gateway="other")
            await bot.queue_reply(GUEST, {"text": "hello"})
            assert await waiting is True
            assert listeners(autocommit) == []
            autocommit.execute("DELETE FROM outbox")
        # The end of a lease, or of a back-off, sends no notification.
        await bot.queue_reply(GUEST, {"text": "hello"})
        await bot.claim_replies(lease_seconds=0.3)
        assert await db.wait_for_replies(3000) is True
        assert len(pids) == 1  # the connection is kept
        autocommit.execute("SELECT pg_terminate_backend(%s)", [pids.pop()])
        autocommit.execute("DELETE FROM outbox")
        waiting = asyncio.create_task(db.wait_for_replies(3000))
        await listens(autocommit)
        await bot.queue_reply(GUEST, {"text": "hello"})
        assert await waiting is True


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.usefixtures("_never_looks")
async def test_a_lost_listener_is_replaced_and_meanwhile_the_sender_polls(
    kind: str, database_url: str, autocommit: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = sync_listening if kind == "sync" else async_listening
    async with Either(kind, database_url) as db:
        waiting = asyncio.create_task(db.wait_for_replies(3000))
        pid = await listens(autocommit)
        monkeypatch.setattr(module, "_LOST_SECONDS", 0.0)
        autocommit.execute("SELECT pg_terminate_backend(%s)", [pid])
        pid = await listens(autocommit, but=pid)
        await db.queue_reply(GUEST, {"text": "after the loss"})
        assert await waiting is True
        autocommit.execute("DELETE FROM outbox")

        waiting = asyncio.create_task(db.wait_for_replies(3000))
        pid = await listens(autocommit)
        monkeypatch.setattr(module, "_LOST_SECONDS", 3600.0)
        monkeypatch.setattr(module, "_POLL_SECONDS", 0.05)
        autocommit.execute("SELECT pg_terminate_backend(%s)", [pid])
        await asyncio.to_thread(eventually, lambda: listeners(autocommit) == [])
        await db.queue_reply(GUEST, {"text": "polled for"})
        assert await waiting is True
        assert listeners(autocommit) == []


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.usefixtures("_never_looks")
async def test_closing_ends_a_wait_and_a_cancelled_one_leaves_no_session(
    kind: str, database_url: str, autocommit: Connection
) -> None:
    async with Either(kind, database_url) as db:
        if kind == "async":
            waiting = asyncio.create_task(db.wait_for_replies(3000))
            await listens(autocommit)
            waiting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiting
            await asyncio.to_thread(eventually, lambda: listeners(autocommit) == [])
        waiting = asyncio.create_task(db.wait_for_replies(3000))
        await listens(autocommit)
        await db.close()
        with pytest.raises(DatabaseUnavailable):
            await waiting
        await asyncio.to_thread(eventually, lambda: listeners(autocommit) == [])
        await db.open()
        await db.queue_reply(GUEST, {"text": "open again"})
        assert await db.wait_for_replies(3000) is True


@pytest.mark.parametrize("name", ["claim_replies", "get_reply_delay"])
def test_a_guest_with_many_replies_costs_a_few_rows_for_each(name: str, connection: Connection) -> None:
    """Not all others of the guest: one guest could otherwise keep the senders from all guests."""
    count = 2000
    connection.execute(
        "INSERT INTO outbox (phone_number, payload, due_at)"
        " SELECT %s, '{}', statement_timestamp() + CASE number WHEN 1 THEN INTERVAL '1 h' ELSE '0' END"
        " FROM generate_series(1, %s) AS number",
        [GUEST, count],
    )
    connection.execute("ANALYZE outbox")
    query = read_packaged("internal/outbox.sql")[name]
    given = {"gateway": None, "lease": uuid4(), "lease_seconds": 60, "max_rows": 10}
    with psycopg.RawCursor(connection) as cursor:
        explain = f"EXPLAIN (ANALYZE, TIMING OFF, FORMAT json) {query.text}"
        cursor.execute(explain.encode(), arrange(query, {each.name: given[each.name] for each in query.parameters}))
        [(plan,)] = cursor.fetchall()
    assert read_rows(plan[0]["Plan"]) < 20 * count


def read_rows(node: dict[str, Any]) -> int:
    """Count the rows that a plan has read and combined, those too that it then left out."""
    kinds = ("Actual Rows", "Rows Removed by Filter", "Rows Removed by Join Filter")
    own = node["Actual Loops"] * sum(node.get(kind, 0) for kind in kinds)
    return int(own) + sum(read_rows(each) for each in node.get("Plans", []))
