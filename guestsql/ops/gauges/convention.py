"""The convention that makes a query a metric, without I/O. docs/monitoring.md describes it for a DBA.

A line `-- metrics: PREFIX [parameter=value …]` in the comment of a query makes it a metric. Of its columns

- a number or a boolean is a gauge, `guestsql_PREFIX_column`, and a time is one too, in seconds since 1970:
  `last_vacuum_at` becomes `…_last_vacuum_timestamp_seconds`;
- a text is a label, and so is an integer that only identifies a row: `pid`, `id`, `…_pid`, `…_id`;
- anything else is omitted.

A line `-- cache: 60s` has an expensive query run at most once in that time; scrapes in between repeat its answer.

No label and no value may identify a guest: columns of the guests' tables, and columns with such names, are rejected,
and what may be a phone number is masked in labels.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from enum import Enum
from typing import TYPE_CHECKING, NamedTuple

from guestsql.errors import GuestSQLError, QueryFileError
from guestsql.ops.gauges.personal import is_personal_label, is_personal_value, may_be_shown, safe_label
from guestsql.sql import Operator, Query
from guestsql.sql.page_marks import read_seconds

if TYPE_CHECKING:
    from guestsql.sql.head import Mark

__all__ = [
    "Column",
    "ColumnKind",
    "GaugeFault",
    "GaugeQuery",
    "Sample",
    "find_gauges",
    "kind_of",
    "metric_name",
    "read_gauges",
    "read_samples",
]

_REST = re.compile(r"\s*(?P<prefix>[a-z][a-z0-9_]*)(?P<given>(?:\s+[a-z][a-z0-9_]*=\S+)*)\s*")
_HINT = "write -- metrics: PREFIX, or -- metrics: PREFIX parameter=value"

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
_IDENTIFIER = re.compile(r"(?:.*_)?(?:pid|id)")

# The OIDs of PostgreSQL's types, which never change.
_NUMBERS = {20, 21, 23, 700, 701, 1700}
_WHOLE_NUMBERS = {20, 21, 23, 26}
_BOOLEAN = 16
_TIMES = {1114, 1184}
_TEXTS = {18, 19, 25, 1042, 1043}


class ColumnKind(Enum):
    """What a column becomes in a metric."""

    NUMBER = "a gauge"
    TIME = "a gauge, in seconds since 1970"
    LABEL = "a label"
    NOTHING = "omitted"


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a result.

    Attributes:
        name: its name in the result.
        type_oid: the OID of its type.
        origin: the column of a guests' table that it is a copy of, as `table.column`; "" for any other.
    """

    name: str
    type_oid: int
    origin: str = ""


@dataclass(frozen=True, slots=True)
class GaugeQuery:
    """A query that is a metric.

    Attributes:
        query: the query.
        prefix: the middle part of its metrics' names.
        parameters: values from its `metrics:` line; the others have their defaults.
        cache_seconds: how long an answer is repeated instead of running the query again; 0 for never.
    """

    query: Query
    prefix: str
    parameters: Mapping[str, str]
    cache_seconds: int = 0


class GaugeFault(NamedTuple):
    """A query that cannot be a metric, although it has a `metrics:` line.

    Attributes:
        query: the query.
        mark: its line that is wrong.
        message: what is wrong.
        hint: how to fix it.
    """

    query: Query
    mark: Mark
    message: str
    hint: str


@dataclass(frozen=True, slots=True)
class Sample:
    """One value of one gauge.

    Attributes:
        name: the name of the gauge.
        labels: values by label.
        value: the value.
    """

    name: str
    labels: Mapping[str, str]
    value: float


def find_gauges(queries: Iterable[Query]) -> list[GaugeQuery]:
    """Find the queries that are metrics.

    Args:
        queries: the queries of a catalogue.

    Returns:
        Those with a `metrics:` line, in the order given.

    Raises:
        QueryFileError: a line cannot be read, a prefix is used twice, or a parameter is unknown or has no value.
    """
    gauges, faults = read_gauges(queries)
    if faults:
        query, mark, message, hint = faults[0]
        raise QueryFileError(f"query {query.name}: {message}", file=query.file, line=mark.line, hint=hint, rule="GS007")
    return gauges


