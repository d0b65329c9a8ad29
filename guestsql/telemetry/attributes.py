"""The attributes of spans: those of the statement and of its server.

The attributes are those of the semantic conventions for database clients that are stable. The text is the file's, with
`$1` where the parameters go; parameters are never included, nor are messages of the server: they may quote a
value.
"""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["Attributes", "server_attributes", "statement_attributes"]

Attributes = Mapping[str, str | int]


def statement_attributes(name: str, operation: str, text: str) -> Attributes:
    """Return the attributes of a statement.

    Args:
        name: the query's name, which is its summary.
        operation: its command: `SELECT`.
        text: its SQL with `$1`, `$2`, ….
    """
    return {
        "db.system.name": "postgresql",
        "db.query.summary": name,
        "db.operation.name": operation,
        "db.query.text": text,
    }


def server_attributes(host: str, port: int, database: str) -> Attributes:
    """Return the attributes of the server.

    Args:
        host: its name, or the folder of its socket.
        port: its port.
        database: the database's name.
    """
    return {"server.address": host, "server.port": port, "db.namespace": database}
