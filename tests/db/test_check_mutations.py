"""Slips in the shipped files: each is caught, by the right rule, at the right line."""

from __future__ import annotations

from collections import Counter
from contextlib import nullcontext

import pytest

from guestsql.check import check_files, scratch_database
from guestsql.settings import Settings
from tests.checking import QUERIES, told
from tests.slips import FILES, KINDS, slips

SLIPS = slips()


@pytest.fixture(scope="module")
def marks(tmp_path_factory):
    """The large tables, which some files name for all."""
    file = tmp_path_factory.mktemp("marks") / "marks.sql"
    lines = [line for path in QUERIES.glob("*.sql") for line in path.read_text("utf-8").splitlines()]
    file.write_text("".join(f"{line}\n" for line in lines if line.startswith("-- check: large")), encoding="utf-8")
    return file


@pytest.fixture(scope="module")
def check(server, marks):
    """Check one file, with the large tables, in a scratch database made once."""
    with scratch_database(Settings(), server.url()) as connection:
        yield lambda path: check_files([path], nullcontext(connection), beside=[marks]).findings


def test_there_are_enough_of_them():
    kinds = Counter(slip.kind for slip in SLIPS)
    assert set(kinds) == set(KINDS)
    assert len(kinds) >= 50
    assert len(SLIPS) >= 200
    assert {slip.file for slip in SLIPS} == {f"{name}.sql" for name in FILES}


@pytest.mark.parametrize("name", FILES)
def test_without_a_slip_nothing_is_found(check, name):
    assert told(check(QUERIES / f"{name}.sql")) == []


@pytest.mark.parametrize("slip", SLIPS, ids=lambda slip: f"{slip.kind}-{slip.query}".replace(" ", "_"))
def test_a_slip_is_caught(check, tmp_path, slip):
    path = tmp_path / slip.file
    path.write_text(slip.text, encoding="utf-8")
    found = check(path)
    assert (slip.rule, slip.line) in {(each.rule, each.line) for each in found}, told(found)
    assert {each.rule for each in found} - {slip.rule} <= slip.also, told(found)
