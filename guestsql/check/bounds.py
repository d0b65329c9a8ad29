"""How many rows a plan can return, as far as its shape tells: one, some, or as many as a table has."""

from __future__ import annotations

import enum
from collections.abc import Iterable
from dataclasses import dataclass

from guestsql.check.catalog import Catalog, UniqueKey
from guestsql.check.plan import Equality, Node, column_of
from guestsql.check.words import Words

__all__ = ["Bound", "Bounds"]

_SCANS = {"Seq Scan", "Index Scan", "Index Only Scan", "Bitmap Heap Scan", "Sample Scan", "Foreign Scan"}
_JOINS = {"Nested Loop", "Hash Join", "Merge Join"}
_OF_OUTER = ("Semi", "Anti")
_OF_INNER = ("Right Semi", "Right Anti")


class Bound(enum.IntEnum):
    """How many rows at most; the greater of two is that of a join."""

    ONE = 0
    UNKNOWN = 1
    SOME = 2  # as many as the text, the parameters or a job say
    CATALOGUE = 3  # as many as the system's tables hold
    GROWS = 4  # as many as a table holds


@dataclass(frozen=True)
class Bounds:
    """Judges the steps of one plan.

    Args:
        plan: the whole plan.
        words: the query's tokens.
        catalog: the unique keys.
    """

    plan: Node
    words: Words
    catalog: Catalog

    def of(self, node: Node) -> Bound:
        """Return how many rows a step can return."""
        if node.kind in _SCANS:
            return self.of_scan(node)
        if node.kind in _JOINS:
            return self._of_join(node)
        special = {
            "Aggregate": self._of_aggregate,
            "Group": self._of_aggregate,
            "Limit": self._of_limit,
            "ModifyTable": self._of_change,
            "CTE Scan": self._of_with,
            "Function Scan": self._of_function,
            "Append": self._of_append,
            "Merge Append": self._of_append,
        }.get(node.kind)
        if special is not None:
            return special(node)
        return self._of_plain(node)

    def of_scan(self, node: Node, *, alone: bool = False) -> Bound:
        """Return how many rows a scan can return.

        Args:
            node: the scan.
            alone: only by constants and parameters, not for each row of another table.
        """
        equalities = [each for each in node.equalities() if not (alone and each.others)]
        keys = self._keys(node)
        if _is_fixed(keys, [each for each in equalities if not each.is_list]) or _is_found_by_expression(node, keys):
            return Bound.ONE
        if _is_fixed(keys, equalities):
            return Bound.SOME
        if node.schema in ("pg_catalog", "information_schema"):
            return Bound.CATALOGUE
        if node.kind == "Foreign Scan":
            return Bound.UNKNOWN
        return Bound.SOME if self.catalog.is_work_space((node.schema, node.relation)) else Bound.GROWS

    def _keys(self, node: Node) -> list[UniqueKey]:
        """The unique keys that hold for the rows of a scan: a partial one when the plan goes by it."""
        used = {each.text("Index Name") for each in node.walk()}
        keys = self.catalog.keys.get((node.schema, node.relation), [])
        return [key for key in keys if key.is_whole or key.index in used]

    def _of_plain(self, node: Node) -> Bound:
        if node.kind == "Result":
            return self._most(node.children, Bound.ONE)
        if node.kind in ("Values Scan", "ProjectSet", "Table Function Scan", "Recursive Union", "Tid Scan"):
            return self._most(node.children, Bound.SOME)
        if not node.children:
            return Bound.UNKNOWN
        return self._most(node.children, Bound.ONE)

    def _most(self, nodes: Iterable[Node], least: Bound) -> Bound:
        return max([least, *(self.of(node) for node in nodes)])

    def _of_join(self, node: Node) -> Bound:
        outer, inner = node.children
        kind = node.text("Join Type")
        if kind in _OF_OUTER or (node.facts.get("Inner Unique") and kind in ("Inner", "Left")):
            return self.of(outer)
        if kind in _OF_INNER:
            return self.of(inner)
        return max(self.of(outer), self.of(inner), Bound.SOME if kind == "Full" else Bound.ONE)

    def _of_aggregate(self, node: Node) -> Bound:
        if node.kind == "Aggregate" and not node.items("Group Key") and "Grouping Sets" not in node.facts:
            return Bound.ONE
        below = self._most(node.children, Bound.ONE)
        if below <= Bound.SOME:
            return below
        scans = {each.alias: each for each in node.walk() if each.relation}
        for key in node.items("Group Key"):
            column = column_of(key)
            if column is None or column[0] not in scans:
                return Bound.UNKNOWN  # an expression, such as a month
            scan = scans[column[0]]
            if not self.catalog.has_few_values((scan.schema, scan.relation), column[1]):
                return below
        return Bound.SOME

    def _of_limit(self, node: Node) -> Bound:
        below = self._most(node.children, Bound.ONE)
        if below is Bound.ONE:
            return below
        own = node is self.plan
        limit = self._limit(own=own)
        # Who ends a query with LIMIT :max_rows means more than one, also where the plan does not tell.
        return limit if own and below is Bound.UNKNOWN and limit is Bound.SOME else min(below, limit)

    def _limit(self, *, own: bool) -> Bound:
        """What the LIMITs of the text say, the statement's own or all: OFFSET alone makes the same step."""
        found: list[Bound] = []
        words = self.words
        for index, word in enumerate(words):
            if own and word.depth > 0:
                continue
            if word.folded == "limit":
                found.append(_limit_of(words[index + 1].folded, words[index + 2].text))
            elif word.folded == "fetch" and words[index + 1].folded in ("first", "next"):
                count = words[index + 2].folded
                found.append(Bound.ONE if count in ("1", "row", "rows") else Bound.SOME)
        if Bound.ONE in found and Bound.SOME in found:
            return Bound.UNKNOWN  # which of them is meant, the plan does not say
        return max(found, default=Bound.GROWS)

    def _of_change(self, node: Node) -> Bound:
        below = self._most(node.children, Bound.ONE)
        if node.text("Operation") not in ("Update", "Delete"):
            return below
        # Each row of the target is changed and returned once, however many rows it is joined to.
        targets = [
            each for each in node.walk() if each.kind in _SCANS and each.alias == node.alias and each is not node
        ]
        return min([below, *(self.of_scan(target, alone=True) for target in targets[:1])])

    def _of_with(self, node: Node) -> Bound:
        name = f"CTE {node.text('CTE Name')}"
        for each in self.plan.walk():
            if each.text("Subplan Name") == name and each.kind != "Recursive Union":
                return self.of(each)
        return Bound.UNKNOWN

    def _of_function(self, node: Node) -> Bound:
        return Bound.ONE if node.text("Function Name") in self.catalog.one_row_functions else Bound.SOME

    def _of_append(self, node: Node) -> Bound:
        if self.words.has("union"):
            return self._most(node.children, Bound.SOME)
        return self._most(node.children, Bound.UNKNOWN)  # partitions: one row may be in one of them


def _limit_of(count: str, following: str) -> Bound:
    if count in ("all", "null"):
        return Bound.GROWS
    return Bound.ONE if count == "1" and following not in ("+", "*") else Bound.SOME


def _is_fixed(keys: Iterable[UniqueKey], equalities: Iterable[Equality]) -> bool:
    fixed = {each.column for each in equalities}
    return any(key.columns and key.columns <= fixed for key in keys)


def _is_found_by_expression(node: Node, keys: Iterable[UniqueKey]) -> bool:
    """Tell whether a scan goes by a unique key upon an expression, all of whose parts are given."""
    parts = {key.index: key.parts for key in keys if not key.columns}
    return any(each.equations == parts.get(each.text("Index Name"), 0) > 0 for each in node.walk())
