"""Edited query files while the server is away or its tables locked; and programs that end without closing."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from guestsql.sql._async import reload as async_reload
from guestsql.sql._sync import reload as sync_reload
from tests.databases import KINDS, PATIENCE_SECONDS, Either, Program, Proxy, answered

FIRST = "-- name: get_it()$\nSELECT 'first'::text AS it;\n"
SECOND = FIRST.replace("first", "second")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "queries"
    path.mkdir()
    (path / "own.sql").write_text(FIRST)
    return path


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (sync_reload, async_reload):
        monkeypatch.setattr(module, "_UNREACHABLE_SECONDS", 0.02)


def save(folder: Path, text: str) -> None:
    (folder / ".draft").write_text(text)
    (folder / ".draft").replace(folder / "own.sql")


async def wait_for(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not condition():  # noqa: ASYNC110  a log, or another process: nothing that sets an event
            await asyncio.sleep(0.005)


def codes(log: pytest.LogCaptureFixture) -> list[str]:
    found = [str(getattr(record, "event", "")) for record in log.records]
    return [code for code in found if code.startswith("QUERY_RELOAD")]


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("kind", KINDS)
async def test_an_edit_waits_for_a_server_that_is_away(
    kind: str, database_url: str, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "guestsql")
    with Proxy(database_url) as proxy:
        known: dict[str, Any] = {"queries_dir": folder, "reload_seconds": 0.01}
        async with Either(kind, proxy.url, **known) as db:
            assert await db.queries.get_it() == "first"
            proxy.deaf = True  # to new connections; the pool's own connection stays
            save(folder, SECOND)
            await wait_for(lambda: codes(caplog) == ["QUERY_RELOAD_DEFERRED"])
            assert await db.queries.get_it() == "first"
            save(folder, SECOND.replace("second", "third"))
            await wait_for(lambda: codes(caplog) == ["QUERY_RELOAD_DEFERRED"] * 2)
            proxy.deaf = False
            await wait_for(lambda: "QUERY_RELOADED" in codes(caplog))
            assert await db.queries.get_it() == "third"
    assert codes(caplog) == ["QUERY_RELOAD_DEFERRED"] * 2 + ["QUERY_RELOADED"]


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("kind", KINDS)
async def test_a_table_that_is_locked_defers_an_edit(
    kind: str, database_url: str, folder: Path, autocommit: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "guestsql")
    text = "-- name: get_it()$\nSELECT coalesce(max(chat_id), 'second') AS it FROM guest_profiles;\n"
    known: dict[str, Any] = {"queries_dir": folder, "reload_seconds": 0.01, "deadline_seconds": 3.0}
    async with Either(kind, database_url, **known) as db:
        assert await answered(db.queries.get_it) == "first"
        with autocommit.transaction():
            autocommit.execute("LOCK TABLE guest_profiles IN ACCESS EXCLUSIVE MODE")
            save(folder, text)
            await wait_for(lambda: codes(caplog) == ["QUERY_RELOAD_DEFERRED"])
            assert await answered(db.queries.get_it) == "first"
        await wait_for(lambda: codes(caplog)[-1] == "QUERY_RELOADED")
        assert await answered(db.queries.get_it) == "second"


LEAVES = {
    "sync": """
import sys, time
from pathlib import Path
from guestsql import GuestDatabase, Settings
db = GuestDatabase(settings=Settings(database_url=sys.argv[1], queries_dir=Path(sys.argv[2]), reload_seconds=0.01))
while db.queries.get_it() == "first":
    print(db.queries.get_it(), flush=True)
    time.sleep(0.01)
print("done", flush=True)
""",
    "async": """
import asyncio, sys
from pathlib import Path
from guestsql import AsyncGuestDatabase, Settings
async def main():
    settings = Settings(database_url=sys.argv[1], queries_dir=Path(sys.argv[2]), reload_seconds=0.01)
    db = AsyncGuestDatabase(settings=settings)
    while await db.queries.get_it() == "first":
        print(await db.queries.get_it(), flush=True)
        await asyncio.sleep(0.01)
    print("done", flush=True)
asyncio.run(main())
""",
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_program_that_does_not_close_ends(kind: str, database_url: str, folder: Path) -> None:
    with Program(LEAVES[kind], database_url, str(folder)) as program:
        assert program.line() == "first"
        save(folder, SECOND)
        while program.line() != "done":
            pass
        code, errors = program.wait()
    assert code == 0
    assert "Traceback" not in errors
