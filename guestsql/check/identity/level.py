"""How many rows there can be, and how sure a conclusion is."""

from __future__ import annotations

import enum

__all__ = ["DOUBTFUL", "EXPRESSION", "NAMELESS", "SURE", "Bound", "Levels", "levels_up_to"]


class Bound(enum.IntEnum):
    """How many rows at most; the greater of two is that of a join."""

    ONE = 0
    UNKNOWN = 1
    SOME = 2  # limited by the text, the parameters or a job
    CATALOGUE = 3  # as many as the system's tables hold
    GROWS = 4  # as many as a table holds


EXPRESSION = 98
"""Of groups by an expression, such as a month: how many values it has is unknown."""
NAMELESS = 99
"""For rows without an identity, such as those of a function or of a table without a key."""

Levels = frozenset[int]
SURE: Levels = frozenset({Bound.ONE})
"""It follows for certain."""
DOUBTFUL: Levels = frozenset({Bound.ONE, Bound.UNKNOWN, NAMELESS})
"""It may follow, but is not certain."""


def levels_up_to(bound: Bound) -> Levels:
    """Return the conclusions that hold when whatever has so many rows is taken for one row.

    Args:
        bound: how many.
    """
    found = {int(each) for each in Bound if each <= bound}
    return frozenset(found | ({EXPRESSION} if bound >= Bound.UNKNOWN else set()))
