"""`guestsql check`: vet the query files."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path

import click

from guestsql._sql import default_directory
from guestsql._sync.connection import DeadlineConnection
from guestsql.check import Report, as_github, as_json, as_text, check_files, scratch_database
from guestsql.cli.app import App, pass_app
from guestsql.cli.failure import FAILED
from guestsql.cli.server import embedded_url

__all__ = ["check", "scratch"]


@click.command(
    epilog="""\b
Examples:
  guestsql check
  guestsql check queries/monitoring.sql
  guestsql check --server postgresql://ci@localhost/postgres --format github

\b
Below a query's name, an exception: -- check: allow GS307, because …
Exit codes: 0 nothing found, 1 something found.
""",
)
@click.argument("files", nargs=-1, type=click.Path(exists=True, path_type=Path))
@click.option(
    "--server",
    metavar="URL",
    help="Make the scratch database there; nothing is read or written in the URL's own. Default: the embedded server.",
)
@click.option(
    "--migrations",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="The folder of migrations that make the schema; default the packaged one.",
)
@click.option("--format", "format_name", type=click.Choice(("text", "json", "github")), default="text")
@pass_app
def check(app: App, files: tuple[Path, ...], server: str | None, migrations: Path | None, format_name: str) -> None:
    """Vet the SQL files: every query is prepared on a real server, and held against the rules.

    FILES are files or folders; default the folder of the queries. The schema comes from the migrations, in a scratch
    database of its own; the data of DATABASE_URL is never touched, and no query is run.
    """
    home = _shown(app.settings.queries_dir or default_directory())
    chosen = _expanded(files or (home,))
    # What holds in the whole folder is judged by the whole folder.
    inside = any(file.resolve().parent == home.resolve() for file in chosen)
    beside = [file for file in _files_of(home) if not _is_among(file, chosen)] if inside else []
    report = check_files(chosen, scratch(app, server, migrations), beside=beside)
    _print(report, format_name)
    if report.findings:
        many = "s" if len(report.findings) > 1 else ""
        app.say(f"check: {len(report.findings)} finding{many} in {report.queries} queries")
        raise click.exceptions.Exit(FAILED)
    app.say(f"check: {report.queries} queries, nothing found")


@contextmanager
def scratch(app: App, server: str | None, migrations: Path | None) -> Generator[DeadlineConnection]:
    """The scratch database, on the server that is named or the embedded one."""
    if server is not None:
        with scratch_database(app.settings, server, migrations) as connection:
            yield connection
    else:
        with (
            embedded_url(app.settings) as url,
            scratch_database(app.settings, url, migrations) as connection,
        ):
            yield connection


def _print(report: Report, format_name: str) -> None:
    if format_name == "json":
        click.echo(as_json(report.findings))
    elif format_name == "github":
        for line in as_github(report.findings):
            click.echo(line)
    else:
        for text in as_text(report.findings, report.sources):
            click.echo(text)


def _expanded(paths: Sequence[Path]) -> list[Path]:
    """The files, with those of each folder; none twice."""
    found: dict[Path, Path] = {}
    for path in paths:
        files = _files_of(path) if path.is_dir() else [path]
        if not files:
            raise click.UsageError(f"no *.sql file in {path}")
        for file in files:
            found.setdefault(file.resolve(), file)
    return list(found.values())


def _files_of(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise click.UsageError(f"{folder} is no folder of query files: see GUESTSQL_QUERIES_DIR")
    return sorted(file for file in folder.iterdir() if file.suffix == ".sql" and not file.name.startswith("."))


def _is_among(file: Path, files: Sequence[Path]) -> bool:
    return any(file.resolve() == other.resolve() for other in files)


def _shown(folder: Path) -> Path:
    """A folder as one would type it: relative when it lies below the working directory."""
    here = Path.cwd()
    return folder.relative_to(here) if folder.is_relative_to(here) else folder
