"""Which sessions block the runner: queried on the lock's connection while a file's connection waits."""

from __future__ import annotations

import logging
import threading
from collections.abc import Generator
from contextlib import contextmanager

from guestsql.errors import GuestSQLError
from guestsql.migrate.ledger import Ledger
from guestsql.telemetry.log import event

__all__ = ["BlockerWatch"]

_REPORT_SECONDS = 10.0
"""A longer wait is logged with the sessions that block it."""


class BlockerWatch:
    """Finds out, in a thread, which sessions a server process waits for.

    The server only knows this while the process waits; after a lock timeout it is too late.

    Args:
        ledger: on a connection that does nothing else at the same time.
        pid: the server process that may have to wait.
        file: the migration's name, for the log.

    Attributes:
        blockers: a description of the sessions that blocked last; "" when none did.
    """

    def __init__(self, ledger: Ledger, pid: int, file: str) -> None:
        self.blockers = ""
        self._ledger = ledger
        self._pid = pid
        self._file = file

    @contextmanager
    def after(self, seconds: float) -> Generator[None]:
        """Query once if the block of code takes longer than this.

        Args:
            seconds: less than the lock timeout. When the wait can be long, the result is logged at once, so that an
                operator sees why nothing happens.
        """
        timer = threading.Timer(min(seconds, _REPORT_SECONDS), self._ask, kwargs={"report": seconds > _REPORT_SECONDS})
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()
            timer.join()

    def _ask(self, *, report: bool) -> None:
        try:
            blockers = self._ledger.blockers(self._pid)
        except GuestSQLError as error:
            # Only the explanation is lost; the lock timeout itself is reported by the first connection.
            blockers = f"unknown sessions: {error.message}"
        self.blockers = blockers or self.blockers
        if report and blockers:
            event(logging.WARNING, "MIGRATION_WAITING", f"{self._file} waits for {blockers}")
