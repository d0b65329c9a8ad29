"""`guestsql doctor`: what is wrong, and how to fix it."""

from __future__ import annotations

import os
import sys
import textwrap
from collections.abc import Sequence

import click

from guestsql.adhoc.values import plain_text
from guestsql.cli.app import App, pass_app
from guestsql.cli.failure import FAILED
from guestsql.cli.output import Output, data_format_option
from guestsql.cli.terminal import console
from guestsql.cli.waiting import waiting
from guestsql.ops.doctor import CHECKS, Diagnosis, Status, Target, diagnose
from guestsql.ops.doctor.environment import read_settings
from guestsql.wording import counted

__all__ = ["doctor"]

_GAP = "  "
# Narrower terminals get longer lines.
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
    """Check everything from the settings to the last index, and print what to fix.

    Exits with 1 if there is a fault. Advice is not a fault, and neither is something that this role may not read.
    Nothing is written. Without DATABASE_URL the embedded server is created and started, as with any command.
    """
    # Not app.settings: invalid settings are one of the diagnoses.
    settings, faults = read_settings(os.environ)
    output = Output(format_name or settings.shell_format, settings.timezone)
    with Target(settings, faults, settings.database_url) as target, waiting("checking"):
        found = list(diagnose(target, CHECKS))
    if output.is_table:
        _print(found)
    else:
        output.rows(
            ("check", "status", "message", "advice"),
            [(each.check, each.status.value, each.message, each.advice) for each in found],
        )
    wrong = sum(each.status is Status.FAULT for each in found)
    if wrong:
        app.say(f"doctor: {counted(wrong, 'fault')}")
        raise click.exceptions.Exit(FAILED)
    app.say("doctor: no faults")


def _print(found: Sequence[Diagnosis]) -> None:
    """Print a line for each check, with the fix below it. Words stay whole, so that commands can be copied."""
    widest = max(len(each.check) for each in found), max(len(each.status.value) for each in found)
    indent = " " * (sum(widest) + 2 * len(_GAP))
    width = max(console(sys.stdout).width, len(indent) + _READABLE_WIDTH)
    for each in found:
        head = _GAP.join((each.check.ljust(widest[0]), each.status.value.ljust(widest[1]), ""))
        _print_wrapped(each.message, width, head, indent)
        if each.advice:
            _print_wrapped(f"fix: {each.advice}", width, indent, indent)
        for line in each.details:
            click.echo(f"{indent}{plain_text(line)}")


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
