"""What a schema demands of writes, for a comparison with another schema.

SQL: queries/internal/deploy.sql
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from guestsql.sql._sync.connection import DeadlineConnection
from guestsql.sql.packaged import packaged_queries

__all__ = ["Constraint", "Right", "Schema", "SchemaColumn", "Table", "Trigger", "is_widened", "read_schema"]

Table = tuple[str, str]

_LIST = re.compile(r"ANY \(ARRAY\[(?P<items>[^\]]*)\]\)|ANY \(\(ARRAY\[(?P<cast_items>[^\]]*)\]\)::[\w \[\]]+\)")
_NEGATION = re.compile(r"\(NOT |\bCASE\b|IS (?:NOT TRUE|FALSE|UNKNOWN)")
_ITEM = re.compile(r"'(?:[^']|'')*'|[^,']+")


@dataclass(frozen=True, slots=True)
class SchemaColumn:
    """A column of a table or view.

    Attributes:
        name: its name.
        number: its place in the table, 1 or more; places of dropped columns are not given again.
        type_name: its type as SQL writes it, with length or precision.
        is_required: it refuses NULL.
        is_filled: it has a value when an INSERT does not name it.
        is_of_view: it is a view's, of which neither is known.
    """

    name: str
    number: int
    type_name: str
    is_required: bool
    is_filled: bool
    is_of_view: bool


@dataclass(frozen=True, slots=True)
class Constraint:
    """A check, a reference, an exclusion or a unique index.

    Attributes:
        table: the table whose rows it constrains.
        kind: "check", "foreign key", "exclusion" or "unique".
        name: its name, which does not count when two are compared.
        text: what it asks.
        columns: the columns that it reads.
    """

    table: Table
    kind: str
    name: str
    text: str
    columns: frozenset[str]


@dataclass(frozen=True, slots=True)
class Trigger:
    """A trigger.

    Attributes:
        table: whose rows it watches.
        name: its name.
        events: of "Insert", "Update" and "Delete".
        fills_inserted: it may set columns of a row before it is inserted.
        text: what it does.
    """

    table: Table
    name: str
    events: frozenset[str]
    fills_inserted: bool
    text: str


@dataclass(frozen=True, slots=True)
class Right:
    """A right that was granted, or a policy.

    Attributes:
        table: on what.
        is_policy: it takes away, it does not give.
        text: what it says.
    """

    table: Table
    is_policy: bool
    text: str


@dataclass(frozen=True)
class Schema:
    """A schema.

    Attributes:
        columns: the columns of each table, by name.
        tables: each table by its oid.
        constraints: all of them.
        labels: the values of each enum.
        triggers: all of them.
        functions: the text of each, by its name and its signature.
        rights: what was granted, and the policies.
    """

    columns: Mapping[Table, Mapping[str, SchemaColumn]]
    tables: Mapping[int, Table]
    constraints: tuple[Constraint, ...]
    labels: Mapping[str, tuple[str, ...]]
    triggers: tuple[Trigger, ...]
    functions: Mapping[tuple[str, str], str]
    rights: frozenset[Right]

    def column_at(self, table_oid: int, number: int) -> tuple[Table, SchemaColumn] | None:
        """Return a column by its table's oid and its place."""
        table = self.tables.get(table_oid)
        found = self.at(table, number) if table is not None else None
        return None if table is None or found is None else (table, found)

    def at(self, table: Table, number: int) -> SchemaColumn | None:
        """Return a column by its place."""
        return next((each for each in self.columns.get(table, {}).values() if each.number == number), None)

    def named(self, schema: str, name: str) -> Table | None:
        """Return the table that a statement means, or None.

        Args:
            schema: the schema that it names, or "".
            name: the table's name.
        """
        if schema:
            return (schema, name) if (schema, name) in self.columns else None
        found = [table for table in self.columns if table[1] == name]
        return min(found, key=lambda table: (table[0] != "public", table[0]), default=None)


def read_schema(connection: DeadlineConnection) -> Schema:
    """Read the schema of the database that a connection is to."""
    queries = packaged_queries("internal/deploy.sql")
    columns: dict[Table, dict[str, SchemaColumn]] = defaultdict(dict)
    tables: dict[int, Table] = {}
    for row in queries.list_deploy_columns(connection):
        table = (row.schema_name, row.table_name)
        tables[row.table_oid] = table
        columns[table][row.column_name] = SchemaColumn(
            row.column_name, row.column_number, row.type_name, row.is_required, row.is_filled, row.is_of_view
        )
    labels: dict[str, list[str]] = defaultdict(list)
    for row in queries.list_deploy_labels(connection):
        labels[row.type_name].append(row.label)
    return Schema(
        columns=columns,
        tables=tables,
        constraints=tuple(_constraints(queries.list_deploy_constraints(connection))),
        labels={name: tuple(values) for name, values in labels.items()},
        triggers=tuple(_triggers(queries.list_deploy_triggers(connection))),
        functions={
            (row.function_name, row.signature): row.function_text for row in queries.list_deploy_functions(connection)
        },
        rights=frozenset(
            Right((row.schema_name, row.table_name), row.kind == "policy", row.right_text)
            for row in queries.list_deploy_rights(connection)
        ),
    )


def is_widened(constraint: Constraint, before: Iterable[Constraint]) -> bool:
    """Return True if a check is one of the older ones with more values in its list.

    Args:
        constraint: the newer one.
        before: the older ones of the same table.
    """
    shape, values = _shape(constraint.text)
    return values is not None and any(
        shape == old_shape and old_values is not None and old_values <= values
        for old_shape, old_values in (_shape(old.text) for old in before if old.kind == constraint.kind)
    )


def _shape(text: str) -> tuple[str, frozenset[str] | None]:
    """A check without the list of its values, and that list."""
    found = list(_LIST.finditer(text))
    if len(found) != 1 or _NEGATION.search(text):
        return text, None
    items = found[0]["items"] or found[0]["cast_items"] or ""
    values = frozenset(item.strip() for item in _ITEM.findall(items) if item.startswith("'") or item.strip().isdigit())
    return text[: found[0].start()] + text[found[0].end() :], values


def _constraints(rows: Iterable[Any]) -> Iterator[Constraint]:
    for row in rows:
        table = (row.schema_name, row.table_name)
        yield Constraint(table, row.kind, row.constraint_name, row.constraint_text, frozenset(row.column_names))


def _triggers(rows: Iterable[Any]) -> Iterator[Trigger]:
    for row in rows:
        marks = (("Insert", row.is_on_insert), ("Delete", row.is_on_delete), ("Update", row.is_on_update))
        events = frozenset(event for event, is_on in marks if is_on)
        table = (row.schema_name, row.table_name)
        yield Trigger(table, row.trigger_name, events, row.fills_inserted, row.trigger_text)
