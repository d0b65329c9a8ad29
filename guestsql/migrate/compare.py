"""Files against ledger: what is pending, and what does not agree. Pure."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal

from guestsql.errors import MigrationError
from guestsql.migrate.files import Migration, command_line
from guestsql.migrate.ledger import Entry

__all__ = ["Problem", "State", "Status", "disagreement_error", "disagreements", "pending", "statuses"]

State = Literal["applied", "pending", "changed", "missing", "out_of_order", "baseline"]
Kind = Literal["changed", "missing", "gap", "out_of_order", "invalid_index"]

_FORWARD = "put the file back as it was, and write the change as a new migration"
_OLDER_RELEASE = "the database is newer than this release: deploy the newer release, or put the file back"


@dataclass(frozen=True, slots=True)
class Status:
    """One migration, in a file, in the ledger, or in both.

    Attributes:
        version: its number.
        name: its name, the file's if there is one.
        state: `applied`, `baseline` (entered without being run), `pending`, `changed` (the file was edited since, or is
            another one),
            `missing` (applied, but no file), `out_of_order` (pending below the newest applied).
        applied_at: when it was applied, or None.
        duration_ms: how long it ran, in milliseconds, or None.
    """

    version: int
    name: str
    state: State
    applied_at: datetime | None
    duration_ms: float | None


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that does not agree.

    Attributes:
        kind: `changed`, `missing`, `gap`, `out_of_order` or `invalid_index`.
        version: the migration's number, or None for an index.
        file: the migration's file, or None when there is none.
        message: what is wrong, in one line.
        hint: how to fix it.
        diff: for `changed`, a unified diff from what was applied to the file, both without comments and blank
            space; else, and for a file of another name, "".
    """

    kind: Kind
    version: int | None
    file: Path | None
    message: str
    hint: str
    diff: str = ""


def statuses(files: Sequence[Migration], entries: Sequence[Entry]) -> list[Status]:
    """Return every migration of files and ledger, by version."""
    by_version = {migration.version: migration for migration in files}
    entered = {entry.version: entry for entry in entries}
    newest = max(entered, default=0)
    return [
        _status(by_version.get(version), entered.get(version), version, newest)
        for version in sorted(by_version.keys() | entered.keys())
    ]


def pending(files: Sequence[Migration], entries: Sequence[Entry], target: int | None = None) -> list[Migration]:
    """Return what is not applied, by version.

    Args:
        files: the migrations.
        entries: the ledger.
        target: the last version wanted, or None for all.
    """
    entered = {entry.version for entry in entries}
    return [
        migration
        for migration in files
        if migration.version not in entered and (target is None or migration.version <= target)
    ]


def disagreements(files: Sequence[Migration], entries: Sequence[Entry]) -> list[Problem]:
    """Return everything that keeps `up` from running, by version; empty when files and ledger agree."""
    by_version = {migration.version: migration for migration in files}
    entered = {entry.version: entry for entry in entries}
    newest_file, newest_entry = max(by_version, default=0), max(entered, default=0)
    found: list[Problem] = []
    for version in range(1, max(newest_file, newest_entry) + 1):
        migration, entry = by_version.get(version), entered.get(version)
        problem = _disagreement(migration, entry, version, newest_file, newest_entry)
        if problem is not None:
            found.append(problem)
    return found


def disagreement_error(problems: Sequence[Problem]) -> MigrationError:
    """Return the error that stops a run: every problem with its difference; the place is the first one's.

    Args:
        problems: at least one.
    """
    lines = [line for problem in problems for line in (problem.message, *problem.diff.splitlines())]
    return MigrationError("\n".join(lines), file=problems[0].file, hint=problems[0].hint)


def _status(migration: Migration | None, entry: Entry | None, version: int, newest: int) -> Status:
    if entry is None:
        name = "" if migration is None else migration.name
        return Status(version, name, "out_of_order" if version < newest else "pending", None, None)
    state: State = "baseline" if entry.is_baseline else "applied"
    if migration is None:
        state = "missing"
    elif migration.checksum != entry.checksum:
        state = "changed"
    name = entry.name if migration is None else migration.name
    return Status(version, name, state, entry.applied_at, entry.duration_ms)


def _disagreement(
    migration: Migration | None, entry: Entry | None, version: int, newest_file: int, newest_entry: int
) -> Problem | None:
    if migration is None and entry is None:
        return Problem(
            "gap",
            version,
            None,
            f"there is no file {version:04d}_*.sql, though there are later ones",
            "put the file back, or renumber the later ones that are not applied anywhere",
        )
    if migration is None and entry is not None:
        hint = _OLDER_RELEASE if version > newest_file else "put the file back"
        label = f"{version:04d}_{entry.name}.sql"
        return Problem("missing", version, None, f"{label} is applied, but there is no such file", hint)
    if migration is not None and entry is not None and migration.checksum != entry.checksum:
        if migration.name != entry.name:
            return _another_file(migration, entry, newest_file, newest_entry)
        message = f"{migration.file.name} was edited after it was applied"
        return Problem("changed", version, migration.file, message, _FORWARD, _diff(entry, migration))
    if migration is not None and entry is None and version < newest_entry:
        return Problem(
            "out_of_order",
            version,
            migration.file,
            f"{migration.file.name} is not applied, but {newest_entry:04d} already is",
            f"rename it to a number above {newest_entry:04d}; or, if its work is done, "
            f"{command_line(f'baseline {version}', migration.file.parent)}",
        )
    return None


def _another_file(migration: Migration, entry: Entry, newest_file: int, newest_entry: int) -> Problem:
    applied = f"{entry.version:04d}_{entry.name}.sql"
    return Problem(
        "changed",
        migration.version,
        migration.file,
        f"{migration.file.name} has the number of {applied}, which is applied, and says something else",
        f"a folder must hold every file that was ever applied: put {applied} back, and give this one a number above "
        f"{max(newest_file, newest_entry):04d}",
    )


def _diff(entry: Entry, migration: Migration) -> str:
    return "\n".join(_diff_lines(entry, migration))


def _diff_lines(entry: Entry, migration: Migration) -> Iterator[str]:
    return difflib.unified_diff(
        entry.body.splitlines(),
        migration.body.splitlines(),
        f"{entry.version:04d}_{entry.name}.sql as applied",
        f"{migration.file.name} now",
        lineterm="",
    )
