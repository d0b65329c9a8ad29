"""`guestsql query explain`: a query's plan as a tree, or as the server's JSON."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping

import click

from guestsql.adhoc.explain import NoPlan, ask_plan
from guestsql.adhoc.session import QuerySession
from guestsql.adhoc.target import Target, open_target
from guestsql.cli.app import App, pass_app
from guestsql.cli.params import given_parameters, param_options, parse_parameters
from guestsql.cli.query.common import HINTS, complete_name, named, timeout_option
from guestsql.cli.query.plan_view import plan_lines
from guestsql.cli.terminal import console, is_narrow
from guestsql.cli.waiting import ON_STDERR
from guestsql.errors import DatabaseError
from guestsql.sql import Query

__all__ = ["explain"]

_READ_ONLY = "25006"
_ROLLED_BACK = "guestsql: the query was run and rolled back; numbers that it took from sequences stay used"


@click.command(
    epilog="""\b
Examples:
  guestsql query explain list_last_interactions
  guestsql query explain get_profile -p phone_number=573000000001 --analyze
  guestsql query explain lookup_context --format json
""",
)
@click.argument("name", shell_complete=complete_name)
@param_options
@click.option("--analyze", is_flag=True, help="Run the query in a transaction that is rolled back, and show the times.")
@click.option("--generic", is_flag=True, help="Show the generic plan, even if values are known.")
@click.option("--primary", is_flag=True, help="Use DATABASE_URL even if there is a replica.")
@timeout_option
@click.option(
    "--format",
    "format_name",
    type=click.Choice(("tree", "json")),
    default="tree",
    show_default=True,
    help="tree is indented text; json is the server's own output.",
)
@pass_app
def explain(  # noqa: PLR0917  click passes them by name
    app: App,
    name: str,
    pairs: tuple[str, ...],
    nulls: tuple[str, ...],
    analyze: bool,
    generic: bool,
    primary: bool,
    timeout: float | None,
    format_name: str,
) -> None:
    """Show a query's plan, with the most expensive node marked.

    The plan is for the values of -p and the defaults. If no value is given and a parameter has no default, it is the
    generic plan, which a prepared statement gets after some calls and which is valid for any values. A node's own share
    is its time with --analyze, else its cost, without the nodes below it.

    Only --analyze runs the query. A query that writes runs on DATABASE_URL and is rolled back; any other one runs READ
    ONLY, on DATABASE_REPLICA_URL if that is set.
    """
    settings = app.settings
    found = named(app.catalogue, name)
    values = _values(found, pairs, nulls, analyze=analyze, generic=generic)
    patience = timeout or settings.deadline_seconds
    with open_target(settings, ON_STDERR, main=primary) as target:
        try:
            text = _ask(target, found, values, patience, analyze=analyze, write=False)
        except DatabaseError as error:
            if error.sqlstate != _READ_ONLY or not analyze:
                raise
            with open_target(settings, ON_STDERR, main=True) as main:
                text = _ask(main, found, values, patience, analyze=True, write=True)
            app.say(_ROLLED_BACK)
    if format_name == "json":
        click.echo(text)
        return
    if values is None:
        app.say(f"guestsql: the generic plan, for any values of {', '.join(found.positional)}")
    target_console = console(sys.stdout)
    for line in plan_lines(json.loads(text), ascii_only=is_narrow(sys.stdout)):
        target_console.print(line, soft_wrap=not target_console.is_terminal)


def _values(
    query: Query, pairs: tuple[str, ...], nulls: tuple[str, ...], *, analyze: bool, generic: bool
) -> dict[str, str | None] | None:
    """The parameters, or None for the generic plan."""
    given = given_parameters(query, pairs, nulls)
    if generic and (given or analyze):
        raise click.UsageError("--generic is the plan without values: remove -p, --null and --analyze")
    is_complete = all(each.name in given or each.default is not None for each in query.parameters)
    if query.parameters and (generic or not (given or analyze or is_complete)):
        return None
    return parse_parameters(query, pairs, nulls)


def _ask(
    target: Target, query: Query, values: Mapping[str, str | None] | None, timeout: float, *, analyze: bool, write: bool
) -> str:
    with QuerySession(target, write=write, hints=HINTS) as session:
        try:
            return ask_plan(session, query, values, timeout, analyze=analyze)
        except NoPlan as error:
            raise click.UsageError(str(error)) from error
