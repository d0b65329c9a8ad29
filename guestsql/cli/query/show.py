"""`guestsql query show`: a query as its file has it, what it returns, how Python calls it, and how psql runs it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import click

from guestsql.adhoc.described import Described, ask_server, may_have_server
from guestsql.adhoc.python_call import python_call
from guestsql.adhoc.target import open_target
from guestsql.cli.app import App, pass_app
from guestsql.cli.output import Output
from guestsql.cli.query.common import complete_name, named, whole
from guestsql.cli.waiting import ON_STDERR
from guestsql.errors import GuestSQLError
from guestsql.sql import Catalogue, Operator, Query
from guestsql.sql.psql import psql_preamble, psql_query, written_head
from guestsql.sql.samples import Origin, Sample, sample_values, shared_samples, unknown_types

__all__ = ["show"]

_RETURNS = {
    Operator.ROWS: "Returns rows of",
    Operator.ROW: "Returns a row, or None, of",
    Operator.VALUE: "Returns the value, or None, of",
    Operator.COUNT: "Returns the number of rows",
}
_COLUMNS = "columns"


@dataclass(frozen=True, slots=True)
class _Shown:
    """A query with what is shown beside it; `described` is None if no server described it."""

    query: Query
    samples: Mapping[str, Sample]
    described: Described | None
    python: str


@click.command(
    epilog="""\b
Examples:
  guestsql query show list_last_interactions
  guestsql query show list_last_interactions --psql | psql "$DATABASE_URL"
  guestsql query show monitoring_sessions.sql --preamble > samples.psql
  psql "$DATABASE_URL" -X -v ON_ERROR_STOP=1 -f samples.psql -f queries/monitoring_sessions.sql

\b
A parameter's sample value is at the end of its line in the file:
  --   status: text, the booking's state, e.g. 'booked'
""",
)
@click.argument("name", shell_complete=complete_name)
@click.option(
    "--format",
    "format_name",
    type=click.Choice(("sql", "json")),
    default="sql",
    show_default=True,
    help="sql is the query with comments; json is one object with columns, sample values, Python and SQL.",
)
@click.option("--psql", is_flag=True, help=r"Print \set lines with sample values and the query, for psql.")
@click.option("--preamble", is_flag=True, help=r"Print only the \set lines.")
@pass_app
def show(app: App, name: str, format_name: str, psql: bool, preamble: bool) -> None:
    """Show a query's SQL, its columns, and a call in Python.

    The server reports the columns, if there is one. For --psql and --preamble NAME may be a file, such as
    monitoring_sessions.sql: all of its queries with one set of values.
    """
    catalogue = app.catalogue
    if format_name == "json" and (psql or preamble):
        raise click.UsageError("--psql and --preamble are not JSON: remove --format")
    if psql or preamble:
        _show_for_psql(app, catalogue, _chosen(catalogue, name), alone=preamble)
        return
    shown = _shown(app, catalogue, named(catalogue, name))
    if format_name == "json":
        _print_json(shown)
    else:
        _print_sql(shown)


def _chosen(catalogue: Catalogue, name: str) -> list[Query]:
    """The query of a name, or those of a file."""
    if not name.endswith(".sql"):
        return [named(catalogue, name)]
    found = [query for query in catalogue.values() if query.file.name == name.rpartition("/")[2]]
    if not found:
        files = ", ".join(sorted({query.file.name for query in catalogue.values()}))
        raise click.UsageError(f"no file of queries is named {name!r}: there are {files}")
    return found


def _show_for_psql(app: App, catalogue: Catalogue, queries: list[Query], *, alone: bool) -> None:
    types = unknown_types(queries)
    described = _ask(app, None, types) if types else None
    samples = shared_samples(queries, list(catalogue.values()), described.base_types if described else None)
    _tell_guesses(app, samples.values())
    click.echo(psql_preamble(queries, samples), nl=False)
    if not alone:
        click.echo("\n".join(psql_query(query) for query in queries), nl=False)


def _tell_guesses(app: App, samples: Iterable[Sample]) -> None:
    for sample in samples:
        if sample.origin is Origin.NOWHERE:
            app.say(
                f"guestsql: {sample.name} is NULL: no sample value of type {sample.type} is known; "
                f"end its line in the file with: e.g. 'value'"
            )


def _shown(app: App, catalogue: Catalogue, query: Query) -> _Shown:
    described = _ask(app, query, unknown_types([query]))
    samples = sample_values(query, catalogue.values(), described.base_types if described else None)
    folder = None if app.settings.packaged else app.settings.queries_dir
    return _Shown(query, samples, described, python_call(query, samples, folder))


def _ask(app: App, query: Query | None, types: list[str]) -> Described | None:
    what = _COLUMNS if query is not None else f"types {', '.join(types)}"
    if not may_have_server(app.settings):
        app.say(f"guestsql: the {what} are unknown: there is no server (set DATABASE_URL)")
        return None
    try:
        with open_target(app.settings, ON_STDERR, main=False) as target:
            return ask_server(target, query, types)
    except GuestSQLError as error:
        app.say(f"guestsql: the {what} are unknown: {error}")
        return None


def _print_json(shown: _Shown) -> None:
    described = shown.described
    columns = None if described is None else [{"name": name, "type": type_} for name, type_ in described.columns]
    samples = {name: each.value for name, each in shown.samples.items()}
    rest = {"columns": columns, "samples": samples, "python": shown.python, "sql": shown.query.source}
    Output("json").row({**whole(shown.query), **rest})


def _print_sql(shown: _Shown) -> None:
    query = shown.query
    click.echo(f"-- {query.file}:{query.line}\n{written_head(query)}{query.source.strip()};")
    click.echo(f"\n{_returned(query, shown.described)}", nl=False)
    # A comment over lines, so that the lines can be copied as they are.
    click.echo(f"\n/* In Python:\n{shown.python}*/")


def _returned(query: Query, described: Described | None) -> str:
    head = _RETURNS[query.operator]
    if query.operator is Operator.COUNT or (described is not None and not described.columns):
        return f"-- {head.removesuffix(' of')}.\n"
    if described is None:
        return f"-- {head} columns, which only a server knows.\n"
    width = max(len(name) for name, _ in described.columns)
    return f"-- {head}:\n" + "".join(f"--   {name:{width}}  {type_}\n" for name, type_ in described.columns)
