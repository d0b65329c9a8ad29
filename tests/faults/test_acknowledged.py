"""Whatever breaks while many write: what was acknowledged is stored, once.

The long form is `make faults`: 40 faults of each kind, in place of a few.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from guestsql.embedded import PrivateServer
from tests.acknowledged import Writers
from tests.bouncer import bouncer, find_bouncer
from tests.server import apply_migrations, private_server

Connection = psycopg.Connection[Any]

ROUNDS = int(os.environ.get("FAULT_ROUNDS", "2"))
PROCESSES = 1 if ROUNDS <= 2 else 2


@pytest.fixture(scope="module")
def own_server() -> Iterator[PrivateServer]:
    """A server that may be broken: it is this module's alone."""
    with private_server() as started:
        apply_migrations(started.url())
        yield started


@pytest.fixture
def url(own_server: PrivateServer) -> str:
    with psycopg.connect(own_server.url(), autocommit=True) as connection:
        connection.execute("TRUNCATE guest_profiles, operations, query_minutes, process_minutes CASCADE")
    return own_server.url()


def stop_at_once(server: PrivateServer) -> None:
    """As `pg_ctl stop -m immediate`; the next clients use the numbers of lost transactions again."""
    done = server.run("pg_ctl", ["stop", "-m", "immediate", "-w", "-D", server.directory / "data"])
    assert done.returncode == 0, done.stderr
    server.start()
    with psycopg.connect(server.url(), autocommit=True) as connection:
        for _ in range(20):
            connection.execute("SELECT pg_current_xact_id()")


def kill(server: PrivateServer) -> None:
    server.kill()
    server.start()


def cut_connections(server: PrivateServer) -> None:
    with psycopg.connect(server.url(), autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
        )


FAULTS: list[Callable[[PrivateServer], None]] = [stop_at_once, kill, cut_connections]


def check(writers: Writers, server: PrivateServer) -> None:
    with psycopg.connect(server.url(), autocommit=True) as connection:
        assert writers.check(connection) >= 30 * ROUNDS


@pytest.mark.parametrize("fault", FAULTS)
def test_of_the_server(
    fault: Callable[[PrivateServer], None], own_server: PrivateServer, url: str, tmp_path: Path
) -> None:
    with Writers(url, tmp_path) as writers:
        writers.start(PROCESSES)
        for _ in range(ROUNDS):
            writers.wait_for_more()
            fault(own_server)
        writers.wait_for_more()
        writers.stop()
        check(writers, own_server)


def test_a_bot_that_is_killed(own_server: PrivateServer, url: str, tmp_path: Path) -> None:
    with Writers(url, tmp_path) as writers:
        writers.start(PROCESSES)
        for _ in range(ROUNDS):
            writers.wait_for_more()
            writers.kill()
        writers.stop()
        check(writers, own_server)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_bot_that_forks(own_server: PrivateServer, url: str, tmp_path: Path) -> None:
    with Writers(url, tmp_path, token_writers=4, forks=2) as writers:
        writers.start()
        for _ in range(ROUNDS):
            writers.wait_for_more()
            cut_connections(own_server)
        writers.stop()
        check(writers, own_server)


@pytest.mark.skipif(find_bouncer() is None, reason="pgbouncer is not installed (apt-get install pgbouncer)")
def test_behind_a_pooler(own_server: PrivateServer, url: str, tmp_path: Path) -> None:
    with bouncer(own_server) as pooler, Writers(pooler.url(url), tmp_path) as writers:
        writers.start(PROCESSES)
        for _ in range(ROUNDS):
            writers.wait_for_more()
            cut_connections(own_server)
        writers.stop()
        check(writers, own_server)
