"""What columns are called in a report. A column `X_before` holds `X` of the period before."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from guestsql.languages import Language
from guestsql.languages.columns import BEFORE, column_label, column_labels

__all__ = ["heading", "period_labels"]


def heading(column: str, language: Language) -> str:
    """Return what a column is called, with a capital letter.

    Args:
        column: its name.
        language: the reader's.
    """
    label = column_label(column, language)
    return label[:1].upper() + label[1:]


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
        return column_labels(names, language)
    now = language.ngettext("last day", "last %(num)s days", days)
    before = language.ngettext("the day before", "%(num)s days before", days)
    return {name: before if name.endswith(BEFORE) else now for name in names}
