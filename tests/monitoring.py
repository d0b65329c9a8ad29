"""Helpers of the tests of queries/monitoring_*.sql: run a named query on a given connection."""

from __future__ import annotations

from typing import Any

import psycopg
from psycopg import RawCursor
from psycopg.rows import namedtuple_row

from guestsql.sql import Query, arrange, load_catalogue

CATALOGUE = load_catalogue()
QUERIES: dict[str, Query] = {
    name: query for name, query in CATALOGUE.items() if query.file.name.startswith("monitoring_")
}
ANALYSES: dict[str, Query] = {
    name: query for name, query in CATALOGUE.items() if query.file.name.startswith("analytics_")
}

REPORT: dict[str, Query] = {name: query for name, query in CATALOGUE.items() if query.file.name == "report.sql"}


def ask(connection: psycopg.Connection[Any], name: str, **parameters: object) -> list[Any]:
    """Run a query; its rows, with the defaults of the file for what is not given."""
    query = CATALOGUE[name]
    with RawCursor(connection, row_factory=namedtuple_row) as cursor:
        cursor.execute(query.text.encode(), arrange(query, parameters))
        return cursor.fetchall() if cursor.description else [cursor.rowcount]


def ask_one(connection: psycopg.Connection[Any], name: str, **parameters: object) -> Any:
    """Run a query that returns one row; the row."""
    rows = ask(connection, name, **parameters)
    assert len(rows) == 1
    return rows[0]


def tell_statistics(connection: psycopg.Connection[Any]) -> None:
    """Have this session report its counts now, and not within the next second."""
    connection.execute("SELECT pg_stat_force_next_flush()")
    connection.execute("SELECT 1")
