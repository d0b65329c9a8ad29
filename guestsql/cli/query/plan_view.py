"""A plan as a tree, with figures on the left and the most expensive node marked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rich.text import Text

from guestsql.adhoc.plan import WeighedNode, most_expensive, read_plan
from guestsql.adhoc.plan_text import node_details, node_title
from guestsql.adhoc.values import plain_text
from guestsql.wording import counted

__all__ = ["plan_lines"]


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
    costly = most_expensive(root)
    whole = sum(node.own for node in root.walk())
    lines = list(_lines(root, "", "", whole, ascii_only=ascii_only))
    widths = [max(len(row[at]) for row in (heading, *(line.figures for line in lines))) for at in range(len(heading))]
    yield Text(f"  {_padded(heading, widths)}  plan", style="bold")
    mark = ">" if ascii_only else "▶"
    margin = " " * (2 + sum(widths) + 2 * len(widths))
    for line in lines:
        is_costly = line.node is costly
        text = Text(f"{mark if is_costly else ' '} {_padded(line.figures, widths)}  {line.branch}")
        text.append(node_title(line.node.facts))
        if is_costly:
            text.append("  <- most expensive")
            text.stylize("bold red")
        yield text
        for detail in node_details(line.node.facts):
            yield Text(f"{margin}{line.below}    {detail}", style="dim")


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
    return f"expected cost {root.total:.2f}, {counted(round(root.facts.get('Plan Rows', 0)), 'row')}"
