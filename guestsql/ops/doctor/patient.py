"""Who is looked at: the environment, an address, one connection; and from where on something is too much."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Self

from guestsql.embedded import EmbeddedServer
from guestsql.settings import Settings
from guestsql.sql._sync.connection import DeadlineConnection, connect
from guestsql.sql.conninfo import parse_conninfo
from guestsql.sql.packaged import packaged_queries

__all__ = ["Limits", "Patient"]

_MEGABYTE = 1024**2


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """From where on something is a fault.

    Attributes:
        seconds: each look takes so long at most.
        clock_seconds: clocks may differ by so much.
        connection_share: of the connections that there may be, so many may be in use, 0 to 1.
        slow_milliseconds: a query that takes longer on average is slow.
        slow_calls: a query that was called less often is not judged.
        stale_rows: so many changed rows since ANALYZE do no harm.
        session_seconds: nobody may keep a transaction open, or wait for a lock, longer.
        wraparound: transactions that a row may have waited to be frozen.
        free_share: of the disk so much must be free, 0 to 1.
        free_bytes: and at least so much.
        kept_wal_bytes: a replication slot that nobody reads may keep so much.
    """

    seconds: float = 5.0
    clock_seconds: float = 5.0
    connection_share: float = 0.9
    slow_milliseconds: float = 200.0
    slow_calls: int = 5
    stale_rows: int = 1000
    session_seconds: float = 300.0
    wraparound: int = 1_500_000_000
    free_share: float = 0.05
    free_bytes: int = 500 * _MEGABYTE
    kept_wal_bytes: int = 1024 * _MEGABYTE


@dataclass
class Patient:
    """What the checks look at; a context manager, which closes the connection.

    Attributes:
        settings: those that can be used.
        settings_faults: what was wrong with the others.
        url: the database, or None as long as there is none.
        environ: the variables.
        limits: from where on something is a fault.
        clock: this machine's time, in seconds since 1970.
    """

    settings: Settings
    settings_faults: tuple[str, ...] = ()
    url: str | None = field(default=None, repr=False)
    environ: Mapping[str, str] = field(default_factory=lambda: dict(os.environ), repr=False)
    limits: Limits = field(default_factory=Limits)
    clock: Callable[[], float] = time.time
    _connection: DeadlineConnection | None = field(default=None, init=False, repr=False)
    _embedded: EmbeddedServer | None = field(default=None, init=False, repr=False)
    _facts: Any = field(default=None, init=False, repr=False)

    @property
    def address(self) -> dict[str, str]:
        """The address as libpq's parameters.

        Raises:
            SettingsError: it does not parse.
        """
        return {name: str(value) for name, value in parse_conninfo(self.url or "").items()}

    @property
    def hurried(self) -> Settings:
        """The settings, with the time of one look as deadline."""
        return replace(self.settings, deadline_seconds=self.limits.seconds)

    @property
    def direct_url(self) -> str | None:
        """The address for what needs a session: DATABASE_UNPOOLED_URL, else the database's."""
        return self.settings.unpooled_url or self.url

    @property
    def connection(self) -> DeadlineConnection:
        """The connection, made when it is first asked for, with the time of one look from now.

        Raises:
            DatabaseUnavailable: there is none.
        """
        if self._connection is None or self._connection.closed:
            self._connection = connect(self.hurried, self.url or "")
        self._connection.deadline = time.monotonic() + self.limits.seconds
        return self._connection

    @property
    def facts(self) -> Any:  # noqa: ANN401  a row of the query
        """The row of `get_server_facts`, asked for once.

        SQL: queries/internal/doctor.sql
        """
        if self._facts is None:
            self._facts = self.ask("get_server_facts")
        return self._facts

    def ask(self, name: str, **parameters: object) -> Any:  # noqa: ANN401  the query's own
        """Run a query of queries/internal/doctor.sql.

        Raises:
            DatabaseError: the server refused it, or could not be reached.
        """
        return getattr(packaged_queries("internal/doctor.sql"), name)(self.connection, **parameters)

    def join_embedded(self) -> str:
        """Join the embedded server, which is made and started when needed, until the end.

        Raises:
            EmbeddedServerError: no programs, or it cannot be made or started.
        """
        server = EmbeddedServer(self.settings.home, self.settings.pg_bin)
        self.url = server.acquire()
        self._embedded = server
        return self.url

    def let_go(self) -> None:
        """Close the connection; the next question makes another."""
        if self._connection is not None:
            self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.let_go()
        if self._embedded is not None:
            self._embedded.release()
            self._embedded = None
