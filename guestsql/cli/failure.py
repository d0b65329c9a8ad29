"""From an error to one line on stderr and an exit code."""

from __future__ import annotations

from guestsql.errors import (
    DatabaseError,
    DatabaseUnavailable,
    EmbeddedServerError,
    GuestSQLError,
    InvalidUserId,
    InvalidValue,
    MigrationError,
    SettingsError,
)

__all__ = ["BROKEN_PIPE", "FAILED", "INTERRUPTED", "NO_CONNECTION", "OK", "SQL_ERROR", "USAGE", "exit_code"]

OK = 0
FAILED = 1
USAGE = 2
SQL_ERROR = 3
NO_CONNECTION = 4
# What a shell reports of a program that a signal ended: 128 and the signal's number.
INTERRUPTED = 130
BROKEN_PIPE = 141


def exit_code(error: GuestSQLError) -> int:
    """Return the exit code for an error.

    Args:
        error: what ended the command.
    """
    if isinstance(error, DatabaseUnavailable) and error.undone and error.query:
        return SQL_ERROR  # the server answers, and cannot do it now
    if isinstance(error, DatabaseUnavailable | EmbeddedServerError):
        return NO_CONNECTION
    if isinstance(error, DatabaseError):
        return SQL_ERROR
    if isinstance(error, MigrationError):
        return FAILED if error.sqlstate is None else SQL_ERROR
    if isinstance(error, SettingsError | InvalidUserId | InvalidValue):
        return USAGE
    return FAILED
