"""Own tables that hold guests: marked queries export, erase and merge them, in the transaction of the packaged ones."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest

from guestsql import GuestDatabase
from guestsql.errors import ConstraintViolation, QueryFileError
from guestsql.sql import load_catalogue
from guestsql.sql.overrides import query_digest
from tests.databases import GUEST, KINDS, OTHER, Either, Proxy, make_settings, nonempty, waiting_sessions
from tests.server import eventually

Connection = psycopg.Connection[Any]

TABLE = """
CREATE TABLE bookings (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    guest text NOT NULL{reference},
    room text NOT NULL,
    price numeric(10, 2),
    arrives date,
    paid_at timestamptz
)
"""
REFERENCES = {
    "cascade": " REFERENCES guest_profiles ON DELETE CASCADE",
    "no action": " REFERENCES guest_profiles",
    "on update": " REFERENCES guest_profiles ON UPDATE CASCADE ON DELETE RESTRICT",
    "deferred": " REFERENCES guest_profiles DEFERRABLE INITIALLY DEFERRED",
    "none": "",
}
MARKED = """\
-- Bookings of guests.

-- name: export_bookings(phone_number)
-- A guest's bookings.
-- on: export_guest
--   phone_number: text, the guest's key
SELECT id, room, price, arrives, paid_at FROM bookings WHERE guest = :phone_number::text ORDER BY id;

-- name: forget_bookings(phone_number)!
-- Erases a guest's bookings.
-- on: forget_guest
--   phone_number: text, the guest's key
DELETE FROM bookings WHERE guest = :phone_number::text;

-- name: merge_bookings(keep, duplicate)!
-- Moves a duplicate's bookings to the guest to keep.
-- on: merge_guests
--   keep: text, the key of the guest to keep
--   duplicate: text, the key of the guest to remove
UPDATE bookings SET guest = :keep::text WHERE guest = :duplicate::text;
"""


METHODS = ["merge_guests", "forget_guest"]
Maker = Callable[..., Path]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "queries"
    made.mkdir()
    (made / "bookings.sql").write_text(MARKED)
    return made


@pytest.fixture
def bookings(autocommit: Connection, folder: Path) -> Maker:
    """Makes the table, with two bookings of GUEST and one of OTHER, and returns the folder of its queries."""

    def make(reference: str = "cascade") -> Path:
        autocommit.execute(TABLE.format(reference=REFERENCES[reference]).encode())
        autocommit.execute("INSERT INTO guest_profiles (phone_number) VALUES (%s), (%s)", [GUEST, OTHER])
        autocommit.execute(
            "INSERT INTO bookings (guest, room, price, arrives, paid_at) VALUES (%s, '12', 120.50, '2027-01-02', NULL),"
            " (%s, '14', NULL, NULL, '2026-12-24 10:00-05'), (%s, '7', 99, NULL, NULL)",
            [GUEST, GUEST, OTHER],
        )
        return folder

    return make


def rooms(connection: Connection, guest: str = GUEST) -> list[str]:
    found = connection.execute("SELECT room FROM bookings WHERE guest = %s ORDER BY id", [guest])
    return [room for (room,) in found]


HELD = """\

