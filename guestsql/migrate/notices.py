"""What the server remarks while it works: no error, but somebody should read it."""

from __future__ import annotations

import logging
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

from psycopg import Connection
from psycopg.errors import Diagnostic

from guestsql.telemetry.log import event

__all__ = ["noticed"]

# Said of IF NOT EXISTS, on which nobody has to act; so is "…, skipping" of IF EXISTS, which has no SQLSTATE of its own.
_HARMLESS = ("42P06", "42P07", "42701", "42710")
_TOLD = ("NOTICE", "WARNING")


@contextmanager
def noticed(connection: Connection[Any], found: list[str]) -> Generator[None]:
    """Collect the notices of a block of code.

    Args:
        connection: whose.
        found: is filled as they come: the message, and the hint in parentheses.
    """

    def keep(remark: Diagnostic) -> None:
        if (remark.severity_nonlocalized or remark.severity) not in _TOLD or remark.sqlstate in _HARMLESS:
            return
        text = remark.message_primary or ""
        if not text.endswith("skipping"):
            found.append(f"{text} ({remark.message_hint})" if remark.message_hint else text)
            event(logging.WARNING, "MIGRATION_NOTICE", found[-1], sqlstate=remark.sqlstate)

    connection.add_notice_handler(keep)
    try:
        yield
    finally:
        connection.remove_notice_handler(keep)
