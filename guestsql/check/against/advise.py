"""What to do when no order works: expand, deploy the code, contract."""

from __future__ import annotations

from collections.abc import Sequence

from guestsql.check.against.compatibility import Incompatibility
from guestsql.check.against.order import DeployVerdict, Matrix, Order, Role, meeting_points
from guestsql.migrate.files import Migration

__all__ = ["hint_of", "some", "steps_of"]

_SHOWN = 4

_BY_STATE = {
    "42703": "keep the old column: add the new one beside it, fill both by a trigger, and drop the old one in the "
    "next release",
    "42P01": "leave a view under the old name, or drop the table in the next release",
    "42883": "keep the function beside the new one, and drop it in the next release",
    "42704": "keep it beside the new one, and drop it in the next release",
    "42P10": "make the new unique index in this release, and drop the old one in the next release",
    "22P02": "keep the value in the type, and remove it in the next release",
    "428C9": "let the column stay one that can be written, and change it in the next release",
    "23502": "give the column a DEFAULT in this release, or leave it nullable; remove that in the next release",
}
_BY_RULE = {
    "GS702": "add a column of the new type beside the old one, fill both by a trigger, and drop the old one in the "
    "next release",
}
_OTHERWISE = "keep what the old release uses until none of its processes runs, and change it in the next release"
_LATER = "the new queries run without it: leave it out of this release, and ship it with the next"


def hint_of(incompatibility: Incompatibility, *, is_needed: bool) -> str:
    """Return how to keep a migration from breaking the older release.

    Args:
        incompatibility: what it breaks.
        is_needed: the newer release's queries do not run without it.
    """
    if not is_needed:
        return _LATER
    return _BY_STATE.get(incompatibility.sqlstate) or _BY_RULE.get(incompatibility.rule, _OTHERWISE)


def steps_of(
    verdict: DeployVerdict, order: Order, matrix: Matrix, added: Sequence[Migration], roles: Sequence[Role]
) -> list[str]:
    """Return what to do, in order.

    Args:
        verdict: what the change allows.
        order: what the deployment does first.
        matrix: which queries do not run on which stage.
        added: the new migrations.
        roles: what each of them is to both releases.
    """
    names = [migration.file.name for migration in added]
    if verdict in (DeployVerdict.NOTHING, DeployVerdict.BROKEN, DeployVerdict.REWRITTEN):
        return []
    if verdict is DeployVerdict.EITHER:
        verdict = DeployVerdict(order.value)
    if verdict is DeployVerdict.MIGRATIONS_FIRST:
        return [f"run the migrations ({some(names)})", "deploy the code"]
    if verdict is DeployVerdict.CODE_FIRST:
        return ["deploy the code", f"when no old process runs, the migrations ({some(names)})"]
    if verdict is DeployVerdict.BETWEEN:
        point = max(meeting_points(matrix))
        return [
            f"this release: {some(names[:point])}, then deploy the code",
            f"the next release: {some(names[point:])}",
        ]
    return _two_steps(names, roles)


def _two_steps(names: Sequence[str], roles: Sequence[Role]) -> list[str]:
    hints = dict.fromkeys(hint_of(why, is_needed=True) for role in roles for why in role.breaks.values())
    contracts = [name for name, role in zip(names, roles, strict=False) if role.breaks and not role.serves]
    both = [name for name, role in zip(names, roles, strict=False) if role.breaks and role.serves] or names
    later = f"; what is in {some(contracts)} too" if contracts else ""
    return [
        f"this release, expand: for what {some(both)} removes or requires, {'; '.join(hints) or _OTHERWISE}",
        "deploy the code",
        f"the next release, contract: remove what only the old release used{later}",
    ]


def some(names: Sequence[str]) -> str:
    """Return names for a line, the first few when they are many."""
    rest = len(names) - _SHOWN
    return ", ".join(names) if rest <= 1 else f"{', '.join(names[:_SHOWN])} and {rest} more"
