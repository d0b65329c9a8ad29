"""The errors of guestsql.

Absence is `None`; a failure is an exception, never an empty answer::

    GuestSQLError
     ├ SettingsError                     an environment variable or a setting is unusable
     ├ QueryFileError(file, line, column)     a file of queries/ cannot be used
     ├ MigrationError(file, line, column)     migrations/ and the database disagree, or a file failed
     ├ LegacyFileError(path, pointer)    a JSON file of the old bot cannot be read
     ├ EmbeddedServerError               the embedded PostgreSQL could not be found, made or started
     ├ InvalidUserId                     no guest can have this id
     ├ InvalidValue                      a value that the database could not keep as it is
     └ DatabaseError(query, sqlstate)
        ├ ConstraintViolation(constraint)
        ├ QueryTimeout                   the deadline passed (retryable)
        ├ DatabaseUnavailable            no connection, or it was lost (retryable)
        └ OutcomeUnknown                 it may or may not have been done: read before you repeat

Every error says what happened, where, and how to mend it: the last part is `hint`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

__all__ = [
    "ConstraintViolation",
    "DatabaseError",
    "DatabaseUnavailable",
    "EmbeddedServerError",
    "GuestSQLError",
    "InvalidUserId",
    "InvalidValue",
    "LegacyFileError",
    "MigrationError",
    "OutcomeUnknown",
    "QueryFileError",
    "QueryTimeout",
    "SettingsError",
]


class GuestSQLError(Exception):
    """Base of every error that guestsql raises on purpose.

    Attributes:
        message: what happened, in one line.
        hint: how to mend it, or "".
    """

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    @property
    def place(self) -> str:
        """Where it happened, as `file:line:column` as far as known, or ""."""
        return ""

    def __reduce__(self) -> tuple[Any, ...]:
        # The default calls the class with the message alone; an error comes back whole from another process.
        return _restored, (type(self), self.args), self.__dict__

    def __str__(self) -> str:
        where = f"{self.place}: " if self.place else ""
        how = f" ({self.hint})" if self.hint else ""
        return f"{where}{self.message}{how}"


def _restored(kind: type[GuestSQLError], arguments: tuple[Any, ...]) -> GuestSQLError:
    """Make an error that was pickled, without its `__init__`; its attributes follow."""
    return kind.__new__(kind, *arguments)


class SettingsError(GuestSQLError):
    """An environment variable or a setting is unusable."""


class InvalidUserId(GuestSQLError, ValueError):
    """No guest can have this id: it is empty, a group, a channel, or the bot's own number."""


class InvalidValue(GuestSQLError, ValueError):
    """A value that the database could not keep as it is: NUL in a text, labels that are no strings."""


class EmbeddedServerError(GuestSQLError):
    """The embedded PostgreSQL could not be found, made or started."""


class _FileError(GuestSQLError):
    """An error with a place in a text file.

    Attributes:
        file: the file.
        line: 1-based line, or None when the whole file is meant.
        column: 1-based column, or None when the whole line is meant.
    """

    def __init__(
        self,
        message: str,
        *,
        file: Path | None = None,
        line: int | None = None,
        column: int | None = None,
        hint: str = "",
    ) -> None:
        super().__init__(message, hint=hint)
        self.file = file
        self.line = line
        self.column = column

    @property
    def place(self) -> str:
        """Where it happened, as `file:line:column` as far as known."""
        parts = [part for part in (self.file, self.line, self.column) if part is not None]
        return ":".join(str(part) for part in parts)


class QueryFileError(_FileError):
    """A file of queries/ cannot be used as it stands."""


class MigrationError(_FileError):
    """The files of migrations/ and the database disagree, or a file failed.

    Attributes:
        sqlstate: the server's five-character code, or None when the server did not speak.
    """

    def __init__(
        self,
        message: str,
        *,
        file: Path | None = None,
        line: int | None = None,
        column: int | None = None,
        hint: str = "",
        sqlstate: str | None = None,
    ) -> None:
        super().__init__(message, file=file, line=line, column=column, hint=hint)
        self.sqlstate = sqlstate


class LegacyFileError(GuestSQLError):
    """A JSON file of the old bot cannot be read.

    Attributes:
        path: the file.
        pointer: JSON pointer (RFC 6901) of the place inside it, "" for the whole file.
    """

    def __init__(self, message: str, *, path: Path, pointer: str = "", hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.path = path
        self.pointer = pointer

    @property
    def place(self) -> str:
        """Where it happened, as `path#pointer`."""
        return f"{self.path}#{self.pointer}" if self.pointer else str(self.path)


class DatabaseError(GuestSQLError):
    """The server refused or could not run a query.

    Attributes:
        query: the name of the query, or "" outside one.
        sqlstate: the server's five-character code, or None when the server did not speak.
        retryable: True when the same call may succeed later.
    """

    retryable = False

    def __init__(self, message: str, *, query: str = "", sqlstate: str | None = None, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.query = query
        self.sqlstate = sqlstate

    @property
    def place(self) -> str:
        """Which query failed, as `query name`."""
        return f"query {self.query}" if self.query else ""


class ConstraintViolation(DatabaseError):
    """The schema forbids the row.

    Attributes:
        constraint: the name of the constraint, or "" when the server names none.
    """

    def __init__(
        self,
        message: str,
        *,
        query: str = "",
        sqlstate: str | None = None,
        hint: str = "",
        constraint: str = "",
    ) -> None:
        super().__init__(message, query=query, sqlstate=sqlstate, hint=hint)
        self.constraint = constraint


class QueryTimeout(DatabaseError):
    """The call's deadline, or the server's own timeout, passed first."""

    retryable = True


class DatabaseUnavailable(DatabaseError):
    """There is no connection to the server, or it was lost on the way."""

    retryable = True


class OutcomeUnknown(DatabaseError):
    """The connection was lost or the deadline passed when it may or may not have been done.

    Not retryable: whoever repeats it blindly may do it twice.
    """

    def __init__(self, message: str, *, query: str = "", sqlstate: str | None = None, hint: str = "") -> None:
        hint = hint or "it may or may not have been stored: read before you repeat it"
        super().__init__(message, query=query, sqlstate=sqlstate, hint=hint)
