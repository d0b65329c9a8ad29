"""What the commands of `guestsql query` share."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from typing import Any, TypeVar

import click
from click.shell_completion import CompletionItem

from guestsql.cli.app import App
from guestsql.errors import GuestSQLError
from guestsql.sql import Catalogue, Operator, Query, internal_directory, scan_directory
from guestsql.sql.page_marks import mark_text

__all__ = ["HINTS", "RETURNS", "complete_name", "named", "timeout_option", "whole"]

RETURNS = {Operator.ROWS: "rows", Operator.ROW: "row", Operator.VALUE: "value", Operator.COUNT: "count"}

HINTS = {"25006": "it writes: run it with --write", "57014": "raise --timeout"}
"""How to fix an error in the shell, by SQLSTATE."""

Command = TypeVar("Command", bound=Callable[..., Any])


def timeout_option(command: Command) -> Command:
    """Give a command the option `--timeout`, in seconds or None."""
    return click.option(
        "--timeout",
        type=click.FloatRange(min=0, min_open=True, max=86_400),
        metavar="SECONDS",
        help="How long the query may run. Default: GUESTSQL_DEADLINE_SECONDS.",
    )(command)


def complete_name(_context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Complete a query's name."""
    try:
        catalogue = App().catalogue
    except (GuestSQLError, OSError):  # completion must stay silent
        return []
    return [
        CompletionItem(name, help=found.summary) for name, found in catalogue.items() if name.startswith(incomplete)
    ]


def named(catalogue: Catalogue, name: str) -> Query:
    """Return a query by its name.

    The monitoring views also name queries that only guestsql itself runs, so these are found too.

    Raises:
        UsageError: there is none; the message suggests the nearest names.
    """
    found = catalogue.get(name) or scan_directory(internal_directory())[0].get(name)
    if found is not None:
        return found
    near = difflib.get_close_matches(name, list(catalogue), n=3, cutoff=0.5)
    hint = f"did you mean {' or '.join(near)}?" if near else "see guestsql query list"
    raise click.UsageError(f"no query is named {name!r}: {hint}")


def whole(found: Query) -> dict[str, object]:
    """Return everything that the file says about a query, for programs."""
    parameters = [
        {
            "name": each.name,
            "type": each.type,
            "default": each.default,
            "doc": each.doc,
            "spanish": each.spanish,
            "choices": each.choices or None,
        }
        for each in found.parameters
    ]
    return {
        "name": found.name,
        "returns": RETURNS[found.operator],
        "parameters": parameters,
        "file": str(found.file),
        "line": found.line,
        "doc": found.doc,
        "spanish": found.spanish,
        "chart": mark_text(found.marks, "chart") or None,
        "dashboard": found.dashboard or None,
        "cache_seconds": found.cache_seconds,
    }
