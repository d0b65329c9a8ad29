"""The methods for guests in a transaction: stored together or not at all, and nothing slow meanwhile."""

from __future__ import annotations

import re
from contextlib import nullcontext
from typing import Any

import psycopg
import pytest

from guestsql import GuestTransaction
from guestsql.errors import ConstraintViolation, InvalidValue, TransactionError
from tests.databases import GUEST, KINDS, OTHER, Either, column, transaction
from tests.server import eventually

Connection = psycopg.Connection[Any]

pytestmark = pytest.mark.parametrize("kind", KINDS)


def timeless(text: str) -> str:
    """A context without its clock: a minute may end between two readings."""
    return re.sub(r"\d\d:\d\d", "", text)


async def test_all_methods_are_stored_together(kind: str, database_url: str) -> None:
    async with Either(kind, database_url) as db:
        async with transaction(db) as tx:
            await tx.update_profile(GUEST, user_name="Ana", labels=["a"])
            await tx.add_labels(GUEST, ["b"])
            await tx.set_thread(GUEST, "t1")
            assert await tx.add_thread_tokens(GUEST, "t1", 5) == 5
            await tx.record_interaction(GUEST)
            assert (await tx.get_profile("+57 300 000 0001")).labels == ["a", "b"]
            assert (await tx.get_thread(GUEST)).token_count == 5
            assert (await tx.queries.get_profile(phone_number=GUEST)).user_name == "Ana"
            assert await db.get_profile(GUEST) is None
        profile = await db.get_profile(GUEST)
        assert (profile.labels, profile.thread_id, profile.total_interactions) == (["a", "b"], "t1", 1)
        assert await db.flush() == 0


async def test_what_is_rolled_back_was_never_there(kind: str, database_url: str, autocommit: Connection) -> None:
    async with Either(kind, database_url) as db:
        with pytest.raises(KeyError):
            async with transaction(db) as tx:
                await tx.add_thread_tokens(GUEST, "t1", 5)
                await tx.record_interaction(GUEST)
                raise KeyError
        assert await db.get_profile(GUEST) is None
        assert await db.flush() == 0
    assert autocommit.execute("SELECT count(*) FROM operations").fetchone() == (0,)


async def test_an_interaction_is_checked_before_it_is_sent(kind: str, database_url: str) -> None:
    async with Either(kind, database_url) as db:
        async with transaction(db) as tx:
            with pytest.raises(InvalidValue):
                await tx.record_interaction(GUEST, at="now")
            await tx.update_profile(GUEST)
        assert (await db.get_profile(GUEST)).total_interactions == 0


async def test_a_savepoint_undoes_a_method_that_failed(kind: str, database_url: str) -> None:
    async with Either(kind, database_url) as db, transaction(db) as tx:
        await tx.update_profile(GUEST, user_name="Ana")
        with pytest.raises(ConstraintViolation):
            async with transaction(tx) as inner:
                await inner.add_labels(GUEST, ["undone"])
                await inner.queries.add_thread_tokens(
                    phone_number=GUEST, thread_id="t1", tokens=-1, operation_id="once"
                )
        assert (await tx.get_profile(GUEST)).labels == []


async def test_a_context_is_read_and_not_built(kind: str, database_url: str) -> None:
    async with Either(kind, database_url) as db:
        await db.update_profile(GUEST, user_name="Ana")
        text = timeless(await db.get_context(GUEST))
        async with transaction(db) as tx:
            assert timeless(await tx.get_context(GUEST)) == text
            assert timeless((await tx.get_contexts([GUEST]))[GUEST]) == text
            for ids in ([OTHER], [GUEST, OTHER]):
                with pytest.raises(TransactionError, match="cannot build a context"):
                    await tx.get_contexts(ids)
            with pytest.raises(TransactionError, match="before or after the transaction"):
                await tx.get_context(GUEST, ttl_seconds=0, default="")
            assert timeless(await tx.get_context(GUEST, ttl_seconds=0, stale_if_error=True)) == text
            await tx.update_profile(GUEST, memory_enabled=False)
            assert await tx.get_context(GUEST) == ""
        assert await db.get_profile(OTHER) is None
        outcomes = db.raw.figures().outcomes
        assert (outcomes["hit"], outcomes["error"], outcomes["stale"]) == (3, 4, 1)


