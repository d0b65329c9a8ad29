"""What the server says when it refuses a write of an archived guest's row."""

from __future__ import annotations

import psycopg

from guestsql.errors import DatabaseError

__all__ = ["REFUSED", "archive_numbers"]

REFUSED = "GS001"
"""The SQLSTATE of the refusal (guestsql_register_ids)."""


def archive_numbers(error: DatabaseError) -> list[int]:
    """Return the guests of a refusal, by their numbers in the archive.

    Args:
        error: with the SQLSTATE `REFUSED`.
    """
    cause = error.__cause__
    detail = cause.diag.message_detail if isinstance(cause, psycopg.Error) else None
    return [int(number) for number in (detail or "").split(",") if number]
