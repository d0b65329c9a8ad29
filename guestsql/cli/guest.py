"""`guestsql guest`: guests, one by one and in lists, and what the law gives them a right to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

import click

from guestsql.cli.app import App, CommandGroup, pass_app
from guestsql.cli.failure import FAILED
from guestsql.cli.guest_database import database
from guestsql.cli.output import columns_option, format_option
from guestsql.cli.writing import unknown_guest
from guestsql.guests.identity import canonical_user_id
from guestsql.guests.query_rows import ListGuestsRow, SearchGuestsRow

__all__ = ["guest"]

_COLUMNS = (
    "phone_number",
    "name",
    "labels",
    "last_interaction",
    "archived",
    "memory_enabled",
    "user_name",
    "contact_name",
)
_MOST_LABELS = 1000


@click.group(
    cls=CommandGroup,
    epilog="""\b
Example:
  guestsql guest show "+57 300 000 0001"
""",
)
def guest() -> None:
    """Show, find and change guests. USER_ID is any spelling of a phone number or WhatsApp id."""


_limit_option = click.option(
    "--limit", type=click.IntRange(1, 10_000), default=20, show_default=True, help="How many guests to print."
)
_after_option = click.option(
    "--after", metavar="KEY", default="", help="Continue after this guest, in the order of keys."
)


@guest.command(
    "list",
    epilog="""\b
Examples:
  guestsql guest list --label VIP
  guestsql guest list --limit 1000 --format csv
""",
)
@click.option("--label", help="Only guests with this label.")
@_limit_option
@_after_option
@columns_option
@format_option
@pass_app
def list_guests(app: App, label: str | None, limit: int, after: str, format_name: str | None) -> None:
    """List guests, active and archived, in the order of their keys, page by page."""
    with database(app.packaged_settings) as opened:
        rows = opened.queries.list_guests(label=label, after=after, max_rows=limit + 1)
    _print_page(app, rows, limit, format_name)


@guest.command(
    epilog="""\b
Examples:
  guestsql guest search ana
  guestsql guest search "300 000 00"
""",
)
@click.argument("text")
@_limit_option
@_after_option
@columns_option
@format_option
@pass_app
def search(app: App, text: str, limit: int, after: str, format_name: str | None) -> None:
    """Find guests, active and archived, by a part of any of their ids, names or labels.

    Case is ignored; accents are not.
    """
    if not text.strip():
        raise click.UsageError("TEXT is empty: guestsql guest list prints all guests")
    with database(app.packaged_settings) as opened:
        rows = opened.queries.search_guests(search=text.strip(), after=after, max_rows=limit + 1)
    _print_page(app, rows, limit, format_name)


def _print_page(app: App, rows: Sequence[ListGuestsRow | SearchGuestsRow], limit: int, format_name: str | None) -> None:
    output = app.output(format_name)
    page = [
        (
            row.phone_number,
            " / ".join(dict.fromkeys(name for name in (row.user_name, row.contact_name) if name)) or None,
            row.labels,
            row.last_interaction,
            row.archived,
            row.memory_enabled,
            row.user_name,
            row.contact_name,
        )
        for row in rows[:limit]
    ]
    # A table has one column for both names, and what fits, unless the columns were chosen.
    shown = _COLUMNS.index("memory_enabled") if output.is_table and not app.columns else len(_COLUMNS)
    output.rows(_COLUMNS[:shown], [row[:shown] for row in page])
    if len(rows) > limit:
        app.say(f"there are more guests: continue with --after {page[-1][0]}")


@guest.command(
    epilog="""\b
Example:
  guestsql guest labels
""",
)
@columns_option
@format_option
@pass_app
def labels(app: App, format_name: str | None) -> None:
    """List the labels with the number of guests, active and archived, who have them."""
    output = app.output(format_name)
    with database(app.packaged_settings) as opened:
        rows = opened.queries.list_labels(max_rows=_MOST_LABELS + 1)
    output.rows(("label", "guests"), rows[:_MOST_LABELS])
    if len(rows) > _MOST_LABELS:
        app.say(f"there are more than {_MOST_LABELS} labels: these are the most frequent")


@guest.command(
    epilog="""\b
Example:
  guestsql guest memory off 573000000001
""",
)
@click.argument("state", type=click.Choice(("on", "off")))
@click.argument("user_id")
@format_option
@pass_app
def memory(app: App, state: str, user_id: str, format_name: str | None) -> None:
    """Turn a guest's memory on or off.

    While it is off the guest's context is not used: get_context returns an empty text. Exits with 1 if there is no such
    guest.
    """
    output = app.output(format_name)
    with database(app.packaged_settings) as opened:
        known = opened.get_profile(user_id)
        profile = None if known is None else opened.update_profile(user_id, memory_enabled=state == "on")
    if profile is None:
        raise unknown_guest(app, user_id)
    output.row({"phone_number": profile.phone_number, "memory_enabled": profile.memory_enabled})


@guest.command(
    epilog="""\b
