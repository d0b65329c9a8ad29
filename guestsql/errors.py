"""The errors of guestsql.

Absence is `None`; a failure is an exception, never an empty answer::

    GuestSQLError
     ├ SettingsError                     an environment variable or a setting is unusable
     ├ QueryFileError(file, line, column)     a file of queries/ cannot be used
     ├ MigrationError(file, line, column)     migrations/ and the database disagree, or a file failed
     ├ LegacyFileError(path, pointer)    a JSON file of the old bot cannot be read
     ├ EmbeddedServerError               the embedded PostgreSQL could not be found, created or started
     ├ InvalidUserId                     no guest can have this id
     ├ InvalidValue                      a value that the database could not keep as it is
     ├ DifferentGuests(guests)           the ids of one call belong to several guests
     ├ WrongEventLoop                    an async database is used outside the loop in which it was opened
     ├ MessageError                      a message is used after its block, or although it is not new
     ├ TransactionError                  a transaction is used in a way that it does not allow
     └ DatabaseError(query, sqlstate)
        ├ ConstraintViolation(constraint)
        ├ QueryTimeout                   the deadline passed (retryable)
        ├ DatabaseUnavailable            no connection, it was lost, or no write is possible now (retryable)
        ├ TransactionConflict            a deadlock or serialization failure that lasted (retryable)
        ├ TransactionAborted             the transaction was ended by an earlier failure
        ├ LeaseLost                      another process took over what this one was doing; nothing was stored
        └ OutcomeUnknown                 it may or may not have taken effect: read before you repeat

Every error says what happened, where, and how to fix it: the last part is `hint`. `retryable` is for a program: True
when the same call may be repeated as it is, later, without anything being done twice. The second paragraph of each
class says what the caller should do; docs/python.md shows them as a table.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

# Not one name to a line: the module has at most 350 lines.
__all__ = [
    "ConstraintViolation", "DatabaseError", "DatabaseUnavailable", "DifferentGuests", "EmbeddedServerError",
    "GuestSQLError", "InvalidUserId", "InvalidValue", "LeaseLost", "LegacyFileError", "MessageError",
    "MigrationError", "OutcomeUnknown", "QueryFileError", "QueryTimeout", "SettingsError", "TransactionAborted",
    "TransactionConflict", "TransactionError", "WrongEventLoop",
]  # fmt: skip


class GuestSQLError(Exception):
    """The base class of all errors that guestsql raises.

    Catch it where you treat all errors alike, and log `str(error)`: what happened, where, and how to fix it.

    Attributes:
        message: what happened, in one line.
        hint: how to fix it, or "".
        retryable: True when the same call may be repeated later without anything being done twice.
    """

    retryable = False

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
        gap = "\n" if "\n" in self.message else " "  # below a diff
        return f"{where}{self.message}{gap}({self.hint})" if self.hint else f"{where}{self.message}"


def _restored(kind: type[GuestSQLError], arguments: tuple[Any, ...]) -> GuestSQLError:
    """Make an error that was pickled, without its `__init__`; its attributes follow."""
    return kind.__new__(kind, *arguments)


class SettingsError(GuestSQLError):
    """An environment variable, a line of `.env`, an argument of `Settings` or the database's address is unusable.

    Correct the variable that the message names, and start again.
    """


class InvalidUserId(GuestSQLError, ValueError):
    """No guest can have this id: it is empty, not a phone number, a group, a channel, or one of the bot's own numbers.

    Pass the participant's id instead of the group's; do not answer messages from such ids. It is a `ValueError` too.
    """


class InvalidValue(GuestSQLError, ValueError):
    """A value has the wrong type, is out of range, or cannot be stored as it is: NUL in a text, labels not a list.

    Correct the call: the same values fail again. It is a `ValueError` too.
    """


class DifferentGuests(GuestSQLError):
    """The ids of one `link_ids(…, merge=False)` belong to several guests; nothing was changed.

    If they are one person, repeat the call with `merge=True`, or call `merge_guests` with two of the ids.

    Attributes:
        guests: the guests' keys; the first one would stay.
    """

    def __init__(self, guests: tuple[str, ...]) -> None:
        super().__init__(f"the ids belong to {len(guests)} guests", hint="merge=True, or merge_guests, makes them one")
        self.guests = guests


class WrongEventLoop(GuestSQLError, RuntimeError):
    """An `AsyncGuestDatabase` is used outside the event loop in which it was opened: in another loop or a forked child.

    Make one in each event loop and close it there: `async with AsyncGuestDatabase() as db`. It is a `RuntimeError` too.
    """


class TransactionError(GuestSQLError, RuntimeError):
    """A transaction is used after its end, by two tasks at once or in a forked child, or cannot do what was requested.

    Use `tx` inside its `with` block, one call at a time; do slow work before or after it. It is a `RuntimeError` too.
    """


class MessageError(GuestSQLError, RuntimeError):
    """A message is used although it is not new, after its block, or in a process that was forked inside the block.

    Check `message.is_new` first, and use the message only inside its `with` block. It is a `RuntimeError` too.
    """


class EmbeddedServerError(GuestSQLError):
    """The embedded PostgreSQL could not be found, created or started.

    See the hint, or set `DATABASE_URL`: then no embedded server is used.
    """


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
    """A query file cannot be used as it is; raised when the database object is made.

    Correct the file at `file:line:column`; `guestsql check` finds the rest. A running bot does not raise it: an edit
    that cannot be used is logged, and the old queries stay in use.

    Attributes:
        rule: the rule of `guestsql check` that the file breaks.
    """

    def __init__(
        self,
        message: str,
        *,
        file: Path | None = None,
        line: int | None = None,
        column: int | None = None,
        hint: str = "",
        rule: str = "GS003",
    ) -> None:
        super().__init__(message, file=file, line=line, column=column, hint=hint)
        self.rule = rule


class MigrationError(_FileError):
    """The files of migrations/ and the database disagree, or a file failed; raised by `guestsql migrate`, not in a bot.

    See the hint, and `guestsql migrate status`.

    Attributes:
        sqlstate: the server's five-character code, or None when the error did not come from the server.
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
    """A JSON file of the old bot cannot be read; raised by `guestsql legacy`, not in a bot.

    Correct the file at `path` and JSON pointer, and run the command again: it changes nothing that is already correct.

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
    """The server refused a query, or could not run it; the errors below are the kinds that a bot can distinguish.

    Look at `sqlstate` and the hint. Most often a migration or a privilege is missing.

    Attributes:
        query: the name of the query, or "" outside one.
        sqlstate: the server's five-character code, or None when the error did not come from the server.
    """

    # True when it is certain that nothing was kept: the server said so, or COMMIT was never sent. It decides whether
    # the executor may repeat the work; callers have `retryable`.
    undone = False
    # Why each host could not be used, where the address names several.
    attempts: tuple[DatabaseError, ...] = ()

    def __init__(self, message: str, *, query: str = "", sqlstate: str | None = None, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.query = query
        self.sqlstate = sqlstate

    @property
    def place(self) -> str:
        """Which query failed, as `query name`."""
        return f"query {self.query}" if self.query else ""


class ConstraintViolation(DatabaseError):
    """The schema forbids the row: a check, a unique key, a NOT NULL or a foreign key; nothing was written.

    The values are wrong, not the time: correct the call, or the query.

    Attributes:
        constraint: the name of the constraint, or "" if the server does not name one.
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
    """The deadline, or one of the server's own timeouts, passed before there was an answer.

    Repeat the call later. If the error persists, see `guestsql query run list_blocked_sessions` and `… run
    list_query_latencies`, or raise `GUESTSQL_DEADLINE_SECONDS`.
    """

    retryable = True


