"""What a span tells of a statement and its server.

The attributes are those of the semantic conventions for database clients that are stable. The text is the file's, with
`$1` where the parameters go; what is passed for them is never told, and no message of the server's either: it may quote
a value.
"""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["Attributes", "server_attributes", "statement_attributes"]

Attributes = Mapping[str, str | int]


def statement_attributes(name: str, operation: str, text: str) -> Attributes:
    """Return what a span tells of a statement.

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
    """Return what a span tells of the server.

    Args:
        host: its name, or the folder of its socket.
        port: its port.
        database: the database's name.
    """
    return {"server.address": host, "server.port": port, "db.namespace": database}
