"""What `make soak` judges by."""

from __future__ import annotations

import random

import pytest

from tests.benchmarks.soak.day import DAY_SECONDS, messages_of_a_day
from tests.benchmarks.soak.samples import BOUNDS, growth

MEGABYTE = 1e6


@pytest.mark.parametrize(
    ("name", "values", "is_flat"),
    [
        ("bot_bytes", [40 * MEGABYTE] * 12, True),
        ("bot_bytes", [(40 + 0.5 * day) * MEGABYTE for day in range(12)], False),
        ("bot_bytes", [(60 - day) * MEGABYTE for day in range(12)], True),
        ("p99_seconds", [0.03, 0.04, 0.03, 0.9, 0.03, 0.04, 0.03, 0.9, 0.04, 0.03], True),
        ("dead_tuples", [0, 20, 40, 60, 80, 100], True),
        ("dead_tuples", [2000, 2500, 3000, 3500, 4000, 4500], False),
    ],
    ids=["the same", "a leak", "falls", "two bad days", "next to nothing", "vacuum does not keep up"],
)
def test_what_is_flat(name: str, values: list[float], is_flat: bool) -> None:
    assert (growth(name, values) <= BOUNDS[name]) == is_flat


def test_a_day_has_its_messages_in_order_and_its_bursts() -> None:
    day = messages_of_a_day(3000, 5000, random.Random(1))
    seconds = [second for second, _ in day]
    assert 3000 <= len(day) < 3010
    assert seconds == sorted(seconds)
    assert seconds[-1] < DAY_SECONDS
    burst = sum(11 * 3600 <= second < 11 * 3600 + 600 for second in seconds)
    before = sum(10 * 3600 <= second < 10 * 3600 + 600 for second in seconds)
    assert burst > 3 * before
