"""A plan as EXPLAIN writes it in JSON, as a tree."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["PlanNode"]

_WRITING = {"ModifyTable", "LockRows"}
_SUBPLANS = ("InitPlan", "SubPlan")


@dataclass(frozen=True, slots=True, eq=False)
class PlanNode:
    """A node of a plan.

    Attributes:
        facts: what EXPLAIN says of the node itself, by name.
        nodes: all nodes directly below it, in the server's order.
    """

    facts: Mapping[str, Any]
    nodes: tuple[PlanNode, ...] = ()

    @classmethod
    def read(cls, plan: Mapping[str, Any]) -> PlanNode:
        """Make a tree of EXPLAIN's JSON.

        Args:
            plan: the object under "Plan".
        """
        facts = {name: value for name, value in plan.items() if name != "Plans"}
        return cls(facts, tuple(cls.read(part) for part in plan.get("Plans", ())))

    def walk(self) -> Iterator[PlanNode]:
        """Yield the node and all below it, in the order in which a plan is written."""
        yield self
        for node in self.nodes:
            yield from node.walk()

    def text(self, fact: str) -> str:
        """Return a fact, or "" when EXPLAIN does not mention it."""
        return str(self.facts.get(fact, ""))

    def items(self, fact: str) -> list[str]:
        """Return a list of texts, empty when EXPLAIN does not mention it."""
        return [str(item) for item in self.facts.get(fact, [])]

    @property
    def kind(self) -> str:
        """The type of the node: "Seq Scan", "Nested Loop", …."""
        return self.text("Node Type")

    @property
    def inputs(self) -> list[PlanNode]:
        """The nodes whose rows it takes, outer before inner."""
        return [node for node in self.nodes if node.text("Parent Relationship") not in _SUBPLANS]

    @property
    def subplans(self) -> list[PlanNode]:
        """The plans of its WITH queries and subselects."""
        return [node for node in self.nodes if node.text("Parent Relationship") in _SUBPLANS]

    @property
    def relation(self) -> str:
        """The table that it scans or changes, or ""."""
        return self.text("Relation Name")

    @property
    def schema(self) -> str:
        """The schema of that table, or ""."""
        return self.text("Schema")

    @property
    def alias(self) -> str:
        """The name of the table in the query, or ""."""
        return self.text("Alias")

    def changes(self) -> Iterator[PlanNode]:
        """Yield the nodes, from this one on, that change a table."""
        return (node for node in self.walk() if node.kind == "ModifyTable")

    @property
    def writes(self) -> bool:
        """True if it, or a node below it, writes or locks rows."""
        return any(node.kind in _WRITING for node in self.walk())
