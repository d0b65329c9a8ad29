"""Round trips and WAL of one call, and whether it waits for the disk."""

from __future__ import annotations

import itertools
import statistics
from typing import LiteralString

import psycopg

from tests.benchmarks.peers.operations import OPERATIONS, Step, steps_of
from tests.benchmarks.peers.peer import Peer, Place
from tests.benchmarks.peers.relay import Relay

__all__ = ["Costs", "costs_of"]

_POSITIONS: LiteralString = (
    "SELECT pg_current_wal_insert_lsn() - '0/0'::pg_lsn, pg_current_wal_flush_lsn() - '0/0'::pg_lsn"
)
# psycopg prepares a statement in its sixth call on a connection, and a pool has ten.
_WARM_CALLS, _WARM_BATCHES = 70, 20
_COUNTED_CALLS = 15

Costs = dict[str, dict[str, object]]


def costs_of(peer: Peer, place: Place, relays: list[Relay]) -> Costs:
    """Return what a call of each operation costs: the median of some calls, because others write WAL too.

    Args:
        peer: which reaches its server through the relays.
        place: its own.
        relays: all of them.
    """
    costs: Costs = {}
    for operation in OPERATIONS:
        steps = steps_of(peer, operation)
        if steps is None:
            continue
        for step in itertools.islice(steps, _WARM_BATCHES if operation.size else _WARM_CALLS):
            step.run_prepare(place.loop)
            step.run(place.loop)
        counted = [_cost(step, place, relays) for step in itertools.islice(steps, _COUNTED_CALLS)]
        trips, wal, waits = (statistics.median_low(column) for column in zip(*counted, strict=True))
        costs[operation.name] = {"round_trips": trips, "wal_bytes": wal, "waits_for_disk": bool(waits)}
    return costs


def _cost(step: Step, place: Place, relays: list[Relay]) -> tuple[int, int, bool]:
    step.run_prepare(place.loop)
    trips = sum(relay.round_trips for relay in relays)
    begin, _ = _positions(place.direct)
    step.run(place.loop)
    end, flushed = _positions(place.direct)
    return sum(relay.round_trips for relay in relays) - trips, end - begin, flushed > begin


def _positions(direct: psycopg.Connection[tuple[object, ...]]) -> tuple[int, int]:
    row = direct.execute(_POSITIONS).fetchone()
    assert row is not None
    inserted, flushed = row
    return int(str(inserted)), int(str(flushed))
