"""`make partitions`: the bot's calls with all guests in one table, and in a hash partition for each hotel.

HOTELS=100     how many partitions
GUESTS=10000   of each hotel
SECONDS=40     for the calls
"""

from __future__ import annotations

import itertools
import os
import statistics
import sys
from collections.abc import Callable
from contextlib import ExitStack
from random import Random

import psycopg

from guestsql import GuestDatabase
from guestsql.embedded import PrivateServer
from tests.benchmarks.measuring import (
    DOCS,
    disk_server,
    in_turn,
    machine,
    percentiles,
    replace_section,
    table,
    timed,
    write_chart,
    write_figures,
)
from tests.benchmarks.partitions.pruning import count_partitions
from tests.benchmarks.partitions.schema import fill, key_of, migrate

_ALONE, _TOGETHER, _SPREAD = "one hotel alone", "all hotels in one table", "a partition for each hotel"


def _calls(db: GuestDatabase, guests: int) -> dict[str, Callable[[], object]]:
    numbers = Random(15)
    count = itertools.count()

    def key() -> str:
        return key_of(numbers.randint(1, guests))

    def message() -> None:
        with db.message(f"message_{next(count)}", key()) as received:
            received.tokens("thread_1", 5)

    return {
        "hit": lambda: db.get_context(key(), ttl_seconds=1e9),
        "batch of 20": lambda: db.get_contexts([key() for _ in range(20)], ttl_seconds=1e9),
        "profile written": lambda: db.update_profile(key(), user_name=f"Ana {next(count)}"),
        "tokens": lambda: db.add_thread_tokens(key(), "thread_1", 5),
        "message": message,
    }


def _database(server: PrivateServer, name: str, guests: int, partitions: int) -> str:
    with psycopg.connect(server.url(), autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {name}".encode())
        if partitions > 1:
            # Otherwise every call is planned anew: the planner counts the partitions that a generic plan may leave out.
            admin.execute(f"ALTER DATABASE {name} SET plan_cache_mode = force_generic_plan".encode())
            # Otherwise two workers are started for each batch, which takes longer than the batch.
            admin.execute(f"ALTER DATABASE {name} SET max_parallel_workers_per_gather = 0".encode())
    migrate(server.url(name), partitions)
    fill(server.url(name), guests)
    return server.url(name)


def main() -> int:
    """Measure, and write docs/figures/partitions.json, its picture and the table of docs/benchmarks.md."""
    hotels, guests = int(os.environ.get("HOTELS", "100")), int(os.environ.get("GUESTS", "10000"))
    seconds = float(os.environ.get("SECONDS", "40"))
    with ExitStack() as stack:
        server = stack.enter_context(disk_server(shared_buffers="512MB", max_wal_size="8GB"))
        urls = {
            _ALONE: _database(server, "alone", guests, 1),
            _TOGETHER: _database(server, "together", guests * hotels, 1),
            _SPREAD: _database(server, "spread", guests * hotels, hotels),
        }
        with psycopg.connect(urls[_SPREAD], autocommit=True) as connection:
            used = dict(count_partitions(connection))
        calls = {
            name: _calls(stack.enter_context(GuestDatabase(url)), guests if name == _ALONE else guests * hotels)
            for name, url in urls.items()
        }
        taken = {
            call: in_turn({name: timed(calls[name][call]) for name in urls}, seconds=seconds / len(calls[_ALONE]))
            for call in calls[_ALONE]
        }
    _report(hotels, guests, taken, used)
    return 0


def _report(
    hotels: int, guests: int, taken: dict[str, dict[str, list[float]]], used: dict[str, dict[str, int]]
) -> None:
    about = machine()
    medians = {call: {name: statistics.median(found) for name, found in by.items()} for call, by in taken.items()}
    ratios = [
        (call, *(f"{by[name] / by[_ALONE]:.2f}" for name in (_TOGETHER, _SPREAD)), f"{by[_ALONE] * 1e3:.2f}")
        for call, by in medians.items()
    ]
    many = [
        f"`{name}` {count} of `{relation}`"
        for name, counts in used.items()
        for relation, count in counts.items()
        if count > 1
    ]
    text = (
        f"{hotels} hotels with {guests:,} guests each; {about['cores']} cores, PostgreSQL {about['postgresql']},"
        f" {about['date']}. Medians, as ratios to {_ALONE}.\n\n"
        f"{table(('call', _TOGETHER, _SPREAD, f'{_ALONE}, ms'), ratios)}\n"
        f"Each of {len(used)} routed queries reads at most one partition of a table, with a generic plan, except for"
        f" these: {', '.join(many)}.\n"
    )
    write_figures(
        "partitions",
        {
            "machine": about,
            "hotels": hotels,
            "guests": guests,
            "seconds": {call: {name: percentiles(found) for name, found in by.items()} for call, by in taken.items()},
            "partitions used": used,
        },
    )
    rows = [
        {"call": call, "together": by[_TOGETHER] / by[_ALONE], "spread": by[_SPREAD] / by[_ALONE]}
        for call, by in medians.items()
    ]
    write_chart(
        "partitions",
        "bar x=call y=together,spread",
        rows,
        title=f"Time of a call, as a ratio to {_ALONE}",
        labels={"together": _TOGETHER, "spread": _SPREAD},
    )
    replace_section(DOCS / "benchmarks.md", "partitions", text)
    sys.stdout.write(text)


if __name__ == "__main__":
    sys.exit(main())
