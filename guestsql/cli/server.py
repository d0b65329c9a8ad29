"""Which server a command speaks to: the one of the settings, or the embedded one, joined for as long as it takes."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import replace

from guestsql.embedded import EmbeddedServer
from guestsql.guests._sync.database import GuestDatabase
from guestsql.settings import Settings

__all__ = ["database", "embedded_url", "main_url", "migration_url", "reading_url"]


@contextmanager
def embedded_url(settings: Settings) -> Generator[str]:
    """The embedded server's address, whatever `DATABASE_URL` says.

    Raises:
        EmbeddedServerError: it cannot be made or started.
    """
    with EmbeddedServer(settings.home, settings.pg_bin) as url:
        yield url


@contextmanager
def main_url(settings: Settings) -> Generator[str]:
    """`DATABASE_URL`, or the embedded server's address."""
    yield from _given_or_embedded(settings, settings.database_url)


@contextmanager
def migration_url(settings: Settings) -> Generator[str]:
    """The direct address: `DATABASE_UNPOOLED_URL`, else as `main_url`."""
    yield from _given_or_embedded(settings, settings.unpooled_url or settings.database_url)


@contextmanager
def reading_url(settings: Settings) -> Generator[str]:
    """Where only reading is done: `DATABASE_REPLICA_URL`, else as `main_url`."""
    yield from _given_or_embedded(settings, settings.replica_url or settings.database_url)


@contextmanager
def database(settings: Settings) -> Generator[GuestDatabase]:
    """The guests of `main_url`. What is done by hand is no figure of the bot's."""
    uncounted = replace(settings, metrics_seconds=0.0)
    with main_url(settings) as url, GuestDatabase(url, settings=uncounted) as opened:
        yield opened


def _given_or_embedded(settings: Settings, given: str | None) -> Generator[str]:
    if given is not None:
        yield given
    else:
        with EmbeddedServer(settings.home, settings.pg_bin) as url:
            yield url
