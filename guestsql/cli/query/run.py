"""`guestsql query run`: one query, once or again and again."""

from __future__ import annotations

import click

from guestsql.adhoc.session import QuerySession, Result
from guestsql.adhoc.target import open_target
from guestsql.cli.app import App, pass_app
from guestsql.cli.output import Output, columns_option, data_format_option
from guestsql.cli.params import param_options, parse_parameters
from guestsql.cli.query.common import HINTS, complete_name, named, timeout_option
from guestsql.cli.query.watching import watch
from guestsql.cli.waiting import ON_STDERR
from guestsql.sql import Operator, Query
from guestsql.sql.query import why_empty

__all__ = ["run"]


@click.command(
    epilog="""\b
Examples:
  guestsql query run list_last_interactions -p max_rows=5
  guestsql query run lookup_contexts -p phone_numbers=573000000001,573000000002
  guestsql query run get_context_freshness --watch 5
  guestsql query run add_labels -p phone_number=573000000001 -p labels='{VIP}' --write
""",
)
@click.argument("name", shell_complete=complete_name)
@param_options
@click.option("--write", is_flag=True, help="Allow the query to write; otherwise its transaction is READ ONLY.")
@click.option("--primary", is_flag=True, help="Use DATABASE_URL even if there is a replica.")
@click.option(
    "--watch",
    "seconds",
    type=click.FloatRange(min=0.1, max=86_400),
    metavar="SECONDS",
    help="Run it again at this interval, in seconds, until Ctrl-C. The exit code is then 0.",
)
@timeout_option
@columns_option
@data_format_option
@pass_app
def run(  # noqa: PLR0917  click passes them by name
    app: App,
    name: str,
    pairs: tuple[str, ...],
    nulls: tuple[str, ...],
    write: bool,
    primary: bool,
    seconds: float | None,
    timeout: float | None,
    format_name: str | None,
) -> None:
    """Run a query and print what it returns.

    The casts of the query convert the values. Without --write the query runs on DATABASE_REPLICA_URL if that is set,
    which stderr reports, and never falls back to DATABASE_URL. In csv and tsv NULL is an empty field, and an array or
    object is JSON.

    On a terminal --watch redraws the table; elsewhere it prints one result after the other, with one heading. If the
    server is lost or too slow in the meantime, stderr reports it and the query is tried again.
    """
    settings = app.settings
    found = named(app.catalogue, name)
    if write and seconds is not None:
        raise click.UsageError("--watch only reads: remove --write")
    parameters = parse_parameters(found, pairs, nulls)
    output = app.output(format_name, piped="json")
    output.why_empty = why_empty(found)
    patience = timeout or settings.deadline_seconds
    with (
        open_target(settings, ON_STDERR, main=write or primary) as target,
        QuerySession(target, write=write, hints=HINTS) as session,
    ):
        if target.is_replica:
            app.say("queried the replica of DATABASE_REPLICA_URL; --primary queries the main server")
        if seconds is None:
            _print(output, found, session.run(found, parameters, patience))
            return
        watch(
            app,
            output,
            lambda: session.run(found, parameters, patience),
            lambda result: _print(output, found, result),
            title=found.name,
            seconds=seconds,
        )


def _print(output: Output, found: Query, result: Result) -> None:
    if found.operator is Operator.COUNT:
        output.value("count", result.count)
    elif found.operator is Operator.VALUE:
        has_value = bool(result.rows and result.columns)
        output.value(result.columns[0] if result.columns else found.name, result.rows[0][0] if has_value else None)
    elif found.operator is Operator.ROW:
        output.first_row(result.columns, result.rows)
    else:
        output.rows(result.columns, result.rows)
