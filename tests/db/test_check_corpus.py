"""Odd but right queries: the check finds nothing in any of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.checking import SHIPPED, check_paths, check_text, extended_migrations, told

# Each of its queries is one that a simpler check would take for a slip.
CORPUS = (Path(__file__).parent / "odd_queries.sql").read_text(encoding="utf-8")


@pytest.fixture(scope="session")
def extended(tmp_path_factory):
    return extended_migrations(tmp_path_factory.mktemp("check"))


def test_nothing_is_found_in_odd_but_right_queries(server, tmp_path, extended):
    assert CORPUS.count("-- name: ") - 3 >= 60  # three stand in a dollar quote and in a block comment
    assert told(check_text(server.url(), tmp_path, {"odd.sql": CORPUS}, extended)) == []


def test_nothing_is_found_with_line_ends_of_windows_and_a_byte_order_mark(server, tmp_path, extended):
    data = b"\xef\xbb\xbf" + CORPUS.replace("\n", "\r\n").encode()
    assert told(check_text(server.url(), tmp_path, {"odd.sql": data}, extended)) == []


def test_nothing_is_found_in_odd_but_right_queries_of_large_tables(server, tmp_path, extended):
    text = """-- check: large rooms, public.stays

-- name: get_room(hotel_id, room_number)^
-- check: hot
--   hotel_id: int, the hotel
--   room_number: int, the room
SELECT floor FROM rooms WHERE hotel_id = :hotel_id::int AND room_number = :room_number::int;

-- name: has_stays()$
SELECT EXISTS (SELECT FROM stays) AS has_any;

-- name: get_latest_stay()$
-- check: hot
SELECT max(stay_id) FROM stays;

-- name: list_stays(phone_number, max_rows)
-- check: hot
--   phone_number: text, the guest
--   max_rows: int = 50, rows at most
SELECT begins, stay_id FROM stays WHERE phone_number = :phone_number::text
ORDER BY begins, stay_id LIMIT :max_rows::int;

-- name: list_first_stays(max_rows)
-- check: hot
--   max_rows: int = 50, rows at most
SELECT stay_id, note FROM stays ORDER BY stay_id LIMIT :max_rows::int;

-- name: count_open_stays()$
SELECT count(*) FROM stays WHERE is_open;

-- name: list_without_note(max_rows)
--   max_rows: int = 50, rows at most
SELECT stay_id FROM stays WHERE note IS NULL ORDER BY stay_id LIMIT :max_rows::int;

-- name: list_given_stays(stay_ids)
-- check: hot
--   stay_ids: bigint[], which
SELECT s.stay_id, r.floor FROM stays AS s INNER JOIN rooms AS r USING (hotel_id, room_number)
WHERE s.stay_id = ANY(:stay_ids::bigint[]) ORDER BY s.stay_id;

-- name: add_missing_rooms(hotel_ids, room_numbers)!
--   hotel_ids: int[], hotels
--   room_numbers: int[], rooms
INSERT INTO rooms (hotel_id, room_number, floor)
SELECT given.hotel_id, given.room_number, 1
FROM unnest(:hotel_ids::int[], :room_numbers::int[]) AS given (hotel_id, room_number)
WHERE NOT EXISTS (SELECT 1 FROM rooms WHERE rooms.hotel_id = given.hotel_id AND rooms.room_number = given.room_number);
"""
    assert told(check_text(server.url(), tmp_path, {"large.sql": text}, extended)) == []


def test_the_shipped_files_pass(server):
    assert told(check_paths(server.url(), SHIPPED)) == []
