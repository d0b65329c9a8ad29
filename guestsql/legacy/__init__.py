"""The JSON files of the old bot, brought into the database.

The stages: `files` finds, `window`, `read`, `container`, `element` and `runs` take apart, `records` understands one
record, `stage` makes lines of COPY, `usual` does both at once for what the bot wrote as it always did, `load` runs the
queries that merge the records of a guest and write, `report` tells. Memory does not grow with the files, but for the
lists of rejects and of times in the future.

Every record is kept as it was under `profile_data.legacy.<kind of file>.<key as written>`, so that nothing vanishes:
what has no column, what lost, what could not be read, how the key was spelled. The kinds are `threads`,
`guest_profiles`, `guests` and `backups`; the key of a backup is `<file's name>#<key as written>`, and of a backup only
that is kept which no newer record of the guest says too. A second record under one key has `#2` behind it; a later
import's other record under a key that is taken has `#<md5 of it>` behind it. `text` says how texts and numbers are
written that jsonb refuses.
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
    `threads.backup-20250705-143000.json`, `threads.json.backup`. They count in the order of the time in their names.

    All in one transaction. A record from which no guest can be made is reported and the rest imported. Doing it again
    changes nothing.

    Args:
        directory: the folder of the old bot's files; not all of them need be there.
        settings: for the connection, the folder of queries and the bot's own numbers.
        url: the database.
        dry_run: report what would be done, and write nothing.
        progress: is told now and then how many bytes of the files are done, and of how many.

    Returns:
        What was done.

    Raises:
        LegacyFileError: there is no such folder, none of the files is in it, or one cannot be read.
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
