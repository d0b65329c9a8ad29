# Generated from ../_async by tools/generate_sync.py (make sync). Do not edit.
"""Sends several statements together: they need one round trip."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from functools import cache
from types import TracebackType
from typing import Any, LiteralString

from psycopg import Cursor, Pipeline, generators
from psycopg.abc import PQGen
from psycopg.pq import TransactionStatus

from guestsql.sql import read_packaged
from guestsql.sql._sync.connection import DeadlineConnection

__all__ = ["Batch", "commits_alone", "execute_async_commit", "together"]


class Batch(Pipeline):
    """psycopg's pipeline, sent as a whole when it ends.

    psycopg sends each statement at once, and a Flush after the last Sync. For PgBouncer the Flush would begin another
    transaction, and keep the server process from other clients.
    """

    def end_transaction(self) -> None:
        """Commit what was executed so far; what follows is another transaction, in the same round trip."""
        self._enqueue_sync()

    def __exit__(
        self, exc_type: type[BaseException] | None, exc_val: BaseException | None, exc_tb: TracebackType | None
    ) -> None:
        if exc_val is not None:  # the caller failed, so nothing is sent
            self.command_queue.clear()
            self.result_queue.clear()
        super().__exit__(exc_type, exc_val, exc_tb)

    def _communicate_gen(self) -> PQGen[None]:
        yield from ()

    def _exit_gen(self) -> PQGen[None]:
        if not self.command_queue:
            return
        self._enqueue_sync()
        while self.command_queue:
            self.command_queue.popleft()()
        yield from generators.send(self.pgconn)
        yield from self._fetch_gen(flush=False)


@contextmanager
def together(connection: DeadlineConnection) -> Generator[Batch]:
    """Send what is executed meanwhile together when the block ends. Only then do the cursors have results.

    Outside a transaction, everything is one, up to `end_transaction`. After a statement that fails, the rest of its
    transaction is not run.

    Args:
        connection: of which the cursors are.

    Raises:
        psycopg.Error: the first error, when the block ends.
    """
    batch = Batch(connection)
    connection._pipeline = batch  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]  psycopg takes no class for it
    with connection.pipeline():
        yield batch


def commits_alone(connection: DeadlineConnection) -> bool:
    """Return True if the next statement is a transaction of its own."""
    return connection.pgconn.transaction_status == TransactionStatus.IDLE


def execute_async_commit(cursor: Cursor[Any], text: LiteralString, values: list[Any]) -> None:
    """Run a statement that commits without waiting for the disk or a standby.

    `SET LOCAL` would do the same, but before PostgreSQL 16 it warns unless there was a BEGIN.

    Args:
        cursor: of a connection that is in no transaction.
        text: the statement, with `$1`, `$2`, ….
        values: its parameters.

    SQL: queries/internal/connections.sql
    """
    connection: Any = cursor.connection
    with together(connection):
        cursor.execute(text, values)
        # Not prepared: after a failure of the other statement psycopg would believe that it is.
        connection.execute(_async_commit(), prepare=False)


@cache
def _async_commit() -> bytes:
    return read_packaged("internal/connections.sql")["commit_without_waiting"].text.encode()
