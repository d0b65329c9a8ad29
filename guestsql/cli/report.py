"""`guestsql report`: the report as a file, and single charts."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from guestsql.adhoc.session import QuerySession
from guestsql.adhoc.target import open_target
from guestsql.cli.app import App, pass_app
from guestsql.cli.destination import FORMATS, destination
from guestsql.cli.extras import require_packages
from guestsql.cli.failure import FAILED
from guestsql.cli.params import given_parameters, param_options
from guestsql.cli.query.common import complete_name, named
from guestsql.cli.waiting import ON_STDERR

if TYPE_CHECKING:
    from guestsql.report.reading import Failure

__all__ = ["PACKAGES", "language_of_environment", "report"]

PACKAGES = ("babel", "jinja2", "vl_convert")
"""What a report needs of the extra `pages`."""

_HINTS = {"57014": "raise --timeout"}


@click.command(
    epilog="""\b
Examples:
  guestsql report
  guestsql report --out /srv/reports/november.html --days 28 --lang es
  guestsql report --query list_hour_comparison --out hours.svg
  guestsql report --format png --out charts/
""",
)
@click.option(
    "--out",
    default="report.html",
    show_default=True,
    metavar="FILE|FOLDER/|-",
    help="Where to write; a file is replaced, a folder is created, - is stdout.",
)
@click.option(
    "--format",
    "format_name",
    type=click.Choice(FORMATS),
    help="html is the whole report; the others are single charts. Default: as the file is named, or html.",
)
@click.option("--query", "name", metavar="NAME", shell_complete=complete_name, help="Only this query.")
@param_options
@click.option("--days", type=click.IntRange(1, 180), default=30, show_default=True, help="How many days a period has.")
@click.option("--lang", type=click.Choice(("en", "es")), help="The language. Default: that of the environment.")
@click.option(
    "--timeout",
    type=click.FloatRange(min=0, min_open=True, max=86_400),
    default=60.0,
    show_default=True,
    metavar="SECONDS",
    help="How long each query may run.",
)
@click.option("--primary", is_flag=True, help="Use DATABASE_URL even if DATABASE_REPLICA_URL is set.")
@pass_app
def report(  # noqa: PLR0917  click passes them by name
    app: App,
    out: str,
    format_name: str | None,
    name: str | None,
    pairs: tuple[str, ...],
    nulls: tuple[str, ...],
    days: int,
    lang: str | None,
    timeout: float,
    primary: bool,
) -> None:
    """Write a report with pictures: the last 30 days, and the 30 before.

    Guests, hours, hit rate, latencies, the way to a booking, consents and campaigns, in one HTML file that needs
    nothing else: to be sent, printed or kept. It names no guest. The days are whole days of the hotel, up to yesterday.

    Its queries are those marked `-- dashboard: report`, your own included; dashboards of your own queries follow them.
    With another format each chart becomes a file. A query that fails leaves a note, and the exit code is 1. Needs the
    extra `pages`.
    """
    require_packages(PACKAGES, "pages")
    from guestsql.languages import language  # noqa: PLC0415  needs the extra
    from guestsql.report.build import PAGE, build_charts, build_one, build_page  # noqa: PLC0415  the same
    from guestsql.report.reading import Options  # noqa: PLC0415  the same

    if name is None and (pairs or nulls):
        raise click.UsageError("-p and --null need --query")
    found = None if name is None else named(app.catalogue, name)
    place = destination(out, format_name, is_single=found is not None)
    given = {} if found is None else given_parameters(found, pairs, nulls)
    options = Options(app.settings, language(lang or language_of_environment()), days, timeout, datetime.now(UTC))
    failures: Sequence[Failure] = ()
    with open_target(app.settings, ON_STDERR, main=primary) as target, QuerySession(target, hints=_HINTS) as session:
        if found is not None:
            files = {f"{name}.{place.format_name}": build_one(session, found, options, place.format_name, given)}
        elif place.format_name == "html":
            page, failures = build_page(session, app.catalogue, options)
            files = {PAGE: page}
        else:
            files, failures = build_charts(session, app.catalogue, options, place.format_name)
    for failure in failures:
        app.say(f"guestsql: {failure.query}: {failure.message}" + (f" ({failure.hint})" if failure.hint else ""))
    for path in place.write(files):
        click.echo(path)
    if failures:
        raise click.exceptions.Exit(FAILED)


def language_of_environment() -> str:
    """Return the code of the language that the environment asks for."""
    chosen = next((os.environ[name] for name in ("LC_ALL", "LC_MESSAGES", "LANG") if os.environ.get(name)), "")
    return "es" if chosen.startswith("es") else "en"
