"""The old bot's files of a folder, in their order of precedence, and the JSON files that are not read."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import cached_property
from pathlib import Path

from guestsql.errors import LegacyFileError
from guestsql.legacy.reading.json_text import escape
from guestsql.legacy.reading.times import parse_name_time

__all__ = ["LegacyFile", "Source", "find_files", "list_unread_files"]


class Source(StrEnum):
    """The kind of a file; its value is the key under `profile_data.legacy`."""

    THREADS = "threads"
    GUEST_PROFILES = "guest_profiles"
    GUESTS = "guests"
    BACKUPS = "backups"


@dataclass(frozen=True)
class LegacyFile:
    """One file of the old bot.

    Attributes:
        path: where it is.
        name: the path relative to the folder, with `/`; bytes that are not UTF-8 are escaped.
        source: its kind.
        named_at: the time in a backup's name; None without one, and for the other kinds.
    """

    path: Path
    name: str
    source: Source
    named_at: datetime | None = None

    @cached_property
    def is_of_threads(self) -> bool:
        """Whether it is `threads.json` or a copy of it, and not a file of profiles."""
        is_copy = self.source is Source.BACKUPS and not self.path.name.lower().startswith("guest")
        return is_copy or self.source is Source.THREADS


# By precedence: of two records with equal times the one of the earlier file counts. A guests.json in the folder itself
# is the one of data/, copied next to the others.
_FIXED = (
    ("threads.json", Source.THREADS),
    ("guest_profiles.json", Source.GUEST_PROFILES),
    ("guests.json", Source.GUESTS),
    ("data/guests.json", Source.GUESTS),
)
# A copy, whatever was added to its name: threads-2025-….json, threads.backup-….json, threads.json.backup.
_COPY = re.compile(r"(?:threads|guest_profiles|guests)(?![A-Za-z0-9]).*", re.IGNORECASE | re.DOTALL)
_JSON = re.compile(r"(?!\.).*\.json(?![A-Za-z0-9])", re.IGNORECASE | re.DOTALL)
# Where the old bot and its tools store files.
_PLACES = ("*", "backups/**/*", "data/*")


def find_files(directory: Path) -> list[LegacyFile]:
    """Return the old bot's files in a folder: the present ones, then the backups, the newest name's time first.

    A copy of one of the files is a backup, wherever it is and whatever was added to the name.

    Args:
        directory: the folder with `threads.json`, `guest_profiles.json`, `backups/`, `data/guests.json`.

    Raises:
        LegacyFileError: there is no such folder, or none of the files is in it.
    """
    if not directory.is_dir():
        what = "is a file, not a folder" if directory.exists() else "there is no such folder"
        raise LegacyFileError(what, path=directory, hint="name the folder with threads.json")
    found = [*_present(directory), *_backups(directory)]
    if not found:
        raise LegacyFileError(
            "the folder has no file of the old bot",
            path=directory,
            hint="name the folder with threads.json or guest_profiles.json; the old bot often calls it tmp/",
        )
    return found


def list_unread_files(directory: Path) -> list[str]:
    """Return the names, relative to the folder, of JSON files that are not read.

    Args:
        directory: the folder of the old bot's files.
    """
    fixed = {name for name, _ in _FIXED}
    names = ((path, path.relative_to(directory).as_posix()) for path in _json_files(directory))
    return sorted(escape(name) for path, name in names if name not in fixed and not _COPY.fullmatch(path.name))


def _present(directory: Path) -> Iterator[LegacyFile]:
    for name, source in _FIXED:
        path = directory / name
        if path.is_file():
            yield LegacyFile(path, name, source)


def _backups(directory: Path) -> list[LegacyFile]:
    fixed = {directory / name for name, _ in _FIXED}
    files = [
        LegacyFile(path, escape(path.relative_to(directory).as_posix()), Source.BACKUPS, parse_name_time(path.name))
        for path in _json_files(directory)
        if path not in fixed and _COPY.fullmatch(path.name)
    ]
    # By the time in the name: by name alone, threads-backup-… would sort after every threads-2….
    return sorted(files, key=lambda file: (file.named_at is not None, file.named_at, file.name), reverse=True)


def _json_files(directory: Path) -> Iterator[Path]:
    for place in _PLACES:
        yield from (path for path in directory.glob(place) if _JSON.match(path.name) and path.is_file())
