"""Queries as the server has understood them.

A query that is put into the body of a function, `BEGIN ATOMIC … END`, is kept by the server with every table, column,
join and type resolved. That is read, and undone; no query is run.

SQL: queries/internal/check.sql
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from psycopg import pq

from guestsql.check.infer.facts import queries_in, read_facts
from guestsql.check.infer.nodes import TreeNode, parse_tree
from guestsql.check.infer.scope import Known, Scope
from guestsql.sql import Parameter, Query
from guestsql.sql._sync.connection import DeadlineConnection
from guestsql.sql.packaged import packaged_queries

__all__ = ["may_be_null", "read_scopes"]

_SAYS_NULL = re.compile(r"(?<!not )(?<!never )(?<!no )\bNULL\b")


def read_scopes(
    connection: DeadlineConnection, queries: Sequence[Query], parameter_types: Sequence[Sequence[str]]
) -> list[Scope | None]:
    """Return each query as the server has understood it; None for one that no function can hold.

    Args:
        connection: to the scratch database, in autocommit; what is made there is undone.
        queries: those that the server accepts.
        parameter_types: of each, the types of its parameters, as SQL writes them.
    """
    trees = _read_trees(connection, queries, parameter_types)
    facts = read_facts(connection, trees.values())
    return [
        Scope(trees[number], Known(facts, _nullable_parameters(query))) if number in trees else None
        for number, query in enumerate(queries)
    ]


def may_be_null(parameter: Parameter) -> bool:
    """Return True if NULL may be passed for a parameter: its default is null, or its text says NULL."""
    return (parameter.default or "").lower() == "null" or bool(_SAYS_NULL.search(parameter.doc))


def _read_trees(
    connection: DeadlineConnection, queries: Sequence[Query], parameter_types: Sequence[Sequence[str]]
) -> dict[int, TreeNode]:
    with connection.transaction(force_rollback=True):
        statements = packaged_queries("internal/check.sql").list_probe_statements(
            connection,
            query_names=[f"probe_{number}" for number in range(len(queries))],
            query_texts=[query.text for query in queries],
            parameter_types=[", ".join(types) for types in parameter_types],
        )
        for row in statements:
            _create(connection.pgconn, row.probe_statement)
        found = packaged_queries("internal/check.sql").list_probed_trees(connection)
    trees: dict[int, TreeNode] = {}
    for row in found:
        inner = queries_in(parse_tree(row.query_tree))
        if len(inner) == 1:
            trees[int(row.query_name.removeprefix("probe_"))] = inner[0]
    return trees


def _create(pgconn: pq.abc.PGconn, statement: str) -> None:
    pgconn.exec_(b"SAVEPOINT guestsql_probe")
    # The extended protocol takes one statement only, whatever a query's text holds.
    result = pgconn.exec_params(statement.encode(), None)
    if result.status == pq.ExecStatus.FATAL_ERROR:
        pgconn.exec_(b"ROLLBACK TO SAVEPOINT guestsql_probe")
    pgconn.exec_(b"RELEASE SAVEPOINT guestsql_probe")


def _nullable_parameters(query: Query) -> frozenset[int]:
    named = {each.name for each in query.parameters if may_be_null(each)}
    return frozenset(number for number, name in enumerate(query.positional, 1) if name in named)
