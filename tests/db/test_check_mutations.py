"""Slips in the shipped files: each is caught, by the right rule, at the right line."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.checking import QUERIES, check_paths, told
from tests.slips import FILES, KINDS, slips

SLIPS = slips()


@pytest.fixture(scope="module")
def marks(tmp_path_factory):
    """The large tables, which one shipped file names for all."""
    file = tmp_path_factory.mktemp("marks") / "marks.sql"
    line = next(line for line in (QUERIES / "guests.sql").read_text("utf-8").splitlines() if "check: large" in line)
    file.write_text(f"{line}\n", encoding="utf-8")
    return file


def test_there_are_enough_of_them():
    kinds = Counter(slip.kind for slip in SLIPS)
    assert set(kinds) == set(KINDS)
    assert len(kinds) >= 25
    assert len(SLIPS) >= 100


@pytest.mark.parametrize("name", FILES)
def test_without_a_slip_nothing_is_found(server, marks, name):
    assert told(check_paths(server.url(), [QUERIES / f"{name}.sql"], [marks])) == []


@pytest.mark.parametrize("slip", SLIPS, ids=lambda slip: f"{slip.kind}-{slip.query}".replace(" ", "_"))
def test_a_slip_is_caught(server, marks, tmp_path, slip):
    path = tmp_path / slip.file
    path.write_text(slip.text, encoding="utf-8")
    found = check_paths(server.url(), [path], [marks])
    assert (slip.rule, slip.line) in {(each.rule, each.line) for each in found}, told(found)
    assert {each.rule for each in found} - {slip.rule} <= slip.also, told(found)
