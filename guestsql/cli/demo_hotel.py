"""`guestsql demo --guests N`: an invented hotel of any size, in its own database."""

from __future__ import annotations

import shlex
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from time import monotonic
from typing import Any
from zoneinfo import ZoneInfo

import click
from psycopg import sql

from guestsql.adhoc.addresses import embedded_url
from guestsql.cli.app import App
from guestsql.cli.units import readable_seconds
from guestsql.cli.waiting import ON_STDERR, waiting
from guestsql.errors import GuestSQLError
from guestsql.migrate import Runner
from guestsql.settings import Settings
from guestsql.sql._sync.connection import DeadlineConnection, connect
from guestsql.sql.packaged import packaged_queries

__all__ = ["HOTEL_DATABASE", "drop_hotel", "invent_hotel", "invented_hotel", "show_hotel"]

HOTEL_DATABASE = "guestsql_demo_hotel"
_PREFIX = "guestsql_demo"
_ADMIN_DATABASE = "postgres"
_DERIVED = ("guest_ids", "guest_marketing", "guest_consents", "campaign_actions", "query_error_minutes")


def show_hotel(app: App, guests: int, seed: int, *, replaces: bool) -> None:
    """Create the database `HOTEL_DATABASE` on the embedded server, fill it, and print what it holds.

    Args:
        app: the settings, and ways to print.
        guests: how many, 1 or more.
        seed: each seed invents another hotel.
        replaces: whether the hotel of an earlier run is dropped.

    Raises:
        GuestSQLError: there is a hotel already and `replaces` is False.
    """
    if replaces:
        drop_hotel(app, HOTEL_DATABASE)
    started = monotonic()
    with invented_hotel(app, HOTEL_DATABASE, guests, seed) as (settings, rows):
        app.output(None).rows(("table", "rows"), list(rows.items()))
    click.echo(f"database {HOTEL_DATABASE}, seed {seed}: {readable_seconds(monotonic() - started)}")
    click.echo(f"Its pages: keep `guestsql server` running, and in another shell\n  {_serve(settings)}")
    if app.settings.database_url is None:
        click.echo(f"Try next: guestsql query show list_label_conversions --psql | guestsql psql -d {HOTEL_DATABASE}")


def _serve(settings: Settings) -> str:
    """The command that shows this database, on whichever server DATABASE_URL names otherwise."""
    return f"DATABASE_URL={shlex.quote(settings.database_url or '')} guestsql serve"


@contextmanager
def invented_hotel(app: App, database: str, guests: int, seed: int) -> Generator[tuple[Settings, dict[str, int]]]:
    """A hotel in an empty database of the embedded server, which runs for as long as this is open.

    Args:
        app: where the server keeps its data.
        database: its name; it is created.
        guests: how many, 1 or more.
        seed: each seed invents another hotel.

    Yields:
        The settings of that database, and the number of rows of each table.

    Raises:
        GuestSQLError: it has guests already.
    """
    with embedded_url(app.settings, ON_STDERR, database=database) as url:
        settings = replace(
            app.settings,
            database_url=url,
            unpooled_url=None,
            replica_url=None,
            replica_reads=False,
            pooler="auto",
            migrations_dir=None,
            packaged=True,
        )
        Runner(settings, url).up()
        until = datetime.now(settings.timezone).replace(minute=0, second=0, microsecond=0)
        with connect(settings, url) as connection, waiting("inventing guests"):
            rows = invent_hotel(connection, guests, seed=seed, until=until, timezone=settings.timezone)
        yield settings, rows


def invent_hotel(
    connection: DeadlineConnection, guests: int, *, seed: int, until: datetime, timezone: ZoneInfo
) -> dict[str, int]:
    """Fill an empty database with invented guests, in one transaction.

    Args:
        connection: to a migrated database whose name begins with guestsql_demo, in autocommit.
        guests: how many, 1 or more.
        seed: each seed invents another hotel.
        until: when the data end, not in the future.
        timezone: the hotel's.

    Returns:
        The number of rows of each table.

    Raises:
        GuestSQLError: it is another database, or it has guests.

    SQL: queries/internal/demo.sql, queries/internal/demo_figures.sql
    """
    queries = packaged_queries("internal/demo.sql")
    figures = packaged_queries("internal/demo_figures.sql")
    local_until = until.astimezone(timezone).replace(tzinfo=None)
    ends = {"until": local_until, "timezone": timezone.key}
    with connection.transaction():
        _require_empty_demo(queries.get_demo_target(connection))
        queries.create_demo_guests(connection)
        queries.invent_demo_guests(connection, guests=guests, seed=seed, until=local_until)
        hours = queries.fill_demo_hours(connection, seed=seed, **ends)
        active = queries.fill_demo_guests(connection, seed=seed, **ends)
        rows = {
            "guest_profiles": active,
            "historical_clients": guests - active,
            "interaction_hours": hours,
            "booking_events": queries.fill_demo_bookings(connection, **ends),
            "guest_notes": queries.fill_demo_notes(connection, **ends),
            "consent_events": queries.fill_demo_consents(connection, seed=seed, **ends),
            "guest_days": figures.fill_demo_days(connection, **ends),
            "action_results": figures.fill_demo_campaigns(connection, seed=seed, **ends),
            "context_minutes": figures.fill_demo_contexts(connection, guests=guests, seed=seed, **ends),
            "query_minutes": figures.fill_demo_calls(connection, seed=seed, **ends),
        }
        connection.execute(f"ANALYZE {', '.join([*rows, *_DERIVED])}".encode())
    return rows


def _require_empty_demo(target: Any) -> None:  # noqa: ANN401  a row of the query
    if not target.database_name.startswith(_PREFIX):
        raise GuestSQLError(
            f"{target.database_name} is not a database of the demo: invented guests are written nowhere else",
            hint=f"the name of such a database begins with {_PREFIX}",
        )
    if target.has_guests:
        raise GuestSQLError(
            f"{target.database_name} has guests already",
            hint="guestsql demo --guests N --replace drops the invented hotel of an earlier run first",
        )


def drop_hotel(app: App, database: str) -> None:
    """Drop a database of the embedded server, if it is there.

    Args:
        app: where the server keeps its data.
        database: one of the demo's.
    """
    with (
        embedded_url(app.settings, ON_STDERR, database=_ADMIN_DATABASE) as url,
        connect(replace(app.settings, pooler="auto"), url) as connection,
    ):
        connection.execute(sql.SQL("DROP DATABASE IF EXISTS {}").format(sql.Identifier(database)))
