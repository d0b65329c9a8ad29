# Generated from ../_async by tools/generate_sync.py (make sync). Do not edit.
"""Writes what was counted to the minute tables, and thins old figures; its failures never reach the bot.

What a kill -9 can lose is what was counted since the last flush. What could not be written is kept for the next flush,
and that it could not is counted too.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from time import monotonic
from typing import Any
from weakref import ref

from guestsql.errors import GuestSQLError
from guestsql.sql._sync.executor import Executor
from guestsql.sql._sync.flushing import Flusher
from guestsql.sql.jitter import jitter
from guestsql.sql.runtime import Ticker
from guestsql.telemetry.counting import Counting
from guestsql.telemetry.log import event, quietly

__all__ = ["MetricsWriter"]

# No caller waits for figures, except a close, for a flush that is under way.
_PATIENCE_SECONDS = 5.0
_CHORES_SECONDS = 3600.0
# A call thins a part. What is left after these rounds waits for the next hour.
_ROUNDS = 50
# Each may be done twice, or by two processes at once.
_CHORES = (
    "thin_minutes",
    "thin_operations",
    "make_message_partitions",
    "thin_messages",
    "thin_message_texts",
    "thin_replies",
    "thin_by_rules",
    "thin_interaction_hours",
    "record_guest_days",
    "record_relation_sizes",
    "thin_relation_sizes",
)


class MetricsWriter(Flusher):
    """Writes figures on a timer, and a last time when the database is closed; once an hour it does the chores.

    SQL: queries/internal/metrics.sql, queries/metrics.sql, queries/daily.sql

    Args:
        executor: runs the queries.
        seconds: between two flushes; 0 for none.
        counting: where the figures are; also emptied at exit.
        timezone: the hotel's, for the days of the guests.
        keep_text_days: for which the texts of messages are kept.
    """

    def __init__(
        self, executor: Executor, seconds: float, counting: Counting, *, timezone: str, keep_text_days: int
    ) -> None:
        super().__init__(executor, counting)
        self._counting = counting
        self._is_on = seconds > 0
        self._ticker = Ticker(seconds, _as_long_as_it_lives(self))
        self._is_failing = False
        self._parameters: dict[str, dict[str, object]] = {
            "record_guest_days": {"timezone": timezone},
            "thin_message_texts": {"keep_days": keep_text_days},
        }
        # Processes that were started together need not do them together, and one that soon ends not at all.
        self._chores_at = monotonic() + jitter(min(60.0, _CHORES_SECONDS), _CHORES_SECONDS)

    def start(self) -> None:
        """Start the timer."""
        if self._is_on:
            self._ticker.start()

    def flush_last(self) -> None:
        """Stop the timer and write what is left; if that fails it is logged, and the figures are lost."""
        self.stop()
        if self._is_on:
            self._try()

    def stop(self) -> None:
        """Stop the timer."""
        self._ticker.stop()

    def tick(self) -> None:
        """Write, and from time to time do the chores."""
        if self._try() and monotonic() >= self._chores_at:
            self._chores_at = monotonic() + _CHORES_SECONDS
            for name in _CHORES:
                self._do(name)

    def _try(self) -> bool:
        """Return True unless it failed; say so in the log when that changes, not each time."""
        try:
            with quietly():
                self.flush(self._deadline())
        except Exception as error:  # noqa: BLE001  whatever it is, it must not reach the bot
            self._counting.flush_failure()
            if not self._is_failing:
                self._is_failing = True
                _warn("METRICS_KEPT", "figures are kept, not written", error)
            return False
        if self._is_failing:
            self._is_failing = False
            event(logging.INFO, "METRICS_WRITTEN", "figures are written again")
        return True

    def _do(self, chore: str) -> None:
        try:
            with quietly():
                for _ in range(_ROUNDS if chore.startswith("thin_") else 1):
                    if not self._executor.call(chore, self._parameters.get(chore, {}), deadline=self._deadline()):
                        break
        except Exception as error:  # noqa: BLE001  likewise; it is tried again in an hour
            _warn("METRICS_CHORE_FAILED", f"{chore} was not done", error)

    def _deadline(self) -> float:
        return min(self._executor.deadline(), monotonic() + _PATIENCE_SECONDS)


def _warn(code: str, message: str, error: Exception) -> None:
    why = error.message if isinstance(error, GuestSQLError) else repr(error)
    event(logging.WARNING, code, f"{message}: {why}", sqlstate=getattr(error, "sqlstate", None))


def _as_long_as_it_lives(writer: MetricsWriter) -> Callable[[], Any]:
    """Return what the timer calls. A database that was dropped without being closed is not kept alive by it."""
    known = ref(writer)

    def call() -> bool:
        found = known()
        if found is not None:
            found.tick()
        return found is not None

    return call
