"""Memory, connections and dead tuples, every second; and the test that they stay flat."""

from __future__ import annotations

import statistics
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from time import monotonic
from typing import Any, LiteralString

import psutil
import psycopg

__all__ = ["BOUNDS", "Sampler", "growth"]

BOUNDS: Mapping[str, float] = {
    "bot_bytes": 0.05,
    "server_bytes": 0.10,
    "connections": 0.10,
    "p99_seconds": 0.50,
    "dead_tuples": 0.30,
}
"""By how much of its median each figure may rise in the whole run."""
_NEGLIGIBLE: Mapping[str, float] = {
    "bot_bytes": 1e6,
    "server_bytes": 1e6,
    "connections": 1.0,
    "p99_seconds": 0.02,
    # Autovacuum leaves 50 in each table.
    "dead_tuples": 1000.0,
}
"""A median below this counts as this: a rise from next to nothing is none."""

_STATE: LiteralString = """
SELECT
    (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend') AS connections,
    (SELECT coalesce(sum(n_dead_tup), 0) FROM pg_stat_user_tables)::bigint AS dead_tuples
"""


@dataclass
class Sampler:
    """Samples until it is stopped, in a thread.

    Attributes:
        url: of the database.
        bot: the process id of the bot that runs from the beginning to the end.
        server: the process id of the server.
        started: by the monotonic clock.
        samples: the second of each since then, and its figures.
    """

    url: str
    bot: int
    server: int
    started: float
    samples: list[tuple[float, dict[str, int]]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End."""
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        bot, server = psutil.Process(self.bot), psutil.Process(self.server)
        with psycopg.connect(self.url, autocommit=True) as connection:
            while not self._stop.wait(1.0):
                figures = _state(connection)
                figures["bot_bytes"] = _own_bytes(bot)
                figures["server_bytes"] = sum(map(_own_bytes, [server, *server.children()]))
                self.samples.append((monotonic() - self.started, figures))


def _state(connection: psycopg.Connection[Any]) -> dict[str, int]:
    row = connection.execute(_STATE).fetchone()
    assert row is not None
    return {"connections": row[0], "dead_tuples": row[1]}


def _own_bytes(process: psutil.Process) -> int:
    """Memory that no other process shares; the server's shared memory, of a fixed size, is left out."""
    try:
        return int(process.memory_full_info().uss)
    except psutil.NoSuchProcess:  # a session that ended meanwhile
        return 0


def growth(name: str, values: Sequence[float]) -> float:
    """Return by how much a figure rises from the first day to the last, as a share of its median.

    The slope is the median of the slopes between any two days, so that single days do not decide.
    """
    slopes = [(later - earlier) / (b - a) for (a, earlier), (b, later) in combinations(enumerate(values), 2)]
    return statistics.median(slopes) * (len(values) - 1) / max(statistics.median(values), _NEGLIGIBLE[name])
