"""The packaged query files that tools run by themselves, whatever folder GUESTSQL_QUERIES_DIR names."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import cache
from typing import Any

from guestsql.errors import DatabaseError
from guestsql.sql import bind_queries, read_packaged
from guestsql.sql._sync.adapter import SyncAdapter
from guestsql.sql._sync.connection import DeadlineConnection

__all__ = ["ask_types", "packaged_queries", "type_names"]


@cache
def packaged_queries(*names: str) -> Any:  # noqa: ANN401  the methods are made from the file
    """Return the queries of packaged files as methods, which take a connection.

    Those files alone: migrations and diagnosis must work while another query file is broken.

    Args:
        names: paths in the packaged folder, such as `internal/migrations.sql`.

    Raises:
        QueryFileError: one of these files is broken.
    """
    catalogue = read_packaged(*names)
    return bind_queries(catalogue, SyncAdapter(catalogue))


def type_names(connection: DeadlineConnection, oids: Iterable[int]) -> dict[int, str]:
    """Return the names of types, as the server writes them.

    Args:
        connection: to the server.
        oids: their numbers.

    SQL: queries/internal/check.sql
    """
    wanted = sorted(set(oids))
    rows = packaged_queries("internal/check.sql").list_type_names(connection, type_oids=wanted)
    return {oid: row.type_name for oid, row in zip(wanted, rows, strict=True)}


def ask_types(
    connection: DeadlineConnection, names: Sequence[str], query: Callable[..., Iterable[Any]]
) -> dict[str, Any]:
    """Ask the server about types by their names, with a query that returns a row for each.

    Args:
        connection: to the server.
        names: as comments write them.
        query: takes `type_names`, and reads them with `to_regtype`, which raises an error for what is not a name.

    Returns:
        The row of each name; None where the server cannot read the name.

    Raises:
        DatabaseError, psycopg.Error: the connection was lost.
    """
    try:
        with connection.transaction():
            rows = list(query(connection, type_names=list(names))) if names else []
    except DatabaseError:
        if connection.closed:
            raise
        if len(names) == 1:
            return {names[0]: None}
        return {name: ask_types(connection, [name], query)[name] for name in names}
    return dict(zip(names, rows, strict=True))
