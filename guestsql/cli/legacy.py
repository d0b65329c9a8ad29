"""`guestsql legacy`: the JSON files of the old bot."""

from __future__ import annotations

from pathlib import Path

import click

from guestsql.cli.addresses import main_url
from guestsql.cli.app import App, CommandGroup, pass_app
from guestsql.cli.failure import FAILED
from guestsql.cli.legacy_files import COMMANDS, unread
from guestsql.cli.output import FORMATS, Output
from guestsql.cli.progress import progress_bar
from guestsql.legacy import ImportReport, import_directory

__all__ = ["legacy", "summary"]


@click.group(
    cls=CommandGroup,
    epilog="""\b
Examples:
  guestsql legacy import ./tmp --dry-run
  guestsql legacy verify ./tmp
""",
)
def legacy() -> None:
    """The files threads.json, guest_profiles.json and backups/ of the old bot."""


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
    help="table: figures, files, rejects, times in the future; csv, tsv: the rejects; json, jsonl: one object with all."
    " Default: table on a terminal, else json.",
)
@pass_app
def import_files(app: App, directory: Path, dry_run: bool, format_name: str | None) -> None:
    """Import the files of DIR, in one transaction.

    The newest record wins, field by field; the labels of both files are united. A time in the future counts as the
    time of the import. Exits with 1 when a record was rejected; the rest is imported. Doing it again changes nothing.
    """
    output = app.output(format_name, piped="json")
    with main_url(app.settings) as url, progress_bar("importing") as progress:
        report = import_directory(directory, settings=app.settings, url=url, dry_run=dry_run, progress=progress)
    _print(output, report)
    app.say(summary(report))
    for file in report.files:
        if file.not_utf8:
            app.say(f"{file.path}: {file.not_utf8} bytes are not UTF-8 and were read as Windows-1252")
    if report.unread:
        app.say(unread(report.unread))
    if report.rejected:
        raise click.exceptions.Exit(FAILED)


for command in COMMANDS:
    legacy.add_command(command)


def _print(output: Output, report: ImportReport) -> None:
    rejects = [(each.path, each.pointer, each.reason) for each in report.rejects]
    columns = ("path", "pointer", "reason")
    if output.is_json:
        output.row(report.as_dict())
    elif output.is_table:
        output.rows(("what", "count"), _figures(report))
        output.rows(("file", "records", "bytes"), [(each.path, each.records, each.bytes) for each in report.files])
        if rejects:
            output.rows(columns, rejects)
        if report.adjusted:
            adjusted = [(each.path, each.pointer, each.written) for each in report.adjusted]
            output.rows(("path", "pointer", "time in the future"), adjusted)
    else:
        output.rows(columns, rejects)


def _figures(report: ImportReport) -> list[tuple[str, int | float | None]]:
    return [
        ("records", report.records),
        ("merged duplicates", report.merged),
        ("guests", report.guests),
        ("inserted", report.inserted),
        ("updated", report.updated),
        ("unchanged", report.unchanged),
        ("rejected", report.rejected),
        ("times in the future", len(report.adjusted)),
        ("bytes of the files", report.file_bytes),
        ("bytes of the table, with indexes", report.table_bytes),
        ("bytes of memory at most", report.peak_memory_bytes),
        ("seconds", report.seconds),
    ]


def summary(report: ImportReport) -> str:
    """Return what an import did, in one line.

    Args:
        report: what it did.
    """
    guests = f"{report.guests} guest" + ("" if report.guests == 1 else "s")
    if report.unchanged == report.guests:
        done = f"{guests}, all unchanged"
    else:
        done = f"{guests}: {report.inserted} new, {report.updated} updated, {report.unchanged} unchanged"
    rejected = f"; {report.rejected} of {report.records} records rejected" if report.rejected else ""
    if report.erased:
        rejected += f", {report.erased} of them of guests who were erased"
    future = len(report.adjusted)
    adjusted = f"; {future} time{'' if future == 1 else 's'} in the future" if future else ""
    return f"import{' (dry run, nothing written)' if report.dry_run else ''}: {done}{rejected}{adjusted}"
