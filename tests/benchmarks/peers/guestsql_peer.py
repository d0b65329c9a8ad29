"""guestsql."""

from __future__ import annotations

from guestsql import AsyncGuestDatabase, GuestDatabase, GuestProfile, Settings
from tests.benchmarks.peers.contents import CHANGES, POOL, TTL_SECONDS
from tests.benchmarks.peers.peer import Peer, Place

_EXPIRE = "UPDATE guest_profiles SET last_context_update = NULL WHERE phone_number = %s"


class GuestSQL(Peer):
    """Its methods, counted and logged as in production."""

    name = "guestsql"
    kind = "guestsql"

    def __init__(self, place: Place) -> None:
        settings = Settings(context_ttl_seconds=TTL_SECONDS, pool_min=POOL, pool_max=POOL)
        self._direct = place.direct
        self._loop = place.loop
        self._database = GuestDatabase(
            place.url, settings=settings, context_builder=lambda guest: place.builder(guest.phone_number)
        )

        async def build(guest: GuestProfile) -> str:
            return await place.builder.asynchronous(guest.phone_number)

        self._other = AsyncGuestDatabase(place.url, settings=settings, context_builder=build)
        self.hit = self.miss = self._database.get_context
        self.async_hit = self._other.get_context

    def batch(self, keys: list[str]) -> list[str]:
        return list(self._database.get_contexts(keys).values())

    def expire(self, key: str) -> None:
        self._direct.execute(_EXPIRE, [key])

    def write(self, key: str) -> None:
        self._database.update_profile(key, profile_data={"visits": next(CHANGES)})

    def close(self) -> None:
        self._database.close()
        self._loop.run_until_complete(self._other.close())
