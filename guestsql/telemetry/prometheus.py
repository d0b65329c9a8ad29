"""Prometheus: what a database of this process has counted, for the program's own endpoint.

It needs the extra `prometheus`:

    from prometheus_client import REGISTRY
    from guestsql.telemetry.prometheus import collector

    REGISTRY.register(collector(db))

The labels are a query's name, a kind of error, an outcome; never anything of a guest.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import accumulate
from typing import Protocol

from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from guestsql.telemetry.figures import BOUNDS, OUTCOMES, Figures, QueryFigures

__all__ = ["collector"]

# Every second limit, a factor of 2 apart: half the series, and each is still exact.
_LIMITS = range(0, len(BOUNDS), 2)


class _Source(Protocol):
    def figures(self) -> Figures: ...


def collector(database: _Source) -> Collector:
    """Return a collector of one database's figures, to be registered by the program.

    Args:
        database: a `GuestDatabase` or `AsyncGuestDatabase`. Of several, each needs a registry of its own, as their
            series have the same names.

    Returns:
        A collector of the counters `guestsql_query_rows_total` by query, `guestsql_query_errors_total` by query and
        kind, `guestsql_context_answers_total` by outcome and `guestsql_metrics_flush_failures_total`, and the histogram
        `guestsql_query_duration_seconds` by query, whose count is that of the calls.
    """
    return _FiguresCollector(database)


class _FiguresCollector(Collector):
    def __init__(self, database: _Source) -> None:
        self._database = database

    def describe(self) -> Iterable[Metric]:
        """Return the metrics without samples, so that registering needs no figures."""
        return _metrics(Figures())

    def collect(self) -> Iterable[Metric]:
        """Return the metrics as they are now."""
        return _metrics(self._database.figures())


def _metrics(figures: Figures) -> Iterator[Metric]:
    durations = HistogramMetricFamily(
        "guestsql_query_duration_seconds", "Time of a named query's calls, failed ones included.", labels=["query"]
    )
    rows = CounterMetricFamily("guestsql_query_rows", "Rows that a named query returned or wrote.", labels=["query"])
    for query, found in sorted(figures.queries.items()):
        durations.add_metric([query], _buckets(found), found.seconds)
        rows.add_metric([query], found.rows)
    errors = CounterMetricFamily(
        "guestsql_query_errors", "Calls of a named query that failed, by kind.", labels=["query", "kind"]
    )
    for (query, kind), count in sorted(figures.errors.items()):
        errors.add_metric([query, kind], count)
    answers = CounterMetricFamily("guestsql_context_answers", "Context answers, by outcome.", labels=["outcome"])
    for outcome in OUTCOMES:
        answers.add_metric([outcome], figures.outcomes.get(outcome, 0))
    failures = CounterMetricFamily(
        "guestsql_metrics_flush_failures",
        "Attempts to write figures to the minute tables that failed.",
        value=figures.flush_failures,
    )
    yield from (durations, rows, errors, answers, failures)


def _buckets(found: QueryFigures) -> list[tuple[str, float]]:
    """Return how many calls took at most so long, limit by limit."""
    counted = list(accumulate(found.buckets))
    return [*((repr(BOUNDS[place]), counted[place]) for place in _LIMITS), ("+Inf", counted[-1])]
