"""A query's plan, as the server writes it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import psycopg
from psycopg.rows import tuple_row
from psycopg.types.string import TextLoader

from guestsql.adhoc.failures import explained
from guestsql.adhoc.session import QuerySession
from guestsql.errors import DatabaseError
from guestsql.sql import Query, arrange
from guestsql.sql._sync.connection import DeadlineConnection

__all__ = ["NoPlan", "ask_plan"]

_PLAN = "EXPLAIN (FORMAT JSON) "
_ANALYZE = "EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) "
_PREPARED = "guestsql_explain"
_SYNTAX_ERROR = "42601"


class NoPlan(ValueError):
    """The statement has no plan."""


def ask_plan(
    session: QuerySession,
    query: Query,
    values: Mapping[str, str | None] | None,
    timeout: float,
    *,
    analyze: bool = False,
) -> str:
    """Return the plan, in JSON.

    Args:
        session: asks the server. A query that writes needs one that may write, if it is run.
        query: from a catalogue.
        values: a value for each of its parameters; None is the generic plan, for any values.
        timeout: after which the server cancels it, in seconds, above 0.
        analyze: True runs the query in a transaction that is rolled back.

    Raises:
        NoPlan: only statements that read or change rows have one.
        ParameterError: the server cannot take the value of a parameter.
        DatabaseError: the server refused the query, or could not be reached.
    """
    try:
        with session.transaction(timeout, rolled_back=True) as connection:
            if values is None:
                return _generic(connection, query, session.hints)
            return _custom(connection, query, values, session.hints, _ANALYZE if analyze else _PLAN)
    except DatabaseError as error:
        session.close()  # a prepared statement outlives the transaction
        if error.sqlstate != _SYNTAX_ERROR:
            raise
        syntax_error = error
    # EXPLAIN does not know every command; what the server itself takes has no plan, then.
    with session.transaction(timeout, rolled_back=True) as connection:
        if not _is_accepted(connection, query):
            raise syntax_error
    raise NoPlan(f"{query.name} has no plan: only statements that read or change rows have one")


def _custom(
    connection: DeadlineConnection, query: Query, values: Mapping[str, str | None], hints: Mapping[str, str], head: str
) -> str:
    with explained(query, values, hints, shift=len(head)):
        return _text(connection, head + query.text, arrange(query, values))


def _generic(connection: DeadlineConnection, query: Query, hints: Mapping[str, str]) -> str:
    connection.execute("SET LOCAL plan_cache_mode = force_generic_plan")
    # Both in SQL, and in one transaction: a pooler may give a statement of the protocol another name.
    head = f"PREPARE {_PREPARED} AS "
    with explained(query, {}, hints, shift=len(head)):
        connection.execute((head + query.text).encode(), prepare=False)
    nulls = ", ".join(["NULL"] * len(query.positional))
    with explained(query, {}, hints):
        text = _text(connection, f"{_PLAN}EXECUTE {_PREPARED}({nulls})", [])
    connection.execute(f"DEALLOCATE {_PREPARED}".encode())
    return text


def _text(connection: DeadlineConnection, statement: str, values: list[object]) -> str:
    with connection.cursor(row_factory=tuple_row) as cursor:
        cursor.adapters.register_loader("json", TextLoader)
        row: Any = cursor.execute(statement.encode(), values or None).fetchone()
    return str(row[0])


def _is_accepted(connection: DeadlineConnection, query: Query) -> bool:
    return bool(connection.pgconn.prepare(b"", query.text.encode()).status == psycopg.pq.ExecStatus.COMMAND_OK)
