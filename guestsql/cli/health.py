"""`guestsql health`: the HTTP endpoint for a platform's healthcheck."""

from __future__ import annotations

from contextlib import closing

import click

from guestsql.cli.addresses import main_url
from guestsql.cli.app import App, pass_app
from guestsql.cli.ending import told_to_end, wait_for
from guestsql.cli.port import PORT
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
    help="Where to listen; 0 takes a free one.",
)
@click.option("--host", metavar="ADDRESS", help="An address to listen on; default all of IPv6 and IPv4.")
@click.option(
    "--drain",
    type=click.FloatRange(min=0),
    default=0.0,
    metavar="SECONDS",
    help="After SIGTERM answer /ready with 503 for so long before the end.",
)
@click.option(
    "--deadline",
    type=click.FloatRange(min=0, min_open=True),
    default=2.0,
    metavar="SECONDS",
    show_default=True,
    help="The database must answer within that time.",
)
@pass_app
def health(app: App, port: int, host: str | None, drain: float, deadline: float) -> None:
    """Answer /live, /ready and /healthz over HTTP until SIGTERM or Ctrl-C.

    /live is 200 while the process runs. /ready and /healthz are 200 when the database answers and no migration is
    pending, else 503; why, and when it is over, stands on stderr, once for each change. On SIGTERM: 503 for the time of
    --drain, then the answers under way are finished and the exit code is 0; a second signal ends the draining.
    """
    with main_url(app.settings) as url, closing(Probe(app.settings, url, seconds=deadline)) as probe:
        server = HealthServer(probe.check, port, host)
        app.tell_events()
        with told_to_end() as told, server:
            app.say(f"health: listening on port {server.port}")
            wait_for(told)
            server.drain()
            if drain:
                app.say(f"health: draining for {drain:g} s")
                told.clear()
                told.wait(drain)
    app.say("health: ended")
