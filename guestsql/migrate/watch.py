"""Who blocks the runner: asked on the lock's connection while a file's connection waits."""

from __future__ import annotations

import logging
import threading
from collections.abc import Generator
from contextlib import contextmanager

from guestsql.errors import GuestSQLError
from guestsql.migrate.ledger import Ledger
from guestsql.telemetry.log import event

__all__ = ["BlockerWatch"]

_LONG = 10.0
"""In seconds: whoever waits longer wants to know for whom."""


class BlockerWatch:
    """Asks the server, from a thread, for whom a server process waits.

    Only while it waits can that be known; after a lock timeout the server has forgotten it.

    Args:
        ledger: upon a connection that does nothing else meanwhile.
        pid: the server process that may have to wait.
        file: the migration's name, for the log.

    Attributes:
        blockers: the sessions in words, those of the last time that there were any; "" when nobody blocked.
    """

    def __init__(self, ledger: Ledger, pid: int, file: str) -> None:
        self.blockers = ""
        self._ledger = ledger
        self._pid = pid
        self._file = file

    @contextmanager
    def after(self, seconds: float) -> Generator[None]:
        """Ask once if the block of code takes longer than that.

        Args:
            seconds: less than the lock timeout. When the wait can be a long one, what was found is logged at once:
                nothing else would tell an operator why nothing happens.
        """
        timer = threading.Timer(min(seconds, _LONG), self._ask, kwargs={"tell": seconds > _LONG})
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()
            timer.join()

    def _ask(self, *, tell: bool) -> None:
        try:
            blockers = self._ledger.blockers(self._pid)
        except GuestSQLError as error:
            # Only the explanation is lost; the lock timeout itself is reported by the first connection.
            blockers = f"sessions that could not be asked for: {error.message}"
        self.blockers = blockers or self.blockers
        if tell and blockers:
            event(logging.WARNING, "MIGRATION_WAITING", f"{self._file} waits for {blockers}")
