"""A connection that is being made when the process forks."""

from __future__ import annotations

from typing import TypeVar

from psycopg.abc import PQGenConn

from guestsql.process import detach_socket, in_forked_child

__all__ = ["left_to_parent"]

T = TypeVar("T")


class _Attempt:
    """The socket of an attempt, which no connection knows yet."""

    def __init__(self) -> None:
        self.fileno = -1
        in_forked_child(self, _Attempt._detach)

    def _detach(self) -> None:
        if self.fileno >= 0:
            detach_socket(self.fileno)


def left_to_parent(attempt: PQGenConn[T]) -> PQGenConn[T]:
    """Run psycopg's generator that connects; a child that is forked meanwhile leaves the socket to its parent.

    Otherwise the server would keep the session for as long as the child lives, even after the parent is killed.

    Args:
        attempt: the generator.
    """
    held = _Attempt()
    try:
        step = next(attempt)
        while True:
            held.fileno = step[0]
            ready = yield step
            step = attempt.send(ready)
    except StopIteration as end:
        made: T = end.value
        return made
    finally:
        held.fileno = -1
