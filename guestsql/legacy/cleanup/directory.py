"""Deletes the old bot's files once everything in them is in the database and in a backup."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from guestsql.errors import LegacyFileError
from guestsql.legacy.cleanup.backup import Backup, find_backups, make_backup, remove_old_backups
from guestsql.legacy.storage import file_sha256, sync_folder
from guestsql.legacy.verifying.buckets import CheckedFile
from guestsql.legacy.verifying.directory import Progress, VerifyReport, verify_directory
from guestsql.legacy.verifying.files import list_files
from guestsql.legacy.verifying.guest import visible
from guestsql.settings import Settings

__all__ = ["CleanupReport", "cleanup_directory", "remove_verified_files"]


@dataclass(slots=True)
class CleanupReport:
    """The result of a cleanup.

    Attributes:
        verification: its verification; None when there was no file left.
        backup: the new backup, None without one.
        deleted: the deleted files, relative to the folder.
        removed_backups: names of the old backups that were removed.
    """

    verification: VerifyReport | None = None
    backup: Backup | None = None
    deleted: list[str] = field(default_factory=list[str])
    removed_backups: list[str] = field(default_factory=list[str])

    @property
    def passed(self) -> bool:
        """Whether the files could be deleted: no difference, and no JSON file that was not read."""
        return self.verification is None or (self.verification.passed and not self.verification.unread)

    def as_dict(self) -> dict[str, Any]:
        """Return the report as the JSON object of `legacy cleanup --format json`."""
        backup = self.backup
        return {
            "passed": self.passed,
            "backup": visible(str(backup.path)) if backup else None,
            "files": [asdict(file) | {"path": visible(file.path)} for file in backup.files] if backup else [],
            "deleted": [visible(path) for path in self.deleted],
            "removed_backups": self.removed_backups,
            "verification": self.verification.as_dict() if self.verification else None,
        }


def cleanup_directory(
    directory: Path,
    *,
    settings: Settings,
    url: str,
    keep_days: int | None = None,
    progress: Progress | None = None,
) -> CleanupReport:
    """Verify the old bot's files, back them up, and delete them; do nothing if the verification fails.

    Nothing is deleted while there is a JSON file that was not read: it may be the old bot's under another name.

    Args:
        directory: the folder of the old bot's files.
        settings: for the connection, the folder of queries and the bot's own numbers.
        url: the database.
        keep_days: remove backups older than this many days, 0 or more, but never the newest; None keeps all.
        progress: called with the bytes verified, and those of all files.

    Raises:
        LegacyFileError: there is no file, or one has changed since, or cannot be copied or deleted.
        DatabaseError: the server refused, or went away; nothing is deleted then.
    """
    report = CleanupReport()
    if keep_days is None or not find_backups(directory) or _has_files(directory):
        report.verification = verify_directory(directory, settings=settings, url=url, progress=progress)
        if not report.passed:
            return report
        report.backup = remove_verified_files(directory, report.verification.files)
        report.deleted = [file.path for file in report.backup.files]
    if keep_days is not None:
        try:
            report.removed_backups = remove_old_backups(directory, keep_days, datetime.now(UTC))
        except OSError as error:
            raise _failure(directory, error) from error
    return report


def _has_files(directory: Path) -> bool:
    try:
        return bool(list_files(directory))
    except LegacyFileError:
        return False


def remove_verified_files(directory: Path, files: list[CheckedFile]) -> Backup:
    """Back files up, then delete them. After any interruption each file is in its place or in a complete backup.

    Args:
        directory: the folder of the files.
        files: the files, as they were verified.

    Raises:
        LegacyFileError: a file has changed since it was verified, or the disk refuses; files not deleted yet stay.
    """
    try:
        backup = make_backup(directory, files, datetime.now(UTC))
        # All are checked before the first is deleted: a bot that is still writing must lose none.
        for file in files:
            _check_unchanged(directory / file.path, file.sha256)
        for file in files:
            _delete(directory / file.path, file.sha256)
        for folder in sorted({(directory / file.path).parent for file in files}):
            sync_folder(folder)
    except OSError as error:
        raise _failure(directory, error) from error
    return backup


def _delete(path: Path, sha256: str) -> None:
    before = _fingerprint(path)
    _check_unchanged(path, sha256)
    if _fingerprint(path) != before:
        raise _changed(path)
    path.unlink()


def _check_unchanged(path: Path, sha256: str) -> None:
    if file_sha256(path) != sha256:
        raise _changed(path)


def _fingerprint(path: Path) -> tuple[int, int, int, int]:
    known = path.stat()
    return known.st_dev, known.st_ino, known.st_size, known.st_mtime_ns


def _changed(path: Path) -> LegacyFileError:
    return LegacyFileError("has changed since it was verified", path=path, hint="stop the old bot, then try again")


def _failure(directory: Path, error: OSError) -> LegacyFileError:
    path = Path(error.filename) if isinstance(error.filename, str) else directory
    return LegacyFileError(
        f"the cleanup failed: {error.strerror}",
        path=path,
        hint="files not deleted yet are still there; fix the cause, then try again",
    )
