"""What the monitor shows at one time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

__all__ = ["Connections", "Figures", "Messages", "Minute", "NamedQuery", "Problem", "Replies"]


@dataclass(frozen=True, slots=True)
class Minute:
    """What all processes of the bot counted in one minute.

    Attributes:
        minute: its start, by the server's clock.
        calls: calls of named queries, including failed ones.
        errors: calls that failed.
        p50_milliseconds: the median duration of the calls; None without calls.
        p95_milliseconds: the 95th percentile; None without calls.
        requests: contexts requested.
        hit_percent: the share of contexts that came from the cache; None without requests.
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
    """What was counted of one named query in all minutes shown."""

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
        used: all connections.
        limit: how many it allows, without those reserved for superusers.
        active: those that run a statement.
        idle_in_transaction: those that hold a transaction open and do nothing.
        waiting_for_locks: active ones that wait for a lock.
    """

    used: int
    limit: int
    active: int
    idle_in_transaction: int
    waiting_for_locks: int


@dataclass(frozen=True, slots=True)
class Messages:
    """The messages of all minutes shown.

    Attributes:
        in_progress: those that a process works on now.
        unfinished: those that were begun and not done: their process ended, or raised an error.
        redeliveries: deliveries beyond the first.
    """

    in_progress: int
    unfinished: int
    redeliveries: int


@dataclass(frozen=True, slots=True)
class Replies:
    """The outbox.

    Attributes:
        unsent: replies that are not sent, without dead letters.
        oldest_seconds: how old the oldest of them is; None without any.
        dead: dead letters.
    """

    unsent: int
    oldest_seconds: float | None
    dead: int


@dataclass(frozen=True, slots=True)
class Problem:
    """A session that may need attention.

    Attributes:
        kind: running, idle in transaction, or blocked.
        pid: its process id, for `pg_cancel_backend`.
        seconds: for how long; None if unknown.
        query: the name of its query, or the beginning of any other statement; None if this role may not see it.
        about: what it waits for, or who blocks it; "" for nothing.
    """

    kind: str
    pid: int
    seconds: float | None
    query: str | None
    about: str


@dataclass(frozen=True, slots=True)
class Figures:
    """Everything the monitor shows.

    Attributes:
        at: the server's time.
        minutes: one entry for each minute, oldest first; the last is not over yet.
        queries: the queries called in those minutes, the most time first.
        connections: the server's connections.
        messages: how they are processed.
        replies: how they are sent.
        sessions: blocked sessions, then running and idle ones, the longest first.
    """

    at: datetime
    minutes: tuple[Minute, ...]
    queries: tuple[NamedQuery, ...]
    connections: Connections
    messages: Messages
    replies: Replies
    sessions: tuple[Problem, ...]
