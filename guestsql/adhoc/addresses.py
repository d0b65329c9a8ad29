"""Which server is used: the one of the settings, or the embedded one, joined for as long as it takes."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

from guestsql.adhoc.notices import SILENT, Notices
from guestsql.embedded import EmbeddedServer
from guestsql.settings import Settings

__all__ = ["embedded_url", "main_url", "migration_url", "reading_url"]


@contextmanager
def embedded_url(settings: Settings, notices: Notices = SILENT, *, database: str = "guestsql") -> Generator[str]:
    """The embedded server's address, whatever `DATABASE_URL` says. Before its data are made, their place is reported.

    Args:
        settings: where its data are.
        notices: where to report.
        database: the database of the address.

    Raises:
        EmbeddedServerError: it cannot be made or started.
    """
    server = EmbeddedServer(settings.home, settings.pg_bin, database=database)
    place = server.place()
    if not place.has_data:
        why = "" if settings.database_url else "DATABASE_URL is not set: "
        notices.say(f"guestsql: {why}creating an embedded PostgreSQL in {place.folder}")
    with notices.waiting("starting the embedded PostgreSQL"):
        url = server.acquire()
    try:
        yield url
    finally:
        server.release()


@contextmanager
def main_url(settings: Settings, notices: Notices = SILENT) -> Generator[str]:
    """`DATABASE_URL`, or the embedded server's address."""
    yield from _given_or_embedded(settings, settings.database_url, notices)


@contextmanager
def migration_url(settings: Settings, notices: Notices = SILENT) -> Generator[str]:
    """The direct address: `DATABASE_UNPOOLED_URL`, else as `main_url`."""
    yield from _given_or_embedded(settings, settings.unpooled_url or settings.database_url, notices)


@contextmanager
def reading_url(settings: Settings, notices: Notices = SILENT) -> Generator[str]:
    """Where only reading is done: `DATABASE_REPLICA_URL`, else as `main_url`."""
    yield from _given_or_embedded(settings, settings.replica_url or settings.database_url, notices)


def _given_or_embedded(settings: Settings, given: str | None, notices: Notices) -> Generator[str]:
    if given is not None:
        yield given
    else:
        with embedded_url(settings, notices) as url:
            yield url
