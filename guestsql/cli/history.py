"""`guestsql history`: the archive, and what became of guests."""

from __future__ import annotations

import click

from guestsql.cli.app import CommandGroup
from guestsql.cli.archive import archive, return_guest
from guestsql.cli.booking import note, status

__all__ = ["history"]


@click.group(
    cls=CommandGroup,
    epilog="""\b
Example:
  guestsql history archive --days 30
""",
)
def history() -> None:
    """Archive, booking status and notes of guests. USER_ID is any spelling of a phone number or WhatsApp id."""


for _command in (archive, return_guest, status, note):
    history.add_command(_command)
