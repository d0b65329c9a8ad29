"""Migrations are only added: what an older release has, a newer one has unchanged."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from guestsql.check.finding import Finding
from guestsql.migrate.compare import Problem, disagreements
from guestsql.migrate.files import Migration
from guestsql.migrate.ledger import Entry

__all__ = ["history_findings"]


def history_findings(label: str, old: Sequence[Migration], new: Sequence[Migration]) -> Iterator[Finding]:
    """GS705: an edited, removed, renumbered or squeezed-in migration.

    Args:
        label: the older release.
        old: its migrations.
        new: those of the newer one.
    """
    entries = [_as_applied(each) for each in old]
    before = {each.version: each for each in old}
    for problem in disagreements(new, entries):
        yield _finding(label, problem, before.get(problem.version or 0), new)


def _as_applied(migration: Migration) -> Entry:
    """The row of the ledger where the older release has been migrated."""
    moment = datetime.fromtimestamp(0, UTC)
    return Entry(
        migration.series,
        migration.version,
        migration.name,
        migration.checksum,
        migration.body,
        moment,
        0.0,
        "",
        is_baseline=False,
    )


def _finding(label: str, problem: Problem, before: Migration | None, new: Sequence[Migration]) -> Finding:
    elsewhere = next((each for each in new if before is not None and each.checksum == before.checksum), None)
    if before is not None and elsewhere is not None:
        message = f"{before.file.name} of {label} is renumbered: a database that has run it would run it again"
        return Finding(elsewhere.file, 1, 1, "GS705", message, hint="restore its old number")
    if problem.kind == "changed" and problem.file is not None and before is not None:
        line = _first_difference(before, next(each for each in new if each.version == problem.version))
        message = f"{before.file.name} was edited since {label}: a database that has run it stays as it is"
        return Finding(problem.file, line, 1, "GS705", message, hint=problem.hint)
    if problem.kind == "missing" and before is not None:
        hint = f"put the file back: migrations are only added; or, if {label} is ahead of this, merge it first"
        return Finding(before.file, 1, 1, "GS705", f"{before.file.name} of {label} is gone", hint=hint)
    if problem.kind == "out_of_order" and problem.file is not None:
        message = f"{problem.file.name} is new, but {label} has later ones: migrate up would stop there"
        return Finding(problem.file, 1, 1, "GS705", message, hint="give it the next free number")
    return Finding(problem.file or new[-1].file, 1, 1, "GS705", problem.message, hint=problem.hint)


def _first_difference(before: Migration, now: Migration) -> int:
    """Return the line of the newer text where the two part."""
    one, other = before.text.splitlines(), now.text.splitlines()
    for tag, _, _, begin, _ in difflib.SequenceMatcher(None, one, other, autojunk=False).get_opcodes():
        if tag != "equal":
            return min(begin + 1, max(1, len(other)))
    return 1
