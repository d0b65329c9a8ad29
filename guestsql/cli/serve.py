"""`guestsql serve`: the queries as pages."""

from __future__ import annotations

import click

from guestsql.adhoc.target import open_target
from guestsql.cli.app import App, pass_app
from guestsql.cli.extras import require_packages
from guestsql.cli.port import PORT
from guestsql.cli.waiting import ON_STDERR
from guestsql.guests.needed import reserved_names

__all__ = ["serve"]

_NEEDED = ("babel", "jinja2", "starlette", "uvicorn", "vl_convert")


@click.command(
    epilog="""\b
Examples:
  guestsql serve
  GUESTSQL_SERVE_TOKEN=… guestsql serve --host 0.0.0.0 --allow-host pages.example.com
""",
)
@click.option("--port", type=PORT, default=8000, show_default=True, help="The port to listen on; 0 picks a free one.")
@click.option(
    "--host",
    default="127.0.0.1",
    show_default=True,
    metavar="ADDRESS",
    help="The address to listen on. Any but loopback needs GUESTSQL_SERVE_TOKEN.",
)
@click.option(
    "--allow-host",
    "names",
    multiple=True,
    metavar="NAME",
    help="A further name under which the pages are reached, such as a reverse proxy's. Repeatable.",
)
@click.option(
    "--timeout",
    type=click.FloatRange(min=0, min_open=True, max=600),
    default=10.0,
    show_default=True,
    metavar="SECONDS",
    help="How long a query may run.",
)
@click.option("--primary", is_flag=True, help="Use DATABASE_URL even if DATABASE_REPLICA_URL is set.")
@pass_app
def serve(app: App, port: int, host: str, names: tuple[str, ...], timeout: float, primary: bool) -> None:  # noqa: PLR0917  click passes them by name
    """Serve a page for each query, until SIGTERM or Ctrl-C.

    A page has a form for the parameters, the result as a table and a picture, and downloads. Everything on it comes
    from the query's file and the server; edited files are read again. Queries run READ ONLY, on DATABASE_REPLICA_URL if
    that is set. Needs the extra `pages`.
    """
    require_packages(_NEEDED, "pages")
    from guestsql.pages.catalogue import WatchedCatalogue  # noqa: PLC0415  needs the extra
    from guestsql.pages.security import Access  # noqa: PLC0415  needs the extra
    from guestsql.pages.server import check_access, listen, run  # noqa: PLC0415  needs the extra
    from guestsql.pages.state import State  # noqa: PLC0415  needs the extra

    settings = app.settings
    access = Access(host, names, settings.serve_token)
    check_access(access)
    reserved = reserved_names() if settings.packaged else ()
    catalogue = WatchedCatalogue(settings.queries_dir, packaged=settings.packaged, reserved=reserved)
    with listen(host, port) as listener, open_target(settings, ON_STDERR, main=primary) as target:
        state = State(settings, target, catalogue, access, timeout)
        shown = f"[{host}]" if ":" in host else host
        app.say(f"serve: listening on http://{shown}:{listener.getsockname()[1]}")
        run(state, listener, app.say)
    app.say("serve: ended")
