"""One key without Enter: `q` quits a live view."""

from __future__ import annotations

import os
import select
import sys
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from importlib.util import find_spec

__all__ = ["quit_key"]

_QUIT = (b"q", b"Q")

Wait = Callable[[float], bool]


@contextmanager
def quit_key() -> Generator[Wait | None]:
    """Have the terminal of stdin return each key at once, and restore it in the end.

    Yields:
        A function that waits for so many seconds and returns True as soon as `q` is pressed; None if no key can be
        read, because stdin is not a terminal or another program has it.
    """
    if find_spec("termios") is None or not sys.stdin.isatty() or _is_in_background(sys.stdin.fileno()):
        yield None
        return
    import termios  # noqa: PLC0415  Windows has neither
    import tty  # noqa: PLC0415

    terminal = sys.stdin.fileno()
    kept = termios.tcgetattr(terminal)
    try:
        # At once, not when the output is written: its reader may have gone.
        tty.setcbreak(terminal, termios.TCSANOW)
        yield lambda seconds: _is_pressed(terminal, seconds)
    finally:
        with suppress(termios.error):  # it may have hung up
            termios.tcsetattr(terminal, termios.TCSANOW, kept)


def _is_in_background(terminal: int) -> bool:
    """A program in the background that changes its terminal is stopped by the system."""
    try:
        return os.tcgetpgrp(terminal) != os.getpgrp()
    except OSError:  # not the terminal of this session, so nothing stops us
        return False


def _is_pressed(terminal: int, seconds: float) -> bool:
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        ready, _, _ = select.select([terminal], [], [], left)
        if not ready:
            break
        keys = _read(terminal)
        if not keys:  # hung up: keep the pace
            time.sleep(max(0.0, end - time.monotonic()))
        if any(key in keys for key in _QUIT):
            return True
    return False


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 1024)
    except OSError:
        return b""
