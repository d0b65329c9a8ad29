"""Who blocks the runner: asked on a second connection while the first one waits."""

from __future__ import annotations

import threading
from types import TracebackType
from typing import Self

from guestsql._sync.connection import connect
from guestsql.errors import GuestSQLError
from guestsql.migrate.ledger import Ledger
from guestsql.settings import Settings

__all__ = ["BlockerWatch"]


class BlockerWatch:
    """A context manager: after a delay, asks the server for whom a server process waits.

    Only while it waits can that be known; after a lock timeout the server has forgotten it.

    Args:
        settings: for the time to connect.
        url: the address.
        pid: the server process that may have to wait.
        delay: after how long to ask, in seconds; less than the lock timeout.

    Attributes:
        blockers: the sessions in words, or "" when nobody blocked, or nobody could be asked.
    """

    def __init__(self, settings: Settings, url: str, pid: int, delay: float) -> None:
        self.blockers = ""
        self._settings = settings
        self._url = url
        self._pid = pid
        self._timer = threading.Timer(delay, self._ask)
        self._timer.daemon = True

    def __enter__(self) -> Self:
        self._timer.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._timer.cancel()
        self._timer.join()

    def _ask(self) -> None:
        try:
            with connect(self._settings, self._url) as connection:
                self.blockers = Ledger(connection).blockers(self._pid)
        except GuestSQLError as error:
            # Only the explanation is lost; the lock timeout itself is reported by the first connection.
            self.blockers = f"unknown ({error.message})"
