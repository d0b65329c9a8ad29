"""Edited query files taken up, or refused, by a running bot; sync and async."""

from __future__ import annotations

import asyncio
import logging
import os
import re
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from guestsql.sql._async import reload as async_reload
from guestsql.sql._sync import reload as sync_reload
from tests.checking import override
from tests.databases import GUEST, KINDS, PATIENCE_SECONDS, Either

Connection = psycopg.Connection[tuple[Any, ...]]

HEAD = "-- name: get_pair(first, second)^\n-- A pair.\n--   first: int, any\n--   second: int = 2, any\n"
GOOD = f"{HEAD}SELECT :first::int AS one, :second::int AS two;\n"
OTHER = "-- name: get_other()$\n-- One value.\nSELECT 'other'::text AS other;\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An own folder with two files."""
    path = tmp_path / "queries"
    path.mkdir()
    (path / "pair.sql").write_text(GOOD)
    (path / "other.sql").write_text(OTHER)
    return path


class Running:
    """A bot that looks at its folder all the time, and what it has logged of it."""

    def __init__(self, db: Either, folder: Path, log: pytest.LogCaptureFixture, taking_up: threading.Event) -> None:
        self.db = db
        self.folder = folder
        self.queries = db.queries
        self._log = log
        self._taking_up = taking_up

    def write(self, text: str | bytes, name: str = "pair.sql") -> None:
        """Save a file at one stroke, so that nothing else is seen of it, however slow the machine is."""
        draft = self.folder / ".draft"
        draft.write_bytes(text.encode() if isinstance(text, str) else text)
        draft.replace(self.folder / name)

    def logged(self, code: str, of: str = "QUERY_RELOAD") -> list[Any]:
        return [record for record in self._log.records if getattr(record, "event", "") == f"{of}{code}"]

    async def until(self, code: str, says: str = "", of: str = "QUERY_RELOAD", file: Path | None = None) -> Any:
        """Wait until something is logged, of this file or of any, and forget it."""
        found: list[Any] = []

        def look() -> bool:
            found[:] = [each for each in self.logged(code, of) if says in each.getMessage()]
            found[:] = [each for each in found if file is None or each.file == file]
            # One look at the folder may log several records: the last of them is there before all are forgotten.
            return bool(found) and not self._taking_up.is_set()

        await wait_for(look)
        self._log.clear()
        return found[0]

    async def take(self, text: str, name: str = "pair.sql") -> Any:
        self.write(text, name)
        return await self.until("ED", file=self.folder / name)

    async def refuse(self, text: str, name: str = "pair.sql") -> Any:
        self.write(text, name)
        return await self.until("_REFUSED")


