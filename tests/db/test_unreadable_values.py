"""Values that Python cannot represent: a typed error that names query and column, and never another value."""

from __future__ import annotations

import itertools
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
import pytest

from guestsql import GuestDatabase
from guestsql.errors import ConstraintViolation, DatabaseError
from tests.databases import GUEST, KINDS, Either, make_settings
from tests.server import MIGRATIONS

Connection = psycopg.Connection[Any]

VALUES = {
    "moment": "'infinity'::timestamptz",
    "past": "'-infinity'::timestamp",
    "far": "'12345-01-01'::timestamptz",
    "ancient": "'0044-03-15 BC'::timestamp",
    "day": "'infinity'::date",
    "ides": "'0044-03-15 BC'::date",
    "midnight": "'24:00'::time",
    "zoned_midnight": "'24:00+00'::timetz",
    "months": "interval '170000000 years'",
    "moments": "ARRAY['2026-01-01', 'infinity']::timestamptz[]",
    "days": "daterange('2026-01-01', 'infinity')",
    "digits": f"'{'9' * 5000}'::jsonb",
}
ENDLESS = {"endless": "interval 'infinity'", "endless_ones": "ARRAY[interval '-infinity']"}

QUERY = """\
-- name: {form}_{name}(){operator}
-- A value.
SELECT {value} AS {name};
"""
FORMS = {"list": "", "get": "^", "value": "$"}


@pytest.mark.parametrize("kind", KINDS)
async def test_each_is_a_typed_error(kind: str, autocommit: Connection, database_url: str, tmp_path: Path) -> None:
    values = VALUES | (ENDLESS if autocommit.info.server_version >= 170000 else {})
    folder = tmp_path / "queries"
    folder.mkdir()
    text = "\n".join(
        QUERY.format(form=form, name=name, operator=operator, value=value)
        for name, value in values.items()
        for form, operator in FORMS.items()
    )
    (folder / "odd.sql").write_text(text, encoding="utf-8")
    async with Either(kind, database_url, queries_dir=folder) as db:
        for name in values:
            for form in FORMS:
                with pytest.raises(
                    DatabaseError, match=rf"query {form}_{name}: .*column {name} of row 1.*{name}::text"
                ):
                    await getattr(db.queries, f"{form}_{name}")()
        errors = db.raw.figures().errors
    assert all(errors[f"{form}_{name}", "other"] == 1 for name in values for form in FORMS)


def allow_endless_times(connection: Connection) -> None:
    connection.execute("ALTER TABLE guest_profiles DROP CONSTRAINT guest_profiles_times_check")
    connection.execute("UPDATE guest_profiles SET first_interaction = '-infinity', last_interaction = 'infinity'")


@pytest.mark.parametrize("kind", KINDS)
async def test_a_profile_with_one_is_a_typed_error(kind: str, database_url: str, autocommit: Connection) -> None:
    async with Either(kind, database_url) as db:
        await db.update_profile(GUEST, user_name="Ana")
        allow_endless_times(autocommit)
        with pytest.raises(DatabaseError, match=r"query get_profile: .*column first_interaction"):
            await db.get_profile(GUEST)
        with pytest.raises(DatabaseError, match=r"query upsert_profile: .*the statement itself has run"):
            await db.update_profile(GUEST, user_name="Eva")
        assert await db.get_context(GUEST, default="") == ""


@pytest.mark.parametrize("kind", KINDS)
async def test_numbers_of_json_are_never_infinite(kind: str, database_url: str, autocommit: Connection) -> None:
    async with Either(kind, database_url) as db:
        await db.update_profile(GUEST, profile_data={"room": 1.5})
        autocommit.execute("""UPDATE guest_profiles SET profile_data = profile_data || '{"big": 1e400}'""")
        data = (await db.get_profile(GUEST)).profile_data
    assert data == {"room": 1.5, "big": Decimal("1e400")}
    assert isinstance(data["room"], float)


TIMES = ["infinity", "-infinity", "0044-03-15 BC", "10000-01-01"]


# The import fills these two with times that it has read itself, and empties them.
WORKING_TABLES = {"legacy_staging", "legacy_guests"}


