"""psycache."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import psycache
from psycache.psycopg_pool import AsyncPsycopgCachePool, PsycopgCachePool
from psycopg_pool import AsyncConnectionPool, ConnectionPool

from tests.benchmarks.peers.contents import GUESTS, POOL, TTL_SECONDS, text_of
from tests.benchmarks.peers.peer import Peer, Place

# In its own form: one by one takes a minute.
_FILL = """
INSERT INTO psycache (key, value, expires_at)
SELECT key, jsonb_build_object('text', text), statement_timestamp() + make_interval(secs => %s)
FROM unnest(%s::text[], %s::text[]) AS given (key, text)
ON CONFLICT (key) DO UPDATE SET value = excluded.value, expires_at = excluded.expires_at
"""


class Psycache(Peer):
    """With its adapter for psycopg_pool."""

    name = "psycache"
    kind = "store"

    def __init__(self, place: Place) -> None:
        self._place = place
        psycache.init_db(place.direct)
        sizes = {"min_size": POOL, "max_size": POOL, "open": False, "kwargs": {"autocommit": True}}
        self._pool = ConnectionPool(place.url, **sizes)
        self._pool.open(wait=True)

        async def opened() -> AsyncConnectionPool[Any]:
            pool = AsyncConnectionPool(place.url, **sizes)
            await pool.open(wait=True)
            return pool

        self._async_pool = place.loop.run_until_complete(opened())
        self._cache = psycache.PostgresCache(PsycopgCachePool(self._pool))
        self._async_cache = psycache.AsyncPostgresCache(AsyncPsycopgCachePool(self._async_pool))
        place.direct.execute(_FILL, [TTL_SECONDS, GUESTS, [text_of(key) for key in GUESTS]])

    def hit(self, key: str) -> str | None:
        found = self._cache.get_raw(key)
        return None if found is None else found["text"]

    async def async_hit(self, key: str) -> str | None:
        found = await self._async_cache.get_raw(key)
        return None if found is None else found["text"]

    def batch(self, keys: list[str]) -> list[str]:
        return [text for text in map(self.hit, keys) if text is not None]

    def expire(self, key: str) -> None:
        self._cache.put_raw(key, {"text": ""}, timedelta(seconds=-1))

    def miss(self, key: str) -> str:
        text = self.hit(key)
        if text is None:
            text = self._place.builder(key)
            self._cache.put_raw(key, {"text": text}, TTL_SECONDS)
        return text

    def write(self, key: str) -> None:
        self._cache.put_raw(key, {"text": text_of(key)}, TTL_SECONDS)

    def close(self) -> None:
        self._pool.close()
        self._place.loop.run_until_complete(self._async_pool.close())
