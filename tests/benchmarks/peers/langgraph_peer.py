"""PostgresStore of LangGraph."""

from __future__ import annotations

from contextlib import AsyncExitStack, ExitStack

from langgraph.store.base import GetOp, PutOp
from langgraph.store.postgres import AsyncPostgresStore, PostgresStore
from langgraph.store.postgres.base import PoolConfig, TTLConfig

from tests.benchmarks.peers.contents import GUESTS, POOL, TTL_SECONDS, text_of
from tests.benchmarks.peers.peer import Peer, Place

_SPACE = ("contexts",)
_TTL: TTLConfig = {"default_ttl": TTL_SECONDS / 60, "refresh_on_read": False, "omit_expired": True}
_PUT = 1000
_POOL: PoolConfig = {"min_size": POOL, "max_size": POOL}


class LangGraph(Peer):
    """With a pool, and expiry by the server."""

    name = "LangGraph"
    kind = "store"

    def __init__(self, place: Place) -> None:
        self._place = place
        self._stack, self._async_stack = ExitStack(), AsyncExitStack()
        made = PostgresStore.from_conn_string(place.url, pool_config=_POOL, ttl=_TTL)
        self._store = self._stack.enter_context(made)
        self._store.setup()
        self._async_store = place.loop.run_until_complete(self._opened())
        ttl = _TTL["default_ttl"]
        for begin in range(0, len(GUESTS), _PUT):
            part = GUESTS[begin : begin + _PUT]
            self._store.batch([PutOp(_SPACE, key, {"text": text_of(key)}, ttl=ttl) for key in part])

    async def _opened(self) -> AsyncPostgresStore:
        made = AsyncPostgresStore.from_conn_string(self._place.url, pool_config=_POOL, ttl=_TTL)
        return await self._async_stack.enter_async_context(made)

    def hit(self, key: str) -> str | None:
        item = self._store.get(_SPACE, key)
        return None if item is None else item.value["text"]

    async def async_hit(self, key: str) -> str | None:
        item = await self._async_store.aget(_SPACE, key)
        return None if item is None else item.value["text"]

    def batch(self, keys: list[str]) -> list[str]:
        items = self._store.batch([GetOp(_SPACE, key, refresh_ttl=False) for key in keys])
        return [item.value["text"] for item in items if item is not None]

    def expire(self, key: str) -> None:
        self._store.put(_SPACE, key, {"text": ""}, ttl=-1)

    def miss(self, key: str) -> str:
        text = self.hit(key)
        if text is None:
            text = self._place.builder(key)
            self._store.put(_SPACE, key, {"text": text})
        return text

    def write(self, key: str) -> None:
        self._store.put(_SPACE, key, {"text": text_of(key)})

    def close(self) -> None:
        self._stack.close()
        del self._async_store  # ends its task
        self._place.loop.run_until_complete(self._async_stack.aclose())
