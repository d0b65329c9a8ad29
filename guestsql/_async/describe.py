"""What the server says of a query, asked on a connection of its own; no query is run, and nothing is left behind."""

from __future__ import annotations

import re
from typing import Any, LiteralString, cast

import psycopg
from psycopg import sql
from psycopg.rows import tuple_row

from guestsql._async.connection import AsyncDeadlineConnection
from guestsql._core.describing import described, plan_writes
from guestsql._core.translate import is_transient, translate
from guestsql._sql import Query, Signature, Typed
from guestsql.errors import QueryFileError, QueryTimeout

__all__ = ["signature_of"]

# One transaction, so that a transaction pooler keeps to one server. The generic plan does not depend on the values, and
# is judged with the rights of the role.
_BEGIN = "BEGIN READ ONLY; SET LOCAL plan_cache_mode = 'force_generic_plan'"
_PREPARE = "PREPARE guestsql_reload AS {}; SAVEPOINT prepared"
_FORGET = "ROLLBACK TO prepared; DEALLOCATE guestsql_reload"


async def signature_of(connection: AsyncDeadlineConnection, query: Query) -> Signature | QueryFileError:
    """Prepare, describe and plan a query.

    Args:
        connection: in autocommit, outside a transaction, without prepared statements of psycopg's own.
        query: what is asked.

    Returns:
        What the server says of it: a signature, or why it is refused, with its place in the file.

    Raises:
        DatabaseError: the server could not be asked now.
    """
    try:
        await connection.execute(_BEGIN)
        try:
            return await _signature(connection, query)
        finally:
            await connection.execute("ROLLBACK")
    except psycopg.Error as error:
        failure = translate(error, query.name)
        if is_transient(failure) or isinstance(failure, QueryTimeout):
            raise failure from error
        return _refused(query, error, failure.hint)


async def _signature(connection: AsyncDeadlineConnection, query: Query) -> Signature:
    async with connection.lock:
        answer = await connection.wait(described(connection.pgconn, query.text, connection.info.encoding))
    parameters = {
        name: Typed(name, oid, _type_name(connection, oid))
        for name, oid in zip(query.positional, map(answer.param_type, range(answer.nparams)), strict=True)
    }
    columns = [
        Typed((answer.fname(at) or b"").decode(connection.info.encoding), oid, _type_name(connection, oid))
        for at, oid in enumerate(map(answer.ftype, range(answer.nfields)))
    ]
    return Signature(parameters, tuple(columns), await _kind(connection, query))


async def _kind(connection: AsyncDeadlineConnection, query: Query) -> str:
    # To psycopg a query's text is a literal: it comes from a file.
    statement = _PREPARE.format(query.text + "\n")
    try:
        await connection.execute(cast("LiteralString", statement))
    except psycopg.errors.SyntaxError:  # it was parsed before: what has no plan cannot be prepared so
        return "command"
    defaults = {parameter.name: parameter.default_value for parameter in query.parameters}
    values = sql.SQL(", ").join(sql.Literal(defaults[name]) for name in query.positional)
    call = sql.SQL("({})").format(values) if query.positional else sql.SQL("")
    try:
        cursor = connection.cursor(row_factory=tuple_row)
        await cursor.execute(sql.SQL("EXPLAIN (FORMAT JSON) EXECUTE guestsql_reload{}").format(call))
        row: Any = await cursor.fetchone()
    finally:
        await connection.execute(_FORGET)
    plan = cast("list[dict[str, Any]]", row[0])[0]
    return "writes" if plan_writes(plan["Plan"]) else "reads"


def _refused(query: Query, error: psycopg.Error, hint: str) -> QueryFileError:
    position = error.diag.statement_position
    line, column = query.locate(int(position) if position else 1)
    message = (error.diag.message_primary or str(error)).split("\n", 1)[0]
    # `$1` means nothing in the file.
    message = re.sub(r"\$(\d+)", lambda found: _parameter(query, int(found[1])), message)
    return QueryFileError(message, file=query.file, line=line, column=column, hint=hint)


def _parameter(query: Query, number: int) -> str:
    return f":{query.positional[number - 1]}" if 0 < number <= len(query.positional) else f"${number}"


def _type_name(connection: AsyncDeadlineConnection, oid: int) -> str:
    known = connection.adapters.types.get(oid)
    if known is None:
        return f"type {oid}"
    return known.regtype if known.oid == oid else f"{known.regtype}[]"
