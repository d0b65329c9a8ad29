"""What columns and values are called in a report. A column `X_before` holds `X` of the period before."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from guestsql.languages import N_, Language

__all__ = ["BEFORE", "column_label", "period_labels", "translated"]

BEFORE = "_before"
"""How the name of a column ends whose values are those of the period before."""

_COLUMNS = {
    "active_guests": N_("Active guests"),
    "active_guests_a_day": N_("Active guests a day"),
    "calls": N_("Calls"),
    "campaign": N_("Campaign"),
    "consents": N_("Consents"),
    "day": N_("Day"),
    "errors": N_("Errors"),
    "guests": N_("Guests"),
    "hit_percent": N_("Hit rate"),
    "hour": N_("Hour"),
    "messages": N_("Messages"),
    "new_guests": N_("New guests"),
    "opted_out": N_("Opted out"),
    "p50_milliseconds": N_("Median latency"),
    "p95_milliseconds": N_("95 % of calls within"),
    "replied": N_("Replied"),
    "requests": N_("Requests"),
    "sent": N_("Sent"),
    "step": N_("Step"),
    "withdrawals": N_("Withdrawals"),
}
_VALUES = {"wrote": N_("wrote"), "interested": N_("interested"), "booked": N_("booked")}
_TRANSLATED = frozenset({"step"})


def column_label(column: str, language: Language) -> str:
    """Return what a column is called.

    Args:
        column: its name.
        language: the reader's.
    """
    base = column.removesuffix(BEFORE)
    if base in _COLUMNS:
        label = language.gettext(_COLUMNS[base])
    else:
        words = base.replace("_", " ").strip()
        label = words[:1].upper() + words[1:]
    return label if base == column else language.gettext("%(column)s, before", column=label)


def period_labels(columns: Iterable[str], days: int | None, language: Language) -> Mapping[str, str]:
    """Return what the columns of a chart are called. Where it compares one column with its `_before`, they are periods.

    Args:
        columns: those of the chart's numbers.
        days: of a period; None if the query takes none.
        language: the reader's.
    """
    names = list(columns)
    bases = {name.removesuffix(BEFORE) for name in names}
    if days is None or len(bases) > 1 or len(names) == 1:
        return {name: column_label(name, language) for name in names}
    now = language.ngettext("last day", "last %(num)s days", days)
    before = language.ngettext("the day before", "%(num)s days before", days)
    return {name: before if name.endswith(BEFORE) else now for name in names}


def translated(
    columns: Sequence[str], rows: Iterable[Sequence[object]], language: Language
) -> list[tuple[object, ...]]:
    """Return rows in which the words that the packaged queries return are in the reader's language."""
    places = {place for place, name in enumerate(columns) if name in _TRANSLATED}
    return [
        tuple(
            language.gettext(_VALUES[value])
            if place in places and isinstance(value, str) and value in _VALUES
            else value
            for place, value in enumerate(row)
        )
        for row in rows
    ]
