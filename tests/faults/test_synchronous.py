"""Synchronous replication: what no standby has is not acknowledged, also not when it is repeated."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID

import psycopg
import pytest

from guestsql.embedded import PrivateServer
from guestsql.errors import OutcomeUnknown
from tests.databases import GUEST, KINDS, OTHER, PATIENCE_SECONDS, Either, block, column, transaction
from tests.server import apply_migrations, eventually, private_server
from tests.unreplicated import waiting, without_standby

Connection = psycopg.Connection[Any]

LEASE = UUID("8a6e0804-2bd0-4672-b79d-d97027f9071a")


@pytest.fixture(scope="module")
def lonely_server() -> Iterator[PrivateServer]:
    """A server that may be made to wait for a standby that it does not have."""
    with private_server() as started:
        apply_migrations(started.url())
        yield started


@pytest.fixture
def watcher(lonely_server: PrivateServer) -> Iterator[Connection]:
    """A superuser's connection; at the end nothing waits, and nothing is stored."""
    with psycopg.connect(lonely_server.url(), autocommit=True) as connection:
        connection.execute("TRUNCATE guest_profiles, operations CASCADE")
        yield connection


def begun(watcher: Connection) -> set[tuple[Any, ...]]:
    """The sessions whose commit waits, and when their statements began."""
    started = "SELECT pid, query_start FROM pg_stat_activity WHERE pid = ANY(%s)"
    return set(watcher.execute(started, [list(waiting(watcher))]).fetchall())


async def _merge(db: Either) -> Any:
    return await db.merge_guests(GUEST, OTHER)


async def _flush(db: Either) -> Any:
    await db.record_interaction(GUEST)
    return await db.flush()


async def _message(db: Either) -> None:
    """Its claim is interrupted."""
    async with block(db.raw.message("m1", GUEST)) as message:
        message.tokens("t1", 5)


def _complete(db: Either) -> Any:
    """The end of a message that was claimed before."""
    return db._call_once(
        "complete_message",
        gateway="whatsapp",
        message_id="claimed",
        lease=LEASE,
        phone_number=GUEST,
        sent_at=None,
        chat_id=None,
        text=None,
        thread_ids=["t1"],
        thread_tokens=[5],
        replies=[],
    )


CALLS: dict[str, Callable[[Either], Any]] = {
    "add_thread_tokens": lambda db: db.add_thread_tokens(GUEST, "t1", 5),
    "flush": _flush,
    "merge_guests": _merge,
    "forget_guest": lambda db: db.forget_guest(GUEST),
    "update_profile": lambda db: db.update_profile(GUEST, user_name="Ana"),
    "set_thread": lambda db: db.set_thread(GUEST, "t1"),
    "message": _message,
    "complete_message": _complete,
}
INTERRUPTIONS = {"terminated": "pg_terminate_backend", "cancelled": "pg_cancel_backend"}


@pytest.mark.parametrize("interruption", INTERRUPTIONS)
@pytest.mark.parametrize("name", CALLS)
async def test_a_repeat_waits_for_the_standby_too(
    name: str, interruption: str, lonely_server: PrivateServer, watcher: Connection
) -> None:
    """The first attempt is committed on this server only; to find its row proves nothing."""
    kind = KINDS[(list(CALLS).index(name) + list(INTERRUPTIONS).index(interruption)) % 2]  # the twin is generated
    interrupt = f"SELECT {INTERRUPTIONS[interruption]}(%s)".encode()
    async with Either(kind, lonely_server.url(), pool_max=2) as db:
        await db.update_profile(GUEST, labels=["a"])
        await db.update_profile(OTHER, labels=["b"])
        await db.get_profile(GUEST)
        watcher.execute(
            "INSERT INTO operations (source, operation_id, lease, lease_until, claimed_at, done_at)"
            " VALUES ('whatsapp', 'claimed', %s, statement_timestamp(), statement_timestamp(), NULL)",
            [LEASE],
        )
        with without_standby(watcher):
            call = asyncio.create_task(CALLS[name](db))
            await asyncio.to_thread(eventually, lambda: waiting(watcher))
            for _ in range(2):
                assert not call.done()
                before = begun(watcher)
                for pid, _ in before:
                    watcher.execute(interrupt, [pid])
                # The next statement, on this connection or another, waits.
                await asyncio.to_thread(eventually, lambda known=before: begun(watcher) - known)
            assert not call.done()
        answer = await asyncio.wait_for(call, PATIENCE_SECONDS)
        if name == "forget_guest":
            assert answer["guest_profiles"] == 1
        else:
            is_message = "message" in name
            assert column(watcher, "total_interactions") == (1 if name == "flush" or is_message else 0)
            assert column(watcher, "thread_tokens") == (5 if name == "add_thread_tokens" or is_message else 0)


async def test_a_transaction_that_no_standby_has_is_not_acknowledged(
    lonely_server: PrivateServer, watcher: Connection
) -> None:
    async def write(db: Either) -> None:
        async with transaction(db) as tx:
            await tx.update_profile(GUEST, user_name="Ana")

    async with Either("async", lonely_server.url(), pool_max=2) as db:
        await db.get_profile(GUEST)
        with without_standby(watcher):
            call = asyncio.create_task(write(db))
            for _ in range(2):  # the COMMIT, and the one behind it that confirms it
                await asyncio.to_thread(eventually, lambda: waiting(watcher))
                assert not call.done()
                before = begun(watcher)
                for pid, _ in before:
                    watcher.execute("SELECT pg_cancel_backend(%s)", [pid])
                await asyncio.to_thread(eventually, lambda known=before: begun(watcher) - known or call.done())
            with pytest.raises(OutcomeUnknown, match="COMMIT: committed, but the wait for a synchronous standby"):
                await asyncio.wait_for(call, PATIENCE_SECONDS)
        assert column(watcher, "user_name") == "Ana"


@pytest.mark.parametrize("kind", KINDS)
async def test_a_miss_does_not_wait_for_the_standby(
    kind: str, lonely_server: PrivateServer, watcher: Connection
) -> None:
    """Only an unknown guest's does: its claim creates the guest."""
    async with Either(kind, lonely_server.url(), pool_max=3) as db:
        await db.update_profile(GUEST, user_name="Ana")
        with without_standby(watcher):
            text = await asyncio.wait_for(db.get_context(GUEST), PATIENCE_SECONDS)
            assert column(watcher, "context_cache").startswith("[Ana | ")
            assert text.startswith("[Ana | ")
            new = asyncio.create_task(db.get_context(OTHER))
            await asyncio.to_thread(eventually, lambda: waiting(watcher))
            assert not new.done()
        assert (await asyncio.wait_for(new, PATIENCE_SECONDS)).startswith("[Cliente | ")
