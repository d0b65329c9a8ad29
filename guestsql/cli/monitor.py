"""`guestsql monitor`: a live view of the bot and its server."""

from __future__ import annotations

import sys
import time
from collections import deque
from dataclasses import asdict, replace

import click
from rich.live import Live

from guestsql.adhoc.notices import SILENT
from guestsql.adhoc.session import QuerySession
from guestsql.adhoc.target import Target, open_target
from guestsql.adhoc.values import plain_text
from guestsql.cli.app import App, pass_app
from guestsql.cli.keys import quit_key
from guestsql.cli.output import PIPED_DEFAULT, Output
from guestsql.cli.terminal import console, is_narrow
from guestsql.cli.waiting import ON_STDERR
from guestsql.errors import DatabaseError
from guestsql.ops.monitor import FigureReader, Figures, Screen
from guestsql.sql import load_catalogue
from guestsql.sql.conninfo import parse_conninfo

__all__ = ["monitor"]

# Hardly any terminal is wider; older readings are not drawn.
_READINGS_KEPT = 500


@click.command(
    epilog="""\b
Examples:
  guestsql monitor
  guestsql monitor --interval 5 --minutes 60
  guestsql monitor --once --format json

\b
Press q or Ctrl-C to quit. A process writes its counts every few seconds.
""",
)
@click.option("--once", is_flag=True, help="Print the figures once; the default without a terminal.")
@click.option(
    "--interval",
    type=click.FloatRange(min=0.2, max=3600),
    default=2.0,
    show_default=True,
    metavar="SECONDS",
    help="How often to query the server.",
)
@click.option(
    "--minutes", type=click.IntRange(1, 1440), default=60, show_default=True, help="How many minutes the charts show."
)
@click.option(
    "--min-seconds",
    type=click.FloatRange(min=0),
    default=5.0,
    show_default=True,
    help="Show sessions whose statement or open transaction is older than this.",
)
@click.option("--primary", is_flag=True, help="Use DATABASE_URL even if DATABASE_REPLICA_URL is set.")
@click.option(
    "--format",
    "format_name",
    type=click.Choice(("table", "json")),
    help=f"The format of --once. {PIPED_DEFAULT}",
)
@pass_app
def monitor(  # noqa: PLR0917  click passes them by name
    app: App,
    once: bool,
    interval: float,
    minutes: int,
    min_seconds: float,
    primary: bool,
    format_name: str | None,
) -> None:
    """Show hits, rates, latencies, errors, connections and sessions, live.

    The counts of the bot's processes come from the minute tables. Connections and sessions are those of the server that
    is queried: DATABASE_REPLICA_URL if that is set. The heading, and "server" in JSON, show which.
    """
    settings = app.packaged_settings
    catalogue = load_catalogue(settings.queries_dir)
    reader = FigureReader(catalogue, minutes=minutes, max_rows=50, min_seconds=min_seconds)
    is_drawn = not once and sys.stdout.isatty()
    with (
        open_target(settings, ON_STDERR, main=primary) as target,
        # A line on stderr would stay in what is drawn.
        QuerySession(replace(target, notices=SILENT) if is_drawn else target) as session,
    ):
        watch = _Watch(app, target, session, reader)
        if is_drawn:
            watch.run(interval)
        else:
            watch.print_once(format_name)


class _Watch:
    """Reads one server's figures, and shows them."""

    def __init__(self, app: App, target: Target, session: QuerySession, reader: FigureReader) -> None:
        self._app = app
        self._server = "replica" if target.is_replica else "main"
        self._place = _place(target)
        self._session = session
        self._reader = reader
        self._figures: Figures | None = None
        self._connections: deque[float] = deque(maxlen=_READINGS_KEPT)
        self._failure = ""
        self._footer = ""
        self._ascii_only = is_narrow(sys.stdout)  # of what rich puts in its place no encoding is known

    def print_once(self, format_name: str | None) -> None:
        """Print the figures as they are now."""
        output = self._app.output(format_name, piped="json")
        self._read()
        if self._figures is not None and not output.is_table:
            Output("json").row({"server": self._server, **asdict(self._figures)})
        else:
            console(sys.stdout).print(self._screen(is_whole=True))

    def run(self, interval: float) -> None:
        """Show the figures until q or Ctrl-C. While the server is away the last ones stay."""
        self._read()  # a failure of the first read ends the command
        terminal = console(sys.stdout)
        try:
            with quit_key() as wait:
                self._footer = "Ctrl-C quits" if wait is None else "q quits"
                live = Live(self._screen(), console=terminal, screen=True, auto_refresh=False)
                try:  # a context manager would not be stopped by a signal while it starts
                    live.start(refresh=True)
                    while not (wait or _slept)(interval):
                        self._try_to_read()
                        live.update(self._screen(), refresh=True)
                finally:
                    live.stop()
        except KeyboardInterrupt:  # the way to quit
            return

    def _try_to_read(self) -> None:
        try:
            self._read()
            self._failure = ""
        except DatabaseError as error:
            self._failure = str(error)

    def _read(self) -> None:
        with self._session.transaction(self._app.settings.deadline_seconds) as connection:
            self._figures = self._reader.read(connection)
        self._connections.append(float(self._figures.connections.used))

    def _screen(self, *, is_whole: bool = False) -> Screen:
        return Screen(
            figures=self._figures,
            connections=tuple(self._connections),
            title=f"guestsql monitor   {self._place}",
            zone=self._app.settings.timezone,
            failure=self._failure,
            ascii_only=self._ascii_only,
            clean=plain_text,
            footer=self._footer,
            is_whole=is_whole,
        )


def _slept(seconds: float) -> bool:
    time.sleep(seconds)
    return False


def _place(target: Target) -> str:
    """The server's host and database, without any secret."""
    address = parse_conninfo(target.url)
    host, database = address.get("host", ""), address.get("dbname", "")
    return f"{'replica ' if target.is_replica else ''}{host}/{database}".rstrip("/")
