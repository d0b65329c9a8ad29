"""`guestsql legacy verify | export | cleanup | restore`: the old bot's files after the import."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from guestsql.adhoc.addresses import main_url
from guestsql.cli.app import App, pass_app
from guestsql.cli.failure import FAILED
from guestsql.cli.legacy_report import unread
from guestsql.cli.output import FORMATS, PIPED_DEFAULT, Output
from guestsql.cli.progress import progress_bar
from guestsql.cli.waiting import ON_STDERR
from guestsql.legacy.cleanup import CleanupReport, cleanup_directory, restore_directory
from guestsql.legacy.exporting import export_directory
from guestsql.legacy.verifying import Difference, VerifyReport, verify_directory
from guestsql.wording import counted

__all__ = ["COMMANDS"]

Command = TypeVar("Command", bound=Callable[..., Any])

_LONGEST_KEEP_DAYS = 36_500
_KEPT = "not a guest, kept in legacy_rejects"


def _format_option(rows: str) -> Callable[[Command], Command]:
    return click.option(
        "--format",
        "format_name",
        type=click.Choice(FORMATS),
        help=f"table, csv, tsv: {rows}; json, jsonl: one object with everything. {PIPED_DEFAULT}",
    )


_directory = click.argument("directory", metavar="DIR", type=click.Path(path_type=Path))


@click.command(
    epilog="""\b
Examples:
  guestsql legacy verify ./tmp
  guestsql legacy verify ./tmp --format json > differences.json
""",
)
@_directory
@_format_option("the differences")
@pass_app
def verify(app: App, directory: Path, format_name: str | None) -> None:
    """Compare the files of DIR with the database, field by field.

    Exits with 1 when a field of a file is missing from the database and no later write of the bot explains it. A
    rejected record is not a difference when legacy_rejects has kept it byte for byte.
    """
    output = app.output(format_name, piped="json")
    with main_url(app.packaged_settings, ON_STDERR) as url, progress_bar("verifying") as progress:
        report = verify_directory(directory, settings=app.settings, url=url, progress=progress)
    if output.is_json:
        output.row(report.as_dict())
    else:
        _print_differences(output, report)
    app.say(_verified(report))
    if report.unread:
        app.say(unread(report.unread))
    if not report.passed:
        raise click.exceptions.Exit(FAILED)


@click.command(
    epilog="""\b
Examples:
  guestsql legacy export ./rollback
  guestsql legacy export ./tmp --force
""",
)
@_directory
@click.option("--force", is_flag=True, help="Replace existing files.")
@_format_option("the files")
@pass_app
def export(app: App, directory: Path, force: bool, format_name: str | None) -> None:
    """Write threads.json and guest_profiles.json into DIR, so that the old bot can run on them again.

    Records that still agree with the database are written as they were, under the phone number; the others are written
    from the database. The files get their names only when both are complete.
    """
    output = app.output(format_name, piped="json")
    with main_url(app.packaged_settings, ON_STDERR) as url:
        report = export_directory(directory, settings=app.settings, url=url, force=force)
    if output.is_json:
        output.row(report.as_dict())
    else:
        output.rows(("file", "records", "bytes"), [(each.path, each.records, each.size) for each in report.files])
    app.say(
        f"export: {counted(report.guests, 'guest')}, {report.new:,} new and {report.changed:,} changed since the import"
    )
    left_out = [f"{name} of {counted(count, 'guest')}" for name, count in report.left_out.items() if count]
    if left_out:
        app.say(f"the old files have no field for: {', '.join(left_out)}")
    if report.rejects:
        rejects = counted(report.rejects, "rejected record")
        app.say(f"not exported: {rejects} of the latest import, kept in legacy_rejects")


@click.command(
    epilog="""\b
Examples:
  guestsql legacy cleanup ./tmp
  guestsql legacy cleanup ./tmp --yes --keep-days 90
