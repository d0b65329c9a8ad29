"""What a query's results look like: rows are made accordingly, and a result of another shape is another client's."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from psycopg.pq.abc import PGresult
from psycopg.rows import namedtuple_row

from guestsql.sql.row_classes import row_type

__all__ = ["RowMaker", "Shape", "column_names"]

Columns = list[bytes | None]

# The first word of the server's answer to a command; other commands are not compared.
_TAGS = {
    "SELECT": b"SELECT",
    "VALUES": b"SELECT",
    "TABLE": b"SELECT",
    "INSERT": b"INSERT",
    "UPDATE": b"UPDATE",
    "DELETE": b"DELETE",
    "MERGE": b"MERGE",
}


def column_names(result: PGresult) -> Columns:
    """Return the names of a result's columns; none for a command that returns no rows.

    Args:
        result: of a statement, or its description.
    """
    return [result.fname(index) for index in range(result.nfields)]


@dataclass(slots=True)
class Shape:
    """What the results of a query look like.

    Attributes:
        tag: how the server's answer begins.
        columns: the names of the columns; None before the first result.
    """

    tag: bytes
    columns: Columns | None = None

    @classmethod
    def of(cls, operation: str) -> Shape:
        """Return the shape of a query that has not run yet.

        Args:
            operation: its command, as `operation_name` returns it.
        """
        return cls(_TAGS.get(operation, b""))

    def has_tag(self, result: PGresult | None) -> bool:
        """Return True if a result answers such a command."""
        return result is not None and (result.command_status or b"").startswith(self.tag)


class RowMaker:
    """A row factory that works out the type of a query's rows once, as long as the columns are the same.

    Args:
        query: the query's name.

    Attributes:
        columns: the columns of the last result; None before the first.
        is_changed: True after a result whose columns differ from those of the one before, until it is reset.
    """

    __slots__ = ("_make", "_query", "columns", "is_changed")

    def __init__(self, query: str) -> None:
        self._query = query
        self._make: Callable[[Sequence[Any]], Any] = tuple
        self.columns: Columns | None = None
        self.is_changed = False

    def __call__(self, cursor: Any) -> Callable[[Sequence[Any]], Any]:  # noqa: ANN401  either twin's cursor
        """Return what makes a row of its values."""
        result = cursor.pgresult
        found = [] if result is None else column_names(result)
        if found != self.columns:
            self.columns, self.is_changed = found, True
            if found:
                # _make is not written in C.
                of_type = row_type(self._query, found)
                self._make = partial(tuple.__new__, of_type)  # pyright: ignore[reportUnknownMemberType]  of any values
        return self._make if found else namedtuple_row(cursor)
