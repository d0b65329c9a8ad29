"""The order in which migrations and code can be deployed, computed from which queries run on which stage."""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from guestsql.check.against.compatibility import Incompatibility

__all__ = ["DeployVerdict", "Incompatibilities", "Matrix", "Order", "Role", "judge", "meeting_points", "roles"]

Incompatibilities = Mapping[str, Incompatibility]


class Order(enum.Enum):
    """Which part of a deployment comes first."""

    MIGRATIONS_FIRST = "migrations-first"
    CODE_FIRST = "code-first"


class DeployVerdict(enum.Enum):
    """Which orders a change allows."""

    NOTHING = "nothing"  # no migration is new
    EITHER = "either"
    MIGRATIONS_FIRST = "migrations-first"
    CODE_FIRST = "code-first"
    BETWEEN = "between"  # some migrations, then the code, then the others
    TWO_STEPS = "two-steps"  # in no order as it is written
    REWRITTEN = "rewritten"  # a migration of the older release is not what it was
    BROKEN = "broken"  # the newer queries do not run on their own schema

    def allows(self, order: Order) -> bool:
        """Return True if a deployment in an order breaks no query."""
        return self in (DeployVerdict.NOTHING, DeployVerdict.EITHER) or self.value == order.value


@dataclass(frozen=True, slots=True)
class Matrix:
    """Which queries do not run on which stage.

    Attributes:
        old: for each stage (the older schema, then after each new migration), the incompatibilities of the older
            release's queries by name.
        new: the same of the newer release's.
    """

    old: Sequence[Incompatibilities]
    new: Sequence[Incompatibilities]


@dataclass(frozen=True, slots=True)
class Role:
    """The effect of one migration on both releases.

    Attributes:
        breaks: what of the older release stops with it.
        serves: what of the newer release runs from it on.
    """

    breaks: Incompatibilities
    serves: Incompatibilities


def meeting_points(matrix: Matrix) -> list[int]:
    """Return the stages at which the code can be exchanged.

    Up to it only the older release has run, and from it on the newer one does; while it is exchanged, both do.
    """
    last = len(matrix.old)
    return [stage for stage in range(last) if not any(matrix.old[: stage + 1]) and not any(matrix.new[stage:])]


def judge(matrix: Matrix) -> DeployVerdict:
    """Return what a change allows."""
    points = meeting_points(matrix)
    last = len(matrix.old) - 1
    if not points:
        return DeployVerdict.TWO_STEPS
    if last == 0:
        return DeployVerdict.NOTHING
    ends = (0 in points, last in points)
    return {
        (True, True): DeployVerdict.EITHER,
        (False, True): DeployVerdict.MIGRATIONS_FIRST,
        (True, False): DeployVerdict.CODE_FIRST,
        (False, False): DeployVerdict.BETWEEN,
    }[ends]


def roles(matrix: Matrix) -> list[Role]:
    """Return what each new migration is to both releases, in order."""
    found: list[Role] = []
    for stage in range(1, len(matrix.old)):
        breaks = {name: why for name, why in matrix.old[stage].items() if name not in matrix.old[stage - 1]}
        serves = {name: why for name, why in matrix.new[stage - 1].items() if name not in matrix.new[stage]}
        found.append(Role(breaks, serves))
    return found
