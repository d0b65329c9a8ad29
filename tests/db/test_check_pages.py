"""The marks of pages under check: GS007 for one that cannot be read, and what their rules require."""

from __future__ import annotations

from pathlib import Path

import pytest

from guestsql.embedded import PrivateServer
from tests.checking import check_text

DAYS = """\
-- name: list_days(unit, max_rows)
-- Days.
-- es: Días.
-- chart: line x=day y=guests
-- dashboard: guests
-- cache: 5m
--   unit: text = 'day', of time
--     es: la unidad
--     choices: list_units
--   max_rows: int = 3, rows at most
SELECT
    date_trunc(:unit::text, statement_timestamp())::date AS day,
    n AS guests,
    n::text AS guest
FROM generate_series(1, 3) AS numbers (n)
ORDER BY n
LIMIT :max_rows::int;

-- name: list_units()
-- Units of time.
-- es: Unidades de tiempo.
SELECT unit
FROM (VALUES ('day'), ('week')) AS units (unit)
ORDER BY unit
LIMIT 2;
"""


def rules(server: PrivateServer, folder: Path, text: str) -> list[str]:
    return sorted(each.rule for each in check_text(server.url(), folder, {"own.sql": text}))


def test_marks_that_work(server: PrivateServer, tmp_path: Path) -> None:
    assert rules(server, tmp_path, DAYS) == []


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("line x=day", "lines x=day", ["GS007"]),
        ("-- chart:", "-- chrat:", ["GS007"]),
        ("-- es:", "-- Es:", []),
        ("-- es:", "-- Note:", []),
        ("5m", "5 minutes", ["GS007"]),
        ("dashboard: guests", "dashboard: The Hotel", ["GS007"]),
        ("dashboard: guests", "dashboard: guests\n-- dashboard: hotel", ["GS007"]),
        ("-- Units of time.", "-- choices: list_days", ["GS007"]),
        ("-- name: list_days", "-- chart: number\n\n-- name: list_days", ["GS007"]),
        ("-- name: list_days", "-- metrics: days\n\n-- name: list_days", ["GS007"]),
        ("-- Days.", "-- metrics: days", []),
        ("-- Days.", "-- metrics: days max_rows=2", []),
        ("-- Days.", "-- metrics: The Days", ["GS007"]),
        ("-- Days.", "-- metrics: days rows=2", ["GS007"]),
        ("-- Days.", "-- metrics: days\n-- metrics: more", ["GS007"]),
        ("choices: list_units", "choices: list_unit", ["GS903"]),
        ("choices: list_units", "choices: list_units\n--     choices: list_days", ["GS007"]),
        ("list_units()", "list_units()^", ["GS302", "GS903"]),
        ("text = 'day'", "text", ["GS904"]),
        ("y=guests", "y=gusts", ["GS901"]),
        ("y=guests", "y=guest", ["GS901", "GS902"]),
        ("SELECT unit\n", "SELECT unit AS phone_number\n", ["GS902"]),
        ("-- es: Días.", "-- check: allow GS902, because it is one", ["GS008"]),
    ],
)
def test_what_is_reported(server: PrivateServer, tmp_path: Path, old: str, new: str, expected: list[str]) -> None:
    assert old in DAYS
    assert rules(server, tmp_path, DAYS.replace(old, new, 1)) == expected


UPDATE = "UPDATE guest_profiles SET total_interactions = 0 WHERE phone_number = '1'"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"-- name: count_call()!\n-- Counts.\n-- commit: async\n{UPDATE};", []),
        (
            (
                "-- name: count_call()$\n-- Counts.\n-- commit: async\n"
                f"WITH done AS ({UPDATE} RETURNING 1) SELECT count(*) AS calls FROM done;"
            ),
            [],
        ),
        (f"-- name: count_call()!\n-- Counts.\n-- commit: later\n{UPDATE};", ["GS007"]),
        (f"-- name: count_call()!\n-- Counts.\n-- commit: async\n-- commit: async\n{UPDATE};", ["GS007"]),
        (f"-- commit: async\n\n-- name: count_call()!\n-- Counts.\n{UPDATE};", ["GS007"]),
        ("-- name: get_one()$\n-- One.\n-- commit: async\nSELECT 1 AS one;", ["GS905"]),
        ("-- name: analyze()!\n-- Analyzes.\n-- commit: async\nANALYZE guest_profiles;", ["GS905"]),
        (
            (
                "-- name: count_call(phone_number)!\n-- Counts.\n-- on: forget_guest\n-- commit: async\n"
                f"--   phone_number: text, the key\n{UPDATE} AND phone_number = :phone_number::text;"
            ),
            ["GS905"],
        ),
    ],
)
def test_a_commit_that_does_not_wait(server: PrivateServer, tmp_path: Path, text: str, expected: list[str]) -> None:
    assert [each for each in rules(server, tmp_path, f"{text}\n") if each in ("GS007", "GS905")] == expected


def test_a_personal_column_may_be_allowed(server: PrivateServer, tmp_path: Path) -> None:
    text = DAYS.replace("x=day y=guests", "x=guests y=guests series=guest")
    assert rules(server, tmp_path, text) == ["GS902"]
    allowed = text.replace("-- es: Días.", "-- check: allow GS902, because it is a number of the example")
    assert rules(server, tmp_path, allowed) == []


def test_metrics_that_the_server_of_metrics_refuses(server: PrivateServer, tmp_path: Path) -> None:
    two = "".join(f"-- name: get_{name}()$\n-- One.\n-- metrics: ones\nSELECT 1 AS one;\n\n" for name in ("a", "b"))
    assert rules(server, tmp_path, two) == ["GS007"]
    write = "-- name: forget_guests()!\n-- None.\n-- metrics: x\nDELETE FROM guest_profiles WHERE FALSE;\n"
    assert rules(server, tmp_path, write) == ["GS007"]
    required = "-- name: get_a(a)$\n-- A.\n-- metrics: a\n--   a: int, any\nSELECT :a::int AS a;\n"
    assert rules(server, tmp_path, required) == ["GS007"]
