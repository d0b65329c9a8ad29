"""The options `-p name=value` and `--null name` of the commands that run a query."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import click

from guestsql.adhoc.parameters import MissingParameter, given_values, parse_values
from guestsql.sql import Query

__all__ = ["given_parameters", "param_options", "parse_parameters"]

Command = TypeVar("Command", bound=Callable[..., Any])


def param_options(command: Command) -> Command:
    """Give a command the options `-p` and `--null`, passed to it as `pairs` and `nulls`."""
    pairs = click.option(
        "-p",
        "--param",
        "pairs",
        multiple=True,
        metavar="NAME=VALUE",
        help="Set a parameter; an array is a,b,c or '{a,\"b, c\"}'. Default: the one in the query's comments.",
    )
    nulls = click.option("--null", "nulls", multiple=True, metavar="NAME", help="Set a parameter to NULL.")
    return pairs(nulls(command))


def parse_parameters(query: Query, pairs: Sequence[str], nulls: Sequence[str]) -> dict[str, str | None]:
    """Return a value for each parameter of the query; those not given have their default.

    Args:
        query: whose parameters they are.
        pairs: `name=value` each.
        nulls: names of parameters that are NULL.

    Raises:
        UsageError: a pair cannot be read, a name is given twice, or a value is missing.
        ParameterError: a name is unknown, or a text cannot be sent.
    """
    try:
        return parse_values(query, _by_name(pairs, nulls))
    except MissingParameter as error:
        needed = str(error).replace(f"needs {error.parameter}:", f"needs -p {error.parameter}=…:", 1)
        raise click.UsageError(needed) from error


def given_parameters(query: Query, pairs: Sequence[str], nulls: Sequence[str]) -> dict[str, str | None]:
    """Return the parameters that are given, as texts.

    Args:
        query: whose parameters they are.
        pairs: `name=value` each.
        nulls: names of parameters that are NULL.

    Raises:
        UsageError: a pair cannot be read, or a name is given twice.
        ParameterError: a name is unknown, or a text cannot be sent.
    """
    return given_values(query, _by_name(pairs, nulls))


def _by_name(pairs: Sequence[str], nulls: Sequence[str]) -> dict[str, str | None]:
    values: dict[str, str | None] = {}
    for name, value in [*map(_pair, pairs), *((name, None) for name in nulls)]:
        if name in values:
            raise click.UsageError(f"the parameter {name} is given twice")
        values[name] = value
    return values


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name.strip():
        raise click.UsageError(f"-p {text!r} is not name=value; for NULL write --null {name.strip() or 'NAME'}")
    return name.strip(), value
