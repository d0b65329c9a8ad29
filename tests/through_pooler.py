"""The whole suite through a PgBouncer in transaction mode: `make test-pooled`.

TEST_POOLER is its version, and TEST_POOLER_KEPT the number of prepared statements that it keeps for each client. Each
address of the test server that a test gets then goes through the pooler. A test's own connections by `psycopg.connect`
still go to the server: they look at what the package has done.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest

from guestsql.embedded import PrivateServer
from tests.bouncer import Bouncer, bouncer, find_bouncer

VERSION = os.environ.get("TEST_POOLER", "")
_KEPT = int(os.environ.get("TEST_POOLER_KEPT") or 0)
# Tests wait for each other's transactions, so each of a test's connections gets a server connection if it needs one.
_SERVERS = 40

SETTING: dict[str, Any] = {"pooler": "tracked"} if VERSION and _KEPT else {}
"""What the settings say of the pooler; by default it is recognised."""

_running: list[Bouncer] = []


class PooledServer:
    """A server whose addresses go through a pooler; everything else is the server's own."""

    def __init__(self, server: PrivateServer, pooler: Bouncer) -> None:
        self._server = server
        self._pooler = pooler

    def __getattr__(self, name: str) -> Any:
        return getattr(self._server, name)

    def url(self, dbname: str = "postgres") -> str:
        return self._pooler.url(self._server.url(dbname))


def direct(url: str) -> str:
    """The server's own address of a database, whether or not the address goes through the pooler."""
    for pooler in _running:
        url = pooler.direct(url)
    return url


def with_direct_address(environment: dict[str, str]) -> dict[str, str]:
    """Environment variables with the direct address that commands need behind a pooler."""
    url = environment.get("DATABASE_URL", "")
    if direct(url) == url:
        return environment
    return {"DATABASE_UNPOOLED_URL": direct(url), **environment}


@contextmanager
def through_pooler(server: PrivateServer) -> Iterator[Any]:
    """The server by way of the pooler, or the server itself without TEST_POOLER."""
    if not VERSION:
        yield server
        return
    program = find_bouncer(VERSION)
    assert program is not None, (
        f"there is no PgBouncer {VERSION}: apt-get install pgbouncer, or tools/fetch_pgbouncer.sh"
    )
    more = f"max_prepared_statements = {_KEPT}" if VERSION != "1.18" else ""
    connect = psycopg.connect
    with bouncer(server, size=_SERVERS, more=more, program=program) as pooler, pytest.MonkeyPatch.context() as patch:
        _running.append(pooler)
        patch.setattr(psycopg, "connect", lambda conninfo="", **known: connect(direct(conninfo), **known))
        yield PooledServer(server, pooler)
        _running.remove(pooler)


def select(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out, behind a pooler, what does not use the test server; skip what is marked `direct`."""
    if not VERSION:
        return
    left_out = [item for item in items if "server" not in getattr(item, "fixturenames", ())]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if "server" in getattr(item, "fixturenames", ())]
    for item in items:
        if marker := item.get_closest_marker("direct"):
            item.add_marker(pytest.mark.skip(reason=f"direct: {marker.args[0]}"))
