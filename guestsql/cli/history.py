"""`guestsql history`: what is kept about guests who have been silent for long, and what became of them."""

from __future__ import annotations

import click

from guestsql.cli.app import CommandGroup
from guestsql.cli.booking import note, status

__all__ = ["history"]


@click.group(
    cls=CommandGroup,
    epilog="""\b
Example:
  guestsql history status 573000000001 booked
""",
)
def history() -> None:
    """Archive, booking status and notes of guests. USER_ID is any spelling of a phone number or WhatsApp id."""


for _command in (status, note):
    history.add_command(_command)
