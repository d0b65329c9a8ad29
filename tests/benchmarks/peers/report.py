"""The figures as JSON, Markdown and a picture."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib.metadata import version
from typing import Any

from tests.benchmarks.measuring import DOCS, machine, replace_section, table, write_chart, write_figures
from tests.benchmarks.peers.operations import BUILD_SECONDS, OPERATIONS, STAMPEDE
from tests.benchmarks.peers.results import OURS, Results, Target

__all__ = ["print_row", "print_targets", "write_report"]

_DRAWN = ("hit", "async hit", "batch of 20", "miss", "write")
_SERIES = (OURS, "psycopg", "psycache", "LangGraph", "Django", "Redis")
_PACKAGES = ("psycopg", "psycopg-pool", "asyncpg", "psycache", "langgraph-checkpoint-postgres", "django", "redis")


def print_row(results: Results, row: str) -> None:
    """Print the medians of a row, and how they compare."""
    parts = [
        f"{name} {_milliseconds(known['p50'])} ({results.ratio(row, name):.2f})"
        for name, known in results.seconds[row].items()
    ]
    sys.stdout.write(f"{row:14} {'   '.join(parts)}\n")
    sys.stdout.flush()


def print_targets(targets: list[Target]) -> None:
    """Print what was reached."""
    for target in targets:
        sys.stdout.write(f"{target.verdict:8} {target.value:6.2f}  at most {target.limit:.2f}  {target.what}\n")


def write_report(results: Results, targets: list[Target]) -> None:
    """Write docs/figures/peers.json and .svg, and the section of docs/benchmarks.md."""
    servers = [peer.server for peer in results.peers if peer.server]
    where = machine() | {"software": [*servers, *(f"{name} {version(name)}" for name in _PACKAGES)]}
    write_figures("peers", _figures(results, targets, where))
    drawn = [name for name in _SERIES if name in {peer.name for peer in results.peers}]
    write_chart(
        "peers",
        f"bar x=operation y={','.join(drawn)}",
        [{"operation": row} | {name: results.ratio(row, name) for name in drawn} for row in _DRAWN],
        title="Time of one call, in multiples of guestsql's: shorter is faster",
        labels={"operation": " "},
    )
    replace_section(DOCS / "benchmarks.md", "peers", "\n".join(_section(results, targets, where)))


def _figures(results: Results, targets: list[Target], where: dict[str, Any]) -> dict[str, object]:
    return {
        "machine": where,
        "seconds": results.seconds,
        "costs": results.costs,
        "builds_in_a_stampede": results.builds,
        "absent": results.absent,
        "targets": [
            {"what": each.what, "ratio": each.value, "at_most": each.limit, "is_reached": each.is_reached}
            for each in targets
        ],
    }


def _section(results: Results, targets: list[Target], where: dict[str, Any]) -> Iterator[str]:
    software = [f"PostgreSQL {where['postgresql']}", f"Python {where['python']}", *where["software"]]
    yield (
        f"{where['cores']} cores of an {where['processor']}, {where['memory_gb']} GB, {where['system']}, "
        f"{', '.join(software)}; {where['date']}.\n"
    )
    yield "![Time of one call of guestsql and its peers](figures/peers.svg)\n"
    names = [peer.name for peer in results.peers]
    yield "The median time of a call, in multiples of guestsql's; more than 1 is slower than guestsql:\n"
    yield table(["", *names], ([row, *(_times(results.ratio(row, name)) for name in names)] for row in results.seconds))
    yield "Targets:\n"
    yield table(
        ["what", "ratio", "at most", ""],
        ([each.what, _times(each.value), f"{each.limit:.2f}", each.verdict] for each in targets),
    )
    yield "Each call; WAL and round trips are medians, counted in a pass of their own:\n"
    yield table(
        ["", "", "p10 ms", "median ms", "p95 ms", "round trips", "WAL bytes", "waits for the disk"],
        (_details(results, row, name) for row in results.seconds for name in results.seconds[row]),
    )
    if results.builds:
        built = ", ".join(f"{name} {number:g}" for name, number in results.builds.items())
        yield f"Texts built in a {STAMPEDE}, each in {BUILD_SECONDS * 1000:g} ms: {built}.\n"
    for name, reason in results.absent.items():
        yield f"{name} was not measured: {reason}.\n"


def _details(results: Results, row: str, name: str) -> list[object]:
    known = results.seconds[row][name]
    cost = results.costs[name].get(row, {})
    waits = {None: None, True: "yes", False: "no"}[cost.get("waits_for_disk")]
    is_read = any(row == operation.name and not operation.writes for operation in OPERATIONS)
    return [
        row,
        name,
        *(_milliseconds(known[cut]) for cut in ("p10", "p50", "p95")),
        cost.get("round_trips"),
        cost.get("wal_bytes"),
        None if is_read else waits,
    ]


def _times(ratio: float | None) -> str | None:
    return None if ratio is None else f"{ratio:.2f}"


def _milliseconds(seconds: float) -> str:
    return f"{seconds * 1000:.3f}"
