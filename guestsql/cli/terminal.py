"""The two output streams: colour only on a terminal, unless NO_COLOR is set; encodings; closed pipes."""

from __future__ import annotations

import contextlib
import io
import os
import sys
from typing import TextIO

from rich.console import Console

__all__ = ["can_ask", "console", "flush_streams", "is_narrow", "prepare_streams"]


class _Console(Console):
    """rich ends the program with 1 when the reader went away; here the shell says what that means."""

    def on_broken_pipe(self) -> None:
        raise BrokenPipeError


def console(stream: TextIO) -> Console:
    """Return a console for a stream.

    Args:
        stream: stdout or stderr, as it is now.
    """
    is_terminal = stream.isatty()
    colourless = not is_terminal or bool(os.environ.get("NO_COLOR")) or os.environ.get("TERM") == "dumb"
    return _Console(
        file=stream,
        force_terminal=is_terminal,
        color_system=None if colourless else "auto",
        highlight=False,
        markup=False,
        emoji=False,
    )


def can_ask() -> bool:
    """Return True if there is a terminal to ask a question on."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def is_narrow(stream: TextIO) -> bool:
    """Return True if a stream's encoding cannot write every character."""
    return not (stream.encoding or "").lower().replace("-", "").startswith("utf")


def prepare_streams() -> None:
    """See that all of a text is written, or that what went wrong is known."""
    raw = getattr(sys.stdout, "buffer", None)
    if isinstance(raw, io.RawIOBase):
        # PYTHONUNBUFFERED: of a large text Python would drop what a pipe does not take at once, without a word.
        buffered = io.BufferedWriter(raw)
        sys.stdout = io.TextIOWrapper(buffered, sys.stdout.encoding, sys.stdout.errors, write_through=True)
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            # A character that the encoding lacks becomes an escape, instead of an end halfway. UTF-8 lacks half a
            # surrogate pair, which a value of type json may hold.
            reconfigure(errors="backslashreplace")


def flush_streams() -> OSError | None:
    """Write what is left in both streams.

    Returns:
        What went wrong: a BrokenPipeError if the reader of one went away, another error if a disk is full, say. What
        was left is dropped, so that Python's own last flush does not complain.
    """
    failures = [_flushed(stream) for stream in (sys.stdout, sys.stderr)]
    return next((failure for failure in failures if failure is not None), None)


def _flushed(stream: TextIO) -> OSError | None:
    try:
        stream.flush()
    except OSError as error:
        with contextlib.suppress(OSError, ValueError):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, stream.fileno())
            os.close(nowhere)
        return error
    return None
