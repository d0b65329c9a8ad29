"""Which server runs a query, and how it is called when it cannot be reached."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from guestsql.adhoc.addresses import main_url, reading_url
from guestsql.adhoc.notices import SILENT, Notices
from guestsql.errors import DatabaseUnavailable
from guestsql.settings import Settings
from guestsql.sql._sync.connection import DeadlineConnection, connect
from guestsql.sql.conninfo import parse_conninfo

__all__ = ["Target", "open_target"]

_REPLICA = "DATABASE_REPLICA_URL"


@dataclass(frozen=True, slots=True)
class Target:
    """A server.

    Attributes:
        settings: for the time to connect.
        url: its address.
        variable: the setting that gives the address.
        notices: where to report a connection that takes long.
    """

    settings: Settings
    url: str = field(repr=False)
    variable: str
    notices: Notices = SILENT

    @property
    def is_replica(self) -> bool:
        """True when nothing can be written there."""
        return self.variable == _REPLICA

    def connect(self, *, patience: float | None = None) -> DeadlineConnection:
        """Open a connection in autocommit; it may point to a pooler.

        Args:
            patience: seconds to wait for the server; default those of the settings.

        Raises:
            SettingsError: the address does not parse.
            DatabaseUnavailable: no answer, or the server refuses. A replica is named, and never replaced by the
                main server unasked: who set it up wants the load to stay away from there.
        """
        settings = self.settings if patience is None else replace(self.settings, deadline_seconds=patience)
        parse_conninfo(self.url, variable=self.variable)
        try:
            with self.notices.waiting(f"connecting to the server of {self.variable}"):
                return connect(settings, self.url)
        except DatabaseUnavailable as error:
            self.name(error)
            raise

    def name(self, error: DatabaseUnavailable) -> None:
        """Have an error speak of the replica, if this is one."""
        if self.is_replica and _REPLICA not in error.message:
            error.message = f"the replica of {_REPLICA}: {error.message}"
            error.hint = f"{error.hint.replace('DATABASE_URL', _REPLICA)}; --primary uses DATABASE_URL instead"


@contextmanager
def open_target(settings: Settings, notices: Notices = SILENT, *, main: bool) -> Generator[Target]:
    """The server for reading, or the main one; an embedded server runs for as long as this is open.

    Args:
        settings: where the servers are.
        notices: where to report on the way there.
        main: True for DATABASE_URL even if there is a replica.

    Raises:
        EmbeddedServerError: there is no address, and no embedded server either.
    """
    is_replica = not main and settings.replica_url is not None
    address = reading_url(settings, notices) if is_replica else main_url(settings, notices)
    with address as url:
        yield Target(settings, url, _REPLICA if is_replica else "DATABASE_URL", notices)
