"""Hits of many callers at once, as seconds by hit."""

from __future__ import annotations

import asyncio
import itertools
import random
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from time import perf_counter

from tests.benchmarks.measuring import Work
from tests.benchmarks.peers.contents import READ
from tests.benchmarks.peers.crew import Crew
from tests.benchmarks.peers.peer import Peer, Place

THREADS = (1, 8, 32)
TASKS = (1, 10, 100)
_WINDOW_SECONDS = 0.25


@contextmanager
def in_threads(peers: list[Peer], count: int) -> Iterator[dict[str, Work]]:
    """The works of so many threads, by the peer's name."""
    with ExitStack() as stack:
        works: dict[str, Work] = {}
        for peer in peers:
            if peer.hit is not None and (peer.is_shared or count == 1):
                crew = Crew(count)
                stack.callback(crew.close, peer.leave)
                works[peer.name] = _of_threads(peer, crew)
        yield works


def in_tasks(peers: list[Peer], count: int, place: Place) -> dict[str, Work]:
    """Return the works of so many tasks, by the peer's name."""
    usable = [peer for peer in peers if peer.async_hit is not None and (peer.is_shared or count == 1)]
    return {peer.name: _of_tasks(peer, count, place) for peer in usable}


def _keys() -> Iterator[str]:
    # `next` of a cycle is safe between threads.
    keys = list(READ)
    random.Random("throughput").shuffle(keys)
    return itertools.cycle(keys)


def _of_threads(peer: Peer, crew: Crew) -> Work:
    keys, hit = _keys(), peer.hit
    assert hit is not None

    def hits() -> int:
        deadline = perf_counter() + _WINDOW_SECONDS
        done = 0
        while perf_counter() < deadline:
            hit(next(keys))
            done += 1
        return done

    def work(_calls: int) -> list[float]:
        started = perf_counter()
        done = sum(crew.run(hits))
        return [(perf_counter() - started) / done]

    return work


def _of_tasks(peer: Peer, count: int, place: Place) -> Work:
    keys, hit = _keys(), peer.async_hit
    assert hit is not None

    async def hits(deadline: float) -> int:
        done = 0
        while perf_counter() < deadline:
            await hit(next(keys))
            done += 1
        return done

    async def window() -> float:
        started = perf_counter()
        done = sum(await asyncio.gather(*(hits(started + _WINDOW_SECONDS) for _ in range(count))))
        return (perf_counter() - started) / done

    return lambda _calls: [place.loop.run_until_complete(window())]
