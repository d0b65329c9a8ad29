"""`guestsql outbox`: lists replies, and retries or drops those that cannot be sent."""

from __future__ import annotations

from collections.abc import Sequence

import click

from guestsql.adhoc.redaction import mask_phones
from guestsql.cli.app import App, CommandGroup, pass_app
from guestsql.cli.failure import FAILED
from guestsql.cli.guest_database import database
from guestsql.cli.output import columns_option, format_option
from guestsql.guests.identity import mask
from guestsql.guests.query_rows import DropRepliesRow, RetryRepliesRow

__all__ = ["outbox"]

_STATES = ("queued", "sending", "maybe sent", "sent", "dead")
_COLUMNS = (
    "reply_id",
    "phone_number",
    "gateway",
    "state",
    "attempts",
    "created_at",
    "due_at",
    "is_maybe_sent",
    "last_error",
)


@click.group(
    cls=CommandGroup,
    epilog="""\b
Examples:
  guestsql outbox list --state dead
  guestsql outbox retry 12
""",
)
def outbox() -> None:
    """List the replies to guests, and retry or drop those that cannot be sent.

    States: queued; sending: claimed by a sender; maybe sent: claimed, and not marked in time; sent; dead: the last
    attempt has failed.
    """


@outbox.command(
    "list",
    epilog="""\b
Examples:
  guestsql outbox list
  guestsql outbox list --state "maybe sent" --format json
""",
)
@click.option("--state", type=click.Choice(_STATES), help="Only replies in this state. Default: all that are not sent.")
@click.option(
    "--limit", type=click.IntRange(1, 10_000), default=20, show_default=True, help="How many replies to print."
)
@click.option("--after", type=click.IntRange(0), metavar="ID", default=0, help="Continue after this reply.")
@columns_option
@format_option
@pass_app
def list_replies(app: App, state: str | None, limit: int, after: int, format_name: str | None) -> None:
    """List replies in the order in which they were queued.

    A table shows phone numbers masked; the other formats show them whole.
    """
    output = app.output(format_name)
    with database(app.packaged_settings) as opened:
        rows = opened.queries.list_replies(state=state, after_id=after, max_rows=limit + 1)
    output.rows(_COLUMNS, [_shown(row, masked=output.is_table) for row in rows[:limit]])
    if len(rows) > limit:
        app.say(f"there are more replies: continue with --after {rows[limit - 1].reply_id}")


_ids_argument = click.argument("reply_ids", metavar="[ID]...", nargs=-1, type=click.IntRange(1, 2**63 - 1))
_dead_option = click.option("--dead", is_flag=True, help="All dead letters.")


@outbox.command(
    epilog="""\b
Examples:
  guestsql outbox retry 12 13
  guestsql outbox retry --dead
""",
)
@_ids_argument
@_dead_option
@columns_option
@format_option
@pass_app
def retry(app: App, reply_ids: Sequence[int], dead: bool, format_name: str | None) -> None:
    """Queue replies again, to be sent at once.

    They may be dead letters, replies that may have been sent, and replies that wait after a failure. One that is being
    sent is not changed. Exits with 1 if a reply was not queued.
    """
    chosen = _chosen(reply_ids, dead)
    with database(app.packaged_settings) as opened:
        rows = opened.queries.retry_replies(reply_ids=chosen)
    _print_changed(app, rows, chosen, format_name, "not queued")


@outbox.command(
    epilog="""\b
Examples:
  guestsql outbox drop 12 --yes
  guestsql outbox drop --dead
""",
)
@_ids_argument
@_dead_option
@click.option("--yes", is_flag=True, help="Do not ask.")
@columns_option
@format_option
@pass_app
def drop(app: App, reply_ids: Sequence[int], dead: bool, yes: bool, format_name: str | None) -> None:
    """Delete replies that are not to be sent.

    One that is being sent is not deleted. Exits with 1 if a reply was not deleted.
    """
    chosen = _chosen(reply_ids, dead)
    what = "all dead letters" if chosen is None else f"reply {', '.join(map(str, chosen))}"
    app.confirm(f"Delete {what}, unsent", yes=yes)
    with database(app.packaged_settings) as opened:
        rows = opened.queries.drop_replies(reply_ids=chosen)
    _print_changed(app, rows, chosen, format_name, "not deleted")


def _chosen(reply_ids: Sequence[int], dead: bool) -> list[int] | None:
    """Return the chosen replies; None for all dead letters."""
    if bool(reply_ids) == dead:
        raise click.UsageError("pass the ids of replies, or --dead (guestsql outbox list shows the ids)")
    return sorted(set(reply_ids)) or None


def _print_changed(
    app: App,
    rows: Sequence[RetryRepliesRow | DropRepliesRow],
    chosen: list[int] | None,
    format_name: str | None,
    failure: str,
) -> None:
    output = app.output(format_name)
    found = sorted(rows, key=lambda row: row.reply_id)
    output.rows(RetryRepliesRow._fields, [_shown(row, masked=output.is_table) for row in found])
    missing = sorted(set(chosen or ()) - {row.reply_id for row in rows})
    if missing:
        ids = ", ".join(map(str, missing))
        app.say(f"guestsql: {failure}: {ids} (unknown, sent already, or being sent: guestsql outbox list)")
        raise click.exceptions.Exit(FAILED)


def _shown(row: Sequence[object], *, masked: bool) -> list[object]:
    """Return a row as it is printed; on a screen without phone numbers."""
    number, phone, *others, error = row
    if masked:
        return [number, mask(str(phone)), *others, error if error is None else mask_phones(str(error))]
    return list(row)
