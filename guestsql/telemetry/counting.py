"""Counts calls of queries and context answers in the process; nothing is written when something is read.

On the path of a call one sample is appended to a deque, which no other thread can tear apart. Samples are counted
together when there are many, or when the figures are read.
"""

from __future__ import annotations

import json
import math
import os
import socket
import threading
import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from operator import itemgetter
from time import perf_counter
from typing import TypeVar

import psutil

from guestsql.telemetry.figures import Figures, kind_of
from guestsql.telemetry.write_buffer import Batch, WriteBuffer

__all__ = ["Counted", "Counting"]

Sample = TypeVar("Sample")

# So many samples are kept at most before a caller counts them together, which takes about a third of a millisecond.
_SAMPLES_KEPT = 500
# So many minutes are kept apart while nothing can be written; then the oldest are added together.
_MINUTES_KEPT = 120
_PATIENCE_SECONDS = 1.0
# Two clocks drift apart by a few milliseconds in this time.
_ASK_TIME_SECONDS = 600.0
_MINUTE = 60
# What writing the figures needs is counted, but is by itself no reason to write.
_OWN_QUERIES = frozenset(
    {
        "get_server_time",
        "record_metrics",
        "thin_minutes",
        "thin_operations",
    }
)


class Counted(Batch):
    """Figures taken to be written at once: the parameters of `record_metrics`.

    Args:
        minutes: figures by the number of the minute since 1970, as the server's clock was thought to go.
        counting: knows how it went.
    """

    def __init__(self, minutes: dict[int, Figures], counting: Counting) -> None:
        super().__init__()
        self.minutes = minutes
        self._counting = counting

    def __len__(self) -> int:
        return len(self.minutes)

    def columns(self) -> dict[str, object]:
        """Return the rows for each table, in the order of its keys."""
        minutes = [(_instant(minute), figures) for minute, figures in sorted(self.minutes.items())]
        rows = {
            "queries": [row for minute in minutes for row in _query_rows(*minute)],
            "errors": [row for minute in minutes for row in _error_rows(*minute)],
            "contexts": [row for minute in minutes for row in _context_rows(*minute)],
            "processes": list(_process_rows(self.minutes, self._counting.minute())),
        }
        return {table: json.dumps(found) for table, found in rows.items()}


