"""`-p name=value` and the types and defaults in a query's comments, made into the query's parameters."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import click

from guestsql._sql import Parameter, Query

__all__ = ["parse_parameters", "signature"]


def parse_parameters(query: Query, pairs: Sequence[str], nulls: Sequence[str]) -> dict[str, str | None]:
    """Return the query's parameters as texts, which its own casts convert.

    Args:
        query: the query.
        pairs: `name=value` each. A value of an array type is PostgreSQL's literal (`{a,"b, c"}`), or its elements with
            commas between them.
        nulls: names of parameters that are NULL.

    Returns:
        A value for each parameter of the query; those not given have their default.

    Raises:
        UsageError: a pair cannot be read, a name is unknown or given twice, or a value is missing.
    """
    known = {parameter.name: parameter for parameter in query.parameters}
    values: dict[str, str | None] = {}
    for name, value in [*map(_pair, pairs), *((name, None) for name in nulls)]:
        if name not in known:
            raise click.UsageError(f"{query.name} has no parameter {name!r}: it is {signature(query)}")
        if name in values:
            raise click.UsageError(f"the parameter {name} is given twice")
        values[name] = None if value is None else _literal(value, known[name])
    missing = [each for each in query.parameters if each.name not in values and each.default is None]
    if missing:
        needed = "; ".join(_described(parameter) for parameter in missing)
        raise click.UsageError(f"{query.name} needs -p {missing[0].name}=…: {needed}")
    return {name: values.get(name, each.default_value) for name, each in known.items()}


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
    is_array = (parameter.type or "").endswith("[]")
    if not is_array or value.lstrip().startswith("{"):
        return value
    return "{" + ",".join(_element(each.strip()) for each in value.split(",") if each.strip()) + "}"


def _element(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
