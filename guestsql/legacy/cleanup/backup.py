"""Dated backups of the old bot's files, in `legacy-backups/<time>/` next to them, with a manifest of checksums.

A backup is named `<time>.partial` until every copy and the manifest are on disk and have been read again.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path, PurePosixPath
from typing import Any, cast

from guestsql.errors import LegacyFileError
from guestsql.legacy.storage import copy_safely, file_sha256, sync_folder, write_safely
from guestsql.legacy.verifying.buckets import CheckedFile

__all__ = ["FOLDER", "Backup", "BackupFile", "find_backups", "make_backup", "remove_old_backups"]

FOLDER = "legacy-backups"
_MANIFEST = "manifest.json"
_PARTIAL = ".partial"
_NAME = "%Y-%m-%dT%H-%M-%S-%fZ"


@dataclass(frozen=True, slots=True)
class BackupFile:
    """One file of a backup.

    Attributes:
        path: relative to the folder it came from, and to the backup, with `/`.
        sha256: of its bytes, in hex.
        size: in bytes.
    """

    path: str
    sha256: str
    size: int


@dataclass(frozen=True, slots=True)
class Backup:
    """A complete backup.

    Attributes:
        path: its folder.
        made_at: the time in its name.
        files: the files in it.
    """

    path: Path
    made_at: datetime
    files: tuple[BackupFile, ...]

    def check(self) -> None:
        """Read every copy again.

        Raises:
            LegacyFileError: one is missing, or not what was copied.
        """
        for file in self.files:
            copy = self.path / file.path
            try:
                is_whole = file_sha256(copy) == file.sha256
            except OSError as error:
                raise LegacyFileError(f"the copy cannot be read: {error.strerror}", path=copy) from error
            if not is_whole:
                raise LegacyFileError("the copy is not what was backed up", path=copy, hint="take another backup")


def make_backup(directory: Path, files: list[CheckedFile], now: datetime) -> Backup:
    """Copy files, sync the copies to disk, and check them.

    Args:
        directory: the folder of the files.
        files: the files, with the checksums that the copies must have.
        now: becomes the backup's name; an aware datetime.

    Raises:
        LegacyFileError: a file has changed since it was verified; nothing of the backup remains then.
        OSError: the disk is full or cannot be written to.
    """
    folder = directory / FOLDER
    folder.mkdir(mode=0o700, exist_ok=True)
    sync_folder(directory)
    name = now.astimezone(UTC).strftime(_NAME)
    partial = folder / f"{name}{_PARTIAL}"
    partial.mkdir(mode=0o700)
    try:
        copies = tuple(_copied(directory, partial, file) for file in files)
        manifest = {"made_at": now.astimezone(UTC).isoformat(), "files": [asdict(copy) for copy in copies]}
        write_safely(partial / _MANIFEST, json.dumps(manifest, indent=2).encode())
        for below in {partial, *((partial / copy.path).parent for copy in copies)}:
            sync_folder(below)
        Backup(partial, now, copies).check()
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise
    final = partial.rename(folder / name)
    sync_folder(folder)
    return Backup(final, now, copies)


def _copied(directory: Path, partial: Path, file: CheckedFile) -> BackupFile:
    target = partial / file.path
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        copy_safely(directory / file.path, target)
    except FileNotFoundError as error:
        raise LegacyFileError("was removed after it was verified", path=directory / file.path) from error
    if file_sha256(target) != file.sha256:
        raise LegacyFileError(
            "has changed since it was verified", path=directory / file.path, hint="stop the old bot, then try again"
        )
    return BackupFile(file.path, file.sha256, target.stat().st_size)


def find_backups(directory: Path) -> list[Backup]:
    """Return the complete backups of a folder, the oldest first.

    Args:
        directory: the folder of the old bot's files.

    Raises:
        LegacyFileError: a manifest cannot be used.
    """
    folder = directory / FOLDER
    if not folder.is_dir():
        return []
    dated = [(made_at, path) for path in folder.iterdir() if (made_at := _made_at(path.name)) is not None]
    return [Backup(path, made_at, _manifest(path)) for made_at, path in sorted(dated)]


def _made_at(name: str) -> datetime | None:
    try:
        return datetime.strptime(name, _NAME).replace(tzinfo=UTC)
    except ValueError:
        return None


def _manifest(path: Path) -> tuple[BackupFile, ...]:
    try:
        manifest: dict[str, Any] = json.loads((path / _MANIFEST).read_bytes())
        files = tuple(BackupFile(**file) for file in manifest["files"])
        is_inside = all(isinstance(cast("object", file.path), str) and _is_inside(file.path) for file in files)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise _unusable(path) from error
    if not is_inside:
        raise _unusable(path)
    return files


def _is_inside(path: str) -> bool:
    """Return whether a path stays below the folder that it is relative to."""
    return not PurePosixPath(path).is_absolute() and ".." not in PurePosixPath(path).parts and ":" not in path[:2]


def _unusable(path: Path) -> LegacyFileError:
    return LegacyFileError(
        "cannot be used", path=path / _MANIFEST, hint="take another backup, or copy its files by hand"
    )


def remove_old_backups(directory: Path, keep_days: int, now: datetime) -> list[str]:
    """Remove backups older than some days, and remains of incomplete ones; never the newest.

    Args:
        directory: the folder of the old bot's files.
        keep_days: 0 or more.
        now: an aware datetime.

    Returns:
        The names of the removed ones, the oldest first.

    Raises:
        OSError: one cannot be removed.
    """
    folder = directory / FOLDER
    if not folder.is_dir():
        return []
    limit = now - timedelta(days=keep_days)
    names = sorted(path.name for path in folder.iterdir())
    whole = [name for name in names if _made_at(name) is not None]
    removed: list[str] = []
    for name in names:
        made_at = _made_at(name.removesuffix(_PARTIAL))
        if made_at is None or made_at >= limit or name in whole[-1:]:
            continue
        # Under its own name a half-removed backup would look complete.
        partial = folder / f"{name.removesuffix(_PARTIAL)}{_PARTIAL}"
        if name in whole:
            (folder / name).rename(partial)
        shutil.rmtree(partial)
        removed.append(name)
    sync_folder(folder)
    return removed
