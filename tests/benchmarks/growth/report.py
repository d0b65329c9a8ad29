"""What a run has measured, in docs/figures/growth.json, the chart, and the section of docs/benchmarks.md."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from operator import itemgetter
from typing import Any, NamedTuple

from tests.benchmarks.growth.hotels import Hotels
from tests.benchmarks.measuring import (
    DOCS,
    machine,
    percentiles,
    replace_section,
    table,
    write_chart,
    write_figures,
)

__all__ = ["Target", "targets", "write_report"]

_HIT_AIM = 1.2
_QUERY_AIM_SECONDS = 2.0
_QUERY_GUESTS = 1_000_000
_DRAWN = ("context hit", "batch of 100", "miss", "upsert", "message", "flush of 500")
_LISTED_SECONDS = 0.1

Seconds = Mapping[str, Mapping[int, Sequence[float]]]


class Target(NamedTuple):
    """What is to be reached.

    Attributes:
        what: in words.
        found: the figure that was measured.
        aim: the most that it may be.
        unit: of both; "" for a ratio.
    """

    what: str
    found: float
    aim: float
    unit: str = ""

    @property
    def is_reached(self) -> bool:
        """Whether the figure is no greater than it may be."""
        return self.found <= self.aim

    def line(self) -> str:
        """Return it in words, with both figures."""
        return f"{self.what}: {self.found:.2f}{self.unit}, target {self.aim:g}{self.unit}"


def targets(calls: Seconds, queries: Seconds) -> list[Target]:
    """Return what is to be reached, by medians of one run in turn, from memory.

    Args:
        calls: seconds by call and number of guests.
        queries: likewise, of the queries.
    """
    hits = _medians(calls["context hit"])
    smallest, largest = min(hits), max(hits)
    against = f"{_short(largest)} guests against {_short(smallest)}"
    found = [Target(f"context hit, {against}", hits[largest] / hits[smallest], _HIT_AIM)]
    if _QUERY_GUESTS in hits:
        slowest, seconds = max(((name, _medians(queries[name])[_QUERY_GUESTS]) for name in queries), key=itemgetter(1))
        found.append(
            Target(f"slowest query with {_short(_QUERY_GUESTS)} guests, `{slowest}`", seconds, _QUERY_AIM_SECONDS, " s")
        )
    return found


def write_report(
    hotels: Hotels, warm: Seconds, cold: Seconds, warm_queries: Seconds, cold_queries: Seconds, *, is_cold: bool
) -> None:
    """Write everything.

    Args:
        hotels: what was measured in.
        warm: seconds of the calls, by call and number of guests.
        cold: likewise, after a restart.
        warm_queries: seconds of the queries.
        cold_queries: likewise, after a restart.
        is_cold: whether the system forgot the files; otherwise only the server's own memory was empty.
    """
    sizes = [hotel.guests for hotel in hotels.all]
    about = machine()
    write_figures(
        "growth",
        {
            "machine": about,
            "system_cache_dropped": is_cold,
            "hotels": {hotel.guests: hotel.rows for hotel in hotels.all},
            "calls": {name: _percentiles(warm[name], cold[name]) for name in warm},
            "queries": {name: _percentiles(warm_queries[name], cold_queries[name]) for name in warm_queries},
        },
    )
    _draw(sizes, warm)
    lines = [
        _introduction(hotels, about),
        "![Time of calls by number of guests](figures/growth.svg)",
        _calls_table(sizes, warm, cold),
        _queries_text(sizes, warm_queries, cold_queries),
        "\n".join(f"- {target.line()}" for target in targets(warm, warm_queries)),
    ]
    replace_section(DOCS / "benchmarks.md", "growth", "\n\n".join(line.strip() for line in lines))


def _percentiles(warm: Mapping[int, Sequence[float]], cold: Mapping[int, Sequence[float]]) -> dict[int, Any]:
    return {guests: {"warm": _rounded(warm[guests]), "cold": _rounded(cold[guests])} for guests in warm}


def _rounded(seconds: Sequence[float]) -> dict[str, float]:
    return {name: float(f"{value:.3g}") for name, value in percentiles(seconds).items()} | {"calls": len(seconds)}


def _draw(sizes: Sequence[int], warm: Seconds) -> None:
    ratios = {name: _medians(warm[name]) for name in _DRAWN}
    rows = [
        {"power": round(math.log10(size), 2), **{name: ratios[name][size] / ratios[name][sizes[0]] for name in _DRAWN}}
        for size in sizes
    ]
    drawn = ",".join(f'"{name}"' for name in _DRAWN)
    write_chart(
        "growth",
        f"line x=power y={drawn}",
        rows,
        title=f"Time of a call with 10^x guests, compared with {_short(sizes[0])} guests",
    )


def _introduction(hotels: Hotels, about: Mapping[str, Any]) -> str:
    largest = hotels.all[-1]
    return (
        f"Hotels of {_listed([_short(hotel.guests) for hotel in hotels.all])} guests on one server, called in turn on"
        f" {about['cores']} cores of an {about['processor']}, PostgreSQL {about['postgresql']},"
        f" Python {about['python']}, {about['date']}. The largest has {largest.rows['active_guests']:,} active and"
        f" {largest.rows['archived_guests']:,} archived guests, {largest.rows['messages']:,} messages, and"
        f" {largest.rows['bytes'] / 1e9:.1f} GB."
    )


def _calls_table(sizes: Sequence[int], warm: Seconds, cold: Seconds) -> str:
    smallest, others = sizes[0], sizes[1:]
    head = [
        "call, median",
        f"{_short(smallest)} guests",
        *[f"{_short(size)}: times as long" for size in others],
        f"{_short(smallest)}, cold",
        *[f"{_short(size)}, cold" for size in others],
    ]
    rows = []
    for name in warm:
        medians, from_disk = _medians(warm[name]), _medians(cold[name])
        rows.append(
            [
                name,
                _time(medians[smallest]),
                *[f"{medians[size] / medians[smallest]:.2f}" for size in others],
                *[_time(from_disk[size]) for size in sizes],
            ]
        )
    return table(head, rows)


def _queries_text(sizes: Sequence[int], warm: Seconds, cold: Seconds) -> str:
    largest = sizes[-1]
    medians = {name: _medians(warm[name]) for name in warm}
    ordered = sorted(medians, key=lambda name: medians[name][largest], reverse=True)
    listed = [name for name in ordered if medians[name][largest] >= _LISTED_SECONDS]
    rows = [
        [f"`{name}`", *[_time(medians[name][size]) for size in sizes], _time(_medians(cold[name])[largest])]
        for name in listed
    ]
    rest = [name for name in ordered if name not in listed]
    most = max((medians[name][largest] for name in rest), default=0.0)
    return (
        table(["query", *[_short(size) for size in sizes], f"{_short(largest)}, cold"], rows)
        + f"\nThe other {len(rest)} queries of the monitoring, the analyses and the report take at most {_time(most)}"
        f" with {_short(largest)} guests, from memory."
    )


def _medians(seconds: Mapping[int, Sequence[float]]) -> dict[int, float]:
    return {guests: statistics.median(taken) for guests, taken in seconds.items()}


def _time(seconds: float) -> str:
    if seconds < 0.001:
        return f"{seconds * 1e6:.0f} µs"
    return f"{seconds * 1e3:.3g} ms" if seconds < 1 else f"{seconds:.3g} s"


def _short(guests: int) -> str:
    return f"{guests // 10**6} M" if guests >= 10**6 else f"{guests // 1000} k"


def _listed(words: Sequence[str]) -> str:
    return f"{', '.join(words[:-1])} and {words[-1]}" if len(words) > 1 else words[0]
