"""Asks the server about queries: it refuses one, or describes its parameters, columns and plan."""

from __future__ import annotations

from collections.abc import Collection, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from typing import Any, cast

import psycopg
from psycopg import sql
from psycopg.rows import tuple_row

from guestsql.check.utility import absence
from guestsql.sql import Query
from guestsql.sql._sync.connection import DeadlineConnection
from guestsql.sql.describe import ResultColumn, describe
from guestsql.sql.packaged import packaged_queries
from guestsql.sql.plan import PlanNode

__all__ = ["Accepted", "Refused", "ask_server"]

_NAME = "guestsql_check"

# Only what no index can serve is then still read whole, however small the empty tables look: nothing else than a
# nested loop over an index competes with a scan.
_BY_INDEX = {
    "enable_seqscan": "off",
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
    "enable_material": "off",
    "enable_memoize": "off",
    "plan_cache_mode": "force_generic_plan",
    "max_parallel_workers_per_gather": "0",
    "jit": "off",
    "statement_timeout": "0",
}


@dataclass(frozen=True, slots=True)
class Refused:
    """The server refuses the statement.

    Attributes:
        sqlstate: the five-character code.
        message: the server's, on one line.
        hint: the server's, or "".
        position: 1-based, in characters of the query's text, or None.
    """

    sqlstate: str
    message: str
    hint: str
    position: int | None


@dataclass(frozen=True, slots=True)
class Accepted:
    """The server's description of a statement that it accepts.

    Attributes:
        parameter_types: oid of the type of each `$n`.
        columns: what it returns.
        by_index: its generic plan when indexes are used wherever they can be; None for what has no plan.
        unfit: the parameters whose default is not a value of their type, each with the server's message.
    """

    parameter_types: tuple[int, ...]
    columns: tuple[ResultColumn, ...]
    by_index: PlanNode | None = None
    unfit: tuple[tuple[str, str], ...] = ()


def ask_server(
    connection: DeadlineConnection, queries: Sequence[Query], *, beside: Collection[Query] = ()
) -> list[Accepted | Refused]:
    """Prepare, describe and plan queries; none is run, except for commands without a plan, which are undone.

    Args:
        connection: to the scratch database, in autocommit.
        queries: what is asked.
        beside: those among them whose plans are not wanted: that takes most of the time.

    Returns:
        The server's answer to each, in order.

    Raises:
        psycopg.Error: the connection was lost.
    """
    are_planned = any(query not in beside for query in queries)
    with _planning(connection) if are_planned else nullcontext():
        return [_judged(connection, query, planned=query not in beside) for query in queries]


@contextmanager
def _planning(connection: DeadlineConnection) -> Generator[None]:
    """Set all that the planner goes by within: what the server, the role or the database sets does not count."""
    defaults = {row.name: row.value for row in packaged_queries("internal/check.sql").list_planner_defaults(connection)}
    for name, value in {**defaults, **_BY_INDEX}.items():
        connection.execute(sql.SQL("SET {} = {}").format(sql.Identifier(name), sql.Literal(value)))
    try:
        yield
    finally:
        connection.execute("RESET ALL")


def _judged(connection: DeadlineConnection, query: Query, *, planned: bool) -> Accepted | Refused:
    try:
        found = describe(connection, query.text, name=_NAME)
    except psycopg.Error as error:
        if connection.closed:
            raise
        return _refusal(error)
    try:
        plan = _plan(connection, len(found.parameter_types)) if planned else None
        if plan is None and planned:
            absent = absence(connection, query)
            plan = None if absent is None else _refusal(absent)
        if isinstance(plan, Refused):
            return plan
        unfit = () if plan is None else tuple(_unfit(connection, query))
        return Accepted(found.parameter_types, found.columns, plan, unfit)
    finally:
        connection.execute(f"DEALLOCATE {_NAME}".encode())


def _plan(connection: DeadlineConnection, parameters: int) -> PlanNode | Refused | None:
    values = f"({', '.join(['NULL'] * parameters)})" if parameters else ""
    statement = f"EXPLAIN (VERBOSE, FORMAT JSON) EXECUTE {_NAME}{values}"
    try:
        row: Any = connection.cursor(row_factory=tuple_row).execute(statement.encode()).fetchone()
    except (psycopg.errors.FeatureNotSupported, psycopg.errors.WrongObjectType, psycopg.errors.SyntaxError):
        return None
    except psycopg.Error as error:
        # Some slips are seen when the plan is made only: an ON CONFLICT that no unique key serves, 1/0.
        if connection.closed:
            raise
        return replace(_refusal(error), position=None)  # it would be one in the EXPLAIN
    # For a command without a plan the list holds a text; for one that a rule makes nothing of, it is empty.
    plan = cast("dict[str, Any] | str", row[0][0] if row[0] else "")
    return None if isinstance(plan, str) or "Plan" not in plan else PlanNode.read(plan["Plan"])


def _unfit(connection: DeadlineConnection, query: Query) -> Iterator[tuple[str, str]]:
    """The parameters whose default the server cannot convert, as it would when the query is called without them."""
    defaults = {each.name: each.default_value for each in query.parameters if each.default_value is not None}
    if not defaults or _fault_of_default(connection, query, defaults) is None:
        return
    for name, value in defaults.items():
        message = _fault_of_default(connection, query, {name: value})
        if message is not None:
            yield name, message


def _fault_of_default(connection: DeadlineConnection, query: Query, values: Mapping[str, str]) -> str | None:
    # The plan is the generic one, which was made before: only the values can be refused now.
    given = sql.SQL(", ").join(sql.Literal(values.get(name)) for name in query.positional)
    statement = sql.SQL("EXPLAIN EXECUTE {}({})").format(sql.Identifier(_NAME), given)
    try:
        connection.execute(statement, prepare=False)
    except (psycopg.DataError, psycopg.IntegrityError) as error:
        return _on_one_line(error.diag.message_primary or str(error))
    return None


def _refusal(error: psycopg.Error) -> Refused:
    diag = error.diag
    position = diag.statement_position
    return Refused(
        error.sqlstate or "",
        _on_one_line(diag.message_primary or str(error)),
        _on_one_line(diag.message_hint or ""),
        int(position) if position else None,
    )


def _on_one_line(text: str) -> str:
    return " ".join(text.split())
