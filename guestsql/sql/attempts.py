"""When work that failed on one connection is done again on another, and what its caller gets otherwise."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import Enum
from time import monotonic
from typing import Any, Protocol

from guestsql.errors import DatabaseError, DatabaseUnavailable, OutcomeUnknown
from guestsql.sql.jitter import jitter
from guestsql.sql.operation import is_read, operation_name
from guestsql.sql.query import Query
from guestsql.sql.translate import is_rolled_back, is_transient

__all__ = ["Attempts", "Policy", "Work", "query_work"]

Server = tuple[bytes, bytes, bytes, int]
"""Host, address and port of a server, and one of its processes."""

_LONGEST_PAUSE_SECONDS = 0.5
# These are done altogether or not at all; CALL, DO, VACUUM and others may commit on their way.
_WRITES = frozenset({"INSERT", "UPDATE", "DELETE", "MERGE"})
_ATOMIC = _WRITES | {"SELECT", "VALUES", "TABLE"}
_CONTROLS = frozenset({"BEGIN", "START", "COMMIT", "END", "ROLLBACK", "ABORT", "SAVEPOINT", "RELEASE", "PREPARE"})
# feature_not_supported, which is also «cached plan must not change result type»; and an unknown prepared statement.
_STATEMENT_STALE = ("0A000", "26000")
_READ_ONLY = "25006"


class Policy(Enum):
    """When work that failed is done again, until the deadline.

    Attributes:
        REPEAT: always. It changes nothing twice, and its caller may repeat it too.
        ONCE: always, because the server recognises its operation id. The caller cannot repeat it, so what is still
            open at the deadline is `OutcomeUnknown`.
        IF_UNDONE: only if nothing of it was kept. What may have been kept is `OutcomeUnknown` at once.
    """

    REPEAT = 0
    ONCE = 1
    IF_UNDONE = 2


@dataclass(frozen=True, slots=True)
class Work:
    """What is done on one connection: a query, or a whole transaction.

    Attributes:
        name: the query's name; "" for a transaction.
        do: takes a connection, and the query's parameters by name.
        writes: True if it may write.
        is_atomic: False for what may commit a part of itself, such as a procedure.
        needs_confirmation: True for a write that has nothing to write when it is repeated: its repeat does not wait
            for a synchronous standby, and another commit has to.
        controls_transaction: True for COMMIT, SAVEPOINT and the like.
    """

    name: str
    do: Callable[..., Awaitable[Any] | Any]
    writes: bool = True
    is_atomic: bool = True
    needs_confirmation: bool = False
    controls_transaction: bool = False


def query_work(query: Query, do: Callable[..., Awaitable[Any] | Any]) -> Work:
    """Return a query as work.

    Args:
        query: the query.
        do: its method.
    """
    operation = operation_name(query.tokens)
    return Work(
        query.name,
        do,
        writes=not is_read(query.tokens),
        is_atomic=operation in _ATOMIC,
        needs_confirmation=operation in _WRITES and "operation_id" not in query.positional and not query.commits_async,
        controls_transaction=operation in _CONTROLS,
    )


class Session(Protocol):
    """A connection, open or closed: `AsyncDeadlineConnection`."""

    has_session: bool
    connected_at: float
    server: Server

    @property
    def closed(self) -> bool: ...


class Attempts:
    """The failed attempts at one piece of work.

    Args:
        work: what failed.
        policy: when it may be done again.
        deadline: until when, in seconds of `time.monotonic()`.

    Attributes:
        is_sure: True while it is certain that nothing was kept of any attempt.
    """

    def __init__(self, work: Work, policy: Policy, deadline: float) -> None:
        self._work = work
        self._policy = policy
        self._deadline = deadline
        self._count = 0
        self._sessions: list[tuple[Server, float]] = []
        self._last: DatabaseError | None = None
        self._is_lost = False
        self.is_sure = True

    def needs_new_connection(self, error: DatabaseError) -> bool:
        """Return whether the connection cannot be used for another attempt.

        Args:
            error: what the attempt ended with.
        """
        # A migration changed the type of a column, or a pooler changed the server process: the prepared statements of
        # this connection cannot be used. Or another host has become the primary.
        return self._is_stale(error) or error.sqlstate == _READ_ONLY

    def add_session(self, connection: Session) -> None:
        """Take note of the session of a failed attempt: one that was lost may still do what it was sent.

        Args:
            connection: of the attempt that failed.
        """
        self._is_lost = connection.closed
        if connection.closed and connection.has_session and self._work.needs_confirmation:
            self._sessions.append((connection.server, connection.connected_at))

    def sessions_on(self, connection: Session) -> list[tuple[Server, float]]:
        """Return the lost sessions of the server of a new connection, and when they began.

        Args:
            connection: for the repeat.
        """
        return [each for each in self._sessions if each[0][:-1] == connection.server[:-1]]

    def pause_after(self, error: DatabaseError, *, has_remedy: bool = False) -> float | None:
        """Take note of an attempt that failed; return the seconds to wait before the next, or None to give up.

        Args:
            error: what it ended with.
            has_remedy: True if its cause will be removed before the next.
        """
        is_passing = has_remedy or self._is_stale(error) or is_rolled_back(error)
        is_passing = is_passing or isinstance(error, DatabaseUnavailable)
        self.is_sure = self.is_sure and _is_known(error, is_atomic=self._work.is_atomic)
        # Only a repeat shows what became of it; one is enough if it is the statement that ends the server.
        is_passing = is_passing or (self._count == 0 and not self.is_sure)
        self._count += 1
        self._last = error
        if not is_passing or not (self._is_known or self._policy is Policy.ONCE):
            return None
        return _pause_before(self._count, self._deadline)

    def outcome(self, error: BaseException) -> BaseException:
        """Return what the caller gets: the last error, or `OutcomeUnknown` if an attempt may have been kept.

        Args:
            error: what the last attempt ended with.
        """
        if self._is_known or not isinstance(error, DatabaseError):
            return error
        failure = OutcomeUnknown(error.message, query=self._work.name, sqlstate=error.sqlstate)
        failure.__cause__ = error
        return failure

    def outcome_without_connection(self, error: BaseException) -> BaseException:
        """Return what the caller gets if no connection is free for another attempt: the last word of a running server.

        Args:
            error: why there was none.
        """
        last = self._last
        if isinstance(error, DatabaseUnavailable) and last is not None and last.undone and not self._is_lost:
            return self.outcome(last)
        return self.outcome(error)

    @property
    def _is_known(self) -> bool:
        return self._policy is Policy.REPEAT or self.is_sure

    def _is_stale(self, error: DatabaseError) -> bool:
        return error.sqlstate in _STATEMENT_STALE and self._count == 0


def _is_known(error: DatabaseError, *, is_atomic: bool) -> bool:
    """Return whether the outcome of the work that failed is known."""
    if not error.undone:
        # Without a code: refused by psycopg itself; otherwise the connection was lost, or the time.
        return error.sqlstate is None and not error.retryable
    if not (error.retryable or is_transient(error) or error.sqlstate in _STATEMENT_STALE):
        return True  # no caller repeats it
    return is_atomic


def _pause_before(attempt: int, deadline: float) -> float | None:
    """Return how long to wait before another attempt; None when no time would be left for it.

    An attempt that the deadline interrupts is less informative than the one before it.
    """
    seconds = _pause(attempt)
    return seconds if monotonic() + 2 * seconds < deadline else None


def _pause(attempt: int) -> float:
    """Return seconds to wait before an attempt, counted from 0: none before the second, then longer and longer."""
    if attempt <= 1:
        return 0.0
    longest = min(_LONGEST_PAUSE_SECONDS, 0.005 * 2**attempt)
    return jitter(longest / 2, longest)
