"""Compare the files with the ledger: what is pending, and what disagrees. Pure functions."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal

from guestsql.errors import MigrationError
from guestsql.migrate.files import LAST_NUMBER, OWN, PACKAGED, Migration, file_label
from guestsql.migrate.ledger import AppliedKey, Entry

__all__ = ["Problem", "State", "Status", "disagreement_error", "disagreements", "pending", "statuses"]

State = Literal["applied", "pending", "changed", "missing", "out_of_order", "baseline", "removed"]
Kind = Literal["changed", "missing", "gap", "out_of_order", "invalid_index"]

_FORWARD = "restore the file, and write the change as a new migration"
_RESTORE = "restore the file"
_OLDER_RELEASE = "the database is newer than these files: deploy the newer release, or restore the file"
_PERHAPS_OWN = "; if it is one of your own, set GUESTSQL_MIGRATIONS_DIR to its folder"
_NO_OWN_FOLDER = (
    'set GUESTSQL_MIGRATIONS_DIR, or migrations = "…" below [tool.guestsql] in pyproject.toml, to the folder of your '
    "own migrations"
)


@dataclass(frozen=True, slots=True)
class Status:
    """One migration, in a file, in the ledger, or in both.

    Attributes:
        series: `guestsql` or `own`.
        version: its number or timestamp; 0 for a repeatable file.
        name: its name, the file's if there is one.
        state: `applied`, `baseline` (recorded without being run), `pending` (a repeatable file too when its text has
            changed, or a numbered migration is pending before it), `changed` (the file was edited after it was
            applied, or is another one), `missing` (applied, but there is no file), `out_of_order` (pending below the
            newest applied), `removed` (a repeatable file that is gone, which is fine).
        applied_at: when it was applied, or None.
        duration_ms: how long it ran, in milliseconds, or None.
    """

    series: str
    version: int
    name: str
    state: State
    applied_at: datetime | None
    duration_ms: float | None

    @property
    def label(self) -> str:
        """Its file name without suffix; an own one's behind the word own."""
        label = file_label(self.version, self.name)
        return label if self.series == PACKAGED else f"{self.series} {label}"


@dataclass(frozen=True, slots=True)
class Problem:
    """A disagreement between files and database.

    Attributes:
        kind: `changed`, `missing`, `gap`, `out_of_order` or `invalid_index`.
        series: `guestsql` or `own`; None for an index.
        version: the migration's number, or None for an index.
        file: the migration's file, or None when there is none.
        message: what is wrong, in one line.
        hint: how to fix it.
        diff: for `changed`, a unified diff from what was applied to the file, both without comments and blank
            space; "" otherwise, and for a file of another name.
    """

    kind: Kind
    series: str | None
    version: int | None
    file: Path | None
    message: str
    hint: str
    diff: str = ""


def statuses(files: Sequence[Migration], entries: Sequence[Entry]) -> list[Status]:
    """Return every migration of files and ledger, in the order in which they run.

    Args:
        files: the migrations of every configured series, in the order in which they run.
        entries: the ledger.
    """
    waiting = {migration.key for migration in pending(files, entries)}
    found: list[Status] = []
    for series in _series(files, entries):
        by_key = {migration.key: migration for migration in files if migration.series == series}
        entered = {entry.key: entry for entry in entries if entry.series == series}
        newest = max((entry.version for entry in entered.values()), default=0)
        keys = sorted(by_key.keys() | entered.keys(), key=lambda key: (key[1] == 0, key))
        found += [_status(by_key.get(key), entered.get(key), newest, is_pending=key in waiting) for key in keys]
    return found


def pending(files: Sequence[Migration], entries: Sequence[AppliedKey]) -> list[Migration]:
    """Return what `up` would run, in order.

    A repeatable file runs when it has not run with this text, and after any numbered migration that runs before it:
    it may have to follow the tables.

    Args:
        files: the migrations, in the order in which they run.
        entries: the ledger.
    """
    entered = {entry.key: entry.checksum for entry in entries}
    found: list[Migration] = []
    tables_change = False
    for migration in files:
        if migration.version:
            is_pending = migration.key not in entered
            tables_change = tables_change or is_pending
        else:
            is_pending = tables_change or entered.get(migration.key) != migration.checksum
        if is_pending:
            found.append(migration)
    return found


def disagreements(files: Sequence[Migration], entries: Sequence[Entry]) -> list[Problem]:
    """Return everything that stops `up`, by series and version; empty when files and ledger agree.

    Args:
        files: the migrations of every configured series, in the order in which they run.
        entries: the ledger.
    """
    return [
        problem for series in _series(files, entries) for problem in _Numbered(series, files, entries).disagreements()
    ]


def disagreement_error(problems: Sequence[Problem]) -> MigrationError:
    """Return the error that stops a run: every problem with its difference; the place is the first one's.

    Args:
        problems: at least one.
    """
    lines = [line for problem in problems for line in (problem.message, *problem.diff.splitlines())]
    return MigrationError("\n".join(lines), file=problems[0].file, hint=problems[0].hint)


