"""The JSON files of the old bot: import, verification, export and cleanup.

The import keeps every record as it was, under `profile_data.legacy.<kind of file>.<key as written>`, so that nothing is
lost: values without a column, values that a newer record replaced, unreadable values, and the spelling of the key.

- The kinds are `threads`, `guest_profiles`, `guests` and `backups`. The key of a backup is
  `<file's name>#<key as written>`; a backup keeps only the members that no newer record of the guest has.
- A second record under one key gets `#2` after it. Another record that a later import finds under the same key gets
  `#<its md5>` after it.
- `reading.json_text` describes how texts and numbers are written that jsonb refuses.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from guestsql.guests.identity import own_keys
from guestsql.legacy.importing.progress import Progress
from guestsql.legacy.importing.report import FileReport, ImportReport
from guestsql.legacy.importing.run import Import
from guestsql.legacy.reading.files import find_files, list_unread_files
from guestsql.legacy.reading.records import Reject
from guestsql.settings import Settings

__all__ = ["FileReport", "ImportReport", "Reject", "import_directory"]


def import_directory(
    directory: Path,
    *,
    settings: Settings,
    url: str,
    dry_run: bool = False,
    progress: Progress | None = None,
) -> ImportReport:
    """Import `threads.json`, `guest_profiles.json` and `guests.json` of a folder, and their copies in it.

    A copy is a backup, whatever was added to its name: `backups/threads-2025-07-05T14-30-00-123Z.json`,
    `threads.backup-20250705-143000.json`, `threads.json.backup`. Backups are ordered by the time in their names.

    Everything is imported in one transaction. A record from which no guest can be made is reported, and the rest is
    imported. Importing again changes nothing. Memory grows only with the lists of rejected records and of future times.

    Args:
        directory: the folder of the old bot's files; some of them may be missing.
        settings: for the connection and the bot's own numbers.
        url: the database.
        dry_run: report what would be done, and write nothing.
        progress: called now and then with the bytes done, and those of all files.

    Returns:
        What was done.

    Raises:
        LegacyFileError: there is no such folder, it has none of the files, or one cannot be read.
        DatabaseError: the server refused or went away; nothing is written then.

    SQL: queries/internal/legacy.sql
    """
    files = find_files(directory)
    importing = Import(
        files,
        own=own_keys(settings.own_numbers, settings.default_region),
        settings=settings,
        dry_run=dry_run,
        progress=progress,
    )
    return replace(importing.run(url), unread=tuple(list_unread_files(directory)))
