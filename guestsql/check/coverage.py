"""GS801: the methods for whole guests cover every table that holds a guest's key.

SQL: queries/check.sql
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from guestsql.check.finding import Finding
from guestsql.check.infer.facts import Facts
from guestsql.check.infer.nodes import TreeNode
from guestsql.check.infer.scope import Scope
from guestsql.check.marks import TableAllowance
from guestsql.check.sources import Source, Subject, read_texts
from guestsql.check.words import Words, read_words
from guestsql.sql import Query, tokenize
from guestsql.sql._sync.connection import DeadlineConnection
from guestsql.sql.hooks import Hook, hook_faults, hooks_of
from guestsql.sql.packaged import packaged_queries
from guestsql.sql.plan import PlanNode

__all__ = ["Coverage", "Understood", "vet_coverage", "vet_hook_marks"]

RULE = "GS801"
_RELATION = "0"
# By number, as trees have it, or by schema and name, as plans have it.
Relation = int | tuple[str, str]


@dataclass(frozen=True)
class Coverage:
    """Which tables hold keys, and what must know each of them.

    Attributes:
        hooks: the methods, by name.
        key_columns: names of text columns that hold a key.
        key_comment: how the comment of any other column that holds one begins.
        key_table: where the keys are. A foreign key to it needs the hooks that move its rows, too.
        schema: the files of the migrations, to point at a table.
    """

    hooks: Mapping[str, Hook]
    key_columns: tuple[str, ...] = ()
    key_comment: str = ""
    key_table: str = ""
    schema: Sequence[Path] = ()


class Understood(NamedTuple):
    """A query as the server has understood it.

    Attributes:
        query: the query.
        plan: its plan, if it has one.
        scope: its tables, if a function can hold it.
    """

    query: Query
    plan: PlanNode | None
    scope: Scope | None


@dataclass(frozen=True)
class _Table:
    """A table that holds keys.

    Attributes:
        oid: its number.
        schema: its schema.
        name: its name.
        columns: those that hold keys.
        refers: True if a foreign key keeps the guest's row.
    """

    oid: int
    schema: str
    name: str
    columns: tuple[str, ...]
    refers: bool = False

    def is_called(self, name: str) -> bool:
        """Return True if a name, with or without schema, is the table's."""
        return name in (self.name, f"{self.schema}.{self.name}")


def vet_hook_marks(subjects: Iterable[Subject], hooks: Mapping[str, Hook]) -> Iterator[Finding]:
    """GS007 for `on:` marks."""
    for subject in subjects:
        for mark, message, hint in hook_faults(subject.query, hooks):
            yield subject.on(mark.line, mark.column, "GS007", message, hint, width=max(1, len(mark.text)))


def vet_coverage(
    connection: DeadlineConnection,
    coverage: Coverage,
    sources: Sequence[Source],
    understood: Iterable[Understood],
) -> Iterator[Finding]:
    """GS801, and GS007 and GS008 for its suppressions.

    Args:
        connection: to the scratch database.
        coverage: what is expected.
        sources: all files of the folder.
        understood: the queries that the server accepts.
    """
    tables = _tables(connection, coverage)
    covered = _covered(coverage.hooks, understood)
    allowed = [(source, allowance) for source in sources for allowance in source.marks.tables]
    used: set[tuple[Path, int, int]] = set()
    for table in tables:
        names = {table.oid, (table.schema, table.name)}
        needed = [name for name, hook in coverage.hooks.items() if hook.is_for_all or table.refers]
        hooks = [name for name in needed if covered[name].isdisjoint(names)]
        for source, allowance in allowed:
            if allowance.hook in hooks and table.is_called(allowance.table):
                hooks.remove(allowance.hook)
                used.add((source.file, allowance.line, allowance.column))
        if hooks:
            yield _missing(table, hooks, coverage.schema, sources)
    for source, allowance in allowed:
        if (source.file, allowance.line, allowance.column) not in used:
            yield _unused(source, allowance, tables, coverage.hooks)