-- name: merge_held(keep, duplicate)!
-- Waits until the test lets it go on.
-- on: merge_guests, last
--   keep: text, the key of the guest who stays
--   duplicate: text, the key of the guest who goes
UPDATE gate SET keep = :keep::text, duplicate = :duplicate::text;
"""


@pytest.mark.parametrize("kind", KINDS)
async def test_an_erasure_waits_for_a_merge_into_a_guest_without_a_row(
    kind: str, bookings: Maker, database_url: str, autocommit: Connection
) -> None:
    folder = bookings("cascade")
    (folder / "held.sql").write_text(HELD)
    autocommit.execute("DELETE FROM guest_profiles WHERE phone_number = %s", [OTHER])
    autocommit.execute("CREATE TABLE gate (keep text, duplicate text); INSERT INTO gate VALUES (NULL, NULL)")
    async with (
        Either(kind, database_url, queries_dir=folder) as merging,
        Either(kind, database_url, queries_dir=folder) as erasing,
    ):
        with psycopg.connect(database_url) as holder:
            holder.execute("SELECT FROM gate FOR UPDATE")
            merge = asyncio.create_task(merging.merge_guests(OTHER, GUEST))
            await asyncio.to_thread(eventually, lambda: waiting_sessions(autocommit) == 1)
            erasure = asyncio.create_task(erasing.forget_guest(OTHER))
            await asyncio.to_thread(eventually, lambda: waiting_sessions(autocommit) == 2)
        await merge
        assert nonempty(await erasure) == {"bookings": 2, "guest_ids": 2, "guest_profiles": 1}
    hashed = "SELECT count(*) FROM erased_guests, erasure_salt WHERE id_hash = sha256(salt || convert_to(%s, 'UTF8'))"
    assert [autocommit.execute(hashed.encode(), [key]).fetchone() for key in (GUEST, OTHER)] == [(1,), (1,)]


@pytest.mark.parametrize("reference", REFERENCES)
async def test_a_merge_keeps_the_bookings_and_an_erasure_erases_them(
    reference: str, bookings: Maker, database_url: str, autocommit: Connection, caplog: pytest.LogCaptureFixture
) -> None:
    folder = bookings(reference)
    kind = KINDS[list(REFERENCES).index(reference) % 2]  # the twin is generated
    caplog.set_level(logging.INFO, "guestsql")
    async with Either(kind, database_url, queries_dir=folder) as db:
        await db.merge_guests(OTHER, GUEST)
        assert rooms(autocommit, OTHER) == ["12", "14", "7"]
        [merged] = [record for record in caplog.records if getattr(record, "event", "") == "GUESTS_MERGED"]
        assert nonempty(merged.rows) == {"bookings": 2, "guest_ids": 1, "guest_profiles": 1}
        assert nonempty(await db.forget_guest(OTHER)) == {"bookings": 3, "guest_ids": 2, "guest_profiles": 1}
    assert rooms(autocommit, OTHER) == []


@pytest.mark.parametrize("kind", KINDS)
async def test_an_export_contains_the_bookings_as_json(kind: str, bookings: Maker, database_url: str) -> None:
    folder = bookings()
    async with Either(kind, database_url, queries_dir=folder) as db:
        stored = await db.export_guest(GUEST)
        assert (await db.export_guest("573000000009"))["bookings"] == []
    assert list(nonempty(stored)) == ["bookings", "guest_ids", "guest_profiles"]
    assert stored["guest_profiles"][0]["phone_number"] == GUEST
    json.dumps(stored)
    paid_at = stored["bookings"][1].pop("paid_at")
    assert datetime.fromisoformat(paid_at) == datetime(2026, 12, 24, 15, tzinfo=UTC)
    assert stored["bookings"] == [
        {"id": 1, "room": "12", "price": 120.5, "arrives": "2027-01-02", "paid_at": None},
        {"id": 2, "room": "14", "price": None, "arrives": None},
    ]


@pytest.mark.parametrize(
    ("method", "on_delete"),
    [
        ("merge_guests", "CASCADE"),
        ("merge_guests", "SET NULL"),
        ("merge_guests", "NO ACTION"),
        ("forget_guest", "RESTRICT"),
    ],
)
async def test_a_table_without_its_query_stops_all_of_it(
    method: str, on_delete: str, bookings: Maker, database_url: str, autocommit: Connection
) -> None:
    """The marked queries have written already when the foreign key refuses; nothing of it stays."""
    folder = bookings()
    autocommit.execute(f"CREATE TABLE invoices (guest text REFERENCES guest_profiles ON DELETE {on_delete})".encode())
    autocommit.execute("INSERT INTO invoices VALUES (%s)", [GUEST])
    async with Either("async", database_url, queries_dir=folder) as db:
        with pytest.raises(ConstraintViolation, match="invoices"):
            await (db.merge_guests(OTHER, GUEST) if method == "merge_guests" else db.forget_guest(GUEST))
    assert rooms(autocommit) == ["12", "14"]
    for table in ("operations", "erased_guests"):
        assert autocommit.execute(f"SELECT count(*) FROM {table}".encode()).fetchone() == (0,)


FAULTS = {
    "deadlock": "RAISE deadlock_detected",
    "serialization": "RAISE serialization_failure",
    "termination": "PERFORM pg_terminate_backend(pg_backend_pid())",
}


@pytest.mark.parametrize(
    ("method", "fault"),
    [("merge_guests", "deadlock"), ("forget_guest", "serialization"), *((each, "termination") for each in METHODS)],
)
async def test_the_whole_transaction_is_repeated(
    method: str, fault: str, bookings: Maker, database_url: str, autocommit: Connection
) -> None:
    folder = bookings()
    autocommit.execute("CREATE SEQUENCE tries")  # what it counts is not undone
    autocommit.execute(
        f"CREATE FUNCTION fail_once() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        f" IF nextval('tries') = 1 THEN {FAULTS[fault]}; END IF; RETURN NULL; END $$".encode()
    )
    autocommit.execute(
        "CREATE TRIGGER fail_once AFTER UPDATE OR DELETE ON bookings FOR EACH STATEMENT EXECUTE FUNCTION fail_once()"
    )
    kind = KINDS[list(FAULTS).index(fault) % 2]
    async with Either(kind, database_url, queries_dir=folder) as db:
        if method == "merge_guests":
            await db.merge_guests(OTHER, GUEST)
            assert rooms(autocommit, OTHER) == ["12", "14", "7"]
        else:
            assert (await db.forget_guest(GUEST))["bookings"] == 2
    assert autocommit.execute("SELECT attempts FROM operations").fetchall() == [(1,)]


@pytest.mark.parametrize("kind", KINDS)
async def test_a_commit_whose_answer_was_lost_is_not_done_twice(
    kind: str, bookings: Maker, database_url: str, autocommit: Connection
) -> None:
    folder = bookings()
    with Proxy(database_url) as proxy:
        async with Either(kind, proxy.url, queries_dir=folder) as db:
            proxy.lie("57P01", at=b"COMMIT")
            assert nonempty(await db.forget_guest(GUEST)) == {"bookings": 2, "guest_ids": 1, "guest_profiles": 1}
            proxy.lie("57P01", at=b"COMMIT")
            await db.merge_guests(GUEST, OTHER)
    assert rooms(autocommit) == ["7"]
    assert autocommit.execute("SELECT attempts FROM operations").fetchall() == [(2,), (2,)]


MARK = "-- on: forget_guest"
BAD = {
    "unknown method": (MARK, "-- on: forget_gest", 11, "no method runs queries on: forget_gest"),
    "no method": (MARK, "-- on:", 11, "no method runs queries on: nothing"),
    "parameters of another": (
        MARK,
        "-- on: merge_guests",
        11,
        "merge_guests does not pass :phone_number to forget_bookings",
    ),
    "operator": (
        MARK,
        "-- on: export_guest",
        11,
        "forget_bookings returns a count (!), and export_guest needs rows or a row (^)",
    ),
    "write": (
        "SELECT id,",
        "WITH gone AS (DELETE FROM bookings) SELECT id,",
        5,
        "export_bookings writes, and export_guest only reads",
    ),
}


@pytest.mark.parametrize("fault", BAD)
async def test_a_mark_that_cannot_work_is_an_error_of_its_file(fault: str, folder: Path, database_url: str) -> None:
    right, wrong, line, message = BAD[fault]
    (folder / "bookings.sql").write_text(MARKED.replace(right, wrong))
    with pytest.raises(QueryFileError) as caught:
        Either("sync", database_url, queries_dir=folder)
    assert caught.value.message == message
    assert (caught.value.file, caught.value.line) == (folder / "bookings.sql", line)


def test_inside_a_transaction_a_method_is_undone_alone_or_with_it(
    bookings: Maker, database_url: str, autocommit: Connection
) -> None:
    folder = bookings()
    autocommit.execute("CREATE TABLE invoices (guest text REFERENCES guest_profiles)")
    autocommit.execute("INSERT INTO invoices VALUES (%s)", [GUEST])
    with GuestDatabase(settings=make_settings(database_url, queries_dir=folder)) as db:
        db.record_interaction(OTHER)
        with db.transaction() as tx:
            with pytest.raises(ConstraintViolation):
                tx.forget_guest(GUEST)
            assert len(tx.export_guest(GUEST)["bookings"]) == 2
            assert tx.forget_guest(OTHER)["bookings"] == 1
            assert rooms(autocommit, OTHER) == ["7"]
        assert (rooms(autocommit), rooms(autocommit, OTHER)) == (["12", "14"], [])
        assert db.flush() == 0


def test_an_override_keeps_the_marks(folder: Path, database_url: str) -> None:
    original = load_catalogue()["forget_guest_profiles"]
    head = f"-- name: {original.name}(phone_number)!\n-- overrides: {original.name} {query_digest(original)}\n"
    file = folder / "override.sql"
    file.write_text(f"{head}-- on: forget_guest, last\n{original.source};\n")
    Either("sync", database_url, queries_dir=folder)
    file.write_text(f"{head}-- on: forget_guest\n{original.source};\n")
    with pytest.raises(QueryFileError, match="it lacks -- on: forget_guest, last"):
        Either("sync", database_url, queries_dir=folder)
