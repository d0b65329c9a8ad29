"""Which server a command works on: the one of the settings, or the embedded one, joined for as long as it takes."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import replace

import click

from guestsql.cli.values import plain_text
from guestsql.cli.waiting import waiting
from guestsql.embedded import EmbeddedServer
from guestsql.guests._sync.database import GuestDatabase
from guestsql.settings import Settings

__all__ = ["database", "embedded_url", "main_url", "migration_url", "reading_url"]


@contextmanager
def embedded_url(settings: Settings, *, database: str = "guestsql") -> Generator[str]:
    """The embedded server's address, whatever `DATABASE_URL` says. Before its data are made, their place is printed.

    Args:
        settings: where its data are.
        database: the database of the address.

    Raises:
        EmbeddedServerError: it cannot be made or started.
    """
    server = EmbeddedServer(settings.home, settings.pg_bin, database=database)
    place = server.place()
    if not place.has_data:
        why = "" if settings.database_url else "DATABASE_URL is not set: "
        click.echo(plain_text(f"guestsql: {why}making an embedded PostgreSQL in {place.folder}"), err=True)
    with waiting("starting the embedded PostgreSQL"):
        url = server.acquire()
    try:
        yield url
    finally:
        server.release()


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
    """The guests of `main_url`. What is done in the shell does not count in the bot's figures."""
    uncounted = replace(settings, metrics_seconds=0.0)
    with (
        main_url(settings) as url,
        GuestDatabase(url, settings=uncounted) as opened,
        waiting("waiting for the database"),
    ):
        yield opened


def _given_or_embedded(settings: Settings, given: str | None) -> Generator[str]:
    if given is not None:
        yield given
    else:
        with embedded_url(settings) as url:
            yield url
