"""The counts in the process: none lost, each in its minute, memory bounded."""

from __future__ import annotations

import asyncio
import json
import sys
import threading
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from time import perf_counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guestsql.errors import (
    ConstraintViolation,
    DatabaseError,
    DatabaseUnavailable,
    InvalidValue,
    OutcomeUnknown,
    QueryTimeout,
    TransactionConflict,
)
from guestsql.telemetry import counting as _counting
from guestsql.telemetry.counting import Counting
from guestsql.telemetry.figures import BOUNDS, Figures, QueryFigures, kind_of

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


def columns(counting: Counting) -> dict[str, list[dict[str, Any]]]:
    batch = counting.take()
    assert batch is not None
    return {table: json.loads(str(rows)) for table, rows in batch.columns().items()}


def at(counting: Counting, seconds: float) -> float:
    """The moment so many seconds before or after noon of the server's clock."""
    return NOON.timestamp() + seconds - counting._said


@pytest.fixture
def counting() -> Counting:
    made = Counting()
    made.set_time(NOON)
    return made


def test_each_in_its_minute(counting: Counting) -> None:
    for seconds in (-0.5, -61.0, 0.5, 59.0, -0.25):
        moment = at(counting, seconds)
        counting._calls.append(("b", moment - 0.1, moment, 2))
        counting._answers.append(("hit", moment, 1))
    counting._errors.append(("b", "timeout", at(counting, -61.0)))
    found = columns(counting)
    assert [(row["minute"], row["calls"], row["row_count"]) for row in found["queries"]] == [
        ("2026-11-22T11:58:00+00:00", 1, 2),
        ("2026-11-22T11:59:00+00:00", 2, 4),
        ("2026-11-22T12:00:00+00:00", 2, 4),
    ]
    assert [row["answers"] for row in found["contexts"]] == [1, 2, 2]
    assert found["errors"] == [{"minute": "2026-11-22T11:58:00+00:00", "query": "b", "kind": "timeout", "errors": 1}]


def test_rows_are_in_the_order_of_their_keys(counting: Counting) -> None:
    for query in ("c", "a", "b", "a"):
        counting.failed_call(query, perf_counter(), QueryTimeout("late"))
        counting.failed_call(query, perf_counter(), ConstraintViolation("no"))
    found = columns(counting)
    assert [row["query"] for row in found["queries"]] == ["a", "b", "c"]
    keys = [(row["query"], row["kind"]) for row in found["errors"]]
    assert keys == sorted(keys)
    assert len(keys) == 6


def test_another_machines_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_counting.time, "time", lambda: 0.0)
    counting = Counting()
    for _ in range(1200):
        counting.answer("hit")
    counting.total()
    counting.set_time(NOON)
    minutes = {row["minute"] for row in columns(counting)["contexts"]}
    assert minutes <= {(NOON + timedelta(minutes=minutes)).isoformat() for minutes in (-1, 0, 1)}


def test_the_servers_time_is_asked_for_now_and_then(counting: Counting, monkeypatch: pytest.MonkeyPatch) -> None:
    assert Counting().needs_time()
    assert not counting.needs_time()
    monkeypatch.setattr(_counting, "perf_counter", lambda: perf_counter() + 3600.0)
    assert counting.needs_time()


def test_unknown_rows_are_none(counting: Counting) -> None:
    counting.call("a", perf_counter(), -1)
    assert columns(counting)["queries"][0]["row_count"] == 0


@given(st.lists(st.floats(0, 400), min_size=1))
def test_the_buckets(durations: list[float]) -> None:
    found = QueryFigures()
    found.count(durations, 0)
    assert sum(found.buckets) == len(durations)
    for place, bound in enumerate(BOUNDS, 1):
        assert sum(found.buckets[:place]) == sum(seconds <= bound for seconds in durations)
    filled = found.filled()
    assert filled[-1] > 0
    assert [*filled, *[0] * (len(BOUNDS) + 1 - len(filled))] == found.buckets


