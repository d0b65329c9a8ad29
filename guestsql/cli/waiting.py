"""A line on a terminal's stderr when something takes longer than a second."""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Generator
from contextlib import contextmanager

import click

from guestsql.adhoc.notices import Notices
from guestsql.adhoc.values import plain_text
from guestsql.telemetry.log import logger

__all__ = ["ON_STDERR", "waiting"]

_PATIENCE_SECONDS = 1.0


@contextmanager
def waiting(what: str, *, event: str = "") -> Generator[None]:
    """Report what the command waits for, once and only on a terminal, if the block of code takes longer than a second.

    Args:
        what: such as "connecting to the server of DATABASE_URL".
        event: the code of log events that say more precisely why it has to wait.
    """
    if not sys.stderr.isatty():
        yield
        return
    notice = _Notice(what, event)
    level = logger.level
    if event:
        logger.addHandler(notice)
        if not logger.isEnabledFor(logging.INFO):
            logger.setLevel(logging.INFO)
    notice.timer.start()
    try:
        yield
    finally:
        notice.timer.cancel()
        logger.removeHandler(notice)
        logger.setLevel(level)


class _Notice(logging.Handler):
    """Prints one line after a second, or with the first event after that, if that says more."""

    def __init__(self, what: str, event: str) -> None:
        super().__init__(logging.INFO)
        self._what = what
        self._event = event
        self._reason = ""
        self._is_due = False
        self.timer = threading.Timer(_PATIENCE_SECONDS, self._report)
        self.timer.daemon = True

    def emit(self, record: logging.LogRecord) -> None:
        """Take note of the reason; print it when the second is over."""
        if self._reason or getattr(record, "event", None) != self._event:
            return
        self._reason = record.getMessage().removeprefix(f"{self._event} ")
        if self._is_due:
            self._print(self._reason)

    def _report(self) -> None:
        with self.lock or threading.RLock():
            self._is_due = True
            self._print(self._reason or f"{self._what} …")

    @staticmethod
    def _print(text: str) -> None:
        _say(f"guestsql: {text}")


def _say(text: str) -> None:
    click.echo(plain_text(text), err=True)


ON_STDERR = Notices(_say, waiting)
"""The shell's reports on the way to a server."""
