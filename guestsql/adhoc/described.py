"""A query's columns, and the types that its comments name, as a server describes them without running the query.

SQL: queries/internal/types.sql, queries/internal/check.sql
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass

import psycopg

from guestsql.adhoc.target import Target
from guestsql.settings import Settings
from guestsql.sql import Query
from guestsql.sql._sync.connection import DeadlineConnection
from guestsql.sql.describe import describe
from guestsql.sql.packaged import ask_types, packaged_queries, type_names
from guestsql.sql.row_classes import unmarked
from guestsql.sql.translate import translate

__all__ = ["Described", "ask_server", "described", "enum_labels", "may_have_server"]

# A query can be shown without the server's part, so this does not wait long for it.
_LONGEST_WAIT_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Described:
    """A query as a server describes it.

    Attributes:
        columns: name and type of each column of the query; none when it returns no rows.
        base_types: by the name of each type: the type below a domain, else itself, and a label of an enum.
    """

    columns: tuple[tuple[str, str], ...]
    base_types: dict[str, tuple[str, str | None]]


def may_have_server(settings: Settings) -> bool:
    """Return True if there is a server to ask; this does not create an embedded one."""
    given = settings.database_url or settings.replica_url
    return bool(given) or any(settings.home.expanduser().glob("postgres-*"))


def ask_server(target: Target, query: Query | None, types: Sequence[str]) -> Described:
    """Ask a server, for two seconds at most.

    Args:
        target: the server.
        query: whose columns are wanted; None wants none.
        types: names of types that are wanted.

    Raises:
        DatabaseError: it cannot be reached, or refuses the query.
    """
    with closing(target.connect(patience=_LONGEST_WAIT_SECONDS)) as connection:
        connection.read_only = True
        try:
            with connection.transaction():
                return described(connection, query, types)
        except psycopg.Error as error:
            raise translate(error, "") from error


def described(connection: DeadlineConnection, query: Query | None, types: Sequence[str]) -> Described:
    """Ask the server of a connection, within its transaction.

    Args:
        connection: in a transaction.
        query: whose columns are wanted; None wants none.
        types: names of types that are wanted.

    Raises:
        DatabaseError: the server refuses the query.
    """
    base_types = _base_types(connection, types)
    return Described(() if query is None else _columns(connection, query), base_types)


def _base_types(connection: DeadlineConnection, types: Sequence[str]) -> dict[str, tuple[str, str | None]]:
    rows = ask_types(connection, types, packaged_queries("internal/types.sql").list_sample_types)
    return {
        name: (row.base_name, next(iter(row.enum_labels or ()), None))
        for name, row in rows.items()
        if row is not None and row.base_name is not None
    }


def enum_labels(connection: DeadlineConnection, types: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Return the labels of enum types, in their order.

    Args:
        connection: within a transaction.
        types: names of types; those that are no enums are left out.

    Raises:
        DatabaseError: the connection was lost.

    SQL: queries/internal/types.sql
    """
    rows = ask_types(connection, types, packaged_queries("internal/types.sql").list_sample_types)
    return {name: tuple(row.enum_labels) for name, row in rows.items() if row is not None and row.enum_labels}


def _columns(connection: DeadlineConnection, query: Query) -> tuple[tuple[str, str], ...]:
    try:
        columns = describe(connection, query.text).columns
    except psycopg.Error as error:
        raise translate(error, query.name) from error
    known = type_names(connection, [column.type_oid for column in columns])
    return tuple((unmarked(column.name), known[column.type_oid]) for column in columns)
