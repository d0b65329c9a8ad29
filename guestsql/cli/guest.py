"""`guestsql guest`: one guest, and what the law gives that guest a right to."""

from __future__ import annotations

from dataclasses import asdict

import click

from guestsql.cli.addresses import database
from guestsql.cli.app import App, CommandGroup, pass_app
from guestsql.cli.failure import FAILED
from guestsql.cli.output import format_option
from guestsql.guests.identity import canonical_user_id

__all__ = ["guest"]


@click.group(
    cls=CommandGroup,
    epilog="""\b
Example:
  guestsql guest show "+57 300 000 0001"
""",
)
def guest() -> None:
    """One guest. USER_ID is any spelling of a phone number or WhatsApp id."""


@guest.command(
    epilog="""\b
Example:
  guestsql guest show 573000000001 --format json
""",
)
@click.argument("user_id")
@format_option
@pass_app
def show(app: App, user_id: str, format_name: str | None) -> None:
    """Show a guest's profile; exits with 1 when there is no such guest."""
    output = app.output(format_name)
    with database(app.settings) as opened:
        profile = opened.get_profile(user_id)
    if profile is not None:
        output.row(asdict(profile))
        return
    if output.is_json:
        output.first_row((), ())
    app.say(f"guestsql: no guest is known as {canonical_user_id(user_id)}")
    raise click.exceptions.Exit(FAILED)


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
    help="How old a cached text may be; default GUESTSQL_CONTEXT_TTL_SECONDS.",
)
@format_option
@pass_app
def context(app: App, user_id: str, ttl: float | None, format_name: str | None) -> None:
    """Print a guest's context as the bot gets it.

    A guest who is not known yet is created, as the bot does it.
    """
    output = app.output(format_name)
    with database(app.settings) as opened:
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

    What KEEP has wins; whatever of DUPLICATE finds no place is kept in profile_data.
    """
    output = app.output(format_name)
    first, second = canonical_user_id(keep), canonical_user_id(duplicate)
    app.confirm(f"Merge {second} into {first} and remove {second}", yes=yes)
    with database(app.settings) as opened:
        profile = opened.merge_guests(first, second)
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
    """Print all that is stored about a person, by table; exits with 1 when it is nothing."""
    output = app.output(format_name)
    with database(app.settings) as opened:
        stored = opened.export_guest(user_id)
    output.value("stored", stored)
    if not any(stored.values()):
        app.say(f"guestsql: nothing is stored about {canonical_user_id(user_id)}")
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
    """Erase a person from every table, and print how many rows of each."""
    output = app.output(format_name)
    key = canonical_user_id(user_id)
    app.confirm(f"Erase all that is stored about {key}", yes=yes)
    with database(app.settings) as opened:
        erased = opened.forget_guest(key)
    output.row(erased)
