"""What the monitor shows, at one time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

__all__ = ["Connections", "Figures", "Minute", "NamedQuery", "Trouble"]


@dataclass(frozen=True, slots=True)
class Minute:
    """What all processes of the bot counted in a minute.

    Attributes:
        minute: its beginning, by the server's clock.
        calls: of named queries, failed ones too.
        errors: how many of those failed.
        p50_milliseconds: what half of the calls took at most; None without calls.
        p95_milliseconds: likewise 95 % of them.
        requests: contexts asked for.
        hit_percent: how many of those came from the cache; None without requests.
    """

    minute: datetime
    calls: int
    errors: int
    p50_milliseconds: float | None
    p95_milliseconds: float | None
    requests: int
    hit_percent: float | None


@dataclass(frozen=True, slots=True)
class NamedQuery:
    """What was counted of one named query in those minutes."""

    query: str
    calls: int
    errors: int
    p50_milliseconds: float | None
    p95_milliseconds: float | None
    total_milliseconds: float


@dataclass(frozen=True, slots=True)
class Connections:
    """The server's connections.

    Attributes:
        used: by whomever.
        limit: how many it takes, without those it keeps for superusers.
        active: run a statement.
        idle_in_transaction: hold a transaction open, and do nothing.
        waiting_for_locks: are among the active.
    """

    used: int
    limit: int
    active: int
    idle_in_transaction: int
    waiting_for_locks: int


@dataclass(frozen=True, slots=True)
class Trouble:
    """A session that is worth a look.

    Attributes:
        kind: running, idle in transaction, or blocked.
        pid: the session, for `pg_cancel_backend`.
        seconds: since when; None where the server does not tell.
        query: the name of its query, or the beginning of another statement; None where that may not be seen.
        about: what it waits for, or who blocks it; "" for nothing.
    """

    kind: str
    pid: int
    seconds: float | None
    query: str | None
    about: str


@dataclass(frozen=True, slots=True)
class Figures:
    """All of it.

    Attributes:
        at: the server's time.
        minutes: one for each minute asked for, oldest first, the last not over yet.
        queries: what was called in those minutes, the most time first.
        connections: the server's.
        sessions: blocked ones first, then running and idle ones, each longest first.
    """

    at: datetime
    minutes: tuple[Minute, ...]
    queries: tuple[NamedQuery, ...]
    connections: Connections
    sessions: tuple[Trouble, ...]
