"""Puts a backup of the old bot's files back."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from guestsql.errors import LegacyFileError
from guestsql.legacy.cleanup.backup import FOLDER, Backup, BackupFile, find_backups
from guestsql.legacy.storage import copy_safely, file_sha256, sync_folder
from guestsql.legacy.verifying.guest import visible

__all__ = ["RestoreReport", "restore_directory"]


@dataclass(frozen=True, slots=True)
class RestoreReport:
    """The result of a restore.

    Attributes:
        backup: the backup.
        restored: files that were written, relative to the folder.
        unchanged: files that were already as in the backup.
    """

    backup: Path
    restored: tuple[str, ...]
    unchanged: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return the report as the JSON object of `legacy restore --format json`."""
        return {
            "backup": visible(str(self.backup)),
            "restored": [visible(path) for path in self.restored],
            "unchanged": [visible(path) for path in self.unchanged],
        }


def restore_directory(directory: Path, *, name: str | None = None, force: bool = False) -> RestoreReport:
    """Put a backup back.

    Args:
        directory: the folder of the old bot's files.
        name: of the backup; None takes the newest.
        force: overwrite existing files that differ.

    Raises:
        LegacyFileError: there is no such backup; a copy is damaged; an existing file differs, or cannot be written.
            Nothing is written before all copies and existing files have been checked.
    """
    backup = _chosen(directory, name)
    backup.check()
    try:
        missing: list[BackupFile] = []
        unchanged: list[str] = []
        for file in backup.files:
            place = directory / file.path
            if os.path.lexists(place) and file_sha256(place) == file.sha256:
                unchanged.append(file.path)
            elif os.path.lexists(place) and not force:
                raise _differs(place)
            else:
                missing.append(file)
        for file in missing:
            _put_back(backup.path / file.path, directory / file.path, file.sha256, force=force)
    except OSError as error:
        raise LegacyFileError(f"cannot be restored: {error.strerror}", path=directory) from error
    return RestoreReport(backup.path, tuple(file.path for file in missing), tuple(unchanged))


def _chosen(directory: Path, name: str | None) -> Backup:
    backups = find_backups(directory)
    chosen = [backup for backup in backups if name in (None, backup.path.name)]
    if not chosen:
        known = ", ".join(backup.path.name for backup in backups[-3:])
        raise LegacyFileError(
            f"there is no backup {name}" if name else "there is no backup",
            path=directory / FOLDER,
            hint=f"there are: {known}" if known else "name the folder that you gave to guestsql legacy cleanup",
        )
    return chosen[-1]


def _put_back(copy: Path, place: Path, sha256: str, *, force: bool) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    partial = place.with_name(f".{place.name}.{os.getpid()}.part")
    try:
        copy_safely(copy, partial)
        if file_sha256(partial) != sha256:
            raise LegacyFileError("the copy is not what was backed up", path=copy)
        if force:
            partial.replace(place)
        else:
            # The file may have been written in the meantime: rename would overwrite it.
            os.link(partial, place)
    except FileExistsError as error:
        raise _differs(place) from error
    finally:
        partial.unlink(missing_ok=True)
    sync_folder(place.parent)


def _differs(place: Path) -> LegacyFileError:
    return LegacyFileError(
        "exists and differs from the backup", path=place, hint="move it away, or overwrite it with --force"
    )
