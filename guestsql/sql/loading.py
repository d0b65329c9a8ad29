"""The glue to aiosql: its `Queries` with this package's scanner, and equal answers in sync and async.

aiosql reads files by regular expression, makes a query without operator lazy, and gives an async generator
where the sync form gives a list. Here the files are read by the catalogue, the adapter fetches eagerly, and
every method returns what the adapter returns (awaited, when the adapter is asynchronous).
"""

from __future__ import annotations

import inspect
from functools import lru_cache
from typing import TYPE_CHECKING, Any, cast

from aiosql.queries import Queries
from aiosql.types import DriverAdapterProtocol, QueryDatum, QueryFn, SQLOperationType

from guestsql.sql.catalogue import Catalogue
from guestsql.sql.declaration import Operator

if TYPE_CHECKING:
    from guestsql.sql.query import Query

__all__ = ["EagerQueries", "bind_queries"]

_OPERATIONS = {
    Operator.ROWS: SQLOperationType.SELECT,
    Operator.ROW: SQLOperationType.SELECT_ONE,
    Operator.VALUE: SQLOperationType.SELECT_VALUE,
    Operator.COUNT: SQLOperationType.INSERT_UPDATE_DELETE,
}


def bind_queries(catalogue: Catalogue, adapter: object) -> EagerQueries:
    """Make a method of every query.

    Args:
        catalogue: the queries.
        adapter: an aiosql driver adapter whose `select` fetches at once: it returns a list, or is a coroutine
            function that does when `is_aio_driver` is true.

    Returns:
        An object with a method `name(connection, **parameters)` for each query.
    """
    # aiosql's protocol wants generators of `select`; the adapter is eager, on purpose.
    queries = EagerQueries(cast("DriverAdapterProtocol", adapter))
    queries.load_from_list([_datum(query) for query in catalogue.values()])
    return queries


class EagerQueries(Queries):
    """aiosql's container of queries; no method is lazy, and there are no `…_cursor` methods."""

    def _create_methods(self, query_datum: QueryDatum, is_aio: bool) -> list[QueryFn]:
        return [self._make_async_fn(query_datum) if is_aio else self._make_sync_fn(query_datum)]

    def _make_async_fn(self, query_datum: QueryDatum) -> QueryFn:
        if query_datum.operation_type is not SQLOperationType.SELECT:
            return super()._make_async_fn(query_datum)
        name, sql = query_datum.query_name, query_datum.sql

        # The arguments are unnamed as in aiosql, which checks and passes them on.
        async def fetch_rows(self: EagerQueries, conn: Any, *args: Any, **kwargs: Any) -> list[Any]:  # noqa: ANN401
            adapter: Any = self.driver_adapter  # aiosql's protocol knows no eager select
            rows: list[Any] = await adapter.select(conn, name, sql, self._params(None, None, args, kwargs), None)
            return rows

        return self._query_fn(
            fetch_rows,
            name,
            query_datum.doc_comments,
            sql,
            query_datum.operation_type,
            query_datum.signature,
            query_datum.floc,
            query_datum.attributes,
            query_datum.parameters,
        )

    def _params(
        self,
        attributes: object,
        params: object,
        args: list[Any] | tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> dict[str, Any]:
        del attributes, params  # neither is used: names are checked where they are put in order
        if args:
            raise TypeError("parameters of a query are given by name")
        return kwargs

    def _look_like_a_select(self, sql: str) -> bool:
        del sql
        return True  # VALUES, TABLE and SHOW return rows too; the server is asked by `guestsql check`


# Every database of a process, and every reload, binds the same queries.
@lru_cache(maxsize=1024)
def _datum(query: Query) -> QueryDatum:
    return QueryDatum(
        query_name=query.name,
        doc_comments=query.doc,
        operation_type=_OPERATIONS[query.operator],
        sql=query.text,
        record_class=None,
        signature=_signature(query),
        floc=(query.file, query.line),
        attributes=None,
        parameters=[parameter.name for parameter in query.parameters],
    )


def _signature(query: Query) -> inspect.Signature:
    first = [inspect.Parameter(name, inspect.Parameter.POSITIONAL_OR_KEYWORD) for name in ("self", "conn")]
    rest = [
        inspect.Parameter(
            parameter.name,
            inspect.Parameter.KEYWORD_ONLY,
            default=inspect.Parameter.empty if parameter.default is None else parameter.default_value,
        )
        for parameter in query.parameters
    ]
    return inspect.Signature([*first, *rest])
