"""Every form of time in the old files."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guestsql.legacy.reading.times import parse_name_time, parse_time

NOON = datetime(2025, 7, 5, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    "value",
    [
        "2025-07-05T12:00:00.000Z",
        "2025-07-05T12:00:00Z",
        "2025-07-05T07:00:00-05:00",
        "2025-07-05T12:00:00",
        " 2025-07-05 12:00 ",
        1751716800,
        1751716800000,
        "1751716800",
        "1751716800000",
        Decimal("1751716800.0"),
        "1751716800.000",
    ],
)
def test_one_noon_in_every_form(value):
    assert parse_time(value) == NOON
    assert parse_time(value).tzinfo is UTC


def test_a_bare_date_is_midnight_in_utc():
    assert parse_time("2025-07-05") == NOON.replace(hour=0)


def test_milliseconds_are_kept():
    assert parse_time("2025-07-05T12:00:00.123Z") == parse_time(1751716800123) == NOON + timedelta(milliseconds=123)


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        "",
        "Invalid Date",
        "ayer",
        "2025-13-01",
        "0000-00-00",
        "0001-01-01T00:00:00+14:00",
        "9999-12-31T23:59:59-14:00",
        0,
        -1,
        5,
        10**30,
        Decimal("1e400"),
        "NaN",
        "2025-07-05T12:00:00\ud83d",
        [],
        {},
    ],
)
def test_what_is_no_time(value):
    assert parse_time(value) is None


@given(st.one_of(st.text(), st.integers(), st.decimals(allow_nan=False, allow_infinity=False)))
def test_anything_may_be_asked(value):
    time = parse_time(value)
    assert time is None or (time.tzinfo is UTC and 1970 <= time.year <= 9999)


@given(st.datetimes(datetime(1980, 1, 1), datetime(2100, 1, 1)))  # noqa: DTZ001  the strategy adds no zone
def test_iso_and_epoch_agree(naive):
    time = naive.replace(microsecond=0, tzinfo=UTC)
    assert parse_time(time.isoformat()) == parse_time(int(time.timestamp())) == time


@pytest.mark.parametrize(
    ("name", "time"),
    [
        ("threads-2025-07-05T12-00-00-000Z.json", NOON),
        ("threads-2025-07-05T12-00-00-250Z.json", NOON + timedelta(milliseconds=250)),
        ("threads-backup-2025-07-05T12-00-00Z.json", NOON),
        ("threads-backup-2025-07-05.json", NOON.replace(hour=0)),
        ("threads-backup-1751716800000.json", NOON),
        ("threads-old.json", None),
        ("threads-2025-99-99T12-00-00-000Z.json", None),
    ],
)
def test_the_time_in_a_backups_name(name, time):
    assert parse_name_time(name) == time
