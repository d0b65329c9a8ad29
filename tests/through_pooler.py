"""The whole suite through a PgBouncer in transaction mode: `make test-pooled`.

TEST_POOLER is its version, and TEST_POOLER_KEPT the number of prepared statements that it keeps for each client. The
address of each database that a fixture makes then goes through the pooler; DATABASE_UNPOOLED_URL is the direct one, as
docs/pgbouncer.md has it. A test's own connections by `psycopg.connect` go to the server: they look at what was done.
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

_VERSION = os.environ.get("TEST_POOLER", "")
_KEPT = int(os.environ.get("TEST_POOLER_KEPT") or 0)
# A test's connections wait for each other's transactions, so each gets one to the server when it needs it.
_SERVERS = 40
_running: list[Bouncer] = []


def pooled(url: str) -> str:
    """The address of a database of the test server, by way of the pooler where the suite runs through one."""
    return _running[0].url(url) if _running else url


def direct(url: str) -> str:
    """The server's own address of that database; any other address stays as it is."""
    return _running[0].direct(url) if _running else url


def settings_behind(url: str) -> dict[str, Any]:
    """What the settings say of the pooler in front of an address: by default nothing, so that it is recognised."""
    if direct(url) == url:
        return {}
    return {"unpooled_url": direct(url), **({"pooler": "tracked"} if _KEPT else {})}


def variables_behind(environment: dict[str, str]) -> dict[str, str]:
    """The same for a command, as environment variables."""
    found = settings_behind(environment.get("DATABASE_URL", ""))
    names = {"unpooled_url": "DATABASE_UNPOOLED_URL", "pooler": "GUESTSQL_POOLER"}
    return {**{names[name]: value for name, value in found.items()}, **environment}


@contextmanager
def through_pooler(server: PrivateServer) -> Iterator[None]:
    """Have a pooler in front of the server, with TEST_POOLER."""
    if not _VERSION:
        yield
        return
    program = find_bouncer(_VERSION)
    assert program is not None, f"no PgBouncer {_VERSION} here: apt-get install pgbouncer, or tools/fetch_pgbouncer.sh"
    more = "" if _VERSION == "1.18" else f"max_prepared_statements = {_KEPT}"
    connect = psycopg.connect
    with bouncer(server, size=_SERVERS, more=more, program=program) as pooler, pytest.MonkeyPatch.context() as patch:
        _running.append(pooler)
        patch.setattr(psycopg, "connect", lambda conninfo="", **known: connect(direct(conninfo), **known))
        yield
        _running.remove(pooler)


def select(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out, behind a pooler, what has no database of a fixture; skip what is marked `direct`."""
    if not _VERSION:
        return
    made = {"new_database", "template_database"}
    kept = [item for item in items if made & {*getattr(item, "fixturenames", ())}]
    config.hook.pytest_deselected(items=[item for item in items if item not in set(kept)])
    items[:] = kept
    for item in items:
        if marker := item.get_closest_marker("direct"):
            item.add_marker(pytest.mark.skip(reason=f"direct: {marker.args[0]}"))
