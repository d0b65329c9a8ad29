"""What a node of a plan takes by itself, and the tree that shows it."""

from __future__ import annotations

import pytest

from guestsql.adhoc.plan import read_plan
from guestsql.cli.query.plan_view import plan_lines


def node(kind, *below, cost=0.0, rows=1, **said):
    plan = {"Node Type": kind, "Total Cost": cost, "Plan Rows": rows, **said}
    return {**plan, "Plans": list(below)} if below else plan


def run(kind, *below, ms=0.0, loops=1, rows=1, **said):
    timed = {"Actual Total Time": ms, "Actual Loops": loops, "Actual Rows": rows}
    return node(kind, *below, rows=rows, **timed, **said)


def own(plan):
    return [(each.facts["Node Type"], round(each.own, 3)) for each in read_plan(plan).walk()]


OUTER, INNER, INIT, SUB = ({"Parent Relationship": relation} for relation in ("Outer", "Inner", "InitPlan", "SubPlan"))


@pytest.mark.parametrize(
    ("plan", "expected"),
    [
        # Alone it takes all.
        (node("Result", cost=0.01), [("Result", 0.01)]),
        # A node above one that costs as much takes nothing.
        (node("Hash", node("Seq Scan", cost=9, **OUTER), cost=9), [("Hash", 0), ("Seq Scan", 9)]),
        # A LIMIT stops what is below: only a part of its cost is ever spent, and the costly node is found in that part.
        (
            node("Limit", node("Sort", node("Seq Scan", cost=100), cost=1000), cost=10),
            [("Limit", 0), ("Sort", 9), ("Seq Scan", 1)],
        ),
        # The inner side of a loop runs once for each row of the outer.
        (
            node("Nested Loop", node("Seq Scan", cost=10, rows=5), node("Index Scan", cost=8, **INNER), cost=51),
            [("Nested Loop", 1), ("Seq Scan", 10), ("Index Scan", 40)],
        ),
        # But never takes more than there is: it may be remembered.
        (
            node("Nested Loop", node("Seq Scan", cost=10, rows=50, **OUTER), node("Memoize", cost=8, **INNER), cost=51),
            [("Nested Loop", 0), ("Seq Scan", 10), ("Memoize", 41)],
        ),
        # A subplan runs once for each row that is read, unless it is hashed.
        (
            node("Seq Scan", node("Index Scan", cost=2, **SUB, **{"Subplan Name": "SubPlan 1"}), cost=29, rows=10),
            [("Seq Scan", 9), ("Index Scan", 20)],
        ),
        (
            node(
                "Seq Scan",
                node("Index Scan", cost=2, **SUB, **{"Subplan Name": "SubPlan 1"}),
                cost=29,
                rows=10,
                Filter="(NOT (hashed SubPlan 1))",
            ),
            [("Seq Scan", 27), ("Index Scan", 2)],
        ),
        # Times are given for one loop.
        (
            run("Nested Loop", run("Seq Scan", ms=1), run("Index Scan", ms=0.5, loops=10), ms=7),
            [("Nested Loop", 1), ("Seq Scan", 1), ("Index Scan", 5)],
        ),
        # Workers run side by side: together they take no longer than who waits for them.
        (run("Gather", run("Seq Scan", ms=10, loops=3), ms=12), [("Gather", 0), ("Seq Scan", 12)]),
        # What never ran took nothing.
        (run("Append", run("Seq Scan", ms=0, loops=0), ms=1), [("Append", 1), ("Seq Scan", 0)]),
        # The time of a CTE passes in the node that scans it; its cost is in the top node.
        (
            run(
                "Aggregate",
                run("Seq Scan", ms=6, **INIT, **{"Subplan Name": "CTE old"}),
                run("CTE Scan", ms=7, **OUTER, **{"CTE Name": "old"}),
                ms=8,
            ),
            [("Aggregate", 1), ("Seq Scan", 6), ("CTE Scan", 1)],
        ),
        (
            node(
                "Aggregate",
                node("Seq Scan", cost=6, **INIT, **{"Subplan Name": "CTE old"}),
                node("CTE Scan", cost=1, **OUTER, **{"CTE Name": "old"}),
                cost=8,
            ),
            [("Aggregate", 1), ("Seq Scan", 6), ("CTE Scan", 1)],
        ),
        # A CTE that writes and is not scanned runs after all others.
        (
            run(
                "Result",
                run("ModifyTable", run("Seq Scan", ms=1), ms=5, **INIT, **{"Subplan Name": "CTE gone"}),
                ms=0.1,
            ),
            [("Result", 0.1), ("ModifyTable", 4), ("Seq Scan", 1)],
        ),
    ],
    ids=[
        "alone", "passed on", "limit", "loop", "memoize", "subplan", "hashed", "loops", "workers", "never", "cte time",
        "cte cost", "cte unread",
    ],
)  # fmt: skip
def test_what_a_node_takes_by_itself(plan, expected):
    assert own(plan) == expected


PLAN = [
    {
        "Plan": run(
            "Sort",
            run("Seq Scan", ms=9.5, rows=3, **{"Relation Name": "guests", "Alias": "g", "Filter": "(a\x1b = 1)"}),
            run("Index Scan", loops=0, **{"Relation Name": "guests", "Index Name": "i", "Rows Removed by Filter": 0}),
            ms=10.0,
            rows=3,
            **{"Sort Key": ["a", "b"]},
        ),
        "Triggers": [{"Trigger Name": "t", "Relation": "guests", "Time": 1.5, "Calls": 2}],
        "Planning Time": 0.25,
        "Execution Time": 12.0,
    }
]


def test_the_tree():
    assert (
        "\n".join(line.plain.rstrip() for line in plan_lines(PLAN))
        == """\
  self ms   %       rows  expected  loops  plan
    0.500   5          3         3      1  Sort
                                           │    Sort Key: a, b
▶   9.500  95          3         3      1  ├─ Seq Scan on guests g  <- most expensive
                                           │      Filter: (a\N{REPLACEMENT CHARACTER} = 1)
               never run         1      0  └─ Index Scan using i on guests
trigger t on guests: 1.500 ms, 2 calls
planned in 0.250 ms, run in 12.000 ms"""
    )


def test_the_tree_without_other_characters_than_ascii():
    plan = [{"Plan": {**PLAN[0]["Plan"], "Plans": PLAN[0]["Plan"]["Plans"][1:]}}]
    assert "\n".join(line.plain for line in plan_lines(plan, ascii_only=True)).isascii()


def test_what_takes_nothing_has_no_costly_node():
    assert "most expensive" not in plan_lines([{"Plan": node("Result")}])[1].plain
