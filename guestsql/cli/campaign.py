"""`guestsql campaign`: whom to contact, when, and what became of it."""

from __future__ import annotations

import click

from guestsql.cli.app import CommandGroup

__all__ = ["campaign"]


@click.group(
    cls=CommandGroup,
    epilog="""\b
Example:
  guestsql campaign --help
""",
)
def campaign() -> None:
    """Campaigns and the rules of contact. Nothing here sends a message."""
