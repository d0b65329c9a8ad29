"""How many rows a plan can return, as far as its shape tells: one, some, or as many as a table has."""

from __future__ import annotations

import enum
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from guestsql.check.catalog import Catalog, UniqueKey
from guestsql.check.enclosed import without_brackets
from guestsql.check.plan import Equality, Node, column_of
from guestsql.check.words import Words

__all__ = ["Bound", "Bounds"]

_SCANS = {"Seq Scan", "Index Scan", "Index Only Scan", "Bitmap Heap Scan", "Sample Scan", "Foreign Scan"}
_JOINS = {"Nested Loop", "Hash Join", "Merge Join"}
_OF_OUTER = ("Semi", "Anti")
_OF_INNER = ("Right Semi", "Right Anti")
_NOT_DISTINCT = re.compile(r"NOT \((?P<column>\S+) IS DISTINCT FROM (?P<value>.*)\)", re.DOTALL)


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
        held: alias and column of what a step above holds equal to one value.
    """

    plan: Node
    words: Words
    catalog: Catalog
    held: frozenset[tuple[str, str]] = frozenset()

    def of(self, node: Node) -> Bound:
        """Return how many rows a step can return."""
        if node.kind in _SCANS:
            return Bound.ONE if self._is_held(node) else self.of_scan(node)
        if node.kind in _JOINS:
            return self._of_join(node)
        special = {
            "Aggregate": self._of_aggregate,
            "Group": self._of_aggregate,
            "Limit": self._of_limit,
            "ModifyTable": self._of_change,
            "CTE Scan": self._of_with,
            "Subquery Scan": self._of_subquery,
            "Unique": self._of_unique,
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

    def _is_held(self, node: Node) -> bool:
        """Tell whether a scan's key is given otherwise than by `=`: by the steps above, or by IS NOT DISTINCT FROM.

        All the same such a scan reads the whole table, so that of_scan knows nothing of it.
        """
        also = {column for alias, column in self.held if alias == node.alias}
        also |= set(_not_distinct(node))
        given = {each.column for each in node.equalities() if not each.is_list}
        return bool(also) and any(key.columns and key.columns <= also | given for key in self._keys(node))

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
        if below is Bound.ONE or self._are_given(node, node.items("Group Key")):
            return Bound.ONE
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

    def _are_given(self, node: Node, columns: Iterable[str]) -> bool:
        """Tell whether each of some columns, `alias.column` or `column`, can have one value only below a step."""
        if any(each.text("Join Type") in ("Left", "Right", "Full") for each in node.walk()):
            return False  # they may be NULL as well
        given = set(self.held)
        for each in node.walk():
            if each.relation:
                given |= {
                    (each.alias, same.column) for same in each.equalities() if not same.is_list | bool(same.others)
                }
        names = {name for _, name in given}
        pairs = [(column, column_of(column)) for column in columns]
        return bool(pairs) and all((pair in given) if pair else (column in names) for column, pair in pairs)

    def _of_unique(self, node: Node) -> Bound:
        """DISTINCT ON what has one value only; newer servers make a Limit of it."""
        words = without_brackets(self.words)
        index = words.find("distinct", depth=0)
        if index is not None and words[index + 1].folded == "on" and words[index + 2].text == "(":
            inside = list(words)[index + 3 : words.closing(index + 2)]
            items = "".join(word.folded for word in inside).split(",")
        else:
            items = node.items("Output")
        return Bound.ONE if self._are_given(node, items) else self._of_plain(node)

    def _of_limit(self, node: Node) -> Bound:
        below = self._most(node.children, Bound.ONE)
        if below is Bound.ONE:
            return below
        own = node is self.plan
        if self.words.has("distinct") and not self.words.has("limit", "offset", "fetch"):
            return Bound.UNKNOWN  # made of a DISTINCT upon what has one value only
        limit = self._limit(own=own)
        # Who ends a query with LIMIT :max_rows means more than one, also where the plan does not tell.
        return limit if own and below is Bound.UNKNOWN and limit is Bound.SOME else min(below, limit)

    def _limit(self, *, own: bool) -> Bound:
        """What the LIMITs of the text say, the statement's own or all: OFFSET alone makes the same step."""
        found: list[Bound] = []
        words = without_brackets(self.words)
        for index, word in enumerate(words):
            if own and word.depth > 0:
                continue
            if word.folded == "limit":
                found.append(_limit_of(words, index + 1))
            elif word.folded == "fetch" and words[index + 1].folded in ("first", "next"):
                found.append(self._fetch_of(words, index))
        if Bound.ONE in found and Bound.SOME in found:
            return Bound.UNKNOWN  # which of them is meant, the plan does not say
        return max(found, default=Bound.GROWS)

    def _fetch_of(self, words: Words, index: int) -> Bound:
        begin = index + 2
        end = next((at for at in range(begin, len(words)) if words[at].folded in ("only", "ties")), len(words))
        count = [words[at].folded for at in range(begin, end) if words[at].text not in ("(", ")")]
        if count[:1] not in (["1"], ["row"], ["rows"]):
            return Bound.SOME
        if words[end].folded != "ties":
            return Bound.ONE
        # As many as agree in the order: one, if a key stands in it.
        ordered = {words[at].folded for at in range(index) if words[at].depth == words[index].depth}
        scans = [each for each in self.plan.walk() if each.kind in _SCANS]
        told = any(key.columns and key.columns <= ordered for each in scans for key in self._keys(each))
        return Bound.UNKNOWN if told else Bound.SOME

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
                return self._of_held(node, each)
        return Bound.UNKNOWN

    def _of_subquery(self, node: Node) -> Bound:
        return self._of_held(node, node.children[0]) if node.children else Bound.UNKNOWN

    def _of_held(self, node: Node, below: Node) -> Bound:
        """What a step returns of another one's rows, when it holds some columns equal to one value."""
        names: set[str] = set()
        for each in node.equalities():
            if not each.is_list and not each.others:
                names |= {each.column, *self._before(each.column)}
        columns = {column_of(output) for output in below.items("Output")}
        held = {column for column in columns if column is not None and column[1] in names}
        return replace(self, held=self.held | held).of(below)

    def _before(self, name: str) -> Iterator[str]:
        """What stands before a name in the text: `room_id AS name`."""
        for index, word in enumerate(self.words):
            if word.folded == name:
                yield self.words[index - (2 if self.words[index - 1].folded == "as" else 1)].folded

    def _of_function(self, node: Node) -> Bound:
        return Bound.ONE if node.text("Function Name") in self.catalog.one_row_functions else Bound.SOME

    def _of_append(self, node: Node) -> Bound:
        if self.words.has("union"):
            return self._most(node.children, Bound.SOME)
        return self._most(node.children, Bound.UNKNOWN)  # partitions: one row may be in one of them


