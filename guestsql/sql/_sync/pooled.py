# Generated from ../_async by tools/generate_sync.py (make sync). Do not edit.
"""psycopg's pool and its connections, with what they lack: reasons of failures, cancelled tasks, forks."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable
from typing import Any

import psycopg
from psycopg_pool import ConnectionPool
from psycopg_pool.pool import ReturnConnection

from guestsql.process import in_forked_child
from guestsql.sql._sync.connection import (
    DeadlineConnection,
    closed_on_error,
    with_every_host,
)
from guestsql.sql.outage import Outage
from guestsql.sql.runtime import Cancelled

__all__ = ["Pool", "PooledConnection"]


class PooledConnection(DeadlineConnection):
    """A connection that reports why it could not be made: the pool only says that time ran out.

    Attributes:
        taken_at: when it left the pool, in seconds of `time.monotonic()`.
        writes: True while it is in use for a write, which holds a permit.
    """

    taken_at = 0.0
    writes = False

    @classmethod
    def connect(  # type: ignore[override]  # pyright: ignore[reportIncompatibleMethodOverride]  the pool passes what it was given
        cls,
        conninfo: str = "",
        *,
        outage: Outage,
        set_up: Callable[[DeadlineConnection], Awaitable[None]],
        **kwargs: Any,  # noqa: ANN401  psycopg's own
    ) -> Any:  # noqa: ANN401  psycopg's own
        """Connect and set up; `outage` takes note of the outcome."""
        attempt = outage.begin()
        try:
            connection = super().connect(conninfo, **kwargs)
            with closed_on_error(connection):
                set_up(connection)
        except psycopg.Error as error:
            outage.failed(attempt, with_every_host(error, kwargs))
            raise
        except Exception as error:
            outage.failed(attempt, error)
            raise
        outage.succeeded()
        return connection


class Pool(ConnectionPool[PooledConnection]):
    """A pool that waits for no thread that cannot answer: in a forked child, and at the end of the program."""

    def __init__(self, **arguments: Any) -> None:  # noqa: ANN401  the pool's own
        super().__init__(**arguments)
        in_forked_child(self, Pool._abandon)

    def __del__(self) -> None:
        # A pool of threads waits for each of them, from Python 3.13 on also at the end, when daemons no longer run.
        delete: Callable[[], object] | None = getattr(super(), "__del__", None)
        if delete is not None and not sys.is_finalizing():
            delete()

    def putconn(self, conn: PooledConnection) -> None:
        """Take a connection back, also when the task is cancelled while it waits for the pool's lock."""
        try:
            super().putconn(conn)
        except Cancelled:
            # The pool waits for nothing once it has the connection, so it does not have it: a worker takes it back.
            if self._closed:
                conn.close()
            else:
                self.run_task(ReturnConnection(self, conn, from_getconn=False))
            raise

    def _abandon(self) -> None:
        """Be closed in a forked child: its threads are not there, and its locks may be held."""
        self._closed = True
