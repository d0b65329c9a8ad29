"""The queries that the methods of `GuestDatabase` call."""

from __future__ import annotations

__all__ = ["NEEDED"]

# A folder of edited files must have them all.
NEEDED = (
    "add_labels",
    "add_thread_tokens",
    "build_context",
    "claim_context",
    "claim_new_context",
    "confirm_context",
    "confirm_writes",
    "create_guest",
    "export_guest",
    "forget_guest",
    "get_profile",
    "get_server_time",
    "get_thread",
    "invalidate_context",
    "lookup_context",
    "lookup_contexts",
    "merge_guests",
    "publish_context",
    "record_guest_days",
    "record_interactions",
    "record_metrics",
    "record_relation_sizes",
    "release_context",
    "remove_labels",
    "set_thread",
    "thin_context_minutes",
    "thin_operations",
    "thin_process_minutes",
    "thin_query_error_minutes",
    "thin_query_minutes",
    "thin_relation_sizes",
    "upsert_profile",
)
