"""Whether a list is ordered, and so that no two rows can change places."""

from __future__ import annotations

import re
from dataclasses import dataclass

from guestsql._sql import Kind
from guestsql.check.bounds import Bound, Bounds
from guestsql.check.enclosed import without_brackets
from guestsql.check.plan import Node, column_of, sides
from guestsql.check.words import Words

__all__ = ["order_by", "order_is_total"]

_DIRECTION = re.compile(r"(?: (?:ASC|DESC))?(?: USING \S+)?(?: NULLS (?:FIRST|LAST))?$")
_COLLATE = re.compile(r' COLLATE (?:"(?:[^"]|"")+"|\w+|\.)+')
_ENDS = {"limit", "offset", "fetch", "for"}
_THROUGH = {"LockRows", "Sort", "Incremental Sort", "Gather", "Materialize", "WindowAgg", "Unique", "Result"}
_OF_OUTER = ("Semi", "Anti")


def order_by(words: Words) -> tuple[int, int] | None:
    """Find the statement's own ORDER BY.

    Args:
        words: the query's tokens.

    Returns:
        Index of the ORDER, and how many items follow; None when there is none outside brackets.
    """
    bare = without_brackets(words)
    for index in range(len(bare) - 1, -1, -1):
        word = bare[index]
        if word.depth == 0 and word.folded == "order" and bare[index + 1].folded == "by":
            break
    else:
        return None
    items = 1
    for word in list(bare)[index + 2 :]:
        if word.depth == 0 and word.kind is Kind.WORD and word.folded in _ENDS:
            break
        items += word.depth == 0 and word.text == ","
    offset = bare[index].offset
    return next(at for at, word in enumerate(words) if word.offset == offset), items


def order_is_total(plan: Node, bounds: Bounds, items: int, columns: int) -> bool | None:
    """Tell whether no two rows can change places.

    Args:
        plan: in which no index brings rows in order.
        bounds: judges that plan.
        items: how many items the ORDER BY has.
        columns: how many columns the query returns.

    Returns:
        True, False, or None when it cannot be told.
    """
    node = plan
    while node.kind in ("Limit", "LockRows", "Subquery Scan", "Result") and len(node.children) == 1:
        node = node.children[0]
    if node.kind != "Sort":
        return None  # sorted below, by chance or because it was grouped
    keys = {_expression(key) for key in node.items("Sort Key")[:items]}
    if _all_are_keys(plan.items("Output")[:columns], keys):
        return True
    return _Judge(bounds, keys).tells_apart(node.children[0])


@dataclass(frozen=True)
class _Judge:
    bounds: Bounds
    keys: set[str]

    def tells_apart(self, node: Node) -> bool | None:
        """Tell whether rows that agree in all keys are one row."""
        if self.bounds.of(node) is Bound.ONE:
            return True
        if node.kind in _THROUGH and len(node.children) == 1:
            return self.tells_apart(node.children[0])
        judge = {
            "Seq Scan": self._tells_rows_apart,
            "Sample Scan": self._tells_rows_apart,
            "Nested Loop": self._tells_pairs_apart,
            "Hash Join": self._tells_pairs_apart,
            "Aggregate": self._tells_groups_apart,
            "Group": self._tells_groups_apart,
        }.get(node.kind)
        return None if judge is None else judge(node)

    def _tells_rows_apart(self, node: Node) -> bool | None:
        named = {column for key in self.keys if (column := _column(key, node.alias)) is not None}
        fixed = {each.column for each in node.equalities() if not each.is_list and not each.others}
        keys = self.bounds.catalog.keys.get((node.schema, node.relation), [])
        if not keys:
            return None  # a view's function, or a table whose rows nothing tells apart
        if any(key.is_whole and key.columns <= named | fixed for key in keys):
            return True
        return None if any(not key.columns for key in keys) else False

    def _tells_pairs_apart(self, node: Node) -> bool | None:
        outer, inner = node.children
        judge = _Judge(self.bounds, self.keys | self._equal(node, inner))
        kind = node.text("Join Type")
        if kind in _OF_OUTER or (node.facts.get("Inner Unique") and kind in ("Inner", "Left")):
            return judge.tells_apart(outer)
        if kind.startswith("Right "):
            return judge.tells_apart(inner)
        told = (judge.tells_apart(outer), judge.tells_apart(inner))
        if None in told:
            return None
        return all(told)

    def _equal(self, node: Node, inner: Node) -> set[str]:
        """What is equal to a key, by the conditions of a join."""
        found: set[str] = set()
        pairs = [sides(condition) for condition in node.join_conditions]
        for each in inner.walk():
            if each.relation:
                pairs += [(f"{each.alias}.{same.column}", same.other) for same in each.equalities() if same.other]
        for pair in pairs:
            if pair is None:
                continue
            one, other = (_plain(side) for side in pair)
            if one in self.keys:
                found.add(other)
            if other in self.keys:
                found.add(one)
        return found

    def _tells_groups_apart(self, node: Node) -> bool | None:
        groups = {_plain(key) for key in node.items("Group Key")}
        if not groups:
            return None
        if groups <= self.keys:
            return True
        # Groups of one table by a key of its own: the key alone tells them apart.
        return None if any(column_of(group) is None for group in groups) else self._key_in(node)

    def _key_in(self, node: Node) -> bool | None:
        below = self.tells_apart(node.children[0])
        return True if below else False if below is False else None


def _all_are_keys(outputs: list[str], keys: set[str]) -> bool:
    """Tell whether every column is a key: rows that agree in all look the same wherever they stand."""
    bare = {key.rpartition(".")[2] for key in keys if column_of(key) is not None} | keys
    return bool(outputs) and all(_plain(output) in bare or output in bare for output in outputs)


def _expression(key: str) -> str:
    return _plain(_DIRECTION.sub("", _COLLATE.sub("", key)))


def _plain(expression: str) -> str:
    """Return `alias.column` of a column, cast or not; anything else without the brackets around it."""
    column = column_of(expression)
    if column is not None:
        return ".".join(column)
    text = expression.strip()
    while text.startswith("(") and text.endswith(")"):
        text = text[1:-1]
    return text


def _column(key: str, alias: str) -> str | None:
    before, dot, column = key.rpartition(".")
    return column if dot and before == alias else None
