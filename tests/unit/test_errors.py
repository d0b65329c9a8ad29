"""Errors: what happened, where, how to mend it; whole after a journey between processes."""

from __future__ import annotations

import copy
import pickle
from pathlib import Path

import psycopg
import pytest
from psycopg import errors as pg

from guestsql import errors
from guestsql.sql.translate import is_permanent, is_rolled_back, translate

ALL = [
    errors.SettingsError("m", hint="h"),
    errors.InvalidUserId("m", hint="h"),
    errors.InvalidValue("m"),
    errors.EmbeddedServerError("m"),
    errors.QueryFileError("m", file=Path("a.sql"), line=3, column=4, hint="h"),
    errors.MigrationError("m", file=Path("a.sql"), line=3, sqlstate="42P01"),
    errors.LegacyFileError("m", path=Path("a.json"), pointer="/0/1"),
    errors.DatabaseError("m", query="q", sqlstate="42P01", hint="h"),
    errors.ConstraintViolation("m", query="q", sqlstate="23514", constraint="c"),
    errors.QueryTimeout("m", query="q"),
    errors.DatabaseUnavailable("m"),
    errors.TransactionConflict("m", query="q", sqlstate="40P01"),
    errors.OutcomeUnknown("m", query="q"),
]


@pytest.mark.parametrize("error", ALL, ids=lambda error: type(error).__name__)
def test_an_error_is_whole_in_another_process(error: errors.GuestSQLError) -> None:
    for twin in (pickle.loads(pickle.dumps(error)), copy.copy(error)):
        assert type(twin) is type(error)
        assert str(twin) == str(error)
        assert vars(twin) == vars(error)
        assert twin.args == error.args


@pytest.mark.parametrize("error", ALL, ids=lambda error: type(error).__name__)
def test_every_error_has_one_base(error: Exception) -> None:
    assert isinstance(error, errors.GuestSQLError)


def test_bad_values_are_value_errors() -> None:
    assert issubclass(errors.InvalidUserId, ValueError)
    assert issubclass(errors.InvalidValue, ValueError)


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (ALL[0], "m (h)"),
        (ALL[2], "m"),
        (ALL[4], "a.sql:3:4: m (h)"),
        (ALL[5], "a.sql:3: m"),
        (ALL[6], "a.json#/0/1: m"),
        (ALL[7], "query q: m (h)"),
    ],
)
def test_text(error: Exception, text: str) -> None:
    assert str(error) == text


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (pg.CheckViolation, errors.ConstraintViolation),
        (pg.UniqueViolation, errors.ConstraintViolation),
        (pg.NotNullViolation, errors.ConstraintViolation),
        (pg.QueryCanceled, errors.QueryTimeout),
        (pg.LockNotAvailable, errors.QueryTimeout),
        (pg.IdleInTransactionSessionTimeout, errors.QueryTimeout),
        (pg.AdminShutdown, errors.DatabaseUnavailable),
        (pg.CrashShutdown, errors.DatabaseUnavailable),
        (pg.CannotConnectNow, errors.DatabaseUnavailable),
        (pg.TooManyConnections, errors.DatabaseUnavailable),
        (pg.InvalidPassword, errors.DatabaseUnavailable),
        (pg.ConnectionFailure, errors.DatabaseUnavailable),
        (psycopg.OperationalError, errors.DatabaseUnavailable),
        (psycopg.InterfaceError, errors.DatabaseUnavailable),
        (pg.SerializationFailure, errors.TransactionConflict),
        (pg.DeadlockDetected, errors.TransactionConflict),
        (pg.StatementCompletionUnknown, errors.DatabaseError),
        (pg.UndefinedTable, errors.DatabaseError),
        (pg.ReadOnlySqlTransaction, errors.DatabaseUnavailable),
        (pg.DiskFull, errors.DatabaseUnavailable),
        (pg.OutOfMemory, errors.DatabaseUnavailable),
        (psycopg.DataError, errors.DatabaseError),
        (psycopg.ProgrammingError, errors.DatabaseError),
    ],
)
def test_translation(kind: type[psycopg.Error], expected: type[errors.DatabaseError]) -> None:
    error = translate(kind("said so\nDETAIL: more"), "q")
    assert type(error) is expected
    assert (error.query, error.message) == ("q", "said so")
    retryable = errors.DatabaseUnavailable | errors.QueryTimeout | errors.TransactionConflict
    assert error.retryable is issubclass(expected, retryable)
    assert not error.undone, "without the server's answer nothing is known"


