"""What every command gets: the settings, read at first use, and ways to print to the user."""

from __future__ import annotations

import logging
from functools import cached_property
from typing import Any

import click

from guestsql.adhoc.values import plain_text
from guestsql.cli.failure import FAILED
from guestsql.cli.output import Output
from guestsql.cli.summary import set_summary
from guestsql.cli.terminal import can_ask
from guestsql.errors import GuestSQLError, QueryFileError, SettingsError
from guestsql.guests.needed import reserved_names
from guestsql.settings import Settings, may_unset_queries
from guestsql.sql import Catalogue, load_catalogue
from guestsql.telemetry.log import logger

__all__ = ["App", "CommandGroup", "pass_app"]


class App:
    """One run of the shell.

    Args:
        debug: show log events and tracebacks.

    Attributes:
        columns: what the option `--columns` says; None when the command does not have it.
        shows_events: whether log events are shown.
    """

    def __init__(self, *, debug: bool = False) -> None:
        self.debug = debug
        self.columns: tuple[str, ...] | None = None
        self.shows_events = debug

    @cached_property
    def settings(self) -> Settings:
        """The environment and `.env`.

        Raises:
            SettingsError: a value cannot be used.
        """
        return Settings.from_env()

    @property
    def packaged_settings(self) -> Settings:
        """The settings, for a command that needs the packaged queries and tables.

        Raises:
            SettingsError: a value cannot be used, or `packaged` is False.
        """
        if not self.settings.packaged:
            raise SettingsError(
                "this command needs the packaged queries and tables, and packaged is false",
                hint="remove packaged = false from [tool.guestsql] in pyproject.toml, or unset GUESTSQL_PACKAGED; then"
                " run guestsql migrate up",
            )
        return self.settings

    @cached_property
    def catalogue(self) -> Catalogue:
        """The packaged queries and the project's own.

        Raises:
            QueryFileError: a query file cannot be used.
        """
        settings = self.settings
        reserved = reserved_names() if settings.packaged else ()
        return load_catalogue(settings.queries_dir, packaged=settings.packaged, reserved=reserved)

    def help_out(self, error: GuestSQLError) -> None:
        """Add to the hint of an error how to work around it: a broken query file must not stop an operator's tool.

        Args:
            error: what ended the command.
        """
        if "settings" not in self.__dict__ or not isinstance(error, QueryFileError) or error.file is None:
            return
        folder = self.settings.queries_dir
        is_own = folder is not None and (folder == error.file or folder in error.file.parents)
        if is_own and may_unset_queries(self.settings):
            way = "to continue with the packaged queries in the meantime, unset GUESTSQL_QUERIES_DIR"
            error.hint = f"{error.hint}; {way}" if error.hint else way

    def output(self, format_name: str | None, *, piped: str = "table") -> Output:
        """Return what prints a command's data; the times of tables are in the hotel's zone.

        Args:
            format_name: what `--format` says; None for the default.
            piped: the default in a pipe, unless GUESTSQL_FORMAT is set.
        """
        name = format_name or self.settings.shell_format
        return Output(name, self.settings.timezone, piped=piped, columns=self.columns)

    def say(self, text: str) -> None:
        """Print a message to stderr; data goes to stdout."""
        click.echo(plain_text(text), err=True)

    def show_events(self) -> None:
        """Show log events on stderr from now on: a running server reports nothing else."""
        if not self.shows_events:
            self.shows_events = True
            logger.setLevel(logging.INFO)

    def confirm(self, question: str, *, yes: bool) -> None:
        """Ask before an action that cannot be undone.

        Args:
            question: without its question mark.
            yes: the option `--yes` was given.

        Raises:
            UsageError: there is no terminal to ask on.
            Exit: the answer was no.
        """
        if yes:
            return
        if not can_ask():
            raise click.UsageError("this cannot be undone, and there is no terminal to ask on: add --yes")
        if not click.confirm(plain_text(question) + "?", err=True):
            self.say("nothing was done")
            raise click.exceptions.Exit(FAILED)


pass_app = click.make_pass_decorator(App)
"""Gives a command the `App` as its first argument."""


class CommandGroup(click.Group):
    """A group of commands. Without a command it prints its help; a mistyped command gets suggestions."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401  click's own
        super().__init__(*args, **{"invoke_without_command": True, "no_args_is_help": False, **kwargs})

    def add_command(self, cmd: click.Command, name: str | None = None) -> None:
        """Add a command."""
        set_summary(cmd)
        super().add_command(cmd, name)

    def invoke(self, ctx: click.Context) -> Any:  # noqa: ANN401  click's own
        """Run the command, or print the help when there is none."""
        result = super().invoke(ctx)
        if ctx.invoked_subcommand is None:
            click.echo(ctx.get_help())
        return result
