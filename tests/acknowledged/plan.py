"""Which faults a round has: decided by the seed and the round's number alone, so that a round can be repeated."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

PATIENT = {"deadline_seconds": 60.0}
HURRIED = {"deadline_seconds": 1.5, "lease_seconds": 0.7}
CROWDED = {"pool_max": 2, "pool_min": 1, "deadline_seconds": 3.0}


@dataclass(frozen=True)
class Kind:
    """A kind of round.

    Attributes:
        faults: names of FAULTS; the first is done in any case, the others sometimes.
        place: one of PLACES.
        settings: of the writers' databases.
        route: "direct", "proxy" or "pooler".
        seconds: how long a fault lasts that has an end.
        times: how many faults at most.
        processes: how many writer processes.
    """

    faults: tuple[str, ...]
    place: str = "plain"
    settings: dict[str, float] = field(default_factory=lambda: dict(PATIENT))
    route: str = "direct"
    seconds: float = 0.5
    times: int = 3
    faces: tuple[str, ...] = ("sync", "async")
    works: tuple[str, ...] = ()


_SERVER = ("kill_server", "stop_at_once", "kill_backend", "terminate_sessions", "cancel_statements", "kill_writer")

KINDS: dict[str, Kind] = {
    "server killed": Kind(("kill_server", *_SERVER)),
    "immediate stop": Kind(("stop_at_once", *_SERVER)),
    "immediate stop, tokens": Kind(("stop_at_once",), works=("tokens",) * 4, times=4),
    "immediate stop, contexts": Kind(("stop_at_once",), works=("contexts",) * 5 + ("profiles",), times=4),
    "immediate stop, campaign": Kind(("stop_at_once", "kill_writer"), works=("actions",) * 3 + ("people",), times=3),
    "immediate stop, outbox": Kind(("stop_at_once", "kill_writer"), works=("sender", "replies", "messages") * 2),
    "backend killed": Kind(("kill_backend", *_SERVER)),
    "server restarted": Kind(("restart", *_SERVER)),
    "sessions terminated": Kind(("terminate_sessions", "fork")),
    "statements cancelled": Kind(("cancel_statements", "fork")),
    "writer killed": Kind(("kill_writer", *_SERVER)),
    "writer stopped": Kind(("stop_writers", "kill_writer")),
    "writer forks": Kind(("fork", "terminate_sessions", "kill_backend")),
    "cut before": Kind(("cut_before", "cut_half"), route="proxy"),
    "cut half": Kind(("cut_half", "cut_during"), route="proxy"),
    "cut during": Kind(("cut_during", "cut_after"), route="proxy"),
    "cut after": Kind(("cut_after", "kill_backend"), route="proxy"),
    "cut at COMMIT": Kind(("cut_commit",), route="proxy", works=("transactions",) * 3 + ("people", "contexts")),
    "sessions stranded": Kind(("strand_sessions",), route="proxy"),
    "writes stranded": Kind(("strand_sessions",), route="proxy", works=("profiles", "contexts", "threads") * 2),
    "hang": Kind(("cut_hang", "cut_after"), route="proxy", settings=HURRIED, seconds=2.0, times=2),
    "silence": Kind(("cut_silence", "cut_during"), route="proxy", settings=HURRIED, seconds=2.0, times=2),
    "refused": Kind(("refuse_connections", "cut_during"), route="proxy", settings=HURRIED, seconds=2.0, times=2),
    "pooler": Kind(("terminate_sessions", "kill_backend", "stop_at_once", "cancel_statements"), route="pooler"),
    "table locked": Kind(("lock_table", "kill_backend"), settings=HURRIED, seconds=2.0, times=2),
    "timeouts": Kind(("short_timeouts", "terminate_sessions"), settings=HURRIED, seconds=1.0),
    "deadlocks": Kind(("deadlocks", "kill_backend"), seconds=1.0),
    "pool exhausted": Kind(("lock_table", "deadlocks"), settings=CROWDED, seconds=1.0),
    "server exhausted": Kind(("too_many_clients", "kill_writer"), settings=HURRIED, seconds=1.0, times=2),
    "writes refused": Kind(("refuse_writes", "kill_backend"), settings=HURRIED, seconds=1.0, times=2),
    "standby away": Kind(("lose_standby", "kill_backend"), times=2),
    "disk full": Kind(("fill_disk", "kill_backend"), place="disk", settings=HURRIED, seconds=1.5, times=2),
    "log disk full": Kind(("fill_wal_disk",), place="wal", settings=HURRIED, seconds=1.0, times=2),
    "clock moved": Kind(("move_clock", "kill_backend"), place="clock", settings=HURRIED, times=3),
    "import": Kind(("kill_program", "kill_server", "stop_at_once", "terminate_sessions"), route="program", times=3),
    "migration": Kind(("kill_program", "kill_server", "stop_at_once", "terminate_sessions"), route="program", times=3),
}

GROUPS: dict[str, tuple[str, ...]] = {
    "server stops": (
        "server killed",
        "immediate stop",
        "immediate stop, tokens",
        "immediate stop, contexts",
        "immediate stop, campaign",
        "immediate stop, outbox",
        "server restarted",
        "standby away",
    ),
    "sessions end": ("backend killed", "sessions terminated", "statements cancelled", "pooler"),
    "bot killed": ("writer killed", "writer stopped", "writer forks"),
    "connection cut": ("cut before", "cut half", "cut during", "cut after", "cut at COMMIT"),
    "network fails": ("sessions stranded", "writes stranded", "hang", "silence", "refused"),
    "locks, limits": (
        "table locked",
        "timeouts",
        "deadlocks",
        "pool exhausted",
        "server exhausted",
        "writes refused",
    ),
    "disk full": ("disk full", "log disk full"),
    "clock moved": ("clock moved",),
    "import, migration": ("import", "migration"),
}
"""The kinds in groups, for the chart."""


@dataclass(frozen=True)
class Step:
    """A fault of a round.

    Attributes:
        fault: its name.
        after: how many effects are acknowledged before it.
    """

    fault: str
    after: int


@dataclass(frozen=True)
class Round:
    """What one round does.

    Attributes:
        number: from 0.
        kind: one of KINDS.
        seed: of everything that is chosen in it.
    """

    number: int
    kind: str
    seed: str
    steps: tuple[Step, ...]


def plan_round(number: int, seed: int) -> Round:
    """Plan a round: the kinds take turns."""
    name = list(KINDS)[number % len(KINDS)]
    kind, chance = KINDS[name], random.Random(f"{seed} {number}")
    more = range(chance.randint(1, kind.times) - 1)
    faults = [kind.faults[0], *(chance.choice(kind.faults + kind.faults[:1] * len(kind.faults)) for _ in more)]
    steps = tuple(Step(fault, chance.randint(10, 300)) for fault in faults)
    return Round(number, name, f"{seed} {number}", steps)
