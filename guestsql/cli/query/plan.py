"""A plan as the server's JSON tells it, with what each node costs by itself."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

__all__ = ["PlanNode", "read_plan"]

_WHOLE = 1e-9


@dataclass(slots=True)
class PlanNode:
    """A node of a plan.

    Attributes:
        said: what the server says of it, without its children.
        children: those below it, in the server's order.
        total: what it and all below it take: milliseconds when it was run, else the planner's units of cost.
        own: what it takes by itself.
    """

    said: Mapping[str, Any]
    children: list[PlanNode]
    total: float = 0.0
    own: float = 0.0
    _below: list[PlanNode] = field(default_factory=list["PlanNode"])  # those whose work is a part of its own

    def walk(self) -> Iterator[PlanNode]:
        """This node and all below, in the order in which a plan is written."""
        yield self
        for child in self.children:
            yield from child.walk()

    @property
    def loops(self) -> float | None:
        """How often it was run; None in a plan that was not run."""
        loops = self.said.get("Actual Loops")
        return None if loops is None else float(loops)

    def weigh(self, available: float, *, is_run: bool) -> None:
        """Share out what this node takes in all between itself and those below.

        What the server tells of a node is for itself and all below it: a time for one of its loops, a cost as if it ran
        to its end, once. So a child takes what it says, as often as it runs, scaled by how much of its parent is really
        needed (a LIMIT stops it early), and never more than its parent has left (workers run side by side).

        Args:
            available: what it takes in all.
            is_run: True for times, False for costs.
        """
        self.total = available
        stated = _stated(self.said, is_run=is_run)
        scale = min(1.0, available / stated) if stated > 0 else 0.0
        left = available
        for child in self._below:
            runs = 1.0 if is_run else self._runs(child)
            share = min(_stated(child.said, is_run=is_run) * runs * scale, left)
            child.weigh(share, is_run=is_run)
            left -= share
        self.own = left if left > available * _WHOLE else 0.0

    def _runs(self, child: PlanNode) -> float:
        """How often the planner expects a child to run."""
        relation = child.said.get("Parent Relationship")
        if relation == "Inner" and self.said["Node Type"] == "Nested Loop":
            return max(1.0, float(self.children[0].said.get("Plan Rows", 1)))
        if relation == "SubPlan" and not self._hashes(child):
            read = [float(each.said.get("Plan Rows", 1)) for each in self.children if each is not child]
            return max(1.0, float(self.said.get("Plan Rows", 1)), *read)
        return 1.0

    def _hashes(self, child: PlanNode) -> bool:
        name = str(child.said.get("Subplan Name", ""))
        return any(isinstance(text, str) and f"hashed {name}" in text for text in self.said.values())

    def attribute(self, ctes: dict[str, PlanNode], *, is_run: bool) -> Iterator[PlanNode]:
        """Find out whose work is a part of whose, and yield what is no part of any.

        The time of a CTE passes in the node that first scans it, whereas its cost is a part of the node it hangs on.
        A CTE that nothing scans is run after all others.
        """
        name = _cte_of(self.said)
        for child in self.children:
            cte = _cte_name(child.said)
            if is_run and cte is not None:
                ctes[cte] = child
            else:
                self._below.append(child)
        if is_run and name is not None and name in ctes:
            self._below.append(ctes.pop(name))
        for child in self.children:
            yield from child.attribute(ctes, is_run=is_run)
        for child in self.children:
            if is_run and (cte := _cte_name(child.said)) is not None and ctes.get(cte) is child:
                yield ctes.pop(cte)


def read_plan(plan: Mapping[str, Any]) -> PlanNode:
    """Read one plan and weigh its nodes.

    Args:
        plan: the object under "Plan".
    """
    root = _read(plan)
    is_run = root.loops is not None
    for top in [root, *root.attribute({}, is_run=is_run)]:
        top.weigh(_stated(top.said, is_run=is_run), is_run=is_run)
    return root


def _read(plan: Mapping[str, Any]) -> PlanNode:
    said = {name: value for name, value in plan.items() if name != "Plans"}
    return PlanNode(said, [_read(child) for child in plan.get("Plans", ())])


def _stated(said: Mapping[str, Any], *, is_run: bool) -> float:
    if is_run:
        return float(said.get("Actual Total Time", 0.0)) * float(said.get("Actual Loops", 0))
    return float(said.get("Total Cost", 0.0))


def _cte_name(said: Mapping[str, Any]) -> str | None:
    found = re.fullmatch(r"CTE (.+)", str(said.get("Subplan Name", "")))
    return found[1] if found and said.get("Parent Relationship") == "InitPlan" else None


def _cte_of(said: Mapping[str, Any]) -> str | None:
    return str(said["CTE Name"]) if said.get("Node Type") == "CTE Scan" else None
