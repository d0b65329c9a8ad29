"""`database.queries`: every named query as a method."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Protocol

from guestsql.errors import InvalidValue
from guestsql.sql import InUse

__all__ = ["AsyncQueries"]


class _Call(Protocol):
    async def __call__(self, name: str, parameters: Mapping[str, object]) -> Any: ...  # noqa: ANN401  the query's own


class AsyncQueries:
    """The queries of one database as methods: `queries.get_profile(phone_number="573000000001")`.

    A method takes the query's parameters by name; those with a default may be omitted. The operator after the query's
    name determines what it returns: a list of rows, a row or None (`^`), a value or None (`$`), or a count of rows
    (`!`). Rows are named tuples; with stubs they have a class. `list(db.queries)` returns the names,
    `help(db.queries.get_profile)` shows the comment in the file. Each call of `db.queries` is its own transaction;
    calls of `tx.queries` run in the transaction of `tx`.

    guestsql does not know whether a query may run twice. So if the connection was lost and the query may have run, it
    is not repeated: the error is `OutcomeUnknown`, also for a read, which the caller may repeat. After any other
    temporary failure a query is repeated only if the server itself reports that it undid the statement, which it cannot
    do for a procedure that commits while it runs (`CALL`, `DO`).

    Raises:
        AttributeError: no query has this name.
        TypeError: a parameter is missing or unknown.
        InvalidValue: a string contains a lone surrogate.
        OutcomeUnknown: the connection was lost during the call, the deadline passed without an answer, or a procedure
            was interrupted.
        DatabaseError: the server refused it, or could not be reached in time.
    """

    def __init__(self, in_use: InUse, call: _Call) -> None:
        self._in_use = in_use
        self._call = call

    # Type checkers know the methods from the stubs; with this they would take a misspelt one for a method too.
    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Callable[..., Any]:
            return self._method(name)

    def _method(self, name: str) -> Callable[..., Any]:
        # No query's name begins so: copy and pickle ask for such before there is anything in here.
        query = None if name.startswith("_") else self._in_use.catalogue.get(name)
        if query is None:
            # Without the object Python does not guess once more, behind this.
            raise AttributeError(self._unknown(name), name=name, obj=None)

        async def run(**parameters: object) -> Any:  # noqa: ANN401  the query's own
            try:
                return await self._call(name, parameters)
            except UnicodeEncodeError as error:
                raise InvalidValue(
                    f"query {name}: a parameter holds a lone surrogate (a broken emoji)",
                    hint='clean it with text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")',
                ) from error

        run.__name__ = run.__qualname__ = name
        run.__doc__ = query.doc
        return run

    def _unknown(self, name: str) -> str:
        near = [] if name.startswith("_") else difflib.get_close_matches(name, list(self._in_use.catalogue))
        meant = f": did you mean {' or '.join(near)}?" if near else ""
        return f"no query is named {name!r}{meant} (see guestsql query list)"

    def __dir__(self) -> list[str]:
        return sorted(self._in_use.catalogue)

    def __iter__(self) -> Iterator[str]:
        return iter(self._in_use.catalogue)

    def __len__(self) -> int:
        return len(self._in_use.catalogue)
