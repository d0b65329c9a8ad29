"""`Database` and `AsyncDatabase`: one folder of `.sql` files, no packaged query, and no table of this package."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path
from typing import Any

import psycopg
import pytest
from prometheus_client import CollectorRegistry, generate_latest

from guestsql import AsyncDatabase, Database, Settings
from guestsql.errors import DatabaseError, DatabaseUnavailable, QueryFileError, SettingsError, WrongEventLoop
from guestsql.telemetry.prometheus import collector
from tests.databases import KINDS, Either, Program, make_settings, transaction
from tests.server import eventually

FOLDER = """
-- name: list_rooms(floor)
-- The rooms of a floor. In the order of their doors.
--   floor: int = 1, the floor
SELECT 100 * :floor::int + door AS number FROM generate_series(1, 2) AS door;

-- name: add_booking(room)!
-- Books a room.
INSERT INTO bookings (room) VALUES (:room::int);

-- name: count_bookings()$
SELECT count(*) FROM bookings;
"""


class Opened(Either):
    """A database of one of the two classes, with the queries of a folder."""

    def __init__(self, kind: str, url: str, folder: Path, **known: Any) -> None:
        make: Any = Database if kind == "sync" else AsyncDatabase
        self.use(make(queries=folder, settings=make_settings(url, **known)))


@pytest.fixture
def folder(tmp_path: Path, empty_database_url: str) -> Path:
    with psycopg.connect(empty_database_url, autocommit=True) as connection:
        connection.execute("CREATE TABLE bookings (room int)")
    made = tmp_path / "own"
    made.mkdir()
    (made / "rooms.sql").write_text(FOLDER, encoding="utf-8")
    return made


@pytest.mark.parametrize("kind", KINDS)
async def test_every_query_of_the_folder_is_a_method_and_nothing_else(
    kind: str, empty_database_url: str, folder: Path
) -> None:
    async with Opened(kind, empty_database_url, folder) as db:
        assert [row.number for row in await db.queries.list_rooms()] == [101, 102]
        assert [row.number for row in await db.queries.list_rooms(floor=3)] == [301, 302]
        assert await db.queries.add_booking(room=101) == 1
        assert list(db.raw.queries) == ["list_rooms", "add_booking", "count_bookings"]
        assert db.raw.queries.list_rooms.__doc__.startswith("The rooms of a floor.")
        with pytest.raises(AttributeError, match=r"no query is named 'list_room': did you mean list_rooms\?"):
            _ = db.raw.queries.list_room
        assert not hasattr(db.raw.queries, "get_profile")
        assert not hasattr(db.raw.queries, "confirm_writes")


@pytest.mark.parametrize("kind", KINDS)
async def test_transactions(kind: str, empty_database_url: str, folder: Path) -> None:
    async with Opened(kind, empty_database_url, folder) as db:
        async with transaction(db) as tx:
            await tx.queries.add_booking(room=101)
            with pytest.raises(DatabaseError):
                async with transaction(tx) as inner:
                    await inner.queries.add_booking(room=102)
                    await inner.queries.add_booking(room="none")
            assert await tx.queries.count_bookings() == 1
            assert await db.queries.count_bookings() == 0
        assert await db.queries.count_bookings() == 1


@pytest.mark.parametrize("kind", KINDS)
async def test_many_callers_share_it(kind: str, empty_database_url: str, folder: Path) -> None:
    async with Opened(kind, empty_database_url, folder, pool_max=2) as db:
        await asyncio.gather(*(db.queries.add_booking(room=room) for room in range(20)))
        assert await db.queries.count_bookings() == 20
        figures = db.raw.figures()
        assert figures.queries["add_booking"].calls == 20
        registry = CollectorRegistry()
        registry.register(collector(db.raw))
        page = generate_latest(registry).decode()
        assert 'guestsql_query_rows_total{query="add_booking"} 20.0' in page


@pytest.mark.parametrize("kind", KINDS)
async def test_it_opens_by_itself_and_again_only_by_open(kind: str, empty_database_url: str, folder: Path) -> None:
    db = Opened(kind, empty_database_url, folder)
    assert len(await db.queries.list_rooms()) == 2
    await db.close()
    await db.close()
    with pytest.raises(DatabaseUnavailable, match="closed"):
        await db.queries.list_rooms()
    async with db:
        assert len(await db.queries.list_rooms()) == 2


@pytest.mark.parametrize("kind", KINDS)
async def test_an_edited_file_is_picked_up(kind: str, empty_database_url: str, folder: Path) -> None:
    async with Opened(kind, empty_database_url, folder, reload_seconds=0.02) as db:
        assert len(await db.queries.list_rooms()) == 2
        (folder / "more.sql").write_text("-- name: get_one()$\nSELECT 1;\n", encoding="utf-8")
        await asyncio.to_thread(eventually, lambda: "get_one" in list(db.raw.queries))
        assert await db.queries.get_one() == 1
        async with transaction(db) as tx:
            assert await tx.queries.get_one() == 1


@pytest.mark.parametrize("make", [Database, AsyncDatabase])
def test_a_folder_that_cannot_be_used_is_an_error_at_once(make: Any, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "rooms.sql").write_text(FOLDER, encoding="utf-8")
    for path, message in (
        (tmp_path / "missing", "there is no such folder"),
        (tmp_path / "rooms.sql", "this is a file, not a folder"),
        (tmp_path / "empty", "no .*sql file in this folder"),
    ):
        with pytest.raises(QueryFileError, match=message) as caught:
            make("postgresql:///nowhere", str(path), settings=Settings())
        assert caught.value.file == path
        assert "GUESTSQL" not in str(caught.value)


@pytest.mark.parametrize("make", [Database, AsyncDatabase])
def test_without_a_folder_that_of_the_settings_is_used(
    make: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("queries", "sql", "other"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "one.sql").write_text(f"-- name: of_{name}()$\nSELECT 1;\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GUESTSQL_QUERIES_DIR", raising=False)
    assert list(make("postgresql:///nowhere").queries) == ["of_queries"]
    (tmp_path / "pyproject.toml").write_text('[tool.guestsql]\nqueries = "sql"\n', encoding="utf-8")
    assert list(make("postgresql:///nowhere").queries) == ["of_sql"]
    monkeypatch.setenv("GUESTSQL_QUERIES_DIR", "other")
    assert list(make("postgresql:///nowhere").queries) == ["of_other"]
    assert list(make("postgresql:///nowhere", "queries").queries) == ["of_queries"]
    known = Settings(queries_dir=tmp_path / "sql")
    assert list(make("postgresql:///nowhere", settings=known).queries) == ["of_sql"]


@pytest.mark.parametrize("make", [Database, AsyncDatabase])
def test_a_folder_in_the_place_of_the_address_is_refused_with_a_hint(make: Any) -> None:
    with pytest.raises(SettingsError, match="first argument is not the address") as caught:
        make("queries/", settings=Settings())
    assert "queries=" in caught.value.hint


@pytest.mark.parametrize("make", [Database, AsyncDatabase])
def test_a_missing_folder_is_reported_with_where_it_came_from(
    make: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    absent = tmp_path / "absent"
    for given, file, origin, hint in (
        ({"settings": Settings()}, tmp_path / "queries", "the default", "set GUESTSQL_QUERIES_DIR or queries in"),
        ({"settings": Settings(queries_dir=absent)}, absent, "queries_dir of the settings", "correct queries_dir"),
        ({"queries": "absent", "settings": Settings()}, absent, "passed as queries", "pass the folder"),
    ):
        with pytest.raises(QueryFileError, match=rf"there is no such folder \({origin}") as caught:
            make("postgresql:///nowhere", **given)
        assert caught.value.file == file
        assert hint in caught.value.hint


async def test_it_belongs_to_its_event_loop(empty_database_url: str, folder: Path) -> None:
    async with AsyncDatabase(empty_database_url, folder) as db:
        await db.queries.list_rooms()

        async def again() -> None:
            await db.queries.list_rooms()

        with pytest.raises(WrongEventLoop):
            await asyncio.to_thread(asyncio.run, again())


FORKED = """
import os, sys
from guestsql import Database

