"""`guestsql doctor`: what is wrong, and how to mend it."""

from __future__ import annotations

import os

import click

from guestsql.cli.app import App, pass_app
from guestsql.cli.failure import FAILED
from guestsql.cli.output import Output, format_option
from guestsql.doctor import CHECKS, Finding, Patient, Status, diagnose
from guestsql.doctor.environment import read_settings

__all__ = ["doctor"]


@click.command(
    epilog="""\b
Example:
  guestsql doctor
  guestsql doctor --format json
""",
)
@format_option
@pass_app
def doctor(app: App, format_name: str | None) -> None:
    """Try everything from the settings to the last index, and say for each: ok, or what to do.

    Exits with 1 when anything is at fault. What this role may not look at is told, and is no fault; neither is an
    advice. Nothing is written; without DATABASE_URL the embedded server is made and started, as by any command.
    """
    # Not app.settings: settings that cannot be used are one of the findings.
    settings, faults = read_settings(os.environ)
    app.redact.learn(settings)
    output = Output(format_name, settings.timezone)
    with Patient(settings, faults, settings.database_url) as patient:
        found = [_redacted(app, finding) for finding in diagnose(patient, CHECKS)]
    output.rows(
        ("check", "status", "message", "advice"),
        [(each.check, each.status.value, each.message, each.advice) for each in found],
    )
    wrong = sum(each.status is Status.FAULT for each in found)
    if wrong:
        app.say(f"doctor: {wrong} at fault")
        raise click.exceptions.Exit(FAILED)
    app.say("doctor: nothing is at fault")


def _redacted(app: App, finding: Finding) -> Finding:
    return Finding(finding.check, finding.status, app.redact(finding.message), app.redact(finding.advice))
