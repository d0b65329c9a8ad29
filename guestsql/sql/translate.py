"""psycopg's errors translated into guestsql's, each with a hint."""

from __future__ import annotations

import re

import psycopg

from guestsql.errors import (
    ConstraintViolation,
    DatabaseError,
    DatabaseUnavailable,
    QueryTimeout,
    TransactionConflict,
)

__all__ = ["is_permanent", "is_remediable", "is_rolled_back", "is_transient", "translate"]

# SQLSTATEs and classes (first two characters), as the server's appendix A lists them.
# A standby that may be promoted, a full disk, too little memory: the server answers, and cannot do it now.
_UNABLE = ("25006", "53000", "53100", "53200")
_UNAVAILABLE = ("08", "57P01", "57P02", "57P03", "57P05", "53300", "28", "3D000", *_UNABLE)
_TIMEOUT = ("57014", "55P03", "25P03", "25P04")
_CONFLICT = ("40001", "40P01")
# Raised by a trigger for a program that can remove the cause.
_REMEDIABLE = "GS0"
_ROLLED_BACK = (*_CONFLICT, "55P03", "57P01", *_UNABLE)
# Connection failures, of a server behind this one too, and statement_completion_unknown: said of what was perhaps done.
_UNSURE = ("08", "40003")

_HINTS = {
    "42P01": "run guestsql migrate up",
    "42703": "run guestsql migrate up, or compare the query with the table",
    "42883": "run guestsql migrate up, or compare the query with the server's functions",
    "42501": "grant the missing right to the role of DATABASE_URL",
    "25006": "the server accepts no writes now: it is a standby, perhaps being promoted, or read-only by its settings",
    "53100": "the server's disk is full: free some space, or enlarge it",
    "53200": "the server is short of memory: lower work_mem, or the number of sessions",
    "28P01": "check the password in DATABASE_URL",
    "28000": "check the role in DATABASE_URL and the server's pg_hba.conf",
    "3D000": "check the database's name in DATABASE_URL",
    "53300": "the server's max_connections is reached: lower GUESTSQL_POOL_MAX or close other clients",
    "57014": "raise GUESTSQL_DEADLINE_SECONDS, or EXPLAIN the query",
    "26000": "the address seems to be a transaction pooler's: set GUESTSQL_POOLER=transaction",
    "42P05": "the address seems to be a transaction pooler's: set GUESTSQL_POOLER=transaction",
    "55P03": "another session holds the lock: see who blocks whom in pg_blocking_pids",
    "40001": "nothing was stored: repeat the call",
    "40P01": "nothing was stored: repeat the call",
}

# The server reports 53300 for every limit on connections; the message says which one it is.
_LIMITS = (
    (
        re.compile(r"too many connections for role"),
        "the role's own limit is reached: end its clients, lower GUESTSQL_POOL_MAX, or ALTER ROLE … CONNECTION LIMIT",
    ),
    (
        re.compile(r"too many connections for database"),
        "the database's limit is reached: end clients, lower GUESTSQL_POOL_MAX, or ALTER DATABASE … CONNECTION LIMIT",
    ),
    (
        re.compile(r"connection slots are reserved"),
        "the rest of the server's max_connections is reserved: lower GUESTSQL_POOL_MAX or close other clients",
    ),
)

# A refused connection carries no SQLSTATE, only libpq's text; these are the server's words for five of them.
_REFUSALS = (
    (re.compile(r"password authentication failed|no password supplied"), "28P01"),
    (re.compile(r'role ".*" does not exist|pg_hba\.conf (?:entry|rejects)|authentication failed'), "28000"),
    (re.compile(r'database ".*" does not exist'), "3D000"),
    (re.compile(r"too many (?:clients|connections)|connection slots are reserved"), "53300"),
    (re.compile(r"the database system is "), "57P03"),
    # What libpq says when target_session_attrs wants a primary.
    (re.compile(r"session is read-only|server is in hot standby mode"), "25006"),
)

# psycopg lists every host that it has tried, behind a first line that repeats the last one's reason.
_ATTEMPT = re.compile(r"^- host: .*?, port: .*?, hostaddr: .*?: (?:connection failed: )?(.+)$", re.MULTILINE)

# Waiting does not fix these.
_PERMANENT = ("28", "3D000")

# Nor what the address itself asks for and cannot have: there is no SQLSTATE either.
_IMPOSSIBLE = (
    (
        re.compile(
            r"server does not support SSL|SSL error: (?!unexpected eof)|certificate|private key file"
            r"|channel binding required|GSSAPI encryption required|authentication method requirement"
        ),
        "the server and DATABASE_URL do not agree on encryption or login: check sslmode and the certificates",
    ),
    (
        re.compile(
            # libpq refused it without asking any server, which it names otherwise
            r"^connection is bad: (?!connection to server|could not translate host name)"
            r"|^bad value for |^could not match \d+ |invalid (?:integer )?value |invalid command-line argument"
            r"|unrecognized configuration parameter|unsupported startup parameter"
        ),
        "check the parameters of DATABASE_URL, after its question mark",
    ),
)

# An InternalError: BEGIN or COMMIT had two answers, because a pooler adds an error of its own to that of a lost server.
_LOST = (psycopg.OperationalError, psycopg.InterfaceError, psycopg.InternalError)

_NOT_ADAPTED = re.compile(r"cannot adapt type '(?P<type>[^']+)'")

# In messages of class 22 (data exceptions) the server quotes the value that it could not take.
_QUOTED_VALUE = re.compile(r'".*"', re.DOTALL)


