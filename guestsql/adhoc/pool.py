"""A few sessions for many requests, each used by one at a time."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from threading import Condition
from typing import Self

from guestsql.adhoc.failures import NO_HINTS
from guestsql.adhoc.session import QuerySession
from guestsql.adhoc.target import Target
from guestsql.errors import DatabaseUnavailable

__all__ = ["PoolTimeout", "SessionPool"]


class PoolTimeout(DatabaseUnavailable):
    """All sessions of the pool were in use for too long. The server was not asked."""


class SessionPool:
    """Sessions that only read. Each connects when it is first used, and again after a loss.

    Args:
        target: the server.
        size: how many sessions there are at most, from 1.
        role: the role as which queries run, if it exists and the login may SET ROLE to it; None is the login's own.
        hints: how to fix an error, by SQLSTATE.
    """

    def __init__(
        self, target: Target, size: int, role: str | None = None, *, hints: Mapping[str, str] = NO_HINTS
    ) -> None:
        self._size = size
        # The one that was used last is at the end, and is used next: the others stay unconnected if they can.
        self._idle = [QuerySession(target, role=role, hints=hints) for _ in range(size)]
        self._changed = Condition()
        self._is_closed = False

    @contextmanager
    def acquire(self, seconds: float) -> Generator[QuerySession]:
        """A session that no other caller has.

        Args:
            seconds: how long to wait for one, from 0.

        Raises:
            PoolTimeout: none became free, or the pool is closed.
        """
        session = self._next_idle(seconds)
        try:
            yield session
        finally:
            self._release(session)

    def close(self) -> None:
        """Close the sessions that are idle now, and each other one when it is released."""
        with self._changed:
            self._is_closed = True
            for session in self._idle:
                session.close()
            self._changed.notify_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _next_idle(self, seconds: float) -> QuerySession:
        with self._changed:
            self._changed.wait_for(lambda: self._idle or self._is_closed, seconds)
            if self._is_closed:
                raise PoolTimeout("the pool of sessions is closed")
            if not self._idle:
                message = f"all {self._size} sessions were in use for {seconds:g} s"
                raise PoolTimeout(message, hint="repeat it in a moment")
            return self._idle.pop()

    def _release(self, session: QuerySession) -> None:
        with self._changed:
            if self._is_closed:
                session.close()
            self._idle.append(session)
            self._changed.notify()
