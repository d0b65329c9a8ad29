"""What changed from one scrape to the next, in the log: a server that is away is told once, not at each scrape."""

from __future__ import annotations

import logging

from guestsql.errors import DatabaseError, GuestSQLError
from guestsql.ops.gauges.scrape import Scrape
from guestsql.telemetry.log import event

__all__ = ["ChangeLog"]

Fault = tuple[type[GuestSQLError], str | None]


class ChangeLog:
    """Remembers what failed last. For one thread at a time."""

    def __init__(self) -> None:
        self._is_up = True
        self._faults: dict[str, Fault] = {}

    def take(self, scrape: Scrape) -> None:
        """Log what fails since this scrape, or for another reason, and what does not any more."""
        if scrape.error is not None:
            if self._is_up:
                event(logging.WARNING, "METRICS_AWAY", f"the server cannot be asked: {scrape.error}")
            self._is_up = False
            return
        if not self._is_up:
            event(logging.INFO, "METRICS_BACK", "the server can be asked again")
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
