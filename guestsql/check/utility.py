"""Commands without a plan: what they name is looked for when they run only, so they are run, and undone."""

from __future__ import annotations

from psycopg import pq

from guestsql.sql import Query
from guestsql.sql._sync.connection import DeadlineConnection
from guestsql.sql.operation import operation_name

__all__ = ["absence"]

# Nothing that they do outlives the transaction. GRANT and the like name roles, which are not those of this server.
_TRIED = {"ALTER", "ANALYZE", "COMMENT", "CREATE", "DROP", "LOCK", "TRUNCATE"}
# No table, no column, no function of that name; anything else may well be right elsewhere.
_ABSENT = {b"42P01", b"42703", b"42883"}


def absence(connection: DeadlineConnection, query: Query) -> pq.abc.PGresult | None:
    """Return the server's refusal if a command names what is not there; None for any other query.

    Args:
        connection: to the scratch database, in autocommit.
        query: one that has no plan.
    """
    if query.positional or operation_name(query.source) not in _TRIED:
        return None
    pgconn = connection.pgconn  # psycopg itself would forget what is prepared, at the sight of ROLLBACK
    pgconn.exec_(b"BEGIN")
    try:
        pgconn.exec_(b"SET LOCAL lock_timeout = '1s'")
        result = pgconn.exec_(query.text.encode())
    finally:
        pgconn.exec_(b"ROLLBACK")
    return result if result.error_field(pq.DiagnosticField.SQLSTATE) in _ABSENT else None
