"""GS801: own tables that hold guests' keys, and the queries that export, erase and merge them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from guestsql.check import Finding, check_files, scratch_database
from guestsql.check.coverage import Coverage
from guestsql.embedded import PrivateServer
from guestsql.guests.hooks import GUEST_TABLE, HOOKS, KEY_COLUMNS, KEY_COMMENT
from guestsql.migrate import configured_migrations
from guestsql.settings import Settings
from tests.checking import MARKED, told

SCHEMA = """\
CREATE TABLE bookings (id bigint PRIMARY KEY, guest text NOT NULL REFERENCES guest_profiles ON DELETE CASCADE);
CREATE TABLE public.notes (phone_number text, note text PRIMARY KEY);
CREATE TABLE IF NOT EXISTS calls (guest_phone varchar(20));
CREATE TABLE letters (visitor text);
COMMENT ON COLUMN letters.visitor IS 'Guest key of the sender.';
CREATE TABLE offers (client text REFERENCES historical_clients);
CREATE UNLOGGED TABLE baskets (guest text REFERENCES bookings_of_nobody);
CREATE TABLE visits (phone_number text, day date, PRIMARY KEY (phone_number, day)) PARTITION BY LIST (phone_number);
CREATE TABLE visits_rest PARTITION OF visits DEFAULT;
CREATE FUNCTION erase_letters(key text) RETURNS SETOF letters LANGUAGE sql AS
$$ DELETE FROM letters WHERE visitor = key RETURNING * $$;
CREATE VIEW readable_notes AS SELECT phone_number, note FROM notes;
-- None of these holds a guest.
CREATE TABLE items (booking_id bigint REFERENCES bookings, visitor text);
CREATE TABLE lines (phone_number bigint);
CREATE TABLE suppliers (phone text);
CREATE UNLOGGED TABLE jobs (phone_number text);
""".replace("bookings_of_nobody", "guest_profiles")
TABLES = ["baskets", "bookings", "calls", "letters", "notes", "offers", "visits"]
ALL = "export_guest, forget_guest and merge_guests do"

# notes are read by a view and written in a WITH query; letters are only read by a query that is to write.
COVERED = """\
-- name: list_bookings(phone_number)
-- on: export_guest
--   phone_number: text, the guest's key
SELECT id FROM bookings WHERE guest = :phone_number::text ORDER BY id;

-- name: delete_bookings(phone_number)!
-- on: forget_guest
--   phone_number: text, the guest's key
DELETE FROM bookings WHERE guest = :phone_number::text;

-- name: move_bookings(keep, duplicate)!
-- on: merge_guests
--   keep: text, the guest who stays
--   duplicate: text, the guest who goes
UPDATE bookings SET guest = :keep::text WHERE guest = :duplicate::text;

-- name: list_notes(phone_number)
-- on: export_guest
--   phone_number: text, the guest's key
SELECT note FROM readable_notes WHERE phone_number = :phone_number::text ORDER BY note;

-- name: delete_notes(phone_number)!
-- on: forget_guest
--   phone_number: text, the guest's key
WITH gone AS (DELETE FROM notes WHERE phone_number = :phone_number::text)
DELETE FROM calls WHERE guest_phone = :phone_number::text AND EXISTS (SELECT FROM letters);

-- name: list_visits(phone_number)
-- on: export_guest
--   phone_number: text, the guest's key
SELECT day FROM visits WHERE phone_number = :phone_number::text ORDER BY day;

-- name: delete_visits(phone_number)!
-- on: forget_guest
--   phone_number: text, the guest's key
DELETE FROM visits WHERE phone_number = :phone_number::text;

