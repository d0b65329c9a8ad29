"""A plan as a tree, with figures on the left and the most expensive node marked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from rich.text import Text

from guestsql.adhoc.plan import WeighedNode, read_plan
from guestsql.adhoc.values import plain_text

__all__ = ["plan_lines"]

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


@dataclass(frozen=True, slots=True)
class _Line:
    """A node as it is printed."""

    figures: tuple[str, ...]
    branch: str
    below: str
    node: WeighedNode


def plan_lines(plans: Sequence[Mapping[str, Any]], *, ascii_only: bool = False) -> list[Text]:
    """Return the lines of a plan.

    Args:
        plans: what EXPLAIN (FORMAT JSON) gives: more than one when rules rewrite the statement.
        ascii_only: draw without box characters.
    """
    lines: list[Text] = []
    for plan in plans:
        root = read_plan(plan["Plan"])
        lines += _tree(root, ascii_only=ascii_only)
        lines += [Text(text) for text in _triggers(plan)]
        lines.append(Text(_summary(plan, root)))
    return lines


def _tree(root: WeighedNode, *, ascii_only: bool) -> Iterator[Text]:
    is_run = root.loops is not None
    heading = ("self ms", "%", "rows", "expected", "loops") if is_run else ("self cost", "%", "rows")
    costly = _most_expensive(root)
    whole = sum(node.own for node in root.walk())
    lines = list(_lines(root, "", "", whole, ascii_only=ascii_only))
    widths = [max(len(row[at]) for row in (heading, *(line.figures for line in lines))) for at in range(len(heading))]
    yield Text(f"  {_padded(heading, widths)}  plan", style="bold")
    mark = ">" if ascii_only else "▶"
    margin = " " * (2 + sum(widths) + 2 * len(widths))
    for line in lines:
        is_costly = line.node is costly
        text = Text(f"{mark if is_costly else ' '} {_padded(line.figures, widths)}  {line.branch}")
        text.append(plain_text(_title(line.node.facts)))
        if is_costly:
            text.append("  <- most expensive")
            text.stylize("bold red")
        yield text
        for detail in _details(line.node.facts):
            yield Text(f"{margin}{line.below}    {detail}", style="dim")


def _most_expensive(root: WeighedNode) -> WeighedNode | None:
    found = max(root.walk(), key=lambda node: node.own)
    return found if found.own > 0 else None


def _lines(node: WeighedNode, branch: str, below: str, whole: float, *, ascii_only: bool) -> Iterator[_Line]:
    is_leaf = not node.children
    stem = "|" if ascii_only else "│"
    yield _Line(_figures(node, whole), branch, below if is_leaf else f"{below}{stem}", node)
    for place, child in enumerate(node.children, 1):
        is_last = place == len(node.children)
        corner = ("`- " if is_last else "|- ") if ascii_only else ("└─ " if is_last else "├─ ")
        deeper = "   " if is_last else f"{stem}  "
        yield from _lines(child, below + corner, below + deeper, whole, ascii_only=ascii_only)


def _figures(node: WeighedNode, whole: float) -> tuple[str, ...]:
    share = f"{100 * node.own / whole:.0f}" if whole > 0 else "0"
    expected = f"{node.facts.get('Plan Rows', 0):.0f}"
    if node.loops is None:
        return f"{node.own:.2f}", share, expected
    if not node.loops:
        return "", "", "never run", expected, "0"
    rows = float(node.facts.get("Actual Rows", 0))
    return (
        f"{node.own:.3f}",
        share,
        f"{rows * node.loops:.0f}",
        f"{float(expected) * node.loops:.0f}",
        f"{node.loops:.0f}",
    )


def _padded(cells: Sequence[str], widths: Sequence[int]) -> str:
    return "  ".join(cell.rjust(width) for cell, width in zip(cells, widths, strict=True))


def _title(facts: Mapping[str, Any]) -> str:
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
    return title + _object(facts)


def _object(facts: Mapping[str, Any]) -> str:
    thing = facts.get("Relation Name") or facts.get("Function Name") or facts.get("CTE Name")
    alias = facts.get("Alias")
    if thing is None:
        return f" {alias}" if alias is not None and facts.get("Node Type") == "Subquery Scan" else ""
    return f" on {thing}" + (f" {alias}" if alias not in (None, thing) else "")


def _details(facts: Mapping[str, Any]) -> Iterator[str]:
    for name in _DETAILS:
        value = facts.get(name)
        # A count of 0 is not worth a line.
        if value is None or (not value and name not in _ALWAYS_SHOWN):
            continue
        if name == "Hash Batches" and value == 1:
            continue
        shown = ", ".join(map(str, cast("list[object]", value))) if isinstance(value, list) else str(value)
        yield plain_text(f"{_NAMED.get(name, name)}: {' '.join(shown.split())}")


def _triggers(plan: Mapping[str, Any]) -> Iterator[str]:
    for trigger in plan.get("Triggers", ()):
        name = trigger.get("Constraint Name") or trigger.get("Trigger Name")
        yield plain_text(
            f"trigger {name} on {trigger.get('Relation')}: {trigger.get('Time', 0):.3f} ms, "
            f"{trigger.get('Calls', 0):.0f} calls"
        )


def _summary(plan: Mapping[str, Any], root: WeighedNode) -> str:
    if "Execution Time" in plan:
        return f"planned in {plan.get('Planning Time', 0):.3f} ms, run in {plan['Execution Time']:.3f} ms"
    return f"expected cost {root.total:.2f}, {root.facts.get('Plan Rows', 0):.0f} rows"
