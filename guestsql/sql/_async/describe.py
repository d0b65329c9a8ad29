"""What the server says of a query, asked on a connection of its own; no query is run, and nothing is left behind."""

from __future__ import annotations

from typing import Any, cast

import psycopg
from psycopg import sql
from psycopg.pq import TransactionStatus
from psycopg.rows import tuple_row

from guestsql.errors import QueryFileError, QueryTimeout
from guestsql.sql import Query, Signature, Typed
from guestsql.sql._async.connection import AsyncDeadlineConnection
from guestsql.sql.describe import client_encoding, described, description_of
from guestsql.sql.plan import PlanNode
from guestsql.sql.rewriting import name_positions
from guestsql.sql.translate import is_transient, translate

__all__ = ["signature_of"]

# One transaction, so that a transaction pooler keeps to one server. The generic plan does not depend on the values, and
# is judged with the rights of the role.
_BEGIN = "BEGIN READ ONLY; SET LOCAL plan_cache_mode = 'force_generic_plan'"
_PREPARE = "PREPARE guestsql_reload AS {}\n; SAVEPOINT prepared"
_FORGET = "ROLLBACK TO prepared; DEALLOCATE guestsql_reload"
_SPEAKING = (TransactionStatus.INTRANS, TransactionStatus.INERROR)

_HINTS = {
    "42P18": "cast every parameter: :name::type",
    "22P02": "compare the defaults of its parameters with their types",
}


async def signature_of(connection: AsyncDeadlineConnection, query: Query) -> Signature | QueryFileError:
    """Prepare, describe and plan a query.

    Args:
        connection: in autocommit, outside a transaction, without prepared statements of psycopg's own.
        query: what is asked.

    Returns:
        What the server says of it: a signature, or why it is refused, with its place in the file.

    Raises:
        DatabaseError: the server could not be asked now; the connection is of no use any more.
    """
    try:
        await connection.execute(_BEGIN)
        said = await _signature(connection, query)
        await connection.execute("ROLLBACK")
    except psycopg.Error as error:
        raise translate(error, query.name) from error
    return said


async def _signature(connection: AsyncDeadlineConnection, query: Query) -> Signature | QueryFileError:
    encoding = client_encoding(connection)
    try:
        async with connection.lock:
            answer = await connection.wait(described(connection.pgconn, query.text, encoding))
    except psycopg.Error as error:
        return _refused(query, error, error.diag.statement_position)
    found = description_of(answer, encoding)
    parameters = {
        name: Typed(name, oid, _type_name(connection, oid))
        for name, oid in zip(query.positional, found.parameter_types, strict=True)
    }
    columns = [Typed(each.name, each.type_oid, _type_name(connection, each.type_oid)) for each in found.columns]
    try:
        kind = await _kind(connection, query)
    except psycopg.Error as error:
        return _refused(query, error, None)  # a position would be one in the EXPLAIN
    return Signature(parameters, tuple(columns), kind)


async def _kind(connection: AsyncDeadlineConnection, query: Query) -> str:
    statement: Any = _PREPARE.format(query.text)  # no literal, which psycopg asks for: a .sql file's
    try:
        await connection.execute(statement)
    except psycopg.errors.SyntaxError:  # it was parsed before: what has no plan cannot be prepared so
        return "command"
    defaults = {parameter.name: parameter.default_value for parameter in query.parameters}
    values = sql.SQL(", ").join(sql.Literal(defaults[name]) for name in query.positional)
    call = sql.SQL("({})").format(values) if query.positional else sql.SQL("")
    cursor = connection.cursor(row_factory=tuple_row)
    try:
        await cursor.execute(sql.SQL("EXPLAIN (FORMAT JSON) EXECUTE guestsql_reload{}").format(call))
        row: Any = await cursor.fetchone()
    finally:
        if connection.pgconn.transaction_status in _SPEAKING:
            await connection.execute(_FORGET)
    plan = cast("list[dict[str, Any]]", row[0])[0]
    return "writes" if PlanNode.read(plan["Plan"]).writes else "reads"


def _refused(query: Query, error: psycopg.Error, position: str | None) -> QueryFileError:
    """Return why a query is refused, unless the server could not say."""
    failure = translate(error, query.name)
    if is_transient(failure) or isinstance(failure, QueryTimeout):
        raise error
    line, column = query.locate(int(position) if position else 1)
    message = (error.diag.message_primary or str(error)).split("\n", 1)[0]
    message = name_positions(message, query.positional)
    hint = _HINTS.get(failure.sqlstate or "", failure.hint)
    return QueryFileError(message, file=query.file, line=line, column=column, hint=hint)


def _type_name(connection: AsyncDeadlineConnection, oid: int) -> str:
    known = connection.adapters.types.get(oid)
    if known is None:
        return f"type {oid}"
    return known.regtype if known.oid == oid else f"{known.regtype}[]"
