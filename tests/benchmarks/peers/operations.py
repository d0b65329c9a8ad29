"""The operations, and the work of a peer for each of them."""

from __future__ import annotations

import asyncio
import inspect
import itertools
import random
from collections.abc import Awaitable, Callable, Iterable, Iterator
from dataclasses import dataclass
from time import perf_counter
from typing import Any

from tests.benchmarks.measuring import Work
from tests.benchmarks.peers.contents import READ, WRITTEN
from tests.benchmarks.peers.crew import Crew
from tests.benchmarks.peers.peer import Peer, Place

__all__ = ["OPERATIONS", "Operation", "Step", "stampede", "steps_of", "work_of"]

CALLERS = 12
BUILD_SECONDS = 0.02


@dataclass(frozen=True)
class Operation:
    """One row of the tables.

    Attributes:
        name: of the row.
        means: what is done.
        method: of `Peer`.
        calls: by turn.
        size: of a batch; 0 for one guest.
        writes: of guests whose texts expire or are written.
    """

    name: str
    means: str
    method: str
    calls: int
    size: int = 0
    writes: bool = False


OPERATIONS = [
    Operation("hit", "the fresh text of one guest", "hit", 40),
    Operation("async hit", "the same, awaited", "async_hit", 40),
    Operation("batch of 20", "the fresh texts of 20 guests", "batch", 10, size=20),
    Operation("batch of 100", "the fresh texts of 100 guests", "batch", 4, size=100),
    Operation("miss", "an expired text is looked up, built at once by a function, and stored", "miss", 5, writes=True),
    Operation("write", "one change is stored", "write", 5, writes=True),
]
STAMPEDE = f"stampede of {CALLERS}"


@dataclass(frozen=True)
class Step:
    """One call of an operation.

    Attributes:
        keys: the guests.
        prepare: what comes before it, and is not measured.
        call: the call; awaited if `is_async`.
        is_async: whether both are coroutines.
    """

    keys: list[str]
    prepare: Callable[[], Any]
    call: Callable[[], Any]
    is_async: bool

    def run_prepare(self, loop: asyncio.AbstractEventLoop) -> None:
        """Do what comes before the call."""
        _run(self.prepare, loop, is_async=self.is_async)

    def run(self, loop: asyncio.AbstractEventLoop) -> Any:
        """Do the call, and return its answer."""
        return _run(self.call, loop, is_async=self.is_async)


def _run(call: Callable[[], Any], loop: asyncio.AbstractEventLoop, *, is_async: bool) -> Any:
    return loop.run_until_complete(call()) if is_async else call()


def steps_of(peer: Peer, operation: Operation) -> Iterator[Step] | None:
    """Return the calls of an operation, without end; None for a peer that lacks it."""
    name = operation.method
    method = getattr(peer, name) or getattr(peer, f"async_{name}", None)
    if method is None:
        return None
    expire = (peer.expire or peer.async_expire) if operation.method == "miss" else None
    return _steps(operation, method, expire)


def _steps(operation: Operation, method: Callable[..., Any], expire: Callable[..., Any] | None) -> Iterator[Step]:
    # The same guests in the same order for every peer.
    guests = list(WRITTEN if operation.writes else READ)
    random.Random(operation.name).shuffle(guests)
    is_async = inspect.iscoroutinefunction(method) or operation.method.startswith("async_")
    for at in itertools.count(step=operation.size or 1):
        here = at % len(guests)
        keys = guests[here : here + (operation.size or 1)]
        argument: Any = keys if operation.size else keys[0]
        yield Step(
            keys,
            _nothing(is_async) if expire is None else lambda given=argument: expire(given),
            lambda given=argument: method(given),
            is_async,
        )


def _nothing(is_async: bool) -> Callable[[], Any]:
    return (lambda: asyncio.sleep(0)) if is_async else lambda: None


def work_of(peer: Peer, operation: Operation, loop: asyncio.AbstractEventLoop) -> Work | None:
    """Return the work of a peer for `in_turn`; None for a peer that lacks the operation."""
    steps = steps_of(peer, operation)
    if steps is None:
        return None
    return lambda calls: _run_steps(itertools.islice(steps, calls), loop)


def _run_steps(steps: Iterable[Step], loop: asyncio.AbstractEventLoop) -> list[float]:
    """Run calls of one kind, one after another, and return the seconds of each."""
    taken = list(steps)
    if taken and taken[0].is_async:
        return loop.run_until_complete(_awaited(taken))
    seconds = []
    for step in taken:
        step.prepare()
        started = perf_counter()
        step.call()
        seconds.append(perf_counter() - started)
    return seconds


async def _awaited(steps: Iterable[Step]) -> list[float]:
    seconds = []
    for step in steps:
        await step.prepare()
        started = perf_counter()
        await step.call()
        seconds.append(perf_counter() - started)
    return seconds


def stampede(peer: Peer, place: Place, crew: Crew) -> Work | None:
    """Return the work in which callers at once ask for a text that has expired; it ends when the last has it."""
    operation = Operation(STAMPEDE, "", "miss", 1, writes=True)
    steps = steps_of(peer, operation)
    if steps is None or not peer.is_shared:
        return None

    def work(calls: int) -> list[float]:
        seconds = []
        place.builder.seconds = BUILD_SECONDS
        for step in itertools.islice(steps, calls):
            step.run_prepare(place.loop)
            if step.is_async:
                started = perf_counter()
                place.loop.run_until_complete(_all(step.call))
                seconds.append(perf_counter() - started)
            else:
                seconds.append(crew.seconds_of(step.call))
        place.builder.seconds = 0.0
        return seconds

    return work


async def _all(call: Callable[[], Awaitable[object]]) -> None:
    await asyncio.gather(*(call() for _ in range(CALLERS)))
