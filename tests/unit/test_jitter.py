"""A program's own random numbers are its own."""

from __future__ import annotations

import random

from guestsql.sql.jitter import jitter


def test_it_takes_none_of_the_programs_random_numbers() -> None:
    before = random.getstate()
    assert all(1.0 <= jitter(1.0, 2.0) <= 2.0 for _ in range(100))
    assert random.getstate() == before
