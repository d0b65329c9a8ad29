"""The server's errors, with their place in the query's file and what the person can do."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from types import MappingProxyType

import psycopg

from guestsql.adhoc.parameters import refused_value
from guestsql.sql import Query
from guestsql.sql.translate import translate

__all__ = ["NO_HINTS", "explained"]

NO_HINTS: Mapping[str, str] = MappingProxyType({})
"""Those of the library are enough."""


@contextmanager
def explained(
    query: Query, parameters: Mapping[str, str | None], hints: Mapping[str, str] = NO_HINTS, *, shift: int = 0
) -> Generator[None]:
    """Raise the server's errors with their place in the file, and with the caller's hints.

    Args:
        query: the query that is run.
        parameters: its parameters.
        hints: how to fix an error, by SQLSTATE.
        shift: how many characters were put before its text.

    Raises:
        ParameterError: the server cannot take the value of a parameter.
        DatabaseError: any other error.
    """
    try:
        yield
    except psycopg.Error as error:
        refused = refused_value(query, parameters, error)
        if refused is not None:
            raise refused from error
        failure = translate(error, query.name)
        position = error.diag.statement_position
        if position is not None and int(position) > shift:
            line, column = query.locate(int(position) - shift)
            failure.message = f"{failure.message}, at {query.file}:{line}:{column}"
        failure.hint = hints.get(error.sqlstate or "", failure.hint)
        raise failure from error
