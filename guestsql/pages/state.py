"""What all requests of a server share."""

from __future__ import annotations

import hashlib
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from guestsql.adhoc.session import QuerySession
from guestsql.adhoc.target import Target
from guestsql.pages.beside import BesideReader
from guestsql.pages.catalogue import WatchedCatalogue
from guestsql.pages.security import Access
from guestsql.pages.table import Rows
from guestsql.settings import Settings
from guestsql.sql import Query

if TYPE_CHECKING:
    from starlette.requests import HTTPConnection

__all__ = ["FOLDER", "State", "state_of"]

FOLDER = Path(__file__).parent


@dataclass(frozen=True)
class State:
    """What all requests share.

    Attributes:
        settings: the zone and the deadline.
        target: the server.
        catalogue: the queries.
        access: who may see the pages.
        timeout: after which the server cancels a query, in seconds.
        sessions: how many queries run at once.
    """

    settings: Settings
    target: Target
    catalogue: WatchedCatalogue
    access: Access
    timeout: float = 10.0
    sessions: int = 4

    @property
    def zone(self) -> ZoneInfo:
        """The hotel's time zone."""
        return self.settings.timezone

    @cached_property
    def templates(self) -> Environment:
        """The templates of the pages; every value is escaped."""
        return Environment(
            loader=FileSystemLoader(FOLDER / "templates"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )

    @cached_property
    def beside(self) -> BesideReader:
        """Reads what is beside a result."""
        return BesideReader(self.settings, self.target, self.session)

    @cached_property
    def style(self) -> str:
        """The address of the style sheet; another content has another address."""
        digest = hashlib.sha256((FOLDER / "static" / "style.css").read_bytes()).hexdigest()[:12]
        return f"/static/style.css?v={digest}"

    @contextmanager
    def session(self) -> Generator[QuerySession]:
        """A session of this request alone.

        Raises:
            DatabaseUnavailable: none was free in time.
        """
        with QuerySession(self.target) as session:
            yield session

    def fetch(self, query: Query, values: Mapping[str, str | None], most: int) -> Rows:
        """Run a query, and fetch its first rows.

        Args:
            query: from the catalogue.
            values: a value for each of its parameters.
            most: rows at most.

        Raises:
            ParameterError: the server cannot take a value.
            DatabaseError: the server refused the query, or could not be reached.
        """
        with self.session() as session:
            result = session.run(query, values, self.timeout)
        return Rows(result.columns, list(islice(result.rows, most)), len(result.rows) > most)


def state_of(request: HTTPConnection) -> State:
    """Return what all requests share."""
    found: State = request.app.state.pages
    return found