""",
)
@_directory
@click.option("--yes", is_flag=True, help="Do not ask for confirmation.")
@click.option(
    "--keep-days",
    type=click.IntRange(0, _LONGEST_KEEP_DAYS),
    metavar="N",
    help="Also remove backups older than N days, but never the newest. Default: keep all.",
)
@_format_option("what was done, or the differences")
@pass_app
def cleanup(app: App, directory: Path, yes: bool, keep_days: int | None, format_name: str | None) -> None:
    """Verify the files of DIR, back them up, and only then delete them.

    If the verification fails, or DIR has a JSON file that was not read, nothing is done and the exit code is 1. The
    backup is DIR/legacy-backups/TIME; it is read again before anything is deleted. `guestsql legacy restore DIR` puts
    it back.
    """
    output = app.output(format_name, piped="json")
    app.confirm(f"Back up and delete the old bot's files in {directory} if they verify", yes=yes)
    with main_url(app.packaged_settings, ON_STDERR) as url, progress_bar("verifying") as progress:
        report = cleanup_directory(directory, settings=app.settings, url=url, keep_days=keep_days, progress=progress)
    if output.is_json:
        output.row(report.as_dict())
    elif report.verification is not None and not report.passed:
        _print_differences(output, report.verification)
    else:
        _print_cleanup(output, report)
    if report.verification is not None:
        app.say(_verified(report.verification))
        if report.verification.unread:
            app.say(unread(report.verification.unread))
    if not report.passed:
        app.say("cleanup: nothing was deleted")
        raise click.exceptions.Exit(FAILED)
    kept = f", backed up in {report.backup.path}" if report.backup else ""
    removed = f"; {counted(len(report.removed_backups), 'old backup')} removed" if report.removed_backups else ""
    app.say(f"cleanup: {counted(len(report.deleted), 'file')} deleted{kept}{removed}")
    if report.verification is not None and report.verification.kept:
        rejects = counted(report.verification.kept, "rejected record")
        app.say(f"kept in legacy_rejects: {rejects}; docs/legacy-rejects.md shows how to read them")


@click.command(
    epilog="""\b
Examples:
  guestsql legacy restore ./tmp
  guestsql legacy restore ./tmp --backup 2026-01-31T08-00-00-000000Z
""",
)
@_directory
@click.option("--backup", "name", metavar="TIME", help="Name of the backup. Default: the newest.")
@click.option("--force", is_flag=True, help="Overwrite existing files that differ.")
@_format_option("the files")
@pass_app
def restore(app: App, directory: Path, name: str | None, force: bool, format_name: str | None) -> None:
    """Put the files that cleanup deleted back into DIR.

    The copies are checked before anything is written. An existing file that differs stays, unless --force is given.
    """
    output = app.output(format_name, piped="json")
    report = restore_directory(directory, name=name, force=force)
    document = report.as_dict()
    if output.is_json:
        output.row(document)
    else:
        states = ("restored", "unchanged")
        output.rows(("file", "state"), [(path, state) for state in states for path in document[state]])
    app.say(f"restore: {counted(len(report.restored), 'file')} from {report.backup}, {len(report.unchanged)} unchanged")


def _print_differences(output: Output, report: VerifyReport) -> None:
    columns = ("path", "pointer", "column", "expected", "found", "reason")
    listed: list[Difference] = [*report.differences, *report.explanations]
    rows = [tuple(getattr(each, column) for column in columns) for each in listed]
    rows += [(each.path, each.pointer, "", "", "", f"{_KEPT}: {each.reason}") for each in report.kept_rejects]
    if rows or not output.is_table:
        output.rows(columns, rows)


def _print_cleanup(output: Output, report: CleanupReport) -> None:
    deleted = [(path, "deleted") for path in report.as_dict()["deleted"]]
    output.rows(("file", "state"), [*deleted, *((name, "backup removed") for name in report.removed_backups)])


def _verified(report: VerifyReport) -> str:
    read = f"{counted(report.records, 'record')} of {counted(report.guests, 'guest')}"
    compared = f"{counted(report.fields, 'field')}, {counted(report.columns, 'column')}"
    differences = counted(report.different, "difference") if report.different else "no differences"
    explained = f", {report.explained:,} explained by later writes" if report.explained else ""
    kept = f", {counted(report.kept, 'rejected record')} kept" if report.kept else ""
    erased = f", {counted(report.erased, 'record')} of erased guests" if report.erased else ""
    return f"verify: {read}: {compared}; {differences}{explained}{kept}{erased}"


COMMANDS = (verify, export, cleanup, restore)
"""The commands, for the group `legacy`."""
