"""What is measured of each peer; docs/benchmarks.md describes them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import psycopg
from psycopg.conninfo import conninfo_to_dict

from tests.benchmarks.peers.contents import Builder

Kind = Literal["guestsql", "driver", "store", "other"]


@dataclass(frozen=True)
class Place:
    """Where a peer finds its server.

    Attributes:
        url: PostgreSQL.
        redis: the socket of Redis; None where it is not installed.
        direct: to PostgreSQL, in autocommit, for what is not measured.
        loop: in which tasks run.
        builder: makes the texts.
    """

    url: str
    redis: Path | None
    direct: psycopg.Connection[tuple[object, ...]]
    loop: asyncio.AbstractEventLoop
    builder: Builder

    def part(self, name: str) -> str:
        """A part of PostgreSQL's address, such as the port; the host is the folder of its socket."""
        return str(conninfo_to_dict(self.url)[name])


class Unavailable(Exception):
    """A peer cannot be measured here, and why."""


class Peer:
    """A cache, a store or a driver with the texts of `contents`.

    What a peer lacks is None. A method whose name begins with `async_` is a coroutine function.

    Attributes:
        name: in tables.
        kind: drivers are references; stores are what guestsql is compared with.
    """

    name: str
    kind: Kind

    hit: Callable[[str], str | None] | None = None
    batch: Callable[[list[str]], list[str]] | None = None
    expire: Callable[[str], object] | None = None
    miss: Callable[[str], str] | None = None
    write: Callable[[str], object] | None = None
    async_hit: Callable[[str], Awaitable[str | None]] | None = None
    async_batch: Callable[[list[str]], Awaitable[list[str]]] | None = None
    async_expire: Callable[[str], Awaitable[object]] | None = None
    async_miss: Callable[[str], Awaitable[str]] | None = None
    async_write: Callable[[str], Awaitable[object]] | None = None
    is_shared = True
    """Whether threads and tasks may use it together."""
    server = ""
    """Its own server and the version; "" for PostgreSQL."""

    def __init__(self, place: Place) -> None:
        """Connect, create the tables, and store the texts."""

    def leave(self) -> None:
        """Close what belongs to the thread that calls."""

    def close(self) -> None:
        """Close all connections."""
