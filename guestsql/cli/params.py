"""A query's parameters: from `-p name=value`, and the types and defaults in the query's comments."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

import click
import psycopg

from guestsql.cli.redaction import mask_phones
from guestsql.sql import Parameter, Query
from guestsql.sql.type_names import element_type

__all__ = ["given_parameters", "param_options", "parse_parameters", "refused_value", "signature"]

Command = TypeVar("Command", bound=Callable[..., Any])

# Errors of a value: class 22, data exceptions, and the check of a domain.
_OF_VALUES = ("22", "23514")
# A number of rows below zero, of which the server says the clause alone.
_CLAUSES = {"2201W": "LIMIT", "2201X": "OFFSET"}
# How the server names the value that it refuses, in any language: `unnamed portal parameter $1 = '…'`.
_IN_CONTEXT = re.compile(r"\$(?P<number>\d+)(?: = .*)?$")


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
    """Return the query's parameters as texts, which its own casts convert.

    Args:
        query: whose parameters they are.
        pairs: `name=value` each. A value of an array type is PostgreSQL's literal (`{a,"b, c"}`), or its elements with
            commas between them.
        nulls: names of parameters that are NULL.

    Returns:
        A value for each parameter of the query; those not given have their default.

    Raises:
        UsageError: a pair cannot be read, a name is unknown or given twice, or a value is missing.
    """
    values = given_parameters(query, pairs, nulls)
    missing = [each for each in query.parameters if each.name not in values and each.default is None]
    if missing:
        needed = "; ".join(_described(parameter) for parameter in missing)
        raise click.UsageError(f"{query.name} needs -p {missing[0].name}=…: {needed}")
    return {each.name: values.get(each.name, each.default_value) for each in query.parameters}


def given_parameters(query: Query, pairs: Sequence[str], nulls: Sequence[str]) -> dict[str, str | None]:
    """Return the parameters that are given, as texts.

    Args:
        query: whose parameters they are.
        pairs: `name=value` each.
        nulls: names of parameters that are NULL.

    Raises:
        UsageError: a pair cannot be read, or a name is unknown or given twice.
    """
    known = {parameter.name: parameter for parameter in query.parameters}
    values: dict[str, str | None] = {}
    for name, value in [*map(_pair, pairs), *((name, None) for name in nulls)]:
        if name not in known:
            raise click.UsageError(f"{query.name} has no parameter {name!r}: it is {signature(query)}")
        if name in values:
            raise click.UsageError(f"the parameter {name} is given twice")
        values[name] = None if value is None else _literal(value, known[name])
    return values


def refused_value(query: Query, values: Mapping[str, str | None], error: psycopg.Error) -> click.UsageError | None:
    """Return the error that names the parameter whose value the server cannot take; None when it is another error.

    Args:
        query: the query that was run.
        values: its parameters.
        error: what the server said.
    """
    if not (error.sqlstate or "").startswith(_OF_VALUES):
        return None
    name = _named_by_server(query, error) or _quoted_by_server(values, error) or _below_zero(query, values, error)
    if name is None:
        return None
    parameter = next(each for each in query.parameters if each.name == name)
    is_other_type = parameter.type is not None and error.sqlstate not in _CLAUSES
    wanted = f" is not of type {parameter.type}" if is_other_type else " does not fit"
    said = (error.diag.message_primary or str(error)).split("\n", 1)[0]
    message = f"parameter {name}: '{values[name]}'{wanted} ({said})"
    return click.UsageError(f"{mask_phones(message)}; wanted: {_described(parameter)}")


def _named_by_server(query: Query, error: psycopg.Error) -> str | None:
    last = (error.diag.context or "").rstrip().rpartition("\n")[2]
    found = _IN_CONTEXT.search(last)
    number = int(found["number"]) if found else 0
    return query.positional[number - 1] if 0 < number <= len(query.positional) else None


def _quoted_by_server(values: Mapping[str, str | None], error: psycopg.Error) -> str | None:
    """A value that the query itself converts further, `:id::text::xid8`: the server quotes it."""
    said = error.diag.message_primary or ""
    return next((name for name, value in values.items() if value is not None and f'"{value}"' in said), None)


def _below_zero(query: Query, values: Mapping[str, str | None], error: psycopg.Error) -> str | None:
    """The parameter behind the LIMIT or OFFSET that the server speaks of."""
    clause = _CLAUSES.get(error.sqlstate or "")
    if clause is None:
        return None
    names = re.findall(rf"\b{clause}[\s(]+:(\w+)", query.source, re.IGNORECASE)
    return next((name for name in names if (values.get(name) or "").lstrip().startswith("-")), None)


def signature(query: Query) -> str:
    """Return `name(parameter type = default, …)`."""
    return f"{query.name}({', '.join(_declared(query.parameters))})"


def _declared(parameters: Iterable[Parameter]) -> list[str]:
    return [
        " ".join(
            part
            for part in (each.name, each.type, None if each.default is None else f"= {each.default}")
            if part is not None
        )
        for each in parameters
    ]


def _described(parameter: Parameter) -> str:
    head = " ".join(part for part in (parameter.name, parameter.type) if part)
    return f"{head}, {parameter.doc}" if parameter.doc else head


def _pair(text: str) -> tuple[str, str | None]:
    name, equals, value = text.partition("=")
    if not equals or not name.strip():
        raise click.UsageError(f"-p {text!r} is not name=value; for NULL write --null {name.strip() or 'NAME'}")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise click.UsageError(f"the value of {name} is not UTF-8") from None
    return name.strip(), value


def _literal(value: str, parameter: Parameter) -> str:
    """Return a list with commas as PostgreSQL's array literal; anything else as it is."""
    if element_type(parameter.type) is None or value.lstrip().startswith("{"):
        return value
    return "{" + ",".join(_element(each.strip()) for each in value.split(",") if each.strip()) + "}"


def _element(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
