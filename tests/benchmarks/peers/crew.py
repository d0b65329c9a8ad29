"""Threads that stay, and begin together."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from time import perf_counter
from typing import TypeVar

T = TypeVar("T")


class Crew:
    """So many threads.

    Args:
        size: how many.
    """

    def __init__(self, size: int) -> None:
        self.size = size
        self._threads = ThreadPoolExecutor(size)
        self._begin = threading.Barrier(size)

    def run(self, job: Callable[[], T]) -> list[T]:
        """Do a job in every thread, all at once, and return what each returned."""

        def begun() -> T:
            self._begin.wait()
            return job()

        return [future.result() for future in [self._threads.submit(begun) for _ in range(self.size)]]

    def seconds_of(self, job: Callable[[], object]) -> float:
        """Return the time from the first beginning to the last end."""

        def timed() -> tuple[float, float]:
            started = perf_counter()
            job()
            return started, perf_counter()

        spans = self.run(timed)
        return max(end for _, end in spans) - min(begin for begin, _ in spans)

    def close(self, leave: Callable[[], object]) -> None:
        """Have every thread leave, and end them."""
        self.run(leave)
        self._threads.shutdown()
