"""Contexts are read on a standby, and a process finds there whatever it has written itself."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable
from pathlib import Path
from time import monotonic
from typing import Any

import psycopg
import pytest

from guestsql.errors import SettingsError
from guestsql.settings import Settings
from tests.bouncer import bouncer, find_bouncer
from tests.context_helpers import GUEST, seed
from tests.databases import KINDS, OTHER, PATIENCE_SECONDS, Either, Program, block, transaction
from tests.failover.conftest import Turns, pause_replay
from tests.failover.rounds import Bots, run_round
from tests.required import skip_without
from tests.server import eventually
from tests.standby import ServerGroup, server_group

Connection = psycopg.Connection[Any]


def replicated(kind: str, pair: ServerGroup, **known: Any) -> Either:
    """A database of either class that reads on the standby, with one connection to each server."""
    one: dict[str, Any] = {"pool_min": 1, "pool_max": 1}
    one["replica_url"] = pair.standbys[0].url()
    url = known.pop("database_url", pair.url())
    return Either(kind, url, replica_reads=True, **{**one, **known})


async def used(db: Either, turns: Turns) -> None:
    """Read until statements are prepared and the standby answers everything.

    A slow connection to it lets it rest for a second.
    """
    turns()
    deadline = monotonic() + PATIENCE_SECONDS
    while monotonic() < deadline:
        await db.get_context(GUEST)
        if set(turns()) == {"standby"}:
            for _ in range(4):
                await db.get_context(GUEST)
            turns()
            return
        await asyncio.sleep(0.01)
    pytest.fail("the standby is not used")


async def test_a_hit_is_one_round_trip_to_the_standby(pair: ServerGroup, primary: Connection, turns: Turns) -> None:
    seed(primary, "stored text", "1 second")
    seed(primary, "other text", "1 second", guest=OTHER)
    pair.wait_for_standbys()
    async with replicated("async", pair) as db:
        await used(db, turns)
        assert await db.get_context(GUEST) == "stored text"
        assert turns() == {"standby": 1}
        for _ in range(4):
            assert await db.get_contexts([GUEST, OTHER]) == {GUEST: "stored text", OTHER: "other text"}
        turns()
        assert await db.get_contexts([GUEST, OTHER]) == {GUEST: "stored text", OTHER: "other text"}
        assert turns() == {"standby": 1}

        for _ in range(4):  # prepared
            await db.add_thread_tokens(OTHER, "t1", 5)
        pair.wait_for_standbys()
        await used(db, turns)
        await db.add_thread_tokens(OTHER, "t1", 5)
        assert turns() == {"primary": 1}  # the write and its position
        pair.wait_for_standbys()
        assert await db.get_context(GUEST) == "stored text"
        assert turns() == {"standby": 1}  # the position there and the text


async def _update(db: Either) -> None:
    async with transaction(db) as tx:
        await tx.update_profile(GUEST, user_name="Eva")


async def _message(db: Either) -> None:
    async with block(db.raw.message("m1", GUEST)) as message:
        message.tokens("t1", 5)
    await db.invalidate_context(GUEST)


WRITES: dict[str, Callable[[Either], Any]] = {
    "update_profile": lambda db: db.update_profile(GUEST, user_name="Eva"),
    "invalidate_context": lambda db: db.invalidate_context(GUEST),
    "forget_guest": lambda db: db.forget_guest(GUEST),
    "transaction": _update,
    "message": _message,
    "function": lambda db: db.queries.rename_guest(phone_number=GUEST),
}
_FUNCTION = """
CREATE OR REPLACE FUNCTION rename_guest(text) RETURNS text LANGUAGE sql
AS $$ UPDATE guest_profiles SET user_name = 'Eva' WHERE phone_number = $1 RETURNING user_name $$
"""
_QUERY = """-- name: rename_guest(phone_number)$
-- Renames a guest, by a function.
--   phone_number: text, the guest
SELECT rename_guest(:phone_number::text) AS user_name;

