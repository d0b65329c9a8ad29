"""One transaction on one connection: its statements, its savepoints, and its end."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from time import monotonic
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import psycopg
from psycopg.pq import TransactionStatus

from guestsql.errors import DatabaseError, DatabaseUnavailable, OutcomeUnknown, TransactionError
from guestsql.sql._async.connection import AsyncDeadlineConnection
from guestsql.sql.transactions import Isolation, TransactionState, begin_text
from guestsql.sql.translate import translate

if TYPE_CHECKING:
    from guestsql.sql._async.executor import AsyncExecutor

__all__ = ["AsyncTransactionSession"]

# A transaction whose deadline has passed is still rolled back properly, if the server answers at once.
_ROLLBACK_SECONDS = 1.0


class AsyncTransactionSession:
    """Runs queries in one transaction. As a context manager it begins, and commits or rolls back.

    Args:
        executor: knows the queries.
        connection: on which it runs; its deadline is the transaction's.
        isolation: the isolation level; None for the server's default.
        is_repeated: True if its caller repeats what may have been committed. It then gets the error of COMMIT as it is.

    Attributes:
        ending: what is to be left when the transaction has ended, in whatever way.
    """

    def __init__(
        self,
        executor: AsyncExecutor,
        connection: AsyncDeadlineConnection,
        isolation: Isolation | None,
        *,
        is_repeated: bool = False,
    ) -> None:
        self._executor = executor
        self._connection = connection
        self._isolation: Isolation | None = isolation
        self._is_repeated = is_repeated
        self._state = TransactionState(connection.deadline)
        self._savepoints: list[str] = []
        self._on_commit: list[Callable[[], object]] = []
        self.ending = AsyncExitStack()

    @property
    def is_forked(self) -> bool:
        """True in a forked child: the connection is another process's."""
        return self._state.is_forked

    @property
    def deadline(self) -> float:
        """When it ends at the latest, in seconds of `time.monotonic()`."""
        return self._connection.deadline

    def on_commit(self, call: Callable[[], object]) -> None:
        """Have a function called when everything done so far has been committed.

        Args:
            call: quick, and it must not raise. It is forgotten with a savepoint that is rolled back.
        """
        self._on_commit.append(call)

    async def call(self, name: str, parameters: Mapping[str, object]) -> Any:  # noqa: ANN401  the query's own
        """Run a query.

        Args:
            name: the query.
            parameters: its parameters by name.

        Raises:
            TransactionError: the transaction has ended, or another caller uses it.
            TransactionAborted: an earlier statement has failed.
            DatabaseError: the server refused it, or the deadline passed first.
        """
        with self._state.used():
            try:
                return await self._executor.work(name).do(self._connection, **parameters)
            except BaseException as error:
                self._note(error)
                if isinstance(error, DatabaseError):
                    self._executor.count_error(name, error)
                raise

    @asynccontextmanager
    async def savepoint(self) -> AsyncGenerator[None]:
        """Undo what is done meanwhile if it ends with an exception, and nothing else of the transaction."""
        name = f"guestsql_{len(self._savepoints) + 1}"
        await self._command(f"SAVEPOINT {name}")
        self._savepoints.append(name)
        kept = len(self._on_commit)
        try:
            yield
            self._leave_savepoint(name)
            await self._command(f"RELEASE SAVEPOINT {name}")
        except BaseException:
            if name in self._savepoints:
                self._leave_savepoint(name)
            del self._on_commit[kept:]
            await self._undo(name)
            raise

    def _leave_savepoint(self, name: str) -> None:
        if self._savepoints.pop() != name:
            raise TransactionError(
                "savepoints of one transaction overlap", hint="open a transaction in each task or thread"
            )

    async def _undo(self, name: str) -> None:
        """Go back to a savepoint, after which the transaction can be used again."""
        connection = self._connection
        if self.is_forked or connection.closed or connection.pgconn.transaction_status == TransactionStatus.IDLE:
            return
        with suppress(psycopg.Error):  # the connection is lost, which the exception that leads here reports
            await connection.execute(f"ROLLBACK TO {name}; RELEASE {name}".encode(), prepare=False)
            self._state.failure = None

    async def _command(self, text: str) -> None:
        with self._state.used():
            try:
                await self._connection.execute(text.encode(), prepare=False)
            except BaseException as error:
                self._note(error)
                if isinstance(error, psycopg.Error):
                    raise translate(error, "") from error
                raise

    def _note(self, error: BaseException) -> None:
        """Remember the first error after which the server takes no more statements."""
        if self._connection.pgconn.transaction_status != TransactionStatus.INTRANS:
            self._state.failure = self._state.failure or error

    async def __aenter__(self) -> Self:
        await self._command(begin_text(self._isolation, self.deadline - monotonic()))
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        fault = self._state.end()
        async with self.ending:
            if exc is None and fault is None:
                await self._commit()
                return
            await self._roll_back()
            if isinstance(exc, DatabaseError):
                exc.undone = True
            if exc is None and fault is not None:
                raise fault

    async def _roll_back(self) -> None:
        connection = self._connection
        if self.is_forked or connection.closed:
            return
        connection.deadline = max(connection.deadline, monotonic() + _ROLLBACK_SECONDS)
        try:
            await connection.rollback()
        except psycopg.Error:  # closed, it is rolled back too
            await connection.close()

    async def _commit(self) -> None:
        connection = self._connection
        if not connection.is_live():
            await connection.close()
            lost = DatabaseUnavailable("the connection was lost before COMMIT: nothing was stored")
            lost.undone = True
            raise lost
        try:
            await connection.commit()
            if connection.is_unreplicated:
                await self._executor.confirm(connection, "", commit=True)
        except (psycopg.Error, DatabaseError) as error:
            failure = translate(error, "") if isinstance(error, psycopg.Error) else error
            if failure is error and self._is_repeated:
                raise
            if failure is not error and (failure.undone or self._is_repeated):
                raise failure from error
            raise OutcomeUnknown(f"COMMIT: {failure.message}", sqlstate=failure.sqlstate) from error
        for call in self._on_commit:
            call()
