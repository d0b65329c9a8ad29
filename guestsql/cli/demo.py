"""`guestsql demo`: what the package does, on a database of its own and sample files."""

from __future__ import annotations

import difflib
import sys
import tempfile
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from importlib import resources
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.text import Text

from guestsql.adhoc.addresses import embedded_url
from guestsql.cli.app import App, pass_app
from guestsql.cli.cache_events import watched_cache
from guestsql.cli.demo_hotel import show_hotel
from guestsql.cli.demo_report import can_write_report, write_demo_report
from guestsql.cli.legacy_report import summary
from guestsql.cli.table import fit_table
from guestsql.cli.terminal import console
from guestsql.cli.waiting import ON_STDERR
from guestsql.errors import GuestSQLError
from guestsql.guests._sync.database import GuestDatabase
from guestsql.legacy import ImportReport, import_directory
from guestsql.migrate import Runner
from guestsql.settings import Settings
from guestsql.wording import counted

__all__ = ["demo"]

_DATABASE = "guestsql_demo"
_QUERY = "list_calls_today"
# A guest who is in both files, one whose name is the phone, and one without a phone.
_GUESTS = ("573000000001", "573000000002", "81234567890123@lid")
_WITHOUT_THREAD = "573000000008"
_UNKNOWN = "573000000099"
# Longer than the bot's 300 seconds, so that a second run, even after lunch, finds the first one's contexts.
_TTL_SECONDS = 86_400.0
_LAST_GUESTS = 3
_RELOAD_SECONDS = 0.05
_PATIENCE_SECONDS = 10.0


@click.command(
    epilog="""\b
Examples:
  guestsql demo
  guestsql demo --guests 10000
""",
)
@click.option(
    "--guests",
    type=click.IntRange(1, 10_000_000),
    metavar="N",
    help="Instead, invent a hotel with N guests, for analyses. 1,000,000 take one to two minutes and 1.5 GB.",
)
@click.option("--seed", type=click.IntRange(0, 1_000_000), default=1, help="Another seed, another hotel. Default: 1.")
@click.option("--replace", "replaces", is_flag=True, help="Drop the invented hotel of an earlier run.")
@pass_app
def demo(app: App, guests: int | None, seed: int, *, replaces: bool) -> None:
    """Show what guestsql does, with invented guests.

    Creates the tables, imports sample files, calls a query and edits it while the program runs, builds contexts, and
    records a message. It ends with a report of an invented hotel, an HTML page with pictures, and prints its place. It
    takes some ten seconds. It uses only its own databases on the embedded server in GUESTSQL_HOME; it does not touch
    DATABASE_URL or your own data.

    With --guests it fills the database guestsql_demo_hotel on that server instead: three years of guests, messages,
    bookings, notes, consents and campaigns. On one day the same N and seed give the same hotel.
    """
    if app.settings.database_url is not None:
        app.say("DATABASE_URL is not used: the demo uses its own database on the embedded server")
    if guests is None and replaces:
        raise click.UsageError("--replace needs --guests")
    if guests is not None:
        show_hotel(app, guests, seed, replaces=replaces)
        return
    with embedded_url(app.settings, ON_STDERR, database=_DATABASE) as url, _own_queries() as folder:
        click.echo(f"embedded PostgreSQL in {app.settings.home}\ndatabase {_DATABASE}")
        settings = replace(
            app.settings,
            database_url=url,
            unpooled_url=None,
            replica_url=None,
            replica_reads=False,
            pooler="auto",
            own_numbers=(),
            default_region=None,
            queries_dir=folder,
            migrations_dir=None,
            stubs_dir=None,
            packaged=True,
            reload_seconds=_RELOAD_SECONDS,
        )
        shown = _Demo(settings, url, folder / "demo.sql", has_address=app.settings.database_url is not None)
        shown.run()
        shown.show_report(app)


@contextmanager
def _own_queries() -> Generator[Path]:
    """A folder as a project has it, with the demo's query."""
    with tempfile.TemporaryDirectory(prefix="guestsql-demo-") as name:
        folder = Path(name)
        (folder / "demo.sql").write_text(_sample("before.sql"), encoding="utf-8")
        yield folder


def _sample(name: str) -> str:
    return resources.files("guestsql.cli").joinpath("demo_queries", name).read_text(encoding="utf-8")


