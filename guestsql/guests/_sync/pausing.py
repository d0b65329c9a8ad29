# Generated from ../_async by tools/generate_sync.py (make sync). Do not edit.
"""The pauses of callers that wait for what another caller builds."""

from __future__ import annotations

import random

from guestsql.guests.deadline import LONGEST_PAUSE_SECONDS
from guestsql.sql.runtime import sleep

__all__ = ["rest"]


def rest(pause: float) -> float:
    """Wait up to so many seconds, and return how many it may be the next time.

    Args:
        pause: seconds; begin with `FIRST_PAUSE_SECONDS`.
    """
    sleep(random.uniform(pause / 2, pause))  # noqa: S311  spreads the waiting, hides nothing
    return min(pause * 2, LONGEST_PAUSE_SECONDS)
