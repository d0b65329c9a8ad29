"""Rows of a query, some at a time: those of a server-side cursor, or all that there are."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from time import monotonic
from typing import Any, Protocol, Self

import psycopg
from psycopg.rows import tuple_row

from guestsql.adhoc.failures import explained
from guestsql.sql import Query, arrange
from guestsql.sql._sync.connection import DeadlineConnection
from guestsql.sql.row_classes import unmarked

__all__ = ["CursorRows", "RowStream", "WholeRows"]

_DECLARE = "DECLARE guestsql_rows NO SCROLL CURSOR FOR "
# Rows may be of any size, so the first fetches are small, and show how many rows may come at once.
_FIRST_ROWS = 10
_GROWTH = 10
_FETCH_BYTES = 8 * 1024 * 1024


class _Rows(Protocol):
    columns: tuple[str, ...]
    size: int

    def fetch(self) -> Sequence[tuple[Any, ...]]:
        """Return the next rows; none at the end."""
        ...

    def cancel(self) -> None:
        """Have a fetch in another thread fail soon."""
        ...

    def end(self) -> None:
        """Fetch no more."""
        ...


class RowStream:
    """The rows of a query. One thread at a time may use it, except for `cancel`.

    Args:
        rows: where they come from.
        transaction: what is closed with it.

    Attributes:
        columns: their names.
    """

    def __init__(self, rows: _Rows, transaction: ExitStack) -> None:
        self._rows = rows
        self._transaction = transaction
        self._fetched: Iterator[tuple[Any, ...]] = iter(())
        self._has_failed = False
        self._fetch()
        self.columns = rows.columns

    @property
    def size(self) -> int:
        """About how many bytes were fetched."""
        return self._rows.size

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> tuple[Any, ...]:
        """Return the next row.

        Raises:
            DatabaseError: the server was lost, or could not make the next rows. The rows before are incomplete.
        """
        try:
            return next(self._fetched)
        except StopIteration:
            self._fetch()
        return next(self._fetched)

    def close(self) -> None:
        """End the transaction. Rows that were not fetched are never made."""
        self._rows.end()
        self._rows = WholeRows((), ())
        self._fetched = iter(())
        self._transaction.close()

    def cancel(self) -> None:
        """Have a fetch that another thread is in fail soon; nothing but `close` may follow."""
        self._rows.cancel()

    def _fetch(self) -> None:
        if self._has_failed:
            raise RuntimeError("the rows of this stream are incomplete: an earlier fetch failed")
        try:
            rows = self._rows.fetch()
        except BaseException:
            self._has_failed = True
            self._transaction.__exit__(*sys.exc_info())
            raise
        self._fetched = iter(rows)
        if not rows:
            self.close()


class CursorRows:
    """Rows of a server-side cursor, in the transaction of a connection.

    Args:
        connection: in a transaction.
        query: from a catalogue.
        parameters: a value for each of its parameters.
        hints: how to fix an error, by SQLSTATE.
        seconds: how long a fetch may take.
        rows_at_once: how many rows a fetch has at most, from 1; fewer when they are wide.

    Attributes:
        columns: their names.
        size: about how many bytes were fetched.
    """

    def __init__(
        self,
        connection: DeadlineConnection,
        query: Query,
        parameters: Mapping[str, str | None],
        hints: Mapping[str, str],
        *,
        seconds: float,
        rows_at_once: int,
    ) -> None:
        self._connection = connection
        self._query = query
        self._parameters = parameters
        self._hints = hints
        self._seconds = seconds
        self._rows_at_once = rows_at_once
        self._next = min(_FIRST_ROWS, rows_at_once)
        self._has_more = True
        self._is_cancelled = False
        self._cursor = connection.cursor(row_factory=tuple_row)
        self.columns: tuple[str, ...] = ()
        self.size = 0
        with explained(query, parameters, hints, shift=len(_DECLARE)):
            self._cursor.execute((_DECLARE + query.text).encode(), arrange(query, parameters))

    def fetch(self) -> list[tuple[Any, ...]]:
        """Return the next rows; none at the end."""
        if not self._has_more:
            return []
        self._connection.deadline = monotonic() + self._seconds
        with explained(self._query, self._parameters, self._hints):
            rows = self._cursor.execute(b"FETCH %d FROM guestsql_rows" % self._next).fetchall()
        self.columns = tuple(unmarked(column.name) for column in self._cursor.description or ())
        self._has_more = len(rows) == self._next
        if rows and self._has_more:
            each = _bytes_per_row(self._cursor)
            self.size += each * len(rows)
            self._next = max(1, min(self._rows_at_once, self._next * _GROWTH, _FETCH_BYTES // max(1, each)))
        return rows

    def cancel(self) -> None:
        """Have a fetch in another thread fail soon."""
        self._is_cancelled = True
        with suppress(psycopg.Error):  # it fails at its deadline, then
            self._connection.cancel_safe(timeout=self._seconds)

    def end(self) -> None:
        """Fetch no more."""
        if self._is_cancelled:
            self._connection.close()  # the server may see the cancellation late, during the next query


def _bytes_per_row(cursor: psycopg.Cursor[Any]) -> int:
    """Of a few rows of what was fetched, on average."""
    result = cursor.pgresult
    if result is None:
        return 0
    sampled = range(0, result.ntuples, max(1, result.ntuples // _FIRST_ROWS))
    places = range(result.nfields)
    return sum(len(result.get_value(row, place) or b"") for row in sampled for place in places) // len(sampled)


class WholeRows:
    """Rows that are all there.

    Args:
        columns: their names.
        rows: the values of each.
    """

    def __init__(self, columns: tuple[str, ...], rows: Sequence[tuple[Any, ...]]) -> None:
        self.columns = columns
        self.size = 0
        self._rows = rows

    def fetch(self) -> Sequence[tuple[Any, ...]]:
        """Return the rows, once."""
        rows, self._rows = self._rows, ()
        return rows

    def cancel(self) -> None:
        """There is nothing to wait for."""

    def end(self) -> None:
        """There is nothing to end."""
