"""Describes a statement without running it: psycopg has no method for that."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from psycopg import BaseConnection, Connection, errors, generators, pq
from psycopg.abc import PQGen
from psycopg.pq.abc import PGconn, PGresult

__all__ = ["Description", "ResultColumn", "client_encoding", "describe", "described", "description_of"]


def client_encoding(connection: BaseConnection[Any]) -> str:
    """Return the encoding of what the client sends; a database of SQL_ASCII takes whatever bytes come."""
    found = connection.info.encoding
    return "utf-8" if found == "ascii" else found


@dataclass(frozen=True, slots=True)
class ResultColumn:
    """A column that a statement returns.

    Attributes:
        name: its name, as the server sends it.
        type_oid: its type; for a domain, the type below it.
        table_oid: the table of which it is a column, unchanged, or 0.
        number: its number in that table, or 0.
    """

    name: str
    type_oid: int
    table_oid: int = 0
    number: int = 0


@dataclass(frozen=True, slots=True)
class Description:
    """A statement's parameters and columns.

    Attributes:
        parameter_types: the oid of the type of each `$n`.
        columns: what it returns; none when it returns no rows.
    """

    parameter_types: tuple[int, ...]
    columns: tuple[ResultColumn, ...]


def describe(connection: Connection[Any], text: str, *, name: str = "") -> Description:
    """Have the server parse a statement and describe it; it is not run.

    Args:
        connection: to the server.
        text: the statement, with `$1`, `$2`, ….
        name: of the prepared statement that is left behind; the next statement replaces the unnamed one.

    Raises:
        psycopg.Error: the server refuses the statement, or the connection is lost.
    """
    encoding = client_encoding(connection)
    with connection.lock:
        return description_of(connection.wait(described(connection.pgconn, text, encoding, name=name)), encoding)


def described(pgconn: PGconn, text: str, encoding: str, *, name: str = "") -> PQGen[PGresult]:
    """Return what a connection's `wait` takes to describe a statement, sync or async.

    Args:
        pgconn: the connection.
        text: the statement, with `$1`, `$2`, ….
        encoding: the client's.
        name: of the prepared statement.

    Raises:
        psycopg.Error: the server refuses the statement.
    """
    pgconn.send_prepare(name.encode(), text.encode(encoding))
    yield from _answer(pgconn, encoding)
    pgconn.send_describe_prepared(name.encode())
    return (yield from _answer(pgconn, encoding))


def description_of(result: PGresult, encoding: str) -> Description:
    """Return the description in a server's answer.

    Args:
        result: the answer.
        encoding: the client's.
    """
    return Description(
        tuple(result.param_type(at) for at in range(result.nparams)),
        tuple(
            ResultColumn(
                (result.fname(at) or b"").decode(encoding), result.ftype(at), result.ftable(at), result.ftablecol(at)
            )
            for at in range(result.nfields)
        ),
    )


def _answer(pgconn: PGconn, encoding: str) -> PQGen[PGresult]:
    result: PGresult = (yield from generators.execute(pgconn))[-1]
    if result.status == pq.ExecStatus.FATAL_ERROR:
        raise errors.error_from_result(result, encoding)
    return result
