"""A query's parameters: texts that a person gives, and the types and defaults in the query's comments."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

import psycopg

from guestsql.adhoc.redaction import mask_phones
from guestsql.sql import Parameter, Query
from guestsql.sql.type_names import element_type

__all__ = ["MissingParameter", "ParameterError", "given_values", "parse_values", "refused_value"]

# Errors of a value: class 22, data exceptions, and the check of a domain.
_OF_VALUES = ("22", "23514")
# A number of rows below zero, of which the server says the clause alone.
_CLAUSES = {"2201W": "LIMIT", "2201X": "OFFSET"}
# How the server names the value that it refuses, in any language: `unnamed portal parameter $1 = '…'`.
_IN_CONTEXT = re.compile(r"\$(?P<number>\d+)(?: = .*)?$")


class ParameterError(ValueError):
    """A parameter is missing, unknown, or has a value that cannot be used. The message quotes no phone number.

    Attributes:
        parameter: its name; "" when it is none of the query's.
        reason: the message without what a form shows beside it anyway: the parameter's name, type and text.
    """

    def __init__(self, parameter: str, message: str, *, reason: str = "") -> None:
        super().__init__(parameter, message)
        self.parameter = parameter
        self.reason = reason or message

    def __str__(self) -> str:
        return str(self.args[1])


class MissingParameter(ParameterError):
    """A parameter without a default has no value."""


def parse_values(query: Query, given: Mapping[str, str | None]) -> dict[str, str | None]:
    """Return the query's parameters as texts, which its own casts convert.

    Args:
        query: whose parameters they are.
        given: texts by name; None is NULL. A value of an array type is PostgreSQL's literal (`{a,"b, c"}`), or its
            elements with commas between them.

    Returns:
        A value for each parameter of the query; those not given have their default.

    Raises:
        MissingParameter: a parameter without a default has no value.
        ParameterError: a name is unknown, or a text cannot be sent.
    """
    values = given_values(query, given)
    missing = [each for each in query.parameters if each.name not in values and each.default is None]
    if missing:
        needed = "; ".join(_described(parameter) for parameter in missing)
        raise MissingParameter(missing[0].name, f"{query.name} needs {missing[0].name}: {needed}")
    return {each.name: values.get(each.name, each.default_value) for each in query.parameters}


def given_values(query: Query, given: Mapping[str, str | None]) -> dict[str, str | None]:
    """Return the parameters that are given, as texts; those of array types as PostgreSQL's literals.

    Args:
        query: whose parameters they are.
        given: texts by name; None is NULL.

    Raises:
        ParameterError: a name is unknown, or a text cannot be sent.
    """
    known = {parameter.name: parameter for parameter in query.parameters}
    for name in given:
        if name not in known:
            raise ParameterError("", f"{query.name} has no parameter {name!r}: it is {_signature(query)}")
    return {name: None if value is None else _literal(value, known[name]) for name, value in given.items()}


def refused_value(query: Query, values: Mapping[str, str | None], error: psycopg.Error) -> ParameterError | None:
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
    reason = mask_phones(f"'{values[name]}'{wanted} ({said})")
    return ParameterError(name, f"parameter {name}: {reason}; wanted: {_described(parameter)}", reason=reason)


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


def _signature(query: Query) -> str:
    """`name(parameter type = default, …)`."""
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


def _literal(value: str, parameter: Parameter) -> str:
    """A list with commas as PostgreSQL's array literal; anything else as it is."""
    try:
        value.encode()
    except UnicodeEncodeError:
        raise ParameterError(parameter.name, f"the value of {parameter.name} is not UTF-8") from None
    if "\0" in value:
        raise ParameterError(parameter.name, f"the value of {parameter.name} has the character NUL: remove it")
    if element_type(parameter.type) is None or value.lstrip().startswith("{"):
        return value
    return "{" + ",".join(_element(each.strip()) for each in value.split(",") if each.strip()) + "}"


def _element(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
