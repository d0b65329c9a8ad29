"""`guestsql history archive` and `return`: silent guests leave, and one comes back."""

from __future__ import annotations

import click

from guestsql.cli.app import App, pass_app
from guestsql.cli.guest_database import database
from guestsql.cli.output import format_option
from guestsql.cli.writing import unknown_guest

__all__ = ["archive", "return_guest"]


@click.command(
    epilog="""\b
Examples:
  guestsql history archive --dry-run
  guestsql history archive --days 60
""",
)
@click.option(
    "--days",
    type=click.IntRange(0, 100_000),
    default=30,
    show_default=True,
    help="Days since a guest's last message; for one who never wrote, since the guest became known.",
)
@click.option(
    "--batch",
    type=click.IntRange(1, 100_000),
    default=500,
    show_default=True,
    help="Guests at once, in one statement.",
)
@click.option("--dry-run", is_flag=True, help="Count the guests, and archive none.")
@format_option
@pass_app
def archive(app: App, days: int, batch: int, dry_run: bool, format_name: str | None) -> None:
    """Archive all guests who have been silent for a long time, in batches.

    It may run while the bot does. A guest returns with the next message or write. Guests with a message in progress or
    an unsent reply are left for the next time.
    """
    output = app.output(format_name)
    with database(app.packaged_settings) as opened:
        if dry_run:
            output.row({"silent": opened.queries.count_silent_guests(silent_days=days)})
            return
        archived = 0
        while moved := opened.archive_guests(silent_days=days, max_guests=batch):
            archived += moved
    output.row({"archived": archived})


@click.command(
    "return",
    epilog="""\b
Example:
  guestsql history return 573000000001
""",
)
@click.argument("user_id")
@click.option("--dry-run", is_flag=True, help="Count the guest, and change nothing.")
@format_option
@pass_app
def return_guest(app: App, user_id: str, dry_run: bool, format_name: str | None) -> None:
    """Return an archived guest, as the next message does.

    Prints 0 for a guest who is active. Exits with 1 if there is no such guest.
    """
    output = app.output(format_name)
    with database(app.packaged_settings) as opened:
        known = opened.get_profile(user_id)
        if known is None:
            raise unknown_guest(app, user_id)
        returned = int(known.archived_at is not None) if dry_run else opened.return_guests([user_id])
    output.row({"returned": returned})
