"""What a server says of a statement without running it: psycopg has no method for that."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from psycopg import BaseConnection, errors, generators, pq
from psycopg.abc import PQGen
from psycopg.pq.abc import PGconn, PGresult

__all__ = ["client_encoding", "described", "plan_writes"]

_WRITING = {"ModifyTable", "LockRows"}


def client_encoding(connection: BaseConnection[Any]) -> str:
    """Return the encoding of what the client sends; a database of SQL_ASCII takes whatever bytes come."""
    found = connection.info.encoding
    return "utf-8" if found == "ascii" else found


def described(pgconn: PGconn, text: str, encoding: str) -> PQGen[PGresult]:
    """Have a statement parsed, as the unnamed one, and described.

    Args:
        pgconn: the connection, for whose `wait` this is.
        text: the statement, with `$1`, `$2`, ….
        encoding: the client's.

    Returns:
        Its description: parameters and columns.

    Raises:
        psycopg.Error: the server refuses it.
    """
    pgconn.send_prepare(b"", text.encode(encoding))
    yield from _answer(pgconn, encoding)
    pgconn.send_describe_prepared(b"")
    return (yield from _answer(pgconn, encoding))


def plan_writes(plan: dict[str, Any]) -> bool:
    """Tell whether a plan, as JSON tells it, writes or locks rows at any depth."""
    below: Iterable[dict[str, Any]] = plan.get("Plans", ())
    return plan["Node Type"] in _WRITING or any(plan_writes(each) for each in below)


def _answer(pgconn: PGconn, encoding: str) -> PQGen[PGresult]:
    result: PGresult = (yield from generators.execute(pgconn))[-1]
    if result.status == pq.ExecStatus.FATAL_ERROR:
        raise errors.error_from_result(result, encoding)
    return result
