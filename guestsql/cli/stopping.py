"""A signal asks the shell's servers to stop; they finish their work first."""

from __future__ import annotations

import signal
import threading
from collections.abc import Generator
from contextlib import contextmanager
from types import FrameType

__all__ = ["stop_requested", "wait_for"]

_SIGNALS = (signal.SIGTERM, signal.SIGINT)


@contextmanager
def stop_requested() -> Generator[threading.Event]:
    """An event that SIGTERM and SIGINT set, in place of ending the program."""
    stop = threading.Event()

    def request(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    kept = {number: signal.signal(number, request) for number in _SIGNALS}
    try:
        yield stop
    finally:
        for number, handler in kept.items():
            signal.signal(number, handler)


def wait_for(stop: threading.Event) -> None:
    """Wait until the event is set."""
    # In steps: Windows does not interrupt a wait without an end.
    while not stop.wait(1.0):
        pass