def translate(error: psycopg.Error, query: str) -> DatabaseError:
    """Return guestsql's error for an error of psycopg.

    Args:
        error: what psycopg raised.
        query: the name of the query that was run, or "" while connecting.

    Returns:
        The error, not raised; the cause is to be chained by the caller.
    """
    failure = _translate(error, query)
    failure.undone = _is_undone(error)
    return failure


def _translate(error: psycopg.Error, query: str) -> DatabaseError:
    sqlstate = error.sqlstate
    message = (error.diag.message_primary or str(error) or type(error).__name__).strip().split("\n", 1)[0]
    hint = _hint(sqlstate, message, error.diag.message_hint or "")
    if sqlstate is None:
        return _unspoken(error, message, query)
    if sqlstate.startswith("22"):
        message = _QUOTED_VALUE.sub('"…"', message)
    if sqlstate.startswith("23"):
        constraint = error.diag.constraint_name or ""
        return ConstraintViolation(message, query=query, sqlstate=sqlstate, hint=hint, constraint=constraint)
    if sqlstate.startswith(_TIMEOUT):
        return QueryTimeout(message, query=query, sqlstate=sqlstate, hint=hint)
    if sqlstate.startswith(_UNAVAILABLE):
        return DatabaseUnavailable(message, query=query, sqlstate=sqlstate, hint=hint)
    if sqlstate in _CONFLICT:
        return TransactionConflict(message, query=query, sqlstate=sqlstate, hint=hint)
    return DatabaseError(message, query=query, sqlstate=sqlstate, hint=hint)


def _is_undone(error: psycopg.Error) -> bool:
    """Return True if the server said itself that nothing of the statement was kept.

    An ERROR undoes the statement. A FATAL or a PANIC ends the session and does not say what became of it: it may come
    behind a COMMIT that has reached the disk, and a pooler says FATAL of a server that it has lost. Only where the
    server looks for interrupts it has never committed yet; only the server sends the place, a pooler does not.
    """
    if error.sqlstate is None or error.sqlstate.startswith(_UNSURE):
        return False
    severity = error.diag.severity_nonlocalized or error.diag.severity
    return severity == "ERROR" or error.diag.source_function == "ProcessInterrupts"


def is_rolled_back(error: DatabaseError) -> bool:
    """Return True if it is an error with which the server undoes a statement that may succeed the next time.

    Whether the server itself has said it is another matter: `undone`.

    Args:
        error: an error made by `translate`.
    """
    return error.sqlstate is not None and error.sqlstate.startswith(_ROLLED_BACK)


def is_transient(error: DatabaseError) -> bool:
    """Return True if another connection, another moment, or a remedy may make the same statement succeed.

    Args:
        error: an error made by `translate`.
    """
    return isinstance(error, DatabaseUnavailable) or is_rolled_back(error) or is_remediable(error)


def is_remediable(error: DatabaseError) -> bool:
    """Return True if a program may be able to remove the cause: that is no failure yet.

    Args:
        error: an error made by `translate`.
    """
    return error.sqlstate is not None and error.sqlstate.startswith(_REMEDIABLE)


def is_permanent(error: DatabaseError) -> bool:
    """Return True if trying to connect again is of no use.

    That is so after a wrong password, role or database, when TLS is refused, and when a parameter is invalid.

    Args:
        error: an error made by `translate`, while connecting.
    """
    if error.attempts:
        return all(map(is_permanent, error.attempts))
    if error.sqlstate is None:
        return _impossible(error.message) is not None
    return error.sqlstate.startswith(_PERMANENT)


def _impossible(message: str) -> str | None:
    """Return a hint when a connection could not be made because of what the address asks for, else None."""
    return next((hint for words, hint in _IMPOSSIBLE if words.search(message)), None)


def _hint(sqlstate: str | None, message: str, otherwise: str) -> str:
    if sqlstate == "53300":
        return next((hint for words, hint in _LIMITS if words.search(message)), _HINTS["53300"])
    return _HINTS.get(sqlstate or "", otherwise)


def _unspoken(error: psycopg.Error, message: str, query: str) -> DatabaseError:
    """An error that the client library raised by itself: the server sent no SQLSTATE."""
    if isinstance(error, psycopg.errors._WaitTimeout):  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
        # What Connection.wait raises past its timeout has no public name.
        return QueryTimeout("the deadline passed before the server answered", query=query, hint=_HINTS["57014"])
    reasons = list(dict.fromkeys(_ATTEMPT.findall(str(error))))
    if len(reasons) > 1:
        return _of_several([_unspoken(psycopg.OperationalError(reason), reason, query) for reason in reasons])
    impossible = None if query else _impossible(message)
    if impossible is not None or isinstance(error, _LOST):
        sqlstate = next((state for words, state in _REFUSALS if words.search(message)), None)
        hint = _hint(sqlstate, message, impossible or "check that the server of DATABASE_URL runs and can be reached")
        return DatabaseUnavailable(message, query=query, sqlstate=sqlstate, hint=hint)
    adapted = _NOT_ADAPTED.match(message)
    if adapted is not None:
        message = f"a parameter cannot be a {adapted['type']}"
        return DatabaseError(
            message, query=query, hint="a dict or a list is for a parameter of type jsonb: :name::jsonb"
        )
    return DatabaseError(message, query=query)


def _of_several(attempts: list[DatabaseError]) -> DatabaseError:
    """The error when none of several hosts could be used: every reason, and a hint that fits them all."""
    kinds = {(failure.sqlstate, failure.hint) for failure in attempts}
    sqlstate, hint = kinds.pop() if len(kinds) == 1 else (None, "the hosts fail for different reasons: fix one of them")
    message = f"no host can be used: {'; '.join(failure.message for failure in attempts)}"
    failure = DatabaseUnavailable(message, sqlstate=sqlstate, hint=hint)
    failure.attempts = tuple(attempts)
    return failure
