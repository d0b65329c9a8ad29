"""What the log shows of an outage: that it began and that it ended, and nothing for each attempt to connect."""

from __future__ import annotations

import asyncio
import logging
import threading
from typing import Any

import psycopg
import pytest
from psycopg_pool import ConnectionPool

from guestsql.errors import DatabaseUnavailable
from guestsql.sql.outage import Outage
from tests.context_helpers import eventually
from tests.databases import GUEST, KINDS, PATIENCE_SECONDS, Either, Proxy

_END_OTHERS = """
    SELECT pg_terminate_backend(pid, 30000) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid()
"""


def _outage(db: Either) -> Outage:
    return db.raw._engine.executor._connections._outage


def _warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]


@pytest.mark.direct("a pooler replaces the server's process of an idle client")
@pytest.mark.usefixtures("ask_again_soon")
@pytest.mark.parametrize("kind", KINDS)
async def test_one_line_when_it_begins_and_one_when_it_ends(
    kind: str, database_url: str, autocommit: psycopg.Connection[Any], caplog: pytest.LogCaptureFixture
) -> None:
    with Proxy(database_url) as proxy:
        async with Either(kind, proxy.url, flush_seconds=0.01, pool_max=1) as db, asyncio.timeout(PATIENCE_SECONDS):
            await db.get_context(GUEST)
            await db.record_interaction(GUEST)
            proxy.deaf = True
            autocommit.execute(_END_OTHERS)
            call = asyncio.create_task(db.get_profile(GUEST))
            await eventually(lambda: _outage(db)._failed_attempts >= 4)
            proxy.deaf = False
            assert (await call).phone_number == GUEST
    lines = [line for line in _warnings(caplog) if not line.startswith(("INTERACTIONS", "DATABASE_ERROR"))]
    assert len(lines) == 2, lines
    assert lines[0].startswith("DATABASE_UNREACHABLE no new connection can be made: ")
    assert lines[1].startswith("DATABASE_REACHABLE connections can be made again seconds=")
    assert "attempts=" in lines[1]
    assert len([line for line in _warnings(caplog) if line.startswith("INTERACTIONS_KEPT")]) <= 1


def test_attempts_that_overlap_are_one_outage(caplog: pytest.LogCaptureFixture) -> None:
    outage = Outage()
    early, late = outage.begin(), outage.begin()
    outage.succeeded()
    outage.failed(early, OSError("late"))  # it began before the success
    assert caplog.text == ""

    attempts = [outage.begin() for _ in range(8)]
    threads = [threading.Thread(target=outage.failed, args=(each, OSError("away"))) for each in attempts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    outage.failed(late, OSError("away"))
    assert isinstance(outage.failure, DatabaseUnavailable)
    outage.succeeded()
    outage.succeeded()
    assert [line.partition(" ")[0] for line in _warnings(caplog)] == ["DATABASE_UNREACHABLE", "DATABASE_REACHABLE"]
    assert "attempts=8" in caplog.text


def test_the_pool_of_another_program_still_warns(caplog: pytest.LogCaptureFixture) -> None:
    with ConnectionPool("host=127.0.0.1 port=1", min_size=1, open=False, reconnect_timeout=0.01, name="theirs") as pool:
        while "error connecting in 'theirs'" not in caplog.text:
            pool.check()
