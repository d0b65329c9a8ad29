"""Lists the old bot's files of a folder for the verification, without the import's own list."""

from __future__ import annotations

import re
from pathlib import Path

from guestsql.errors import LegacyFileError

__all__ = ["list_files", "list_unread_files", "source_of"]

_NAMED = {
    "threads.json": "threads",
    "guest_profiles.json": "guest_profiles",
    "data/guests.json": "guests",
    "guests.json": "guests",
}
_BACKUP = re.compile(r"(threads|guest_profiles|guests)([^a-z0-9].*)?", re.IGNORECASE | re.DOTALL)
_JSON_NAME = re.compile(r"[^.].*\.json([^a-z0-9].*)?", re.IGNORECASE | re.DOTALL)


def list_files(directory: Path) -> list[Path]:
    """Return the old bot's files of a folder: first those with the bot's own names, then their copies by name.

    Args:
        directory: the folder with `threads.json`, `guest_profiles.json`, `backups/`, `data/guests.json`.

    Raises:
        LegacyFileError: none of the files is there.
    """
    found = [directory / name for name in _NAMED if (directory / name).is_file()]
    found += [path for path in _json_files(directory) if path not in found and _BACKUP.fullmatch(path.name)]
    if not found:
        what = "the folder has no file of the old bot" if directory.is_dir() else "there is no such folder"
        raise LegacyFileError(what, path=directory, hint="name the folder with threads.json")
    return found


def list_unread_files(directory: Path) -> list[str]:
    """Return the names, relative to the folder, of the JSON files that the verification does not read.

    Args:
        directory: the folder of the old bot's files.
    """
    unread = (path for path in _json_files(directory) if not _BACKUP.fullmatch(path.name))
    return [path.relative_to(directory).as_posix() for path in unread]


def source_of(name: str) -> str:
    """Return `threads`, `guest_profiles` or `guests`; `backups` for a copy.

    Args:
        name: of a file, relative to the folder.
    """
    return _NAMED.get(name, "backups")


def _json_files(directory: Path) -> list[Path]:
    """Return the files of the folder, of `data/`, and of `backups/` with all folders below, in order."""
    here = [*directory.glob("*"), *(directory / "data").glob("*"), *(directory / "backups").rglob("*")]
    return sorted(path for path in here if _JSON_NAME.fullmatch(path.name) and path.is_file())
