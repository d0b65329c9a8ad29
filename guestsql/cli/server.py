"""`guestsql server`: the embedded server, kept running."""

from __future__ import annotations

import click

from guestsql.adhoc.addresses import embedded_url
from guestsql.cli.app import App, pass_app
from guestsql.cli.stopping import stop_requested
from guestsql.cli.waiting import ON_STDERR

__all__ = ["server"]

_CHECK_SECONDS = 2.0


@click.command(
    epilog="""\b
Example:
  guestsql server
""",
)
@pass_app
def server(app: App) -> None:
    """Keep the embedded server running, and print its address.

    SIGTERM or Ctrl-C ends it. The server then stops, unless another guestsql process still uses it. Other commands
    start and stop the server themselves; while this one runs, they use the running server and start sooner.
    """
    if app.settings.database_url is not None:
        app.say("guestsql: DATABASE_URL is set: other commands use that server, not this one")
    with embedded_url(app.settings, ON_STDERR) as url, stop_requested() as stop:
        click.echo(url)
        app.say("server: running; Ctrl-C stops it")
        while not stop.wait(_CHECK_SECONDS):
            with embedded_url(app.settings, ON_STDERR):  # starts it again if it was killed
                pass
    app.say("server: ended")