-- name: find_name_slowly(phone_number)$
-- Finds a guest's name, and takes its time.
--   phone_number: text, the guest
SELECT user_name FROM guest_profiles WHERE phone_number = :phone_number::text AND pg_sleep(2) IS NOT NULL;
"""
_SLEEPS = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'"


def own_queries() -> Path:
    Path("own.sql").write_text(_QUERY)
    return Path.cwd()


@pytest.mark.parametrize("kind", KINDS)
async def test_a_standby_that_is_behind_shows_nothing_old(
    kind: str, pair: ServerGroup, primary: Connection, standby: Connection, turns: Turns
) -> None:
    primary.execute(_FUNCTION)
    async with replicated(kind, pair, queries_dir=own_queries()) as db:
        for name in list(WRITES)[KINDS.index(kind) :: 2]:  # the twin is generated
            primary.execute("DELETE FROM guest_profiles WHERE phone_number = %s", [GUEST])
            seed(primary, "stored text", "1 second")
            pair.wait_for_standbys()
            await used(db, turns)
            pause_replay(standby)
            await WRITES[name](db)
            for _ in range(3):
                assert await db.get_context(GUEST) != "stored text", name
                assert await db.get_contexts([GUEST]) != {GUEST: "stored text"}, name
            turns()
            await db.get_context(GUEST)
            assert "primary" in turns()
            standby.execute("SELECT pg_wal_replay_resume()")


async def test_what_is_replayed_during_a_read_does_not_count(
    pair: ServerGroup, primary: Connection, standby: Connection, turns: Turns
) -> None:
    """The read began before it: its snapshot is older."""
    seed(primary, "stored text", "1 second")
    async with replicated("async", pair, queries_dir=own_queries()) as db:
        await used(db, turns)
        pause_replay(standby)
        await db.update_profile(GUEST, user_name="Eva")
        read = db.raw._engine.executor.read_replica("find_name_slowly", {"phone_number": GUEST})
        reading = asyncio.create_task(read)
        await asyncio.to_thread(eventually, lambda: standby.execute(_SLEEPS).fetchone() == (1,))
        standby.execute("SELECT pg_wal_replay_resume()")
        assert await reading is None


async def test_behind_poolers_the_standby_is_asked_each_time(
    pair: ServerGroup, primary: Connection, standby: Connection, turns: Turns
) -> None:
    """Each statement may run in another process of the server: a position and the read belong to one transaction."""
    if find_bouncer() is None:
        skip_without("pgbouncer", "pgbouncer")
    seed(primary, "stored text", "1 second")
    seed(primary, guest=OTHER)
    with bouncer(pair.primary) as front, bouncer(pair.standbys[0]) as back:
        url, replica_url = front.url(pair.primary.url()), back.url(pair.standbys[0].url())
        async with replicated("async", pair, database_url=url, replica_url=replica_url) as db:
            await used(db, turns)
            await db.add_thread_tokens(OTHER, "t1", 5)
            assert sum(turns().values()) == 1
            pair.wait_for_standbys()
            for _ in range(3):
                assert await db.get_context(GUEST) == "stored text"
                assert sum(turns().values()) == 1
            pause_replay(standby)
            await db.update_profile(GUEST, user_name="Eva")
            for _ in range(3):
                assert (await db.get_context(GUEST)).startswith("[Eva")


async def test_one_snapshot_for_all_statements_is_of_no_use(
    pair: ServerGroup, primary: Connection, turns: Turns
) -> None:
    seed(primary, "stored text", "1 second")
    url = f"{pair.standbys[0].url()}&options=-c%20default_transaction_isolation%3D%22repeatable%20read%22"
    async with replicated("sync", pair, replica_url=url) as db:
        await db.add_thread_tokens(GUEST, "t1", 5)
        pair.wait_for_standbys()
        turns()
        for _ in range(3):
            assert await db.get_context(GUEST) == "stored text"
        assert turns()["primary"] >= 3


async def test_a_write_of_another_database_object_counts(
    pair: ServerGroup, primary: Connection, standby: Connection, turns: Turns
) -> None:
    """They belong to one process."""
    seed(primary, "stored text", "1 second")
    async with replicated("sync", pair) as one, replicated("async", pair) as two:
        await used(two, turns)
        pause_replay(standby)
        assert await two.get_context(GUEST) == "stored text"
        await one.update_profile(GUEST, user_name="Eva")
        assert (await two.get_context(GUEST)).startswith("[Eva")


def test_a_forked_child_finds_what_its_parent_has_written(
    pair: ServerGroup, primary: Connection, standby: Connection
) -> None:
    seed(primary, "stored text", "1 second")
    pair.wait_for_standbys()
    program = """
