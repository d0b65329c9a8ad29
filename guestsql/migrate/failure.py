"""Errors of the server in a migration, with file, line and column."""

from __future__ import annotations

from typing import Any

import psycopg
from psycopg import Connection, generators
from psycopg.pq import ExecStatus

from guestsql.errors import DatabaseUnavailable, MigrationError
from guestsql.migrate.concurrent import NO_TRANSACTION_HINT, hint_inside
from guestsql.migrate.files import Migration
from guestsql.migrate.text import place

__all__ = ["StatementError", "lost", "migration_error", "run_text"]

_HINTS = {
    "42501": "the role of the address lacks a privilege: use the owner's address",
    "42P16": "CREATE OR REPLACE VIEW only adds columns at the end: write DROP VIEW IF EXISTS before it",
    "25006": "a standby, a server that is being promoted, or default_transaction_read_only of the role or database",
}
# A table or view, function, schema, or another object exists already.
_EXISTS = ("42P07", "42723", "42P06", "42710")
_REPEATED = (
    "a repeatable file runs again when its text changes: write CREATE OR REPLACE VIEW (or FUNCTION …), IF NOT EXISTS,"
    " or DROP … IF EXISTS before it"
)
_NOT_IN_TRANSACTION = "25001"
# COMMIT or ROLLBACK in a procedure or block.
_ENDS_TRANSACTION = "2D000"
# Classes of SQLSTATE with which the server ends the connection.
_LOST = ("57P01", "57P02", "57P03", "08")
# And the severities.
_ENDING = ("FATAL", "PANIC")


class StatementError(Exception):
    """A statement of a file failed.

    Attributes:
        error: the server's error.
        index: which statement of the file it was, 0-based; 0 too when the whole text did not parse.
    """

    def __init__(self, error: psycopg.Error, index: int) -> None:
        super().__init__(str(error))
        self.error = error
        self.index = index

    @property
    def is_lock(self) -> bool:
        """True for a lock timeout or a deadlock, which may not happen again."""
        return self.error.sqlstate in ("55P03", "40P01")

    @property
    def is_lost(self) -> bool:
        """True when the connection was lost, or the server ended it: a COMMIT may have succeeded before."""
        if self.error.sqlstate is None:
            return isinstance(self.error, psycopg.OperationalError | psycopg.InterfaceError)
        diag = self.error.diag
        return self.error.sqlstate.startswith(_LOST) or (diag.severity_nonlocalized or diag.severity) in _ENDING


def run_text(connection: Connection[Any], text: str) -> None:
    """Send one or more statements as one simple query, without parameters, and read every result.

    Works below psycopg's cursor, whose error does not say how many statements succeeded before: run-time errors
    ("already exists") have no position.

    Args:
        connection: its client_encoding is UTF-8.
        text: as psql would send it; `%`, `:x` and `$1` have no meaning here.

    Raises:
        StatementError: a statement failed, or the connection was lost.
    """
    done = 0
    try:
        with connection.lock:
            connection.pgconn.send_query(text.encode())
            results = connection.wait(generators.execute(connection.pgconn))
        done = max(0, len(results) - 1)
        last = results[-1].status
        if last == ExecStatus.FATAL_ERROR:
            raise psycopg.errors.error_from_result(results[-1])
        if last in (ExecStatus.COPY_IN, ExecStatus.COPY_OUT, ExecStatus.COPY_BOTH):
            connection.close()
            raise psycopg.NotSupportedError("a migration cannot contain COPY with the client's data")
    except psycopg.Error as error:
        raise StatementError(error, done) from error


def migration_error(migration: Migration, failure: StatementError, *, in_bytes: bool, hint: str = "") -> MigrationError:
    """Return the error for a statement that failed, with its place.

    Args:
        migration: the file.
        failure: the failure.
        in_bytes: True when the server counts bytes instead of characters: a database in SQL_ASCII.
        hint: how to fix it; default the one for the error's code, or the server's own.
    """
    error = failure.error
    line, column = _place(migration, failure, in_bytes=in_bytes)
    parts = (error.diag.message_primary or str(error).strip(), error.diag.message_detail, _context(error))
    return MigrationError(
        "; ".join(part for part in parts if part),
        file=migration.file,
        line=line,
        column=column,
        hint=hint or _hint(migration, failure) or error.diag.message_hint or "",
        sqlstate=error.sqlstate,
    )


def lost(migration: Migration, failure: psycopg.Error) -> DatabaseUnavailable:
    """Return the error for a connection that was lost during a file."""
    message = (failure.diag.message_primary or str(failure)).strip().split("\n", 1)[0]
    kept = "nothing of it was kept" if migration.transactional else "the next run finishes it"
    return DatabaseUnavailable(
        f"the connection was lost during {migration.file.name}, {kept}: {message}",
        sqlstate=failure.sqlstate,
        hint="run guestsql migrate up again",
    )


def _hint(migration: Migration, failure: StatementError) -> str:
    code = failure.error.sqlstate or ""
    if code == _NOT_IN_TRANSACTION and failure.index < len(migration.statements):
        return hint_inside(migration.statements[failure.index])
    if code == _ENDS_TRANSACTION:
        return f"{NO_TRANSACTION_HINT}: it may be run twice" if migration.transactional else ""
    if code in _EXISTS and not migration.version:
        return _REPEATED
    return _HINTS.get(code, "")


def _place(migration: Migration, failure: StatementError, *, in_bytes: bool) -> tuple[int | None, int | None]:
    text = migration.text
    position = failure.error.diag.statement_position
    if position is not None:
        offset = int(position) - 1
        if in_bytes:
            offset = len(text.encode()[:offset].decode(errors="ignore"))
        return place(text, offset)
    if failure.index < len(migration.statements):
        return place(text, migration.statements[failure.index].offset)
    return None, None


def _context(error: psycopg.Error) -> str:
    """The place in a function or a DO block, on one line."""
    context = " / ".join((error.diag.context or "").split("\n"))
    return f"in {context}" if context else ""
