"""Where `guestsql report` writes: a file, a folder or stdout."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import click

from guestsql.errors import GuestSQLError
from guestsql.report.files import write_file

__all__ = ["FORMATS", "Destination", "destination"]

FORMATS = ("html", "pdf", "png", "svg")
"""The formats of reports and charts."""

_STDOUT = "-"


@dataclass(frozen=True, slots=True)
class Destination:
    """Where files go.

    Attributes:
        path: of the file or the folder; None is stdout.
        is_folder: whether it is a folder.
        format_name: of the files.
    """

    path: Path | None
    is_folder: bool
    format_name: str

    def write(self, files: Mapping[str, bytes]) -> list[Path]:
        """Write the files, each in one step.

        Args:
            files: their content by name; one, unless this is a folder.

        Returns:
            Where they are; none for stdout.

        Raises:
            GuestSQLError: one cannot be written.
        """
        if self.path is None:
            for content in files.values():
                sys.stdout.buffer.write(content)
            sys.stdout.buffer.flush()
            return []
        written: list[Path] = []
        for name, content in files.items():
            path = self.path / name if self.is_folder else self.path
            try:
                write_file(path, content)
            except OSError as error:
                reason = error.strerror or str(error)
                raise GuestSQLError(
                    f"cannot write {path}: {reason}", hint="choose another place with --out, or - for stdout"
                ) from error
            written.append(path)
        return written


def destination(out: str, format_name: str | None, *, is_single: bool) -> Destination:
    """Return where files go, and in which format.

    Args:
        out: a file, a folder, or `-`. A name without a suffix is a folder.
        format_name: one of `FORMATS`; None for that of the file's name.
        is_single: whether there is one file.

    Raises:
        UsageError: the name and the format contradict each other, or several files are to be one.
    """
    path = Path(out)
    is_folder = out != _STDOUT and (out.endswith("/") or path.is_dir() or not (path.suffix or path.exists()))
    suffix = path.suffix.lower().removeprefix(".")
    named = None if is_folder or out == _STDOUT else "html" if suffix == "htm" else suffix
    if named and named not in FORMATS and format_name is None:
        raise click.UsageError(
            f"--out {out}: a name ends in {', '.join(f'.{each}' for each in FORMATS)}, or add --format"
        )
    if named in FORMATS and format_name not in (None, named):
        raise click.UsageError(f"--out {out} does not go with --format {format_name}")
    chosen = format_name or named or "html"
    if chosen != "html" and not is_single and not is_folder:
        raise click.UsageError(f"--format {chosen} is for single charts: add --query NAME, or give a folder as --out")
    return Destination(None if out == _STDOUT else path, is_folder, chosen)