def test_the_limits_are_a_factor_of_the_root_of_two_apart() -> None:
    assert len(BOUNDS) == 48
    assert BOUNDS[32] == 1.0
    assert all(abs(high / low - 2**0.5) < 1e-9 for low, high in pairwise(BOUNDS))


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (OutcomeUnknown(""), "outcome_unknown"),
        (ConstraintViolation("", sqlstate="23505"), "constraint"),
        (QueryTimeout("", sqlstate="57014"), "timeout"),
        (DatabaseUnavailable(""), "unavailable"),
        (TransactionConflict("", sqlstate="40P01"), "conflict"),
        (OutcomeUnknown("", sqlstate="40001"), "outcome_unknown"),
        (DatabaseError("", sqlstate="42P01"), "other"),
        (InvalidValue(""), "other"),
        (asyncio.CancelledError(), "cancelled"),
        (KeyboardInterrupt(), "cancelled"),
    ],
    ids=repr,
)
def test_kinds(error: BaseException, kind: str) -> None:
    assert kind_of(error) == kind


def test_memory_is_bounded_while_nothing_can_be_written(counting: Counting) -> None:
    for minute in range(500):
        counting._answers.append(("hit", at(counting, minute * 60), 1))
    counting.total()
    assert len(counting._minutes) == _counting._MINUTES_KEPT
    rows = columns(counting)["contexts"]
    assert sum(row["answers"] for row in rows) == 500
    assert rows[0]["answers"] == 381
    for _ in range(10_000):
        counting.call("a", perf_counter(), 1)
        counting.answer("hit")
    assert len(counting._calls) < 1000


def test_what_could_not_be_written_stays_as_it_is(counting: Counting) -> None:
    counting.answer("hit")
    batch = counting.take()
    assert batch is not None
    counting.answer("hit")
    counting.answer("miss")
    assert counting.take() is batch
    assert [(row["outcome"], row["answers"]) for row in columns(counting)["contexts"]] == [("hit", 1)]
    assert counting.total().outcomes == {"hit": 2, "miss": 1}
    counting.done(batch)
    assert [(row["outcome"], row["answers"]) for row in columns(counting)["contexts"]] == [("hit", 1), ("miss", 1)]


def test_the_total_counts_all_once(counting: Counting) -> None:
    counting.answer("hit")
    batch = counting.take()
    assert batch is not None
    assert counting.total().outcomes == {"hit": 1}
    counting.done(batch)
    counting.answer("hit")
    assert counting.total().outcomes == {"hit": 2}
    batch = counting.take()
    assert batch is not None
    counting.done(batch)
    assert counting.total().outcomes == {"hit": 2}


def test_its_own_queries_are_no_reason_to_write(counting: Counting) -> None:
    counting.call("record_metrics", perf_counter(), 1)
    counting.call("get_server_time", perf_counter(), 1)
    assert not counting
    counting.call("get_profile", perf_counter(), 1)
    assert counting
    assert [row["query"] for row in columns(counting)["queries"]] == [
        "get_profile",
        "get_server_time",
        "record_metrics",
    ]


@pytest.mark.parametrize("event", ["flush failure", "error"])
def test_its_own_failures_are(counting: Counting, event: str) -> None:
    if event == "error":
        counting.failed_call("record_metrics", perf_counter(), QueryTimeout("late"))
    else:
        counting.flush_failure()
    assert counting


def test_a_holder_of_the_sums_delays_no_one(counting: Counting, monkeypatch: pytest.MonkeyPatch) -> None:
    """The thread that holds them may have been stopped by SIGTERM's handler, which waits for this one."""
    monkeypatch.setattr(_counting, "_PATIENCE_SECONDS", 0.01)
    counting.answer("hit")
    with counting._summing:
        for _ in range(2000):
            counting.answer("hit")
        counting.set_time(NOON)
        assert not counting.take()
    [row] = columns(counting)["contexts"]
    assert row["answers"] == 2001


def test_threads_lose_nothing(counting: Counting) -> None:
    kept = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    barrier = threading.Barrier(5)
    found = Figures()

    def count() -> None:
        barrier.wait()
        for _ in range(5000):
            counting.call("a", 0.0, 1)
            counting.error("a", QueryTimeout("late"))
            counting.answer("hit")

    threads = [threading.Thread(target=count) for _ in range(4)]
    try:
        for thread in threads:
            thread.start()
        barrier.wait()
        while any(thread.is_alive() for thread in threads):
            batch = counting.take()
            if batch is not None:
                for figures in batch.minutes.values():
                    found.add(figures)
                counting.done(batch)
    finally:
        sys.setswitchinterval(kept)
    for thread in threads:
        thread.join()
    if (batch := counting.take()) is not None:
        for figures in batch.minutes.values():
            found.add(figures)
    assert found.queries["a"].calls == found.queries["a"].rows == sum(found.queries["a"].buckets) == 20_000
    assert found.errors == {("a", "timeout"): 20_000}
    assert found.outcomes == {"hit": 20_000}
