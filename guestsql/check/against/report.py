"""The verdict as text and as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator

from guestsql.check.against.advise import some
from guestsql.check.against.order import DeployVerdict, Incompatibilities, Order
from guestsql.check.against.run import Comparison

__all__ = ["verdict_as_json", "verdict_as_text", "verdict_line"]

_WORDS = {
    DeployVerdict.NOTHING: "nothing to order, no migration is new",
    DeployVerdict.EITHER: "either order works",
    DeployVerdict.MIGRATIONS_FIRST: "the migrations first",
    DeployVerdict.CODE_FIRST: "the code first",
    DeployVerdict.BETWEEN: "some migrations, then the code, then the others",
    DeployVerdict.TWO_STEPS: "two steps are needed",
    DeployVerdict.REWRITTEN: "not judged, migrations of that release were edited, removed or renumbered",
    DeployVerdict.BROKEN: "not judged, the new queries do not run on their own schema",
}
_DECLARED = {Order.MIGRATIONS_FIRST: "the migrations first", Order.CODE_FIRST: "the code first"}


def verdict_line(comparison: Comparison) -> str:
    """Return the verdict in one line."""
    contrary = ""
    if comparison.verdict is DeployVerdict.BROKEN:
        contrary = f": {some(comparison.broken)}"
    elif comparison.verdict is not DeployVerdict.REWRITTEN and not comparison.verdict.allows(comparison.order):
        contrary = f"; this deployment runs {_DECLARED[comparison.order]}"
    return f"deploy order against {comparison.against}: {_WORDS[comparison.verdict]}{contrary}"


def verdict_as_text(comparison: Comparison) -> Iterator[str]:
    """Yield the verdict, what each migration is to both releases, and the steps, a line each."""
    yield verdict_line(comparison)
    for migration, role in comparison.effects:
        yield f"  {migration.file.name}"
        yield from _as_lines(role.breaks, "breaks the old")
        yield from _as_lines(role.serves, "is needed by the new")
    counts = (("new", comparison.added), ("changed", comparison.changed), ("gone", comparison.removed))
    parts = [f"{len(names)} {word} ({some(names)})" for word, names in counts if names]
    yield f"  queries: {', '.join(parts) or 'the same'}"
    for number, step in enumerate(comparison.steps, 1):
        yield f"  {number}. {step}"


def verdict_as_json(comparison: Comparison) -> str:
    """Return an object: verdict, declared order, migrations, queries and steps."""
    content = {
        "against": comparison.against,
        "order": comparison.order.value,
        "verdict": comparison.verdict.value,
        "safe": comparison.is_safe,
        "migrations": [
            {"file": str(migration.file), "breaks": _reasons(role.breaks), "serves": _reasons(role.serves)}
            for migration, role in comparison.effects
        ],
        "queries": {
            "added": list(comparison.added),
            "changed": list(comparison.changed),
            "removed": list(comparison.removed),
            "broken": list(comparison.broken),
        },
        "steps": list(comparison.steps),
    }
    return json.dumps(content, ensure_ascii=False, indent=2)


def _as_lines(incompatibilities: Incompatibilities, how: str) -> Iterator[str]:
    reasons: dict[str, list[str]] = {}
    for name, incompatibility in incompatibilities.items():
        reasons.setdefault(incompatibility.message, []).append(name)
    for message, names in reasons.items():
        yield f"    {how} {some(names)}: {message}"


def _reasons(incompatibilities: Incompatibilities) -> list[dict[str, str]]:
    return [{"query": name, "reason": incompatibility.message} for name, incompatibility in incompatibilities.items()]
