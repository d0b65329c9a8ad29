"""The guests' database, opened for one command."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import replace

from guestsql.adhoc.addresses import main_url
from guestsql.cli.waiting import ON_STDERR, waiting
from guestsql.guests._sync.database import GuestDatabase
from guestsql.settings import Settings

__all__ = ["database"]


@contextmanager
def database(settings: Settings) -> Generator[GuestDatabase]:
    """The guests of `main_url`. What is done in the shell does not count in the bot's figures."""
    uncounted = replace(settings, metrics_seconds=0.0)
    with (
        main_url(settings, ON_STDERR) as url,
        GuestDatabase(url, settings=uncounted) as opened,
        waiting("waiting for the database"),
    ):
        yield opened
