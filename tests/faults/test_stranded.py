"""A session that stops, loses its client, and goes on later: what it has not done yet is not done behind the repeat."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable
from typing import Any

import psycopg
import pytest

from tests.acknowledged.network import HarmingProxy
from tests.databases import GUEST, KINDS, PATIENCE_SECONDS, Either, pool_filled
from tests.server import eventually

Connection = psycopg.Connection[Any]

_SESSION = "SELECT pid FROM pg_stat_activity WHERE application_name = 'guestsql' AND datname = current_database()"
CALLS: dict[str, Callable[[Either, str], Awaitable[Any]]] = {
    "update_profile": lambda db, name: db.update_profile(GUEST, user_name=name),
    "set_thread": lambda db, name: db.set_thread(GUEST, name),
}
STORED = "SELECT coalesce(user_name, thread_id) FROM guest_profiles"


@pytest.mark.direct("a pooler hides the server process, so that it cannot be ended")
@pytest.mark.parametrize("name", CALLS)
async def test_a_later_write_is_not_undone_by_an_attempt_that_was_repeated(
    name: str, database_url: str, autocommit: Connection
) -> None:
    call, kind = CALLS[name], KINDS[list(CALLS).index(name)]  # the twin is generated
    with HarmingProxy(database_url) as proxy:
        async with Either(kind, proxy.url, pool_min=2, pool_max=2) as db:
            await pool_filled(db)
            await call(db, "one")
            pids = [pid for (pid,) in autocommit.execute(_SESSION)]
            for pid in pids:
                os.kill(pid, signal.SIGSTOP)
            try:
                seen = proxy.requests
                second = asyncio.create_task(call(db, "two"))
                await asyncio.to_thread(eventually, lambda: proxy.requests > seen)
                proxy.cut_all()
                await asyncio.wait_for(second, PATIENCE_SECONDS)
                await call(db, "three")
            finally:
                for pid in pids:
                    os.kill(pid, signal.SIGCONT)
            left = f"{_SESSION} AND pid = ANY(%s)".encode()
            await asyncio.to_thread(eventually, lambda: autocommit.execute(left, [pids]).fetchall() == [])
        assert autocommit.execute(STORED).fetchall() == [("three",)]
