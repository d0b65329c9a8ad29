"""Compare guestsql with drivers, caches and stores: `make bench-peers`.

A whole run takes ten minutes and writes into docs/. SECONDS shortens the timed part; such a run only prints. STRICT=1
exits with 1 when a target is missed.
"""

from __future__ import annotations

import asyncio
import gc
import itertools
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote

import psycopg

from tests.benchmarks.measuring import Work, cores_apart, disk_server, in_turn
from tests.benchmarks.peers.asyncpg_peer import Asyncpg
from tests.benchmarks.peers.contents import GUESTS, Builder, fill, text_of
from tests.benchmarks.peers.counting import costs_of
from tests.benchmarks.peers.crew import Crew
from tests.benchmarks.peers.django_peer import Django
from tests.benchmarks.peers.guestsql_peer import GuestSQL
from tests.benchmarks.peers.langgraph_peer import LangGraph
from tests.benchmarks.peers.operations import CALLERS, OPERATIONS, STAMPEDE, stampede, steps_of, work_of
from tests.benchmarks.peers.peer import Peer, Place, Unavailable
from tests.benchmarks.peers.psycache_peer import Psycache
from tests.benchmarks.peers.psycopg_peer import Plain, Psycopg, PsycopgPool
from tests.benchmarks.peers.redis_peer import Redis, redis_server
from tests.benchmarks.peers.relay import Relay, relay
from tests.benchmarks.peers.report import print_row, print_targets, write_report
from tests.benchmarks.peers.results import Results, targets_of
from tests.benchmarks.peers.throughput import TASKS, THREADS, in_tasks, in_threads
from tests.server import apply_migrations

PEERS: list[type[Peer]] = [GuestSQL, Plain, Psycopg, PsycopgPool, Asyncpg, Psycache, LangGraph, Django, Redis]
_WHOLE_SECONDS = 420.0
# Checkpoints would have a call write whole pages; the run is shorter than the time between two.
_SERVER = {"checkpoint_timeout": "1h", "max_wal_size": "8GB", "max_connections": "300"}
_ROWS = len(OPERATIONS) + 1 + len(THREADS) + len(TASKS)


def main() -> int:
    """Measure and print; a whole run also writes the figures, the table and the chart."""
    given = os.environ.get("SECONDS")
    seconds = float(given or _WHOLE_SECONDS) / _ROWS
    results = Results()
    with _place() as (place, server):
        _count(place, server, results)
        with ExitStack() as stack:
            results.peers = [_opened(kind, place, stack) for kind in PEERS if kind.name not in results.absent]
            _check(results.peers, place)
            place.direct.execute("VACUUM ANALYZE")
            gc.freeze()  # a collection would walk the modules of all peers, in the time of any of them
            _time(results, place, seconds)
    targets = targets_of(results)
    print_targets(targets)
    if given is None:
        write_report(results, targets)
    is_strict = os.environ.get("STRICT") == "1"
    return int(is_strict and not all(target.is_reached for target in targets))


@contextmanager
def _place() -> Iterator[tuple[Place, Path]]:
    loop = asyncio.new_event_loop()
    with cores_apart() as keep_apart, redis_server() as redis, disk_server(**_SERVER) as server:
        keep_apart()
        url = server.url()
        apply_migrations(url)
        with psycopg.connect(url, autocommit=True) as direct:
            fill(direct, GUESTS)
            direct.execute("VACUUM ANALYZE")
            yield Place(url, redis, direct, loop, Builder()), server.socket_dir / f".s.PGSQL.{server.port}"
    loop.close()


def _count(place: Place, server: Path, results: Results) -> None:
    """Count what each peer sends, with every connection through a relay."""
    for kind in PEERS:
        with ExitStack() as stack:
            relays = [stack.enter_context(relay(server))]
            host = f"host={quote(str(server.parent), safe='')}"
            assert host in place.url, place.url
            url = place.url.replace(host, f"host={quote(str(relays[0].folder), safe='')}")
            counted = replace(place, url=url)
            if place.redis is not None:
                relays.append(stack.enter_context(relay(place.redis)))
                counted = replace(counted, redis=relays[1].folder / place.redis.name)
            _count_one(kind, counted, relays, results)


def _count_one(kind: type[Peer], place: Place, relays: list[Relay], results: Results) -> None:
    try:
        with ExitStack() as stack:
            _say(f"counting {kind.name}")
            results.costs[kind.name] = costs_of(_opened(kind, place, stack), place, relays)
    except Unavailable as reason:
        results.absent[kind.name] = str(reason)
        _say(f"{kind.name} is left out: {reason}")


def _opened(kind: type[Peer], place: Place, stack: ExitStack) -> Peer:
    peer = kind(place)
    stack.callback(peer.close)
    return peer


def _check(peers: list[Peer], place: Place) -> None:
    """Fail if a peer does not return what it is measured for.

    Raises:
        AssertionError: it did not.
    """
    for peer in peers:
        for operation in OPERATIONS:
            steps = steps_of(peer, operation)
            if steps is not None and operation.method != "write":
                for step in itertools.islice(steps, 3):
                    step.run_prepare(place.loop)
                    found = step.run(place.loop)
                    expected = [text_of(key) for key in step.keys]
                    is_right = sorted(found) == sorted(expected) if operation.size else found == expected[0]
                    assert is_right, f"{peer.name} returned another text for a {operation.name}"


def _time(results: Results, place: Place, seconds: float) -> None:
    for operation in OPERATIONS:
        works = {peer.name: work_of(peer, operation, place.loop) for peer in results.peers}
        present = {name: work for name, work in works.items() if work is not None}
        _add(results, operation.name, in_turn(present, seconds=seconds, calls=operation.calls))
    _stampedes(results, place, seconds)
    for count in THREADS:
        with in_threads(results.peers, count) as works:
            _add_crowd(results, count, "thread", works, seconds)
    for count in TASKS:
        _add_crowd(results, count, "task", in_tasks(results.peers, count, place), seconds)


def _add_crowd(results: Results, count: int, kind: str, works: Mapping[str, Work], seconds: float) -> None:
    row = f"{count} {kind}" if count == 1 else f"{count} {kind}s"
    results.crowds.append(row)
    _add(results, row, in_turn(works, seconds=seconds, calls=1))


def _add(results: Results, row: str, taken: Mapping[str, list[float]]) -> None:
    results.add(row, taken)
    print_row(results, row)


def _stampedes(results: Results, place: Place, seconds: float) -> None:
    crew = Crew(CALLERS)
    works = {peer.name: stampede(peer, place, crew) for peer in results.peers}
    present = {name: work for name, work in works.items() if work is not None}
    _add(results, STAMPEDE, in_turn(present, seconds=seconds, calls=1))
    for name, work in present.items():
        place.builder.built = 0
        list(work(5))
        results.builds[name] = place.builder.built / 5
    for peer in results.peers:
        crew.run(peer.leave)
    crew.close(lambda: None)


def _say(what: str) -> None:
    sys.stderr.write(f"{what}\n")


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
