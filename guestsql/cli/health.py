"""`guestsql health`: the HTTP endpoint for a platform's healthcheck."""

from __future__ import annotations

from contextlib import closing

import click

from guestsql.adhoc.addresses import main_url
from guestsql.cli.app import App, pass_app
from guestsql.cli.port import PORT
from guestsql.cli.stopping import stop_requested, wait_for
from guestsql.cli.waiting import ON_STDERR
from guestsql.ops.health import HealthServer, Probe

__all__ = ["health"]


@click.command(
    epilog="""\b
Example:
  guestsql health --port 8080 --drain 10
""",
)
@click.option(
    "--port",
    type=PORT,
    default=8080,
    envvar="PORT",
    show_default=True,
    show_envvar=True,
    help="The port to listen on; 0 picks a free one.",
)
@click.option("--host", metavar="ADDRESS", help="The address to listen on. Default: all IPv6 and IPv4 addresses.")
@click.option(
    "--drain",
    type=click.FloatRange(min=0),
    default=0.0,
    metavar="SECONDS",
    help="How long to answer /ready with 503 after SIGTERM, before stopping.",
)
@click.option(
    "--deadline",
    type=click.FloatRange(min=0, min_open=True),
    default=2.0,
    metavar="SECONDS",
    show_default=True,
    help="How long the database may take to answer.",
)
@pass_app
def health(app: App, port: int, host: str | None, drain: float, deadline: float) -> None:
    """Answer /live, /ready and /healthz over HTTP until SIGTERM or Ctrl-C.

    /live returns 200 while the process runs. /ready and /healthz return 200 when the database answers and no migration
    is pending, else 503. Each change, with its reason, is logged to stderr. After SIGTERM they return 503 for the
    duration of --drain; then open requests are finished, and the exit code is 0. A second signal ends the draining.
    """
    with main_url(app.settings, ON_STDERR) as url, closing(Probe(app.settings, url, seconds=deadline)) as probe:
        server = HealthServer(probe.check, port, host)
        app.show_events()
        with stop_requested() as stop, server:
            app.say(f"health: listening on port {server.port}")
            wait_for(stop)
            server.drain()
            if drain:
                app.say(f"health: draining for {drain:g} s")
                stop.clear()
                stop.wait(drain)
    app.say("health: ended")
