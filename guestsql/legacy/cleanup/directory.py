"""The old bot's files deleted, once everything in them is proven to be in the database and in a backup."""

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
    """What a cleanup did.

    Attributes:
        verification: what was found first; None when there was no file any more.
        backup: the backup that was made, None when none was.
        deleted: the files that are gone, relative to the folder.
        removed_backups: names of the old backups that were removed.
    """

    verification: VerifyReport | None = None
    backup: Backup | None = None
    deleted: list[str] = field(default_factory=list[str])
    removed_backups: list[str] = field(default_factory=list[str])

    @property
    def passed(self) -> bool:
        """Whether the verification let the files be deleted: no difference, and no JSON file that was not read."""
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
    """Verify the old bot's files, back them up, and delete them; without a verification that passes, nothing.

    Nothing is deleted either while there is a JSON file that was not read: it may be the old bot's under another name.

    Args:
        directory: the folder of the old bot's files.
        settings: for the connection, the folder of queries and the bot's own numbers.
        url: the database.
        keep_days: remove backups older than so many days, 0 or more, but never the newest; None keeps all.
        progress: is told how many bytes are verified, and of how many.

    Raises:
        LegacyFileError: there is no file, or one has changed meanwhile, or cannot be copied or deleted.
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
    """Back files up, then delete them. Whenever it is interrupted, each file is in its place or in a whole backup.

    Args:
        directory: the folder of the files.
        files: which, and what they were when they were verified.

    Raises:
        LegacyFileError: a file is not what was verified, or the disk refuses; a file that is not deleted yet stays.
    """
    try:
        backup = make_backup(directory, files, datetime.now(UTC))
        # All before the first: a bot that is still writing is to lose none.
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
    return LegacyFileError("has changed since it was verified", path=path, hint="stop the old bot, then do it again")


def _failure(directory: Path, error: OSError) -> LegacyFileError:
    path = Path(error.filename) if isinstance(error.filename, str) else directory
    return LegacyFileError(
        f"the cleanup failed: {error.strerror}",
        path=path,
        hint="what is not deleted yet stays; mend it, then do it again",
    )
