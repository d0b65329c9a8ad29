"""`guestsql campaign`: whom to contact, when, and what became of it."""

from __future__ import annotations

import click

from guestsql.cli.app import CommandGroup
from guestsql.cli.contact_rules import exclude, holidays

__all__ = ["campaign"]


@click.group(
    cls=CommandGroup,
    epilog="""\b
Examples:
  guestsql campaign holidays CO 2026
""",
)
def campaign() -> None:
    """Campaigns and the rules of contact. Nothing here sends a message."""


for _command in (exclude, holidays):
    campaign.add_command(_command)
