"""Data on stdout in the chosen format: rows, a row, or a value."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

import click

from guestsql.adhoc.formats import Form, row_lines, rows_lines, value_lines
from guestsql.adhoc.values import as_json, as_shown, is_document, plain_text
from guestsql.cli.table import FittedTable, fit_table
from guestsql.cli.terminal import console, is_narrow
from guestsql.cli.units import with_unit
from guestsql.settings import SHELL_FORMATS

__all__ = ["FORMATS", "PIPED_DEFAULT", "Output", "columns_option", "data_format_option", "format_option"]

FORMATS = SHELL_FORMATS
# The help of --format, for a command that prints JSON in a pipe.
PIPED_DEFAULT = "Default: GUESTSQL_FORMAT, else table on a terminal and json in a pipe."
_UTC = ZoneInfo("UTC")

Command = TypeVar("Command", bound=Callable[..., Any])


def format_option(command: Command) -> Command:
    """Give a command the option `--format`, as `format_name`; for commands that print a table in a pipe too."""
    return _format_option("Default: GUESTSQL_FORMAT, else table.")(command)


def data_format_option(command: Command) -> Command:
    """Give a command the option `--format`, as `format_name`; for commands that print JSON in a pipe."""
    return _format_option(PIPED_DEFAULT)(command)


def _format_option(default: str) -> Callable[[Command], Command]:
    return click.option("--format", "format_name", type=click.Choice(FORMATS), help=f"How to print the data. {default}")


def columns_option(command: Command) -> Command:
    """Give a command the option `--columns`, which `App.output` passes on."""
    return click.option(
        "--columns",
        metavar="A,B,C",
        expose_value=False,
        is_eager=True,
        callback=_keep_columns,
        help="The columns to print, in this order. Default: all that fit.",
    )(command)


def _keep_columns(context: click.Context, _option: click.Parameter, value: str | None) -> None:
    context.obj.columns = tuple(name.strip() for name in (value or "").split(",") if name.strip())
    if value is not None and not context.obj.columns:
        raise click.BadParameter("a column is needed, such as --columns name,returns")


class Output:
    """Prints the data of one command.

    Args:
        format_name: one of `FORMATS`; None is `table` on a terminal, else `piped`.
        zone: the times of tables are shown in it.
        piped: the format in a pipe.
        columns: the columns to print; empty for all that fit; None when the command has no option to choose them.

    Attributes:
        has_heading: False leaves out the line of names in csv and tsv, when there has been one.
        why_empty: what no row means, printed below a table without one; "" when it is unknown.
    """

    def __init__(
        self,
        format_name: str | None = None,
        zone: ZoneInfo = _UTC,
        *,
        piped: str = "json",
        columns: tuple[str, ...] | None = None,
    ) -> None:
        self._stream = sys.stdout
        self._format = format_name or ("table" if self._stream.isatty() else piped)
        self._zone = zone
        self._columns = columns
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
        columns, given = self._selected(columns, rows)
        if self._format == "table":
            self._table(columns, given)
        else:
            self._write(rows_lines(self._form, columns, given))

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
        columns, first = self._selected(columns, rows[:1])
        if self._format == "table" and first:
            self._named_values(list(zip(columns, first[0], strict=True)))
        elif self._format == "table":
            self._table(("column", "value"), [])
        else:
            self._write(row_lines(self._form, columns, first))

    def value(self, name: str, value: object) -> None:
        """Print one value: bare in JSON and on a terminal, below its name in CSV.

        Args:
            name: what it is called.
            value: of any type that psycopg returns.
        """
        if self._format == "table":
            # A document is read better as JSON than on one line.
            text = as_json(value, indent=True) if is_document(value) else as_shown(value, self._zone)
            click.echo(plain_text(text).rstrip("\n"))
        else:
            self._write(value_lines(self._form, name, value))

    @property
    def _form(self) -> Form:
        return Form(self._format, self._ascii_only, self.has_heading)

    def _write(self, lines: Iterable[str]) -> None:
        self._stream.writelines(lines)

    def _table(self, columns: Sequence[str], rows: list[list[object]]) -> None:
        target = console(self._stream)
        fitted = fit_table(columns, rows, self._zone, target.width, keep_texts=bool(self._columns))
        target.print(fitted.table)
        if rows:
            self._report_losses(fitted, target.width)
        else:
            click.echo(plain_text(f"no rows: {self.why_empty}" if self.why_empty else "no rows"), err=True)

    def _named_values(self, pairs: list[tuple[str, object]]) -> None:
        """A row on its side: a line for each column."""
        target = console(self._stream)
        shown = [(name, with_unit(value, name) or as_shown(value, self._zone)) for name, value in pairs]
        target.print(fit_table(("column", "value"), shown, self._zone, target.width, keep_texts=True).table)

    def _report_losses(self, fitted: FittedTable, width: int) -> None:
        losses = [
            f"{what}: {', '.join(names)}"
            for what, names in (("left out", fitted.left_out), ("shortened", fitted.shortened))
            if names
        ]
        if losses:
            way = "--format csv prints everything"
            if self._columns is not None:
                way = f"--columns {','.join(fitted.left_out or fitted.shortened)} shows them; {way}"
            click.echo(plain_text(f"too wide for {width} columns, {'; '.join(losses)} ({way})"), err=True)

    def _selected(
        self, columns: Sequence[str], rows: Iterable[Sequence[object]]
    ) -> tuple[Sequence[str], list[list[object]]]:
        """Return the chosen columns, in the chosen order."""
        if not self._columns:
            return columns, [list(row) for row in rows]
        missing = [name for name in self._columns if name not in columns]
        if missing:
            raise click.UsageError(f"no column {', '.join(missing)}; the columns are {', '.join(columns)}")
        places = [columns.index(name) for name in self._columns]
        return self._columns, [[row[place] for place in places] for row in rows]
