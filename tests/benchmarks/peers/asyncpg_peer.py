"""asyncpg."""

from __future__ import annotations

import json

import asyncpg

from tests.benchmarks.peers.contents import CHANGES, POOL
from tests.benchmarks.peers.peer import Peer, Place
from tests.benchmarks.peers.statements import EXPIRE, LOOKUP, LOOKUPS, PUBLISH, UPSERT, is_fresh


class Asyncpg(Peer):
    """It has no sync interface: all is awaited."""

    name = "asyncpg"
    kind = "driver"

    def __init__(self, place: Place) -> None:
        self._place = place
        self._pool = place.loop.run_until_complete(self._opened())

    async def _opened(self) -> asyncpg.Pool:
        part = self._place.part
        address = {"host": part("host"), "port": int(part("port")), "user": part("user"), "database": part("dbname")}
        return await asyncpg.create_pool(**address, min_size=POOL, max_size=POOL)

    async def async_hit(self, key: str) -> str | None:
        row = await self._pool.fetchrow(LOOKUP.text, *LOOKUP.values(phone_number=key))
        return row[0] if row is not None and is_fresh(row[2], row[3]) else None

    async def async_batch(self, keys: list[str]) -> list[str]:
        rows = await self._pool.fetch(LOOKUPS.text, *LOOKUPS.values(phone_numbers=keys))
        return [row[1] for row in rows if is_fresh(row[3], row[4])]

    async def async_expire(self, key: str) -> None:
        await self._pool.execute(EXPIRE, key)

    async def async_miss(self, key: str) -> str:
        text = await self.async_hit(key)
        if text is None:
            text = await self._place.builder.asynchronous(key)
            await self._pool.execute(PUBLISH, key, text)
        return text

    async def async_write(self, key: str) -> None:
        data = json.dumps({"visits": next(CHANGES)})
        await self._pool.fetchrow(UPSERT.text, *UPSERT.values(phone_number=key, profile_data=data))

    def close(self) -> None:
        self._place.loop.run_until_complete(self._pool.close())
