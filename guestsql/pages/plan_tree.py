"""A plan as nested nodes, each with its share of the costs."""

from __future__ import annotations

import json
from dataclasses import dataclass

from guestsql.adhoc.plan import WeighedNode, most_expensive, read_plan
from guestsql.adhoc.plan_text import node_details, node_title
from guestsql.adhoc.redaction import mask_phones

__all__ = ["PlanTree", "TreeNode", "plan_trees"]


@dataclass(frozen=True, slots=True)
class TreeNode:
    """A node of a plan; its texts have no phone number.

    Attributes:
        title: what it is and reads.
        details: conditions and the like, one a line.
        cost: its own cost, without the nodes below it, in the planner's units.
        share: its own cost as a share of the whole plan's, 0 to 1.
        rows: how many rows the planner expects.
        is_most_expensive: True for one node of a plan at most.
        children: the nodes below it.
    """

    title: str
    details: tuple[str, ...]
    cost: float
    share: float
    rows: int
    is_most_expensive: bool
    children: tuple[TreeNode, ...]


@dataclass(frozen=True, slots=True)
class PlanTree:
    """A plan.

    Attributes:
        root: the node whose rows are the result.
        cost: of all nodes.
    """

    root: TreeNode
    cost: float


def plan_trees(text: str) -> list[PlanTree]:
    """Read what EXPLAIN (FORMAT JSON) returns: more than one plan when rules rewrite the statement.

    Args:
        text: the JSON.
    """
    found: list[PlanTree] = []
    for plan in json.loads(text):
        root = read_plan(plan["Plan"])
        whole = sum(node.own for node in root.walk())
        found.append(PlanTree(_node(root, most_expensive(root), whole), root.total))
    return found


def _node(node: WeighedNode, expensive: WeighedNode | None, whole: float) -> TreeNode:
    return TreeNode(
        title=mask_phones(node_title(node.facts)),
        details=tuple(mask_phones(detail) for detail in node_details(node.facts)),
        cost=node.own,
        share=node.own / whole if whole > 0 else 0.0,
        rows=int(node.facts.get("Plan Rows", 0)),
        is_most_expensive=node is expensive,
        children=tuple(_node(child, expensive, whole) for child in node.children),
    )