@pytest.mark.parametrize("ending", ["commit", "rollback"])
async def test_others_get_the_old_context_until_commit(kind: str, ending: str, database_url: str) -> None:
    async with Either(kind, database_url) as db, Either("sync", database_url) as other:
        await db.update_profile(GUEST, user_name="Ana")
        old = timeless(await other.get_context(GUEST))
        with nullcontext() if ending == "commit" else pytest.raises(KeyError):
            async with transaction(db) as tx:
                await tx.update_profile(GUEST, user_name="Eva")
                with pytest.raises(TransactionError):
                    await tx.get_context(GUEST)
                assert timeless(await other.get_context(GUEST)) == old
                if ending == "rollback":
                    raise KeyError
        if ending == "rollback":
            assert timeless(await other.get_context(GUEST)) == old
            assert other.raw.figures().outcomes["hit"] == 2
        else:
            assert "Eva" in await other.get_context(GUEST)
            assert other.raw.figures().outcomes["miss"] == 2


async def test_an_erasure_drops_what_is_buffered_when_it_is_committed(kind: str, database_url: str) -> None:
    async with Either(kind, database_url) as db:
        await db.update_profile(GUEST)
        await db.record_interaction(GUEST)
        with pytest.raises(KeyError):
            async with transaction(db) as tx:
                await tx.forget_guest(GUEST)
                raise KeyError
        assert await db.flush() == 1
        await db.record_interaction(GUEST)
        async with transaction(db) as tx:
            assert (await tx.forget_guest(GUEST))["guest_profiles"] == 1
        assert await db.flush() == 0
        assert await db.get_profile(GUEST) is None


async def test_what_is_buffered_is_counted_for_the_guest_who_stays(kind: str, database_url: str) -> None:
    async with Either(kind, database_url) as db:
        await db.record_interaction(OTHER)
        async with transaction(db) as tx:
            await tx.update_profile(OTHER, user_name="Ana")
            assert (await tx.merge_guests(GUEST, OTHER)).user_name == "Ana"
        assert await db.flush() == 1
        assert (await db.get_profile(GUEST)).total_interactions == 1
        assert (await db.get_profile(OTHER)).phone_number == GUEST


async def test_a_batch_on_its_way_is_written_inside_an_erasure(
    kind: str, database_url: str, autocommit: Connection
) -> None:
    """On another connection it would wait for the rows that the transaction has locked, and undo the erasure later."""
    async with Either(kind, database_url) as db:
        await db.record_interaction(GUEST)
        await db.record_interaction(OTHER)
        batch = db.raw._pending.take()
        async with transaction(db) as tx:
            await tx.update_profile(GUEST, user_name="Ana")
            assert (await tx.forget_guest(GUEST))["guest_profiles"] == 1
            assert db.raw._pending.open is batch
        assert db.raw._pending.open is None
        assert await db.get_profile(GUEST) is None
        assert column(autocommit, "total_interactions", OTHER) == 1


async def test_run_repeats_the_whole_function(kind: str, database_url: str, autocommit: Connection) -> None:
    attempts = 0

    def fail_once(tx: Any) -> None:
        nonlocal attempts
        attempts += 1
        if attempts == 1:
            autocommit.execute(
                "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity"
                " WHERE datname = current_database() AND state = 'idle in transaction'"
            )
            eventually(lambda: not tx._session._connection.is_live())  # a pooler hangs up a little later

    def sync(tx: GuestTransaction) -> int:
        tx.record_interaction(GUEST)
        fail_once(tx)
        return attempts

    async def asynchronous(tx: Any) -> int:
        await tx.record_interaction(GUEST)
        fail_once(tx)
        return attempts

    async with Either(kind, database_url) as db:
        assert await db.run(sync if kind == "sync" else asynchronous) == 2
        assert (await db.get_profile(GUEST)).total_interactions == 1
