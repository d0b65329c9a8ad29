"""GS007 for the `metrics:` lines that `guestsql serve-metrics` refuses."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from guestsql.check.finding import Finding
from guestsql.check.sources import Subject
from guestsql.ops.gauges.convention import read_gauges
from guestsql.sql import Query

__all__ = ["vet_metrics"]


def vet_metrics(subjects: Sequence[Subject], others: Mapping[str, Query]) -> Iterator[Finding]:
    """GS007 for `metrics:` marks.

    Args:
        subjects: all queries.
        others: queries that are not under check but are served too, by name.
    """
    named = {subject.query.name for subject in subjects}
    known = {subject.query: subject for subject in subjects}
    _, faults = read_gauges([*(query for name, query in others.items() if name not in named), *known])
    for query, mark, message, hint in faults:
        if query in known and mark.word == "metrics":  # a cache: line is judged with the marks of pages
            width = max(1, len(mark.text))
            yield known[query].on(mark.line, mark.column, "GS007", f"{query.name}: {message}", hint, width=width)
