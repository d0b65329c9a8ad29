"""Which functions of a time return a value: of infinity, `to_char` and most fields of `extract` are NULL."""

from __future__ import annotations

from guestsql.check.infer.arrays import constant_bytes
from guestsql.check.infer.facts import Facts
from guestsql.check.infer.known import CLOCKS, MONOTONIC_FIELDS
from guestsql.check.infer.nodes import TreeNode

__all__ = ["has_field", "is_formatted"]

_KEEPING = ("timezone", "timestamp", "timestamptz", "date", "date_trunc")


def is_formatted(facts: Facts, call: TreeNode) -> bool:
    """Return True if to_char has a pattern, and a time that is not infinity.

    Args:
        facts: the functions.
        call: of to_char.
    """
    time, pattern = call.nodes("args")
    return bool(constant_bytes(pattern)) and _is_finite(facts, time)


def has_field(facts: Facts, call: TreeNode) -> bool:
    """Return True if a time has the field that extract asks for.

    Args:
        facts: the functions.
        call: of extract or date_part.
    """
    field, time = call.nodes("args")
    name = constant_bytes(field).decode("ascii", "replace").lower()
    return name in MONOTONIC_FIELDS or _is_finite(facts, time)


def _is_finite(facts: Facts, time: TreeNode) -> bool:
    """Return True if a value cannot be infinity: it comes from a clock."""
    if time.tag == "SQLVALUEFUNCTION":
        return True
    function = facts.functions.get(time.number("funcid"))
    if time.tag != "FUNCEXPR" or function is None:
        return False
    arguments = time.nodes("args")
    if function.name in _KEEPING and arguments:
        return _is_finite(facts, arguments[-1])
    return function.name in CLOCKS