class DatabaseUnavailable(DatabaseError):
    """The server is down, refuses or cannot write now (a standby, a full disk); no connection is free; or it is closed.

    Repeat the call later: guestsql has already tried until the deadline. A wrong password, role or database, a refused
    TLS connection and an invalid address must be fixed first, as the hint says; a closed database needs `open()`.
    """

    retryable = True


class TransactionConflict(DatabaseError):
    """Other transactions kept interfering, by a deadlock or a serialization failure; nothing was stored.

    Repeat the call later: guestsql has already repeated it until the deadline. If the error persists, see which
    sessions block each other (`guestsql query run list_blocked_sessions`).
    """

    retryable = True


class TransactionAborted(DatabaseError):
    """An earlier statement of the transaction failed, and the error was caught: the server accepts no more statements.

    Let the first error, which the message quotes, leave the `with` block. To continue after a statement that may fail,
    put it in a savepoint: `with tx.transaction():`.
    """


class LeaseLost(DatabaseError):
    """A lease ended before the work was done, and another process took the work over; or its guest was erased.

    Nothing was stored. Do not repeat the call: the holder of the new lease completes the work. Claim fewer replies, or
    for longer. A message's lease is renewed, unless its process, event loop or server stops for longer than the lease.
    """


class OutcomeUnknown(DatabaseError):
    """The connection was lost or the deadline passed, and it is unknown whether the call took effect.

    Only calls whose section names it, `queries`, `run` and the end of a transaction raise it, as does any that receives
    the answer to another statement, through a pooler that was not recognised (`GUESTSQL_POOLER`). Read what it should
    have changed (`get_thread` after `add_thread_tokens`), and repeat the call only if the change is missing: otherwise
    it may be applied twice. A call that only reads may be repeated.
    """

    def __init__(self, message: str, *, query: str = "", sqlstate: str | None = None, hint: str = "") -> None:
        hint = hint or "it may or may not have been stored: read before you repeat it"
        super().__init__(message, query=query, sqlstate=sqlstate, hint=hint)
