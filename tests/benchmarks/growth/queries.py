"""Every query of the monitoring, the analyses and the report, with its defaults."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from time import perf_counter

import psycopg

from tests.benchmarks.growth.hotels import Hotel, Hotels
from tests.monitoring import ANALYSES, QUERIES, REPORT, ask

__all__ = ["NAMES", "cold_queries", "warm_queries"]

NAMES: Sequence[str] = [*QUERIES, *ANALYSES, *REPORT]
_ROUNDS = 3
_LONG_SECONDS = 5.0

Seconds = dict[str, dict[int, list[float]]]


def warm_queries(hotels: Hotels) -> Seconds:
    """Run each query in all hotels in turn, three rounds; a long one once.

    Returns:
        The seconds, by query and number of guests.
    """
    taken: Seconds = {name: {hotel.guests: [] for hotel in hotels.all} for name in NAMES}
    for number in range(_ROUNDS):
        for name in NAMES:
            for hotel in [*hotels.all[number % len(hotels.all) :], *hotels.all[: number % len(hotels.all)]]:
                seconds = taken[name][hotel.guests]
                if not seconds or seconds[0] < _LONG_SECONDS:
                    seconds.append(_timed(hotel, name))
    return taken


def cold_queries(hotels: Hotels) -> Seconds:
    """Run each query once in each hotel, after a restart of the server.

    Returns:
        The seconds, by query and number of guests.
    """
    sys.stdout.write(f"{len(NAMES)} queries, each after a restart\n")
    sys.stdout.flush()
    taken: Seconds = {}
    for name in NAMES:
        hotels.cool()
        taken[name] = {hotel.guests: [_timed(hotel, name)] for hotel in hotels.all}
    return taken


def _timed(hotel: Hotel, name: str) -> float:
    given = {"user_id": hotel.keys[0][0]} if name == "get_guest_summary" else {}
    with psycopg.connect(hotel.url, autocommit=True) as connection:
        connection.execute("SELECT 1")
        started = perf_counter()
        # record_… and thin_… are no monitoring; what a query of it writes is undone.
        with connection.transaction(force_rollback=True):
            ask(connection, name, **given)
        return perf_counter() - started
