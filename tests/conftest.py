"""Fixtures for every test: a real server of our own, and databases cloned from a migrated template."""

from __future__ import annotations

import itertools
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import hypothesis
import psycopg
import pytest
from psycopg.rows import TupleRow
from pytest_postgresql.executors import NoopExecutor
from pytest_postgresql.janitor import DatabaseJanitor

from guestsql.embedded import PrivateServer
from tests.server import apply_migrations, drop_database_by, private_server, reachable_folder
from tests.through_pooler import pooled, select, through_pooler

# How long an example takes depends on what else the machine does. The suite takes the same examples every time;
# `make examples` takes new ones.
hypothesis.settings.register_profile("same", deadline=None, derandomize=True)
hypothesis.settings.register_profile("new", deadline=None, print_blob=True)
hypothesis.settings.load_profile("same")

_numbers = itertools.count(1)
_KEPT = {"GUESTSQL_PG_BIN"}
_PREFIXES = ("DATABASE_", "GUESTSQL_", "PG")


# A shell that starts a job in the background has it ignore Ctrl-C; the programs that tests start would inherit that.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Behind a pooler, run what can go through one."""
    select(config, items)


@pytest.fixture(autouse=True)
def _own_signals() -> Iterator[None]:
    """A database that a test opens here sees to SIGTERM; pytest's own end is not its business."""
    kept = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, kept)


@pytest.fixture(scope="session", autouse=True)
def _no_outside_variables(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """No variable can lead a test to a real database, and no `.env` above the tests' folders either."""
    (tmp_path_factory.getbasetemp() / ".env").touch()
    with pytest.MonkeyPatch.context() as patch:
        for name in list(os.environ):
            if name.startswith(_PREFIXES) and name not in _KEPT:
                patch.delenv(name)
        # Nor to the embedded server of this account: what that has been through must decide no test.
        patch.setenv("XDG_DATA_HOME", "/dev/null/no-embedded-server")
        yield


@pytest.fixture(autouse=True)
def _elsewhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Nor can a `.env` in the working directory."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="session")
def server() -> Iterator[PrivateServer]:
    """A server of this test run alone; it dies with pytest, even when that is killed."""
    with private_server() as started, through_pooler(started):
        yield started


@pytest.fixture(scope="session")
def executor(server: PrivateServer) -> NoopExecutor:
    """pytest-postgresql's view of the server."""
    return NoopExecutor(
        host=str(server.socket_dir),
        port=server.port,
        user=server.superuser,
        options="",
        dbname="guestsql",
    )


@pytest.fixture(scope="session")
def template_database(server: PrivateServer, executor: NoopExecutor) -> Iterator[str]:
    """The name of a template database with every migration applied."""
    name = executor.template_dbname
    with DatabaseJanitor(user=executor.user, host=executor.host, port=executor.port, dbname=name, as_template=True):
        apply_migrations(server.url(name))
        yield name


NewDatabase = Callable[[str], AbstractContextManager[str]]


@pytest.fixture(scope="session")
def new_database(server: PrivateServer) -> Iterator[NewDatabase]:
    """Makes databases from a template; gives their URLs.

    On one connection, and copied file by file: that halves the work of a clone, and thousands of tests need one.
    """
    with psycopg.connect(server.url(), autocommit=True) as connection:

        @contextmanager
        def made(template: str) -> Iterator[str]:
            name = f"guestsql_{next(_numbers)}"
            connection.execute(f'CREATE DATABASE {name} TEMPLATE "{template}" STRATEGY file_copy'.encode())
            yield pooled(server.url(name))
            drop_database_by(connection, name)

        yield made


@pytest.fixture
def database_url(new_database: NewDatabase, template_database: str) -> Iterator[str]:
    """The URL of a migrated database of this test alone, for tests that commit."""
    with new_database(template_database) as url:
        yield url


@pytest.fixture
def empty_database_url(new_database: NewDatabase) -> Iterator[str]:
    """The URL of an empty database of this test alone."""
    with new_database("template1") as url:
        yield url


@pytest.fixture(scope="session")
def _rolled_back_url(new_database: NewDatabase, template_database: str) -> Iterator[str]:
    with new_database(template_database) as url:
        yield url


@pytest.fixture
def connection(_rolled_back_url: str) -> Iterator[psycopg.Connection[TupleRow]]:
    """A connection in a transaction that is rolled back, for tests that do not commit."""
    with psycopg.connect(_rolled_back_url) as opened:
        yield opened
        opened.rollback()


@pytest.fixture
def autocommit(database_url: str) -> Iterator[psycopg.Connection[TupleRow]]:
    """A connection of its own to the database of `database_url`, without a transaction."""
    with psycopg.connect(database_url, autocommit=True) as opened:
        yield opened


@pytest.fixture
def unhurried_releases(monkeypatch: pytest.MonkeyPatch) -> None:
    """An interrupted caller has half a minute to give up its lease, not a second."""
    monkeypatch.setattr("guestsql.guests.deadline._INTERRUPTED_RELEASE_SECONDS", 30.0)
    for kind in ("async", "sync"):
        monkeypatch.setattr(f"guestsql.guests._{kind}.messages._RELEASE_SECONDS", 30.0)


@pytest.fixture
def embedded_home() -> Iterator[Path]:
    """An empty folder for GUESTSQL_HOME; root's `tmp_path` is out of reach of the server's account."""
    with reachable_folder() as folder:
        yield folder
