"""How a transaction begins, and who may use it: one caller at a time, inside its block, in one process."""

from __future__ import annotations

import threading
from collections.abc import Generator
from contextlib import contextmanager
from time import monotonic
from typing import Literal, get_args

from guestsql.errors import (
    DatabaseError,
    GuestSQLError,
    InvalidValue,
    QueryTimeout,
    TransactionAborted,
    TransactionError,
)
from guestsql.process import in_forked_child

__all__ = ["Isolation", "TransactionState", "begin_text", "statement_timeout"]

Isolation = Literal["read committed", "repeatable read", "serializable"]

# The server ends what its client has left; the client itself is to notice its deadline first.
_SERVER_GRACE_SECONDS = 1.0
_LONGEST_MILLISECONDS = 2**31 - 1


def statement_timeout(seconds: float) -> int:
    """Return the server's limit for a statement, in milliseconds: a little before its client gives up.

    The client's own limit leaves open what became of the statement.

    Args:
        seconds: until the client does.
    """
    return max(1, round(min(_LONGEST_MILLISECONDS, seconds * 900)))  # 0 would mean no limit


def begin_text(isolation: Isolation | None, seconds: float) -> str:
    """Return what begins a transaction, and bounds it on the server too, whatever pooler is between.

    Args:
        isolation: the isolation level; None for the server's default.
        seconds: until the deadline.

    Raises:
        InvalidValue: there is no such level.
    """
    if isolation is not None and isolation not in get_args(Isolation):
        raise InvalidValue(f"isolation must be one of {', '.join(get_args(Isolation))}, not {isolation!r}")
    level = f" ISOLATION LEVEL {isolation.upper()}" if isolation else ""
    statement = statement_timeout(seconds)
    idle = max(1, round((seconds + _SERVER_GRACE_SECONDS) * 1000))
    return (
        f"BEGIN{level}; SET LOCAL statement_timeout = {statement};"
        f" SET LOCAL idle_in_transaction_session_timeout = {idle}"
    )


class TransactionState:
    """Whether a transaction may be used now.

    Args:
        deadline: until when, in seconds of `time.monotonic()`.

    Attributes:
        failure: the first error after which the server takes no more statements, or None.
        is_forked: True in a forked child, where the connection is not this process's.
    """

    def __init__(self, deadline: float) -> None:
        self._deadline = deadline
        self._in_use = threading.Lock()  # never waited for, so that tasks may use it too
        self._has_ended = False
        self.failure: BaseException | None = None
        self.is_forked = False
        in_forked_child(self, TransactionState._leave)

    def _leave(self) -> None:
        self.is_forked = True

    @contextmanager
    def used(self) -> Generator[None]:
        """Use the transaction meanwhile.

        Raises:
            TransactionError: it has ended, another caller uses it, or this is a forked child.
            TransactionAborted: an earlier statement has failed.
            QueryTimeout: its deadline has passed.
        """
        if self.is_forked:
            raise _forked()
        if self._has_ended:
            raise TransactionError("this transaction has ended", hint="use tx only inside its with block")
        if not self._in_use.acquire(blocking=False):
            raise TransactionError(
                "another task or thread is using this transaction",
                hint="make one call at a time, or open a transaction in each task",
            )
        try:
            if fault := self._fault():
                raise fault
            yield
        finally:
            self._in_use.release()

    def end(self) -> GuestSQLError | None:
        """Let no further call begin; return why the transaction cannot be committed, or None."""
        self._has_ended = True
        if self.is_forked:
            return _forked()
        if not self._in_use.acquire(blocking=False):
            return TransactionError(
                "a call of this transaction was still running at the end of its block: everything was rolled back",
                hint="await every call inside the block",
            )
        return self._fault()

    def _fault(self) -> DatabaseError | None:
        fault: DatabaseError | None = None
        if self.failure is not None:
            first = str(self.failure) if isinstance(self.failure, GuestSQLError) else repr(self.failure)
            fault = TransactionAborted(
                f"an earlier failure has ended this transaction: {first}",
                hint="let that error leave the with block, or put what may fail inside with tx.transaction():",
            )
            fault.__cause__ = self.failure
        elif monotonic() >= self._deadline:
            fault = QueryTimeout(
                "the transaction was still open at its deadline: everything was rolled back",
                hint="do slow work before or after it, or raise GUESTSQL_DEADLINE_SECONDS",
            )
        if fault is not None:
            fault.undone = True
        return fault


def _forked() -> TransactionError:
    return TransactionError(
        "this transaction belongs to the process that forked this one",
        hint="open a new transaction in the child",
    )
