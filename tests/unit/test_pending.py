"""What was recorded and not yet written."""

from __future__ import annotations

import json
import threading
from datetime import UTC, datetime, timedelta, timezone, tzinfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guestsql.errors import InvalidValue
from guestsql.guests import pending as _pending
from guestsql.guests.pending import MessageId, Messages, Pending

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
A, B = "573000000001", "573000000002"


@pytest.fixture(autouse=True)
def _clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """The machine's clock says a full hour when the monotonic clock says 0."""
    monkeypatch.setattr(_pending, "_CLOCK", 0.0)


def times(start: int, end: int) -> tuple[datetime, datetime]:
    return NOON + timedelta(seconds=start), NOON + timedelta(seconds=end)


def columns(pending: Pending) -> list[tuple[object, ...]]:
    batch = pending.take()
    assert batch is not None
    return rows(batch)


def rows(batch: Messages) -> list[tuple[object, ...]]:
    """Key, number, first and last time; ages follow where a message has no time."""
    found = list(zip(*batch.columns().values(), strict=True))  # type: ignore[call-overload]
    return [row[:4] if row[4:] == (None, None) else row for row in found]


def test_messages_coalesce_in_the_order_of_the_keys() -> None:
    pending = Pending()
    for key, seconds in [(B, 5), (A, 9), (B, 1), (A, 3), (A, 7)]:
        pending.add(key, NOON + timedelta(seconds=seconds))
    assert columns(pending) == [(A, 3, *times(3, 9)), (B, 2, *times(1, 5))]


@given(st.lists(st.tuples(st.sampled_from("cab"), st.integers(-100, 100)), min_size=1))
def test_nothing_is_lost(messages: list[tuple[str, int]]) -> None:
    pending, batches = Pending(), []
    for place, (key, seconds) in enumerate(messages, 1):
        pending.add(key, NOON + timedelta(seconds=seconds))
        if place % 3 == 0 or place == len(messages):
            batch = pending.take()
            assert batch is not None
            batches.append(rows(batch))
            pending.done(batch)
    for key in {key for key, _ in messages}:
        mine = [seconds for each, seconds in messages if each == key]
        found = [row for batch in batches for row in batch if row[0] == key]
        assert sum(row[1] for row in found) == len(mine)  # type: ignore[misc]
        assert (min(row[2] for row in found), max(row[3] for row in found)) == times(min(mine), max(mine))  # type: ignore[type-var]
    assert not pending


def test_messages_with_an_id_are_kept_one_by_one() -> None:
    """Of two with the same id the first counts; they are dropped with their guest."""
    pending = Pending()
    one, two, other = MessageId("whatsapp", "m1"), MessageId("whatsapp", "m2"), MessageId("telegram", "m1")
    pending.add(A, NOON, one)
    pending.add(B, None, one)
    pending.add(B, NOON, two)
    pending.add(B, NOON, other)
    pending.add(B, NOON)
    batch = pending.take()
    assert batch is not None
    assert len(batch) == 2
    found = json.loads(str(batch.parameters()["messages"]))
    assert [(row["gateway"], row["message_id"], row["guest"]) for row in found] == [
        (*each, guest) for each, guest in ((one, A), (two, B), (other, B))
    ]
    assert {row["sent_at"] for row in found} == {NOON.isoformat()}
    pending.done(batch)
    pending.add(A, NOON, one)
    assert pending
    assert pending.drop([A]) == 1
    assert not pending


def test_a_batch_stays_as_it_is_until_it_is_written() -> None:
    pending = Pending()
    assert pending.take() is None
    pending.add(A, NOON)
    batch = pending.take()
    assert batch is not None
    assert pending.open is batch
    pending.add(A, NOON)
    pending.add(B, NOON)
    assert pending.take() is batch
    assert rows(batch) == [(A, 1, NOON, NOON)]
    pending.done(batch)
    again = pending.take()
    assert again is not None
    assert rows(again) == [(A, 1, NOON, NOON), (B, 1, NOON, NOON)]
    assert again.operation_id != batch.operation_id
    pending.done(again)
    pending.done(again)  # two wrote it at once
    assert not pending
    assert pending.open is None


def test_who_is_late_closes_no_other_batch() -> None:
    pending = Pending()
    pending.add(A, NOON)
    batch = pending.take()
    assert batch is not None
    pending.done(batch)
    pending.add(B, NOON)
    other = pending.take()
    pending.done(batch)
    assert pending.take() is other


def test_without_a_time_the_server_dates_it(monkeypatch: pytest.MonkeyPatch) -> None:
    moments = iter([100.0, 103.0, 105.0])
    monkeypatch.setattr(_pending, "monotonic", lambda: next(moments))
    pending = Pending()
    pending.add(A, None)
    pending.add(A, None)
    assert columns(pending) == [(A, 2, None, None, 5.0, 2.0)]


def test_both_kinds_of_time_together(monkeypatch: pytest.MonkeyPatch) -> None:
    moments = iter([100.0, 105.0])
    monkeypatch.setattr(_pending, "monotonic", lambda: next(moments))
    pending = Pending()
    pending.add(A, None)
    pending.add(A, NOON - timedelta(seconds=60))
    assert columns(pending) == [(A, 1, None, None, 5.0, 5.0), (A, 1, *times(-60, -60))]


def test_each_hour_has_a_count(monkeypatch: pytest.MonkeyPatch) -> None:
    """By the message's own time in UTC, or by the machine's clock: as many counts as hours, not as messages."""
    pending, india = Pending(), timezone(timedelta(hours=5, minutes=30))
    for seconds in range(-1800, 1800):
        pending.add(A, NOON + timedelta(seconds=seconds))
    pending.add(A, datetime(2026, 11, 22, 17, 45, tzinfo=india))
    moments = iter([3599.0, 3600.0, 7199.5, 7200.0])
    monkeypatch.setattr(_pending, "monotonic", lambda: next(moments, 8000.0))
    for _ in range(4):
        pending.add(B, None)
    assert columns(pending) == [
        (A, 1800, *times(-1800, -1)),
        (A, 1801, *times(0, 1799)),
        (B, 1, None, None, 4401.0, 4401.0),
        (B, 2, None, None, 4400.0, 800.5),
        (B, 1, None, None, 800.0, 800.0),
    ]


def test_a_repeat_gives_the_age_of_its_own_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    moments = iter([100.0, 105.0, 165.0])
    monkeypatch.setattr(_pending, "monotonic", lambda: next(moments))
    pending = Pending()
    pending.add(A, None)
    batch = pending.take()
    assert batch is not None
    assert [rows(batch)[0][4], rows(batch)[0][4]] == [5.0, 65.0]


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


def test_drop() -> None:
    pending = Pending()
    pending.add(A, NOON)
    pending.add(A, NOON)
    assert (pending.drop([A, B]), pending.drop([A])) == (2, 0)
    assert not pending


def test_many_threads() -> None:
    pending = Pending()
    barrier = threading.Barrier(4)
    written: list[Messages] = []

    def record() -> None:
        barrier.wait()
        for number in range(500):
            pending.add(A, NOON)
            if number % 50 == 0 and (batch := pending.take()) is not None:
                written.append(batch)
                pending.done(batch)

    threads = [threading.Thread(target=record) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    by_id = {batch.operation_id: rows(batch)[0][1] for batch in written}  # two may write the same one
    left = pending.take()
    assert sum(by_id.values()) + (0 if left is None else rows(left)[0][1]) == 2000  # type: ignore[arg-type, operator]
