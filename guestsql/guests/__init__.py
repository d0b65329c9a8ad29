"""The hotel: guests, threads, contexts and interactions, built on the library in `guestsql.sql`."""

from guestsql.guests import query_rows as _query_rows  # noqa: F401  # pyright: ignore[reportUnusedImport]  it registers the classes of rows
from guestsql.guests.identity import mask
from guestsql.telemetry.log import mask_guests_with

mask_guests_with(mask)
