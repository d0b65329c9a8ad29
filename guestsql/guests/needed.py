"""The queries that the methods of `GuestDatabase` call."""

from __future__ import annotations

__all__ = ["INTERNAL", "NEEDED"]

INTERNAL = ("internal/context.sql", "internal/guests.sql", "internal/metrics.sql", "internal/people.sql")
"""The packaged files with those that only the methods call."""

# A folder of edited files must have them all.
NEEDED = (
    "add_labels",
    "add_thread_tokens",
    "build_context",
    "get_profile",
    "get_thread",
    "invalidate_context",
    "lookup_context",
    "lookup_contexts",
    "record_guest_days",
    "record_relation_sizes",
    "remove_labels",
    "set_thread",
    "thin_minutes",
    "thin_operations",
    "thin_relation_sizes",
)
