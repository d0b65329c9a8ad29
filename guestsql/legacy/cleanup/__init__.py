"""The deletion of the files after a verification that passes, and their way back from the backup."""

from __future__ import annotations

from guestsql.legacy.cleanup.directory import CleanupReport, cleanup_directory
from guestsql.legacy.cleanup.restore import RestoreReport, restore_directory

__all__ = ["CleanupReport", "RestoreReport", "cleanup_directory", "restore_directory"]
