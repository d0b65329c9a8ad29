"""The rules of a table in a query: its unique keys, and how many rows it has."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import cast

from guestsql.check.identity.attributes import Attribute, Attributes, Rule, column, row
from guestsql.check.identity.conditions import Conditions
from guestsql.check.identity.level import NAMELESS, Bound
from guestsql.check.infer.facts import Key, Relation
from guestsql.check.infer.nodes import TreeNode
from guestsql.check.infer.nullable import nullness

__all__ = ["FewValues", "table_rules"]

FewValues = Callable[[int, int], bool]
"""Whether a column, by the numbers of its table and its place, can have only a few values."""

_FOREIGN, _PARTITIONED = "f", "p"
_ROW_ADDRESS = -1
_IS_NOT_NULL = "1"


def table_rules(attributes: Attributes, conditions: Conditions, number: int, few_values: FewValues) -> Iterator[Rule]:
    """Yield the rules of a table.

    Args:
        attributes: of the query.
        conditions: of the query.
        number: the table's entry in the range table.
        few_values: about columns.
    """
    entry = attributes.scope.entries[number - 1]
    oid = entry.number("relid")
    relation = attributes.scope.known.facts.relations.get(oid)
    if relation is None:
        return
    yield Rule(frozenset(), row(number), _bound(relation))
    reader = _Table(attributes, conditions, number, oid)
    # A table that inherits from another has its own keys.
    keys = () if relation.has_heirs and entry.flag("inh") else relation.keys
    rules = [rule for key in keys for rule in reader.key_rules(key)]
    yield from rules
    if not any(rule.level == Bound.ONE for rule in rules):
        yield Rule(frozenset(), row(number), NAMELESS)
    is_addressed = relation.kind != _PARTITIONED and not relation.has_heirs
    address = frozenset({column(number, _ROW_ADDRESS)}) | conditions.leaves[number]
    yield Rule(address, row(number), Bound.ONE if is_addressed else Bound.UNKNOWN)
    for table, place in attributes.scope.known.facts.required:
        if table == oid:
            yield from (Rule(frozenset({column(number, place)}), match) for match in conditions.leaves[number])
    yield from (Rule(frozenset(), column(number, place), Bound.SOME) for place in reader.few(few_values))


def _bound(relation: Relation) -> Bound:
    if relation.is_catalogue:
        return Bound.CATALOGUE
    if relation.kind == _FOREIGN:
        return Bound.UNKNOWN
    return Bound.SOME if relation.is_work_space else Bound.GROWS


class _Table:
    def __init__(self, attributes: Attributes, conditions: Conditions, number: int, oid: int) -> None:
        self._attributes = attributes
        self._conditions = conditions
        self._number = number
        self._oid = oid
        self._context = conditions.leaves[number]

    def few(self, few_values: FewValues) -> list[int]:
        query = self._attributes.scope.query
        places = {each.number("varattno") for each in query.walk() if each.tag == "VAR"}
        return sorted(place for place in places if few_values(self._oid, place))

    def key_rules(self, key: Key) -> Iterator[Rule]:
        level = self._level(key)
        if level is None:
            return
        given = {column(self._number, place) for place in key.columns}
        values = {each for each in given if not (key.is_null_one_value or self._is_value(each))}
        for expression in key.expressions:
            written = _moved(expression, self._number)
            given.add(self._attributes.of(written))
            if not key.is_null_one_value and nullness(self._attributes.scope, written).itself:
                level = max(level, Bound.UNKNOWN)
        yield Rule(self._context | given, row(self._number), level, frozenset(values))

    def _is_value(self, attribute: Attribute) -> bool:
        """Return True if a column is never NULL, unless the whole row is."""
        required = (self._oid, attribute[2]) in self._attributes.scope.known.facts.required
        return required or attribute in self._conditions.values

    def _level(self, key: Key) -> int | None:
        """How sure it is that the key holds for the rows that are asked for; None when nothing speaks for it."""
        missing = [each for each in map(self._placed, key.conditions) if not self._is_met(each)]
        if not missing:
            return Bound.ONE
        mentioned = {each.key() for _, met in self._conditions.met for each in met.walk() if each.tag == "VAR"}
        columns = {each.key() for condition in missing for each in condition.walk() if each.tag == "VAR"}
        return Bound.UNKNOWN if columns <= mentioned else None

    def _placed(self, condition: TreeNode) -> TreeNode:
        return _moved(condition, self._number)

    def _is_met(self, condition: TreeNode) -> bool:
        if condition.tag == "BOOLEXPR" and condition.text("boolop") == "and":
            return all(map(self._is_met, condition.nodes("args")))
        argument = condition.node("arg")
        if condition.tag == "NULLTEST" and condition.text("nulltesttype") == _IS_NOT_NULL and argument is not None:
            attribute = self._attributes.of(argument)
            if attribute[0] == "column" and self._is_value(attribute):
                return True
        key = condition.key()
        return any(context <= self._context and met.key() == key for context, met in self._conditions.met)


def _moved(node: TreeNode, number: int) -> TreeNode:
    """An expression of a table, as it is in a query where the table has another entry."""
    return TreeNode(node.tag, {name: _moved_value(node, name, value, number) for name, value in node.fields.items()})


def _moved_value(node: TreeNode, name: str, value: object, number: int) -> object:
    if isinstance(value, TreeNode):
        return _moved(value, number)
    if isinstance(value, list):
        return [_moved_value(node, "", item, number) for item in cast("list[object]", value)]
    return str(number) if node.tag == "VAR" and name == "varno" else value