def _limit_of(words: Words, index: int) -> Bound:
    """What the expression behind a LIMIT says, in brackets or not."""
    while words[index].text == "(":
        index += 1
    count = words[index].folded
    if count in ("all", "null"):
        return Bound.GROWS
    index += 1
    while words[index].text == ")":
        index += 1
    return Bound.ONE if count == "1" and words[index].text not in ("+", "*") else Bound.SOME


def _not_distinct(node: Node) -> Iterator[str]:
    """The columns that IS NOT DISTINCT FROM gives one value that is of no other table."""
    for condition in node.conditions:
        found = _NOT_DISTINCT.fullmatch(condition) or _NOT_DISTINCT.fullmatch(condition[1:-1])
        column = None if found is None else column_of(found["column"])
        if found is not None and column is not None and column_of(found["value"]) is None:
            yield column[1]


def _is_fixed(keys: Iterable[UniqueKey], equalities: Iterable[Equality]) -> bool:
    fixed = {each.column for each in equalities}
    return any(key.columns and key.columns <= fixed for key in keys)


def _is_found_by_expression(node: Node, keys: Iterable[UniqueKey]) -> bool:
    """Tell whether a scan goes by a unique key upon an expression, all of whose parts are given."""
    parts = {key.index: key.parts for key in keys if not key.columns}
    return any(each.equations == parts.get(each.text("Index Name"), 0) > 0 for each in node.walk())
