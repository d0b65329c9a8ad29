"""A primary and its standby, for the tests of this folder; and what is sent to which of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

import psycopg
import pytest
from psycopg.pq import Trace

from tests.server import eventually
from tests.standby import ServerGroup, server_group

Turns = Callable[[], dict[str, int]]


@pytest.fixture(autouse=True)
def _patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy standby has time to answer: the primary answers only for one that is behind, or away."""
    for kind in ("async", "sync"):
        monkeypatch.setattr(f"guestsql.sql._{kind}.replica._PATIENCE_SECONDS", 30.0)


@pytest.fixture(scope="package")
def pair() -> Iterator[ServerGroup]:
    """A primary and a synchronous standby that are shared: a test leaves both running, with their roles."""
    with server_group(2, is_synchronous=True) as group:
        yield group


@pytest.fixture
def primary(pair: ServerGroup) -> Iterator[psycopg.Connection[Any]]:
    """A superuser's connection to the primary, which holds no guests."""
    with psycopg.connect(pair.primary.url(), autocommit=True) as connection:
        connection.execute("TRUNCATE guest_profiles, operations CASCADE")
        pair.wait_for_standbys()
        yield connection


@pytest.fixture
def standby(pair: ServerGroup) -> Iterator[psycopg.Connection[Any]]:
    """A superuser's connection to the standby, which replays."""
    with psycopg.connect(pair.standbys[0].url(), autocommit=True) as connection:
        yield connection
        if not connection.closed:
            connection.execute("SELECT pg_wal_replay_resume()")


def pause_replay(standby: psycopg.Connection[Any]) -> None:
    """Have the standby receive, and show nothing new."""
    standby.execute("SELECT pg_wal_replay_pause()")
    eventually(lambda: standby.execute("SELECT pg_get_wal_replay_pause_state()").fetchone() == ("paused",))


@pytest.fixture
def turns(pair: ServerGroup, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Turns]:
    """How often the program has sent something and waited, for each server, since this was last asked.

    It knows the connections that are made after it; they are to be open at the first time.
    """
    made: list[Any] = []
    traces: dict[Any, IO[str]] = {}
    read: dict[Any, int] = {}
    names = {str(pair.primary.socket_dir): "primary"}

    for kind in (psycopg.Connection, psycopg.AsyncConnection):

        def noted(self: Any, *given: Any, _init: Callable[..., None] = kind.__init__, **known: Any) -> None:
            _init(self, *given, **known)
            made.append(self)

        monkeypatch.setattr(kind, "__init__", noted)

    def sent_by(connection: Any) -> int:
        file = traces.get(connection)
        if file is None:
            file = traces[connection] = (tmp_path / f"trace-{len(traces)}").open("w+")
        connection.pgconn.untrace()  # flushes
        lines = Path(file.name).read_text(errors="replace").splitlines()
        sides = [line[0] for line in lines[read.get(connection, 0) :] if line.startswith(("F\t", "B\t"))]
        read[connection] = len(lines)
        connection.pgconn.trace(file.fileno())
        connection.pgconn.set_trace_flags(Trace.SUPPRESS_TIMESTAMPS)
        return sum(side == "F" and before != "F" for before, side in zip(["B", *sides], sides, strict=False))

    def counted() -> dict[str, int]:
        counts: Counter[str] = Counter()
        for connection in [each for each in made if not each.closed]:
            with suppress(psycopg.OperationalError):  # another thread is just closing it
                name = names.get(connection.info.host, "standby")
                counts[name] += sent_by(connection)
        return {name: count for name, count in counts.items() if count}

    yield counted
    for connection, file in traces.items():
        with suppress(psycopg.OperationalError):
            connection.pgconn.untrace()
        file.close()
