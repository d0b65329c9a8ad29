"""The aiosql adapter for psycopg 3: every named query passes here, and nowhere else.

It puts the parameters in order, runs the statement eagerly, and translates, times and logs what comes of it.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from time import perf_counter
from typing import Any

import psycopg
from psycopg import AsyncConnection, AsyncCursor

from guestsql._log import event, logger
from guestsql._sql import Catalogue, arrange
from guestsql._translate import translate

__all__ = ["AsyncAdapter"]

Parameters = Mapping[str, object]


class AsyncAdapter:
    """Runs the queries of one catalogue.

    Args:
        catalogue: where the names of the parameters are put in the order of `$1`, `$2`, ….
    """

    is_aio_driver = True

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue

    def process_sql(self, query_name: str, op_type: object, sql: str) -> str:
        """Return the text as it is: the catalogue has rewritten it already."""
        del query_name, op_type
        return sql

    async def select(
        self,
        conn: AsyncConnection[Any],
        query_name: str,
        sql: str,
        parameters: Parameters,
        record_class: object = None,
    ) -> list[Any]:
        """Return all rows, in the query's order."""
        del record_class
        async with await self._run(conn, query_name, sql, parameters) as cursor:
            return await cursor.fetchall()

    async def select_one(
        self,
        conn: AsyncConnection[Any],
        query_name: str,
        sql: str,
        parameters: Parameters,
        record_class: object = None,
    ) -> Any | None:  # noqa: ANN401  a row's type is the query's
        """Return the first row, or None."""
        del record_class
        async with await self._run(conn, query_name, sql, parameters) as cursor:
            return await cursor.fetchone()

    async def select_value(
        self, conn: AsyncConnection[Any], query_name: str, sql: str, parameters: Parameters
    ) -> Any | None:  # noqa: ANN401  a value's type is the query's
        """Return the first column of the first row, or None."""
        async with await self._run(conn, query_name, sql, parameters) as cursor:
            row = await cursor.fetchone()
        return None if row is None else row[0]

    async def insert_update_delete(
        self, conn: AsyncConnection[Any], query_name: str, sql: str, parameters: Parameters
    ) -> int:
        """Return the number of rows that were written."""
        async with await self._run(conn, query_name, sql, parameters) as cursor:
            return cursor.rowcount

    async def _run(self, conn: AsyncConnection[Any], name: str, sql: str, parameters: Parameters) -> AsyncCursor[Any]:
        values = arrange(self._catalogue[name], parameters)
        started = perf_counter()
        try:
            cursor = await conn.execute(sql, values)
        except psycopg.Error as error:
            failure = translate(error, name)
            event(
                logging.ERROR,
                "DATABASE_ERROR",
                failure.message,
                query=name,
                duration_ms=_milliseconds(started),
                sqlstate=failure.sqlstate,
            )
            raise failure from error
        if logger.isEnabledFor(logging.DEBUG):
            event(
                logging.DEBUG,
                "DATABASE_QUERY",
                "query done",
                query=name,
                duration_ms=_milliseconds(started),
                rows=cursor.rowcount,
            )
        return cursor


def _milliseconds(started: float) -> float:
    return round((perf_counter() - started) * 1000, 3)
