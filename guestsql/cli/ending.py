"""Servers of the shell end in good order when they are told to."""

from __future__ import annotations

import signal
import threading
from collections.abc import Generator
from contextlib import contextmanager
from types import FrameType

__all__ = ["told_to_end", "wait_for"]

_SIGNALS = (signal.SIGTERM, signal.SIGINT)


@contextmanager
def told_to_end() -> Generator[threading.Event]:
    """An event that is set by a signal to end, in place of the end itself."""
    told = threading.Event()

    def tell(_number: int, _frame: FrameType | None) -> None:
        told.set()

    kept = {number: signal.signal(number, tell) for number in _SIGNALS}
    try:
        yield told
    finally:
        for number, handler in kept.items():
            signal.signal(number, handler)


def wait_for(told: threading.Event) -> None:
    """Wait until the event is set."""
    # In steps: Windows does not interrupt a wait without an end.
    while not told.wait(1.0):
        pass
