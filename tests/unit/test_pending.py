"""What was recorded and not yet written."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta, timezone, tzinfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guestsql._core import pending as _pending
from guestsql._core.pending import Messages, Pending
from guestsql.errors import InvalidValue

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
A, B = "573000000001", "573000000002"


def times(start: int, end: int) -> tuple[datetime, datetime]:
    return NOON + timedelta(seconds=start), NOON + timedelta(seconds=end)


def columns(pending: Pending, server_time: datetime = NOON) -> list[tuple[object, ...]]:
    return rows(pending.take(), server_time)


def rows(batch: Messages, server_time: datetime = NOON) -> list[tuple[object, ...]]:
    return list(zip(*batch.columns(server_time).values(), strict=True))  # type: ignore[call-overload]


def test_messages_coalesce_in_the_order_of_the_keys() -> None:
    pending = Pending()
    for key, seconds in [(B, 5), (A, 9), (B, 1), (A, 3), (A, 7)]:
        pending.add(key, NOON + timedelta(seconds=seconds))
    assert columns(pending) == [(A, 3, *times(3, 9)), (B, 2, *times(1, 5))]


@given(st.lists(st.tuples(st.sampled_from("cab"), st.integers(-100, 100)), min_size=1))
def test_nothing_is_lost(messages: list[tuple[str, int]]) -> None:
    pending, batches = Pending(), []
    for place, (key, seconds) in enumerate(messages):
        pending.add(key, NOON + timedelta(seconds=seconds))
        if place % 3 == 0:
            batches.append(pending.take())
    for batch in batches:
        pending.put_back(batch)
    found = columns(pending)
    assert [row[0] for row in found] == sorted({key for key, _ in messages})
    for key, count, first, last in found:
        mine = [seconds for each, seconds in messages if each == key]
        assert (count, first, last) == (len(mine), *times(min(mine), max(mine)))


def test_take_empties() -> None:
    pending = Pending()
    assert not pending
    pending.add(A, NOON)
    batch = pending.take()
    assert not pending.take()
    assert pending  # it is not written yet
    pending.add(A, NOON)
    pending.put_back(batch)
    assert rows(batch) == [(A, 1, NOON, NOON)]
    again = pending.take()
    assert rows(again) == [(A, 2, NOON, NOON)]
    pending.done(again)
    assert not pending


def test_a_batch_that_may_have_been_written_is_remembered() -> None:
    pending = Pending()
    pending.add(A, NOON)
    batch = pending.take()
    assert pending.unsettled() == []
    batch.committing("7")
    assert pending.unsettled() == [batch]
    assert pending.left_over(0) == [batch]
    pending.done(batch)
    assert pending.unsettled() == pending.left_over(0) == []


def test_at_exit_another_thread_may_finish_its_batch() -> None:
    pending, taken, go = Pending(), threading.Event(), threading.Event()
    pending.add(A, NOON)

    def write() -> None:
        batch = pending.take()
        taken.set()
        assert go.wait(60)
        pending.done(batch)

    writer = threading.Thread(target=write)
    writer.start()
    assert taken.wait(60)
    assert len(pending.left_over(0)) == 1
    go.set()
    assert pending.left_over(60) == []
    writer.join()


def test_at_exit_nobody_waits_for_a_thread_that_is_gone() -> None:
    pending = Pending()
    pending.add(A, NOON)
    writer = threading.Thread(target=pending.take)
    writer.start()
    writer.join()
    assert len(pending.left_over(3600)) == 1


def test_a_batch_that_is_written_again_after_it_was_put_back_counts_once() -> None:
    pending = Pending()
    pending.add(A, NOON)
    for _ in range(3):
        pending.put_back(pending.take())
    assert columns(pending) == [(A, 1, NOON, NOON)]


def test_without_a_time_the_server_dates_it(monkeypatch: pytest.MonkeyPatch) -> None:
    moments = iter([100.0, 103.0, 105.0])
    monkeypatch.setattr(_pending, "monotonic", lambda: next(moments))
    pending = Pending()
    pending.add(A, None)
    pending.add(A, None)
    assert columns(pending) == [(A, 2, *times(-5, -2))]


def test_both_kinds_of_time_together(monkeypatch: pytest.MonkeyPatch) -> None:
    moments = iter([100.0, 105.0])
    monkeypatch.setattr(_pending, "monotonic", lambda: next(moments))
    pending = Pending()
    pending.add(A, None)
    pending.add(A, NOON - timedelta(seconds=60))
    assert columns(pending) == [(A, 2, *times(-60, -5))]


def test_times_are_compared_across_zones() -> None:
    pending = Pending()
    bogota = timezone(timedelta(hours=-5))
    pending.add(A, datetime(2026, 11, 22, 7, 0, 1, tzinfo=bogota))
    pending.add(A, NOON)
    assert columns(pending) == [(A, 2, *times(0, 1))]


class NoOffset(tzinfo):
    """A zone that does not say what it is: Python calls such a datetime naive."""

    def utcoffset(self, dt: datetime | None) -> None:
        del dt

    dst = utcoffset

    def tzname(self, dt: datetime | None) -> str:
        del dt
        return "?"


@pytest.mark.parametrize("at", [datetime(2026, 1, 1), datetime(2026, 1, 1, tzinfo=NoOffset())])  # noqa: DTZ001  naive on purpose
def test_a_naive_time_is_refused(at: datetime) -> None:
    pending = Pending()
    with pytest.raises(InvalidValue, match="no zone") as caught:
        pending.add(A, at)
    assert "UTC" in caught.value.hint
    assert not pending


@pytest.mark.parametrize("at", [1_700_000_000, "2026-11-22T12:00:00Z", NOON.date()])
def test_what_is_no_time_is_refused(at: object) -> None:
    with pytest.raises(InvalidValue, match=type(at).__name__):
        Pending().add(A, at)  # type: ignore[arg-type]


@pytest.mark.parametrize(("edge", "hours"), [("min", 5), ("max", -5)])
def test_times_at_the_ends_of_the_calendar(edge: str, hours: int) -> None:
    at: datetime = getattr(datetime, edge)
    with pytest.raises(InvalidValue, match="years"):
        Pending().add(A, at.replace(tzinfo=timezone(timedelta(hours=hours))))


def test_move() -> None:
    pending = Pending()
    pending.add(A, NOON)
    pending.add(B, NOON + timedelta(seconds=1))
    pending.move(B, A)
    pending.move(B, A)
    assert columns(pending) == [(A, 2, *times(0, 1))]


def test_drop() -> None:
    pending = Pending()
    pending.add(A, NOON)
    pending.add(A, NOON)
    assert (pending.drop(A), pending.drop(A)) == (2, 0)
    assert not pending


def test_many_threads() -> None:
    pending, taken = Pending(), []
    barrier = threading.Barrier(4)

    def record() -> None:
        barrier.wait()
        for number in range(500):
            pending.add(A, NOON)
            if number % 50 == 0:
                taken.append(pending.take())

    threads = [threading.Thread(target=record) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for batch in taken:
        pending.put_back(batch)
    assert columns(pending) == [(A, 2000, NOON, NOON)]
