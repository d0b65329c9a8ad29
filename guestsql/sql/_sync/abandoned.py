# Generated from ../_async by tools/generate_sync.py (make sync). Do not edit.
"""Sessions whose connection was closed while the server worked for them. They count until they have ended."""

from __future__ import annotations

import threading
from functools import cache
from time import monotonic
from typing import Any

from guestsql.sql import Query, arrange, read_packaged
from guestsql.sql._sync.connection import DeadlineConnection

__all__ = ["AbandonedSessions"]

# Behind a pooler, process numbers mean nothing. The pooler ends the server session of a client that left, or reuses it.
_POOLER_SECONDS = 30.0
# The server is asked soon after a session was abandoned: most end at once. Then less and less often.
_FIRST_PAUSE_SECONDS = 0.05
_LONGEST_PAUSE_SECONDS = 1.0


class AbandonedSessions:
    """The sessions that a pool has abandoned, and the closed connections that keep their places in it.

    A closed connection that is not given back keeps the pool from making another. All but one place are kept in this
    way, so that there can be a connection to ask the server with.

    Args:
        limit: how many sessions there may be in all.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._closed_at: dict[DeadlineConnection, float] = {}
        self._places: list[DeadlineConnection] = []
        self._lock = threading.Lock()  # never held while waiting, so that tasks may use it too
        self._pause = _FIRST_PAUSE_SECONDS
        self._next_at = 0.0
        self._wait_events: list[str] = []

    def __len__(self) -> int:
        return len(self._closed_at)

    @property
    def is_full(self) -> bool:
        """True while there may not be any other session."""
        return len(self._closed_at) >= self._limit

    @property
    def reason(self) -> str:
        """Why a caller that waited got no connection."""
        waits = f", waiting for {', '.join(self._wait_events)}" if self._wait_events else ""
        return f"sessions that are still busy on the server after their callers have left: {len(self)}{waits}"

    @property
    def hint(self) -> str:
        """How to end what keeps the sessions busy."""
        if "SyncRep" in self._wait_events:
            return "the synchronous standby is away: bring it back, or change synchronous_standby_names"
        return "see what keeps them: guestsql query run list_long_queries, or list_blocked_sessions"

    def add(self, connection: DeadlineConnection) -> list[Any]:
        """Count a session; return the closed connections whose places the pool may fill.

        Args:
            connection: closed; its `abandoned_pid` is set.
        """
        with self._lock:
            self._closed_at[connection] = monotonic()
            self._places.append(connection)
            self._pause, self._next_at = _FIRST_PAUSE_SECONDS, 0.0
            return self._free_places()

    def begin_asking(self) -> bool:
        """Return True to the caller that is to ask now."""
        with self._lock:
            now = monotonic()
            if not self._closed_at or now < self._next_at:
                return False
            self._next_at = now + self._pause
            self._pause = min(2 * self._pause, _LONGEST_PAUSE_SECONDS)
            return True

    def ended(self, connection: DeadlineConnection) -> list[Any]:
        """Ask which sessions have ended, and return their connections, each to one caller only.

        Args:
            connection: to the same server.

        Raises:
            psycopg.Error: it could not be asked.

        SQL: queries/internal/sessions.sql
        """
        known = {each.abandoned_pid: each for each in list(self._closed_at) if each.has_session}
        oldest = monotonic() - _POOLER_SECONDS
        ended = [each for each, at in list(self._closed_at.items()) if not each.has_session and at < oldest]
        if known:
            ages = [monotonic() - each.connected_at for each in known.values()]
            query = _query()
            values = arrange(query, {"pids": list(known), "age_seconds": ages})
            cursor = connection.execute(query.text.encode(), values, prepare=False)
            busy = {row.pid: row.wait_event for row in cursor.fetchall()}
            self._wait_events = sorted({name for name in busy.values() if name})
            ended += [each for pid, each in known.items() if pid not in busy]
        return [each for each in ended if self._closed_at.pop(each, None) is not None]

    def free_places(self) -> list[Any]:
        """Return the closed connections whose places the pool may fill."""
        with self._lock:
            return self._free_places()

    def _free_places(self) -> list[DeadlineConnection]:
        kept = min(len(self._closed_at), self._limit - 1)
        free, self._places = self._places[kept:], self._places[:kept]
        return free


@cache
def _query() -> Query:
    return read_packaged("internal/sessions.sql")["list_abandoned_sessions"]
