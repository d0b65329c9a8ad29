"""Reads the figures of the monitor.

SQL: queries/monitoring_calls.sql, queries/monitoring_messages.sql, queries/monitoring_sessions.sql,
queries/internal/metrics.sql
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from guestsql.ops.monitor.figures import (
    Connections,
    Figures,
    Messages,
    Minute,
    NamedQuery,
    Problem,
    Replies,
)
from guestsql.sql import Catalogue, bind_queries
from guestsql.sql._sync.adapter import SyncAdapter
from guestsql.sql._sync.connection import DeadlineConnection
from guestsql.sql.packaged import packaged_queries

__all__ = ["FigureReader"]

_MINUTE = timedelta(minutes=1)


class FigureReader:
    """Reads the figures, as often as wanted.

    Args:
        catalogue: the queries.
        minutes: how far to look back, 1 or more.
        max_rows: the most queries, and sessions of each kind, to return.
        min_seconds: the shortest statement or idle transaction to return, in seconds.
    """

    def __init__(self, catalogue: Catalogue, *, minutes: int, max_rows: int, min_seconds: float) -> None:
        self._queries: Any = bind_queries(catalogue, SyncAdapter(catalogue))
        self._minutes = minutes
        self._max_rows = max_rows
        self._min_seconds = min_seconds

    def read(self, connection: DeadlineConnection) -> Figures:
        """Read the figures now.

        Args:
            connection: a connection in a READ ONLY transaction with a statement timeout.

        Raises:
            DatabaseError: the server could not be reached or rejected a query.
        """
        at = packaged_queries("internal/metrics.sql").get_server_time(connection)
        return Figures(
            at=at,
            minutes=tuple(self._read_minutes(connection, at)),
            queries=tuple(self._read_queries(connection)),
            connections=self._read_connections(connection),
            messages=self._read_messages(connection),
            replies=self._read_replies(connection),
            sessions=tuple(self._read_sessions(connection)),
        )

    def _read_minutes(self, connection: DeadlineConnection, at: datetime) -> Iterator[Minute]:
        """Fill in the minutes without a row, in which nothing was counted."""
        window = {"unit": "minute", "timezone": "UTC", "max_rows": self._minutes}
        calls = _by_minute(self._queries.list_call_rates(connection, **window), "since")
        hits = _by_minute(self._queries.list_hit_rates(connection, **window), "since")
        rows = self._queries.list_minute_latencies(connection, max_rows=self._minutes)
        latencies = _by_minute(rows, "minute")
        last = at.replace(second=0, microsecond=0)
        for minute in (last - _MINUTE * back for back in reversed(range(self._minutes))):
            called, asked, took = calls.get(minute), hits.get(minute), latencies.get(minute)
            yield Minute(
                minute=minute,
                calls=called.calls if called else 0,
                errors=called.errors if called else 0,
                p50_milliseconds=_number(took.p50_milliseconds) if took else None,
                p95_milliseconds=_number(took.p95_milliseconds) if took else None,
                requests=asked.total_requests if asked else 0,
                hit_percent=_number(asked.hit_percent) if asked else None,
            )

    def _read_queries(self, connection: DeadlineConnection) -> Iterator[NamedQuery]:
        for row in self._queries.list_query_latencies(connection, minutes=self._minutes, max_rows=self._max_rows):
            yield NamedQuery(
                query=row.query,
                calls=row.calls,
                errors=row.errors,
                p50_milliseconds=_number(row.p50_milliseconds),
                p95_milliseconds=_number(row.p95_milliseconds),
                total_milliseconds=float(row.total_milliseconds),
            )

    def _read_connections(self, connection: DeadlineConnection) -> Connections:
        row = self._queries.get_connection_usage(connection)
        return Connections(
            used=row.used,
            limit=row.max_connections - row.reserved,
            active=row.active,
            idle_in_transaction=row.idle_in_transaction,
            waiting_for_locks=row.waiting_for_locks,
        )

    def _read_messages(self, connection: DeadlineConnection) -> Messages:
        row = self._queries.get_message_figures(connection, minutes=self._minutes)
        return Messages(
            in_progress=row.messages_in_progress,
            unfinished=row.abandoned_messages + row.failed_messages,
            redeliveries=row.redeliveries,
        )

    def _read_replies(self, connection: DeadlineConnection) -> Replies:
        row = self._queries.get_outbox_figures(connection)
        return Replies(
            unsent=row.unsent_replies, oldest_seconds=_number(row.oldest_unsent_seconds), dead=row.dead_letters
        )

    def _read_sessions(self, connection: DeadlineConnection) -> Iterator[Problem]:
        limits = {"min_seconds": self._min_seconds, "max_rows": self._max_rows}
        for row in self._queries.list_blocked_sessions(connection, max_rows=self._max_rows):
            about = f"blocked by {row.blocking_pid}: {row.blocking_query or row.blocking_state or 'not visible'}"
            yield Problem("blocked", row.blocked_pid, _number(row.waiting_seconds), row.blocked_query, about)
        for row in self._queries.list_long_queries(connection, **limits):
            waits = ": ".join(part for part in (row.wait_event_type, row.wait_event) if part)
            yield Problem("running", row.pid, _number(row.running_seconds), row.query, waits)
        for row in self._queries.list_idle_transactions(connection, **limits):
            yield Problem("idle in transaction", row.pid, _number(row.idle_seconds), row.query, "")


def _by_minute(rows: Iterable[Any], column: str) -> Mapping[datetime, Any]:
    return {getattr(row, column): row for row in rows}


def _number(value: Any) -> float | None:  # noqa: ANN401  a numeric from the server
    return None if value is None else float(value)
