"""`make growth`: the bot's calls and the queries of the monitoring in hotels of 10,000 to 1,000,000 guests.

GUESTS=10000000   the largest hotel; the others have a tenth each, down to 10,000
SECONDS=10        for each call, in all hotels together
COLD=0            leaves out what is measured after restarts
FOLDER=, KEEP=1   where the hotels are, and whether they are kept; an interrupted run always keeps them
STRICT=1          exit 1 when a hit in the largest hotel takes more than 1.2 times as long as in the smallest
"""

from __future__ import annotations

import os
import sys
from contextlib import ExitStack
from pathlib import Path

import psutil

from tests.benchmarks.growth.calls import CALLS, open_caller
from tests.benchmarks.growth.hotels import Hotels, open_hotels
from tests.benchmarks.growth.queries import cold_queries, warm_queries
from tests.benchmarks.growth.report import targets, write_report
from tests.benchmarks.measuring import in_turn
from tests.server import run_command

_SMALLEST = 10_000
_COLD_CALLS = 20
_FEW = 5
# They change the hotel most: few calls, so that the silent guests of the smallest one suffice.
_RARE = frozenset({"archive of 10"})

Seconds = dict[str, dict[int, list[float]]]


def main() -> int:
    """Fill, measure and report."""
    largest = int(os.environ.get("GUESTS", "1000000"))
    seconds = float(os.environ.get("SECONDS", "10"))
    folder = Path(os.environ.get("FOLDER", "/var/tmp/guestsql-growth"))
    sizes = [_SMALLEST * 10**power for power in range(12) if _SMALLEST * 10**power <= largest]
    shared = int(os.environ.get("SHARED", psutil.virtual_memory().total // 4 // 1024**2))
    is_kept = os.environ.get("KEEP") == "1"
    with open_hotels(folder, sizes, shared_megabytes=shared, is_kept=is_kept) as hotels:
        hotels.warm()
        with hotels.apart():
            calls = _warm_calls(hotels, seconds)
        queries = warm_queries(hotels)
        is_cold = hotels.cool()
        write_report(hotels, calls, _cold_calls(hotels), queries, cold_queries(hotels), is_cold=is_cold)
    is_reached = True
    for target in targets(calls, queries):
        sys.stdout.write(f"{target.line()}: {'reached' if target.is_reached else 'MISSED'}\n")
        is_reached = is_reached and target.is_reached
    return int(not is_reached and os.environ.get("STRICT") == "1")


def _warm_calls(hotels: Hotels, seconds: float) -> Seconds:
    taken: Seconds = {}
    with ExitStack() as opened:
        callers = {hotel.guests: opened.enter_context(open_caller(hotel)) for hotel in hotels.all}
        for name, work in CALLS.items():
            works = {str(guests): work(caller) for guests, caller in callers.items()}
            is_rare = name in _RARE
            found = in_turn(works, seconds=0 if is_rare else seconds, calls=1 if is_rare else 10, rounds=_COLD_CALLS)
            taken[name] = {int(guests): times for guests, times in found.items()}
            sys.stdout.write(f"{name}: measured from memory\n")
            sys.stdout.flush()
    return taken


def _cold_calls(hotels: Hotels) -> Seconds:
    taken: Seconds = {}
    for name, work in CALLS.items():
        hotels.cool()
        taken[name] = {}
        for hotel in hotels.all:
            with open_caller(hotel) as caller:
                run = work(caller)
                list(run(1))  # reads the catalogue; the next calls are of other guests
                taken[name][hotel.guests] = list(run(_FEW if name in _RARE else _COLD_CALLS))
    return taken


if __name__ == "__main__":
    run_command(main)
