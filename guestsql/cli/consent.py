"""`guestsql consent`: what a guest agrees to, and the proof of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, fields
from pathlib import Path

import click

from guestsql import Consent, ConsentEvent, GuestTransaction
from guestsql.adhoc.redaction import mask_phones
from guestsql.cli.app import App, CommandGroup, pass_app
from guestsql.cli.failure import FAILED
from guestsql.cli.guest_database import database
from guestsql.cli.output import columns_option, format_option
from guestsql.cli.writing import dry_run_option, full_option, given_time, refuse_unknown, written

__all__ = ["consent"]

_SOURCE = "shell"
_CONSENT_COLUMNS = tuple(each.name for each in fields(Consent))
_EVENT_COLUMNS = tuple(each.name for each in fields(ConsentEvent))

_at_option = click.option("--at", metavar="TIME", help="When the guest said so; the hotel's time unless it has a zone.")
_source_option = click.option("--source", default=_SOURCE, show_default=True, help="Where it was recorded.")
_actor_option = click.option("--actor", help="Who recorded it.")


@click.group(
    cls=CommandGroup,
    epilog="""\b
Example:
  guestsql consent show 573000000001
""",
)
def consent() -> None:
    """Consent to being contacted. USER_ID is any spelling of a phone number or WhatsApp id."""


@consent.command(
    epilog="""\b
Example:
  guestsql consent give 573000000001 --purpose marketing --channel whatsapp \\
    --wording-file wording.txt --version 2026-1 --source reception
""",
)
@click.argument("user_id")
@click.option("--purpose", required=True, help="What for, such as marketing.")
@click.option("--channel", required=True, help="How the guest is contacted, such as whatsapp.")
@click.option("--wording", help="The text that the guest agreed to.")
@click.option(
    "--wording-file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A file with that text, in UTF-8; spaces and line ends around it are left out.",
)
@click.option("--version", required=True, help="The version of the text.")
@click.option("--language", help="The language of the text, such as es.")
@_source_option
@_actor_option
@_at_option
@dry_run_option
@columns_option
@format_option
@pass_app
def give(  # noqa: PLR0917  click passes them by name
    app: App,
    user_id: str,
    purpose: str,
    channel: str,
    wording: str | None,
    wording_file: Path | None,
    version: str,
    language: str | None,
    source: str,
    actor: str | None,
    at: str | None,
    dry_run: bool,
    format_name: str | None,
) -> None:
    """Record that a guest agrees, with the text; print what the guest agrees to then.

    Exits with 1 if there is no such guest.
    """
    text = _wording(wording, wording_file)

    def given(tx: GuestTransaction) -> list[Consent]:
        return tx.give_consent(
            user_id,
            purpose=purpose,
            channel=channel,
            wording=text,
            version=version,
            source=source,
            language=language,
            actor=actor,
            at=given_time(app, at),
        )

    output = app.output(format_name)
    with database(app.packaged_settings) as opened:
        refuse_unknown(app, opened, user_id)
        output.rows(_CONSENT_COLUMNS, _rows(written(opened, given, dry_run=dry_run)))


@consent.command(
    epilog="""\b
Examples:
  guestsql consent withdraw 573000000001 --source reception
  guestsql consent withdraw 573000000001 --purpose marketing --channel email
""",
)
@click.argument("user_id")
@click.option("--purpose", help="What for; default every purpose.")
@click.option("--channel", help="How the guest is contacted; default every channel.")
@_source_option
@_actor_option
@_at_option
@dry_run_option
@columns_option
@format_option
@pass_app
def withdraw(  # noqa: PLR0917  click passes them by name
    app: App,
    user_id: str,
    purpose: str | None,
    channel: str | None,
    source: str,
    actor: str | None,
    at: str | None,
    dry_run: bool,
    format_name: str | None,
) -> None:
    """Record that a guest no longer agrees; print what the guest agrees to then.

    Exits with 1 if there is no such guest.
    """

    def withdrawn(tx: GuestTransaction) -> list[Consent]:
        when = given_time(app, at)
        return tx.withdraw_consent(user_id, purpose=purpose, channel=channel, source=source, actor=actor, at=when)

    output = app.output(format_name)
    with database(app.packaged_settings) as opened:
        refuse_unknown(app, opened, user_id)
        output.rows(_CONSENT_COLUMNS, _rows(written(opened, withdrawn, dry_run=dry_run)))


@consent.command(
    epilog="""\b
Example:
  guestsql consent show 573000000001
""",
)
@click.argument("user_id")
@columns_option
@format_option
@pass_app
def show(app: App, user_id: str, format_name: str | None) -> None:
    """Show what a guest agrees to now, and what the guest has withdrawn; * is all.

    Exits with 1 if there is no such guest.
    """
    output = app.output(format_name)
    with database(app.packaged_settings) as opened:
        refuse_unknown(app, opened, user_id)
        output.rows(_CONSENT_COLUMNS, _rows(opened.get_consents(user_id)))


@consent.command(
    epilog="""\b
Examples:
  guestsql consent proof 573000000001
  guestsql consent proof 573000000001 --format json > proof.json
""",
)
@click.argument("user_id")
@full_option
@columns_option
@format_option
@pass_app
def proof(app: App, user_id: str, full: bool, format_name: str | None) -> None:
    """Show every consent and withdrawal of a guest with the texts, also of an erased guest.

    An erased guest is found by any id that the guest had, with the GUESTSQL_ERASURE_KEY of that time. Exits with 1 if
    nothing is found.
    """
    output = app.output(format_name)
    with database(app.packaged_settings) as opened:
        events = opened.get_consent_proof(user_id)
    output.rows(_EVENT_COLUMNS, [_shown(each, full=full) for each in events])
    if not events:
        app.say(
            "guestsql: no consent or withdrawal of this id is recorded (that of an erased guest is found only with the"
            " GUESTSQL_ERASURE_KEY of that time)"
        )
        raise click.exceptions.Exit(FAILED)


def _wording(wording: str | None, wording_file: Path | None) -> str:
    if (wording is None) == (wording_file is None):
        raise click.UsageError("give either --wording or --wording-file")
    if wording_file is None:
        return wording or ""
    try:
        return wording_file.read_text(encoding="utf-8-sig").strip()
    except UnicodeDecodeError as error:
        raise click.BadParameter(f"{wording_file} is not UTF-8", param_hint="--wording-file") from error


def _rows(consents: Sequence[Consent]) -> list[Sequence[object]]:
    return [list(asdict(each).values()) for each in consents]


def _shown(event: ConsentEvent, *, full: bool) -> Sequence[object]:
    """Return the values of an event. The wording is printed as it is: its digest is that of the whole text."""
    values = asdict(event)
    if event.actor is not None and not full:
        values["actor"] = mask_phones(event.actor)
    return list(values.values())
