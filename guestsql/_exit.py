"""The last chance of what is buffered: at exit, and on SIGTERM, which by itself ends Python without any of its exits.

The databases' own pools cannot be relied on by then (an event loop may be gone, a new thread refused), so each buffer
is written on a connection made for it.
"""

from __future__ import annotations

import atexit
import logging
import os
import signal
import sys
import threading
from dataclasses import dataclass
from time import monotonic, sleep
from types import FrameType
from typing import Any

import psycopg

import guestsql.embedded  # noqa: F401  # pyright: ignore[reportUnusedImport]  it registers its exit before we do
from guestsql._core.log import event
from guestsql._core.pending import Batch, Pending
from guestsql._core.translate import translate
from guestsql._sql import Catalogue, bind_queries
from guestsql._sync.adapter import SyncAdapter
from guestsql._sync.connection import DeadlineConnection, connect
from guestsql.errors import DatabaseError, GuestSQLError
from guestsql.settings import Settings

__all__ = ["LastChance", "flush_all", "unwatch", "watch"]

_ASK_AGAIN_SECONDS = 0.05


@dataclass(frozen=True, eq=False)
class LastChance:
    """What is needed to write one buffer without its database.

    Attributes:
        pending: the buffer.
        settings: for the deadline.
        url: the server.
        catalogue: where `record_interactions` is.
        pooled: True behind a transaction pooler.
    """

    pending: Pending
    settings: Settings
    url: str
    catalogue: Catalogue
    pooled: bool = False

    def flush(self, *, final: bool = True) -> None:
        """Write what is left; log it if that fails: there is no caller any more.

        Args:
            final: False while the program still runs: what somebody else is writing is left to them.
        """
        if not self.pending:
            return
        try:
            self._write(final=final)
        except (GuestSQLError, psycopg.Error) as error:
            level, code = (logging.ERROR, "INTERACTIONS_LOST") if final else (logging.WARNING, "INTERACTIONS_KEPT")
            message = error.message if isinstance(error, GuestSQLError) else translate(error, "").message
            event(level, code, f"not written at exit: {message}")

    def _write(self, *, final: bool) -> None:
        left_over = self.pending.left_over(self.settings.deadline_seconds) if final else []
        if not self.pending:
            return
        queries: Any = bind_queries(self.catalogue, SyncAdapter(self.catalogue))
        with connect(self.settings, self.url, pooled=self.pooled) as connection:
            connection.deadline = monotonic() + self.settings.deadline_seconds
            for batch in left_over:
                self._settle(queries, connection, batch)
            batch = self.pending.take()
            if not batch:
                return
            try:
                with connection.transaction():
                    begun = queries.get_transaction_id(connection)
                    queries.record_interactions(connection, **batch.columns(begun.server_time))
                    batch.committing(begun.transaction_id)
            except BaseException:
                self.pending.give_up(batch)
                raise
            self.pending.done(batch)

    def _settle(self, queries: Any, connection: DeadlineConnection, batch: Batch) -> None:  # noqa: ANN401  aiosql's methods
        """Find out whether a batch was written that nobody finished; keep it if it was not."""
        if batch.transaction_id and _was_committed(queries, connection, batch.transaction_id):
            self.pending.done(batch)
            return
        batch.committing("")
        self.pending.put_back(batch)


def _was_committed(queries: Any, connection: DeadlineConnection, transaction_id: str) -> bool:  # noqa: ANN401  aiosql's methods
    """Ask until the server knows, at most until the connection's deadline."""
    while True:
        try:
            status = queries.get_transaction_status(connection, transaction_id=transaction_id)
        except DatabaseError as error:
            if error.sqlstate == "22023":  # a number in the future: the server crashed before it reached the disk
                return False
            raise
        if status != "in progress":
            return bool(status == "committed")
        sleep(_ASK_AGAIN_SECONDS)


# Held strongly: a database that is dropped without being closed must not take what is buffered with it.
_chances: set[LastChance] = set()


def watch(chance: LastChance) -> None:
    """Have a buffer written at exit, until `unwatch`.

    From the main thread it also sees to SIGTERM, if nobody else does: the buffers are written, then the program ends
    by `SystemExit(143)`, so that its own `finally` and `with` are heeded. A handler the program has set is left alone.
    """
    _chances.add(chance)
    in_main = threading.current_thread() is threading.main_thread()
    if in_main and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        signal.signal(signal.SIGTERM, _terminate)


def unwatch(chance: LastChance) -> None:
    """Take note that a buffer was written, or its caller told that it was not."""
    _chances.discard(chance)


# Functions at exit run last in, first out: the embedded server, imported above, leaves after this.
@atexit.register
def flush_all(*, final: bool = True) -> None:
    """Write every buffer that is left.

    Args:
        final: False while the program still runs.
    """
    in_main = threading.current_thread() is threading.main_thread()
    if final and in_main and signal.getsignal(signal.SIGTERM) is _terminate:
        # The program ends anyway, and no flush outlives its deadline.
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    for chance in list(_chances):
        chance.flush(final=final)


if hasattr(os, "register_at_fork"):
    # What a forked child has of the buffers is a copy: its parent writes them.
    os.register_at_fork(after_in_child=_chances.clear)


def _terminate(signum: int, _frame: FrameType | None) -> None:
    # In a thread: the main one may just hold a buffer's lock, and would wait for itself.
    worker = threading.Thread(target=flush_all, kwargs={"final": False}, name="guestsql-last-chance")
    worker.start()
    worker.join(max((chance.settings.deadline_seconds for chance in list(_chances)), default=0.0))
    sys.exit(128 + signum)
