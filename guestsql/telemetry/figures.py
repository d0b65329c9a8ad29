"""Figures of queries and contexts: what is counted, in what unit, and how two of a kind are added."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import repeat

from guestsql.errors import (
    ConstraintViolation,
    DatabaseUnavailable,
    OutcomeUnknown,
    QueryTimeout,
    TransactionConflict,
)

__all__ = ["BOUNDS", "KINDS", "OUTCOMES", "Figures", "QueryFigures", "kind_of"]

# The tables' rule: element i of their arrays, counted from 1, ends at 2 ** ((i - 33) / 2) seconds.
BOUNDS = tuple(2.0 ** ((place - 33) / 2) for place in range(1, 49))
"""The limits of the buckets of durations, in seconds, a factor of the square root of 2 apart; the last has none."""

KINDS = ("cancelled", "conflict", "constraint", "outcome_unknown", "timeout", "unavailable", "other")
"""The kinds of errors."""

OUTCOMES = ("hit", "stale", "miss", "error")
"""What became of a question for a context."""


_KINDS_OF: tuple[tuple[type[BaseException], str], ...] = (
    (OutcomeUnknown, "outcome_unknown"),
    (TransactionConflict, "conflict"),
    (ConstraintViolation, "constraint"),
    (QueryTimeout, "timeout"),
    (DatabaseUnavailable, "unavailable"),
    (Exception, "other"),
    (BaseException, "cancelled"),  # a cancelled task, Ctrl-C
)


def kind_of(error: BaseException) -> str:
    """Return the kind of an error, one of `KINDS`.

    Args:
        error: what a query ended with.
    """
    return next(kind for types, kind in _KINDS_OF if isinstance(error, types))


@dataclass(slots=True)
class QueryFigures:
    """The figures of one query.

    Attributes:
        calls: statements sent, and calls for which there was no connection; the failed ones too.
        rows: rows returned or written.
        seconds: the time of all calls together.
        buckets: calls by duration: element i, from 0, counts those that took at most `2 ^ ((i - 32) / 2)` seconds and
            longer than those before it; the 49th and last has no limit.
    """

    calls: int = 0
    rows: int = 0
    seconds: float = 0.0
    buckets: list[int] = field(default_factory=lambda: [0] * (len(BOUNDS) + 1))

    def count(self, seconds: Sequence[float], rows: int) -> None:
        """Count calls.

        Args:
            seconds: how long each of them took.
            rows: of all of them.
        """
        self.calls += len(seconds)
        self.seconds += sum(seconds)
        self.rows += rows
        for place, calls in Counter(map(bisect_left, repeat(BOUNDS), seconds)).items():
            self.buckets[place] += calls

    def add(self, other: QueryFigures) -> None:
        """Add the figures of the same query."""
        self.calls += other.calls
        self.rows += other.rows
        self.seconds += other.seconds
        self.buckets = [mine + its for mine, its in zip(self.buckets, other.buckets, strict=True)]

    def filled(self) -> list[int]:
        """Return the buckets without the zeros at their end."""
        last = max((place for place, calls in enumerate(self.buckets, 1) if calls), default=0)
        return self.buckets[:last]


@dataclass(slots=True)
class Figures:
    """What was counted, in one minute or in all.

    Attributes:
        queries: figures by query.
        errors: how many by query and kind.
        outcomes: context answers by outcome.
        flush_failures: attempts to write figures that failed.
    """

    queries: dict[str, QueryFigures] = field(default_factory=dict[str, QueryFigures])
    errors: dict[tuple[str, str], int] = field(default_factory=dict[tuple[str, str], int])
    outcomes: dict[str, int] = field(default_factory=dict[str, int])
    flush_failures: int = 0

    def of(self, query: str) -> QueryFigures:
        """Return the figures of one query, made if there are none."""
        found = self.queries.get(query)
        if found is None:
            found = self.queries[query] = QueryFigures()
        return found

    def add(self, other: Figures) -> None:
        """Add other figures to these; the others stay as they are."""
        for query, figures in other.queries.items():
            self.of(query).add(figures)
        for key, errors in other.errors.items():
            self.errors[key] = self.errors.get(key, 0) + errors
        for outcome, answers in other.outcomes.items():
            self.outcomes[outcome] = self.outcomes.get(outcome, 0) + answers
        self.flush_failures += other.flush_failures
