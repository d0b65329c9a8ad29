"""What every kind of database does: open, close, count, and run transactions."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Generic, Self, TypeVar

from guestsql.sql._async.engine import AsyncEngine
from guestsql.sql._async.transaction import AsyncTransactionSession
from guestsql.sql.runtime import AsyncResult
from guestsql.sql.transactions import Isolation
from guestsql.telemetry.figures import Figures

__all__ = ["AsyncLifecycle"]

TransactionT = TypeVar("TransactionT")
Answer = TypeVar("Answer")


class AsyncLifecycle(ABC, Generic[TransactionT]):
    """A database that opens at the first call, or as a context manager."""

    _engine: AsyncEngine

    @abstractmethod
    def _transaction(self, session: AsyncTransactionSession) -> TransactionT:
        """Return what the caller of `transaction` gets."""

    async def open(self) -> None:
        """Start connecting, without waiting for it; start the embedded server if there is no address.

        `with` does this, and so does the first call; after `close` a call does not. If the server is away, or refuses
        the login, the first call that needs it raises the error.

        Raises:
            SettingsError: the address does not parse.
            EmbeddedServerError: the embedded server could not be started.
            WrongEventLoop: it is open in another event loop, or was in the process that forked this one.
        """
        await self._engine.open()

    async def close(self) -> None:
        """Write what is buffered and close all connections; calls after it raise `DatabaseUnavailable`.

        A guest database lets a flush that is under way end, waits for the deadline at most to write interactions, and
        for 5 seconds at most to write figures, whose failure is only logged. Other databases buffer nothing. Closing
        twice is not an error.

        Raises:
            DatabaseError: interactions could not be written; everything is closed nevertheless, and the end of the
                program, or a flush after `open`, tries again.
            WrongEventLoop: it is open in another event loop.
        """
        await self._engine.close()

    def figures(self) -> Figures:
        """Return what was counted since the object was made; no query is sent.

        Returns:
            A copy: calls, errors and durations by query, context answers by outcome (docs/metrics.md).
        """
        return self._engine.counting.total()

    @asynccontextmanager
    async def transaction(self, *, isolation: Isolation | None = None) -> AsyncGenerator[TransactionT]:
        """Open a transaction: everything called on `tx` inside the block is committed together, or not at all.

        It has one connection and one deadline (`GUESTSQL_DEADLINE_SECONDS`, from the wait for the connection to
        COMMIT). It is rolled back when the block ends with an exception. Nothing is repeated: `run` does that.

        `tx` is used inside the block, by one task or thread at a time. Do nothing slow there: rows that were written
        stay locked until the end.

        Args:
            isolation: `read committed`, `repeatable read` or `serializable`; default the server's, which is
                `read committed` unless it was configured otherwise.

        Returns:
            A context manager, which gives `tx`: it has `queries`, `transaction` for savepoints, and on a guest database
            all methods for guests.

        Raises:
            TransactionError: `tx` is used after its block, by two tasks at once, or in a forked child.
            TransactionAborted: an error of an earlier statement was caught inside the block.
            TransactionConflict: another transaction interfered; nothing was stored, and `run` repeats it.
            QueryTimeout: the deadline passed inside the block; nothing was stored.
            OutcomeUnknown: the connection was lost during COMMIT. It may or may not have been stored.
            DatabaseError: the server refused a statement, or could not be reached in time; nothing was stored.
        """
        executor = await self._engine.ready()
        async with executor.transaction(isolation=isolation) as session:
            yield self._transaction(session)

    async def run(
        self, function: Callable[[TransactionT], AsyncResult[Answer]], *, isolation: Isolation | None = None
    ) -> Answer:
        """Call a function with a transaction, and call it again if the transaction could not be completed.

        It is repeated, in a new transaction, after a serialization failure, after a deadlock, and after a connection
        that was lost before COMMIT was sent, until the deadline. So it must change nothing but the database. What else
        it raises rolls back and reaches the caller.

        Args:
            function: called with `tx`; for the async class a coroutine function.
            isolation: as for `transaction`.

        Returns:
            What the function returned.

        Raises:
            TransactionConflict: the conflict was still there at the deadline; nothing was stored.
            OutcomeUnknown: the connection was lost during COMMIT. It may or may not have been stored.
            DatabaseError: as for `transaction`.
            Exception: whatever the function raises.
        """

        async def with_transaction(session: AsyncTransactionSession) -> Answer:
            return await function(self._transaction(session))

        executor = await self._engine.ready()
        return await executor.run(with_transaction, isolation=isolation)

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()
