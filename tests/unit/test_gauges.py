"""The convention that makes a query a metric, and that no label is about a guest."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from guestsql.errors import GuestSQLError, QueryFileError
from guestsql.ops.gauges import Column, find_gauges, read_samples
from guestsql.ops.gauges.names import Names
from guestsql.sql import Query
from guestsql.sql.reading import read_queries

INT, FLOAT, NUMERIC, BOOL, TEXT, NAME, TIME, TEXTS, DATE = 23, 701, 1700, 16, 25, 19, 1184, 1009, 1082


def _queries(text: str) -> list[Query]:
    queries, errors = read_queries(text.encode(), Path("own.sql"))
    assert not errors
    return queries


def _samples(columns: list[tuple[str, int]], *rows: tuple[object, ...]) -> dict[str, float]:
    samples = read_samples("x", [Column(name, oid) for name, oid in columns], rows)
    shown = {
        sample.name + "".join(f" {name}={value}" for name, value in sample.labels.items()): sample.value
        for sample in samples
    }
    assert len(shown) == len(samples)
    return shown


def test_only_a_query_with_a_mark_is_a_metric() -> None:
    queries = _queries(
        """
-- name: get_rooms()^
-- Rooms.
-- metrics: rooms
SELECT 1 AS free;
-- name: get_beds(since, floor)^
-- Beds; metrics: no.
--   since: int = 3, days
--   floor: int, the floor
SELECT :since::int + :floor::int AS free;
-- name: list_floors(since, floor)
-- Floors.
-- metrics:  floors   floor=2
--   since: int = 3, days
--   floor: int, the floor
SELECT :since::int + :floor::int AS free;
"""
    )
    found = find_gauges(queries)
    assert [(gauge.query.name, gauge.prefix, gauge.parameters) for gauge in found] == [
        ("get_rooms", "rooms", {}),
        ("list_floors", "floors", {"floor": "2"}),
    ]


@pytest.mark.parametrize(
    ("mark", "message"),
    [
        ("metrics:", "cannot be read"),
        ("metrics: Rooms", "cannot be read"),
        ("metrics: rooms, beds", "cannot be read"),
        ("metrics: rooms\n-- metrics: beds", "two metrics: lines"),
        ("metrics: rooms floor", "cannot be read"),
        ("metrics: rooms floors=2", "an unknown parameter: floors"),
        ("metrics: rooms", "no value for floor"),
        ("metrics: rooms floor=2\n-- cache: a minute", "cache: line cannot be read"),
    ],
)
def test_a_mark_that_cannot_be_used_is_reported_with_its_place(mark: str, message: str) -> None:
    head = f"\n-- name: get_rooms(floor)^\n-- Rooms.\n-- {mark}\n--   floor: int, the floor\n"
    queries = _queries(f"{head}SELECT :floor::int AS free;")
    with pytest.raises(QueryFileError, match=message) as caught:
        find_gauges(queries)
    assert caught.value.place == f"own.sql:{4 + mark.count(chr(10))}"


def test_a_prefix_is_of_one_query_and_not_of_one_that_writes() -> None:
    two = "\n".join(f"-- name: get_{name}()^\n-- metrics: rooms\nSELECT 1 AS free;" for name in ("one", "two"))
    with pytest.raises(QueryFileError, match=r"get_two: get_one already has the prefix rooms"):
        find_gauges(_queries(two))
    with pytest.raises(QueryFileError, match="rows written"):
        find_gauges(_queries("-- name: forget_rooms()!\n-- metrics: rooms\nDELETE FROM rooms;"))


def test_numbers_are_gauges_and_texts_are_labels() -> None:
    columns = [("floor", TEXT), ("free", INT), ("share", NUMERIC), ("area", FLOAT), ("is_open", BOOL), ("wing", NAME)]
    assert _samples(columns, ("1", 3, Decimal("0.5"), 2.5, True, "a"), (None, None, None, None, False, "b")) == {
        "guestsql_x_free floor=1 wing=a": 3,
        "guestsql_x_share floor=1 wing=a": 0.5,
        "guestsql_x_area floor=1 wing=a": 2.5,
        "guestsql_x_is_open floor=1 wing=a": 1,
        "guestsql_x_is_open floor= wing=b": 0,
    }


def test_times_are_gauges_in_seconds() -> None:
    when = datetime(2026, 1, 5, 12, tzinfo=UTC)
    assert _samples([("last_vacuum_at", TIME), ("since", TIME)], (when, None)) == {
        "guestsql_x_last_vacuum_timestamp_seconds": when.timestamp()
    }


def test_whole_numbers_that_tell_rows_apart_are_labels() -> None:
    assert _samples([("pid", INT), ("blocking_pid", INT), ("bid", INT)], (7, None, 8)) == {
        "guestsql_x_bid pid=7 blocking_pid=": 8
    }


def test_what_is_neither_is_left_out() -> None:
    assert _samples([("tags", TEXTS), ("day", DATE), ("free", INT)], (["a"], date(2026, 1, 5), 1)) == {
        "guestsql_x_free": 1
    }


@pytest.mark.parametrize(
    "name",
    [
        *("phone_number", "phone", "guest_phone", "chat_id", "last_chat_id", "user_name", "contact_name", "guest"),
        *("thread_id", "user_id", "email", "label", "labels", "notes", "profile_data", "context_cache"),
    ],
)
def test_a_label_that_tells_of_a_guest_is_refused(name: str) -> None:
    with pytest.raises(GuestSQLError, match=name):
        _samples([(name, TEXT), ("free", INT)], ("x", 1))
    with pytest.raises(GuestSQLError, match=name):
        _samples([(name, TEXT), ("free", INT)])  # and not only once there is a row


@pytest.mark.parametrize("name", ["table_name", "slot_name", "role_name", "query", "process", "state", "guests"])
def test_other_labels_are_not(name: str) -> None:
    assert _samples([(name, TEXT), ("free", INT)], ("x", 1)) == {f"guestsql_x_free {name}=x": 1}


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("573000000001", "…"),
        ("+57 300 000 0001", "+…"),
        ("573000000001:12@s.whatsapp.net", "…:12@s.whatsapp.net"),
        ("81234567890123@lid", "…@lid"),
        ("guest-573000000001-x", "guest-…-x"),
        ("host:573000000001", "host:…"),
        ("6834000", "…"),
        ("57.300.000.0001", "…"),
        ("+57 (300) 000-0001", "+…"),
        ("57_300_000_0001", "…"),
        ("57/300/000/0001", "…"),
        ("57\u00a0300\u202f000\u20110001", "…"),
        ("573\u200b0000\u00ad00001", "…"),
        ("57 - (300) -- 000 0001", "…"),
        ("a:5550001", "a:…"),
        ("web-1:4194304", "web-1:…"),
        ("573000000001, 573000000002", "…, …"),
        ("5730-00-00 00:01", "…:01"),  # no day has this date
        ("2026-11-22 573000000001", "2026-11-22 …"),
        ("57.300.000.001", "…"),  # no IP address either
        ("0/3000148", "…"),
        ("2026-11-22", "2026-11-22"),
        ("2026-11-22 10:00", "2026-11-22 10:00"),
        ("2026-11-22T10:00:00.123456+00", "2026-11-22T10:00:00.123456+00"),
        ("2026/11/22 and 2026-11-23 10:00:00-05:00", "2026/11/22 and 2026-11-23 10:00:00-05:00"),
        ("10.20.130.140:5432", "10.20.130.140:5432"),
        ("ip-10-20-130-140", "ip-10-20-130-140"),
        ("555000", "555000"),
        ("10.0.0.12/32", "10.0.0.12/32"),
        ("public.guest_profiles", "public.guest_profiles"),
    ],
)
def test_a_phone_in_a_value_is_masked(value: str, shown: str) -> None:
    assert _samples([("place", TEXT), ("free", INT)], (value, 1)) == {f"guestsql_x_free place={shown}": 1}


@pytest.mark.parametrize(
    ("name", "value", "shown"),
    [
        ("process", "web-1:4194304", "web-1:4194304"),  # a process number, as in process_minutes
        ("process", "web-1:5550001", "web-1:…"),  # none is as high
        ("process", "573000000001:12", "…:12"),
        ("process", "web-573000000001:12", "web-…:12"),
        ("sent_lsn", "1A/30001480", "1A/30001480"),
        ("sent_lsn", "573000000001/0", "…"),
    ],
)
def test_a_process_and_a_place_in_the_log_are_known_by_their_names(name: str, value: str, shown: str) -> None:
    assert _samples([(name, TEXT), ("free", INT)], (value, 1)) == {f"guestsql_x_free {name}={shown}": 1}


@pytest.mark.parametrize(
    ("name", "value", "shown"),
    [
        ("id", 573000000001, "…"),
        ("id", 5550001, "…"),
        ("id", -5550001, "-…"),
        ("room_id", 555000, "555000"),
        ("pid", 4194304, "4194304"),
        ("pid", 573000000001, "…"),
    ],
)
def test_a_whole_number_as_a_label_is_masked_too(name: str, value: int, shown: str) -> None:
    assert _samples([(name, 20), ("free", INT)], (value, 1)) == {f"guestsql_x_free {name}={shown}": 1}


@pytest.mark.parametrize("name", ["phone", "Phone", "telefono", "guest_phone_number", "chat_id", "guest_id", "wa_id"])
def test_a_number_that_is_called_a_phone_is_no_gauge(name: str) -> None:
    with pytest.raises(GuestSQLError, match=f"{name} seems to identify a guest by its name"):
        _samples([(name, 1700)], (Decimal(573000000001),))


def test_a_column_of_the_guests_is_refused_under_every_name() -> None:
    for origin in (
        "guest_profiles.user_name",
        "guest_profiles.context_epoch",
        "guest_threads.thread_id",
        "legacy_rejects.path",
    ):
        for oid in (TEXT, INT, TIME):
            with pytest.raises(GuestSQLError, match=f"x is {origin}"):
                read_samples("x", [Column("x", oid, origin)], [])
    harmless = [Column("state", TEXT, "historical_clients.booking_status"), Column("n", INT)]
    assert len(read_samples("x", harmless, [("booked", 1)])) == 1
    assert read_samples("x", [Column("profile", 3802, "guest_profiles.profile_data"), Column("n", INT)], [({}, 1)])


def test_infinity_and_no_number_are_values() -> None:
    found = _samples([("at", TIME), ("a", FLOAT), ("b", NUMERIC)], (math.inf, math.nan, Decimal("-Infinity")))
    assert found["guestsql_x_at_timestamp_seconds"] == math.inf
    assert math.isnan(found["guestsql_x_a"])
    assert found["guestsql_x_b"] == -math.inf


def test_why_two_rows_have_the_same_labels() -> None:
    columns = [("floor", TEXT), ("place", TEXT), ("free", INT)]
    with pytest.raises(GuestSQLError, match="differ in place only by digits that are masked") as masked:
        _samples(columns, ("1", "573000000001", 1), ("1", "573000000002", 1))
    assert "57300" not in f"{masked.value} {masked.value.hint}"
    with pytest.raises(GuestSQLError, match="NULL and '' in floor are equal"):
        _samples(columns, (None, "x", 1), ("", "x", 1))


GAUGES = """
-- name: get_long()^
-- metrics: rooms
SELECT 1 AS b_c;
-- name: get_short()^
-- metrics: rooms_b
SELECT 1 AS c;
-- name: get_scrape()^
-- metrics: scrape
SELECT 1 AS error;
"""


def test_a_name_is_of_one_column() -> None:
    names = Names()
    long, short, scrape = find_gauges(_queries(GAUGES))
    one, other = Column("b_c", INT), Column("c", INT)
    names.take(long, [one])
    with pytest.raises(
        GuestSQLError, match=r"rooms_b_c .* b_c of get_long \(own.sql:2\) and c of get_short \(own.sql:5\)"
    ):
        names.take(short, [Column("d", INT), other])
    names.take(long, [one, Column("b_d", INT)])  # it stays its own; and what was refused took nothing
    names.take(short, [Column("c", TEXT)])  # a label is no metric
    with pytest.raises(GuestSQLError, match="guestsql_scrape_error would be both a gauge about the scrape and error"):
        names.take(scrape, [Column("error", INT)])
    times = [Column("last_at", TIME), Column("last_timestamp_seconds", INT)]
    with pytest.raises(GuestSQLError, match="both last_at of get_short"):
        names.take(short, times)


def test_two_rows_with_the_same_labels_are_refused() -> None:
    with pytest.raises(GuestSQLError, match=r"same labels \(floor\)"):
        _samples([("floor", TEXT), ("free", INT)], ("1", 1), ("1", 2))
    with pytest.raises(GuestSQLError, match="same labels"):
        _samples([("free", INT)], (1,), (2,))


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        (["free beds"], "cannot name"),
        (["?column?"], "cannot name"),
        (["1st"], "cannot name"),
        (["a", "a"], "two columns"),
    ],
    ids=str,
)
def test_columns_that_prometheus_would_not_take(columns: list[str], message: str) -> None:
    with pytest.raises(GuestSQLError, match=message):
        _samples([(name, INT) for name in columns])
