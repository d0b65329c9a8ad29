"""Logs what changed from one scrape to the next: an unreachable server is logged once, not at each scrape."""

from __future__ import annotations

import logging

from guestsql.errors import DatabaseError, GuestSQLError
from guestsql.ops.gauges.scrape import Scrape
from guestsql.telemetry.log import event

__all__ = ["ChangeLog"]

Fault = tuple[type[GuestSQLError], str | None]


class ChangeLog:
    """Remembers what failed last. Not thread-safe."""

    def __init__(self) -> None:
        self._is_up = True
        self._faults: dict[str, Fault] = {}

    def take(self, scrape: Scrape) -> None:
        """Log what fails for the first time or for a new reason, and what has recovered."""
        if scrape.error is not None:
            if self._is_up:
                event(logging.WARNING, "METRICS_AWAY", f"the server is unreachable: {scrape.error}")
            self._is_up = False
            return
        if not self._is_up:
            event(logging.INFO, "METRICS_BACK", "the server is reachable again")
        self._is_up = True
        for answer in scrape.answers:
            self._compare(answer.gauge.query.name, answer.error)

    def _compare(self, query: str, error: GuestSQLError | None) -> None:
        before = self._faults.pop(query, None)
        if error is None:
            if before is not None:
                event(logging.INFO, "METRICS_RECOVERED", "the query answers again", query=query)
            return
        fault = self._faults[query] = type(error), error.sqlstate if isinstance(error, DatabaseError) else None
        if fault != before:
            event(logging.WARNING, "METRICS_ERROR", str(error), query=query)
