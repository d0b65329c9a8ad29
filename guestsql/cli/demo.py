"""`guestsql demo`: the main job, on the embedded server and the sample files."""

from __future__ import annotations

import logging
import sys
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from importlib import resources
from typing import Any

import click
from rich.console import Console
from rich.text import Text

from guestsql.cli.addresses import embedded_url
from guestsql.cli.app import App, pass_app
from guestsql.cli.legacy import summary
from guestsql.cli.table import build_table
from guestsql.cli.terminal import console
from guestsql.guests._sync.database import GuestDatabase
from guestsql.legacy import ImportReport, import_directory
from guestsql.migrate import Runner
from guestsql.settings import Settings

__all__ = ["demo"]

# A guest whom both files tell of, one whose name is the phone, one called `Usuario`, and one without a phone.
_GUESTS = ("573000000001", "573000000002", "573000000003", "81234567890123@lid")
_WITHOUT_THREAD = "573000000008"
_UNKNOWN = "573000000099"
# Longer than the bot's 300 seconds, so that a second run, even after lunch, finds the first one's contexts.
_TTL_SECONDS = 86_400.0
_LAST_GUESTS = 5


@click.command(
    epilog="""\b
Example:
  guestsql demo
""",
)
@pass_app
def demo(app: App) -> None:
    """Show the main job: migrations, import, contexts, a profile, threads, monitoring.

    Works on the embedded server in GUESTSQL_HOME with sample files of invented guests, and never on DATABASE_URL. Run
    again, it changes nothing.
    """
    if app.settings.database_url is not None:
        app.say("DATABASE_URL is left alone: the demo works on the embedded server")
    click.echo(f"embedded PostgreSQL in {app.settings.home}")
    with embedded_url(app.settings) as url:
        given = replace(app.settings, unpooled_url=None, replica_url=None, pooler="auto")
        settings = replace(given, database_url=url, own_numbers=())
        _Demo(settings, url).run()


