"""psycopg: one connection, a pool, and the least that answers the question."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import psycopg
from psycopg_pool import AsyncConnectionPool, ConnectionPool

from tests.benchmarks.peers.contents import CHANGES, POOL, TTL_SECONDS
from tests.benchmarks.peers.peer import Peer, Place
from tests.benchmarks.peers.statements import EXPIRE, LOOKUP, LOOKUPS, PUBLISH, TEXT, TEXTS, UPSERT, is_fresh


class _SameStatements(Peer):
    """The statements of guestsql, prepared."""

    kind = "driver"

    def __init__(self, place: Place) -> None:
        self._place = place

    @contextmanager
    def _connection(self) -> Iterator[psycopg.Connection[Any]]:
        raise NotImplementedError
        yield

    @asynccontextmanager
    async def _async_connection(self) -> AsyncIterator[psycopg.AsyncConnection[Any]]:
        raise NotImplementedError
        yield

    def hit(self, key: str) -> str | None:
        with self._connection() as connection:
            row = connection.execute(LOOKUP.text, LOOKUP.values(phone_number=key), prepare=True).fetchone()
        return row[0] if row is not None and is_fresh(*row[2:]) else None

    async def async_hit(self, key: str) -> str | None:
        async with self._async_connection() as connection:
            cursor = await connection.execute(LOOKUP.text, LOOKUP.values(phone_number=key), prepare=True)
            row = await cursor.fetchone()
        return row[0] if row is not None and is_fresh(*row[2:]) else None

    def batch(self, keys: list[str]) -> list[str]:
        with self._connection() as connection:
            rows = connection.execute(LOOKUPS.text, LOOKUPS.values(phone_numbers=keys), prepare=True).fetchall()
        return [row[1] for row in rows if is_fresh(*row[3:])]

    def expire(self, key: str) -> None:
        with self._connection() as connection:
            connection.execute(EXPIRE, [key], prepare=True)

    def miss(self, key: str) -> str:
        text = self.hit(key)
        if text is None:
            text = self._place.builder(key)
            with self._connection() as connection:
                connection.execute(PUBLISH, [key, text], prepare=True)
        return text

    def write(self, key: str) -> None:
        values = UPSERT.values(phone_number=key, profile_data=json.dumps({"visits": next(CHANGES)}))
        with self._connection() as connection:
            connection.execute(UPSERT.text, values, prepare=True).fetchone()


class Psycopg(_SameStatements):
    """One connection."""

    name = "psycopg"
    is_shared = False

    def __init__(self, place: Place) -> None:
        super().__init__(place)
        self._one = psycopg.connect(place.url, autocommit=True, cursor_factory=psycopg.RawCursor)
        self._other = place.loop.run_until_complete(
            psycopg.AsyncConnection.connect(place.url, autocommit=True, cursor_factory=psycopg.AsyncRawCursor)
        )

    @contextmanager
    def _connection(self) -> Iterator[psycopg.Connection[Any]]:
        yield self._one

    @asynccontextmanager
    async def _async_connection(self) -> AsyncIterator[psycopg.AsyncConnection[Any]]:
        yield self._other

    def close(self) -> None:
        self._one.close()
        self._place.loop.run_until_complete(self._other.close())


class Plain(Peer):
    """The least that answers the question."""

    name = "plain SQL"
    kind = "driver"
    is_shared = False

    def __init__(self, place: Place) -> None:
        self._loop = place.loop
        self._one = psycopg.connect(place.url, autocommit=True, cursor_factory=psycopg.RawCursor)
        self._other = place.loop.run_until_complete(
            psycopg.AsyncConnection.connect(place.url, autocommit=True, cursor_factory=psycopg.AsyncRawCursor)
        )
        self._build = place.builder

    def hit(self, key: str) -> str | None:
        row = self._one.execute(TEXT, [key, TTL_SECONDS], prepare=True).fetchone()
        return row[0] if row is not None and row[1] else None

    async def async_hit(self, key: str) -> str | None:
        row = await (await self._other.execute(TEXT, [key, TTL_SECONDS], prepare=True)).fetchone()
        return row[0] if row is not None and row[1] else None

    def batch(self, keys: list[str]) -> list[str]:
        rows = self._one.execute(TEXTS, [keys, TTL_SECONDS], prepare=True).fetchall()
        return [text for text, is_young in rows if is_young]

    def write(self, key: str) -> None:
        self._one.execute(PUBLISH, [key, self._build(key)], prepare=True)

    def close(self) -> None:
        self._one.close()
        self._loop.run_until_complete(self._other.close())


class PsycopgPool(_SameStatements):
    """A pool."""

    name = "psycopg_pool"

    def __init__(self, place: Place) -> None:
        super().__init__(place)
        sizes = {"min_size": POOL, "max_size": POOL, "open": False}
        self._pool = ConnectionPool(
            place.url, kwargs={"autocommit": True, "cursor_factory": psycopg.RawCursor}, **sizes
        )
        self._pool.open(wait=True)

        async def opened() -> AsyncConnectionPool[Any]:
            kwargs = {"autocommit": True, "cursor_factory": psycopg.AsyncRawCursor}
            pool = AsyncConnectionPool(place.url, kwargs=kwargs, **sizes)
            await pool.open(wait=True)
            return pool

        self._async_pool = place.loop.run_until_complete(opened())
        self._connection = self._pool.connection
        self._async_connection = self._async_pool.connection

    def close(self) -> None:
        self._pool.close()
        self._place.loop.run_until_complete(self._async_pool.close())