class Counting(WriteBuffer[Counted]):
    """What one database has counted and not written yet. May be used from several threads.

    A minute is one of the server's clock: its last known time is continued by a monotonic clock. Before it
    is known, the machine's own clock is used.
    """

    query = "record_metrics"
    content = "METRICS"

    def __init__(self) -> None:
        super().__init__()
        self._calls: deque[tuple[str, float, float, int]] = deque()
        self._errors: deque[tuple[str, str, float]] = deque()
        self._answers: deque[tuple[str, float, int]] = deque()
        self._failures: deque[float] = deque()
        # Held only while samples are counted together, and never waited for without end: SIGTERM's handler may have
        # stopped the very thread that holds it.
        self._summing = threading.Lock()
        self._minutes: dict[int, Figures] = {}
        self._written = Figures()
        # From `perf_counter()` to seconds since 1970.
        self._offset = time.time() - perf_counter()
        self._said = self._offset
        self._ask_at = -math.inf

    def call(self, query: str, started: float, rows: int) -> None:
        """Count a call that ends now.

        Args:
            query: its name.
            started: when it began, in seconds of `time.perf_counter()`.
            rows: returned or written; below 0 if unknown.
        """
        calls = self._calls
        calls.append((query, started, perf_counter(), rows))
        if len(calls) >= _SAMPLES_KEPT:
            self._sum(0.0)

    def error(self, query: str, error: BaseException) -> None:
        """Count the error of a call that was counted.

        Args:
            query: the query's name.
            error: what it ended with.
        """
        self._errors.append((query, kind_of(error), perf_counter()))
        if len(self._errors) >= _SAMPLES_KEPT:
            self._sum(0.0)

    def failed_call(self, query: str, started: float, error: BaseException) -> None:
        """Count a call that never became a statement.

        Args:
            query: the query's name.
            started: when it began, in seconds of `time.perf_counter()`.
            error: why not.
        """
        self.call(query, started, 0)
        self.error(query, error)

    def answer(self, outcome: str, number: int = 1) -> None:
        """Count context answers.

        Args:
            outcome: one of `OUTCOMES`.
            number: how many there were.
        """
        answers = self._answers
        answers.append((outcome, perf_counter(), number))
        if len(answers) >= _SAMPLES_KEPT:
            self._sum(0.0)

    def flush_failure(self) -> None:
        """Count an attempt to write the figures that failed."""
        self._failures.append(perf_counter())

    def needs_time(self) -> bool:
        """Return whether the server was last asked for its time too long ago."""
        return perf_counter() >= self._ask_at

    def set_time(self, server_time: datetime) -> None:
        """Take note of the server's time."""
        now = perf_counter()
        self._said = server_time.timestamp() - now
        self._ask_at = now + _ASK_TIME_SECONDS

    def minute(self) -> int:
        """Return the number of the present minute since 1970, by the server's clock."""
        return int((perf_counter() + self._said) // _MINUTE)

    def total(self) -> Figures:
        """Return all that was counted since the database was made, written or not; a copy."""
        found = Figures()
        with self._lock:
            self._sum(_PATIENCE_SECONDS)
            found.add(self._written)
            held = self._summing.acquire(timeout=_PATIENCE_SECONDS)
            try:
                for minutes in (self._minutes, {} if self.open is None else self.open.minutes):
                    for figures in minutes.values():
                        found.add(figures)
            finally:
                if held:
                    self._summing.release()
        return found

    def has_more(self) -> bool:
        """Return whether there is anything but what the last write has itself counted."""
        self._sum(_PATIENCE_SECONDS)
        return any(
            figures.errors or figures.outcomes or figures.flush_failures or not figures.queries.keys() <= _OWN_QUERIES
            for figures in self._minutes.copy().values()
        )

    def _remember(self, batch: Counted) -> None:
        for figures in batch.minutes.values():
            self._written.add(figures)

    def _collect(self) -> Counted:
        self._sum(_PATIENCE_SECONDS)
        minutes: dict[int, Figures] = {}
        if self._summing.acquire(timeout=_PATIENCE_SECONDS):
            minutes, self._minutes = self._minutes, minutes
            self._summing.release()
        return Counted(minutes, self)

    def _sum(self, seconds: float) -> None:
        """Count the samples together, unless another thread takes longer than that to do it."""
        if not self._summing.acquire(timeout=seconds):
            return
        try:
            self._adjust_clock()
            self._sum_calls()
            self._sum_answers()
            for query, kind, moment in _drained(self._errors):
                errors = self._at(moment).errors
                errors[query, kind] = errors.get((query, kind), 0) + 1
            for moment in _drained(self._failures):
                self._at(moment).flush_failures += 1
            self._forget_when()
        finally:
            self._summing.release()

    def _sum_calls(self) -> None:
        for moment, calls in self._by_minute(_drained(self._calls), itemgetter(2)):
            figures = self._at(moment)
            seconds: defaultdict[str, list[float]] = defaultdict(list)
            rows: defaultdict[str, int] = defaultdict(int)
            for query, started, ended, found in calls:
                seconds[query].append(ended - started)
                if found > 0:
                    rows[query] += found
            for query, durations in seconds.items():
                figures.of(query).count(durations, rows[query])

    def _sum_answers(self) -> None:
        for moment, answers in self._by_minute(_drained(self._answers), itemgetter(1)):
            outcomes = self._at(moment).outcomes
            for outcome, _moment, number in answers:
                outcomes[outcome] = outcomes.get(outcome, 0) + number

    def _by_minute(
        self, samples: list[Sample], moment_of: Callable[[Sample], float]
    ) -> Iterator[tuple[float, list[Sample]]]:
        """Yield the samples of each minute with a moment in it. Nearly always all are of one."""
        moments = [*map(moment_of, samples)]
        if moments and self._minute(min(moments)) == self._minute(max(moments)):
            yield moments[0], samples
            return
        for sample, moment in zip(samples, moments, strict=True):
            yield moment, [sample]

    def _minute(self, moment: float) -> int:
        return int((moment + self._offset) // _MINUTE)

    def _at(self, moment: float) -> Figures:
        return self._of(self._minute(moment))

    def _of(self, minute: int) -> Figures:
        found = self._minutes.get(minute)
        if found is None:
            found = self._minutes[minute] = Figures()
        return found

    def _adjust_clock(self) -> None:
        """Use the server's last known time; what was counted by another clock moves by whole minutes."""
        said = self._said
        minutes = round((said - self._offset) / _MINUTE)
        self._offset = said
        if minutes:
            self._minutes = {minute + minutes: figures for minute, figures in self._minutes.items()}

    def _forget_when(self) -> None:
        """Keep memory bounded while nothing can be written: what is lost is when, not how many."""
        while len(self._minutes) > _MINUTES_KEPT:
            oldest, next_oldest, *_ = sorted(self._minutes)
            self._minutes[next_oldest].add(self._minutes.pop(oldest))


def _drained(samples: deque[Sample]) -> list[Sample]:
    """Take out what is there now; what others append meanwhile is for the next time."""
    take = samples.popleft
    return [take() for _ in range(len(samples))]


def _instant(minute: int) -> str:
    return datetime.fromtimestamp(minute * _MINUTE, UTC).isoformat()


def _query_rows(minute: str, figures: Figures) -> Iterator[dict[str, object]]:
    for query, found in sorted(figures.queries.items()):
        yield {
            "minute": minute,
            "query": query,
            "calls": found.calls,
            "row_count": found.rows,
            "microseconds": round(found.seconds * 1_000_000),
            "buckets": found.filled(),
        }


def _error_rows(minute: str, figures: Figures) -> Iterator[dict[str, object]]:
    for (query, kind), errors in sorted(figures.errors.items()):
        yield {"minute": minute, "query": query, "kind": kind, "errors": errors}


def _context_rows(minute: str, figures: Figures) -> Iterator[dict[str, object]]:
    for outcome, answers in sorted(figures.outcomes.items()):
        yield {"minute": minute, "outcome": outcome, "answers": answers}


def _process_rows(minutes: dict[int, Figures], now: int) -> Iterator[dict[str, object]]:
    """One row for this flush, and one for each earlier minute in which a flush failed."""
    process = f"{socket.gethostname()}:{os.getpid()}"
    for minute in sorted({now, *(minute for minute, figures in minutes.items() if figures.flush_failures)}):
        yield {
            "minute": _instant(minute),
            "process": process,
            "flushes": int(minute == now),
            "flush_failures": minutes.get(minute, Figures()).flush_failures,
            "resident_bytes": _resident_bytes() if minute == now else None,
        }


def _resident_bytes() -> int | None:
    try:
        return int(psutil.Process().memory_info().rss)
    except (psutil.Error, OSError):  # no /proc, say
        return None
