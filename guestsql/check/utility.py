"""Commands without a plan: the server looks up what they name only when they run, so they are run and undone."""

from __future__ import annotations

import psycopg
from psycopg import pq

from guestsql.sql import Query
from guestsql.sql._sync.connection import DeadlineConnection
from guestsql.sql.operation import operation_name

__all__ = ["absence"]

# Nothing that they do outlives the transaction. GRANT and the like name roles, which are not those of this server.
_TRIED = {"ALTER", "ANALYZE", "COMMENT", "CREATE", "DROP", "LOCK", "TRUNCATE"}
# No table, no column, no function of that name; anything else may well be right elsewhere.
_ABSENT = {"42P01", "42703", "42883"}


def absence(connection: DeadlineConnection, query: Query) -> psycopg.Error | None:
    """Return the server's refusal if a command names what does not exist; None for any other query.

    Args:
        connection: to the scratch database, in autocommit.
        query: one that has no plan.
    """
    if query.positional or operation_name(query.tokens) not in _TRIED:
        return None
    pgconn = connection.pgconn  # psycopg itself would forget what is prepared, at the sight of ROLLBACK
    pgconn.exec_(b"BEGIN")
    try:
        pgconn.exec_(b"SET LOCAL lock_timeout = '1s'")
        result = pgconn.exec_(query.text.encode())
    finally:
        pgconn.exec_(b"ROLLBACK")
    if result.status != pq.ExecStatus.FATAL_ERROR:
        return None
    error = psycopg.errors.error_from_result(result)
    return error if error.sqlstate in _ABSENT else None
