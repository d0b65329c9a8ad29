"""What the columns of charts are called. A column that is not listed is called by its name."""

from __future__ import annotations

from collections.abc import Iterable

from guestsql.languages import N_, Language

__all__ = ["COLUMNS", "column_labels"]

COLUMNS = (
    N_("active guests a day"),
    N_("calls"),
    N_("campaign"),
    N_("consents"),
    N_("day"),
    N_("errors"),
    N_("guests"),
    N_("hit percent"),
    N_("hour"),
    N_("messages"),
    N_("new guests"),
    N_("p50 milliseconds"),
    N_("p95 milliseconds"),
    N_("requests"),
    N_("sent"),
    N_("step"),
    N_("withdrawals"),
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
