"""Repeats a command until Ctrl-C."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from datetime import datetime
from typing import TypeVar

import click

from guestsql.cli.app import App
from guestsql.cli.output import Output
from guestsql.errors import DatabaseUnavailable, QueryTimeout

__all__ = ["watch"]

# Moves the cursor to the corner and clears the screen; what has scrolled away stays.
_REDRAW = "\x1b[H\x1b[2J"

T = TypeVar("T")


def watch(
    app: App,
    output: Output,
    ask: Callable[[], T],
    show: Callable[[T], None],
    *,
    title: str,
    seconds: float,
) -> None:
    """Run and print a command now and then at every interval, until Ctrl-C.

    Args:
        app: reports on stderr that a server was lost.
        output: what `show` prints with.
        ask: returns what is shown.
        show: prints it.
        title: printed above each on a terminal.
        seconds: from one start to the next; a run that takes longer delays the next one.

    Raises:
        GuestSQLError: the first run failed; later a server that is lost or too slow is tried again.
    """
    draws = output.is_table and sys.stdout.isatty()
    has_answered = False
    try:
        while True:
            began = time.monotonic()
            try:
                answer = ask()
            except (DatabaseUnavailable, QueryTimeout) as error:
                if not has_answered:
                    raise
                app.say(f"guestsql: {datetime.now(app.settings.timezone):%H:%M:%S} {error}; trying again")
            else:
                if draws:
                    _draw_heading(app, title, seconds)
                show(answer)
                sys.stdout.flush()
                has_answered = True
                output.has_heading = False
            time.sleep(max(0.0, began + seconds - time.monotonic()))
    except KeyboardInterrupt:
        if draws:
            click.echo(err=True)  # closes the terminal's ^C


def _draw_heading(app: App, title: str, seconds: float) -> None:
    if os.environ.get("TERM") != "dumb":
        click.echo(_REDRAW, nl=False)
    now = datetime.now(app.settings.timezone)
    click.echo(f"{title}, every {seconds:g} s, {now:%Y-%m-%d %H:%M:%S} (Ctrl-C ends)\n")
