"""What a row of lookup_context says about a cached text, and the text as its caller gets it."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterable
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from guestsql.guests.context_calls import ContextRequest
from guestsql.telemetry.log import event, logger

__all__ = [
    "CLOCK",
    "REPLICA_READS",
    "HotelClock",
    "age_seconds",
    "hit_text",
    "hit_texts",
    "is_fresh",
    "is_hit",
    "is_old",
    "may_serve_stale",
    "stale_text",
    "was_stored_since",
]

REPLICA_READS = ("lookup_context", "lookup_contexts")
"""What is read on the replica, if the settings want that: hits are served from there."""
CLOCK = "{HH:MM}"
"""Placeholder for the clock time, which is put in when the text is read."""


class HotelClock:
    """Puts the hotel's time into texts: that of the server, in the hotel's zone.

    Args:
        timezone: the hotel's.
    """

    def __init__(self, timezone: ZoneInfo) -> None:
        self._timezone = timezone
        self._shown = (-1.0, "")

    def fill(self, text: str, seconds: float) -> str:
        """Put the time into a text.

        Args:
            text: with or without `{HH:MM}`.
            seconds: since 1970.
        """
        if "{" not in text or CLOCK not in text:  # a single character is found 25 times as fast
            return text
        minute, shown = self._shown
        if minute != seconds // 60:
            shown = datetime.fromtimestamp(seconds, self._timezone).strftime("%H:%M")
            self._shown = seconds // 60, shown  # one assignment: threads share it
        return text.replace(CLOCK, shown)


def is_fresh(row: Any, ttl_seconds: float) -> bool:  # noqa: ANN401  a row of lookup_context
    """Return whether there is a text that is younger than the ttl. One from the future is not fresh."""
    stored_at = row.stored_at
    return stored_at is not None and 0.0 <= row.answered_at - stored_at < ttl_seconds and row.context_cache is not None


def is_hit(row: Any, ttl_seconds: float) -> bool:  # noqa: ANN401  a row of lookup_context
    """Return whether the row answers the call: the text is fresh, or the guest has none."""
    return is_fresh(row, ttl_seconds) or not row.memory_enabled


def age_seconds(row: Any) -> float | None:  # noqa: ANN401  a row of lookup_context
    """Return how old the text is, in seconds; None if there is none that was stored at a time."""
    if row.context_cache is None or row.stored_at is None or not math.isfinite(row.stored_at):
        return None
    return float(row.answered_at - row.stored_at)


def hit_text(key: str, row: Any, clock: HotelClock) -> str:  # noqa: ANN401  a row of lookup_context
    """Return what a hit answers."""
    if not row.memory_enabled:
        return ""
    if logger.isEnabledFor(logging.INFO):
        _log_hit(key, row)
    return clock.fill(row.context_cache, row.answered_at)


def hit_texts(rows: Iterable[Any], ttl_seconds: float, clock: HotelClock) -> dict[str, str]:
    """Return the texts of all the rows of lookup_contexts that are hits, by id."""
    # is_hit and hit_text for each row would take twice as long.
    is_logged = logger.isEnabledFor(logging.INFO)
    texts: dict[str, str] = {}
    for row in rows:
        if not row.memory_enabled:
            texts[row.id] = ""
        elif is_fresh(row, ttl_seconds):
            if is_logged:
                _log_hit(row.id, row)
            texts[row.id] = clock.fill(row.context_cache, row.answered_at)
    return texts


def _log_hit(key: str, row: Any) -> None:  # noqa: ANN401  a row of lookup_context
    event(logging.INFO, "CONTEXT_CACHE_HIT", "context from the cache", guest=key, age_seconds=age_seconds(row))


def may_serve_stale(request: ContextRequest, row: Any) -> bool:  # noqa: ANN401  a row of lookup_context
    """Return whether an old text is good enough: it is old, not wrong, and the caller accepts one."""
    return request.ttl_seconds > 0 and is_old(row)


def is_old(row: Any) -> bool:  # noqa: ANN401  a row of lookup_context
    """Return whether there is a text that is only old: no profile has changed since."""
    return age_seconds(row) is not None


def stale_text(key: str, row: Any, clock: HotelClock) -> str:  # noqa: ANN401  a row of lookup_context
    """Return the old text for a caller that need not wait."""
    event(
        logging.INFO,
        "CONTEXT_CACHE_STALE",
        "served while another builds",
        guest=key,
        age_seconds=age_seconds(row),
    )
    return clock.fill(row.context_cache, row.answered_at)


def was_stored_since(first: Any | None, row: Any) -> bool:  # noqa: ANN401  rows of lookup_context
    """Return whether the text was stored while its caller waited: with a ttl of 0 that is as fresh as can be.

    The age of a text grows unless it is stored anew, so no other clock than the server's is needed.
    """
    age = age_seconds(row)
    if age is None or age < 0:
        return False
    before = None if first is None else age_seconds(first)
    return before is None or before < 0 or age < before
