"""A plan's nodes in words: a title, and what EXPLAIN says of conditions, sorting and reading."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, cast

from guestsql.adhoc.values import plain_text

__all__ = ["node_details", "node_title"]

# What is shown below a node, in this order; the JSON has the rest.
_DETAILS = (
    "Subplan Name",
    "Index Cond",
    "Recheck Cond",
    "TID Cond",
    "Hash Cond",
    "Merge Cond",
    "Join Filter",
    "Rows Removed by Join Filter",
    "Filter",
    "Rows Removed by Filter",
    "Rows Removed by Index Recheck",
    "One-Time Filter",
    "Order By",
    "Sort Key",
    "Presorted Key",
    "Sort Method",
    "Sort Space Used",
    "Group Key",
    "Conflict Resolution",
    "Conflict Arbiter Indexes",
    "Heap Fetches",
    "Hash Batches",
    "Workers Launched",
    "Shared Read Blocks",
    "Temp Written Blocks",
)
_ALWAYS_SHOWN = frozenset(name for name in _DETAILS if not name.startswith(("Rows", "Heap", "Shared", "Temp")))
_NAMED = {
    "Sort Space Used": "Sort Space (kB)",
    "Shared Read Blocks": "Blocks read from disk",
    "Temp Written Blocks": "Temporary blocks written",
}


def node_title(facts: Mapping[str, Any]) -> str:
    """Return what a node is and what it reads, such as "Index Scan using threads_pkey on threads".

    Args:
        facts: what EXPLAIN says of it.
    """
    title = str(facts["Node Type"])
    if title == "ModifyTable":
        title = str(facts.get("Operation", title))
    if (kind := facts.get("Join Type")) not in (None, "Inner"):
        title = f"{title.removesuffix(' Join')} {kind} Join" if title.endswith("Join") else f"{title} {kind} Join"
    if (strategy := facts.get("Strategy")) not in (None, "Plain"):
        title = f"{title} ({strategy})"
    if facts.get("Scan Direction") == "Backward":
        title += " backward"
    if (index := facts.get("Index Name")) is not None:
        title += f" using {index}"
    return plain_text(title + _object(facts))


def _object(facts: Mapping[str, Any]) -> str:
    thing = facts.get("Relation Name") or facts.get("Function Name") or facts.get("CTE Name")
    alias = facts.get("Alias")
    if thing is None:
        return f" {alias}" if alias is not None and facts.get("Node Type") == "Subquery Scan" else ""
    return f" on {thing}" + (f" {alias}" if alias not in (None, thing) else "")


def node_details(facts: Mapping[str, Any]) -> Iterator[str]:
    """Yield what is shown below a node, each on one line, such as "Filter: (tokens > 5)".

    Args:
        facts: what EXPLAIN says of it.
    """
    for name in _DETAILS:
        value = facts.get(name)
        # A count of 0 is not worth a line.
        if value is None or (not value and name not in _ALWAYS_SHOWN):
            continue
        if name == "Hash Batches" and value == 1:
            continue
        shown = ", ".join(map(str, cast("list[object]", value))) if isinstance(value, list) else str(value)
        yield plain_text(f"{_NAMED.get(name, name)}: {' '.join(shown.split())}")
