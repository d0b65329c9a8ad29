# Generated from ../_async by tools/generate_sync.py (make sync). Do not edit.
"""Opens connections: libpq's parameters, a deadline that no wait outlives, and what is safe behind a pooler."""

from __future__ import annotations

import math
import secrets
from collections.abc import Generator
from contextlib import contextmanager
from functools import cache, partial
from time import monotonic
from typing import Any, Self

import psycopg
from psycopg import Cursor, RawCursor, waiting
from psycopg.abc import RV, PQGen, PQGenConn
from psycopg.pq import TransactionStatus
from psycopg.rows import namedtuple_row

from guestsql.errors import DatabaseUnavailable, QueryTimeout, SettingsError
from guestsql.process import detach_socket, in_forked_child
from guestsql.settings import Pooler, Settings
from guestsql.sql import read_packaged
from guestsql.sql.connecting import left_to_parent
from guestsql.sql.conninfo import adapters, parse_conninfo, with_unresolved
from guestsql.sql.position import NOWHERE, Companion, Position
from guestsql.sql.readiness import is_readable
from guestsql.sql.runtime import in_thread
from guestsql.sql.translate import translate

__all__ = [
    "DeadlineConnection",
    "closed_on_error",
    "connect",
    "connection_arguments",
    "recognise",
    "with_every_host",
]

# A statement is prepared when it runs for the third time on a connection.
_PREPARE_THRESHOLD = 2
_POOLED: tuple[Pooler, ...] = ("transaction", "tracked")


class DeadlineConnection(psycopg.Connection[Any]):
    """A connection on which no wait lasts longer than `deadline`, and an interrupted wait ends at once.

    The server's own `statement_timeout` does not help when the server hangs or the network loses its answer, and cannot
    be set for a session behind a transaction pooler. So the client enforces the deadline too.

    On an interruption psycopg asks the server to cancel the statement, and waits up to ten seconds for that. A server
    that hangs does not answer this either, and a commit that waits for a synchronous standby must not be cancelled: it
    would exist on this server only. So the connection is closed instead.

    Attributes:
        deadline: in seconds of `time.monotonic()`; infinity for no limit.
        has_session: False behind a transaction pooler: the next statement may run in another server process.
        is_unreplicated: True when a commit waited for a synchronous standby, and that wait was cancelled.
        connected_at: when it was made, in seconds of `time.monotonic()`.
        server: the server's address and its process, also once the connection is closed.
        abandoned_pid: the server's process, when a wait was cut short; it may still be working.
        companion: asks for the server's position together with the next statement; None for a statement alone.
        position: the replica is at least there; unknown where the server process may be shared with other clients.
        cursors: a cursor for each query, by its name. A cursor that runs the same text again keeps its adapters and
            its row type, which costs a fifth less than a new one.
    """

    deadline: float = math.inf
    has_session: bool = True
    is_unreplicated: bool = False
    abandoned_pid: int | None = None
    companion: Companion | None = None
    position: Position = NOWHERE

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401  psycopg's own
        super().__init__(*args, **kwargs)
        self.connected_at = monotonic()
        self.server = (self.pgconn.host, self.pgconn.hostaddr, self.pgconn.port, self.pgconn.backend_pid)
        self.cursors: dict[str, Cursor[Any]] = {}
        self.add_notice_handler(self._notice)
        in_forked_child(self, DeadlineConnection._detach)

    @classmethod
    def _connect_gen(cls, conninfo: str = "") -> PQGenConn[Self]:
        # There is no public way to learn the socket of a connection that is not made yet.
        return left_to_parent(super()._connect_gen(conninfo))

    def _notice(self, diagnostic: psycopg.errors.Diagnostic) -> None:
        # Only a warning, and the statement succeeds. Its words depend on the server's language, its place does not.
        if diagnostic.source_function == "SyncRepWaitForLSN":
            self.is_unreplicated = True

    def _detach(self) -> None:
        """Leave the session to the process that forked this one."""
        if not self.closed:
            detach_socket(self.fileno())
            # It is not closed, since a thread of the parent may be inside libpq; nor is it an oversight to warn of.
            self.__dict__.setdefault("_pool", None)

    def is_live(self) -> bool:
        """Return False if the server has hung up: an idle socket is readable only for a last message or its end."""
        try:
            while not self.closed and is_readable(self.fileno()):
                self.pgconn.consume_input()
        except psycopg.OperationalError:
            return False
        return not self.closed

    def wait(self, gen: PQGen[RV], interval: float = 0.1, timeout: float | None = None) -> RV:  # noqa: ASYNC109  psycopg's signature
        """Run one of psycopg's generators, at most until the deadline; close the connection if that is cut short."""
        if timeout is None and self.deadline != math.inf:
            timeout = max(0.0, self.deadline - monotonic())
        try:
            return waiting.wait(gen, self.pgconn.socket, interval, timeout)
        except BaseException as error:
            if _is_cut_short(error) and self.pgconn.transaction_status == TransactionStatus.ACTIVE:
                # Otherwise nothing was sent: a parameter could not be encoded, say.
                self.abandoned_pid = self.pgconn.backend_pid
                self.pgconn.finish()
            raise


