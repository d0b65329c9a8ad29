"""The bot's calls, each by the public methods on guests who are spread over the whole table."""

from __future__ import annotations

import itertools
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from time import perf_counter

from guestsql import GuestDatabase, Settings
from tests.benchmarks.growth.hotels import Hotel
from tests.benchmarks.measuring import Work, timed

__all__ = ["CALLS", "Caller", "open_caller"]

_TEN_YEARS = 3650 * 86400.0
_FLUSHED = 500
_ARCHIVED = 10
_SILENT_DAYS = 30


class Caller:
    """Does the bot's calls in one hotel, each for the next guest.

    Args:
        database: of the hotel.
        hotel: its guests.
    """

    def __init__(self, database: GuestDatabase, hotel: Hotel) -> None:
        self.database = database
        self._keys = itertools.cycle(hotel.keys)
        # Not those of an earlier run, and not those of the hotel.
        self._new = itertools.count(time.time_ns() // 1000 % 10**12)
        self._run = uuid.uuid4().hex
        self._numbers = itertools.count()

    def hit(self) -> None:
        self.database.get_context(self._key())

    def batch(self, guests: int) -> None:
        self.database.get_contexts([self._key() for _ in range(guests)])

    def miss(self) -> None:
        self.database.get_context(self._key(), ttl_seconds=0)

    def upsert(self) -> None:
        self.database.update_profile(self._key(), profile_data={"visits": next(self._numbers), "run": self._run})

    def new_guest(self) -> None:
        self.database.update_profile(f"34{next(self._new):012}", user_name="Ana", labels=["VIP"])

    def tokens(self) -> None:
        self.database.add_thread_tokens(*next(self._keys), 7)

    def message(self) -> None:
        key, thread = next(self._keys)
        with self.database.message(f"{self._run}-{next(self._numbers)}", key, text="Hola") as message:
            message.tokens(thread, 7)
            message.reply({"text": "Hola"})

    def flush(self, calls: int) -> Iterator[float]:
        for _ in range(calls):
            for _ in range(_FLUSHED):
                self.database.record_interaction(self._key())
            started = perf_counter()
            self.database.flush()
            yield perf_counter() - started

    def archive(self) -> None:
        archived = self.database.archive_guests(silent_days=_SILENT_DAYS, max_guests=_ARCHIVED)
        assert archived == _ARCHIVED, "no silent guest is left"

    def _key(self) -> str:
        return next(self._keys)[0]


CALLS: Mapping[str, Callable[[Caller], Work]] = {
    "context hit": lambda caller: timed(caller.hit),
    "batch of 20": lambda caller: timed(lambda: caller.batch(20)),
    "batch of 100": lambda caller: timed(lambda: caller.batch(100)),
    "miss": lambda caller: timed(caller.miss),
    "upsert": lambda caller: timed(caller.upsert),
    "new guest": lambda caller: timed(caller.new_guest),
    "tokens": lambda caller: timed(caller.tokens),
    "message": lambda caller: timed(caller.message),
    "flush of 500": lambda caller: caller.flush,
    "archive of 10": lambda caller: timed(caller.archive),
}


@contextmanager
def open_caller(hotel: Hotel) -> Iterator[Caller]:
    """A caller with a database of its own, in which every context is fresh and no timer runs."""
    settings = Settings(
        database_url=hotel.url,
        context_ttl_seconds=_TEN_YEARS,
        deadline_seconds=600.0,
        flush_seconds=3600.0,
        metrics_seconds=0,
        pool_max=2,
    )
    with GuestDatabase(settings=settings) as database:
        yield Caller(database, hotel)
