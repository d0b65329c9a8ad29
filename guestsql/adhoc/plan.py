"""What each node of a plan costs by itself, without the nodes below it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from guestsql.sql.plan import PlanNode

__all__ = ["WeighedNode", "most_expensive", "read_plan"]

_WHOLE = 1e-9


@dataclass(slots=True)
class WeighedNode:
    """A node of a plan and its share of the work.

    Attributes:
        node: what the server says of it.
        children: those below it, in the server's order.
        total: what it and all below it take: milliseconds when it was run, else the planner's units of cost.
        own: what it takes by itself.
    """

    node: PlanNode
    children: list[WeighedNode]
    total: float = 0.0
    own: float = 0.0
    # Those whose work is a part of its own.
    _below: list[WeighedNode] = field(default_factory=list["WeighedNode"])

    def walk(self) -> Iterator[WeighedNode]:
        """Yield this node and all below, in the order in which a plan is written."""
        yield self
        for child in self.children:
            yield from child.walk()

    @property
    def facts(self) -> Mapping[str, Any]:
        """What EXPLAIN says of the node."""
        return self.node.facts

    @property
    def loops(self) -> float | None:
        """How often it was run; None in a plan that was not run."""
        loops = self.facts.get("Actual Loops")
        return None if loops is None else float(loops)

    def weigh(self, available: float, *, is_run: bool) -> None:
        """Share out what this node takes in all between itself and those below.

        What the server says of a node is for itself and all below it: a time for one of its loops, a cost as if it ran
        to its end, once. So a child takes what it says, as often as it runs, scaled by how much of its parent is really
        needed (a LIMIT stops it early), and never more than its parent has left (workers run side by side).

        Args:
            available: what it takes in all.
            is_run: True for times, False for costs.
        """
        self.total = available
        stated = _stated(self.facts, is_run=is_run)
        scale = min(1.0, available / stated) if stated > 0 else 0.0
        left = available
        for child in self._below:
            runs = 1.0 if is_run else self._runs(child)
            share = min(_stated(child.facts, is_run=is_run) * runs * scale, left)
            child.weigh(share, is_run=is_run)
            left -= share
        self.own = left if left > available * _WHOLE else 0.0

    def _runs(self, child: WeighedNode) -> float:
        """How often the planner expects a child to run."""
        relation = child.facts.get("Parent Relationship")
        if relation == "Inner" and self.facts["Node Type"] == "Nested Loop":
            return max(1.0, float(self.children[0].facts.get("Plan Rows", 1)))
        if relation == "SubPlan" and not self._hashes(child):
            read = [float(each.facts.get("Plan Rows", 1)) for each in self.children if each is not child]
            return max(1.0, float(self.facts.get("Plan Rows", 1)), *read)
        return 1.0

    def _hashes(self, child: WeighedNode) -> bool:
        name = child.node.text("Subplan Name")
        return any(isinstance(text, str) and f"hashed {name}" in text for text in self.facts.values())

    def attribute(self, ctes: dict[str, WeighedNode], *, is_run: bool) -> Iterator[WeighedNode]:
        """Find out whose work is a part of whose, and yield what belongs to no other.

        The time of a CTE passes in the node that first scans it, whereas its cost is a part of the node it hangs on.
        A CTE that nothing scans is run after all others.
        """
        name = _cte_of(self.facts)
        for child in self.children:
            cte = _cte_name(child.facts)
            if is_run and cte is not None:
                ctes[cte] = child
            else:
                self._below.append(child)
        if is_run and name is not None and name in ctes:
            self._below.append(ctes.pop(name))
        for child in self.children:
            yield from child.attribute(ctes, is_run=is_run)
        for child in self.children:
            if is_run and (cte := _cte_name(child.facts)) is not None and ctes.get(cte) is child:
                yield ctes.pop(cte)


def read_plan(plan: Mapping[str, Any]) -> WeighedNode:
    """Read one plan and weigh its nodes.

    Args:
        plan: the object under "Plan".
    """
    root = _weighed(PlanNode.read(plan))
    is_run = root.loops is not None
    for top in [root, *root.attribute({}, is_run=is_run)]:
        top.weigh(_stated(top.facts, is_run=is_run), is_run=is_run)
    return root


def most_expensive(root: WeighedNode) -> WeighedNode | None:
    """Return the node with the largest share of its own; None if no node has any.

    Args:
        root: the plan.
    """
    found = max(root.walk(), key=lambda node: node.own)
    return found if found.own > 0 else None


def _weighed(node: PlanNode) -> WeighedNode:
    return WeighedNode(node, [_weighed(child) for child in node.nodes])


def _stated(facts: Mapping[str, Any], *, is_run: bool) -> float:
    if is_run:
        return float(facts.get("Actual Total Time", 0.0)) * float(facts.get("Actual Loops", 0))
    return float(facts.get("Total Cost", 0.0))


def _cte_name(facts: Mapping[str, Any]) -> str | None:
    found = re.fullmatch(r"CTE (.+)", str(facts.get("Subplan Name", "")))
    return found[1] if found and facts.get("Parent Relationship") == "InitPlan" else None


def _cte_of(facts: Mapping[str, Any]) -> str | None:
    return str(facts["CTE Name"]) if facts.get("Node Type") == "CTE Scan" else None
