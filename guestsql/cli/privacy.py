"""`guestsql privacy`: erasures that last, their proof, and how long each kind of data is kept."""

from __future__ import annotations

from pathlib import Path

import click

from guestsql.cli.app import App, CommandGroup, pass_app
from guestsql.cli.failure import FAILED
from guestsql.cli.guest_database import database
from guestsql.cli.output import columns_option, format_option
from guestsql.guests.erasure_replay import ReplayReport
from guestsql.guests.identity import mask

__all__ = ["privacy"]


@click.group(
    cls=CommandGroup,
    epilog="""\b
Example:
  guestsql privacy certificate 573000000001
""",
)
def privacy() -> None:
    """Prove erasures, repeat them after a restore, and remove old data. USER_ID is any spelling of an id."""


@privacy.command(
    epilog="""\b
Example:
  guestsql privacy certificate "+57 300 000 0001" --format json
""",
)
@click.argument("user_id")
@columns_option
@format_option
@pass_app
def certificate(app: App, user_id: str, format_name: str | None) -> None:
    """Print what was erased of a person, when, and from which tables.

    Nothing personal is printed. Exits with 1 if nothing was erased under this id.
    """
    output = app.output(format_name)
    with database(app.packaged_settings) as opened:
        erasures = opened.get_erasures(user_id)
        is_known = opened.get_profile(user_id) is not None
    output.rows(
        ("erasure_id", "erased_at", "recorded_at", "reason", "ids", "is_keyed", "rows", "erased"),
        [
            (
                each.erasure_id,
                each.erased_at,
                each.recorded_at,
                each.reason,
                each.ids,
                each.is_keyed,
                sum(each.erased.values()),
                each.erased,
            )
            for each in erasures
        ],
    )
    if not erasures:
        app.say("guestsql: nothing was erased under this id, or it was hashed with another GUESTSQL_ERASURE_KEY")
        raise click.exceptions.Exit(FAILED)
    if is_known:
        app.say("a guest is known under this id now: guestsql guest export shows what is stored")


@privacy.command(
    epilog="""\b
Examples:
  guestsql privacy replay --dry-run
  guestsql privacy replay --log /safe/erasures.log --yes
""",
)
@click.option(
    "--log", type=click.Path(dir_okay=False, path_type=Path), help="The log of erasures. Default: GUESTSQL_ERASURE_LOG."
)
@click.option("--dry-run", is_flag=True, help="Only list whom it would erase.")
@click.option("--full", is_flag=True, help="Print whole phone numbers, not only the last four digits.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@columns_option
@format_option
@pass_app
def replay(app: App, *, log: Path | None, dry_run: bool, full: bool, yes: bool, format_name: str | None) -> None:
    """Erase again whom a restored dump has brought back.

    Run it after the restore, before the bot and before an import. A guest who came back after the erasure stays. Exits
    with 1 if a line of the log cannot be read, or was made with a key that is not in GUESTSQL_ERASURE_KEY.
    """
    output = app.output(format_name)
    if not dry_run:
        app.confirm("Erase everyone whom the log lists as erased", yes=yes)
    with database(app.packaged_settings) as opened:
        report = opened.replay_erasures(log, dry_run=dry_run)
    output.rows(
        ("guest", "erased_at", "created_at", "is_spared"),
        [
            (each.phone_number if full else mask(each.phone_number), each.erased_at, each.created_at, each.is_spared)
            for each in report.guests
        ],
    )
    _say_report(app, report)
    if not report.is_complete:
        raise click.exceptions.Exit(FAILED)


@privacy.command(
    epilog="""\b
Example:
  guestsql privacy retention --dry-run
""",
)
@click.option("--dry-run", is_flag=True, help="Only count what is older than the rules allow.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@columns_option
@format_option
@pass_app
def retention(app: App, *, dry_run: bool, yes: bool, format_name: str | None) -> None:
    """Remove data that are older than the rows of retention_rules allow.

    Prints the rows of each kind of data. `guestsql query run list_retention_rules` prints the rules.
    """
    output = app.output(format_name)
    if not dry_run:
        app.confirm("Remove what is older than the rules allow", yes=yes)
    with database(app.packaged_settings) as opened:
        applied = opened.apply_retention(dry_run=dry_run)
    output.rows(("kind", "keep_days", "rows"), [(each.kind, each.keep_days, each.rows) for each in applied])


def _say_report(app: App, report: ReplayReport) -> None:
    spared = sum(guest.is_spared for guest in report.guests)
    would = "would be " if report.is_dry_run else ""
    app.say(
        f"erasures in the log: {report.erasures}; unknown to the database, {would}restored: {report.restored};"
        f" guests {would}erased again: {len(report.guests) - spared}; came back later: {spared}"
    )
    if report.unreadable:
        numbers = ", ".join(map(str, report.unreadable))
        app.say(
            f"guestsql: lines that cannot be read: {numbers} (a process was killed while it wrote, or it is no log)"
        )
    for key_id, count in report.unknown_keys.items():
        app.say(
            f"guestsql: erasures made with another key, {key_id}: {count}. Add that key to GUESTSQL_ERASURE_KEY, after"
            " the current one and a comma, and repeat"
        )
