"""`guestsql history`: what is kept about guests who have been silent for long, and what became of them."""

from __future__ import annotations

import click

from guestsql.cli.app import CommandGroup

__all__ = ["history"]


@click.group(
    cls=CommandGroup,
    epilog="""\b
Example:
  guestsql history --help
""",
)
def history() -> None:
    """Archive, booking status and notes of guests. USER_ID is any spelling of a phone number or WhatsApp id."""
