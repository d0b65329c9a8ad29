# Generated from ../_async by tools/generate_sync.py (make sync). Do not edit.
"""The aiosql adapter for psycopg 3: every named query passes here, and nowhere else.

It puts the parameters in order, runs the statement eagerly, and translates, times and logs what comes of it.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from time import perf_counter
from typing import TYPE_CHECKING, Any, LiteralString

import psycopg
from psycopg import Cursor

from guestsql.errors import DatabaseError, OutcomeUnknown
from guestsql.sql import Catalogue, arrange, operation_name
from guestsql.sql._sync.connection import DeadlineConnection
from guestsql.sql._sync.pipeline import (
    ASYNC_COMMIT,
    Setting,
    bound,
    commits_alone,
    execute_together,
)
from guestsql.sql.describe import client_encoding, described
from guestsql.sql.operation import is_write
from guestsql.sql.result_rows import RowMaker, Shape, column_names
from guestsql.sql.runtime import Result
from guestsql.sql.translate import is_remediable, is_transient, translate
from guestsql.sql.unreadable import unreadable
from guestsql.telemetry.attributes import (
    Attributes,
    server_attributes,
    statement_attributes,
)
from guestsql.telemetry.counting import Counting
from guestsql.telemetry.log import event, logger
from guestsql.telemetry.tracing import make_tracing

if TYPE_CHECKING:
    from guestsql.telemetry.spans import StatementSpan

__all__ = ["SyncAdapter"]

Parameters = Mapping[str, object]
# Whether it commits asynchronously, and whether it writes.
Effect = tuple[bool, bool]
Fetch = Callable[[Cursor[Any]], Result[Any]]

# A cursor that is kept keeps its last result too, until it runs again.
_ROWS_KEPT = 100


class SyncAdapter:
    """Runs the queries of one catalogue. For psycopg their texts are literals: they come from files, not from input.

    Args:
        catalogue: where the names of the parameters are put in the order of `$1`, `$2`, ….
        counting: counts the calls; the executor counts the errors, when it knows what they mean. None counts nothing.
    """

    is_aio_driver = False

    def __init__(self, catalogue: Catalogue, counting: Counting | None = None) -> None:
        self._catalogue = catalogue
        self._counting = counting
        self._effects: dict[str, Effect] = {}
        self._tracing = make_tracing()
        self._described: dict[str, Attributes] = {}
        self._shapes: dict[str, Shape] = {}
        # aiosql's four kinds of calls are one, and differ in what is fetched.
        self.select = partial(self._run, Cursor.fetchall)
        self.select_one = partial(self._run, Cursor.fetchone)
        self.select_value = partial(self._run, _fetch_value)
        self.insert_update_delete = partial(self._run, _fetch_count)

    def process_sql(self, query_name: str, op_type: object, sql: str) -> str:
        """Return the text as it is: the catalogue has rewritten it already."""
        del query_name, op_type
        return sql

    def _run(
        self,
        fetch: Fetch,
        conn: DeadlineConnection,
        name: str,
        sql: LiteralString,
        parameters: Parameters,
        *_record_class: object,
    ) -> Any:  # noqa: ANN401  the query's own
        """Run a statement, and return what is fetched of its result."""
        values = arrange(self._catalogue[name], parameters)
        span: StatementSpan | None = None
        started = perf_counter()
        try:  # a closed connection gives neither a cursor nor its address
            cursor = conn.cursors.get(name) or _kept_cursor(conn, name)
            span = None if self._tracing is None else self._begin_span(cursor, name)
            effect = self._effects.get(name) or self._new_effect(name)
            settings = self._settings(conn, *effect) if True in effect else ()
            if conn.companion is None and not settings:
                cursor.execute(sql, values)
            else:
                execute_together(cursor, sql, values, companion=conn.companion, settings=settings)
        except BaseException as error:
            failure = self._failure(error, name, started, span)
            if failure is None:
                raise
            # The detail of a refused value holds the value, a phone number perhaps, and would appear in a traceback.
            raise failure from (None if _quotes_values(failure) else error)
        if self._counting is not None:
            self._counting.call(name, started, cursor.rowcount)
        if span is not None:
            span.end()
        shape = self._shapes.get(name) or self._new_shape(name)
        rows: Any = cursor.row_factory
        if rows.is_changed or not shape.has_tag(cursor.pgresult):
            self._require_own(cursor, rows, shape, name)
        if logger.isEnabledFor(logging.DEBUG):
            _log_done(cursor, name, started)
        try:
            return fetch(cursor)
        except Exception:  # noqa: BLE001  the rows are here: only a loader can fail, with whatever it likes
            failure = unreadable(cursor, name)
            _log_failure(failure, perf_counter())
            raise failure from None
        finally:
            if cursor.rowcount > _ROWS_KEPT:
                del conn.cursors[name]

    def _new_effect(self, name: str) -> Effect:
        # Not for all queries at once: opening a database would cut each of them into tokens, and keep those.
        query = self._catalogue[name]
        effect = self._effects[name] = query.commits_async, is_write(query.tokens)
        return effect

    def _settings(self, conn: DeadlineConnection, is_async: bool, writes: bool) -> Sequence[Setting]:
        """Return what is set for a statement that is a transaction of its own."""
        # A write that waits for a lock would otherwise be done after its caller has given up.
        is_bound = not conn.has_session and writes and conn.deadline != math.inf
        if not (is_async or is_bound) or not commits_alone(conn):
            return ()
        return [*([ASYNC_COMMIT] if is_async else []), *([bound(conn.deadline)] if is_bound else [])]

    def _failure(
        self, error: BaseException, name: str, started: float, span: StatementSpan | None
    ) -> DatabaseError | None:
        """Count and log a statement that failed; return its error, or None for one that is not the server's."""
        failure = translate(error, name) if isinstance(error, psycopg.Error) else None
        if self._counting is not None:
            self._counting.call(name, started, 0)
            if failure is None:  # a task that was cancelled, a text that cannot be encoded
                self._counting.error(name, error)
        if span is not None:
            span.end(failure or error)
        if failure is not None:
            _log_failure(failure, started)
        return failure

    def _new_shape(self, name: str) -> Shape:
        shape = self._shapes[name] = Shape.of(operation_name(self._catalogue[name].tokens))
        return shape

    def _require_own(self, cursor: Cursor[Any], rows: RowMaker, shape: Shape, name: str) -> None:
        """Check that a result is the query's own; the first one of each query is, because nothing is prepared yet.

        Columns that differ from those of the last result may be the query's own too: a migration has changed a table,
        or a file was edited. So the server is asked.

        Raises:
            OutcomeUnknown: the result is another statement's.
        """
        is_known = shape.columns is None or shape.columns == rows.columns
        if shape.has_tag(cursor.pgresult) and (is_known or self._has_changed(cursor, rows, name)):
            shape.columns, rows.is_changed = rows.columns, False
            return
        cursor.connection.close()
        failure = OutcomeUnknown(
            "the answer belongs to another statement, perhaps another client's",
            query=name,
            hint="what was read or written is unknown; if the address is a pooler's, set GUESTSQL_POOLER=transaction",
        )
        _log_failure(failure, perf_counter())
        raise failure

    def _has_changed(self, cursor: Cursor[Any], rows: RowMaker, name: str) -> bool:
        """Ask whether the query has the columns of the result by now."""
        connection = cursor.connection
        try:
            with connection.lock:
                asking = described(connection.pgconn, self._catalogue[name].text, client_encoding(connection))
                return column_names(connection.wait(asking)) == rows.columns
        except psycopg.Error:
            return False

    def _begin_span(self, cursor: Cursor[Any], name: str) -> StatementSpan | None:
        if self._tracing is None or not self._tracing.is_on():
            return None
        statement = self._described.get(name)
        if statement is None:
            query = self._catalogue[name]
            statement = self._described[name] = statement_attributes(name, operation_name(query.tokens), query.text)
        info = cursor.connection.info
        return self._tracing.begin(statement, server_attributes(info.host, info.port, info.dbname))