class _Demo:
    """One run, on a server that is there.

    Args:
        settings: of the demo's database.
        url: its address.
        file: the query file that is edited.
        has_address: whether other commands work on DATABASE_URL.
    """

    def __init__(self, settings: Settings, url: str, file: Path, *, has_address: bool) -> None:
        self._settings = settings
        self._url = url
        self._file = file
        self._has_address = has_address
        self._console: Console = console(sys.stdout)

    def run(self) -> None:
        """Show everything."""
        self._heading("Tables and guests")
        applied = self._migrate()
        report = self._import()
        with GuestDatabase(self._url, settings=self._settings) as database:
            self._show_query(database)
            self._show_edit(database)
            built = self._show_contexts(database)
            self._show_threads(database)
            self._show_message(database)
            self._show_monitoring(database)
        self._conclude(applied, report, built)

    def _migrate(self) -> int:
        applied = len(Runner(self._settings, self._url).up())
        self._print(f"migrations: {f'{applied} applied' if applied else 'nothing to apply'}")
        return applied

    def _import(self) -> ImportReport:
        with resources.as_file(resources.files("guestsql.cli") / "sample") as directory:
            report = import_directory(directory, settings=self._settings, url=self._url)
        self._print(summary(report))
        return report

    def _show_query(self, database: GuestDatabase) -> None:
        self._heading("A query in a .sql file is a method")
        self._print(self._file.read_text(encoding="utf-8"), style="cyan")
        self._call(f"db.queries.{_QUERY}()")
        self._rows(self._ask(database))

    def _show_edit(self, database: GuestDatabase) -> None:
        self._heading("An edit of the file is used at once, without a restart")
        before, after = _sample("before.sql"), _sample("after.sql")
        changed = [
            line for line in difflib.ndiff(before.splitlines(), after.splitlines()) if line.startswith(("- ", "+ "))
        ]
        self._print("\n".join(changed), style="cyan")
        rows = self._ask(database)
        draft = self._file.with_suffix(".new")
        draft.write_text(after, encoding="utf-8")
        draft.replace(self._file)
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while (found := self._ask(database)) == rows:
            if time.monotonic() > deadline:
                raise GuestSQLError(f"the edit of {self._file} was not used within {_PATIENCE_SECONDS:g} s")
            time.sleep(_RELOAD_SECONDS)
        self._call(f"db.queries.{_QUERY}()")
        self._rows(found)

    def _show_contexts(self, database: GuestDatabase) -> int:
        self._heading("The context of a guest, for the bot's prompt")
        self._call(f"db.get_context(user_id, ttl_seconds={_TTL_SECONDS:g})")
        rows: list[tuple[object, ...]] = []
        built = 0
        for guest in _GUESTS:
            for call in ("1st", "2nd"):
                with watched_cache() as cache:
                    text = database.get_context(guest, ttl_seconds=_TTL_SECONDS)
                built += cache.is_built
                rows.append((guest, call, cache.answer, cache.age, text.strip()))
        self._table(("guest", "call", "cache", "age", "context"), rows)
        return built

    def _show_threads(self, database: GuestDatabase) -> None:
        self._heading("The thread of a guest: three answers")
        self._call("db.get_thread(user_id)")
        rows: list[tuple[object, ...]] = []
        for guest in (_GUESTS[0], _WITHOUT_THREAD, _UNKNOWN):
            thread = database.get_thread(guest)
            answer = "no such guest" if thread is None else ("thread" if thread.thread_id else "no thread yet")
            rows.append((guest, answer, None if thread is None else thread.thread_id))
        self._table(("guest", "answer", "thread"), rows)

    def _show_message(self, database: GuestDatabase) -> None:
        self._heading("A message is recorded")
        guest = _GUESTS[0]
        before = database.get_profile(guest)
        self._call(f'db.record_interaction("{guest}")')
        database.record_interaction(guest)
        database.flush()
        after = database.get_profile(guest)
        rows = [
            (when, profile.total_interactions, profile.last_interaction)
            for when, profile in (("before", before), ("after", after))
            if profile is not None
        ]
        self._table(("", "total_interactions", "last_interaction"), rows)

    def _show_monitoring(self, database: GuestDatabase) -> None:
        self._heading("Packaged queries, for monitoring")
        self._call(f"db.queries.list_last_interactions(max_rows={_LAST_GUESTS})")
        self._rows(database.queries.list_last_interactions(max_rows=_LAST_GUESTS))

    def _conclude(self, applied: int, report: ImportReport, built: int) -> None:
        done = [
            (applied, "migration applied", "migrations applied"),
            (report.inserted, "guest imported", "guests imported"),
            (report.updated, "guest updated", "guests updated"),
            (built, "context built", "contexts built"),
            (1, "message recorded", "messages recorded"),
        ]
        self._print("\nThis run: " + ", ".join(counted(*each) for each in done if each[0]) + ".")
        self._heading("Try next")
        psql = "guestsql query list" if self._has_address else f"guestsql psql -d {_DATABASE}"
        about = "all queries" if self._has_address else "SQL in the demo's database"
        for command, what in (
            (psql, about),
            ("guestsql query show list_last_interactions", "a query, and its call in Python"),
            ("guestsql migrate up", "the tables in your own database"),
        ):
            self._print(f"  {command:44}{what}")

    def show_report(self, app: App) -> None:
        """Write a report with pictures, and print where it is."""
        self._heading("A report with pictures, of an invented hotel with 5,000 guests")
        if can_write_report():
            click.echo(write_demo_report(app).as_uri())
        else:
            self._print("pip install 'guestsql[pages]', and run the demo again")

    @staticmethod
    def _ask(database: GuestDatabase) -> list[Any]:
        found: list[Any] = getattr(database.queries, _QUERY)()
        return found

    def _rows(self, rows: Sequence[Any]) -> None:
        self._table(rows[0]._fields if rows else ("no rows",), rows)

    def _table(self, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
        fitted = fit_table(columns, rows, self._settings.timezone, self._console.width)
        self._console.print(fitted.table)

    def _heading(self, text: str) -> None:
        self._console.print()
        self._console.print(Text(text, style="bold"))

    def _call(self, text: str) -> None:
        self._console.print(Text(f">>> {text}", style="cyan"))

    def _print(self, text: str, style: str = "") -> None:
        self._console.print(Text(text.rstrip("\n"), style=style))
