"""The last chance of what is buffered: at exit, and on SIGTERM, which by itself ends Python without any of its exits.

The databases' own pools cannot be relied on by then (an event loop may be gone, a new thread refused), so each buffer
is written on a connection made for it.
"""

from __future__ import annotations

import atexit
import logging
import signal
import sys
import threading
import weakref
from dataclasses import dataclass
from time import monotonic
from types import FrameType
from typing import Any

from guestsql._log import event
from guestsql._pending import Pending
from guestsql._sql import Catalogue, bind_queries
from guestsql._sync.adapter import SyncAdapter
from guestsql._sync.connection import connect
from guestsql.errors import GuestSQLError
from guestsql.settings import Settings

__all__ = ["LastChance", "flush_all", "watch"]


@dataclass(frozen=True, eq=False)
class LastChance:
    """What is needed to write one buffer without its database.

    Attributes:
        pending: the buffer.
        settings: for the deadline.
        url: the server.
        catalogue: where `record_interactions` is.
    """

    pending: Pending
    settings: Settings
    url: str
    catalogue: Catalogue

    def flush(self) -> None:
        """Write what is left; log it if that fails: there is no caller any more."""
        batch = self.pending.take()
        if not batch:
            return
        try:
            self._write(batch)
        except GuestSQLError as error:
            self.pending.put_back(batch)
            event(logging.ERROR, "INTERACTIONS_LOST", f"not written at exit: {error.message}")

    def _write(self, batch: Pending) -> None:
        queries: Any = bind_queries(self.catalogue, SyncAdapter(self.catalogue))
        with connect(self.settings, self.url, pooled=self.settings.pooled) as connection:
            connection.deadline = monotonic() + self.settings.deadline_seconds
            with connection.transaction():
                begun = queries.get_transaction_id(connection)
                queries.record_interactions(connection, **batch.columns(begun.server_time))


_chances: weakref.WeakSet[LastChance] = weakref.WeakSet()


def watch(chance: LastChance) -> None:
    """Have a buffer written at exit, for as long as its database lives.

    From the main thread it also sees to SIGTERM, if nobody else does: the buffers are written, then the program ends
    by `SystemExit(143)`, so that its own `finally` and `with` are heeded. A handler the program has set is left alone.
    """
    _chances.add(chance)
    in_main = threading.current_thread() is threading.main_thread()
    if in_main and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        signal.signal(signal.SIGTERM, _terminate)


@atexit.register
def flush_all() -> None:
    """Write every buffer that is left."""
    for chance in list(_chances):
        chance.flush()


def _terminate(signum: int, _frame: FrameType | None) -> None:
    # In a thread: the main one may just hold a buffer's lock, and would wait for itself.
    worker = threading.Thread(target=flush_all, name="guestsql-last-chance")
    worker.start()
    worker.join(max((chance.settings.deadline_seconds for chance in list(_chances)), default=0.0))
    sys.exit(128 + signum)
