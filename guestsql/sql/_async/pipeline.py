"""Sends several statements together: they need one round trip."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from functools import cache
from time import monotonic
from types import TracebackType
from typing import Any, LiteralString

import psycopg
from psycopg import AsyncCursor, AsyncPipeline, generators
from psycopg.abc import PQGen
from psycopg.pq import ExecStatus, TransactionStatus

from guestsql.sql import read_packaged
from guestsql.sql._async.connection import AsyncDeadlineConnection
from guestsql.sql.position import Companion, Position
from guestsql.sql.transactions import statement_timeout

__all__ = ["ASYNC_COMMIT", "AsyncBatch", "Setting", "bound", "commits_alone", "execute_together", "together"]

Setting = tuple[str, list[Any]]
"""A query of queries/internal/connections.sql that sets something for its transaction, and its parameters."""
ASYNC_COMMIT: Setting = ("commit_without_waiting", [])
"""Commits without waiting for the disk or a standby."""

_SYNC: Any = object()


class AsyncBatch(AsyncPipeline):
    """psycopg's pipeline, sent as a whole when it ends.

    psycopg sends each statement at once, and a Flush after the last Sync. For PgBouncer the Flush would begin another
    transaction, and keep the server process from other clients.

    Attributes:
        committed: how many of its transactions were committed before the first error.
    """

    def __init__(self, connection: AsyncDeadlineConnection) -> None:
        super().__init__(connection)
        self.committed = 0

    def end_transaction(self) -> None:
        """Commit what was executed so far; what follows is another transaction, in the same round trip."""
        self._enqueue_sync()

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc_val: BaseException | None, exc_tb: TracebackType | None
    ) -> None:
        if exc_val is not None:  # the caller failed, so nothing is sent
            self.command_queue.clear()
            self.result_queue.clear()
        await super().__aexit__(exc_type, exc_val, exc_tb)

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

    def _enqueue_sync(self) -> None:
        self.command_queue.append(self.pgconn.pipeline_sync)
        self.result_queue.append(_SYNC)

    def _fetch_gen(self, *, flush: bool) -> PQGen[None]:
        """Read all results; psycopg does not expect a COMMIT that fails: an error, and then the answer to the Sync."""
        del flush
        failure: psycopg.Error | None = None
        while self.result_queue:
            try:
                results = yield from generators.fetch_many(self.pgconn)
            except psycopg.Error as error:  # the connection is lost: what the server said before says why
                if failure is None:
                    raise
                raise failure from error
            if not results:
                break
            queued = self.result_queue[0]
            is_commit_failed = queued is _SYNC and results[-1].status != ExecStatus.PIPELINE_SYNC
            if not is_commit_failed:
                self.result_queue.popleft()
            try:
                self._process_results(None if queued is _SYNC else queued, results)
            except psycopg.Error as error:
                failure = failure or error
            if queued is _SYNC and failure is None:
                self.committed += 1
        if failure is not None:
            raise failure


@asynccontextmanager
async def together(connection: AsyncDeadlineConnection) -> AsyncGenerator[AsyncBatch]:
    """Send what is executed meanwhile together when the block ends. Only then do the cursors have results.

    Outside a transaction, everything is one, up to `end_transaction`. After a statement that fails, the rest of its
    transaction is not run.

    Args:
        connection: of which the cursors are.

    Raises:
        psycopg.Error: the first error, when the block ends.
    """
    batch = AsyncBatch(connection)
    connection._pipeline = batch  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]  psycopg takes no class for it
    async with connection.pipeline():
        yield batch


def commits_alone(connection: AsyncDeadlineConnection) -> bool:
    """Return True if the next statement is a transaction of its own."""
    return connection.pgconn.transaction_status == TransactionStatus.IDLE


def bound(deadline: float) -> Setting:
    """Return what lets the server end a statement a little before its caller gives up.

    Args:
        deadline: in seconds of `time.monotonic()`.
    """
    return "bound_statement", [statement_timeout(deadline - monotonic())]


async def execute_together(
    cursor: AsyncCursor[Any],
    text: LiteralString,
    values: list[Any],
    *,
    companion: Companion | None,
    settings: Sequence[Setting],
) -> None:
    """Run a statement with what belongs to it, in one round trip.

    Args:
        cursor: of a connection that is in no transaction.
        text: the statement, with `$1`, `$2`, ….
        values: its parameters.
        companion: gets the server's position; None if it is not asked for.
        settings: of its transaction. `SET LOCAL` would do the same, but before PostgreSQL 16 it warns unless there was
            a BEGIN.

    Raises:
        psycopg.Error: the statement failed, or its commit.

    SQL: queries/internal/connections.sql and replica.sql
    """
    connection: Any = cursor.connection
    batch: AsyncBatch | None = None
    asked: Any = None
    is_behind = companion is not None and companion.is_behind
    try:
        async with together(connection) as batch:
            # The question is not prepared: after a failure in front of it psycopg would believe that it is.
            if companion is not None and not is_behind:
                asked = await connection.execute(_position(), prepare=False)
            for name, given in settings:  # in front, where no failure can keep them from being prepared
                setting = connection.cursors.get(name)
                if setting is None:
                    setting = connection.cursors[name] = connection.cursor()
                await setting.execute(_setting(name), given)
            await cursor.execute(text, values)
            if is_behind:
                batch.end_transaction()
                asked = await connection.execute(_position(), prepare=False)
    except psycopg.Error:
        if is_behind and batch is not None and batch.committed:
            return  # only the question failed
        raise
    row = None if asked is None else await asked.fetchone()
    if companion is not None and row is not None and None not in row:
        companion.position = Position._make(row)


@cache
def _position() -> bytes:
    return read_packaged("internal/replica.sql")["get_wal_position"].text.encode()


@cache
def _setting(name: str) -> bytes:
    return read_packaged("internal/connections.sql")[name].text.encode()
