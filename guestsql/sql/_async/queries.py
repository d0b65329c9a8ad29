"""`database.queries`: every named query as a method."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Protocol

from guestsql.errors import InvalidValue
from guestsql.sql import InUse
from guestsql.sql._async.executor import AsyncExecutor
from guestsql.sql.attempts import Policy

__all__ = ["AsyncQueries"]


class _Opener(Protocol):
    async def __call__(self) -> AsyncExecutor: ...


class AsyncQueries:
    """The queries of one database: `queries.get_profile(phone_number="573000000001")`.

    A method takes the query's parameters by name, of which those with a default may be left out, and returns what the
    operator behind the query's name says: a list of rows, a row or None (`^`), a value or None (`$`), or a count of
    rows (`!`). Rows are named tuples, of a class if stubs were written. Each call is a transaction of its own.
    `list(db.queries)` gives the names, `help(db.queries.get_profile)` what the file says.

    Nobody knows whether any query may be done twice, so one that may have run when the connection was lost is not
    repeated: the error is then `OutcomeUnknown`, for reads too, which the caller may repeat. Whatever else was in the
    way is believed only if the server itself says that it undid the statement; of a procedure that commits on its way
    (`CALL`, `DO`) it cannot.

    Raises:
        AttributeError: no query has this name.
        TypeError: a parameter is missing or unknown.
        InvalidValue: a text holds half an emoji.
        OutcomeUnknown: the connection was lost on the way, the deadline passed without an answer, or a procedure was
            broken off.
        DatabaseError: the server refused it, or could not be reached in time.
    """

    def __init__(self, in_use: InUse, ready: _Opener) -> None:
        self._in_use = in_use
        self._ready = ready

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
            executor = await self._ready()
            try:
                return await executor.call(name, parameters, policy=Policy.IF_UNDONE)
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
