"""Values as JSON, as CSV fields, and for a person."""

from __future__ import annotations

import io
import json
from datetime import UTC, date, datetime
from decimal import Decimal
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from guestsql.adhoc.values import align_points, as_cell, as_json, as_shown, plain_text
from guestsql.cli.table import build_table

BOGOTA = ZoneInfo("America/Bogota")
NOON = datetime(2026, 11, 22, 17, 0, 5, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, "null"),
        (True, "true"),
        (2**63, "9223372036854775808"),
        (0.1, "0.1"),
        (float("nan"), '"NaN"'),
        (float("-inf"), '"-Infinity"'),
        (Decimal("1.10"), "1.10"),
        (Decimal("1E+3"), "1000"),
        (Decimal("12345678901234567890.123456789"), "12345678901234567890.123456789"),
        (Decimal("NaN"), '"NaN"'),
        (NOON, '"2026-11-22T17:00:05+00:00"'),
        (date(2026, 11, 22), '"2026-11-22"'),
        (UUID(int=1), '"00000000-0000-0000-0000-000000000001"'),
        (b"\x00\xff", '"\\\\x00ff"'),
        ("cotización", '"cotización"'),
        ([1, None, ["a"]], '[1, null, ["a"]]'),
        ({}, "{}"),
        ({"a": Decimal("0.50"), "b": []}, '{"a": 0.50, "b": []}'),
    ],
)
def test_json_is_exact(value, expected):
    assert as_json(value) == expected


def test_json_for_a_narrow_encoding_is_ascii():
    assert as_json("ñ", ascii_only=True) == '"\\u00f1"'


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda below: st.lists(below) | st.dictionaries(st.text(), below),
)


@given(_JSON, st.booleans(), st.booleans())
def test_json_is_read_back_as_it_was(value, ascii_only, indent):
    assert json.loads(as_json(value, ascii_only=ascii_only, indent=indent)) == value


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, ""),
        (False, "false"),
        (Decimal("1.10"), "1.10"),
        (NOON, "2026-11-22T17:00:05+00:00"),
        (b"\x01", "\\x01"),
        (["VIP", "a,b"], '["VIP", "a,b"]'),
        ({"a": 1}, '{"a": 1}'),
        ("as is\n", "as is\n"),
    ],
)
def test_cells_are_exact(value, expected):
    assert as_cell(value) == expected


def test_times_are_shown_in_the_hotels_zone():
    assert as_shown(NOON, BOGOTA) == "2026-11-22 12:00:05"
    assert as_shown(NOON.replace(tzinfo=None), BOGOTA) == "2026-11-22 17:00:05"
    assert as_shown(datetime.min.replace(tzinfo=UTC), BOGOTA) == "0001-01-01 00:00:00+00:00"


def test_labels_are_shown_without_brackets():
    assert as_shown(["VIP", "cotización"], BOGOTA) == "VIP, cotización"


def test_what_is_not_there_is_no_empty_text():
    assert (as_shown(None, BOGOTA), as_shown("", BOGOTA), as_shown([], BOGOTA), as_shown([None], BOGOTA)) == (
        "NULL",
        "",
        "[]",
        "[null]",
    )


def test_points_stand_below_each_other():
    assert align_points(["1.5", "10.25", "-3", "NULL", "NaN", "1e+22"]) == [
        "1.5 ",
        "10.25",
        "-3   ",
        "NULL",
        "NaN",
        "1e+22",
    ]
    assert align_points(["1", "20"]) == ["1", "20"]
    assert align_points([]) == []


def test_a_table_at_three_in_the_morning():
    rows = [[1.5, 10, "a", None], [Decimal("10.25"), None, "", True], [None, 100_000, None, False]]
    target = Console(file=io.StringIO(), width=80)
    target.print(build_table(("ratio", "n", "words", "flag"), rows, BOGOTA))
    assert [line.rstrip() for line in target.file.getvalue().splitlines()] == [
        "ratio        n   words   flag",
        "──────────────────────────────",
        "  1.5       10   a       NULL",
        "10.25     NULL           true",
        " NULL   100000   NULL    false",
    ]


def test_a_name_cannot_steer_the_terminal():
    assert plain_text("a\x1b[2Jb\rc\u202ed\te\nf") == "a\ufffd[2Jb\ufffdc\ufffdd e\nf"
    assert as_shown("\x1b]0;x\x07", BOGOTA) == "\ufffd]0;x\ufffd"


def test_emoji_and_accents_stay():
    assert plain_text("Julieta 👩‍👧 ñ") == "Julieta 👩‍👧 ñ"