def _series(files: Sequence[Migration], entries: Sequence[Entry]) -> list[str]:
    """The configured series, and the own one if anything of it is applied; packaged entries are ignored on request."""
    configured = dict.fromkeys(migration.series for migration in files)
    if any(entry.series == OWN for entry in entries):
        configured[OWN] = None
    return list(configured)


def _status(migration: Migration | None, entry: Entry | None, newest: int, *, is_pending: bool) -> Status:
    applied_at, duration_ms = (None, None) if entry is None else (entry.applied_at, entry.duration_ms)
    if migration is None:
        assert entry is not None  # noqa: S101  the key is of one or the other
        state: State = "missing" if entry.version else "removed"
        return Status(entry.series, entry.version, entry.name, state, applied_at, duration_ms)
    if is_pending:
        state = "out_of_order" if 0 < migration.version < newest else "pending"
    elif entry is not None and entry.checksum not in migration.accepted:
        state = "changed"
    else:
        state = "baseline" if entry is not None and entry.is_baseline else "applied"
    return Status(migration.series, migration.version, migration.name, state, applied_at, duration_ms)


class _Numbered:
    """The numbered migrations of one series: their files beside their entries."""

    def __init__(self, series: str, files: Sequence[Migration], entries: Sequence[Entry]) -> None:
        self._series = series
        self._is_configured = any(migration.series == series for migration in files)
        self._files = {each.version: each for each in files if each.series == series and each.version}
        self._entries = {each.version: each for each in entries if each.series == series and each.version}
        self._newest_file = max(self._files, default=0)
        self._newest_entry = max(self._entries, default=0)

    def disagreements(self) -> Iterator[Problem]:
        """By version. Four-digit numbers have no gaps; timestamps have."""
        known = self._files.keys() | self._entries.keys()
        numbers = {version for version in known if version <= LAST_NUMBER}
        expected = range(min(numbers), max(numbers) + 1) if numbers else ()
        for version in sorted(known.union(expected)):
            problem = self._disagreement(version, self._files.get(version), self._entries.get(version))
            if problem is not None:
                yield problem

    def _disagreement(self, version: int, migration: Migration | None, entry: Entry | None) -> Problem | None:
        if migration is None:
            return self._gap(version) if entry is None else self._missing(entry)
        if entry is None:
            return self._out_of_order(migration) if version < self._newest_entry else None
        if entry.checksum in migration.accepted:
            return None
        return self._edited(migration, entry) if migration.name == entry.name else self._another_file(migration, entry)

    def _gap(self, version: int) -> Problem:
        message = f"there is no file {version:04d}_*.sql, though there are later ones"
        hint = "restore the file, or renumber the later ones that are not applied anywhere"
        return Problem("gap", self._series, version, None, message, hint)

    def _missing(self, entry: Entry) -> Problem:
        file = f"{file_label(entry.version, entry.name)}.sql"
        message, hint = f"{file} is applied, but there is no such file", _RESTORE
        if not self._is_configured:
            message = f"your migration {file} is applied, but no folder of your own migrations is configured"
            hint = _NO_OWN_FOLDER
        elif entry.version > self._newest_file:
            hint = _OLDER_RELEASE + (_PERHAPS_OWN if self._series == PACKAGED else "")
        return Problem("missing", self._series, entry.version, None, message, hint)

    def _out_of_order(self, migration: Migration) -> Problem:
        newest = f"{self._newest_entry:04d}"
        series = "" if self._series == PACKAGED else f" --series {self._series}"
        message = f"{migration.file.name} is not applied, but {newest} already is"
        hint = (
            f"rename it to a number above {newest}; or, if its work is done, "
            f"guestsql migrate baseline {migration.version}{series}"
        )
        return Problem("out_of_order", self._series, migration.version, migration.file, message, hint)

    def _edited(self, migration: Migration, entry: Entry) -> Problem:
        message = f"{migration.file.name} was edited after it was applied"
        difference = _difference(entry, migration)
        return Problem("changed", self._series, migration.version, migration.file, message, _FORWARD, difference)

    def _another_file(self, migration: Migration, entry: Entry) -> Problem:
        applied = f"{file_label(entry.version, entry.name)}.sql"
        message = f"{migration.file.name} has the number of {applied}, which is applied, but a different text"
        hint = (
            f"the folder must keep every file that was ever applied: restore {applied}, and give this one a number "
            f"above {max(self._newest_file, self._newest_entry):04d}"
        )
        return Problem("changed", self._series, migration.version, migration.file, message, hint)


def _difference(entry: Entry, migration: Migration) -> str:
    return "\n".join(
        difflib.unified_diff(
            entry.body.splitlines(),
            migration.body.splitlines(),
            f"{file_label(entry.version, entry.name)}.sql as applied",
            f"{migration.file.name} now",
            lineterm="",
        )
    )