async def wait_for(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not condition():  # noqa: ASYNC110  a log, or another process: nothing that sets an event
            await asyncio.sleep(0.005)


def _watched(method: Callable[..., Any], running: threading.Event) -> Callable[..., Any]:
    def call(*args: Any) -> Any:
        running.set()
        try:
            return method(*args)
        finally:
            running.clear()

    return call


@pytest.fixture
def running(database_url: str, folder: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> Any:
    caplog.set_level(logging.INFO, "guestsql")
    taking_up = threading.Event()
    for reloader in (async_reload.AsyncReloader, sync_reload.Reloader):
        monkeypatch.setattr(reloader, "_take_up", _watched(reloader._take_up, taking_up))

    @asynccontextmanager
    async def start(kind: str, *, url: str = database_url, **known: Any) -> AsyncIterator[Running]:
        async with Either(kind, url, **{"queries_dir": folder, "reload_seconds": 0.01, **known}) as db:
            yield Running(db, folder, caplog, taking_up)

    return start


@pytest.mark.parametrize("kind", KINDS)
async def test_a_good_edit_is_taken_up(kind: str, running: Any) -> None:
    async with running(kind, pool_max=1) as bot:
        for turn in range(3):
            for _ in range(4):  # prepared by the third call, and again for each text
                assert await bot.queries.get_pair(first=1) == (1 + 10 * turn, 2)
            record = await bot.take(f"\n\n{HEAD}SELECT {10 * (turn + 1)} + :first::int AS one, :second::int AS two")
            assert (record.query, record.file, record.line) == ("get_pair", bot.folder / "pair.sql", 3)
        # A default's value is no signature, and a parameter may get one.
        text = GOOD.replace("int = 2", "int = 3").replace("first: int", "first: int = 7").replace("A pair", "A twin")
        await bot.take(text)
        assert await bot.queries.get_pair() == (7, 3)
        assert bot.db.raw.queries.get_pair.__doc__ == "A twin."
        await bot.take(OTHER + OTHER.replace("get_other", "get_more"), "other.sql")
        assert await bot.queries.get_more() == "other"
        assert "get_more" in dir(bot.db.raw.queries)


@pytest.mark.parametrize("kind", KINDS)
async def test_the_methods_of_the_database_follow(kind: str, running: Any) -> None:
    async with running(kind) as bot:
        assert (await bot.db.get_context(GUEST)).startswith("[Cliente | ")
        file = override(bot.folder, "build_context", lambda text: text.replace("'Cliente'", "'Huésped'"))
        await bot.until("ED")
        assert (await bot.db.get_context("573000000002")).startswith("[Huésped | ")
        text = file.read_text()
        await bot.refuse(text.replace("SELECT", "SELEC '", 1), file.name)  # it stays in use
        assert (await bot.db.get_context("573000000003")).startswith("[Huésped | ")
        bot.write(text.replace("sha256:", "sha256:0").replace("Huésped", "Amigo"), file.name)
        record = await bot.until("OVERRIDE_OUTDATED", of="QUERY_")
        assert (record.levelname, record.query, record.file) == ("WARNING", "build_context", file)
        assert (await bot.db.get_context("573000000004")).startswith("[Amigo | ")
        file.unlink()  # the packaged query again
        await bot.until("ED")
        assert (await bot.db.get_context("573000000005")).startswith("[Cliente | ")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "bad", ["SELECT 'one;\n", f"{HEAD}SELECT no_such_column AS one, 2 AS two;\n"], ids=["read", "server"]
)
async def test_a_file_that_is_as_it_was_again_is_reported_as_recovered(kind: str, bad: str, running: Any) -> None:
    """Nothing is exchanged then, but the log says once for each file that it is right again."""
    async with running(kind) as bot:
        await bot.refuse(bad)
        await bot.refuse("SELECT 'two;\n", "other.sql")
        bot.write(GOOD)
        record = await bot.until("_RECOVERED")
        assert (record.levelname, record.file) == ("INFO", bot.folder / "pair.sql")
        assert bot.logged("_RECOVERED") == []
        bot.write(OTHER, "other.sql")
        assert (await bot.until("_RECOVERED")).file == bot.folder / "other.sql"

        await bot.refuse(bad)
        bot.write(GOOD.replace("AS two", "+ 1 AS two"))
        await bot.until("_RECOVERED")  # and so it is with an edit that is good
        await bot.refuse(bad)
        (bot.folder / "late.sql").write_text("SELECT 'late;\n")
        await bot.until("_REFUSED", "late.sql")
        (bot.folder / "late.sql").unlink()
        assert (await bot.until("_RECOVERED")).file == bot.folder / "late.sql"


SELECT = "SELECT :first::int AS one, :second::int AS two"
WRITES = f"INSERT INTO guest_profiles (phone_number) VALUES ('{GUEST}') RETURNING {SELECT.removeprefix('SELECT ')}"
REFUSED = [
    # what is edited, line, column, what is said
    (f"{HEAD}{SELECT} FORM guest_profiles", 5, 48, "syntax error"),
    (f"{HEAD}{SELECT}, chat_idd FROM guest_profiles", 5, 49, 'column "chat_idd" does not exist'),
    (f"{HEAD}{SELECT} FROM nowhere", 5, 53, 'relation "nowhere" does not exist'),
    (f"{HEAD}SELECT :first::int AS one, :third::int AS two", 5, 28, "undeclared parameter :third"),
    (f"{HEAD}SELECT :first::int AS one, ':second' AS two", 1, 26, "second of query get_pair is not used"),
    (
        f"{HEAD}SELECT :first::int AS one, (:second IS NULL)::int AS two",
        5,
        1,
        "could not determine data type of parameter :second",
    ),
    (f"{HEAD}{SELECT}; SELECT 1", 5, 49, "statement"),
    (f"{HEAD}SELECT :first::int AS one, :second::int AS two /*", 5, 48, "comment"),
    (
        f"{HEAD}SELECT :first::int AS one, :second::bigint AS two",
        1,
        1,
        "second is bigint instead of integer",
    ),
    (f"{HEAD}SELECT :first::int AS one, :second::int::text AS two", 1, 1, "column two is text instead of integer"),
    (f"{HEAD}SELECT ARRAY[:first::int] AS one, :second::int AS two", 1, 1, r"one is integer\[\] instead of integer"),
    (f"{HEAD}SELECT :first::int AS one, :second::int AS zwei", 1, 1, "column two is gone; column zwei is new"),
    (f"{HEAD}SELECT :second::int AS two, :first::int AS one", 1, 1, "the columns are two, one instead of one, two"),
    (f"{HEAD}{SELECT}, 3 AS three", 1, 1, "column three is new"),
    (f"{HEAD}{WRITES}", 1, 1, "it writes or locks rows, and the one in use only reads"),
    (f"{HEAD}{SELECT} FROM guest_profiles FOR UPDATE", 1, 1, "it writes or locks rows"),
    (GOOD.replace("get_pair(first, second)^", "get_pair(first, second)"), 1, 1, r"the operator is none instead of \^"),
    (GOOD.replace("second", "last"), 1, 1, "parameter second is gone; parameter last is new"),
    (GOOD.replace(" = 2", ""), 1, 1, "parameter second has no default any more"),
    (GOOD.replace("= 2", "= 'x'"), 5, 1, "invalid input syntax"),
    (f"{GOOD}{GOOD}", 6, 1, "query get_pair is defined here and at"),
    (f"{GOOD}{OTHER}", 6, 1, "query get_other is defined here and at"),
    (f"{GOOD}-- name: get_new()\nSELECT nothing FROM nowhere", 7, 21, "does not exist"),
    (f"{GOOD}-- name: get_new()\nDELETE FROM guest_profiles", 6, 1, "get_new returns no columns"),
    (GOOD.replace("get_pair", "get_pear"), None, None, "query get_pair is gone"),
    ("", None, None, "query get_pair is gone"),
    ("-- caf\udce9", 1, 7, "not UTF-8"),
]


@pytest.mark.parametrize("kind", KINDS)
async def test_a_bad_edit_is_refused_and_the_good_query_goes_on(kind: str, running: Any) -> None:
    async with running(kind) as bot:
        for text, line, column, message in REFUSED:
            bot.write(text.encode(errors="surrogateescape"))
            record = await bot.until("_REFUSED")
            said = record.getMessage()
            assert re.search(message, said), (text, said)
            place = tuple(getattr(record, name, None) for name in ("file", "line", "column"))
            assert place == (bot.folder / "pair.sql", line, column), (text, said)
            shown = ":".join(str(part) for part in place if part is not None)
            assert said.startswith(f"QUERY_RELOAD_REFUSED {shown}: ")
            assert record.levelno == logging.ERROR
            assert await bot.queries.get_pair(first=1) == (1, 2), text
            assert not hasattr(bot.db.raw.queries, "get_new")
        assert await bot.queries.get_other() == "other"
        await bot.take(GOOD.replace(":first::int", "-:first::int"))
        assert await bot.queries.get_pair(first=1) == (-1, 2)


@pytest.mark.parametrize("kind", KINDS)
async def test_the_query_of_a_refusal_is_named(kind: str, running: Any) -> None:
    async with running(kind) as bot:
        for text, query in [
            (f"{GOOD}\n{OTHER.replace('get_other', 'get_new')}\n SELECT :x", "get_new"),
            (f"{HEAD}SELECT 1", "get_pair"),
            (OTHER.replace("get_other", "get_new"), "get_pair"),
        ]:
            assert (await bot.refuse(text)).query == query


@pytest.mark.parametrize("kind", KINDS)
async def test_a_refusal_is_reported_once_for_each_save(kind: str, running: Any) -> None:
    async with running(kind) as bot:
        bad = GOOD.replace("one", "uno")
        await bot.refuse(bad)
        bot.write(OTHER.replace("'other'", "'more'"), "other.sql")
        await wait_for(lambda: bot.logged("ED") != [])
        assert bot.logged("_REFUSED") == []
        await bot.refuse(bad)  # saved again


@pytest.mark.parametrize("kind", KINDS)
async def test_a_file_is_taken_up_whole_or_not_at_all_and_others_do_not_wait(kind: str, running: Any) -> None:
    async with running(kind) as bot:
        second = OTHER.replace("get_other", "get_second")
        await bot.take(GOOD + second)
        edited = (GOOD + second).replace(":first::int", "-:first::int")
        bot.write(OTHER.replace("'other'", "'taken'"), "other.sql")
        await bot.refuse(edited.replace("'other'::text", "'other'::varchar"))
        assert await bot.queries.get_other() == "taken"
        assert await bot.queries.get_pair(first=1) == (1, 2)
        # Mended, the rest comes with it.
        await bot.take(edited.replace("'other'::text", "'mended'::text"))
        assert (await bot.queries.get_pair(first=1), await bot.queries.get_second()) == ((-1, 2), "mended")


@pytest.mark.parametrize("kind", KINDS)
async def test_a_query_may_move_and_a_file_be_renamed(kind: str, running: Any) -> None:
    async with running(kind) as bot:
        (bot.folder / "pair.sql").rename(bot.folder / "twin.sql")
        edited = GOOD.replace(":first::int", "-:first::int")
        assert (await bot.take(edited, "twin.sql")).file == bot.folder / "twin.sql"
        # Out of one file first: for a while it is gone.
        bot.write("-- nothing is left here\n", "twin.sql")
        await bot.until("_REFUSED", "query get_pair is gone")
        moved = await bot.take(OTHER + GOOD, "other.sql")
        assert (moved.query, moved.line) == ("get_pair", 4)
        assert await bot.queries.get_pair(first=1) == (1, 2)
        # Into a file that is refused: it stays what it was.
        bot.write("-- nothing is left here either\n", "other.sql")
        await bot.until("_REFUSED")
        await bot.refuse(edited + OTHER + "-- name: get_new()\nSELECT nothing", "other.sql")
        assert await bot.queries.get_pair(first=1) == (1, 2)


@pytest.mark.parametrize("kind", KINDS)
async def test_a_name_used_twice_does_not_take_the_query_over(kind: str, running: Any) -> None:
    async with running(kind) as bot:
        # "other.sql" is read before "pair.sql": of two the first would win.
        bot.write(OTHER + GOOD.replace(":first::int", "-:first::int"), "other.sql")
        await bot.until("_REFUSED")
        assert await bot.queries.get_pair(first=1) == (1, 2)


@pytest.mark.parametrize("kind", KINDS)
async def test_however_an_editor_saves(kind: str, running: Any, tmp_path: Path) -> None:
    async with running(kind) as bot:
        file = bot.folder / "pair.sql"

        def text(number: int) -> str:
            return GOOD.replace(":first::int", f"{number} * :first::int")

        async def taken(number: int) -> None:
            await bot.until("ED")
            assert await bot.queries.get_pair(first=1) == (number, 2)

        # By a rename over it, from a hidden draft beside it.
        (bot.folder / ".pair.sql.swp").write_text("-- name: half(")
        (bot.folder / ".pair.tmp.sql").write_text(text(2))
        (bot.folder / ".pair.tmp.sql").rename(file)
        await taken(2)
        # With the time and the size of the file before.
        before = file.stat()
        file.write_text(text(3))
        os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
        await taken(3)
        # Away and back.
        file.rename(bot.folder / "pair.sql~")
        file.write_text(text(4))
        await taken(4)
        # By links, as a ConfigMap of Kubernetes is mounted.
        for number in (5, 6):
            (tmp_path / str(number)).mkdir()
            (tmp_path / str(number) / "pair.sql").write_text(text(number))
        (bot.folder / "..data").symlink_to(tmp_path / "5")
        (bot.folder / "link").symlink_to(Path("..data") / "pair.sql")
        (bot.folder / "link").rename(file)
        await taken(5)
        (bot.folder / "..new").symlink_to(tmp_path / "6")
        (bot.folder / "..new").rename(bot.folder / "..data")
        await taken(6)
        # Bit by bit.
        whole = text(7)
        for size in range(0, len(whole), 7):
            file.write_text(whole[:size])
            await asyncio.sleep(0)
        file.write_text(whole)
        await taken(7)


@pytest.mark.parametrize("kind", KINDS)
async def test_a_folder_that_is_gone_for_a_while(kind: str, running: Any) -> None:
    async with running(kind) as bot:
        away = bot.folder.with_name("away")
        bot.folder.rename(away)
        record = await bot.until("_REFUSED")
        assert record.file == bot.folder
        assert "cannot be read" in record.getMessage()
        assert await bot.queries.get_pair(first=1) == (1, 2)
        (away / "pair.sql").write_text(GOOD.replace(":first::int", "-:first::int"))
        away.rename(bot.folder)
        await bot.until("ED")
        assert await bot.queries.get_pair(first=1) == (-1, 2)
        for file in bot.folder.glob("*.sql"):
            file.unlink()
        await bot.until("_REFUSED", "is gone")
        assert await bot.queries.get_pair(first=1) == (-1, 2)


# Two texts of one query whose parameters are numbered the other way round.
VERSIONS = [
    f"{HEAD}SELECT :first::int AS one, :second::int AS two, 0 AS version;\n",
    f"{HEAD}WITH given AS (SELECT :second::int AS two, :first::int AS one) SELECT one, two, 1 AS version FROM given;\n",
]


@pytest.mark.parametrize("kind", KINDS)
async def test_concurrent_calls_never_mix_two_texts(kind: str, running: Any, folder: Path) -> None:
    (folder / "pair.sql").write_text(VERSIONS[0])
    async with running(kind, pool_max=4) as bot:
        stopped = False
        seen: set[tuple[int, int, int]] = set()

        async def call() -> None:
            while not stopped:
                seen.add(tuple(await bot.queries.get_pair(first=1, second=2)))

        async with asyncio.TaskGroup() as calls:
            for _ in range(4):
                calls.create_task(call())
            for turn in range(1, 7):
                await bot.take(VERSIONS[turn % 2])
                assert (await bot.queries.get_pair(first=1, second=2)).version == turn % 2
            stopped = True
        assert seen == {(1, 2, 0), (1, 2, 1)}


@pytest.mark.parametrize("kind", KINDS)
async def test_a_call_under_way_ends_with_the_text_it_began_with(
    kind: str, running: Any, folder: Path, autocommit: Connection
) -> None:
    slow = f"{HEAD}SELECT :first::int AS one, :second::int AS two FROM pg_advisory_xact_lock_shared(7);\n"
    (folder / "pair.sql").write_text(slow)
    async with running(kind, pool_max=1) as bot:
        autocommit.execute("SELECT pg_advisory_lock(7)")
        under_way = asyncio.create_task(bot.queries.get_pair(first=1))
        await wait_for(
            lambda: bool(
                autocommit.execute("SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted").fetchone()
            )
        )
        # The only connection of the pool is busy: the edit is tried on another.
        await bot.take(GOOD.replace(":first::int", "-:first::int"))
        assert not under_way.done()
        autocommit.execute("SELECT pg_advisory_unlock(7)")
        assert await under_way == (1, 2)
        assert await bot.queries.get_pair(first=1) == (-1, 2)


@pytest.mark.parametrize("kind", KINDS)
async def test_an_edit_that_needs_a_migration_waits_for_it(
    kind: str, running: Any, autocommit: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (sync_reload, async_reload):
        monkeypatch.setattr(module, "_REFUSED_SECONDS", 0.05)
    async with running(kind) as bot:
        await bot.refuse(f"{HEAD}SELECT :first::int AS one, :second::int AS two FROM rooms")
        assert await bot.queries.get_pair(first=1) == (1, 2)
        autocommit.execute("CREATE TABLE rooms AS SELECT 1 AS room WHERE FALSE")
        await bot.until("ED")
        assert await bot.queries.get_pair(first=1) is None


@pytest.mark.parametrize("kind", KINDS)
async def test_a_query_that_a_migration_broke_is_fixed_by_one_of_its_signature(
    kind: str, running: Any, folder: Path, autocommit: Connection
) -> None:
    autocommit.execute("CREATE TABLE rooms (number int, guests int)")
    where = "WHERE (:first::int, :second::int) = (1, 2)"
    (folder / "pair.sql").write_text(f"{HEAD}SELECT number AS one, guests AS two FROM rooms {where}")
    async with running(kind) as bot:
        await bot.take(OTHER.replace("'other'", "'more'"), "other.sql")  # by now all signatures are known
        autocommit.execute("ALTER TABLE rooms RENAME COLUMN guests TO people")
        with pytest.raises(Exception, match='column "guests" does not exist'):
            await bot.queries.get_pair(first=1)
        mended = f"{HEAD}SELECT number AS one, people AS two FROM rooms {where}"
        record = await bot.refuse(mended.replace("people AS", "people::text AS"))
        assert "column two is text instead of integer" in record.getMessage()
        await bot.take(mended)
        assert await bot.queries.get_pair(first=1) is None


@pytest.mark.parametrize("kind", KINDS)
async def test_a_query_that_never_ran_may_be_fixed(kind: str, running: Any, folder: Path) -> None:
    (folder / "pair.sql").write_text(f"{HEAD}SELECT :first::int AS one, :second::int AS two FROM nowhere")
    async with running(kind) as bot:
        await bot.take(GOOD)
        assert await bot.queries.get_pair(first=1) == (1, 2)


@pytest.mark.parametrize("kind", KINDS)
async def test_a_command_without_a_plan(kind: str, running: Any, folder: Path) -> None:
    (folder / "pair.sql").write_text("-- name: get_setting()$\nSHOW work_mem\n")
    async with running(kind) as bot:
        await bot.take("-- name: get_setting()$\nSHOW /* the same */ work_mem\n")
        record = await bot.refuse("-- name: get_setting()$\nSELECT current_setting('work_mem') AS work_mem\n")
        assert "it only reads, and the one in use is a command without a plan" in record.getMessage()


@pytest.mark.parametrize("kind", KINDS)
async def test_what_the_role_may_not_do_is_refused(
    kind: str, running: Any, database_url: str, autocommit: Connection
) -> None:
    autocommit.execute("DROP ROLE IF EXISTS reload_tester; CREATE ROLE reload_tester LOGIN")
    try:
        async with running(kind, url=make_conninfo(database_url, user="reload_tester")) as bot:
            record = await bot.refuse(f"{HEAD}SELECT :first::int AS one, :second::int AS two FROM guest_profiles")
            assert "permission denied" in record.getMessage()
            assert await bot.queries.get_pair(first=1) == (1, 2)
    finally:
        autocommit.execute("DROP ROLE reload_tester")


@pytest.mark.direct("a pooler keeps its sessions")
@pytest.mark.parametrize("kind", KINDS)
async def test_nothing_is_left_after_closing(kind: str, running: Any, autocommit: Connection) -> None:
    def tickers() -> list[str]:
        names = [thread.name for thread in threading.enumerate()] + [task.get_name() for task in asyncio.all_tasks()]
        return [name for name in names if name == "guestsql-ticker"]

    async with running(kind) as bot:
        assert tickers() == ["guestsql-ticker"]
        await bot.take(GOOD.replace(":first::int", "-:first::int"))
        await bot.db.close()
        assert tickers() == []
        await bot.db.open()
        assert await bot.queries.get_pair(first=1) == (-1, 2)
        await bot.take(GOOD)
    assert tickers() == []
    sessions = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'guestsql'"
    await wait_for(lambda: not autocommit.execute(sessions).fetchall())


@pytest.mark.parametrize("kind", KINDS)
async def test_what_was_edited_while_it_was_closed(kind: str, running: Any) -> None:
    async with running(kind) as bot:
        await bot.refuse(GOOD.replace("one", "uno"))
        await bot.db.close()
        await bot.db.open()
        await bot.until("_REFUSED")
        await bot.db.close()
        bot.write(GOOD.replace(":first::int", "-:first::int"))
        await bot.db.open()
        await bot.until("ED")
        assert await bot.queries.get_pair(first=1) == (-1, 2)


@pytest.mark.parametrize("known", [{"reload_seconds": 0.0}, {"queries_dir": None}])
@pytest.mark.parametrize("kind", KINDS)
async def test_switched_off(kind: str, running: Any, known: dict[str, Any]) -> None:
    async with running(kind, **known) as bot:
        assert bot.db.raw._engine._reloader is None
