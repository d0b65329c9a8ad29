"""Draw docs/page.png, a query as a page in Chromium, and docs/report.svg, a chart of the report.

    python tools/page_pictures.py

Both show an invented hotel at a standing clock, so that they change only when the pages or the charts do.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import psycopg
from playwright.sync_api import sync_playwright
from psycopg import sql

from guestsql.cli.demo_hotel import invent_hotel
from guestsql.embedded import EmbeddedServer
from guestsql.migrate import Runner
from guestsql.settings import Settings
from guestsql.sql._sync.connection import connect

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "page.png"
CHART = ROOT / "docs" / "report.svg"
_NOW = datetime(2026, 3, 17, 9, 30, tzinfo=ZoneInfo("America/Bogota"))
_GUESTS = 20_000
_DATABASE = "guestsql_demo_pictures"
_PATH = "/q/list_hourly_activity"
_CHART = "list_hour_comparison"
_SIZE = {"width": 1100, "height": 860}
_MOST_BYTES = 150_000
_CLOCK = """
CREATE SCHEMA standing;
CREATE FUNCTION standing.statement_timestamp() RETURNS timestamptz LANGUAGE sql STABLE RETURN {now}::timestamptz;
GRANT USAGE ON SCHEMA standing TO public;
ALTER DATABASE {database} SET search_path = standing, pg_catalog, public;
"""


def main() -> int:
    """Invent the hotel and draw both pictures."""
    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if chromium is None:
        print("no Chromium: install the system's package chromium", file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        home = Path(name)
        home.chmod(0o755)
        with EmbeddedServer(home, database=_DATABASE) as url:
            _invent(url)
            environment = _environment(url)
            report = [sys.executable, "-m", "guestsql", "report", "--query", _CHART, "--out", str(CHART)]
            subprocess.run(report, env=environment, check=True)  # noqa: S603  this repository's own command
            with _served(environment) as address:
                _photograph(chromium, address)
    CHART.chmod(0o644)
    size = PAGE.stat().st_size
    print(f"{PAGE}: {size} bytes\n{CHART}: {CHART.stat().st_size} bytes")
    return int(size > _MOST_BYTES)


def _invent(url: str) -> None:
    settings = Settings(database_url=url)
    Runner(settings, url).up()
    with connect(settings, url) as connection:
        invent_hotel(connection, _GUESTS, seed=1, until=_NOW, timezone=settings.timezone)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            sql.SQL(_CLOCK).format(now=sql.Literal(_NOW.isoformat()), database=sql.Identifier(_DATABASE))
        )


def _environment(url: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("DATABASE_", "GUESTSQL_"))}
    return {**kept, "DATABASE_URL": url, "LANG": "en_US.UTF-8", "PYTHONPATH": str(ROOT)}


@contextmanager
def _served(environment: dict[str, str]) -> Iterator[str]:
    serve = [sys.executable, "-m", "guestsql", "serve", "--port", "0"]
    with subprocess.Popen(serve, env=environment, stderr=subprocess.PIPE, text=True) as process:  # noqa: S603  likewise
        try:
            assert process.stderr is not None  # noqa: S101  a pipe
            line = process.stderr.readline()
            yield line.removeprefix("serve: listening on ").strip()
        finally:
            process.terminate()


def _photograph(chromium: str, address: str) -> None:
    flags = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=flags)
        page = browser.new_page(viewport=_SIZE, reduced_motion="reduce", locale="en-US")
        page.goto(address + _PATH)
        page.screenshot(path=PAGE)
        browser.close()


if __name__ == "__main__":
    sys.exit(main())
