"""Numbers as bars."""

from __future__ import annotations

import math

import pytest

from guestsql.ops.monitor.sparkline import sparkline


@pytest.mark.parametrize(
    ("values", "options", "drawn"),
    [
        ([0, 1, 2, 3, 4, 5, 6, 7], {}, "▁▂▃▄▅▆▇█"),
        ([0, 0, 0], {}, "▁▁▁"),
        ([5, 5], {}, "██"),
        ([1, 1000], {}, "▂█"),
        ([50, 100], {"highest": 100.0}, "▅█"),
        ([5, 5], {"lowest": None}, "▁▁"),
        ([-5, 200], {"highest": 100.0}, "▁█"),
        ([None, 1, None], {}, " █ "),
        ([None, None], {}, "  "),
        ([], {}, ""),
        ([0, 7], {"ascii_only": True}, "_#"),
    ],
)
def test_a_bar_for_each(values, options, drawn):
    assert sparkline(values, width=20, **options) == drawn


def test_the_latest_are_kept():
    assert sparkline([9, 9, 0, 1], width=2) == "▁█"


def test_what_is_no_number_is_blank():
    assert sparkline([math.nan, 1.0], width=5) == " █"
