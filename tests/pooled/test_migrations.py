"""Migrations need a session: a transaction pooler is refused, and the server's own address is used when it is given."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pytest_postgresql.executors import NoopExecutor

from guestsql.embedded import PrivateServer
from guestsql.errors import SettingsError
from guestsql.migrate import OWN, Runner, Series
from guestsql.settings import Pooler, Settings
from tests.bouncer import Bouncer, bouncer
from tests.cli.shell import invoke
from tests.migrating import value, write_files

FILES = {
    "0001_rooms.sql": "CREATE TABLE rooms (id int PRIMARY KEY, name text);\n",
    "0002_by_name.sql": "-- no-transaction\nCREATE INDEX CONCURRENTLY IF NOT EXISTS rooms_name ON rooms (name);\n",
}
WRITING: dict[str, Callable[[Runner], object]] = {
    "up": Runner.up,
    "baseline": lambda runner: runner.baseline(1),
    "grant": Runner.grant,
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_files(tmp_path / "migrations", FILES)


@pytest.fixture
def pooled_url(pooler: Bouncer, empty_database_url: str) -> str:
    """An empty database by way of the pooler; `empty_database_url` is the server's own address."""
    return pooler.url(empty_database_url)


@pytest.mark.parametrize("setting", ["auto", "transaction", "tracked"])
@pytest.mark.parametrize("write", WRITING.values(), ids=WRITING)
def test_a_transaction_pooler_is_refused(
    write: Callable[[Runner], object], setting: Pooler, pooled_url: str, empty_database_url: str, folder: Path
) -> None:
    runner = Runner(Settings(database_url=pooled_url, pooler=setting), series=[Series(OWN, folder)])
    with pytest.raises(SettingsError, match="points to a pooler") as caught:
        write(runner)
    assert "DATABASE_UNPOOLED_URL" in caught.value.hint
    assert value(empty_database_url, "SELECT count(*) FROM pg_class WHERE relname ~ 'guestsql|rooms'") == 0


def test_reading_needs_no_session(pooled_url: str, empty_database_url: str, folder: Path) -> None:
    direct = Runner(Settings(), empty_database_url, [Series(OWN, folder)])
    runner = Runner(Settings(database_url=pooled_url), series=[Series(OWN, folder)])
    assert [migration.version for migration in runner.plan()] == [1, 2]
    direct.up()
    assert {status.state for status in runner.status()} == {"applied"}
    assert (runner.plan(), runner.verify()) == ([], [])


@pytest.mark.parametrize("setting", ["auto", "transaction", "tracked"])
def test_the_direct_address_is_used(setting: Pooler, pooled_url: str, empty_database_url: str, folder: Path) -> None:
    settings = Settings(database_url=pooled_url, unpooled_url=empty_database_url, pooler=setting)
    assert len(Runner(settings, series=[Series(OWN, folder)]).up()) == 2


def test_a_direct_address_that_leads_to_the_pooler_is_refused(pooled_url: str, folder: Path) -> None:
    settings = Settings(database_url="postgresql://elsewhere/x", unpooled_url=pooled_url)
    with pytest.raises(SettingsError, match="DATABASE_UNPOOLED_URL points to a pooler"):
        Runner(settings, series=[Series(OWN, folder)]).up()


def test_session_mode_is_a_session(
    pooler: Bouncer, server: PrivateServer, executor: NoopExecutor, empty_database_url: str, folder: Path
) -> None:
    del pooler, executor
    with bouncer(server, "session") as started:
        settings = Settings(database_url=started.url(empty_database_url), pooler="off")
        assert len(Runner(settings, series=[Series(OWN, folder)]).up()) == 2


@pytest.mark.parametrize(
    ("command", "hint"),
    [
        (("migrate", "up"), "set DATABASE_UNPOOLED_URL to the server's own address"),
        (("check", "--server", "{url}"), "give --server the server's own address"),
    ],
    ids=["migrate", "check"],
)
def test_commands_say_what_to_set(command: tuple[str, ...], hint: str, pooled_url: str) -> None:
    arguments: list[Any] = [word.format(url=pooled_url) for word in command]
    result = invoke(*arguments, DATABASE_URL=pooled_url)
    assert result.exit_code == 2
    assert hint in result.output
    assert "Traceback" not in result.output
