"""Notices of the server: no errors, but an operator should read them."""

from __future__ import annotations

import logging
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

from psycopg import Connection
from psycopg.errors import Diagnostic

from guestsql.telemetry.log import event

__all__ = ["collect_notices"]

# From IF NOT EXISTS: no action is needed. "…, skipping" of IF EXISTS is as harmless, and has no SQLSTATE of its own.
_HARMLESS = ("42P06", "42P07", "42701", "42710")
_REPORTED = ("NOTICE", "WARNING")


@contextmanager
def collect_notices(connection: Connection[Any], found: list[str]) -> Generator[None]:
    """Collect the notices of a block of code.

    Args:
        connection: the connection.
        found: receives each message, with its hint in parentheses.
    """

    def keep(notice: Diagnostic) -> None:
        if (notice.severity_nonlocalized or notice.severity) not in _REPORTED or notice.sqlstate in _HARMLESS:
            return
        text = notice.message_primary or ""
        if not text.endswith("skipping"):
            found.append(f"{text} ({notice.message_hint})" if notice.message_hint else text)
            event(logging.WARNING, "MIGRATION_NOTICE", found[-1], sqlstate=notice.sqlstate)

    connection.add_notice_handler(keep)
    try:
        yield
    finally:
        connection.remove_notice_handler(keep)
