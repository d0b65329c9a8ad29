"""`guestsql migrate`: the migrations of the database."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import click

import guestsql
from guestsql.cli.addresses import migration_url
from guestsql.cli.app import App, CommandGroup, pass_app
from guestsql.cli.failure import FAILED
from guestsql.cli.output import format_option
from guestsql.cli.waiting import waiting
from guestsql.migrate import Applied, Problem, Runner, default_directory, new_migration

__all__ = ["migrate"]

Command = TypeVar("Command", bound=Callable[..., Any])


@click.group(
    cls=CommandGroup,
    epilog="""\b
Example:
  guestsql migrate up --wait 60
""",
)
def migrate() -> None:
    """Bring the database to the state of migrations/*.sql; forward only.

    Works on DATABASE_UNPOOLED_URL if it is set, else on DATABASE_URL, else on the embedded server.
    """


def _directory_option(command: Command) -> Command:
    return click.option(
        "--dir",
        "directory",
        type=click.Path(exists=True, file_okay=False, path_type=Path),
        help="The folder of all migrations; default the packaged one, in whose place it stands.",
    )(command)


@contextmanager
def _runner(app: App, directory: Path | None) -> Generator[Runner]:
    with migration_url(app.settings) as url, waiting("waiting for the database", event="MIGRATION_WAITING"):
        yield Runner(app.settings, url, directory)


@migrate.command(
    epilog="""\b
Example:
  guestsql migrate up --wait 60
""",
)
@click.option(
    "--wait",
    type=click.FloatRange(min=0),
    default=0.0,
    metavar="SECONDS",
    help="Keep trying to connect for so long: the server may be starting.",
)
@_directory_option
@format_option
@pass_app
def up(app: App, wait: float, directory: Path | None, format_name: str | None) -> None:
    """Apply what is pending, each file in its own transaction.

    Any number of runners may do this at once.
    """
    output = app.output(format_name)
    with _runner(app, directory) as runner:
        applied = runner.up(wait=wait)
    # Several files may have met the same.
    _tell(app, dict.fromkeys(notice for each in applied for notice in each.notices))
    if not applied:
        app.say("migrations: nothing to apply")
    if applied or not output.is_table:
        output.rows(("version", "name", "duration_ms"), [_applied(each) for each in applied])


def _tell(app: App, notices: Iterable[str]) -> None:
    for notice in notices:
        app.say(f"migrations: {notice}")


def _applied(applied: Applied) -> tuple[object, ...]:
    return applied.version, applied.name, round(applied.duration_ms, 1)


@migrate.command(
    epilog="""\b
Example:
  guestsql migrate status --exit-code || echo "something is pending"
""",
)
@click.option("--exit-code", "judge", is_flag=True, help="Exit with 1 unless all files are applied as they are.")
@_directory_option
@format_option
@pass_app
def status(app: App, judge: bool, directory: Path | None, format_name: str | None) -> None:
    """Show every migration and its state."""
    output = app.output(format_name)
    with _runner(app, directory) as runner:
        found = runner.status()
    rows = [(each.version, each.name, each.state, each.applied_at, each.duration_ms) for each in found]
    output.rows(("version", "name", "state", "applied_at", "duration_ms"), rows)
    if judge and any(each.state not in ("applied", "baseline") for each in found):
        raise click.exceptions.Exit(FAILED)


@migrate.command(
    epilog="""\b
Example:
  guestsql migrate plan --format json
""",
)
@_directory_option
@format_option
@pass_app
def plan(app: App, directory: Path | None, format_name: str | None) -> None:
    """Show what `up` would run, and run nothing."""
    output = app.output(format_name)
    with _runner(app, directory) as runner:
        found = runner.plan()
    if not found:
        app.say("migrations: nothing to apply")
    if found or not output.is_table:
        rows = [(each.version, each.name, each.transactional, str(each.file)) for each in found]
        output.rows(("version", "name", "in_transaction", "file"), rows)


@migrate.command(
    epilog="""\b
Example:
  guestsql migrate verify
""",
)
@_directory_option
@format_option
@pass_app
def verify(app: App, directory: Path | None, format_name: str | None) -> None:
    """Compare files and database; exit with 1 when they disagree."""
    output = app.output(format_name)
    with _runner(app, directory) as runner:
        problems = runner.verify()
    if not output.is_table:
        columns = ("kind", "version", "file", "message", "hint", "diff")
        output.rows(columns, [_problem(each) for each in problems])
    elif problems:
        output.rows(("kind", "message", "hint"), [(each.kind, each.message, each.hint) for each in problems])
        for each in problems:
            if each.diff:
                app.say(each.diff)
    if problems:
        raise click.exceptions.Exit(FAILED)
    app.say("migrations: files and database agree")


def _problem(problem: Problem) -> tuple[object, ...]:
    file = None if problem.file is None else str(problem.file)
    return problem.kind, problem.version, file, problem.message, problem.hint, problem.diff


@migrate.command(
    epilog="""\b
Example:
  guestsql migrate baseline 2
""",
)
@click.argument("version", type=click.IntRange(min=1), metavar="N")
@_directory_option
@format_option
@pass_app
def baseline(app: App, version: int, directory: Path | None, format_name: str | None) -> None:
    """Enter the migrations up to N as applied without running them.

    For a database whose tables were made by other means.
    """
    output = app.output(format_name)
    with _runner(app, directory) as runner:
        entered = runner.baseline(version)
    _tell(app, dict.fromkeys(notice for each in entered for notice in each.notices))
    if not entered:
        app.say(f"migrations: all up to {version} are entered already")
    if entered or not output.is_table:
        output.rows(("version", "name"), [(each.version, each.name) for each in entered])


@migrate.command(
    epilog="""\b
Example:
  guestsql migrate grant
""",
)
@pass_app
def grant(app: App) -> None:
    """Make the roles guestsql_bot, guestsql_monitor and guestsql_owner, and give them their rights.

    `up` does it too. Run it again after a role was made by hand, or a table was entered into guestsql_grants; exits
    with 1 when something could not be done.
    """
    with _runner(app, None) as runner:
        notices = runner.grant()
    if notices is None:
        app.say("migrations: the roles come with 0005_roles.sql: run guestsql migrate up first")
        raise click.exceptions.Exit(FAILED)
    _tell(app, notices)
    if notices:
        raise click.exceptions.Exit(FAILED)
    app.say("migrations: every role has its rights")


@migrate.command(
    epilog="""\b
Example:
  guestsql migrate new "guest notes"
""",
)
@click.argument("name")
@_directory_option
@pass_app
def new(app: App, name: str, directory: Path | None) -> None:
    """Make a file with the next number, and print its path."""
    folder = directory or default_directory()
    if directory is None and folder.parent == Path(guestsql.__file__).parent:
        raise click.UsageError("an installed package is no place for a migration: say where with --dir")
    path = new_migration(name, folder)
    click.echo(str(path))
    where = "" if directory is None else f" --dir {shlex.quote(str(directory))}"
    app.say(f"write the SQL into it, then run guestsql migrate plan{where}")
    if directory is not None and len(list(folder.glob("*.sql"))) == 1:
        app.say(
            f"{folder} stands in place of the packaged migrations: for a change to their tables copy "
            f"{default_directory()}/*.sql into it, and give this one a number above theirs"
        )
