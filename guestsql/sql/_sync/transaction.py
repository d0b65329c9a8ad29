# Generated from ../_async by tools/generate_sync.py (make sync). Do not edit.
"""One transaction on one connection: its statements, its savepoints, and its end."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from time import monotonic
from types import TracebackType
from typing import Any, Protocol, Self

import psycopg
from psycopg.pq import TransactionStatus

from guestsql.errors import (
    DatabaseError,
    DatabaseUnavailable,
    OutcomeUnknown,
    TransactionError,
)
from guestsql.sql._sync.connection import DeadlineConnection
from guestsql.sql.attempts import Work
from guestsql.sql.transactions import Isolation, TransactionState, begin_text
from guestsql.sql.translate import translate

__all__ = ["TransactionSession"]

# A transaction whose deadline has passed is still rolled back properly, if the server answers at once.
_ROLLBACK_SECONDS = 1.0


class Worker(Protocol):
    """Runs queries on a connection, as `AsyncExecutor` does."""

    def work(self, name: str) -> Work: ...
    def count_error(self, name: str, error: BaseException) -> None: ...
    def confirm(self, connection: DeadlineConnection, name: str, *, commit: bool) -> None: ...


class TransactionSession:
    """Runs queries in one transaction. As a context manager it begins, and commits or rolls back.

    Args:
        executor: knows the queries.
        connection: on which it runs; its deadline is the transaction's.
        isolation: the isolation level; None for the server's default.
        is_repeated: True if its caller repeats what may have been committed. It then gets the error of COMMIT as it is.

    Attributes:
        ending: what is to be left when the transaction has ended, in whatever way.
        undone: how many savepoints were rolled back: what was locked since is not locked any more.
    """

    def __init__(
        self,
        executor: Worker,
        connection: DeadlineConnection,
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
        self._savepoint_count = 0
        self._have_overlapped = False
        self._raised: list[DatabaseError] = []
        self._on_commit: list[Callable[[], object]] = []
        self.ending = ExitStack()
        self.undone = 0

    @property
    def is_forked(self) -> bool:
        """True in a forked child: the connection is another process's."""
        return self._state.is_forked

    @property
    def deadline(self) -> float:
        """When it ends at the latest, in seconds of `time.monotonic()`."""
        return self._connection.deadline

    def has_raised(self, error: DatabaseError) -> bool:
        """Return True for an error of this transaction, False for one that its caller got elsewhere."""
        return any(each is error for each in self._raised)

    def on_commit(self, call: Callable[[], object]) -> None:
        """Have a function called when everything done so far has been committed.

        Args:
            call: quick, and it must not raise. It is forgotten with a savepoint that is rolled back.
        """
        self._on_commit.append(call)

    def call(self, name: str, parameters: Mapping[str, object]) -> Any:  # noqa: ANN401  the query's own
        """Run a query.

        Args:
            name: the query.
            parameters: its parameters by name.

        Raises:
            TransactionError: the transaction has ended, another caller uses it, or the query would begin or end one.
            TransactionAborted: an earlier statement has failed.
            DatabaseError: the server refused it, or the deadline passed first.
        """
        with self._used():
            work = self._executor.work(name)
            if work.controls_transaction:
                raise _controls(name)
            try:
                return work.do(self._connection, **parameters)
            except BaseException as error:
                self._note(error)
                if isinstance(error, DatabaseError):
                    self._executor.count_error(name, error)
                raise

    @contextmanager
    def savepoint(self) -> Generator[None]:
        """Undo what is done meanwhile if it ends with an exception, and nothing else of the transaction."""
        self._savepoint_count += 1  # a name that is used again could be another caller's
        name = f"guestsql_{self._savepoint_count}"
        self._command(f"SAVEPOINT {name}")
        self._savepoints.append(name)
        kept = len(self._on_commit)
        try:
            yield
            self._check_innermost(name)
            self._command(f"RELEASE SAVEPOINT {name}")
        except BaseException:
            self.undone += 1
            del self._on_commit[kept:]
            self._undo(name)
            raise
        finally:
            self._savepoints.remove(name)

    def _check_innermost(self, name: str) -> None:
        """Let nothing of the transaction be kept if savepoints overlap: whose work is in which is unknown."""
        if self._savepoints[-1] != name:
            self._have_overlapped = True
            self._state.failure = TransactionError(
                "savepoints of one transaction overlap", hint="open a transaction in each task or thread"
            )
            raise self._state.failure

    def _undo(self, name: str) -> None:
        """Go back to a savepoint, after which the transaction can be used again."""
        connection = self._connection
        if self.is_forked or connection.closed or connection.pgconn.transaction_status == TransactionStatus.IDLE:
            return
        with suppress(TransactionError):
            self._check_innermost(name)
        if self._have_overlapped:
            return
        try:
            connection.execute(f"ROLLBACK TO {name}; RELEASE {name}".encode(), prepare=False)
        except psycopg.Error as error:  # the exception that leads here is the one to report
            self._state.failure = self._state.failure or error
        else:
            self._state.failure = None

    @contextmanager
    def _used(self) -> Generator[None]:
        """Use the transaction meanwhile, and remember its errors."""
        try:
            with self._state.used():
                yield
        except DatabaseError as error:
            self._raised.append(error)
            raise

    def _command(self, text: str) -> None:
        with self._used():
            try:
                self._connection.execute(text.encode(), prepare=False)
            except BaseException as error:
                self._note(error)
                if isinstance(error, psycopg.Error):
                    raise translate(error, "") from error
                raise

    def _note(self, error: BaseException) -> None:
        """Remember the first error after which the server takes no more statements."""
        if self._connection.pgconn.transaction_status != TransactionStatus.INTRANS:
            self._state.failure = self._state.failure or error

    def __enter__(self) -> Self:
        try:
            self._command(begin_text(self._isolation, self.deadline - monotonic()))
        except DatabaseError as error:
            error.undone = True
            raise
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        fault = self._state.end()
        with self.ending:
            if exc is None and fault is None:
                self._commit()
                return
            self._roll_back()
            if isinstance(exc, DatabaseError) and self.has_raised(exc):
                exc.undone = True
            if exc is None and fault is not None:
                raise fault

    def _roll_back(self) -> None:
        connection = self._connection
        if self.is_forked or connection.closed:
            return
        connection.deadline = max(connection.deadline, monotonic() + _ROLLBACK_SECONDS)
        try:
            connection.rollback()
        except psycopg.Error:  # closed, it is rolled back too
            connection.close()

    def _commit(self) -> None:
        connection = self._connection
        if not connection.is_live():
            connection.close()
            lost = DatabaseUnavailable("the connection was lost before COMMIT: nothing was stored")
            lost.undone = True
            raise lost
        try:
            connection.commit()
            if connection.is_unreplicated:
                self._executor.confirm(connection, "", commit=True)
        except (psycopg.Error, DatabaseError) as error:
            failure = translate(error, "") if isinstance(error, psycopg.Error) else error
            if failure is error and self._is_repeated:
                raise
            if failure is not error and (failure.undone or self._is_repeated):
                raise failure from error
            raise OutcomeUnknown(f"COMMIT: {failure.message}", sqlstate=failure.sqlstate) from error
        for call in self._on_commit:
            call()


def _controls(name: str) -> TransactionError:
    return TransactionError(
        f"query {name} would begin or end a transaction inside this one",
        hint="leave the with block to commit, raise to roll back, and use tx.transaction() for a savepoint",
    )
