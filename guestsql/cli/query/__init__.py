"""`guestsql query`: the query files, listed, shown, run and explained."""

from __future__ import annotations

import click

from guestsql.cli.app import App, CommandGroup, pass_app
from guestsql.cli.output import format_option
from guestsql.cli.query.common import RETURNS, first_line, whole
from guestsql.cli.query.explain import explain
from guestsql.cli.query.run import run
from guestsql.cli.query.show import show
from guestsql.sql import load_catalogue
from guestsql.sql.query import internal_names

__all__ = ["query"]


@click.group(
    cls=CommandGroup,
    epilog="""\b
Example:
  guestsql query list
""",
)
def query() -> None:
    """The named queries of queries/*.sql, or of GUESTSQL_QUERIES_DIR."""


@query.command(
    "list",
    epilog="""\b
Examples:
  guestsql query list
  guestsql query list --all
  guestsql query list --format csv
""",
)
@click.option("--all", "show_all", is_flag=True, help="In the table too, those that only guestsql itself needs.")
@format_option
@pass_app
def list_queries(app: App, show_all: bool, format_name: str | None) -> None:
    """List the queries: name, parameters, what they return, place.

    The table leaves out the queries that are marked internal; the other formats have all of them, and say which are.
    """
    catalogue = load_catalogue(app.settings.queries_dir)
    internal = internal_names(catalogue)
    output = app.output(format_name)
    if not output.is_table:
        rows = [whole(found, internal=name in internal) for name, found in catalogue.items()]
        output.rows(list(rows[0]) if rows else (), [list(row.values()) for row in rows])
        return
    listed = [found for name, found in catalogue.items() if show_all or name not in internal]
    output.rows(
        ("query", "returns", "about"),
        [(found.name, RETURNS[found.operator], first_line(found.doc)) for found in listed],
    )
    if len(listed) < len(catalogue):
        app.say(f"{len(catalogue) - len(listed)} internal queries are left out: --all shows them")


for _command in (explain, run, show):
    query.add_command(_command)
