"""The end of `guestsql demo`: the report of an invented hotel, since a picture of two dozen guests shows little."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from time import time

from fasteners import InterProcessLock  # type: ignore[import-untyped]  # has no marker

from guestsql.adhoc.session import QuerySession
from guestsql.adhoc.target import Target
from guestsql.cli.app import App
from guestsql.cli.demo_hotel import drop_hotel, invented_hotel
from guestsql.cli.extras import missing_packages
from guestsql.cli.report import PACKAGES, language_of_environment
from guestsql.sql import load_catalogue

__all__ = ["can_write_report", "write_demo_report"]

_DATABASE = "guestsql_demo_report"
_GUESTS = 5000
_TIMEOUT_SECONDS = 60.0


def can_write_report() -> bool:
    """Return whether the extra `pages` is installed."""
    return not missing_packages(PACKAGES)


def write_demo_report(app: App) -> Path:
    """Invent a hotel, write its report into GUESTSQL_HOME, and drop the hotel again.

    Args:
        app: the settings.

    Returns:
        The file. It is replaced in each run.

    Raises:
        GuestSQLError: the file cannot be written.
    """
    from guestsql.languages import language  # noqa: PLC0415  needs the extra
    from guestsql.report.build import build_page  # noqa: PLC0415  needs the extra
    from guestsql.report.files import write_file  # noqa: PLC0415  needs the extra
    from guestsql.report.reading import Options  # noqa: PLC0415  needs the extra

    path = app.settings.home / "demo" / "report.html"
    path.parent.mkdir(parents=True, exist_ok=True)
    started = time()
    with InterProcessLock(path.with_suffix(".lock")):
        if path.exists() and path.stat().st_mtime > started:
            return path  # another demo wrote it meanwhile
        drop_hotel(app, _DATABASE)
        with invented_hotel(app, _DATABASE, _GUESTS, 1) as (settings, _rows):
            options = Options(settings, language(language_of_environment()), 30, _TIMEOUT_SECONDS, datetime.now(UTC))
            with QuerySession(Target(settings, settings.database_url or "", "DATABASE_URL")) as session:
                page, _failures = build_page(session, load_catalogue(), options)
        drop_hotel(app, _DATABASE)
        write_file(path, page)
    return path
