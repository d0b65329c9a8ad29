"""COPY of lines into two tables in turn: a connection can do one at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby
from operator import itemgetter

from guestsql.legacy.lines import COPY_GUESTS, COPY_STAGING
from guestsql.legacy.stage import FileLines
from guestsql.sql._sync.connection import DeadlineConnection

__all__ = ["copy_lines"]

# Characters of records that wait while guests are copied: to change over takes a round trip.
_MOST_WAITING = 4 << 20


def copy_lines(connection: DeadlineConnection, blocks: Iterable[FileLines]) -> None:
    """Copy lines: those of records into the staging table, those of guests into theirs.

    Args:
        connection: in a transaction that has made the staging table.
        blocks: lines of any files, in any order.
    """
    with connection.cursor() as cursor:
        for command, lines in groupby(_in_turn(blocks), itemgetter(0)):
            with cursor.copy(command) as copy:
                for _, text in lines:
                    copy.write(text)


def _in_turn(blocks: Iterable[FileLines]) -> Iterator[tuple[str, str]]:
    """Yield lines with the command that they are for; few records do not interrupt the guests."""
    waiting: list[str] = []
    length = 0
    for guests, records in blocks:
        if guests:
            yield COPY_GUESTS, guests
        if records:
            waiting.append(records)
            length += len(records)
        if length > _MOST_WAITING or not guests:
            yield from ((COPY_STAGING, text) for text in waiting)
            waiting.clear()
            length = 0
    yield from ((COPY_STAGING, text) for text in waiting)
