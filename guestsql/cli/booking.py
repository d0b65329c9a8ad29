"""`guestsql history status | note`: the booking status of a guest and the notes about one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, fields

import click

from guestsql import GuestTransaction
from guestsql.adhoc.redaction import mask_phones
from guestsql.cli.app import App, pass_app
from guestsql.cli.guest_database import database
from guestsql.cli.output import columns_option, format_option
from guestsql.cli.writing import dry_run_option, full_option, given_time, refuse_unknown, written
from guestsql.guests.booking import STATUSES
from guestsql.guests.identity import mask
from guestsql.guests.models import BookingEvent, BookingStatus, GuestNote

__all__ = ["note", "status"]

_SOURCE = "shell"


@click.command(
    epilog="""\b
Examples:
  guestsql history status 573000000001
  guestsql history status 573000000001 interested --value 350000 --currency COP
  guestsql history status 573000000001 booked --at 2026-11-20T15:30 --source pms
""",
)
@click.argument("user_id")
@click.argument("status", required=False, type=click.Choice(STATUSES))
@click.option("--at", metavar="TIME", help="When the guest got this status; the hotel's time unless it has a zone.")
@click.option("--source", default=_SOURCE, show_default=True, help="Who says so.")
@click.option("--note", help="A text about it.")
@click.option("--value", help="The value of the booking, or of the quote.")
@click.option("--currency", help="The value's currency, such as COP.")
@dry_run_option
@full_option
@columns_option
@format_option
@pass_app
def status(  # noqa: PLR0917  click passes them by name
    app: App,
    user_id: str,
    status: str | None,
    at: str | None,
    source: str,
    note: str | None,
    value: str | None,
    currency: str | None,
    dry_run: bool,
    full: bool,
    format_name: str | None,
) -> None:
    """Show the history of a guest's booking status, the newest first, or add to it.

    The first one is the current status. With STATUS, an event is added and the guest's status after that is printed: an
    event with an older time does not change it. Exits with 1 if there is no such guest.
    """
    output = app.output(format_name)
    with database(app.packaged_settings) as opened:
        refuse_unknown(app, opened, user_id)
        if status is None:
            if dry_run or at or note or value or currency:
                raise click.UsageError("these options need a STATUS")
            events = opened.get_booking_history(user_id)
            output.rows([each.name for each in fields(BookingEvent)], [_shown(each, full=full) for each in events])
            return

        def added(tx: GuestTransaction) -> BookingStatus:
            when = given_time(app, at)
            return tx.set_booking_status(
                user_id, status, at=when, source=source, note=note, value=value, currency=currency
            )

        found = written(opened, added, dry_run=dry_run)
    key = found.phone_number if full else mask(found.phone_number)
    output.row({**asdict(found), "phone_number": key, "dry_run": dry_run})


@click.command(
    epilog="""\b
Examples:
  guestsql history note 573000000001
  guestsql history note 573000000001 "Prefers the second floor" --author Luisa
""",
)
@click.argument("user_id")
@click.argument("text", required=False)
@click.option("--kind", default="note", show_default=True, help="What the note is.")
@click.option("--author", help="Who wrote it.")
@dry_run_option
@full_option
@columns_option
@format_option
@pass_app
def note(  # noqa: PLR0917  click passes them by name
    app: App,
    user_id: str,
    text: str | None,
    kind: str,
    author: str | None,
    dry_run: bool,
    full: bool,
    format_name: str | None,
) -> None:
    """Show the notes about a guest, the newest first; with TEXT, after adding one.

    Exits with 1 if there is no such guest.
    """
    if dry_run and text is None:
        raise click.UsageError("--dry-run needs a TEXT")
    output = app.output(format_name)

    def added(tx: GuestTransaction) -> list[GuestNote]:
        if text is not None:
            tx.add_note(user_id, text, kind=kind, author=author)
        return tx.get_notes(user_id)

    with database(app.packaged_settings) as opened:
        refuse_unknown(app, opened, user_id)
        notes = written(opened, added, dry_run=dry_run)
    output.rows([each.name for each in fields(GuestNote)], [_shown(each, full=full) for each in notes])


def _shown(row: BookingEvent | GuestNote, *, full: bool) -> Sequence[object]:
    """Return the values of a row; a text that people wrote may contain a phone number."""
    values = asdict(row).values()
    return [mask_phones(value) if isinstance(value, str) and not full else value for value in values]
