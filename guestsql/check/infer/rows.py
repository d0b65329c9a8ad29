"""Whether a query always returns exactly one row."""

from __future__ import annotations

from guestsql.check.infer.nodes import TreeNode
from guestsql.check.infer.scope import SELECT, Scope

__all__ = ["has_one_row"]

_SUBQUERY, _RESULT, _CTE = "1", "8", "6"
_INNER, _LEFT = "0", "1"


def has_one_row(scope: Scope) -> bool:
    """Return True if a query always returns one row: it only counts, or reads from a source of one row.

    Args:
        scope: the query.
    """
    known, key = scope.known.one_row, id(scope.query)
    if key not in known:
        # Each after those that it mentions: from the end, a long chain would be as deep a recursion.
        for entry in scope.query.nodes("cteList"):
            inner = entry.node("ctequery")
            if inner is not None:
                has_one_row(scope.inner(inner))
        known[key] = _has_one_row(scope)
    return known[key]


def _has_one_row(scope: Scope) -> bool:
    query = scope.query
    if scope.command != SELECT or scope.series:
        return False
    if any(query.node(name) is not None for name in ("havingQual", "limitCount", "limitOffset", "setOperations")):
        return False
    if query.items("groupClause") or query.items("groupingSets"):
        return False
    tree = query.node("jointree")
    if query.flag("hasAggs"):
        return True
    return (
        tree is not None and tree.node("quals") is None and all(_is_one(scope, each) for each in tree.nodes("fromlist"))
    )


def _is_one(scope: Scope, node: TreeNode) -> bool:
    """Return True if an item of a FROM has one row."""
    if node.tag == "JOINEXPR":
        left, right = node.node("larg"), node.node("rarg")
        if left is None or right is None or not (_is_one(scope, left) and _is_one(scope, right)):
            return False
        return node.text("jointype") == _LEFT or (node.text("jointype") == _INNER and node.node("quals") is None)
    entry = scope.entry(node.number("rtindex"))
    if node.tag != "RANGETBLREF" or entry is None:
        return False
    if entry.text("rtekind") == _SUBQUERY:
        query = entry.node("subquery")
        return query is not None and has_one_row(scope.inner(query))
    if entry.text("rtekind") != _CTE or entry.flag("self_reference"):
        return entry.text("rtekind") == _RESULT
    at = scope.up(entry.number("ctelevelsup"))
    found = None if at is None else at.with_query(entry.text("ctename"))
    query = None if found is None else found.node("ctequery")
    return at is not None and query is not None and has_one_row(at.inner(query))
