"""`guestsql legacy import`, and the group of its commands."""

from __future__ import annotations

from pathlib import Path

import click

from guestsql.adhoc.addresses import main_url
from guestsql.cli.app import App, CommandGroup, pass_app
from guestsql.cli.failure import FAILED
from guestsql.cli.legacy_files import COMMANDS
from guestsql.cli.legacy_report import notes, print_report, summary
from guestsql.cli.output import FORMATS, PIPED_DEFAULT
from guestsql.cli.progress import progress_bar
from guestsql.cli.waiting import ON_STDERR
from guestsql.legacy import import_directory

__all__ = ["legacy"]


@click.group(
    cls=CommandGroup,
    epilog="""\b
Examples:
  guestsql legacy import ./tmp --dry-run
  guestsql legacy verify ./tmp
""",
)
def legacy() -> None:
    """Import, verify, export and clean up the old bot's JSON files."""


@legacy.command(
    "import",
    epilog="""\b
Examples:
  guestsql legacy import ./tmp --dry-run
  guestsql legacy import ./tmp --format json > report.json
""",
)
@click.argument("directory", metavar="DIR", type=click.Path(path_type=Path))
@click.option("--dry-run", is_flag=True, help="Report what would be done, and write nothing.")
@click.option(
    "--format",
    "format_name",
    type=click.Choice(FORMATS),
    help="table: the whole report; csv, tsv: the rejected records; json, jsonl: one object with everything."
    f" {PIPED_DEFAULT}",
)
@pass_app
def import_files(app: App, directory: Path, dry_run: bool, format_name: str | None) -> None:
    """Import the files of DIR in one transaction.

    The newest record wins, field by field; the labels of both files are merged. A time in the future counts as the
    time of the import. Importing again changes nothing. Exits with 1 when a record was rejected; the rest is imported.
    """
    output = app.output(format_name, piped="json")
    with main_url(app.packaged_settings, ON_STDERR) as url, progress_bar("importing") as progress:
        report = import_directory(directory, settings=app.settings, url=url, dry_run=dry_run, progress=progress)
    if output.is_table:
        print_report(output, report)
    else:
        if output.is_json:
            output.row(report.as_dict())
        else:
            rejects = [(each.path, each.pointer, each.reason) for each in report.rejects]
            output.rows(("path", "pointer", "reason"), rejects)
        for line in (summary(report), *notes(report)):
            app.say(line)
    if report.rejected:
        raise click.exceptions.Exit(FAILED)


for command in COMMANDS:
    legacy.add_command(command)
