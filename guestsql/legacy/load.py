"""Merged guests into the database: one transaction, in batches, in the order of their keys.

SQL: queries/legacy.sql.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg

from guestsql._sql import bind_queries, load_catalogue
from guestsql._sync.adapter import SyncAdapter
from guestsql._sync.connection import connect
from guestsql._translate import translate
from guestsql.legacy.merge import MergedGuest
from guestsql.settings import Settings

__all__ = ["Counts", "Progress", "load_guests"]

Progress = Callable[[int, int], None]

# A batch is one parameter; both bounds keep it far below what one value may be.
_BATCH_GUESTS = 500
_BATCH_CHARACTERS = 4_000_000


@dataclass(frozen=True, slots=True)
class Counts:
    """What was done with the guests.

    Attributes:
        inserted: rows that were made.
        updated: rows that were changed.
    """

    inserted: int
    updated: int


def load_guests(
    guests: Sequence[MergedGuest],
    *,
    settings: Settings,
    url: str,
    dry_run: bool = False,
    progress: Progress | None = None,
) -> Counts:
    """Write guests in one transaction: all or none.

    Args:
        guests: in the order of their keys, none twice.
        settings: for the connection and the folder of queries.
        url: the database.
        dry_run: do the same, and roll it back.
        progress: is told, after each batch, how many guests are done, and of how many.

    Raises:
        DatabaseError: the server refused, or went away; nothing is written then.
        QueryFileError: queries/ cannot be used.

    SQL: queries/legacy.sql
    """
    queries = _queries(settings)
    inserted = updated = done = 0
    try:
        with (
            connect(settings, url, pooled=settings.pooled) as connection,
            connection.transaction(force_rollback=dry_run),
        ):
            # A plan kept from the first batch, when the table was empty, would scan all of it in each later one.
            connection.prepare_threshold = None
            for size, batch in _batches(guests):
                made = queries.insert_legacy_guests(connection, guests=batch)
                inserted += made
                # The others were there before; those just made hold their records, and are passed over.
                if made < size:
                    updated += queries.update_legacy_guests(connection, guests=batch)
                done += size
                if progress:
                    progress(done, len(guests))
    except psycopg.Error as error:
        # BEGIN or COMMIT failed: no query's adapter has seen it.
        raise translate(error, "") from error
    return Counts(inserted, updated)


def _queries(settings: Settings) -> Any:  # noqa: ANN401  aiosql makes the methods from the files
    catalogue = load_catalogue(settings.queries_dir)
    return bind_queries(catalogue, SyncAdapter(catalogue))


def _batches(guests: Sequence[MergedGuest]) -> Iterator[tuple[int, str]]:
    """Yield the number of guests of each batch, and the batch as a JSON array."""
    texts: list[str] = []
    characters = 0
    for guest in guests:
        text = guest.as_json()
        if texts and (len(texts) == _BATCH_GUESTS or characters + len(text) > _BATCH_CHARACTERS):
            yield len(texts), f"[{','.join(texts)}]"
            texts, characters = [], 0
        texts.append(text)
        characters += len(text)
    if texts:
        yield len(texts), f"[{','.join(texts)}]"
