"""The summary of a command in a list: a whole sentence, which click would cut at the end of a line."""

from __future__ import annotations

import click

from guestsql.sql.query import first_sentence

__all__ = ["set_summary"]


def set_summary(command: click.Command) -> None:
    """Have a list of commands show the first sentence of a command's help.

    Args:
        command: with a help text.
    """
    if command.short_help is None and command.help:
        command.short_help = first_sentence(command.help.strip().split("\n\n", 1)[0])
