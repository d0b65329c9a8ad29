"""Queries in, signatures out: the server is asked what it makes of each.

SQL: queries/internal/check.sql
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import psycopg

from guestsql.check.infer.nullable import columns
from guestsql.check.infer.python_types import ServerType, default_of, parameter_type, result_type
from guestsql.check.infer.rows import has_one_row
from guestsql.check.infer.scope import UNKNOWN, Nullness, Scope
from guestsql.check.infer.signature import PythonColumn, PythonParameter, PythonSignature
from guestsql.check.infer.trees import may_be_null, read_scopes
from guestsql.sql import Operator, Query
from guestsql.sql._sync.connection import DeadlineConnection
from guestsql.sql.describe import describe
from guestsql.sql.packaged import packaged_queries
from guestsql.sql.row_classes import field_names, override_of

__all__ = ["infer"]


@dataclass(frozen=True, slots=True)
class _Described:
    query: Query
    parameters: tuple[int, ...]
    columns: tuple[tuple[str, int], ...]


def infer(connection: DeadlineConnection, queries: Sequence[Query]) -> dict[str, PythonSignature]:
    """Return what queries take and return.

    Args:
        connection: to the scratch database, in autocommit; what is made there is undone.
        queries: those that the server refuses are left out.

    Returns:
        The signatures by name, in the order of the queries.

    Raises:
        psycopg.Error: the connection was lost.
    """
    described = [said for query in queries if (said := _described(connection, query)) is not None]
    types = _read_types(connection, described)
    names = [[types[oid].name for oid in said.parameters] for said in described]
    scopes = read_scopes(connection, [said.query for said in described], names)
    return {said.query.name: _signature(said, types, scope) for said, scope in zip(described, scopes, strict=True)}


def _described(connection: DeadlineConnection, query: Query) -> _Described | None:
    try:
        found = describe(connection, query.text)
    except psycopg.Error:
        if connection.closed:
            raise
        return None
    return _Described(query, found.parameter_types, tuple((column.name, column.type_oid) for column in found.columns))


def _read_types(connection: DeadlineConnection, described: Sequence[_Described]) -> dict[int, ServerType]:
    oids = {oid for said in described for oid in said.parameters}
    wanted = sorted(oids | {oid for said in described for _, oid in said.columns})
    rows = packaged_queries("internal/check.sql").list_types(connection, type_oids=wanted)
    return {
        row.type_oid: ServerType(row.type_name, row.type_kind, row.ground_oid, tuple(row.enum_labels)) for row in rows
    }


def _signature(said: _Described, types: Mapping[int, ServerType], scope: Scope | None) -> PythonSignature:
    query = said.query
    nullness = columns(scope) if scope is not None else []
    if len(nullness) != len(said.columns):
        nullness = [UNKNOWN] * len(said.columns)
    names = field_names([name for name, _ in said.columns])
    found = tuple(
        _column(name, written, types[oid], each)
        for name, (written, oid), each in zip(names, said.columns, nullness, strict=True)
    )
    is_promised = query.operator is Operator.VALUE and any(override_of(name) == "!" for name, _ in said.columns)
    return PythonSignature(
        query.name,
        query.operator,
        tuple(_parameters(said, types)),
        () if query.operator is Operator.COUNT else found,
        query.doc,
        is_sure=is_promised or (scope is not None and has_one_row(scope)),
        file=query.file.name,
    )


def _column(name: str, written: str, type_: ServerType, nullness: Nullness) -> PythonColumn:
    override = override_of(written)
    has_null_within = nullness.within and override != "!"
    annotation, note = result_type(type_, has_null_within=has_null_within, depth=nullness.depth)
    may_be_null = override == "?" or (nullness.itself and override != "!")
    if may_be_null and annotation != "_typing.Any":
        annotation = f"{annotation} | None"
    return PythonColumn(name, annotation, type_.name, note)


def _parameters(said: _Described, types: Mapping[int, ServerType]) -> list[PythonParameter]:
    oids = dict(zip(said.query.positional, said.parameters, strict=True))
    found: list[PythonParameter] = []
    for each in said.query.parameters:
        type_ = types[oids[each.name]]
        annotation = parameter_type(type_)
        default = default_of(annotation, each.default)
        if may_be_null(each):
            annotation = f"{annotation} | None"
        found.append(PythonParameter(each.name, annotation, default, type_.name, each.doc))
    return found
