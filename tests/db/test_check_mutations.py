"""Slips in the shipped files: each is caught, by the right rule, at the right line."""

from __future__ import annotations

from collections import Counter
from contextlib import nullcontext
from pathlib import Path

import pytest

from guestsql.check import check_files, scratch_database
from guestsql.settings import Settings
from tests.checking import GUEST_ROUTE, QUERIES, told
from tests.slips import FILES, KINDS, slips

SLIPS = slips()


@pytest.fixture(scope="module")
def marks(tmp_path_factory):
    """The large tables, which some files name for all."""
    file = tmp_path_factory.mktemp("marks") / "marks.sql"
    lines = [line for path in QUERIES.rglob("*.sql") for line in path.read_text("utf-8").splitlines()]
    file.write_text("".join(f"{line}\n" for line in lines if line.startswith("-- check: large")), encoding="utf-8")
    return file


@pytest.fixture(scope="module")
def check(server, marks):
    """Check one file, with the large tables, in a scratch database made once."""
    with scratch_database(Settings(), server.url()) as connection:
        yield lambda path: check_files([path], nullcontext(connection), beside=[marks], route=GUEST_ROUTE).findings


def test_there_are_enough_of_them():
    kinds = Counter(slip.kind for slip in SLIPS)
    assert set(kinds) == set(KINDS)
    assert len(kinds) >= 50
    assert len(SLIPS) >= 200
    assert {slip.file for slip in SLIPS} == {Path(f"{name}.sql").name for name in FILES}


@pytest.mark.parametrize("name", FILES)
def test_without_a_slip_nothing_is_found(check, name):
    assert told(check(QUERIES / f"{name}.sql")) == []


@pytest.mark.parametrize("slip", SLIPS, ids=lambda slip: f"{slip.kind}-{slip.query}".replace(" ", "_"))
def test_a_slip_is_caught(check, tmp_path, slip):
    path = tmp_path / slip.file
    path.write_text(slip.text, encoding="utf-8")
    found = check(path)
    assert (slip.rule, slip.line) in {(each.rule, each.line) for each in found}, told(found)
    # A query that reads the wrong rows may also read those of other guests, and one that is misspelt writes nothing.
    assert {each.rule for each in found} - {slip.rule, "GS503", "GS905"} <= slip.also, told(found)


BROKEN = """-- name: get_broken()$
SELECT 'open;
"""
SEVERAL = {
    "no semicolon before a broken query": (
        f"-- name: get_one()$\nSELECT 1 AS one\n\n{BROKEN}",
        {("GS108", 2), ("GS002", 5)},
    ),
    "a broken query behind one that is closed": (f"-- name: get_one()$\nSELECT 1 AS one;\n\n{BROKEN}", {("GS002", 5)}),
    "a name line in a comment behind the end": (
        """-- name: get_one()$
SELECT 1 AS one
/* was
-- name: get_old()$
SELECT 0; */
;

-- name: get_two()$
SELECT 2 AS two;
""",
        set(),
    ),
    "a name copied from a query with an exception": (
        """-- name: get_silent()^
-- check: allow GS302, because it was asked for
SELECT figures.guest FROM guest_figures AS figures LIMIT 9;

-- name: get_silent()^
-- check: allow GS302, because it was asked for
SELECT figures.guest FROM guest_figures AS figures LIMIT 9;
""",
        {("GS005", 5)},
    ),
    "the exception of another query of that name": (
        """-- name: get_silent()^
-- check: allow GS302, because it was asked for
SELECT figures.guest FROM guest_figures AS figures LIMIT 9;

-- name: get_silent()^
SELECT figures.guest FROM guest_figures AS figures LIMIT 9;
""",
        {("GS005", 5), ("GS302", 5)},
    ),
    "a time zone in quotes": (
        """-- name: has_day(zone)$
--   zone: text, a time zone
SELECT EXISTS (
    SELECT FROM guest_days
    WHERE day = (statement_timestamp() AT TIME ZONE ':zone'::text)::date AND :zone::text <> ''
) AS has_day;
""",
        {("GS105", 5)},
    ),
    "a row of groups by an expression": (
        """-- name: get_hours(max_rows)^
--   max_rows: int = 5, rows at most
SELECT date_trunc('hour', minute) AS hour, sum(answers) AS answers FROM context_minutes
WHERE minute > statement_timestamp() - make_interval(hours => :max_rows::int)
GROUP BY hour ORDER BY hour LIMIT :max_rows::int;
""",
        {("GS302", 1)},
    ),
    "a row of a job's table": ("-- name: get_reason()$\nSELECT reason FROM legacy_staging;\n", {("GS302", 1)}),
    "a count with an exception for lists": (
        """-- name: list_versions()!
-- check: allow GS307, because the ledger is short
SELECT version FROM guestsql_migrations ORDER BY version;
""",
        {("GS303", 1)},
    ),
}


@pytest.mark.parametrize("case", SEVERAL)
def test_what_follows_from_a_slip_is_not_told_and_what_does_not_is(check, tmp_path, case):
    text, expected = SEVERAL[case]
    path = tmp_path / "q.sql"
    path.write_text(text, encoding="utf-8")
    found = check(path)
    assert {(each.rule, each.line) for each in found} == expected, told(found)
