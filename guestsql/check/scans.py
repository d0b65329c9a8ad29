"""How much of a table a scan of a plan reads: one row, some, or as many as the table has."""

from __future__ import annotations

from collections.abc import Iterable

from guestsql.check.equalities import Equality, count_equations, equalities
from guestsql.check.identity import Bound
from guestsql.check.tables import Tables, UniqueKey
from guestsql.sql.plan import PlanNode

__all__ = ["bound_of_scan"]


def bound_of_scan(node: PlanNode, tables: Tables) -> Bound:
    """Return how many rows a scan can read.

    Args:
        node: the scan.
        tables: the unique keys.
    """
    used = {each.text("Index Name") for each in node.walk()}
    # A partial key holds for the rows of a scan that goes by it.
    keys = [key for key in tables.keys.get((node.schema, node.relation), []) if key.is_whole or key.index in used]
    found = equalities(node)
    if _is_fixed(keys, [each for each in found if not each.is_list]) or _is_found_by_expression(node, keys):
        return Bound.ONE
    if _is_fixed(keys, found):
        return Bound.SOME
    if node.schema in ("pg_catalog", "information_schema"):
        return Bound.CATALOGUE
    if node.kind == "Foreign Scan":
        return Bound.UNKNOWN
    return Bound.SOME if tables.is_work_space((node.schema, node.relation)) else Bound.GROWS


def _is_fixed(keys: Iterable[UniqueKey], found: Iterable[Equality]) -> bool:
    fixed = {each.column for each in found}
    return any(key.columns and key.columns <= fixed for key in keys)


def _is_found_by_expression(node: PlanNode, keys: Iterable[UniqueKey]) -> bool:
    """Return True if a scan uses a unique key on an expression, all of whose parts are given."""
    parts = {key.index: key.parts for key in keys if not key.columns}
    return any(count_equations(each) == parts.get(each.text("Index Name"), 0) > 0 for each in node.walk())
