"""The queries that the methods of `GuestDatabase` call."""

from __future__ import annotations

from functools import cache

from guestsql.sql import read_packaged

__all__ = ["INTERNAL", "reserved_names"]

INTERNAL = (
    "internal/archive.sql",
    "internal/booking.sql",
    "internal/campaigns.sql",
    "internal/consent.sql",
    "internal/context.sql",
    "internal/guests.sql",
    "internal/ids.sql",
    "internal/messages.sql",
    "internal/metrics.sql",
    "internal/outbox.sql",
    "internal/people.sql",
    "internal/privacy.sql",
    "internal/threads.sql",
)
"""The packaged files with those that only the methods call; the others are methods of `queries` too."""


@cache
def reserved_names() -> frozenset[str]:
    """Return the names that no query of an own folder may have: those of `INTERNAL`."""
    return frozenset(read_packaged(*INTERNAL))
