"""`guestsql serve-metrics`: the gauges of the monitoring queries for Prometheus."""

from __future__ import annotations

import importlib.util

import click

from guestsql.cli.app import App, pass_app
from guestsql.cli.ending import told_to_end, wait_for
from guestsql.cli.failure import FAILED
from guestsql.cli.port import PORT
from guestsql.cli.target import open_target
from guestsql.errors import SettingsError
from guestsql.ops.gauges import Scraper, find_gauges
from guestsql.sql import load_catalogue

__all__ = ["serve_metrics"]


@click.command(
    "serve-metrics",
    epilog="""\b
Examples:
  guestsql serve-metrics --port 9478
  guestsql serve-metrics --once
""",
)
@click.option("--port", type=PORT, default=9478, show_default=True, help="Where to listen; 0: a free one.")
@click.option("--host", metavar="ADDRESS", help="An address to listen on; default all of IPv6 and IPv4.")
@click.option(
    "--timeout",
    type=click.FloatRange(min=0, min_open=True, max=600),
    default=8.0,
    show_default=True,
    metavar="SECONDS",
    help="A scrape takes no longer: below Prometheus's scrape_timeout, which is 10 unless set otherwise.",
)
@click.option("--primary", is_flag=True, help="Ask DATABASE_URL even if there is a DATABASE_REPLICA_URL.")
@click.option("--once", is_flag=True, help="Print the metrics of one scrape and end; exit 1 when a query failed.")
@pass_app
def serve_metrics(  # noqa: PLR0917  click passes them by name
    app: App, port: int, host: str | None, timeout: float, primary: bool, once: bool
) -> None:
    """Answer Prometheus with the gauges of the queries, until SIGTERM or Ctrl-C.

    A query whose comment has a line `metrics: …` is asked at each scrape, READ ONLY, on DATABASE_REPLICA_URL if that is
    set: guestsql_is_replica tells. One that fails is told by guestsql_scrape_error; the others are answered. On stderr
    stands why, and when it ended, once for each change. Needs the extra `prometheus`.
    """
    _require_client()
    gauges = find_gauges(load_catalogue(app.settings.queries_dir).values())
    with open_target(app.settings, main=primary) as target:
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

    app.tell_events()
    with told_to_end() as told, GaugeServer(scraper, port, host) as server:
        app.say(f"serve-metrics: listening on port {server.port}")
        wait_for(told)
    app.say("serve-metrics: ended")
