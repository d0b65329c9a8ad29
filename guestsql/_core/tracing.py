"""OpenTelemetry: a span for each statement, when the API is installed and the program has an SDK; nothing otherwise.

The attributes are those of the semantic conventions for database clients that are stable. The text is the file's, with
`$1` where the parameters go; what is passed for them is never told, and no message of the server's either: it may quote
a value.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from guestsql._core.spans import Tracing

__all__ = ["Attributes", "make_tracing", "server_attributes", "statement_attributes"]

Attributes = Mapping[str, str | int]


def make_tracing() -> Tracing | None:
    """Return what makes spans, or None when the API is not installed."""
    try:
        from guestsql._core.spans import Tracing  # noqa: PLC0415  the extra `otel` may not be installed
    except ImportError:
        return None
    return Tracing()


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
