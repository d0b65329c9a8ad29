"""`guestsql query`: the query files, listed, shown, run and explained."""

from __future__ import annotations

import click

from guestsql.cli.app import App, CommandGroup, pass_app
from guestsql.cli.output import columns_option, format_option
from guestsql.cli.query.common import RETURNS, whole
from guestsql.cli.query.eject import eject
from guestsql.cli.query.explain import explain
from guestsql.cli.query.run import run
from guestsql.cli.query.show import show

__all__ = ["query"]


@click.group(
    cls=CommandGroup,
    epilog="""\b
Example:
  guestsql query list
""",
)
def query() -> None:
    """List, show, run and explain the named queries."""


@query.command(
    "list",
    epilog="""\b
Examples:
  guestsql query list
  guestsql query list --format csv
""",
)
@columns_option
@format_option
@pass_app
def list_queries(app: App, format_name: str | None) -> None:
    """List the queries.

    The table has the name, what the query returns, and what it is about; the other formats also have the parameters,
    the comment, and the file and line.
    """
    catalogue = app.catalogue
    output = app.output(format_name)
    if not output.is_table:
        rows = [whole(found) for found in catalogue.values()]
        output.rows(list(rows[0]) if rows else (), [list(row.values()) for row in rows])
        return
    output.rows(
        ("query", "returns", "about"),
        [(found.name, RETURNS[found.operator], found.summary) for found in catalogue.values()],
    )


for _command in (eject, explain, run, show):
    query.add_command(_command)
