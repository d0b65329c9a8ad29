"""A progress bar, on a terminal only."""

from __future__ import annotations

import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager

from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TaskProgressColumn,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

from guestsql.cli.terminal import console

__all__ = ["progress_bar"]


@contextmanager
def progress_bar(label: str) -> Generator[Callable[[int, int], None] | None]:
    """Show a bar on stderr with the share, the rate and the time left; it disappears at the end.

    Args:
        label: what the command is doing.

    Yields:
        A function that takes the bytes done and their total; None without a terminal.
    """
    if not sys.stderr.isatty():
        yield None
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console(sys.stderr), transient=True) as shown:
        task = shown.add_task(label, total=None)

        def update(done: int, total: int) -> None:
            shown.update(task, completed=done, total=total)

        yield update
