"""How many dimensions an array has. Its type does not show it: `int[]` and `int[][]` are one type."""

from __future__ import annotations

from collections.abc import Iterable

import psycopg

from guestsql.check.infer.nodes import TreeNode

__all__ = [
    "ANY_DEPTH",
    "NO_DEPTH",
    "common_depth",
    "constant_bytes",
    "constant_depth",
    "deeper",
    "has_elements",
    "is_array",
]

NO_DEPTH = 0
"""Of NULL and of an empty array, which fit any number of dimensions."""
ANY_DEPTH = -1
"""Of a column that was declared with several: PostgreSQL stores any number there."""

_HEADER_BYTES = 4
# The fields in which nodes have the type of their value.
_TYPES = (
    "vartype",
    "consttype",
    "paramtype",
    "aggtype",
    "wintype",
    "funcresulttype",
    "opresulttype",
    "resulttype",
    "array_typeid",
    "coalescetype",
    "casetype",
    "minmaxtype",
    "refrestype",
)


def is_array(expression: TreeNode) -> bool:
    """Return True if the value of an expression is an array that psycopg returns as a list.

    Args:
        expression: any node.
    """
    oid = next((expression.number(name) for name in _TYPES if name in expression.fields), 0)
    info = psycopg.adapters.types.get(oid)
    return info is not None and info.array_oid == oid


def common_depth(depths: Iterable[int]) -> int:
    """Return the number of dimensions of what is one of several arrays.

    Args:
        depths: that of each.
    """
    known = set(depths) - {NO_DEPTH}
    return NO_DEPTH if not known else known.pop() if len(known) == 1 else ANY_DEPTH


def deeper(depth: int) -> int:
    """Return the number of dimensions of an array made of arrays.

    Args:
        depth: theirs.
    """
    return depth + 1 if depth > NO_DEPTH else depth


def constant_depth(constant: TreeNode) -> int:
    """Return the number of dimensions of a constant array.

    Args:
        constant: a CONST node.
    """
    return int.from_bytes(constant_bytes(constant)[:4], "little")


def has_elements(expression: TreeNode) -> bool:
    """Return True if an array certainly has an element: it is written out, or a constant.

    Args:
        expression: any node.
    """
    if expression.tag == "ARRAYEXPR":
        return not expression.flag("multidims") and bool(expression.items("elements"))
    return is_array(expression) and expression.tag == "CONST" and constant_depth(expression) > 0


def constant_bytes(node: TreeNode) -> bytes:
    """Return the bytes of a constant text or array, without its length; none of anything else.

    Args:
        node: any node.
    """
    written = node.items("constvalue")
    if node.tag != "CONST" or not written:
        return b""
    numbers = [item for item in written[2:] if isinstance(item, str) and item.lstrip("-").isdigit()]
    return bytes(int(number) % 256 for number in numbers)[_HEADER_BYTES:]
