"""What the commands share that write something about one guest: dry runs, unknown guests, times."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from typing import TypeVar

import click

from guestsql import GuestDatabase, GuestTransaction
from guestsql.cli.app import App
from guestsql.cli.failure import FAILED
from guestsql.guests.identity import canonical_user_id

__all__ = ["dry_run_option", "full_option", "given_time", "refuse_unknown", "unknown_guest", "written"]

Answer = TypeVar("Answer")

dry_run_option = click.option("--dry-run", is_flag=True, help="Print the result and write nothing.")
full_option = click.option("--full", is_flag=True, help="Print phone numbers whole, not their last four digits.")


class _Undone(Exception):
    """Ends the transaction of a dry run."""


def written(opened: GuestDatabase, write: Callable[[GuestTransaction], Answer], *, dry_run: bool) -> Answer:
    """Return what a transaction returns; a dry run is rolled back."""
    answers: list[Answer] = []

    def run(tx: GuestTransaction) -> None:
        answers[:] = [write(tx)]
        if dry_run:
            raise _Undone

    with suppress(_Undone):
        opened.run(run)
    return answers[0]


def refuse_unknown(app: App, opened: GuestDatabase, user_id: str) -> None:
    """Exit if there is no such guest: a mistyped number would create one."""
    if opened.get_booking_status(user_id) is None:
        raise unknown_guest(app, user_id)


def unknown_guest(app: App, user_id: str) -> click.exceptions.Exit:
    """Print that there is no such guest, and return the exit."""
    key = canonical_user_id(user_id, app.settings.default_region)
    app.say(f"guestsql: no guest is known as {key} (guestsql guest search finds guests by name or number)")
    return click.exceptions.Exit(FAILED)


def given_time(app: App, text: str | None) -> datetime | None:
    """Return the time in an option `--at`; None without one. A time without a zone is the hotel's.

    Raises:
        BadParameter: it is not a time.
    """
    if text is None:
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        raise click.BadParameter("a time is written as 2026-11-20T15:30", param_hint="--at") from error
    return at if at.tzinfo else at.replace(tzinfo=app.settings.timezone)