class _Demo:
    """One run, on a server that is there.

    Args:
        settings: of the embedded server.
        url: its address.
    """

    def __init__(self, settings: Settings, url: str) -> None:
        self._settings = settings
        self._url = url
        self._console: Console = console(sys.stdout)

    def run(self) -> None:
        """Do the main job and print it."""
        applied = self._migrate()
        report = self._import()
        with GuestDatabase(self._url, settings=self._settings) as database:
            built = self._show_contexts(database)
            self._show_profile(database)
            self._show_threads(database)
            self._show_monitoring(database)
        self._conclude(applied, report, built)

    def _migrate(self) -> int:
        applied = Runner(self._settings, self._url).up()
        names = ", ".join(f"{each.version:04d}_{each.name}" for each in applied)
        self._print(f"migrations: {f'applied {names}' if applied else 'nothing to apply'}")
        return len(applied)

    def _import(self) -> ImportReport:
        with resources.as_file(resources.files("guestsql.cli") / "sample") as directory:
            report = import_directory(directory, settings=self._settings, url=self._url)
        self._print(summary(report))
        return report

    def _show_contexts(self, database: GuestDatabase) -> int:
        rows: list[tuple[object, ...]] = []
        built = misses = 0
        for guest in _GUESTS:
            for call in ("1st", "2nd"):
                with _watched() as cache:
                    text = database.get_context(guest, ttl_seconds=_TTL_SECONDS)
                built += cache.built
                misses += cache.answer != "hit"
                rows.append((guest, call, cache.answer, cache.age, text.strip()))
        self._table("Contexts, each asked for twice", ("guest", "call", "cache", "age", "context"), rows)
        missed = "" if misses else "No miss this time: an earlier run has built them. "
        self._print(f"{missed}Here a context is fresh for a day; the bot's default is {_default_ttl()} s.")
        return built

    def _show_profile(self, database: GuestDatabase) -> None:
        profile = database.get_profile(_GUESTS[0])
        if profile is not None:
            self._table(f"Profile of {_GUESTS[0]}", ("column", "value"), list(asdict(profile).items()))

    def _show_threads(self, database: GuestDatabase) -> None:
        rows: list[tuple[object, ...]] = []
        for guest in (_GUESTS[0], _WITHOUT_THREAD, _UNKNOWN):
            thread = database.get_thread(guest)
            if thread is None:
                rows.append((guest, "no such guest", None, None, None))
            else:
                answer = "thread" if thread.thread_id else "no thread yet"
                rows.append((guest, answer, thread.thread_id, thread.token_count, thread.created_at))
        self._table("Threads: the three answers", ("guest", "answer", "thread", "tokens", "since"), rows)

    def _show_monitoring(self, database: GuestDatabase) -> None:
        queries = database.queries
        totals = queries.get_profile_totals()
        self._query("get_profile_totals", totals._fields, [totals])
        freshness = queries.get_context_freshness(ttl_seconds=_TTL_SECONDS)
        self._query("get_context_freshness", freshness._fields, [freshness])
        last = queries.list_last_interactions(max_rows=_LAST_GUESTS)
        if last:
            self._query("list_last_interactions", last[0]._fields, last)

    def _conclude(self, applied: int, report: ImportReport, built: int) -> None:
        done = [
            (applied, "migrations applied"),
            (report.inserted, "guests imported"),
            (report.updated, "guests updated"),
            (built, "contexts built"),
        ]
        changes = ", ".join(f"{number} {what}" for number, what in done if number)
        self._print("")
        if changes:
            self._print(f"This run: {changes}. Run again, it changes nothing.")
        else:
            self._print("This run changed nothing: it was all there.")

    def _query(self, name: str, columns: Sequence[str], rows: Sequence[Any]) -> None:
        self._table(f"Monitoring: {name}", [column.replace("_", " ") for column in columns], rows)

    def _table(self, title: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
        self._console.print()
        self._console.print(build_table(columns, rows, self._settings.timezone, title=title))

    def _print(self, text: str) -> None:
        self._console.print(Text(text))


class _CacheEvents(logging.Handler):
    """What the cache did, from its own log events: asking before or after the call could be overtaken."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self._codes: dict[str, float | None] = {}

    def emit(self, record: logging.LogRecord) -> None:
        """Keep an event's code and the text's age."""
        code = getattr(record, "event", None)
        if isinstance(code, str):
            self._codes[code] = getattr(record, "age_seconds", None)

    @property
    def built(self) -> bool:
        """True when the text was built in this call."""
        return "CONTEXT_BUILT" in self._codes

    @property
    def answer(self) -> str:
        """What the cache had."""
        if self.built:
            return "miss, built"
        if "CONTEXT_CACHE_STALE" in self._codes:
            return "stale"
        return "miss, waited" if "CONTEXT_CACHE_MISS" in self._codes else "hit"

    @property
    def age(self) -> str:
        """How old the text was, or ""."""
        seconds = self._codes.get("CONTEXT_CACHE_HIT", self._codes.get("CONTEXT_CACHE_STALE"))
        return "" if seconds is None else _duration(seconds)


@contextmanager
def _watched() -> Generator[_CacheEvents]:
    logger = logging.getLogger("guestsql")
    handler, before = _CacheEvents(), logger.level
    logger.addHandler(handler)
    if not logger.isEnabledFor(logging.INFO):
        logger.setLevel(logging.INFO)
    try:
        yield handler
    finally:
        logger.setLevel(before)
        logger.removeHandler(handler)


def _duration(seconds: float) -> str:
    if seconds < 10:  # noqa: PLR2004  below, tenths are worth showing
        return f"{seconds:.1f} s"
    for limit, size, unit in ((120, 1, "s"), (7200, 60, "min")):
        if seconds < limit:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds / 3600:.0f} h"


def _default_ttl() -> str:
    return f"{Settings().context_ttl_seconds:g}"