def _tables(connection: DeadlineConnection, coverage: Coverage) -> list[_Table]:
    columns: dict[tuple[int, str, str], list[str]] = defaultdict(list)
    queries = packaged_queries("internal/check.sql")
    for row in queries.list_key_columns(
        connection, column_names=list(coverage.key_columns), comment_start=coverage.key_comment
    ):
        columns[row.table_oid, row.schema_name, row.table_name].append(row.column_name)
    referring = {row.table_oid for row in queries.list_row_references(connection, referenced=coverage.key_table)}
    return [_Table(*table, tuple(names), refers=table[0] in referring) for table, names in columns.items()]


def _covered(hooks: Mapping[str, Hook], understood: Iterable[Understood]) -> dict[str, set[Relation]]:
    """The tables that the queries of each hook read or, where rows go or move, write."""
    covered: dict[str, set[Relation]] = {name: set() for name in hooks}
    for query, plan, scope in understood:
        for name in hooks_of(query):
            if name in covered:
                covered[name] |= set(_written(plan) if hooks[name].writes else _read(plan, scope))
    return covered


def _written(plan: PlanNode | None) -> Iterator[Relation]:
    # Not by `writes`, which is also true of a scan with a write below it.
    for node in () if plan is None else plan.changes():
        yield node.schema, node.relation


def _read(plan: PlanNode | None, scope: Scope | None) -> Iterator[Relation]:
    # Not from the plan alone: it leaves out the partitions that no NULL is in.
    if scope is not None:
        yield from _selected(scope.query, scope.known.facts)
    elif plan is not None:
        yield from ((node.schema, node.relation) for node in plan.walk())


def _selected(query: TreeNode, facts: Facts, views: frozenset[int] = frozenset()) -> Iterator[Relation]:
    # Up to PostgreSQL 15 a view's own tree mentions the view itself: hence `views`, those that are being read.
    for node in query.walk():
        if node.tag == "RANGETBLENTRY" and node.text("rtekind") == _RELATION:
            oid = node.number("relid")
            yield oid
            relation = facts.relations.get(oid)
            if relation is not None and relation.view is not None and oid not in views:
                yield from _selected(relation.view, facts, views | {oid})


def _unused(source: Source, allowance: TableAllowance, tables: Iterable[_Table], hooks: Mapping[str, Hook]) -> Finding:
    line, column = allowance.line, allowance.column
    if allowance.hook not in hooks:
        message = f"there is no method {allowance.hook}"
        return source.finding(line, column, "GS007", message, f"name one of {', '.join(hooks)}")
    if not any(table.is_called(allowance.table) for table in tables):
        message = f"no table {allowance.table} holds a guest's key"
        return source.finding(line, column, "GS007", message, "name a table that GS801 reports")
    message = f"unused suppression: a query on {allowance.hook} covers {allowance.table}"
    return source.finding(line, column, "GS008", message, "remove the line")


def _missing(table: _Table, hooks: Sequence[str], schema: Sequence[Path], sources: Sequence[Source]) -> Finding:
    """The finding of a table that some hooks do not cover, at its CREATE TABLE if a migration has one."""
    names = f"{', '.join(hooks[:-1])} and {hooks[-1]} do" if len(hooks) > 1 else f"{hooks[0]} does"
    message = f"{table.name} holds guests' keys ({', '.join(table.columns)}), and {names} not cover it"
    marks = ", ".join(f"-- on: {hook}" for hook in hooks)
    hint = f"write a query on {table.name} for each mark: {marks}"
    file, line, column, width = _place(table, schema) or (sources[0].file, 1, 1, 1)
    return Finding(file, line, column, RULE, message, "", hint, width)


def _place(table: _Table, schema: Sequence[Path]) -> tuple[Path, int, int, int] | None:
    for source in read_texts(schema):
        text = source.text
        words = read_words(tokenize(text) if table.name in text else ())
        for index, word in enumerate(words):
            if word.folded.strip('"') == table.name and _is_created(words, index):
                before = text[: word.offset]
                line, column = before.count("\n") + 1, word.offset - before.rfind("\n")
                return source.file, line, column, len(word.text)
    return None


def _is_created(words: Words, index: int) -> bool:
    """Return True if a name is that of a table that is made there."""
    before = index - 3 if words[index - 1].text == "." else index - 1
    if words[before].folded == "exists":
        before -= 3
    return words[before].folded == "table" and words[before - 1].folded in ("create", "unlogged")