def read_gauges(queries: Iterable[Query]) -> tuple[list[GaugeQuery], list[GaugeFault]]:
    """Find the queries that are metrics, and collect what is wrong.

    Args:
        queries: the queries of a catalogue.

    Returns:
        Those with a `metrics:` line that can be used, in the order given; and a fault for each other one.
    """
    found: dict[str, GaugeQuery] = {}
    faults: list[GaugeFault] = []
    for query in queries:
        marks = [mark for mark in query.marks if mark.word == "metrics"]
        if not marks:
            continue
        gauge = _read_marks(query, marks)
        if isinstance(gauge, GaugeQuery) and gauge.prefix in found:
            message = f"{found[gauge.prefix].query.name} already has the prefix {gauge.prefix}"
            gauge = GaugeFault(query, marks[0], message, "choose another prefix")
        if isinstance(gauge, GaugeQuery):
            found[gauge.prefix] = gauge
        else:
            faults.append(gauge)
    return list(found.values()), faults


def _read_marks(query: Query, marks: Sequence[Mark]) -> GaugeQuery | GaugeFault:
    if len(marks) > 1:
        return GaugeFault(query, marks[1], "it has two metrics: lines", "keep one of them")
    mark = marks[0]
    rest = _REST.fullmatch(mark.text)
    if rest is None:
        return GaugeFault(query, mark, "its metrics: line cannot be read", _HINT)
    if query.operator is Operator.COUNT:
        message = "it returns a count of rows written, which is not a metric"
        return GaugeFault(query, mark, message, "remove the metrics: line")
    given = dict(pair.split("=", 1) for pair in rest["given"].split())
    known = {parameter.name: parameter for parameter in query.parameters}
    if unknown := sorted(given.keys() - known.keys()):
        message = f"its metrics: line names an unknown parameter: {unknown[0]}"
        return GaugeFault(query, mark, message, f"the parameters are {', '.join(known)}" if known else "remove it")
    missing = [name for name, each in known.items() if each.default is None and name not in given]
    if missing:
        message = f"its metrics: line gives no value for {missing[0]}, which has no default"
        return GaugeFault(query, mark, message, _HINT)
    return _with_cache(GaugeQuery(query, rest["prefix"], given))


def _with_cache(gauge: GaugeQuery) -> GaugeQuery | GaugeFault:
    marks = [mark for mark in gauge.query.marks if mark.word == "cache"]
    seconds = read_seconds(marks[0].text) if marks else 0
    if seconds is None or len(marks) > 1:
        hint = "write a number and s, m or h, such as -- cache: 60s"
        return GaugeFault(gauge.query, marks[-1], "its cache: line cannot be read", hint)
    return replace(gauge, cache_seconds=seconds)


def kind_of(column: Column) -> ColumnKind:
    """Return what a column becomes in a metric."""
    is_identifier = column.type_oid in _WHOLE_NUMBERS and _IDENTIFIER.fullmatch(column.name) is not None
    if is_identifier or column.type_oid in _TEXTS:
        return ColumnKind.LABEL
    if column.type_oid in _NUMBERS or column.type_oid == _BOOLEAN:
        return ColumnKind.NUMBER
    return ColumnKind.TIME if column.type_oid in _TIMES else ColumnKind.NOTHING


def metric_name(prefix: str, column: Column) -> str:
    """Return the name of the gauge for a column."""
    name = column.name
    if kind_of(column) is ColumnKind.TIME:
        name = f"{name.removesuffix('_at')}_timestamp_seconds"
    return f"guestsql_{prefix}_{name}"