Example:
  guestsql guest show 573000000001 --format json
""",
)
@click.argument("user_id")
@columns_option
@format_option
@pass_app
def show(app: App, user_id: str, format_name: str | None) -> None:
    """Show a guest's profile and ids. Exits with 1 if there is no such guest."""
    output = app.output(format_name)
    with database(app.packaged_settings) as opened:
        profile = opened.get_profile(user_id)
        ids = opened.queries.list_guest_ids(phone_number=_key(app, user_id))
    if profile is not None:
        output.row({**asdict(profile), "ids": [row.id for row in ids]})
        return
    if output.is_json:
        output.first_row((), ())
    raise unknown_guest(app, user_id)


def _key(app: App, user_id: str) -> str:
    return canonical_user_id(user_id, app.settings.default_region)


@guest.command(
    epilog="""\b
Example:
  guestsql guest ids 573000000001
""",
)
@click.argument("user_id")
@columns_option
@format_option
@pass_app
def ids(app: App, user_id: str, format_name: str | None) -> None:
    """List every id of a guest. Exits with 1 if there is no such guest."""
    output = app.output(format_name)
    with database(app.settings) as opened:
        rows = opened.queries.list_guest_ids(phone_number=_key(app, user_id))
    output.rows(("id", "kind", "source", "portfolio", "first_seen_at", "last_seen_at"), rows)
    if not rows:
        raise unknown_guest(app, user_id)


@guest.command(
    epilog="""\b
Example:
  guestsql guest context 573000000001@s.whatsapp.net
""",
)
@click.argument("user_id")
@click.option(
    "--ttl",
    type=click.FloatRange(min=0),
    metavar="SECONDS",
    help="How old a cached text may be. Default: GUESTSQL_CONTEXT_TTL_SECONDS.",
)
@format_option
@pass_app
def context(app: App, user_id: str, ttl: float | None, format_name: str | None) -> None:
    """Print a guest's context as the bot gets it.

    An unknown guest is created, as in the bot.
    """
    output = app.output(format_name)
    with database(app.packaged_settings) as opened:
        text = opened.get_context(user_id, ttl_seconds=ttl)
    output.value("context", text)


@guest.command(
    epilog="""\b
Example:
  guestsql guest merge 573000000001 81234567890123@lid --yes
""",
)
@click.argument("keep")
@click.argument("duplicate")
@click.option("--yes", is_flag=True, help="Do not ask.")
@format_option
@pass_app
def merge(app: App, keep: str, duplicate: str, yes: bool, format_name: str | None) -> None:
    """Merge the guest DUPLICATE into KEEP, and remove DUPLICATE.

    Where both have a value, KEEP's wins. DUPLICATE's other values are kept in profile_data.
    """
    output = app.output(format_name)
    second = _key(app, duplicate)
    app.confirm(f"Merge {second} into {_key(app, keep)} and remove {second}", yes=yes)
    with database(app.packaged_settings) as opened:
        profile = opened.merge_guests(keep, duplicate)
    output.row(asdict(profile))


@guest.command(
    epilog="""\b
Example:
  guestsql guest export 573000000001 > copy.json
""",
)
@click.argument("user_id")
@format_option
@pass_app
def export(app: App, user_id: str, format_name: str | None) -> None:
    """Print everything that is stored about a person, by table. Exits with 1 if there is nothing."""
    output = app.output(format_name)
    with database(app.packaged_settings) as opened:
        stored = opened.export_guest(user_id)
    output.value("stored", stored)
    if not any(stored.values()):
        app.say(f"guestsql: nothing is stored about {_key(app, user_id)}")
        raise click.exceptions.Exit(FAILED)


@guest.command(
    epilog="""\b
Example:
  guestsql guest forget 573000000001 --yes
""",
)
@click.argument("user_id")
@click.option("--yes", is_flag=True, help="Do not ask.")
@format_option
@pass_app
def forget(app: App, user_id: str, yes: bool, format_name: str | None) -> None:
    """Erase a person from every table, and print the number of rows by table."""
    output = app.output(format_name)
    app.confirm(f"Erase all that is stored about {_key(app, user_id)}", yes=yes)
    with database(app.packaged_settings) as opened:
        erased = opened.forget_guest(user_id)
    output.row(erased)
    if not any(erased.values()):
        app.say("no guest has this id: check it; the certificate says that nothing was erased")
