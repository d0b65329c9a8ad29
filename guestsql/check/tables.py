"""The tables, keys, columns and types of the scratch database.

SQL: queries/internal/check.sql
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

from guestsql.sql._sync.connection import DeadlineConnection
from guestsql.sql.packaged import ask_types, packaged_queries

__all__ = ["TableColumn", "Tables", "UniqueKey", "read_tables"]

Table = tuple[str, str]


@dataclass(frozen=True, slots=True)
class UniqueKey:
    """A unique key of a table.

    Attributes:
        index: the index's name.
        is_whole: False for a partial key, or one on an expression.
        columns: its columns; none when it is on an expression.
        parts: of how many columns and expressions it is.
    """

    index: str
    is_whole: bool
    columns: frozenset[str]
    parts: int


@dataclass(frozen=True, slots=True)
class TableColumn:
    """A column of a table or view.

    Attributes:
        table: schema and name of the table.
        name: the column's name.
        has_few_values: it can hold only a few values.
        is_work_space: its table is unlogged: a job fills it, and it does not grow from day to day.
    """

    table: Table
    name: str
    has_few_values: bool
    is_work_space: bool


@dataclass(frozen=True)
class Tables:
    """The tables of the scratch database.

    Attributes:
        keys: the unique keys of each table.
        columns: the columns, by the table's oid and the column's number.
        types: the oid of each type that a comment names; None for a name that no type has.
        partial_indexes: the indexes that hold some rows of their table only.
        roots: the table that each partition is of.
    """

    keys: Mapping[Table, list[UniqueKey]]
    columns: Mapping[tuple[int, int], TableColumn]
    types: Mapping[str, int | None]
    partial_indexes: frozenset[str]
    roots: Mapping[Table, Table]

    @property
    def tables(self) -> set[str]:
        """The names of all tables and views that are not the system's."""
        return {column.table[1] for column in self.columns.values()}

    @cached_property
    def few_values(self) -> set[tuple[int, int]]:
        """The columns that can hold only a few values, by their table's number and their own."""
        return {key for key, column in self.columns.items() if column.has_few_values}

    def columns_of(self, table: str) -> set[str]:
        """Return the names of a table's columns."""
        return {column.name for column in self.columns.values() if column.table[1] == table}

    def is_work_space(self, table: Table) -> bool:
        """Return True if a table is a job's, and does not grow from day to day."""
        return any(column.is_work_space for column in self.columns.values() if column.table == table)

    def has_few_values(self, table: Table, name: str) -> bool:
        """Return True if a column can hold only a few values."""
        found = (column for column in self.columns.values() if column.table == table and column.name == name)
        return any(column.has_few_values for column in found)


def read_tables(connection: DeadlineConnection, types: Iterable[str]) -> Tables:
    """Read what the rules need.

    Args:
        connection: to the scratch database.
        types: names of types, as comments write them.
    """
    queries = packaged_queries("internal/check.sql")
    keys: dict[Table, list[UniqueKey]] = defaultdict(list)
    for row in queries.list_unique_keys(connection):
        key = UniqueKey(row.index_name, row.is_whole, frozenset(row.column_names), row.key_count)
        keys[row.schema_name, row.table_name].append(key)
    columns = {
        (row.table_oid, row.column_number): TableColumn(
            (row.schema_name, row.table_name), row.column_name, row.has_few_values, row.is_work_space
        )
        for row in queries.list_table_columns(connection)
    }
    named = ask_types(connection, sorted(set(types)), queries.list_type_oids)
    return Tables(
        keys=keys,
        columns=columns,
        types={name: None if row is None else row.type_oid for name, row in named.items()},
        partial_indexes=frozenset(row.index_name for row in queries.list_partial_indexes(connection)),
        roots={
            (row.schema_name, row.table_name): (row.root_schema_name, row.root_name)
            for row in queries.list_partitions(connection)
        },
    )
