"""The pauses of callers that wait for what another caller builds."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from time import monotonic

from guestsql.guests.deadline import LONGEST_PAUSE_SECONDS
from guestsql.sql.jitter import jitter
from guestsql.sql.runtime import AsyncSignal, async_sleep

__all__ = ["AsyncPauses"]


class AsyncPauses:
    """Pauses that grow. Where the other caller is of this process too, the end of its build cuts them short."""

    def __init__(self) -> None:
        self._builds: dict[str, AsyncSignal] = {}

    @contextmanager
    def building_here(self, key: str) -> Generator[None]:
        """Let those who wait for a guest go on when the block ends.

        Args:
            key: the guest's key.
        """
        signal = self._builds[key] = AsyncSignal()
        try:
            yield
        finally:
            if self._builds.get(key) is signal:  # otherwise another caller has taken over
                self._builds.pop(key, None)
            signal.give()

    async def rest(self, key: str, pause: float, deadline: float) -> float:
        """Wait up to so many seconds, and return how many it may be the next time.

        Args:
            key: the guest's key.
            pause: seconds; begin with `FIRST_PAUSE_SECONDS`.
            deadline: in seconds of `time.monotonic()`; no pause goes beyond it.
        """
        signal = self._builds.get(key)
        seconds = jitter(pause / 2, pause)
        if signal is None:
            await async_sleep(seconds)
        else:  # nothing to ask meanwhile, unless the build takes longer than its lease
            await signal.wait(min(LONGEST_PAUSE_SECONDS, max(0.0, deadline - monotonic())))
        return min(pause * 2, LONGEST_PAUSE_SECONDS)
