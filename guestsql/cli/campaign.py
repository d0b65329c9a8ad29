"""`guestsql campaign`: whom to contact, when, and what became of it."""

from __future__ import annotations

import click

from guestsql.cli.app import CommandGroup
from guestsql.cli.campaigns import claim, create, plan, result, show, state
from guestsql.cli.contact_rules import exclude, holidays

__all__ = ["campaign"]


@click.group(
    cls=CommandGroup,
    epilog="""\b
Examples:
  guestsql campaign create easter --segment silent --purpose marketing --template easter_offer
  guestsql campaign plan easter --dry-run
  guestsql campaign holidays CO 2026
""",
)
def campaign() -> None:
    """Campaigns and the rules of contact. Nothing here sends a message."""


for _command in (claim, create, exclude, holidays, plan, result, show, state):
    campaign.add_command(_command)
