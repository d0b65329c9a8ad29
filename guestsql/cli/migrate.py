"""`guestsql migrate`: the migrations of the database."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from contextlib import contextmanager
from pathlib import Path

import click

from guestsql.adhoc.addresses import migration_url
from guestsql.cli.app import App, CommandGroup, pass_app
from guestsql.cli.failure import FAILED
from guestsql.cli.output import format_option
from guestsql.cli.waiting import ON_STDERR, waiting
from guestsql.migrate import (
    OWN,
    PACKAGED,
    Applied,
    Migration,
    Problem,
    Runner,
    Status,
    default_directory,
    new_migration,
)
from guestsql.settings import Settings

__all__ = ["migrate"]

_NO_FOLDER = (
    "there is no folder for your own migrations: create one, and name it in GUESTSQL_MIGRATIONS_DIR, or as "
    'migrations = "migrations" below [tool.guestsql] in pyproject.toml'
)


@click.group(
    cls=CommandGroup,
    epilog="""\b
Example:
  guestsql migrate up --wait 60
""",
)
def migrate() -> None:
    """Apply SQL migrations: the packaged series, then your own.

    Your own series is the folder GUESTSQL_MIGRATIONS_DIR, or `migrations` below [tool.guestsql] in pyproject.toml. Each
    series has its own numbers. Migrations only go forward.

    Uses DATABASE_UNPOOLED_URL if it is set, else DATABASE_URL, else the embedded server.
    """


@contextmanager
def _runner(app: App) -> Generator[Runner]:
    with migration_url(app.settings, ON_STDERR) as url, waiting("waiting for the database", event="MIGRATION_WAITING"):
        yield Runner(app.settings, url)


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
    help="Keep trying to connect for this long: the server may still be starting.",
)
@format_option
@pass_app
def up(app: App, wait: float, format_name: str | None) -> None:
    """Apply pending migrations, each file in its own transaction.

    Repeatable files (R_name.sql) run after the numbered ones of their series: when their text has changed, and after
    every migration that runs before them. Any number of runners may run at the same time.
    """
    output = app.output(format_name)
    with _runner(app) as runner:
        applied = runner.up(wait=wait)
    # Several files may cause the same notice.
    _say_notices(app, dict.fromkeys(notice for each in applied for notice in each.notices))
    if not applied:
        app.say("migrations: nothing to apply")
    if applied or not output.is_table:
        rows = [(*_identity(each), _seconds(each.duration_ms)) for each in applied]
        output.rows(("series", "version", "name", "seconds"), rows)


def _say_notices(app: App, notices: Iterable[str]) -> None:
    for notice in notices:
        app.say(f"migrations: {notice}")


def _identity(each: Applied | Migration | Status) -> tuple[str, int | None, str]:
    """Series, number and name; a repeatable file has no number, and its prefix is part of the name."""
    return (each.series, each.version, each.name) if each.version else (each.series, None, f"R_{each.name}")


def _seconds(milliseconds: float | None) -> float | None:
    return None if milliseconds is None else round(milliseconds / 1000, 6)


@migrate.command(
    epilog="""\b
Example:
  guestsql migrate status --exit-code || echo "something is pending"
""",
)
@click.option("--exit-code", "judge", is_flag=True, help="Exit with 1 unless every file is applied and unchanged.")
@format_option
@pass_app
def status(app: App, judge: bool, format_name: str | None) -> None:
    """Show every migration and its state."""
    output = app.output(format_name)
    with _runner(app) as runner:
        found = runner.status()
    rows = [(*_identity(each), each.state, each.applied_at, _seconds(each.duration_ms)) for each in found]
    output.rows(("series", "version", "name", "state", "applied_at", "seconds"), rows)
    if judge and any(each.state not in ("applied", "baseline", "removed") for each in found):
        raise click.exceptions.Exit(FAILED)


@migrate.command(
    epilog="""\b
Example:
  guestsql migrate plan --format json
""",
)
@format_option
@pass_app
def plan(app: App, format_name: str | None) -> None:
    """Show what `up` would run, without running it."""
    output = app.output(format_name)
    with _runner(app) as runner:
        found = runner.plan()
    if not found:
        app.say("migrations: nothing to apply")
    if found or not output.is_table:
        rows = [(*_identity(each), each.transactional, str(each.file)) for each in found]
        output.rows(("series", "version", "name", "in_transaction", "file"), rows)


@migrate.command(
    epilog="""\b
Example:
  guestsql migrate verify
""",
)
@format_option
@pass_app
def verify(app: App, format_name: str | None) -> None:
    """Compare the files with the database; exit with 1 when they disagree."""
    output = app.output(format_name)
    with _runner(app) as runner:
        problems = runner.verify()
    if not output.is_table:
        columns = ("kind", "series", "version", "file", "message", "hint", "diff")
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
    return problem.kind, problem.series, problem.version, file, problem.message, problem.hint, problem.diff


@migrate.command(
    epilog="""\b
Examples:
  guestsql migrate baseline 2
  guestsql migrate baseline 20261129103000 --series own
""",
)
@click.argument("version", type=click.IntRange(min=1), metavar="N")
@click.option(
    "--series", type=click.Choice((PACKAGED, OWN)), help="The series. Default: the first one that is configured."
)
@format_option
@pass_app
def baseline(app: App, version: int, series: str | None, format_name: str | None) -> None:
    """Record the migrations up to N as applied without running them.

    For a database whose tables were created by other means.
    """
    output = app.output(format_name)
    with _runner(app) as runner:
        recorded = runner.baseline(version, series)
    _say_notices(app, dict.fromkeys(notice for each in recorded for notice in each.notices))
    if not recorded:
        app.say(f"migrations: all up to {version} are already recorded")
    if recorded or not output.is_table:
        output.rows(("series", "version", "name"), [_identity(each) for each in recorded])


@migrate.command(
    epilog="""\b
Example:
  guestsql migrate grant
""",
)
@pass_app
def grant(app: App) -> None:
    """Create the roles guestsql_bot, guestsql_monitor, guestsql_marketing and guestsql_owner, and grant rights.

    `up` does this too. Run it again after you have created a role by hand or added a table to guestsql_grants; exits
    with 1 when something could not be done.
    """
    with _runner(app) as runner:
        notices = runner.grant()
    if notices is None:
        app.say("migrations: the roles come with 0005_roles.sql: run guestsql migrate up first")
        raise click.exceptions.Exit(FAILED)
    _say_notices(app, notices)
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
@pass_app
def new(app: App, name: str) -> None:
    """Create the next file of your own migrations and print its path.

    The file gets the next number, beginning with 0001, or a timestamp if the newest file has one.
    """
    click.echo(str(new_migration(name, _folder_for_new(app.settings))))
    app.say("write the SQL into it, then run guestsql migrate plan")


def _folder_for_new(settings: Settings) -> Path:
    """The own folder; in a checkout of guestsql itself, and without an own one, that of the packaged migrations."""
    if settings.migrations_dir is not None:
        return settings.migrations_dir
    packaged = default_directory()
    if Path.cwd().is_relative_to(packaged.parent):
        return packaged
    raise click.UsageError(_NO_FOLDER)
