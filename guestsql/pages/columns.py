"""The columns that a query returns: types as the server reports them, and whether NULL may be among the values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Literal

import psycopg

from guestsql.adhoc.described import Described, described
from guestsql.adhoc.session import QuerySession
from guestsql.settings import Settings
from guestsql.sql import Query, TokenKind, is_packaged
from guestsql.sql._sync.connection import DeadlineConnection
from guestsql.sql.describe import ResultColumn, describe
from guestsql.sql.packaged import packaged_queries
from guestsql.sql.row_classes import override_of, row_type
from guestsql.sql.samples import unknown_types
from guestsql.sql.translate import translate
from guestsql.stubs import Target as StubsTarget
from guestsql.stubs import read_committed

__all__ = ["Nullness", "ReturnedColumn", "ReturnedColumns", "read_columns", "with_result"]

Nullness = Literal["never", "may be", "unknown"]

# Where one of these words is, a column of a table may be NULL that the table's own constraint forbids.
_ADDING_NULLS = {"left", "right", "full", "cube", "rollup", "grouping", "union", "returning"}


@dataclass(frozen=True, slots=True)
class ReturnedColumn:
    """A column of a query's result.

    Attributes:
        name: its name.
        type: its type as PostgreSQL writes it.
        nullness: whether a value can be NULL: never, may be, or unknown.
    """

    name: str
    type: str
    nullness: Nullness


@dataclass(frozen=True, slots=True)
class ReturnedColumns:
    """What the server reports of a query.

    Attributes:
        columns: those of its result; none for a query without rows.
        base_types: of types of parameters, for sample values.
    """

    columns: tuple[ReturnedColumn, ...]
    base_types: Mapping[str, tuple[str, str | None]]


def read_columns(session: QuerySession, query: Query, settings: Settings, timeout: float) -> ReturnedColumns:
    """Ask the server, and what the stubs promise.

    Args:
        session: of the database.
        query: described, not run.
        settings: where the stubs are, if there are any.
        timeout: seconds, above 0.

    Raises:
        DatabaseError: the server refuses the query, or cannot be reached.
        GuestSQLError: the stubs cannot be read.

    SQL: queries/internal/types.sql
    """
    with session.transaction(timeout) as connection:
        found = described(connection, query, unknown_types([query]))
        if not found.columns:
            return ReturnedColumns((), found.base_types)
        try:
            columns = describe(connection, query.text).columns
            required = _required(connection, query, columns)
        except psycopg.Error as error:
            raise translate(error, query.name) from error
    return ReturnedColumns(tuple(_judged(query, settings, found, columns, required)), found.base_types)


def with_result(columns: Sequence[ReturnedColumn], rows: Sequence[Sequence[Any]]) -> tuple[ReturnedColumn, ...]:
    """Return columns that may be NULL where a result shows it.

    Args:
        columns: of which that is unknown.
        rows: a result of the query. One of other columns, after a table was altered, shows nothing.
    """
    if rows and len(rows[0]) != len(columns):
        return tuple(columns)
    return tuple(
        ReturnedColumn(column.name, column.type, "may be")
        if column.nullness == "unknown" and any(row[at] is None for row in rows)
        else column
        for at, column in enumerate(columns)
    )


def _judged(
    query: Query, settings: Settings, found: Described, columns: Sequence[ResultColumn], required: set[int]
) -> Iterable[ReturnedColumn]:
    promised = _promised(query, settings, columns)
    for at, (name, type_) in enumerate(found.columns):
        mark = override_of(columns[at].name)
        if mark:
            nullness: Nullness = "never" if mark == "!" else "may be"
        elif promised is not None:
            nullness = _nullness(promised[at])
        else:
            nullness = "never" if at in required else "unknown"
        yield ReturnedColumn(name, type_, nullness)


def _nullness(annotation: str) -> Nullness:
    if annotation.endswith("| None"):
        return "may be"
    return "unknown" if annotation.endswith("Any") else "never"  # a document may be the JSON null


def _promised(query: Query, settings: Settings, columns: Sequence[ResultColumn]) -> list[str] | None:
    """The Python types of the columns by the stubs; None without stubs, or if those are of other columns."""
    if is_packaged(query.file.parent):
        import_module("guestsql.guests.query_rows")  # registers the classes of the rows
        made = row_type(query.name, [column.name.encode() for column in columns])
        found: Mapping[str, str] = made.__annotations__
    elif settings.stubs_dir is not None:
        committed = read_committed(StubsTarget(settings.stubs_dir)) or {}
        found = committed[query.name].columns if query.name in committed else {}
    else:
        return None
    return list(found.values()) if len(found) == len(columns) else None


def _required(connection: DeadlineConnection, query: Query, columns: Sequence[ResultColumn]) -> set[int]:
    """The places of columns that are a table's own, which refuses NULL, and that nothing makes NULL again."""
    words = {token.text.lower() for token in query.tokens if token.kind is TokenKind.WORD}
    tables = sorted({column.table_oid for column in columns if column.table_oid})
    if words & _ADDING_NULLS or not tables:
        return set()
    rows = packaged_queries("internal/types.sql").list_not_null_columns(connection, table_oids=tables)
    known = {(row.table_oid, row.column_number) for row in rows}
    return {at for at, column in enumerate(columns) if (column.table_oid, column.number) in known}
