"""What a row of lookup_context says about a cached text, and the text as its caller gets it."""

from __future__ import annotations

import logging
from typing import Any

from guestsql.guests.context_calls import ContextRequest
from guestsql.telemetry.log import event, logger

__all__ = [
    "CLOCK",
    "REPLICA_READS",
    "hit_text",
    "is_hit",
    "is_old",
    "may_serve_stale",
    "stale_text",
    "was_stored_since",
    "with_clock",
]

REPLICA_READS = ("lookup_context", "lookup_contexts")
"""What is read on the replica, if the settings want that: hits are served from there."""
CLOCK = "{HH:MM}"
"""Placeholder for the clock time, which is put in when the text is read."""


def is_hit(row: Any) -> bool:  # noqa: ANN401  a row of lookup_context
    """Return whether the row answers the call: the text is fresh, or the guest has none."""
    return bool(row.is_fresh or not row.memory_enabled)


def hit_text(key: str, row: Any) -> str:  # noqa: ANN401  a row of lookup_context
    """Return what a hit answers."""
    if not row.memory_enabled:
        return ""
    if logger.isEnabledFor(logging.INFO):
        event(logging.INFO, "CONTEXT_CACHE_HIT", "context from the cache", guest=key, age_seconds=row.age_seconds)
    return with_clock(row.context_cache, row.clock_time)


def may_serve_stale(request: ContextRequest, row: Any) -> bool:  # noqa: ANN401  a row of lookup_context
    """Return whether an old text is good enough: it is old, not wrong, and the caller accepts one."""
    return request.ttl_seconds > 0 and is_old(row)


def is_old(row: Any) -> bool:  # noqa: ANN401  a row of lookup_context
    """Return whether there is a text that is only old: no profile has changed since."""
    return row.context_cache is not None and row.age_seconds is not None


def stale_text(key: str, row: Any) -> str:  # noqa: ANN401  a row of lookup_context
    """Return the old text for a caller that need not wait."""
    event(
        logging.INFO,
        "CONTEXT_CACHE_STALE",
        "served while another builds",
        guest=key,
        age_seconds=row.age_seconds,
    )
    return with_clock(row.context_cache, row.clock_time)


def was_stored_since(first: Any | None, row: Any) -> bool:  # noqa: ANN401  rows of lookup_context
    """Return whether the text was stored while its caller waited: with a ttl of 0 that is as fresh as can be.

    The age of a text grows unless it is stored anew, so no other clock than the server's is needed.
    """
    if row.context_cache is None or row.age_seconds is None or row.age_seconds < 0:
        return False
    before = None if first is None else first.age_seconds
    return bool(before is None or before < 0 or row.age_seconds < before)


def with_clock(text: str, clock_time: str) -> str:
    """Put the clock time into a text."""
    return text.replace(CLOCK, clock_time) if CLOCK in text else text