def _is_cut_short(error: BaseException) -> bool:
    """Return whether a wait ended without an answer: by its timeout, a cancelled task, Ctrl-C, a signal's exception."""
    # What a wait raises past its timeout has no public name.
    return not isinstance(error, psycopg.Error) or isinstance(error, psycopg.errors._WaitTimeout)  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]


def connection_arguments(settings: Settings, url: str) -> dict[str, Any]:
    """Return the keyword arguments of `AsyncDeadlineConnection.connect`; nothing is prepared until `recognise`.

    Args:
        settings: for the time to connect.
        url: the address.

    Raises:
        SettingsError: the address does not parse.
    """
    # libpq takes whole seconds, and at least 2.
    seconds = max(2, math.ceil(settings.deadline_seconds))
    return {
        "connect_timeout": seconds,
        **parse_conninfo(url),
        "autocommit": True,  # a pool's default of BEGIN, query, COMMIT is three round trips
        "prepare_threshold": None,
        "context": adapters(),
        "cursor_factory": RawCursor,
        "row_factory": namedtuple_row,
    }


def connect(settings: Settings, url: str, *, session: bool = False) -> DeadlineConnection:
    """Open one connection outside any pool, in autocommit, without a deadline.

    Args:
        settings: for the time to connect.
        url: the address.
        session: True when session state is needed (SET, session locks, prepared statements); a transaction pooler is
            then refused. Otherwise nothing is prepared, so that it does not matter whether there is one.

    Raises:
        SettingsError: the address does not parse, or points to a pooler and a session is needed.
        DatabaseUnavailable: no server answers there, or it refuses.
    """
    declared = settings.pooler_of(url)
    if session and declared in _POOLED:
        raise _no_session(settings, url)
    arguments = connection_arguments(settings, url)
    try:
        connection = DeadlineConnection.connect(**arguments)
        if session:
            with closed_on_error(connection):
                connection.deadline = monotonic() + settings.deadline_seconds
                recognise(connection, declared)
                connection.deadline = math.inf
    except psycopg.Error as error:  # a ProgrammingError when a parameter has no meaning
        failure = translate(with_every_host(error, arguments), "")
        if isinstance(failure, QueryTimeout):
            failure = DatabaseUnavailable("the server accepts connections, but does not answer", hint=failure.hint)
        raise failure from error
    if session and not connection.has_session:
        connection.close()
        raise _no_session(settings, url)
    return connection


def with_every_host(error: psycopg.Error, arguments: dict[str, Any]) -> psycopg.Error:
    """Return an error of connecting that gives a reason for each host of the address.

    Args:
        error: what psycopg raised.
        arguments: those of the attempt.
    """
    hosts = str(arguments.get("host", ""))
    return in_thread(partial(with_unresolved, error, hosts)) if "," in hosts else error


@contextmanager
def closed_on_error(connection: DeadlineConnection) -> Generator[None]:
    """Close a connection that no caller has yet, if it cannot be set up."""
    try:
        yield
    except BaseException:
        connection.close()
        raise


def recognise(connection: DeadlineConnection, declared: Pooler) -> None:
    """Find out whether a new connection has a server process of its own, and prepare statements only if that is safe.

    Behind a transaction pooler that does not keep prepared statements apart, a name would call whatever another client
    has prepared under it.

    Args:
        connection: new, in autocommit.
        declared: what the settings say of the address.

    Raises:
        psycopg.Error: the server did not answer, or refused.

    SQL: queries/internal/connections.sql
    """
    if declared == "auto":
        cursor = connection.execute(_pid_statement(), prepare=False)
        row = cursor.fetchone()
        connection.has_session = row is not None and row[0] == connection.info.backend_pid
    else:
        connection.has_session = declared == "off"
    if connection.has_session or declared == "tracked":
        connection.prepare_threshold = _PREPARE_THRESHOLD
        # Names that no other client uses: should a pooler go unrecognised, the server reports an unknown statement
        # instead of running another client's. psycopg counts from 0 on each connection.
        connection._prepared._prepared_idx = secrets.randbits(62)  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]  there is no public way
    if declared == "tracked":
        connection.prepared_max = None  # psycopg would drop old ones by DEALLOCATE, in whichever server process


@cache
def _pid_statement() -> bytes:
    return read_packaged("internal/connections.sql")["get_server_pid"].text.encode()


def _no_session(settings: Settings, url: str) -> SettingsError:
    is_unpooled = url == settings.unpooled_url
    variable = "DATABASE_UNPOOLED_URL" if is_unpooled else "the database's address"
    return SettingsError(
        f"{variable} points to a pooler, and this needs a session of its own",
        hint="set DATABASE_UNPOOLED_URL to the server's own address; or GUESTSQL_POOLER=off, if the pooler gives each "
        "client a session of its own (session mode)",
    )
