"""Fixtures for tests behind a PgBouncer in transaction mode that the settings do not mention."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from pytest_postgresql.executors import NoopExecutor

from guestsql.embedded import PrivateServer
from tests.bouncer import Bouncer, bouncer, find_bouncer
from tests.conftest import _fresh

_HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run the tests that are shared with tests/db with one class only: the other is generated from the same code."""
    items[:] = [item for item in items if _HERE not in item.path.parents or not _is_async(item)]


def _is_async(item: pytest.Item) -> bool:
    called = getattr(item, "callspec", None)
    return called is not None and "async" in map(str, called.params.values())


@pytest.fixture(scope="session")
def pooler(server: PrivateServer) -> Iterator[Bouncer]:
    """A PgBouncer with 3 connections to each database of the test server."""
    if find_bouncer() is None:
        pytest.skip("pgbouncer is not installed (apt-get install pgbouncer)")
    with bouncer(server) as started:
        yield started


@pytest.fixture
def direct_url(server: PrivateServer, executor: NoopExecutor, template_database: str) -> Iterator[str]:
    """The server's own address of a migrated database of this test alone."""
    yield from _fresh(server, executor, template_database)


@pytest.fixture
def database_url(pooler: Bouncer, direct_url: str) -> str:
    """The same database by way of the pooler."""
    return pooler.url(direct_url)


@pytest.fixture
def autocommit(direct_url: str) -> Iterator[psycopg.Connection[Any]]:
    """A connection past the pooler, without a transaction."""
    with psycopg.connect(direct_url, autocommit=True) as opened:
        yield opened