def _fetch_value(cursor: Cursor[Any]) -> Any | None:  # noqa: ANN401  a value's type is the query's
    row = cursor.fetchone()
    return None if row is None else row[0]


def _fetch_count(cursor: Cursor[Any]) -> int:
    return max(0, cursor.rowcount)  # psycopg has -1 for CALL and other commands without a count


def _log_done(cursor: Cursor[Any], name: str, started: float) -> None:
    event(
        logging.DEBUG,
        "DATABASE_QUERY",
        "query done",
        query=name,
        duration_ms=_milliseconds(started),
        rows=cursor.rowcount,
    )


def _log_failure(failure: DatabaseError, started: float) -> None:
    # What may be repeated is the executor's to call an error, when it gives up.
    level = logging.WARNING if is_transient(failure) else logging.ERROR
    event(
        logging.DEBUG if is_remediable(failure) else level,
        "DATABASE_ERROR",
        failure.message,
        query=failure.query,
        duration_ms=_milliseconds(started),
        sqlstate=failure.sqlstate,
    )


def _kept_cursor(conn: DeadlineConnection, name: str) -> Cursor[Any]:
    cursor = conn.cursors[name] = conn.cursor(row_factory=RowMaker(name))
    return cursor


def _quotes_values(failure: DatabaseError) -> bool:
    return failure.sqlstate is not None and failure.sqlstate.startswith(("22", "23"))


def _milliseconds(started: float) -> float:
    return round((perf_counter() - started) * 1000, 3)
