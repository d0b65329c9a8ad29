"""`guestsql server`: the embedded server, kept running."""

from __future__ import annotations

import click

from guestsql.cli.addresses import embedded_url
from guestsql.cli.app import App, pass_app
from guestsql.cli.ending import told_to_end, wait_for

__all__ = ["server"]


@click.command(
    epilog="""\b
Example:
  guestsql server
""",
)
@pass_app
def server(app: App) -> None:
    """Keep the embedded server running, and print its address.

    Ends with SIGTERM or Ctrl-C. The server then stops, unless another guestsql process still uses it. Commands need no
    running server: without DATABASE_URL each starts it and stops it again, which this saves them.
    """
    if app.settings.database_url is not None:
        app.say("guestsql: DATABASE_URL is set: other commands work there, not on this server")
    with embedded_url(app.settings) as url, told_to_end() as told:
        click.echo(url)
        app.say("server: running; Ctrl-C stops it")
        wait_for(told)
    app.say("server: ended")
