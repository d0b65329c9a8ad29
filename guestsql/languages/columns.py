"""What the columns and words of charts are called. A column that is not listed has its name, with blanks."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from guestsql.languages import N_, Language

__all__ = ["BEFORE", "COLUMNS", "column_label", "column_labels", "translated"]

COLUMNS = {
    "abandoned_messages": N_("abandoned messages"),
    "account": N_("account"),
    "actions": N_("actions"),
    "active": N_("active"),
    "active_guests": N_("active guests"),
    "active_guests_a_day": N_("active guests a day"),
    "application_name": N_("application name"),
    "archived_guests": N_("archived guests"),
    "booked_guests": N_("booked guests"),
    "booking_status": N_("booking status"),
    "cache_hits": N_("cache hits"),
    "cache_misses": N_("cache misses"),
    "calls": N_("calls"),
    "campaign": N_("campaign"),
    "channel": N_("channel"),
    "connections": N_("connections"),
    "consenting_guests": N_("consenting guests"),
    "consents": N_("consents"),
    "conversion_percent": N_("conversion"),
    "current_threads": N_("current threads"),
    "current_tokens": N_("current tokens"),
    "daily_people": N_("daily people"),
    "database_name": N_("database name"),
    "day": N_("day"),
    "dead_letters": N_("dead letters"),
    "dead_rows": N_("dead rows"),
    "due_replies": N_("due replies"),
    "errors": N_("errors"),
    "expired_rows": N_("expired rows"),
    "failed_messages": N_("failed messages"),
    "finished_at": N_("finished"),
    "first_label": N_("first label"),
    "fresh_contexts": N_("fresh contexts"),
    "fresh_percent": N_("fresh"),
    "growth_bytes": N_("growth"),
    "guests": N_("guests"),
    "hit_percent": N_("hit rate"),
    "hot_percent": N_("heap-only updates"),
    "hour": N_("hour"),
    "idle_in_transaction": N_("idle in transaction"),
    "index_bytes": N_("indexes"),
    "index_name": N_("index name"),
    "inserted": N_("inserted"),
    "interested_guests": N_("interested guests"),
    "invalid": N_("invalid"),
    "kind": N_("kind"),
    "label": N_("label"),
    "lag_bytes": N_("lag"),
    "lag_seconds": N_("lag"),
    "least_messages": N_("least messages"),
    "maybe_sent_replies": N_("maybe sent replies"),
    "mean_milliseconds": N_("mean duration"),
    "messages": N_("messages"),
    "messages_in_progress": N_("messages in progress"),
    "minute": N_("minute"),
    "missing_contexts": N_("missing contexts"),
    "month": N_("month"),
    "name": N_("name"),
    "new_guests": N_("new guests"),
    "numbers": N_("numbers"),
    "oldest_open_seconds": N_("oldest open"),
    "oldest_unsent_seconds": N_("oldest unsent"),
    "opt_outs": N_("opt outs"),
    "opted_out": N_("opted out"),
    "other_bytes": N_("other"),
    "p50_milliseconds": N_("median"),
    "p95_milliseconds": N_("95th percentile"),
    "p99_milliseconds": N_("99th percentile"),
    "past_threads": N_("past threads"),
    "past_tokens": N_("past tokens"),
    "peak_resident_bytes": N_("peak resident memory"),
    "planned_actions": N_("planned actions"),
    "planned_people": N_("planned people"),
    "process": N_("process"),
    "processed_messages": N_("processed messages"),
    "purpose": N_("purpose"),
    "query": N_("query"),
    "reached_people": N_("reached people"),
    "redeliveries": N_("redeliveries"),
    "rejected": N_("rejected"),
    "relation_name": N_("relation name"),
    "replied": N_("replied"),
    "replies": N_("replies"),
    "requests": N_("requests"),
    "resident_bytes": N_("resident memory"),
    "retained_bytes": N_("retained"),
    "retried_replies": N_("retried replies"),
    "rows_bytes": N_("rows"),
    "second_label": N_("second label"),
    "segment": N_("segment"),
    "sending_replies": N_("sending replies"),
    "sent": N_("sent"),
    "sent_actions": N_("sent actions"),
    "sequence_name": N_("sequence name"),
    "silent_guests": N_("silent guests"),
    "since": N_("since"),
    "since_day": N_("since day"),
    "slot_name": N_("slot name"),
    "source": N_("source"),
    "stale_answers": N_("stale answers"),
    "stale_contexts": N_("stale contexts"),
    "state": N_("state"),
    "step": N_("step"),
    "table_name": N_("table name"),
    "total_bytes": N_("total"),
    "total_profiles": N_("total profiles"),
    "total_requests": N_("total requests"),
    "unsent_bytes": N_("unsent"),
    "unsent_replies": N_("unsent replies"),
    "updated": N_("updated"),
    "used": N_("used"),
    "used_percent": N_("used"),
    "vacuum_threshold_rows": N_("vacuum threshold rows"),
    "waiting_for_locks": N_("waiting for locks"),
    "weekday": N_("weekday"),
    "with_context": N_("with context"),
    "with_labels": N_("with labels"),
    "with_thread": N_("with thread"),
    "withdrawals": N_("withdrawals"),
    "without_memory": N_("without memory"),
}
"""What the columns of the packaged charts are called, by their names."""

_VALUES = {"wrote": N_("wrote"), "interested": N_("interested"), "booked": N_("booked")}
_TRANSLATED = frozenset({"step"})

BEFORE = "_before"
"""How the name of a column ends whose values are those of the period before."""


def column_labels(columns: Iterable[str], language: Language) -> dict[str, str]:
    """Return what a chart calls its columns.

    Args:
        columns: their names; `X_before` is X of the period before.
        language: of the labels.
    """
    return {column: column_label(column, language) for column in columns}


def column_label(column: str, language: Language) -> str:
    """Return what a column is called, such as `new guests`.

    Args:
        column: its name.
        language: of the label.
    """
    base = column.removesuffix(BEFORE) or column
    name = language.gettext(COLUMNS[base]) if base in COLUMNS else base.replace("_", " ").strip()
    return language.gettext("%(column)s, before", column=name) if base != column else name


def translated(
    columns: Sequence[str], rows: Iterable[Sequence[object]], language: Language
) -> list[tuple[object, ...]]:
    """Return rows in which the words that the packaged queries return are in the reader's language.

    Args:
        columns: their names.
        rows: as fetched.
        language: the reader's.
    """
    places = {place for place, name in enumerate(columns) if name in _TRANSLATED}
    return [
        tuple(_word(value, language) if place in places else value for place, value in enumerate(row)) for row in rows
    ]


def _word(value: object, language: Language) -> object:
    return language.gettext(_VALUES[value]) if isinstance(value, str) and value in _VALUES else value