import os, sys, warnings
from guestsql import GuestDatabase
from guestsql.settings import Settings
warnings.filterwarnings("ignore", message=".*fork", category=DeprecationWarning)
url, replica, guest = sys.argv[1:]
db = GuestDatabase(settings=Settings(database_url=url, replica_url=replica, replica_reads=True))
print(db.get_context(guest), flush=True)
sys.stdin.readline()
db.update_profile(guest, user_name="Eva")
child = os.fork()
print(db.get_context(guest)[:4], flush=True)
db.close()
if child:
    assert os.waitpid(child, 0)[1] == 0
else:
    os._exit(0)
"""
    with Program(program, pair.url(), pair.standbys[0].url(), GUEST) as bot:
        assert bot.line() == "stored text"
        pause_replay(standby)
        bot.send()
        assert [bot.line(), bot.line()] == ["[Eva", "[Eva"]
        assert bot.wait() == (0, "")


async def test_the_primary_answers_for_a_standby_that_is_gone(
    pair: ServerGroup, primary: Connection, turns: Turns
) -> None:
    seed(primary, "stored text", "1 second")
    pair.wait_for_standbys()
    async with replicated("sync", pair, pool_max=2) as db:
        await used(db, turns)
        pair.standbys[0].kill()
        for _ in range(20):
            assert await db.get_context(GUEST) == "stored text"
        assert set(turns()) == {"primary"}
        pair.standbys[0].start()
        turns()

        async def is_used() -> bool:
            await db.get_context(GUEST)
            return set(turns()) == {"standby"}

        async with asyncio.timeout(PATIENCE_SECONDS):
            while not await is_used():
                pass


async def test_the_primary_answers_for_a_standby_that_hangs(
    pair: ServerGroup, primary: Connection, turns: Turns, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("guestsql.sql._async.replica._PATIENCE_SECONDS", 0.5)
    seed(primary, "stored text", "1 second")
    pair.wait_for_standbys()
    async with replicated("async", pair) as db:
        await used(db, turns)
        with psycopg.connect(pair.standbys[0].url(), autocommit=True) as watcher:
            idle = "SELECT pid FROM pg_stat_activity WHERE application_name = 'guestsql' AND state = 'idle'"
            await asyncio.to_thread(eventually, lambda: len(watcher.execute(idle).fetchall()) == 1)
            [(pid,)] = watcher.execute(idle).fetchall()
        os.kill(pid, signal.SIGSTOP)
        try:
            for _ in range(5):
                assert await db.get_context(GUEST) == "stored text"
        finally:
            os.kill(pid, signal.SIGCONT)


def test_a_replica_is_needed() -> None:
    with pytest.raises(SettingsError, match=r"GUESTSQL_REPLICA_READS .* needs DATABASE_REPLICA_URL"):
        Settings.from_env({"GUESTSQL_REPLICA_READS": "on"})


async def test_hits_need_no_primary(pair: ServerGroup, primary: Connection, turns: Turns) -> None:
    seed(primary, "stored text", "1 second")
    async with replicated("async", pair) as db:
        await db.add_thread_tokens(OTHER, "t1", 5)
        await used(db, turns)
        primary.close()
        pair.primary.kill()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await db.update_profile(OTHER, user_name="Ana")
        for _ in range(5):
            assert await db.get_context(GUEST) == "stored text"
        assert turns()["standby"] >= 5
        pair.primary.start()
        assert (await db.update_profile(OTHER, user_name="Eva")).user_name == "Eva"


async def test_every_process_works_again_after_a_fail_over(tmp_path: Path) -> None:
    """`make failover` is the long form."""
    with server_group(2, is_synchronous=True) as group:
        [promoted] = group.standbys
        with Bots(group, tmp_path) as bots:
            async with Either("async", promoted.url()) as db:
                assert await db.get_profile(OTHER) is None
                bots.start(*KINDS)
                waiting = asyncio.create_task(db.update_profile(OTHER, user_name="Ana"))  # refused by a standby
                await asyncio.to_thread(run_round, group, bots)
                assert (await waiting).user_name == "Ana"
            bots.stop()
        with psycopg.connect(promoted.url()) as connection:
            found = bots.compare(connection)
    assert found.acknowledged > 0
    assert (found.lost, found.doubled, found.stale) == ([], 0, 0)