-- name: move_visits(keep, duplicate)!
-- on: merge_guests
--   keep: text, the guest who stays
--   duplicate: text, the guest who goes
INSERT INTO visits SELECT :keep::text, day FROM visits WHERE phone_number = :duplicate::text;
"""

Check = Callable[[str], Sequence[Finding]]


@pytest.fixture(scope="module")
def migrations(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("coverage")
    (folder / "0001_own_tables.sql").write_text(SCHEMA)
    return folder


@pytest.fixture
def check(server: PrivateServer, migrations: Path, tmp_path: Path) -> Check:
    """Checks a file beside the packaged marks."""
    settings = Settings(migrations_dir=migrations)
    schema = [migration.file for migration in configured_migrations(settings)]
    coverage = Coverage(HOOKS, KEY_COLUMNS, KEY_COMMENT, schema=schema)

    def run(text: str) -> Sequence[Finding]:
        file = tmp_path / "own.sql"
        file.write_text(text)
        scratch = scratch_database(settings, server.url())
        return check_files([file], scratch, beside=MARKED, coverage=coverage).findings

    return run


def test_every_table_that_holds_guests_is_reported_where_it_is_made(check: Check, migrations: Path) -> None:
    found = check("")
    assert [each.message.partition(" ")[0] for each in sorted(found, key=lambda each: each.message)] == TABLES
    assert {each.rule for each in found} == {"GS801"}
    [visits] = [each for each in found if "visits" in each.message]
    assert visits.message == f"visits holds guests' keys (phone_number), and {ALL} not cover it"
    lines = SCHEMA.splitlines()
    for each in found:
        table = each.message.partition(" ")[0]
        assert each.file == max(migrations.iterdir())
        assert lines[each.line - 1][each.column - 1 :].startswith(table)


def test_what_queries_cover(check: Check) -> None:
    found = [each.message for each in check(COVERED) if each.rule == "GS801"]
    assert sorted(message.partition(" ")[0] for message in found) == ["baskets", "calls", "letters", "notes", "offers"]
    assert "calls holds guests' keys (guest_phone), and export_guest and merge_guests do not cover it" in found
    assert "notes holds guests' keys (phone_number), and merge_guests does not cover it" in found
    assert f"letters holds guests' keys (visitor), and {ALL} not cover it" in found


@pytest.mark.parametrize(
    ("mark", "expected"),
    [
        ("allow GS801 for letters on merge_guests, because nobody reads them", []),
        ("allow GS801 for public.letters on merge_guests, because nobody reads them", []),
        ("allow GS801 for letters on merge_guests", ["GS007"]),
        ("allow GS801 for letters on mail_guest, because nobody reads them", ["GS007"]),
        ("allow GS801 for lines on merge_guests, because nobody reads them", ["GS007"]),
        ("allow GS801 for guest_profiles on merge_guests, because nobody reads them", ["GS008"]),
    ],
)
def test_a_table_may_be_left_out_with_a_reason(check: Check, mark: str, expected: list[str]) -> None:
    found = check(f"-- check: {mark}\n")
    assert [each.rule for each in found if each.rule != "GS801"] == expected, told(found)
    lacks_less = "letters holds guests' keys (visitor), and export_guest and forget_guest do not cover it"
    assert (lacks_less in [each.message for each in found]) == (expected == [])


def test_a_table_that_only_a_function_writes_is_suppressed_in_the_head_of_the_file(check: Check) -> None:
    query = """\
-- name: forget_letters(phone_number)!
-- on: forget_guest
-- check: allow GS303, because the function erases
--   phone_number: text, the guest's key
SELECT FROM erase_letters(:phone_number::text);
"""
    head = "-- check: allow GS801 for letters on forget_guest, because erase_letters() erases them\n\n"
    lacks = f"letters holds guests' keys (visitor), and {ALL} not cover it"
    lacks_less = lacks.replace("export_guest, forget_guest and", "export_guest and")
    for text, expected in ((query, lacks), (head + query, lacks_less)):
        found = check(text)
        assert expected in [each.message for each in found]
        assert {each.rule for each in found} == {"GS801"}, told(found)


def test_a_mark_that_cannot_work(check: Check) -> None:
    text = COVERED.replace("on: forget_guest", "on: forgot_guest", 1)
    found = [each for each in check(text) if each.rule != "GS801"]
    assert told(found) == ["own.sql:7:8 GS007 delete_bookings: no method runs queries on: forgot_guest"]


def test_a_foreign_key_needs_the_queries_of_the_archive(server: PrivateServer, tmp_path: Path) -> None:
    (tmp_path / "series").mkdir()
    table = tmp_path / "series" / "0001_own_tables.sql"
    table.write_text(
        "CREATE TABLE stays (guest_key text NOT NULL);\n"
        "CREATE TABLE bills (guest_key text NOT NULL REFERENCES guest_profiles);\n"
    )
    settings = Settings(migrations_dir=table.parent)
    coverage = Coverage(HOOKS, KEY_COLUMNS, KEY_COMMENT, GUEST_TABLE, [table])
    file = tmp_path / "own.sql"
    file.write_text("")
    found = check_files([file], scratch_database(settings, server.url()), beside=MARKED, coverage=coverage).findings
    assert {each.message.partition(" ")[0]: "return_guest" in each.message for each in found} == {
        "bills": True,
        "stays": False,
    }