with Database(sys.argv[1], sys.argv[2]) as db:
    db.queries.add_booking(room=1)
    child = os.fork()
    if child == 0:
        assert db.queries.add_booking(room=2) == 1
        assert db.figures().queries["add_booking"].calls == 1
        db.close()
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    assert db.queries.count_bookings() == 2
"""


def test_a_forked_child_has_connections_of_its_own(empty_database_url: str, folder: Path) -> None:
    with Program(FORKED, empty_database_url, str(folder)) as program:
        assert program.wait() == (0, "")


MINIMAL = """\
from guestsql import Database

with Database() as db:
    for room in db.queries.list_rooms(floor=2):
        print(room.number)
"""
TYPED = """\
from guestsql import AsyncDatabase, Database


class Mine:
    def list_rooms(self, *, floor: int) -> list[int]: ...  # type: ignore[empty-body]


db = Database()
db.queries.anything(at="all").of_it
typed: Database[Mine] = Database("postgresql:///", "queries")
typed.queries.list_rooms(floor=2).append(1)
typed.queries.list_room()  # error
with typed.transaction() as tx:
    tx.queries.list_rooms(floor="2")  # error


async def main() -> None:
    async with AsyncDatabase() as other, other.transaction() as tx:
        await tx.queries.anything()
"""


def test_five_lines_are_a_program(empty_database_url: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", empty_database_url)
    monkeypatch.chdir(folder.parent)
    folder.rename("queries")
    done = subprocess.run([sys.executable, "-c", MINIMAL], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["201", "202"]


@pytest.mark.once
def test_type_checkers_accept_any_query_unless_its_class_is_named(tmp_path: Path) -> None:
    (tmp_path / "typed.py").write_text(TYPED, encoding="utf-8")
    wrong = [number for number, line in enumerate(TYPED.splitlines(), 1) if line.endswith("# error")]
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--config-file=", "--no-error-summary", "typed.py"],
        cwd=tmp_path,
        env={"PATH": "/usr/bin:/bin", "MYPYPATH": str(root)},
        capture_output=True,
        text=True,
        check=False,
    )
    found = [int(line.split(":")[1]) for line in done.stdout.splitlines() if ": error:" in line]
    assert found == wrong, done.stdout
