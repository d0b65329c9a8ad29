"""Django's cache in a table."""

from __future__ import annotations

import base64
import pickle
from datetime import UTC, datetime, timedelta

import django
from asgiref.sync import sync_to_async
from django.conf import settings
from django.core.cache import cache
from django.core.management import call_command
from django.db import connections

from tests.benchmarks.peers.contents import GUESTS, TTL_SECONDS, text_of
from tests.benchmarks.peers.peer import Peer, Place

_TABLE = "django_cache"


class Django(Peer):
    """Its backend `DatabaseCache`, with a connection for each thread."""

    name = "Django"
    kind = "store"

    def __init__(self, place: Place) -> None:
        self._place = place
        _configure(place)
        # createcachetable prints nothing when the table is there.
        call_command("createcachetable", verbosity=0)
        _fill(place)

    def hit(self, key: str) -> str | None:
        return cache.get(key)

    async def async_hit(self, key: str) -> str | None:
        return await cache.aget(key)

    def batch(self, keys: list[str]) -> list[str]:
        return list(cache.get_many(keys).values())

    def expire(self, key: str) -> None:
        cache.set(key, "", timeout=0)

    def miss(self, key: str) -> str:
        return cache.get_or_set(key, lambda: self._place.builder(key), TTL_SECONDS)

    def write(self, key: str) -> None:
        cache.set(key, text_of(key), TTL_SECONDS)

    def leave(self) -> None:
        connections.close_all()

    def close(self) -> None:
        connections.close_all()
        self._place.loop.run_until_complete(sync_to_async(connections.close_all)())


def _configure(place: Place) -> None:
    parts = {"HOST": "host", "PORT": "port", "USER": "user", "NAME": "dbname"}
    address = {name: place.part(part) for name, part in parts.items()}
    if settings.configured:
        connections.settings["default"].update(address)
        connections.close_all()
        return
    backend = "django.core.cache.backends.db.DatabaseCache"
    most = {"MAX_ENTRIES": 10 * len(GUESTS)}  # else it removes a third of the texts
    settings.configure(
        USE_TZ=True,
        DATABASES={"default": {"ENGINE": "django.db.backends.postgresql", **address}},
        CACHES={"default": {"BACKEND": backend, "LOCATION": _TABLE, "TIMEOUT": TTL_SECONDS, "OPTIONS": most}},
    )
    django.setup()


def _fill(place: Place) -> None:
    # In its own form: `set` counts the table each time.
    expires = datetime.now(UTC) + timedelta(seconds=TTL_SECONDS)
    with place.direct.transaction(), place.direct.cursor() as cursor:
        cursor.execute(f"TRUNCATE {_TABLE}".encode())
        with cursor.copy(f"COPY {_TABLE} (cache_key, value, expires) FROM STDIN".encode()) as copy:
            for key in GUESTS:
                value = base64.b64encode(pickle.dumps(text_of(key), pickle.HIGHEST_PROTOCOL)).decode("latin1")
                copy.write_row([cache.make_key(key), value, expires])
