"""The JSON files of the old bot, brought into the database.

The stages: `files` finds, `read` takes apart, `records` understands one record, `merge` makes one guest of many
records, `collect` gathers them by guest, `load` writes, `report` tells.
"""

from __future__ import annotations

from pathlib import Path

from guestsql.identity import own_keys
from guestsql.legacy.collect import collect
from guestsql.legacy.load import Progress, load_guests
from guestsql.legacy.records import Reject
from guestsql.legacy.report import FileReport, ImportReport
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
    """Import `threads.json`, `guest_profiles.json`, `backups/` and `data/guests.json` of a folder.

    All in one transaction. A record from which no guest can be made is reported and the rest imported. Doing it again
    changes nothing.

    Args:
        directory: the folder of the old bot's files; not all of them need be there.
        settings: for the connection, the folder of queries and the bot's own numbers.
        url: the database.
        dry_run: report what would be done, and write nothing.
        progress: is told, after each batch, how many guests are done, and of how many.

    Returns:
        What was done.

    Raises:
        LegacyFileError: there is no such folder, none of the files is in it, or one cannot be read.
        DatabaseError: the server refused or went away; nothing is written then.

    SQL: queries/legacy.sql
    """
    collection = collect(directory, own_keys(settings.own_numbers))
    guests = collection.guests()
    counts = load_guests(guests, settings=settings, url=url, dry_run=dry_run, progress=progress)
    return ImportReport(
        files=tuple(collection.files),
        records=collection.records,
        guests=len(guests),
        inserted=counts.inserted,
        updated=counts.updated,
        unchanged=len(guests) - counts.inserted - counts.updated,
        rejects=tuple(collection.rejects),
        dry_run=dry_run,
    )