def test_every_time_of_every_table_is_checked(autocommit: Connection) -> None:
    times = autocommit.execute(
        """
        SELECT table_name, column_name
        FROM information_schema.columns
        JOIN information_schema.tables USING (table_schema, table_name)
        WHERE table_schema = 'public' AND table_type = 'BASE TABLE' AND is_generated = 'NEVER'
        AND data_type IN ('timestamp with time zone', 'date')
        """
    ).fetchall()
    checks = autocommit.execute(
        """
        SELECT relation.relname, attribute.attname, pg_get_constraintdef(entry.oid)
        FROM pg_constraint AS entry
        JOIN pg_class AS relation ON relation.oid = entry.conrelid
        CROSS JOIN unnest(entry.conkey) AS place (number)
        JOIN pg_attribute AS attribute ON attribute.attrelid = entry.conrelid AND attribute.attnum = place.number
        WHERE entry.contype = 'c' AND entry.convalidated
        """
    ).fetchall()
    checked = {(table, name) for table, name, definition in checks if "9999" in definition}
    assert {(table, name) for table, name in times if table not in WORKING_TABLES} <= checked


@pytest.mark.parametrize("time", TIMES)
def test_a_time_that_python_cannot_hold_is_refused(autocommit: Connection, time: str) -> None:
    autocommit.execute("INSERT INTO guest_profiles (phone_number) VALUES (%s)", [GUEST])
    with pytest.raises(psycopg.errors.CheckViolation, match="guest_profiles_times_check"):
        autocommit.execute("UPDATE guest_profiles SET last_interaction = %s::text::timestamptz", [time])


# Both ends of what a guest's two times can be, each with every other that the check of their order lets be.
PAIRS = [
    (first, last)
    for first, last in itertools.product(
        ["-infinity", "0044-03-15 BC", "2025-01-01", "2099-01-01", *TIMES, None], repeat=2
    )
]


def test_the_migration_corrects_what_is_there(empty_database_url: str) -> None:
    files = sorted(MIGRATIONS.glob("*.sql"))
    at = next(place for place, path in enumerate(files) if path.name.endswith("_times_check.sql"))
    with psycopg.connect(empty_database_url, autocommit=True) as connection:
        for path in files[:at]:
            connection.execute(path.read_bytes())
        made = 0
        for number, (first, last) in enumerate(PAIRS):
            made += connection.execute(
                """
                INSERT INTO guest_profiles (phone_number, first_interaction, last_interaction, created_at)
                SELECT %(guest)s, pair.first_at, pair.last_at, coalesce(pair.last_at, statement_timestamp())
                FROM (SELECT %(first)s::text::timestamptz AS first_at, %(last)s::text::timestamptz AS last_at) AS pair
                WHERE (pair.first_at <= pair.last_at) IS NOT FALSE
                """,
                {"guest": f"5730000{number:05}", "first": first, "last": last},
            ).rowcount
        for minute in ("infinity", "2026-01-01"):
            connection.execute("INSERT INTO context_minutes VALUES (%s, 'hit', 1)", [minute])
        connection.execute("INSERT INTO guest_days (day, new_guests, active_guests) VALUES ('-infinity', 1, 1)")
        for path in files[at : at + 2]:
            connection.execute(path.read_bytes())
        minutes = connection.execute("SELECT count(*) FROM context_minutes").fetchone()
        rows = connection.execute(
            "SELECT first_interaction, last_interaction, created_at, statement_timestamp() FROM guest_profiles"
        ).fetchall()
    assert len(rows) == made > len(PAIRS) // 2
    assert minutes == (1,)
    assert all(created <= max(now, last or now) for _, last, created, now in rows)


def test_the_error_of_the_check_is_typed(database_url: str, tmp_path: Path) -> None:
    folder = tmp_path / "queries"
    folder.mkdir()
    (folder / "own.sql").write_text(
        "-- name: move_guests()!\n-- Moves all guests.\nUPDATE guest_profiles SET last_interaction = 'infinity';\n",
        encoding="utf-8",
    )
    with GuestDatabase(database_url, settings=make_settings(database_url, queries_dir=folder)) as db:
        db.update_profile(GUEST)
        with pytest.raises(ConstraintViolation, match="guest_profiles_times_check"):
            db.queries.move_guests()
