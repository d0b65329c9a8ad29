"""Which files of a folder are the old bot's, and in which order they tell."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path

from guestsql.errors import LegacyFileError
from guestsql.legacy.text import escape
from guestsql.legacy.times import parse_name_time

__all__ = ["LegacyFile", "Source", "find_files"]


class Source(StrEnum):
    """Which kind of file told; its value is the key under `profile_data.legacy`."""

    THREADS = "threads"
    GUEST_PROFILES = "guest_profiles"
    GUESTS = "guests"
    BACKUPS = "backups"


@dataclass(frozen=True, slots=True)
class LegacyFile:
    """One file of the old bot.

    Attributes:
        path: where it is.
        name: the path relative to the folder, with `/`; bytes that are no UTF-8 stand escaped.
        source: its kind.
        named_at: the time in a backup's name; None without one, and for the other kinds.
    """

    path: Path
    name: str
    source: Source
    named_at: datetime | None = None


# By weight: of two records of one time that of the earlier file counts. The guests.json of the folder itself is the one
# of data/, copied beside the others.
_FIXED = (
    ("threads.json", Source.THREADS),
    ("guest_profiles.json", Source.GUEST_PROFILES),
    ("guests.json", Source.GUESTS),
    ("data/guests.json", Source.GUESTS),
)
_BACKUPS = ("backups/threads-*.json", "threads-backup-*.json")


def find_files(directory: Path) -> list[LegacyFile]:
    """Return the old bot's files in a folder: the present ones, then the backups, the newest name's time first.

    Args:
        directory: the folder that holds `threads.json`, `guest_profiles.json`, `backups/`, `data/guests.json`.

    Raises:
        LegacyFileError: there is no such folder, or none of the files is in it.
    """
    if not directory.is_dir():
        what = "is a file, not a folder" if directory.exists() else "there is no such folder"
        raise LegacyFileError(what, path=directory, hint="name the folder that holds threads.json")
    found = [*_present(directory), *_backups(directory)]
    if not found:
        raise LegacyFileError(
            "no file of the old bot is in this folder",
            path=directory,
            hint="name the folder that holds threads.json or guest_profiles.json, in the old bot often tmp/",
        )
    return found


def _present(directory: Path) -> Iterator[LegacyFile]:
    for name, source in _FIXED:
        path = directory / name
        if path.is_file():
            yield LegacyFile(path, name, source)


def _backups(directory: Path) -> list[LegacyFile]:
    files = [
        LegacyFile(path, escape(path.relative_to(directory).as_posix()), Source.BACKUPS, parse_name_time(path.name))
        for pattern in _BACKUPS
        for path in directory.glob(pattern)
        if path.is_file()
    ]
    # By the time in the name: threads-backup-… sorts behind every threads-2… whatever its time.
    return sorted(files, key=lambda file: (file.named_at is not None, file.named_at, file.name), reverse=True)
