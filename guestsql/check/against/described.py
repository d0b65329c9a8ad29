"""A server's description of the queries of both releases, in names that another server understands.

SQL: queries/internal/check.sql
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import psycopg

from guestsql.check.against.schema import Schema, SchemaColumn, Table, read_schema
from guestsql.check.answers import Accepted, Refused, ask_server
from guestsql.sql import Query
from guestsql.sql._sync.connection import DeadlineConnection
from guestsql.sql.packaged import type_names
from guestsql.sql.plan import PlanNode
from guestsql.sql.translate import translate

__all__ = ["Answer", "AnswerColumn", "Change", "Stage", "ask_stage"]


@dataclass(frozen=True, slots=True)
class AnswerColumn:
    """A column that a query returns.

    Attributes:
        name: its name.
        type_name: its type.
        origin: the table and column that it returns unchanged, or None.
    """

    name: str
    type_name: str
    origin: tuple[Table, SchemaColumn] | None


@dataclass(frozen=True, slots=True)
class Change:
    """A table that a query writes.

    Attributes:
        table: the table, below whatever view.
        operation: "Insert", "Update", "Delete" or "Merge".
        values: for an Insert, what the plan puts into each column, by name.
    """

    table: Table
    operation: str
    values: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Answer:
    """A server's description of a query that it accepts.

    Attributes:
        parameters: the type of each `$n`.
        columns: what it returns.
        changes: what it writes.
    """

    parameters: tuple[str, ...]
    columns: tuple[AnswerColumn, ...]
    changes: tuple[Change, ...]


@dataclass(frozen=True)
class Stage:
    """The schema after some of the migrations, and what it says of every query.

    Attributes:
        schema: the schema.
        answers: by the query's text.
    """

    schema: Schema
    answers: Mapping[str, Answer | Refused]


def ask_stage(connection: DeadlineConnection, queries: Sequence[Query]) -> Stage:
    """Ask a scratch database for its schema and of queries; none is run.

    Args:
        connection: to the scratch database, in autocommit.
        queries: those of both releases; equal texts are asked of once.

    Raises:
        DatabaseError: the connection was lost.
    """
    texts = {query.text: query for query in queries}
    try:
        schema = read_schema(connection)
        said = ask_server(connection, list(texts.values()))
        names = _type_names(connection, said)
    except psycopg.Error as error:
        raise translate(error, "") from error
    return Stage(
        schema,
        {
            text: answer if isinstance(answer, Refused) else _answer(answer, schema, names)
            for text, answer in zip(texts, said, strict=True)
        },
    )


def _type_names(connection: DeadlineConnection, said: Sequence[Accepted | Refused]) -> dict[int, str]:
    known = [answer for answer in said if isinstance(answer, Accepted)]
    oids = {oid for answer in known for oid in answer.parameter_types}
    oids |= {column.type_oid for answer in known for column in answer.columns}
    return type_names(connection, oids)


def _answer(said: Accepted, schema: Schema, names: Mapping[int, str]) -> Answer:
    columns = tuple(
        AnswerColumn(column.name, names[column.type_oid], schema.column_at(column.table_oid, column.number))
        for column in said.columns
    )
    nodes = () if said.by_index is None else said.by_index.changes()
    changes = tuple(_change(node, schema) for node in nodes)
    return Answer(tuple(names[oid] for oid in said.parameter_types), columns, changes)


def _change(node: PlanNode, schema: Schema) -> Change:
    table = (node.schema, node.relation)
    operation = node.text("Operation")
    values: dict[str, str] = {}
    if operation == "Insert" and node.inputs:
        # One value for each place of the table, in order, whatever the statement names.
        for number, value in enumerate(node.inputs[0].items("Output"), 1):
            column = schema.at(table, number)
            if column is not None:
                values[column.name] = value
    return Change(table, operation, values)
