"""`guestsql query`: the query files, shown and run."""

from __future__ import annotations

import difflib

import click
from click.shell_completion import CompletionItem

from guestsql._sql import Catalogue, Operator, Query, load_catalogue
from guestsql.cli.app import App, CommandGroup, pass_app
from guestsql.cli.output import Output, format_option
from guestsql.cli.params import parse_parameters
from guestsql.cli.running import Result, run_query
from guestsql.cli.server import main_url, reading_url
from guestsql.errors import GuestSQLError
from guestsql.settings import Settings

__all__ = ["query"]

_RETURNS = {Operator.ROWS: "rows", Operator.ROW: "row", Operator.VALUE: "value", Operator.COUNT: "count"}


@click.group(
    cls=CommandGroup,
    epilog="""\b
Example:
  guestsql query list
""",
)
def query() -> None:
    """The named queries of queries/*.sql, or of GUESTSQL_QUERIES_DIR."""


def _complete_name(_context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    try:
        catalogue = load_catalogue(Settings.from_env().queries_dir)
    except GuestSQLError:  # a shell that completes must stay silent
        return []
    return [
        CompletionItem(name, help=_first_line(found.doc))
        for name, found in catalogue.items()
        if name.startswith(incomplete)
    ]


@query.command(
    "list",
    epilog="""\b
Example:
  guestsql query list --format csv
""",
)
@format_option
@pass_app
def list_queries(app: App, format_name: str | None) -> None:
    """List the queries: name, parameters, what they return, place."""
    catalogue = load_catalogue(app.settings.queries_dir)
    output = app.output(format_name)
    if output.is_table:
        output.rows(("query", "returns", "about"), [_short(found) for found in catalogue.values()])
    else:
        columns = ("name", "returns", "parameters", "file", "line", "doc")
        output.rows(columns, [_whole(found) for found in catalogue.values()])


def _short(found: Query) -> tuple[str, str, str]:
    return found.name, _RETURNS[found.operator], _first_line(found.doc)


def _whole(found: Query) -> tuple[object, ...]:
    parameters = [
        {"name": each.name, "type": each.type, "default": each.default, "doc": each.doc} for each in found.parameters
    ]
    return found.name, _RETURNS[found.operator], parameters, str(found.file), found.line, found.doc


@query.command(
    epilog="""\b
Example:
  guestsql query show list_last_interactions
""",
)
@click.argument("name", shell_complete=_complete_name)
@click.option("--format", "format_name", type=click.Choice(("sql", "json")), default="sql", help="Default: sql.")
@pass_app
def show(app: App, name: str, format_name: str) -> None:
    """Show a query as its file has it: place, comments, SQL."""
    found = _named(load_catalogue(app.settings.queries_dir), name)
    if format_name == "json":
        columns = ("name", "returns", "parameters", "file", "line", "doc")
        described = dict(zip(columns, _whole(found), strict=True))
        Output("json").row({**described, "sql": found.source})
        return
    doc = "".join(f"-- {line}\n" for line in found.doc.splitlines())
    for each in found.parameters:
        head = " ".join(part for part in (each.type, each.default and f"= {each.default}") if part)
        about = ", ".join(part for part in (head, each.doc) if part)
        doc += f"--   {each.name}: {about}\n" if about else ""
    names = ", ".join(each.name for each in found.parameters)
    click.echo(f"-- {found.file}:{found.line}\n-- name: {found.name}({names}){found.operator.value}")
    click.echo(f"{doc}{found.source.strip()};")


@query.command(
    epilog="""\b
Examples:
  guestsql query run list_last_interactions -p max_rows=5
  guestsql query run lookup_contexts -p phone_numbers=573000000001,573000000002
  guestsql query run add_labels -p phone_number=573000000001 -p labels='{VIP}' --write
""",
)
@click.argument("name", shell_complete=_complete_name)
@click.option(
    "-p",
    "--param",
    "pairs",
    multiple=True,
    metavar="NAME=VALUE",
    help="A parameter; an array is a,b,c or '{a,\"b, c\"}'. Not given: the default of the query's comments.",
)
@click.option("--null", "nulls", multiple=True, metavar="NAME", help="A parameter that is NULL.")
@click.option("--write", is_flag=True, help="Let the query write; otherwise its transaction is READ ONLY.")
@click.option(
    "--timeout",
    type=click.FloatRange(min=0, min_open=True, max=86_400),
    metavar="SECONDS",
    help="When the server gives up; default GUESTSQL_DEADLINE_SECONDS.",
)
@format_option
@pass_app
def run(  # noqa: PLR0917  click passes them by name
    app: App,
    name: str,
    pairs: tuple[str, ...],
    nulls: tuple[str, ...],
    write: bool,
    timeout: float | None,
    format_name: str | None,
) -> None:
    """Run a query and print what it returns.

    Values are converted by the casts of the query. Reading is done on DATABASE_REPLICA_URL if that is set, writing on
    DATABASE_URL. In csv and tsv NULL is an empty field, and an array or an object is JSON.
    """
    settings = app.settings
    found = _named(load_catalogue(settings.queries_dir), name)
    parameters = parse_parameters(found, pairs, nulls)
    output = app.output(format_name)
    address = main_url(settings) if write else reading_url(settings)
    with address as url:
        result = run_query(settings, url, found, parameters, write=write, timeout=timeout or settings.deadline_seconds)
    _print(output, found, result)


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


def _named(catalogue: Catalogue, name: str) -> Query:
    found = catalogue.get(name)
    if found is not None:
        return found
    near = difflib.get_close_matches(name, list(catalogue), n=3, cutoff=0.5)
    hint = f"did you mean {' or '.join(near)}?" if near else "see guestsql query list"
    raise click.UsageError(f"no query is named {name!r}: {hint}")


def _first_line(doc: str) -> str:
    return doc.split("\n", 1)[0]
