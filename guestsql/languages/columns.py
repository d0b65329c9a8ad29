"""What the columns of charts are called. A column that is not listed is called by its name."""

from __future__ import annotations

from collections.abc import Iterable

from guestsql.languages import N_, Language

__all__ = ["COLUMNS", "column_labels"]

COLUMNS = (
    N_("abandoned messages"),
    N_("account"),
    N_("actions"),
    N_("active"),
    N_("active guests"),
    N_("active guests a day"),
    N_("application name"),
    N_("archived guests"),
    N_("booked guests"),
    N_("booking status"),
    N_("cache hits"),
    N_("cache misses"),
    N_("calls"),
    N_("campaign"),
    N_("channel"),
    N_("connections"),
    N_("consenting guests"),
    N_("consents"),
    N_("conversion percent"),
    N_("current threads"),
    N_("current tokens"),
    N_("daily people"),
    N_("database name"),
    N_("day"),
    N_("dead letters"),
    N_("dead rows"),
    N_("due replies"),
    N_("errors"),
    N_("expired rows"),
    N_("failed messages"),
    N_("finished at"),
    N_("first label"),
    N_("fresh contexts"),
    N_("fresh percent"),
    N_("growth bytes"),
    N_("guests"),
    N_("hit percent"),
    N_("hot percent"),
    N_("hour"),
    N_("idle in transaction"),
    N_("index bytes"),
    N_("index name"),
    N_("inserted"),
    N_("interested guests"),
    N_("invalid"),
    N_("kind"),
    N_("label"),
    N_("lag bytes"),
    N_("lag seconds"),
    N_("least messages"),
    N_("maybe sent replies"),
    N_("mean milliseconds"),
    N_("messages"),
    N_("messages in progress"),
    N_("minute"),
    N_("missing contexts"),
    N_("month"),
    N_("name"),
    N_("new guests"),
    N_("numbers"),
    N_("oldest open seconds"),
    N_("oldest unsent seconds"),
    N_("opt outs"),
    N_("other bytes"),
    N_("p50 milliseconds"),
    N_("p95 milliseconds"),
    N_("p99 milliseconds"),
    N_("past threads"),
    N_("past tokens"),
    N_("peak resident bytes"),
    N_("planned actions"),
    N_("planned people"),
    N_("process"),
    N_("processed messages"),
    N_("purpose"),
    N_("query"),
    N_("reached people"),
    N_("redeliveries"),
    N_("rejected"),
    N_("relation name"),
    N_("replies"),
    N_("requests"),
    N_("resident bytes"),
    N_("retained bytes"),
    N_("retried replies"),
    N_("rows bytes"),
    N_("second label"),
    N_("segment"),
    N_("sending replies"),
    N_("sent"),
    N_("sent actions"),
    N_("sequence name"),
    N_("silent guests"),
    N_("since"),
    N_("since day"),
    N_("slot name"),
    N_("source"),
    N_("stale answers"),
    N_("stale contexts"),
    N_("state"),
    N_("step"),
    N_("table name"),
    N_("total bytes"),
    N_("total profiles"),
    N_("total requests"),
    N_("unsent bytes"),
    N_("unsent replies"),
    N_("updated"),
    N_("used"),
    N_("used percent"),
    N_("vacuum threshold rows"),
    N_("waiting for locks"),
    N_("weekday"),
    N_("with context"),
    N_("with labels"),
    N_("with thread"),
    N_("withdrawals"),
    N_("without memory"),
)
"""The columns of the packaged charts, with blanks for underscores, so that they can be translated."""

_BEFORE = "_before"


def column_labels(columns: Iterable[str], language: Language) -> dict[str, str]:
    """Return what a chart calls its columns.

    Args:
        columns: their names; `X_before` is X of the period before.
        language: of the labels.
    """
    return {column: _label(column, language) for column in columns}


def _label(column: str, language: Language) -> str:
    base = column.removesuffix(_BEFORE)
    name = language.gettext(base.replace("_", " ")) if base else column
    return language.gettext("%(column)s before", column=name) if base and base != column else name
