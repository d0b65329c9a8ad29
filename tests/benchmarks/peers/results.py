"""What was measured, and how it compares."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from tests.benchmarks.measuring import percentiles
from tests.benchmarks.peers.counting import Costs
from tests.benchmarks.peers.operations import STAMPEDE
from tests.benchmarks.peers.peer import Peer

OURS, PLAIN, POOL = "guestsql", "plain SQL", "psycopg_pool"


@dataclass
class Results:
    """The figures of one run.

    Attributes:
        peers: which were measured.
        absent: why others were not, by name.
        costs: by peer and operation.
        seconds: percentiles of a call, by row and peer; for throughput those of the seconds by hit.
        builds: how many texts were built in a stampede, by peer.
        crowds: the rows of throughput.
    """

    peers: list[Peer] = field(default_factory=list)
    absent: dict[str, str] = field(default_factory=dict)
    costs: dict[str, Costs] = field(default_factory=dict)
    seconds: dict[str, dict[str, dict[str, float]]] = field(default_factory=dict)
    builds: dict[str, float] = field(default_factory=dict)
    crowds: list[str] = field(default_factory=list)

    def add(self, row: str, taken: Mapping[str, list[float]]) -> None:
        """Add the times of a row, by peer."""
        self.seconds[row] = {name: percentiles(seconds) for name, seconds in taken.items()}

    def median(self, row: str, peer: str) -> float | None:
        """Return the median of a row, in seconds; None for a peer that lacks it."""
        known = self.seconds.get(row, {}).get(peer)
        return None if known is None else known["p50"]

    def ratio(self, row: str, peer: str, base: str = OURS, base_row: str | None = None) -> float | None:
        """Return the median of a peer by that of another one; None where one lacks it."""
        mine, other = self.median(row, peer), self.median(base_row or row, base)
        return None if mine is None or other is None else mine / other

    def waits_for_disk(self, row: str, peer: str) -> bool:
        """Return whether a call returns only when what it wrote is on the disk."""
        cost = self.costs.get(peer, {}).get("miss" if row == STAMPEDE else row, {})
        return bool(cost.get("waits_for_disk"))


@dataclass(frozen=True)
class Target:
    """An aim, and what was reached.

    Attributes:
        what: of it.
        value: a ratio of times.
        limit: what the ratio may be at most.
    """

    what: str
    value: float
    limit: float

    @property
    def is_reached(self) -> bool:
        """Whether it holds."""
        return self.value <= self.limit

    @property
    def verdict(self) -> str:
        """One word."""
        return "reached" if self.is_reached else "MISSED"


def targets_of(results: Results) -> list[Target]:
    """Return the aims with what was measured."""
    found = [
        *_against(results, "hit", PLAIN, 1.15, "one SELECT of text and freshness"),
        *_against(results, "async hit", PLAIN, 1.15, "the same, awaited"),
        *_against(results, "batch of 20", PLAIN, 1.2, "one `= ANY` of text and freshness"),
        *_against(results, "batch of 100", PLAIN, 1.2, "one `= ANY` of text and freshness"),
        *_against(results, "miss", PLAIN, 2.0, "one UPDATE of the text", base_row="write"),
    ]
    for row in results.crowds:
        # 0.95 of its hits by second.
        found += _against(results, row, POOL, 1 / 0.95, POOL)
    for row in results.seconds:
        found += _fastest(results, row)
    return found


def _against(
    results: Results, row: str, base: str, limit: float, what: str, *, base_row: str | None = None
) -> Iterator[Target]:
    value = results.ratio(row, OURS, base, base_row)
    if value is not None:
        yield Target(f"{row}, against {what}", value, limit)


def _fastest(results: Results, row: str) -> Iterator[Target]:
    # A peer that does not wait for the disk does less; it is compared only where guestsql does not wait either.
    waits = results.waits_for_disk(row, OURS)
    names = [peer.name for peer in results.peers if peer.kind == "store"]
    equal = [name for name in names if results.waits_for_disk(row, name) or not waits]
    ratios = {name: ratio for name in equal if (ratio := results.ratio(row, OURS, name)) is not None}
    if ratios:
        nearest = max(ratios, key=lambda name: ratios[name])
        yield Target(f"{row}, against the fastest store, {nearest}", ratios[nearest], 1.0)
