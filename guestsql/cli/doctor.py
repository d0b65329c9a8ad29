"""`guestsql doctor`: what is wrong, and how to mend it."""

from __future__ import annotations

import os
import sys
import textwrap
from collections.abc import Sequence

import click

from guestsql.cli.app import App, pass_app
from guestsql.cli.failure import FAILED
from guestsql.cli.output import Output, data_format_option
from guestsql.cli.terminal import console
from guestsql.cli.values import plain_text
from guestsql.cli.waiting import waiting
from guestsql.ops.doctor import CHECKS, Finding, Patient, Status, diagnose
from guestsql.ops.doctor.environment import read_settings

__all__ = ["doctor"]

_GAP = "  "
# On a narrower terminal the lines are longer than it is.
_READABLE_WIDTH = 30


@click.command(
    epilog="""\b
Example:
  guestsql doctor
  guestsql doctor --format json
""",
)
@data_format_option
@pass_app
def doctor(app: App, format_name: str | None) -> None:
    """Try everything from the settings to the last index, and say for each: ok, or what to do.

    Exits with 1 when anything is at fault. What this role may not look at is told, and is no fault; neither is an
    advice. Nothing is written; without DATABASE_URL the embedded server is made and started, as by any command.
    """
    # Not app.settings: settings that cannot be used are one of the findings.
    settings, faults = read_settings(os.environ)
    output = Output(format_name or settings.shell_format, settings.timezone)
    with Patient(settings, faults, settings.database_url) as patient, waiting("checking"):
        found = list(diagnose(patient, CHECKS))
    if output.is_table:
        _print(found)
    else:
        output.rows(
            ("check", "status", "message", "advice"),
            [(each.check, each.status.value, each.message, each.advice) for each in found],
        )
    wrong = sum(each.status is Status.FAULT for each in found)
    if wrong:
        app.say(f"doctor: {wrong} at fault")
        raise click.exceptions.Exit(FAILED)
    app.say("doctor: nothing is at fault")


def _print(found: Sequence[Finding]) -> None:
    """Print a check a line, what to do below it. Words stay whole, so that commands and names can be copied."""
    widest = max(len(each.check) for each in found), max(len(each.status.value) for each in found)
    indent = " " * (sum(widest) + 2 * len(_GAP))
    width = max(console(sys.stdout).width, len(indent) + _READABLE_WIDTH)
    for each in found:
        head = _GAP.join((each.check.ljust(widest[0]), each.status.value.ljust(widest[1]), ""))
        _print_wrapped(each.message, width, head, indent)
        if each.advice:
            _print_wrapped(f"to do: {each.advice}", width, indent, indent)


def _print_wrapped(text: str, width: int, first: str, others: str) -> None:
    wrapped = textwrap.fill(
        plain_text(text),
        width,
        initial_indent=first,
        subsequent_indent=others,
        break_long_words=False,
        break_on_hyphens=False,
    )
    click.echo(wrapped)
