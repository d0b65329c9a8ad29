"""Data on stdout in the format that was asked for: rows, a row, or a value."""

from __future__ import annotations

import csv
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

import click
from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from guestsql.cli.terminal import console, is_narrow
from guestsql.cli.values import align_points, as_cell, as_json, as_shown, is_document, plain_text

__all__ = ["FORMATS", "Output", "build_table", "format_option"]

FORMATS = ("table", "csv", "tsv", "json", "jsonl")
_UTC = ZoneInfo("UTC")
# A column narrower than this is no longer read; a table that would need it is turned by 90 degrees.
_READABLE_WIDTH = 16
_GUTTER = 2

Command = TypeVar("Command", bound=Callable[..., Any])


def format_option(command: Command) -> Command:
    """Give a command the option `--format`, passed to it as `format_name`."""
    return click.option(
        "--format",
        "format_name",
        type=click.Choice(FORMATS),
        help="How to print the data; default: table on a terminal, else json.",
    )(command)


class Output:
    """Prints the data of one command.

    Args:
        format_name: one of `FORMATS`; None is `table` on a terminal, else `json`.
        zone: the times of tables are shown in it.

    Attributes:
        has_heading: False leaves out the line of names in csv and tsv, when there has been one.
        why_empty: what no row means, told below a table without one; "" when nothing is known.
    """

    def __init__(self, format_name: str | None = None, zone: ZoneInfo = _UTC) -> None:
        self._stream = sys.stdout
        self._format = format_name or ("table" if self._stream.isatty() else "json")
        self._zone = zone
        self._ascii_only = is_narrow(self._stream)
        self.has_heading = True
        self.why_empty = ""

    @property
    def is_table(self) -> bool:
        """True when a person is to read it."""
        return self._format == "table"

    @property
    def is_json(self) -> bool:
        """True when a program is to read it as JSON."""
        return self._format in ("json", "jsonl")

    def rows(self, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
        """Print rows: a JSON array of objects, or a line each.

        Args:
            columns: their names.
            rows: the values of each, in the order of the columns.
        """
        given = [list(row) for row in rows]
        names = _distinct(columns)
        if self._format == "json":
            self._print_json([dict(zip(names, row, strict=True)) for row in given])
        elif self._format == "jsonl":
            for row in given:
                self._print_json(dict(zip(names, row, strict=True)))
        elif self._format == "table":
            self._table(columns, given)
        else:
            self._separated(columns, given)

    def row(self, row: Mapping[str, object]) -> None:
        """Print one row: a JSON object, or a table of names and values.

        Args:
            row: the values by column.
        """
        self.first_row(list(row), [list(row.values())])

    def first_row(self, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
        """Print the first row, or that there is none: `null` in JSON, the heading alone in CSV.

        Args:
            columns: their names.
            rows: one row or none is expected; further ones are left out.
        """
        first = [list(row) for row in rows[:1]]
        if self._format == "table":
            self._table(("column", "value"), [list(pair) for row in first for pair in zip(columns, row, strict=True)])
        elif self._format in ("csv", "tsv"):
            self._separated(columns, first)
        elif first:
            self._print_json(dict(zip(_distinct(columns), first[0], strict=True)))
        elif self._format == "json":
            self._print_json(None)

    def value(self, name: str, value: object) -> None:
        """Print one value: bare in JSON and on a terminal, below its name in CSV.

        Args:
            name: what it is called.
            value: the value.
        """
        if self._format in ("json", "jsonl"):
            self._print_json(value)
        elif self._format == "table":
            # A document is read better as JSON than on one line.
            text = as_json(value, indent=True) if is_document(value) else as_shown(value, self._zone)
            click.echo(plain_text(text).rstrip("\n"))
        else:
            self._separated([name], [[value]])

    def _print_json(self, value: object) -> None:
        click.echo(as_json(value, ascii_only=self._ascii_only, indent=self._format == "json"))

    def _separated(self, columns: Sequence[str], rows: list[list[object]]) -> None:
        delimiter = "\t" if self._format == "tsv" else ","
        writer = csv.writer(self._stream, delimiter=delimiter, lineterminator="\n")
        if self.has_heading:
            writer.writerow(columns)
        writer.writerows([as_cell(value) for value in row] for row in rows)

    def _table(self, columns: Sequence[str], rows: list[list[object]]) -> None:
        target = console(self._stream)
        shown = [[as_shown(value, self._zone) for value in row] for row in rows]
        if _needed_width(columns, shown) <= target.width:
            target.print(build_table(columns, rows, self._zone))
        else:
            for number, row in enumerate(rows, 1):
                target.print(Text(f"row {number}", style="bold"))
                target.print(build_table(("column", "value"), list(zip(columns, row, strict=True)), self._zone))
        if not rows:
            click.echo(plain_text(f"no rows: {self.why_empty}" if self.why_empty else "no rows"), err=True)


def build_table(columns: Sequence[str], rows: Sequence[Sequence[object]], zone: ZoneInfo, *, title: str = "") -> Table:
    """Return a table for a terminal.

    Args:
        columns: the headings.
        rows: the values of each row.
        zone: times are shown in it.
        title: stands above it.
    """
    table = Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False, title=title or None, title_justify="left")
    table.title_style = "bold"
    shown: list[list[str]] = []
    for place, column in enumerate(columns):
        values = [row[place] for row in rows]
        is_number = any(value is not None for value in values) and all(_is_number(value) for value in values)
        table.add_column(Text(plain_text(column)), justify="right" if is_number else "left", overflow="fold")
        texts = [as_shown(value, zone) for value in values]
        shown.append(align_points(texts) if is_number else texts)
    for number, row in enumerate(rows):
        cells = zip(row, (texts[number] for texts in shown), strict=True)
        table.add_row(*(Text(text, style="dim" if value is None else "") for value, text in cells))
    return table


def _is_number(value: object) -> bool:
    return value is None or (isinstance(value, int | float | Decimal) and not isinstance(value, bool))


def _needed_width(columns: Sequence[str], rows: list[list[str]]) -> int:
    widths = [len(column) for column in columns]
    for row in rows:
        widths = [max(width, min(len(text), _READABLE_WIDTH)) for width, text in zip(widths, row, strict=True)]
    return sum(widths) + _GUTTER * len(widths)


def _distinct(columns: Sequence[str]) -> list[str]:
    """A JSON object holds a name once: the second `count` is `count_2`."""
    names: list[str] = []
    for column in columns:
        name, number = column, 2
        while name in names:
            name, number = f"{column}_{number}", number + 1
        names.append(name)
    return names