@pytest.mark.parametrize(
    ("kind", "hint"),
    [
        (pg.UndefinedTable, "run guestsql migrate up"),
        (pg.UndefinedColumn, "run guestsql migrate up"),
        (pg.UndefinedFunction, "run guestsql migrate up"),
        (pg.InsufficientPrivilege, "role"),
        (pg.ReadOnlySqlTransaction, "read-only"),
        (pg.TooManyConnections, "GUESTSQL_POOL_MAX"),
        (pg.QueryCanceled, "GUESTSQL_DEADLINE_SECONDS"),
    ],
)
def test_hints(kind: type[psycopg.Error], hint: str) -> None:
    assert hint in translate(kind("said so"), "q").hint


@pytest.mark.parametrize(
    ("said", "hint"),
    [
        ('FATAL:  password authentication failed for user "bot"', "password"),
        ('FATAL:  database "bot" does not exist', "database's name"),
        ('FATAL:  role "bot" does not exist', "role"),
        ('FATAL:  no pg_hba.conf entry for host "::1"', "pg_hba.conf"),
        ("FATAL:  sorry, too many clients already", "max_connections is reached"),
        ('FATAL:  too many connections for role "bot"', "ALTER ROLE … CONNECTION LIMIT"),
        ('FATAL:  too many connections for database "bot"', "ALTER DATABASE … CONNECTION LIMIT"),
        (
            "FATAL:  remaining connection slots are reserved for roles with the SUPERUSER attribute",
            "the rest of the server's max_connections",
        ),
        ("Connection refused", "server of DATABASE_URL"),
    ],
)
def test_a_connection_that_fails_has_no_sqlstate_but_a_hint(said: str, hint: str) -> None:
    error = translate(psycopg.OperationalError(f"connection failed: {said}"), "")
    assert isinstance(error, errors.DatabaseUnavailable)
    assert hint in error.hint


@pytest.mark.parametrize(
    ("said", "permanent"),
    [
        ('connection failed: FATAL:  password authentication failed for user "bot"', True),
        (
            'failed: connection to server at "::1", port 1 failed: server does not support SSL, but SSL was required',
            True,
        ),
        (
            'connection failed: connection to server at "::1", port 5432 failed: SSL error: certificate verify failed',
            True,
        ),
        ('connection failed: root certificate file "/root/.postgresql/root.crt" does not exist', True),
        ('connection failed: server certificate for "a" does not match host name "b"', True),
        ('connection failed: private key file "key" has group or world access', True),
        ('connection is bad: definition of service "foo" not found', True),
        ('connection is bad: invalid "ssl_min_protocol_version" value: "x"', True),
        ('connection failed: FATAL:  unrecognized configuration parameter "search_paht"', True),
        ("could not match 2 port numbers to 3 hosts", True),
        ("connection failed: SSL SYSCALL error: EOF detected", False),
        ("connection failed: SSL error: unexpected eof while reading", False),
        ('connection failed: connection to server at "::1", port 5432 failed: Connection refused', False),
        ('connection is bad: connection to server on socket "/tmp/.s.PGSQL.5432" failed: No such file', False),
        ("failed to resolve host 'postgres.railway.internal': [Errno -2] Name or service not known", False),
        ("connection failed: FATAL:  the database system is starting up", False),
        ("connection failed: server is not in hot standby mode", False),
    ],
)
def test_which_failures_to_connect_do_not_pass(said: str, permanent: bool) -> None:
    assert is_permanent(translate(psycopg.OperationalError(said), "")) == permanent


@pytest.mark.parametrize(
    ("kind", "rolled_back"),
    [
        (pg.SerializationFailure, True),
        (pg.DeadlockDetected, True),
        (pg.LockNotAvailable, True),
        (pg.ReadOnlySqlTransaction, True),
        (pg.DiskFull, True),
        (pg.QueryCanceled, False),
        (pg.CrashShutdown, False),
        (psycopg.OperationalError, False),
    ],
)
def test_what_the_server_undid_may_be_repeated(kind: type[psycopg.Error], rolled_back: bool) -> None:
    assert is_rolled_back(translate(kind("said so"), "q")) is rolled_back


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        (pg.InvalidTextRepresentation, 'invalid input syntax for type integer: "573000000001"'),
        (pg.InvalidDatetimeFormat, 'invalid input syntax for type date: "573000000001 "x" y"'),
        (pg.NumericValueOutOfRange, 'value "573000000001" is out of range for type integer'),
        (pg.InvalidParameterValue, 'time zone "573000000001" not recognized'),
    ],
)
def test_a_value_is_not_repeated(kind: type[psycopg.Error], said: str) -> None:
    error = translate(kind(said), "q")
    assert "57300" not in str(error)
    assert error.sqlstate == kind.sqlstate


def test_a_hint_is_below_a_message_of_several_lines() -> None:
    assert str(errors.GuestSQLError("one line", hint="fix it")) == "one line (fix it)"
    assert str(errors.GuestSQLError("edited\n+SELECT 1;", hint="restore it")) == "edited\n+SELECT 1;\n(restore it)"
