"""`guestsql serve-metrics`: the gauges of the monitoring queries for Prometheus."""

from __future__ import annotations

import importlib.util

import click

from guestsql.adhoc.target import open_target
from guestsql.cli.app import App, pass_app
from guestsql.cli.failure import FAILED
from guestsql.cli.port import PORT
from guestsql.cli.stopping import stop_requested, wait_for
from guestsql.cli.waiting import ON_STDERR
from guestsql.errors import SettingsError
from guestsql.ops.gauges import Scraper, find_gauges

__all__ = ["serve_metrics"]


@click.command(
    "serve-metrics",
    epilog="""\b
Examples:
  guestsql serve-metrics --port 9478
  guestsql serve-metrics --once
""",
)
@click.option("--port", type=PORT, default=9478, show_default=True, help="The port to listen on; 0 picks a free one.")
@click.option("--host", metavar="ADDRESS", help="The address to listen on. Default: all IPv6 and IPv4 addresses.")
@click.option(
    "--timeout",
    type=click.FloatRange(min=0, min_open=True, max=600),
    default=8.0,
    show_default=True,
    metavar="SECONDS",
    help="How long a scrape may take; keep it below Prometheus's scrape_timeout, 10 by default.",
)
@click.option("--primary", is_flag=True, help="Use DATABASE_URL even if DATABASE_REPLICA_URL is set.")
@click.option("--once", is_flag=True, help="Print the metrics of one scrape and exit; 1 if a query failed.")
@pass_app
def serve_metrics(  # noqa: PLR0917  click passes them by name
    app: App, port: int, host: str | None, timeout: float, primary: bool, once: bool
) -> None:
    """Serve the gauges of the queries to Prometheus, until SIGTERM or Ctrl-C.

    At each scrape every query whose comment has a line `metrics: …` runs, READ ONLY, on DATABASE_REPLICA_URL if that is
    set; guestsql_is_replica shows which. A query that fails sets guestsql_scrape_error, and the others are still
    served. Each change, with its reason, is logged to stderr. Needs the extra `prometheus`.
    """
    _require_client()
    gauges = find_gauges(app.catalogue.values())
    with open_target(app.settings, ON_STDERR, main=primary) as target:
        scraper = Scraper(app.settings, target.url, gauges, timeout, is_replica=target.is_replica)
        if once:
            _print(app, scraper)
        else:
            _serve(app, scraper, port, host)


def _require_client() -> None:
    if importlib.util.find_spec("prometheus_client") is None:
        raise SettingsError("prometheus-client is not installed", hint="pip install 'guestsql[prometheus]'")


def _print(app: App, scraper: Scraper) -> None:
    from guestsql.ops.gauges.exposition import exposition  # noqa: PLC0415  needs the extra

    scrape = scraper.scrape()
    click.echo(exposition(scrape), nl=False)
    failed = [answer for answer in scrape.answers if answer.error is not None]
    if scrape.error is not None:
        app.say(f"serve-metrics: {scrape.error}")
    else:
        for answer in failed:
            app.say(f"serve-metrics: {answer.gauge.query.name}: {answer.error}")
    if failed:
        raise click.exceptions.Exit(FAILED)


def _serve(app: App, scraper: Scraper, port: int, host: str | None) -> None:
    from guestsql.ops.gauges.exposition import GaugeServer  # noqa: PLC0415  needs the extra

    app.show_events()
    with stop_requested() as stop, GaugeServer(scraper, port, host) as server:
        app.say(f"serve-metrics: listening on port {server.port}")
        wait_for(stop)
    app.say("serve-metrics: ended")
