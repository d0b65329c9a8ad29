"""Fixtures for tests behind a PgBouncer in transaction mode that the settings do not mention."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from guestsql.embedded import PrivateServer
from tests.bouncer import Bouncer, bouncer, find_bouncer
from tests.conftest import NewDatabase
from tests.required import skip_without
from tests.through_pooler import direct

_HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run one case of each test that is shared with tests/db, with one class: a pooler sees no difference in the rest.

    The other class is generated from the same code, and the values of the other cases are tested without a pooler.
    """
    shared: set[object] = set()
    items[:] = [item for item in items if _HERE not in item.path.parents or _is_needed(item, shared)]


def _is_needed(item: pytest.Item, shared: set[object]) -> bool:
    called = getattr(item, "callspec", None)
    if called is not None and "async" in map(str, called.params.values()):
        return False
    function = getattr(item, "function", None)
    if getattr(function, "__module__", "").startswith("tests.db."):
        if function in shared:
            return False
        shared.add(function)
    return True


@pytest.fixture(scope="session")
def pooler(server: PrivateServer) -> Iterator[Bouncer]:
    """A PgBouncer with 3 connections to each database of the test server."""
    if find_bouncer() is None:
        skip_without("pgbouncer", "pgbouncer")
    with bouncer(server) as started:
        yield started


@pytest.fixture
def direct_url(new_database: NewDatabase, template_database: str) -> Iterator[str]:
    """The server's own address of a migrated database of this test alone."""
    with new_database(template_database) as url:
        yield direct(url)


@pytest.fixture
def empty_database_url(empty_database_url: str) -> str:
    """The server's own address of an empty database."""
    return direct(empty_database_url)


@pytest.fixture
def database_url(pooler: Bouncer, direct_url: str) -> str:
    """The same database by way of the pooler."""
    return pooler.url(direct_url)


@pytest.fixture
def autocommit(direct_url: str) -> Iterator[psycopg.Connection[Any]]:
    """A connection past the pooler, without a transaction."""
    with psycopg.connect(direct_url, autocommit=True) as opened:
        yield opened
