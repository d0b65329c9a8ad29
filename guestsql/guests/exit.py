"""Writes what is still buffered at exit, and on SIGTERM, which by default ends Python without running any exit code.

The databases' own pools cannot be relied on by then (an event loop may be gone, a new thread refused), so each buffer
is written on a connection made for it.
"""

from __future__ import annotations

import asyncio
import atexit
import logging
import signal
import sys
import threading
from dataclasses import dataclass, field
from types import FrameType
from typing import Any

import psycopg
from psycopg.pq import TransactionStatus

import guestsql.embedded  # noqa: F401  # pyright: ignore[reportUnusedImport]  it registers its exit before we do
from guestsql.errors import GuestSQLError
from guestsql.guests._sync.archive import Returner
from guestsql.process import at_worker_end, in_forked_child
from guestsql.settings import Settings
from guestsql.sql import InUse
from guestsql.sql._sync.connection import DeadlineConnection, connect
from guestsql.sql._sync.executor import Executor
from guestsql.sql._sync.flushing import Flusher
from guestsql.sql.translate import translate
from guestsql.telemetry.counting import Counting
from guestsql.telemetry.log import event
from guestsql.telemetry.write_buffer import WriteBuffer

__all__ = ["ExitFlush", "flush_all", "install_sigterm_handler", "watch"]


@dataclass(frozen=True, eq=False)
class ExitFlush:
    """What is needed to write what a database has collected, without the database.

    Attributes:
        buffers: what was collected.
        counting: counts the calls.
        settings: for the deadline.
        url: the server.
        in_use: where their queries are.
    """

    buffers: tuple[WriteBuffer[Any], ...]
    counting: Counting
    settings: Settings
    url: str = field(repr=False)
    in_use: InUse

    def __bool__(self) -> bool:
        return any(self.buffers)

    def unwatch(self) -> None:
        """Stop watching: the database has written it or reported the failure, or the parent process has it."""
        _watched.discard(self)

    def flush(self, *, final: bool = True) -> None:
        """Write what is left; log it if that fails: there is no caller to report it to.

        Args:
            final: False while the program still runs: what cannot be written now is kept.
        """
        if not self:
            return
        connections = _OneConnection(self.settings, self.url)
        try:
            executor = Executor(
                self.settings, self.url, self.in_use.all, connections=connections, counting=self.counting
            )
            Returner(executor, self.in_use).install()
            for buffer in self.buffers:
                _flush(executor, buffer, final=final)
        finally:
            connections.close()


def _flush(executor: Executor, buffer: WriteBuffer[Any], *, final: bool) -> None:
    try:
        # What another thread is writing is written here too: the server recognises the batch.
        Flusher(executor, buffer).flush()
    except (GuestSQLError, psycopg.Error) as error:
        level, code = (logging.ERROR, "LOST") if final else (logging.WARNING, "KEPT")
        message = error.message if isinstance(error, GuestSQLError) else translate(error, "").message
        event(level, f"{buffer.content}_{code}", f"not written at exit: {message}")


class _OneConnection:
    """One connection, made when it is first acquired. A pool has threads, and none can be started at exit."""

    def __init__(self, settings: Settings, url: str) -> None:
        self._settings = settings
        self._url = url
        self._connection: DeadlineConnection | None = None

    def open(self) -> None:
        """Connect at the first `acquire` only."""

    def acquire(self, deadline: float, *, writes: bool = False) -> DeadlineConnection:
        """Return the connection, made anew if it was lost."""
        del writes
        if self._connection is None or self._connection.closed:
            self._connection = connect(self._settings, self._url)
        self._connection.deadline = deadline
        return self._connection

    acquire_live = acquire

    def release(self, connection: DeadlineConnection) -> None:
        """Keep the connection for the next caller, unless a statement or transaction is unfinished."""
        if connection.pgconn.transaction_status != TransactionStatus.IDLE:
            connection.close()

    def close(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            self._connection.close()


# Held strongly: a database that is dropped without being closed must not take what is buffered with it.
_watched: set[ExitFlush] = set()


def watch(flush: ExitFlush) -> None:
    """Have a buffer written at exit, until `unwatch`. A forked child has a copy of it, which its parent writes."""
    _watched.add(flush)
    in_forked_child(flush, ExitFlush.unwatch)
    at_worker_end(flush_all, priority=1)
    install_sigterm_handler()


def install_sigterm_handler() -> None:
    """Handle SIGTERM, if this is the main thread and the program has no handler.

    The buffers are written, then the program ends by `SystemExit(143)`, so that its `finally` and `with` blocks run.
    Python allows this in the main thread only. A database that is made there may be opened in another thread, so this
    is called when a database is made, and again when it is opened.
    """
    in_main = threading.current_thread() is threading.main_thread()
    if in_main and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        signal.signal(signal.SIGTERM, _terminate)


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
    for each in list(_watched):
        each.flush(final=final)


def _terminate(signum: int, _frame: FrameType | None) -> None:
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        _flush_and_exit(signum)
    else:
        # Between two callbacks: an exception in the middle of a task's wake-up would leave a task that never ends.
        loop.call_soon_threadsafe(_flush_and_exit, signum)


def _flush_and_exit(signum: int) -> None:
    # In a thread: the main thread may hold a buffer's lock, and would wait for itself.
    worker = threading.Thread(target=flush_all, kwargs={"final": False}, name="guestsql-exit-flush")
    worker.start()
    worker.join(max((each.settings.deadline_seconds for each in list(_watched)), default=0.0))
    sys.exit(128 + signum)
