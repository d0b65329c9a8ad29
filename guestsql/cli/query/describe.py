"""What a server tells of a query without running it: its columns, and the types that the comments name.

SQL: queries/internal/types.sql, queries/internal/check.sql
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass

import psycopg
from psycopg import pq

from guestsql.cli.target import open_target
from guestsql.errors import DatabaseError
from guestsql.settings import Settings
from guestsql.sql import Query
from guestsql.sql._sync.connection import DeadlineConnection
from guestsql.sql.packaged import ask_types, packaged_queries, type_names
from guestsql.sql.row_classes import unmarked
from guestsql.sql.translate import translate

__all__ = ["Told", "ask_server", "may_have_server"]

# Whoever only wants to read a query does not wait long for what a server adds to it.
_PATIENCE_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Told:
    """What a server told.

    Attributes:
        columns: name and type of each column of the query; none when it returns no rows.
        base_types: of each type that was asked for, the type below a domain (else itself), and a label of an enum.
    """

    columns: tuple[tuple[str, str], ...]
    base_types: dict[str, tuple[str, str | None]]


def may_have_server(settings: Settings) -> bool:
    """Tell whether there is a server to ask; an embedded one is not made for this."""
    given = settings.database_url or settings.replica_url
    return bool(given) or any(settings.home.expanduser().glob("postgres-*"))


def ask_server(settings: Settings, query: Query | None, types: Sequence[str]) -> Told:
    """Ask the server for reading.

    Args:
        settings: where it is.
        query: whose columns are wanted; None wants none.
        types: names of types that are wanted.

    Raises:
        DatabaseError: it cannot be reached, or refuses the query.
        EmbeddedServerError: the embedded server cannot be started.
    """
    with (
        open_target(settings, main=False) as target,
        closing(target.connect(patience=_PATIENCE_SECONDS)) as connection,
    ):
        connection.read_only = True
        try:
            with connection.transaction():
                base_types = _base_types(connection, types)
                return Told(() if query is None else _columns(connection, query), base_types)
        except psycopg.Error as error:
            raise translate(error, "") from error


def _base_types(connection: DeadlineConnection, types: Sequence[str]) -> dict[str, tuple[str, str | None]]:
    rows = ask_types(connection, types, packaged_queries("internal/types.sql").list_sample_types)
    return {
        name: (row.base_name, row.first_label)
        for name, row in rows.items()
        if row is not None and row.base_name is not None
    }


def _columns(connection: DeadlineConnection, query: Query) -> tuple[tuple[str, str], ...]:
    pgconn = connection.pgconn
    prepared = pgconn.prepare(b"", query.text.encode())
    if prepared.status == pq.ExecStatus.FATAL_ERROR:
        raise _refused(prepared, query)
    said = pgconn.describe_prepared(b"")
    names = [unmarked((said.fname(at) or b"").decode()) for at in range(said.nfields)]
    oids = [said.ftype(at) for at in range(said.nfields)]
    known = type_names(connection, oids)
    return tuple(zip(names, (known[oid] for oid in oids), strict=True))


def _refused(result: pq.abc.PGresult, query: Query) -> DatabaseError:
    message = (result.error_field(pq.DiagnosticField.MESSAGE_PRIMARY) or b"").decode(errors="replace")
    sqlstate = (result.error_field(pq.DiagnosticField.SQLSTATE) or b"").decode() or None
    return DatabaseError(message, query=query.name, sqlstate=sqlstate)