def read_samples(prefix: str, columns: Sequence[Column], rows: Iterable[Sequence[object]]) -> list[Sample]:
    """Turn a result into samples.

    Args:
        prefix: the middle part of the names.
        columns: the columns of the result.
        rows: the values of each row, in the order of the columns.

    Returns:
        A sample for each gauge and row, in that order; none where the value is NULL.

    Raises:
        GuestSQLError: a label or a value would identify a guest, two rows have the same labels, or a name is invalid.
    """
    _check_names(columns)
    kinds = [kind_of(column) for column in columns]
    for column, kind in zip(columns, kinds, strict=True):
        _check_identifies_no_one(column, kind)
    labelled = _labelled(columns, kinds, rows)
    return [
        Sample(metric_name(prefix, column), labels, number)
        for place, column in enumerate(columns)
        if kinds[place] in (ColumnKind.NUMBER, ColumnKind.TIME)
        for labels, row in labelled
        if (number := _number(row[place])) is not None
    ]


def _check_names(columns: Sequence[Column]) -> None:
    names = [column.name for column in columns]
    for name in names:
        if not _NAME.fullmatch(name):
            raise GuestSQLError(f"the column {name!r} cannot name a metric", hint="use letters, digits and _")
        if names.count(name) > 1:
            raise GuestSQLError(f"two columns are called {name}", hint="rename one with AS")


def _check_identifies_no_one(column: Column, kind: ColumnKind) -> None:
    if kind is ColumnKind.NOTHING:
        return
    what = "a label" if kind is ColumnKind.LABEL else "a value"
    named = is_personal_label(column.name) if kind is ColumnKind.LABEL else is_personal_value(column.name)
    if column.origin and not may_be_shown(column.origin.rpartition(".")[2]):
        message = f"the column {column.name} is {column.origin}, which identifies a guest, and cannot be {what}"
        raise GuestSQLError(message, hint="omit it, or count")
    if named and not column.origin:
        raise GuestSQLError(
            f"the column {column.name} seems to identify a guest by its name, and cannot be {what}",
            hint="omit it; if it identifies no one, rename it with AS",
        )


def _labelled(
    columns: Sequence[Column], kinds: Sequence[ColumnKind], rows: Iterable[Sequence[object]]
) -> list[tuple[dict[str, str], Sequence[object]]]:
    """Pair each row with its labels, which must be unique."""
    places = [place for place, kind in enumerate(kinds) if kind is ColumnKind.LABEL]
    names = [columns[place].name for place in places]
    labelled: list[tuple[dict[str, str], Sequence[object]]] = []
    seen: dict[tuple[str, ...], tuple[object, ...]] = {}
    for row in rows:
        raw = tuple(row[place] for place in places)
        shown = tuple(safe_label(name, value) for name, value in zip(names, raw, strict=True))
        if shown in seen:
            raise _same(names, seen[shown], raw)
        seen[shown] = raw
        labelled.append((dict(zip(names, shown, strict=True)), row))
    return labelled


def _same(names: Sequence[str], first: Sequence[object], second: Sequence[object]) -> GuestSQLError:
    """Explain why two rows have the same labels, without showing their values."""
    alike = [name for name, one, other in zip(names, first, second, strict=True) if (one or "") != (other or "")]
    if alike:
        return GuestSQLError(
            f"two rows differ in {', '.join(alike)} only by digits that are masked because they may be a phone number: "
            f"their labels are the same ({', '.join(names)})",
            hint="omit it and group by the others, or use fewer than seven digits",
        )
    empty = [name for name, one, other in zip(names, first, second, strict=True) if one != other]
    if empty:
        return GuestSQLError(
            f"two rows have the same labels ({', '.join(names)}), because NULL and '' in {empty[0]} are equal",
            hint=f"group by coalesce({empty[0]}, '')",
        )
    return GuestSQLError(
        f"two rows have the same labels ({', '.join(names)})", hint="group by them, or add another label"
    )


def _number(value: object) -> float | None:
    if isinstance(value, datetime):
        return (value if value.tzinfo is not None else value.replace(tzinfo=UTC)).timestamp()
    return float(value) if isinstance(value, bool | int | float | Decimal) else None
