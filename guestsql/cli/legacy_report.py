"""What an import did, for a person: one report, or one line."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import click

from guestsql.adhoc.values import plain_text
from guestsql.cli.output import Output
from guestsql.cli.units import readable_bytes, readable_seconds
from guestsql.legacy import ImportReport
from guestsql.wording import counted

__all__ = ["notes", "print_report", "summary", "unread"]

_MOST_NAMED = 5


def print_report(output: Output, report: ImportReport) -> None:
    """Print the files, the counts, and whatever needs attention.

    Args:
        output: prints tables.
        report: what the import did.
    """
    output.rows(("file", "records", "bytes"), [(each.path, each.records, each.bytes) for each in report.files])
    for line in _lines(report):
        click.echo(plain_text(line))
    if report.rejects:
        click.echo("\nrejected:")
        output.rows(("path", "pointer", "reason"), [(each.path, each.pointer, each.reason) for each in report.rejects])
    if report.adjusted:
        click.echo("\ntimes in the future, stored as the time of the import:")
        output.rows(("path", "pointer", "time"), [(each.path, each.pointer, each.written) for each in report.adjusted])
    if report.conflicts:
        click.echo("\nids of other guests in these guests' records; guestsql guest merge makes one guest of two:")
        output.rows(("guest", "id", "other guest"), [(each.guest, each.id, each.other) for each in report.conflicts])


def _lines(report: ImportReport) -> Iterator[str]:
    if report.dry_run:
        yield "dry run: nothing was written"
    yield f"{_read(report)}: {_done(report)}"
    memory = f", {readable_bytes(report.peak_memory_bytes)} of memory" if report.peak_memory_bytes else ""
    table = f"; guest_profiles has {readable_bytes(report.table_bytes)} with its indexes"
    yield f"took {readable_seconds(report.seconds)}{memory}{'' if report.dry_run else table}"
    yield from notes(report)


def notes(report: ImportReport) -> Iterator[str]:
    """Yield what else a person should know about the files, a line each.

    Args:
        report: what the import did.
    """
    for file in report.files:
        if file.not_utf8:
            yield f"{file.path}: read as Windows-1252 where it is not UTF-8 ({counted(file.not_utf8, 'byte')})"
    if report.unread:
        yield unread(report.unread)


def summary(report: ImportReport) -> str:
    """Return what an import did, in one line.

    Args:
        report: what the import did.
    """
    future = f"; {counted(len(report.adjusted), 'time')} in the future" if report.adjusted else ""
    return f"import{' (dry run, nothing written)' if report.dry_run else ''}: {_read(report)}: {_done(report)}{future}"


def _read(report: ImportReport) -> str:
    return f"{counted(report.records, 'record')} of {counted(report.guests, 'guest')}"


def _done(report: ImportReport) -> str:
    counts = f"{report.inserted:,} inserted, {report.updated:,} updated, {report.unchanged:,} unchanged"
    erased = f" ({report.erased:,} of erased guests)" if report.erased else ""
    return f"{counts}, {report.rejected:,} rejected{erased}"


def unread(names: Sequence[str]) -> str:
    """Return which JSON files were not read, in one line.

    Args:
        names: relative to the folder, one or more.
    """
    more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    return (
        f"not read: {', '.join(names[:_MOST_NAMED])}{more}. If they are the old bot's, rename them so that they begin"
        " with threads, guest_profiles or guests; else move them away"
    )
