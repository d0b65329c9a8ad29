"""Sample values for trying a query by hand.

They come, the first that there is, from

1. the comment of the parameter, when it ends with `e.g.` and a literal: `--   status: text, its state, e.g. 'booked'`;
2. the default in the comment;
3. the same words in another query of the folder, under the same name and with the same type;
4. the type.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace

from guestsql.sql.declaration import Parameter
from guestsql.sql.head import stated_literal
from guestsql.sql.query import Query
from guestsql.sql.type_names import element_type, plain_type

__all__ = [
    "NUMBERS",
    "Origin",
    "Sample",
    "sample_values",
    "shared_samples",
    "stated_sample",
    "unknown_types",
]

NUMBERS = frozenset({"smallint", "integer", "bigint", "real", "double precision", "numeric", "oid"})
"""The types whose values are numbers, by their plain names."""

_BY_TYPE = {
    "smallint": "1",
    "integer": "1",
    "bigint": "1",
    "real": "1.5",
    "double precision": "1.5",
    "numeric": "1.5",
    "oid": "1",
    "text": "text",
    "boolean": "true",
    "date": "2026-01-31",
    "time": "12:00:00",
    "timetz": "12:00:00+00",
    "timestamp": "2026-01-31 12:00:00",
    "timestamptz": "2026-01-31 12:00:00+00",
    "interval": "1 day",
    "uuid": "00000000-0000-4000-8000-000000000001",
    "json": "{}",
    "jsonb": "{}",
    "jsonpath": "$",
    "bytea": r"\x00",
    "bit": "1",
    '"char"': "a",
    "money": "1.50",
    "inet": "192.0.2.1",
    "cidr": "192.0.2.0/24",
    "macaddr": "00:00:5e:00:53:01",
    "xid": "1",
    "xid8": "1",
    "pg_lsn": "0/1",
    "regclass": "pg_class",
    "regtype": "text",
    "tsvector": "text",
    "tsquery": "text",
    "point": "(1,2)",
    "int4range": "[1,10)",
    "int8range": "[1,10)",
    "numrange": "[1,10)",
    "daterange": "[2026-01-01,2026-02-01)",
    "tsrange": "[2026-01-01,2026-02-01)",
    "tstzrange": "[2026-01-01 00:00+00,2026-02-01 00:00+00)",
}


class Origin(enum.IntEnum):
    """Where a sample is from; the greater says more."""

    NOWHERE = 0  # the type is unknown: only NULL is sure to be accepted
    TYPE = 1
    COMMENT = 2


@dataclass(frozen=True, slots=True)
class Sample:
    """A value to try a parameter with.

    Attributes:
        name: the parameter.
        type: as its comment says, or None.
        value: text, which the cast in the query converts; None is NULL.
        origin: where the value is from.
    """

    name: str
    type: str | None
    value: str | None
    origin: Origin


def sample_values(
    query: Query, beside: Iterable[Query] = (), base_types: Mapping[str, tuple[str, str | None]] | None = None
) -> dict[str, Sample]:
    """Return a sample for each parameter of a query, in the order of its declaration.

    Args:
        query: the query.
        beside: the queries of its folder, whose comments may say more of the same name.
        base_types: of types that are not PostgreSQL's own, what a server knows: the type below a domain (else the name
            itself), and a label of an enum (else None).
    """
    stated: dict[tuple[str, str | None], Parameter] = {}
    for each in (parameter for other in beside for parameter in other.parameters):
        if stated_sample(each) is not None:
            stated.setdefault((each.name, each.type), each)
    return {each.name: _sample(each, stated, base_types or {}) for each in query.parameters}


def shared_samples(
    queries: Iterable[Query],
    beside: Collection[Query] = (),
    base_types: Mapping[str, tuple[str, str | None]] | None = None,
) -> dict[str, Sample]:
    """Return one sample for each name of several queries, to be run with the same values.

    Args:
        queries: those that are run.
        beside: the queries of their folder.
        base_types: as in `sample_values`.
    """
    found: dict[str, Sample] = {}
    for query in queries:
        for name, sample in sample_values(query, beside, base_types).items():
            # What a comment says of a name in one query is better than what its type says in another.
            if name not in found or found[name].origin < sample.origin:
                found[name] = sample
    return found


def _sample(
    parameter: Parameter,
    stated: Mapping[tuple[str, str | None], Parameter],
    base_types: Mapping[str, tuple[str, str | None]],
) -> Sample:
    name, type_ = parameter.name, parameter.type
    known = stated_sample(parameter)
    if known is None and parameter.default is not None:
        known = parameter
    if known is None and (elsewhere := stated.get((name, type_))) is not None:
        known = stated_sample(elsewhere)
    if known is not None:
        return Sample(name, type_, known.default_value, Origin.COMMENT)
    value = _by_type(type_, base_types)
    return Sample(name, type_, value, Origin.NOWHERE if value is None else Origin.TYPE)


def stated_sample(parameter: Parameter) -> Parameter | None:
    """Return the parameter with the sample of its comment for a default, or None when the comment has none.

    Args:
        parameter: as its line in the file says.
    """
    literal = stated_literal(parameter.doc)
    return None if literal is None else replace(parameter, default=literal)


def unknown_types(queries: Iterable[Query]) -> list[str]:
    """Return the types of parameters of which only a server can know a value, sorted: enums, domains, extensions'.

    Args:
        queries: whose parameters are meant.
    """
    names = {element_type(each.type) or plain_type(each.type) for query in queries for each in query.parameters}
    return sorted(names - _BY_TYPE.keys())


def _by_type(type_: str | None, base_types: Mapping[str, tuple[str, str | None]]) -> str | None:
    element = element_type(type_)
    if element is not None:
        inner = _by_type(element, base_types)
        return None if inner is None else "{" + _array_element(inner) + "}"
    plain = plain_type(type_)
    if plain in base_types:
        base, label = base_types[plain]
        return label if label is not None else _BY_TYPE.get(plain_type(base))
    return _BY_TYPE.get(plain)


def _array_element(value: str) -> str:
    if re.fullmatch(r"[\w.:+-]+", value) and value.lower() != "null":
        return value
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
