"""What all requests of a server share."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from jinja2 import Environment

from guestsql.adhoc.pool import SessionPool
from guestsql.adhoc.session import QuerySession, Result
from guestsql.adhoc.sharing import SharedRuns
from guestsql.adhoc.target import Target
from guestsql.pages.beside import BesideReader
from guestsql.pages.catalogue import WatchedCatalogue
from guestsql.pages.masking import Masking
from guestsql.pages.security import Access
from guestsql.pages.table import MOST_ROWS, Rows
from guestsql.pages.templating import templates_of
from guestsql.settings import Settings
from guestsql.sql import Operator, Query

if TYPE_CHECKING:
    from starlette.requests import HTTPConnection

__all__ = ["FOLDER", "ROLE", "State", "state_of"]

ROLE = "guestsql_monitor"
"""As whom pages read: it may read the figures, but no names, and may not write."""

_HINTS = {"57014": "start guestsql serve with a larger --timeout"}
_DOWNLOADS = 4
_GRACE_SECONDS = 2.0

FOLDER = Path(__file__).parent


@dataclass(eq=False)
class State:
    """What all requests share.

    Attributes:
        settings: the zone and the deadline.
        target: the server.
        catalogue: the queries.
        access: who may see the pages.
        timeout: after which the server cancels a query, in seconds.
        sessions: how many queries run at once.
        masking: what is shown of ids of guests.
        pool: their sessions.
        downloads: the sessions of downloads, which may take long and must not hold up pages.
        shared: equal runs at once, of which one is executed.
    """

    settings: Settings
    target: Target
    catalogue: WatchedCatalogue
    access: Access
    timeout: float = 10.0
    sessions: int = 8
    masking: Masking = field(init=False)
    pool: SessionPool = field(init=False)
    downloads: SessionPool = field(init=False)
    shared: SharedRuns = field(init=False, default_factory=SharedRuns)

    def __post_init__(self) -> None:
        self.masking = Masking(self.settings.packaged)
        # Roles belong to the whole server: without guestsql's tables here, it may be another database's.
        role = ROLE if self.settings.packaged else None
        self.pool = SessionPool(self.target, self.sessions, role, hints=_HINTS)
        self.downloads = SessionPool(self.target, _DOWNLOADS, role, hints=_HINTS)

    @property
    def zone(self) -> ZoneInfo:
        """The hotel's time zone."""
        return self.settings.timezone

    @cached_property
    def templates(self) -> Environment:
        """The templates of the pages; every value is escaped."""
        return templates_of(FOLDER)

    @cached_property
    def beside(self) -> BesideReader:
        """Reads what is beside a result."""
        return BesideReader(self.settings, self.target, self.session, self.masking)

    @cached_property
    def style(self) -> str:
        """The address of the style sheet; another content has another address."""
        digest = hashlib.sha256((FOLDER / "static" / "style.css").read_bytes()).hexdigest()[:12]
        return f"/static/style.css?v={digest}"

    def close(self) -> None:
        """End what runs in the background, and the sessions."""
        self.beside.close()
        self.pool.close()
        self.downloads.close()

    def session(self) -> AbstractContextManager[QuerySession]:
        """A session of this request alone.

        Raises:
            PoolTimeout: none was free in time.
        """
        return self.pool.acquire(self.timeout)

    def fetch(self, query: Query, values: Mapping[str, str | None], most: int = MOST_ROWS) -> Rows:
        """Run a query, and fetch its first rows.

        Args:
            query: from the catalogue.
            values: a value for each of its parameters.
            most: rows at most, up to `MOST_ROWS`.

        Raises:
            ParameterError: the server cannot take a value.
            DatabaseError: the server refused the query, or could not be reached.
        """
        # As many rows for all who ask, for they share one result.
        wanted = 1 if query.operator in {Operator.ROW, Operator.VALUE} else MOST_ROWS

        def execute() -> Result:
            with self.session() as session:
                return session.run(query, values, self.timeout, at_most=wanted)

        result = self.shared.run(query, values, execute, 2 * self.timeout + _GRACE_SECONDS)
        return Rows(result.columns, result.rows[:most], result.is_cut or len(result.rows) > most)


def state_of(request: HTTPConnection) -> State:
    """Return what all requests share."""
    found: State = request.app.state.pages
    return found
