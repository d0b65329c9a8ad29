"""The pauses of callers that wait for what another caller builds."""

from __future__ import annotations

from guestsql.guests.deadline import LONGEST_PAUSE_SECONDS
from guestsql.sql.jitter import jitter
from guestsql.sql.runtime import async_sleep

__all__ = ["rest"]


async def rest(pause: float) -> float:
    """Wait up to so many seconds, and return how many it may be the next time.

    Args:
        pause: seconds; begin with `FIRST_PAUSE_SECONDS`.
    """
    await async_sleep(jitter(pause / 2, pause))
    return min(pause * 2, LONGEST_PAUSE_SECONDS)
