"""What is checked: the environment, an address and one connection; and the limits."""

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

__all__ = ["Limits", "Target"]

_MEGABYTE = 1024**2


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The limits beyond which something is a fault.

    Attributes:
        seconds: the longest time that a check may take.
        clock_seconds: the largest difference between the two clocks, in seconds.
        connection_share: the share of the allowed connections that may be in use, 0 to 1.
        slow_milliseconds: a query is slow if it takes longer on average.
        slow_calls: a query with fewer calls is not judged.
        stale_rows: the number of rows that may change before a table must be analyzed.
        session_seconds: the longest time that a session may idle in a transaction or wait for a lock.
        message_seconds: the longest time for which a message may be claimed and not done.
        messages: with fewer messages in the last hour, deliveries are not judged.
        reply_seconds: the longest time for which a reply may be due and not sent.
        wraparound: the largest age of an unfrozen row, in transactions.
        free_share: the share of the disk that must be free, 0 to 1.
        free_bytes: the number of bytes that must be free.
        kept_wal_bytes: the bytes of WAL that unused replication slots may retain.
    """

    seconds: float = 5.0
    clock_seconds: float = 5.0
    connection_share: float = 0.9
    slow_milliseconds: float = 200.0
    slow_calls: int = 5
    stale_rows: int = 1000
    session_seconds: float = 300.0
    message_seconds: float = 300.0
    messages: int = 20
    reply_seconds: float = 300.0
    wraparound: int = 1_500_000_000
    free_share: float = 0.05
    free_bytes: int = 500 * _MEGABYTE
    kept_wal_bytes: int = 1024 * _MEGABYTE


@dataclass
class Target:
    """What the checks look at; a context manager, which closes the connection at the end.

    Attributes:
        settings: the settings, with defaults for the unusable ones.
        settings_faults: what is wrong with those.
        url: the database's address; None until the embedded server is started.
        environ: the environment variables.
        limits: the limits beyond which something is a fault.
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
    def check_settings(self) -> Settings:
        """The settings with the time of one check as their deadline."""
        return replace(self.settings, deadline_seconds=self.limits.seconds)

    @property
    def direct_url(self) -> str | None:
        """The address for everything that needs a session: DATABASE_UNPOOLED_URL, or else the database's."""
        return self.settings.unpooled_url or self.url

    @property
    def connection(self) -> DeadlineConnection:
        """The connection, opened on first use. Its deadline is the time of one check from now.

        Raises:
            DatabaseUnavailable: the server could not be reached.
        """
        if self._connection is None or self._connection.closed:
            self._connection = connect(self.check_settings, self.url or "")
        self._connection.deadline = time.monotonic() + self.limits.seconds
        return self._connection

    @property
    def facts(self) -> Any:  # noqa: ANN401  a row of the query
        """The row of `get_server_facts`, read once.

        SQL: queries/internal/doctor.sql
        """
        if self._facts is None:
            self._facts = self.ask("get_server_facts")
        return self._facts

    def ask(self, name: str, **parameters: object) -> Any:  # noqa: ANN401  the query's own
        """Run a query of queries/internal/doctor.sql.

        Raises:
            DatabaseError: the server rejected it or could not be reached.
        """
        return getattr(packaged_queries("internal/doctor.sql"), name)(self.connection, **parameters)

    def where(self, query: str, view: str) -> str:
        """Return where to look for more.

        Args:
            query: a packaged query.
            view: a view of the server, which shows it without the packaged queries.
        """
        return query if self.settings.packaged else view

    def join_embedded(self) -> str:
        """Use the embedded server until the end; it is created and started if necessary.

        Raises:
            EmbeddedServerError: it is not installed, or could not be created or started.
        """
        server = EmbeddedServer(self.settings.home, self.settings.pg_bin)
        self.url = server.acquire()
        self._embedded = server
        return self.url

    def disconnect(self) -> None:
        """Close the connection; the next query opens another."""
        if self._connection is not None:
            self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.disconnect()
        if self._embedded is not None:
            self._embedded.release()
            self._embedded = None
