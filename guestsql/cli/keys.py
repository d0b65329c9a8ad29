"""One key without Enter: `q` ends what is drawn on a terminal."""

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
    """Have the terminal of stdin give each key at once, and put it back as it was on every way out.

    Yields:
        What waits so many seconds, or until `q` is pressed, and returns True in that case; None where no key can be
        read: stdin is no terminal, or another program has it.
    """
    if find_spec("termios") is None or not sys.stdin.isatty() or _is_in_background(sys.stdin.fileno()):
        yield None
        return
    import termios  # noqa: PLC0415  Windows has neither
    import tty  # noqa: PLC0415

    terminal = sys.stdin.fileno()
    kept = termios.tcgetattr(terminal)
    try:
        # At once, and not when all is written: nobody may be reading any more.
        tty.setcbreak(terminal, termios.TCSANOW)
        yield lambda seconds: _is_pressed(terminal, seconds)
    finally:
        with suppress(termios.error):  # it may have hung up
            termios.tcsetattr(terminal, termios.TCSANOW, kept)


def _is_in_background(terminal: int) -> bool:
    """A program in the background that changes its terminal is stopped by the system."""
    try:
        return os.tcgetpgrp(terminal) != os.getpgrp()
    except OSError:  # it is not the terminal of our session, and nobody stops us
        return False


def _is_pressed(terminal: int, seconds: float) -> bool:
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        ready, _, _ = select.select([terminal], [], [], left)
        if not ready:
            break
        keys = _read(terminal)
        if not keys:  # hung up; what is asked for goes on at its pace
            time.sleep(max(0.0, end - time.monotonic()))
        if any(key in keys for key in _QUIT):
            return True
    return False


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 1024)
    except OSError:
        return b""
