"""Who blocks the runner: asked on a second connection while the first one waits."""

from __future__ import annotations

import logging
import threading
from collections.abc import Generator
from contextlib import closing, contextmanager

from guestsql._core.log import event
from guestsql._sync.connection import connect
from guestsql.errors import GuestSQLError
from guestsql.migrate.ledger import Ledger
from guestsql.settings import Settings

__all__ = ["BlockerWatch"]

_LONG = 10.0
"""In seconds: whoever waits longer wants to know for whom."""


class BlockerWatch:
    """Asks the server, from a thread, for whom a server process waits.

    Only while it waits can that be known; after a lock timeout the server has forgotten it.

    Args:
        settings: for the time to connect.
        url: the address.
        pid: the server process that may have to wait.
        file: the migration's name, for the log.

    Attributes:
        blockers: the sessions in words, those of the last time that there were any; "" when nobody blocked.
    """

    def __init__(self, settings: Settings, url: str, pid: int, file: str) -> None:
        self.blockers = ""
        self._settings = settings
        self._url = url
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
            with closing(connect(self._settings, self._url)) as connection:
                blockers = Ledger(connection).blockers(self._pid)
        except GuestSQLError as error:
            # Only the explanation is lost; the lock timeout itself is reported by the first connection.
            blockers = f"sessions that could not be asked for: {error.message}"
        self.blockers = blockers or self.blockers
        if tell and blockers:
            event(logging.WARNING, "MIGRATION_WAITING", f"{self._file} waits for {blockers}")
