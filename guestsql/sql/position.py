"""How far the log of the primary was when this process had written last: what a replica must have, to be read."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import NamedTuple

from guestsql.process import in_forked_child

__all__ = ["NOWHERE", "Companion", "Position", "Written", "written_to"]


class Position(NamedTuple):
    """A place in the log of a server.

    Attributes:
        system: the cluster, the same number on a primary and its standbys.
        timeline: raised by each promotion.
        lsn: bytes from the beginning of the log.
    """

    system: int
    timeline: int
    lsn: int

    def covers(self, other: Position) -> bool:
        """Return True if a server that is here has everything that another had there.

        Not on another timeline: a server that was promoted on its own goes on from an earlier place than it seems.

        Args:
            other: a place on any server.
        """
        return other == NOWHERE or (self[:2] == other[:2] and self.lsn >= other.lsn)


NOWHERE = Position(0, 0, 0)
"""Where a process is that has written nothing: every server covers it."""


@dataclass(slots=True)
class Companion:
    """A question for the server's position that is sent together with a statement.

    Attributes:
        is_behind: True to ask after the statement's commit, False before the statement.
        position: the answer; None before it, and if there was none.
    """

    is_behind: bool
    position: Position | None = None


class Written:
    """Where the writes of this process to one database are in its log. Safe to use from many threads.

    A write whose position is not known leaves it unknown, until a read on the primary brings one: that of the primary
    after the read, so it is behind every write that was acknowledged before.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._position = NOWHERE
        self._writes = 0
        self._located = 0
        in_forked_child(self, Written._renew)

    def _renew(self) -> None:
        """Know the same in a forked child: what the parent has written before, the child may have seen."""
        self._lock = threading.Lock()

    @property
    def count(self) -> int:
        """How many writes had no position of their own."""
        return self._writes

    def position(self) -> Position | None:
        """Return where the last write is, or something behind it; None while that is not known."""
        with self._lock:
            return self._position if self._located == self._writes else None

    def add(self, position: Position | None) -> None:
        """Note that a write was acknowledged.

        Args:
            position: the primary's after the commit; None if it is not known.
        """
        with self._lock:
            if position is None:
                self._writes += 1
            else:
                self._advance(position)

    def locate(self, count: int, position: Position) -> None:
        """Note where the primary was.

        Args:
            count: `count` before it was asked.
            position: its answer.
        """
        with self._lock:
            self._advance(position)
            self._located = max(self._located, count)

    def _advance(self, position: Position) -> None:
        is_same = position.system == self._position.system
        self._position = max(self._position, position) if is_same else position


_written: dict[str, Written] = {}


def written_to(url: str) -> Written:
    """Return this process's writes to a database; all that use this address share it.

    Args:
        url: the primary's address.
    """
    return _written.setdefault(url, Written())
