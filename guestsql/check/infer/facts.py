"""The catalogues' facts about the tables, functions and operators in some trees.

SQL: queries/internal/check.sql
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import cast

from guestsql.check.infer.nodes import TreeNode, parse_tree
from guestsql.sql._sync.connection import DeadlineConnection
from guestsql.sql.packaged import packaged_queries

__all__ = ["Facts", "Function", "Key", "Relation", "queries_in", "read_facts"]

_FUNCTION_FIELDS = ("funcid", "aggfnoid", "winfnoid", "opfuncid")
_TABLE = ("r", "p")


@dataclass(frozen=True, slots=True)
class Function:
    """A function.

    Attributes:
        name: for one of PostgreSQL's own; otherwise "".
        arguments: the types of its arguments, as SQL writes them.
        is_strict: NULL in makes NULL out.
        volatile_name: for a volatile one its name, otherwise "".
    """

    name: str
    arguments: tuple[str, ...]
    is_strict: bool
    volatile_name: str = ""


@dataclass(frozen=True, slots=True)
class Key:
    """A unique index.

    Attributes:
        columns: the numbers of its columns.
        expressions: its expressions.
        conditions: what its rows meet; it does not distinguish the other rows.
        is_null_one_value: two rows cannot both have NULL.
    """

    columns: tuple[int, ...]
    expressions: tuple[TreeNode, ...]
    conditions: tuple[TreeNode, ...]
    is_null_one_value: bool


@dataclass(frozen=True, slots=True)
class Relation:
    """A table or view.

    Attributes:
        kind: as in pg_class.
        has_rules: a rule may change what a write returns.
        view: what a view selects.
        is_catalogue: the system itself has it.
        is_work_space: it is unlogged: a job fills it, and it does not grow from day to day.
        has_heirs: other tables inherit from it, for whose rows its keys do not hold.
        keys: what distinguishes its rows.
    """

    kind: str
    has_rules: bool
    view: TreeNode | None
    is_catalogue: bool = False
    is_work_space: bool = False
    has_heirs: bool = False
    keys: tuple[Key, ...] = ()

    @property
    def is_table(self) -> bool:
        """Return True if a write returns its rows unchanged."""
        return self.kind in _TABLE and not self.has_rules


@dataclass(slots=True)
class Facts:
    """What is known.

    Attributes:
        relations: by number.
        required: the columns that are never NULL: table and column.
        nested: the array columns that are declared with several dimensions: table and column.
        array_checks: the checks on one array column, by table and column.
        functions: by number.
        operators: PostgreSQL's own, by number; geometric ones have no name here.
        equalities: the operators that are equality, by number.
        required_domains: the domains to which NULL cannot be cast. A column of one can hold it all the same: what a
            scalar subquery of no row puts there is not cast.
    """

    relations: dict[int, Relation] = field(default_factory=dict[int, Relation])
    required: set[tuple[int, int]] = field(default_factory=set[tuple[int, int]])
    nested: set[tuple[int, int]] = field(default_factory=set[tuple[int, int]])
    array_checks: Mapping[tuple[int, int], list[TreeNode]] = field(
        default_factory=dict[tuple[int, int], list[TreeNode]]
    )
    functions: dict[int, Function] = field(default_factory=dict[int, Function])
    operators: dict[int, str] = field(default_factory=dict[int, str])
    equalities: set[int] = field(default_factory=set[int])
    required_domains: set[int] = field(default_factory=set[int])


def queries_in(tree: object) -> list[TreeNode]:
    """Return the queries at the top of a tree."""
    if isinstance(tree, TreeNode):
        return [tree] if tree.tag == "QUERY" else []
    if not isinstance(tree, list):
        return []
    return [query for item in cast("list[object]", tree) for query in queries_in(item)]


def read_facts(connection: DeadlineConnection, trees: Iterable[TreeNode]) -> Facts:
    """Read what can be known about some trees, and about the views in them.

    Args:
        connection: to the scratch database.
        trees: analysed queries.
    """
    facts = Facts()
    numbers: dict[str, set[int]] = defaultdict(set)
    waiting = list(trees)
    while waiting:
        for tree in waiting:
            _collect(tree, numbers)
        waiting = _read_relations(connection, facts, numbers)
    queries = packaged_queries("internal/check.sql")
    relations = sorted(facts.relations)
    for row in queries.list_required_columns(connection, relation_oids=relations):
        facts.required.add((row.relation_oid, row.column_number))
    for row in queries.list_nested_columns(connection, relation_oids=relations):
        facts.nested.add((row.relation_oid, row.column_number))
    _read_array_checks(connection, facts, numbers)
    functions = sorted({number for name in _FUNCTION_FIELDS for number in numbers[name]})
    for row in queries.list_functions(connection, function_oids=functions):
        facts.functions[row.function_oid] = Function(
            row.function_name or "", tuple(row.argument_types), row.is_strict, row.volatile_name or ""
        )
    for row in queries.list_operators(connection, operator_oids=sorted(numbers["opno"])):
        facts.operators[row.operator_oid] = "" if row.is_geometric else row.operator_name or ""
        if row.is_equality:
            facts.equalities.add(row.operator_oid)
    casts = sorted(numbers["domain"])
    facts.required_domains = {row.type_oid for row in queries.list_required_domains(connection, type_oids=casts)}
    return facts


def _collect(tree: TreeNode, numbers: dict[str, set[int]]) -> None:
    for node in tree.walk():
        for name in (*_FUNCTION_FIELDS, "opno"):
            if name in node.fields:
                numbers[name].add(node.number(name))
        if node.tag == "COERCETODOMAIN":
            numbers["domain"].add(node.number("resulttype"))
        # Of a range table's entries only those of tables and views; a view's tree comes after its number.
        if node.tag == "RANGETBLENTRY" and node.text("rtekind") == "0":
            numbers["relid"].add(node.number("relid"))


def _read_relations(connection: DeadlineConnection, facts: Facts, numbers: dict[str, set[int]]) -> list[TreeNode]:
    """Read tables and views not known yet; return what the views select."""
    oids = numbers["relid"] - facts.relations.keys()
    views: list[TreeNode] = []
    if not oids:
        return views
    queries = packaged_queries("internal/check.sql")
    keys: dict[int, list[Key]] = defaultdict(list)
    for row in queries.list_row_keys(connection, relation_oids=sorted(oids)):
        columns = tuple(number for number in row.column_numbers if number)
        expressions, conditions = _nodes(row.expression_trees), _nodes(row.condition_tree)
        for tree in (*expressions, *conditions):
            _collect(tree, numbers)
        keys[row.relation_oid].append(Key(columns, expressions, conditions, row.is_null_one_value))
    for row in queries.list_relations(connection, relation_oids=sorted(oids)):
        found = queries_in(parse_tree(row.view_tree)) if row.view_tree else []
        view = found[0] if found else None
        facts.relations[row.relation_oid] = Relation(
            row.relation_kind,
            row.has_rules,
            view,
            row.is_catalogue,
            row.is_work_space,
            row.has_heirs,
            tuple(keys[row.relation_oid]),
        )
        views += found[:1]
    # An object that is gone is not looked up again.
    for oid in oids - facts.relations.keys():
        facts.relations[oid] = Relation("", has_rules=True, view=None)
    return views


def _nodes(text: str | None) -> tuple[TreeNode, ...]:
    """The nodes of a tree that is one, or a list."""
    tree: object = parse_tree(text) if text else None
    listed = cast("list[object]", tree) if isinstance(tree, list) else [tree]
    return tuple(item for item in listed if isinstance(item, TreeNode))


def _read_array_checks(connection: DeadlineConnection, facts: Facts, numbers: dict[str, set[int]]) -> None:
    checks: dict[tuple[int, int], list[TreeNode]] = defaultdict(list)
    for row in packaged_queries("internal/check.sql").list_array_checks(
        connection, relation_oids=sorted(facts.relations)
    ):
        tree = parse_tree(row.check_tree)
        if isinstance(tree, TreeNode):
            checks[row.relation_oid, row.column_number].append(tree)
            _collect(tree, numbers)
    facts.array_checks = checks
