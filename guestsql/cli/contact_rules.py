"""`guestsql campaign holidays | exclude`: what the rules of contact need from outside."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from itertools import islice
from pathlib import Path

import click

from guestsql.cli.app import App, pass_app
from guestsql.cli.failure import FAILED
from guestsql.cli.guest_database import database
from guestsql.cli.output import columns_option, format_option
from guestsql.errors import InvalidUserId, SettingsError
from guestsql.guests.consent import clean_word
from guestsql.guests.identity import canonical_user_id
from guestsql.guests.query_rows import ListHolidaysRow

__all__ = ["exclude", "holidays"]

_BATCH = 10_000
_SHOWN_REJECTS = 20
_DELIMITERS = ";\t,"


@click.command(
    epilog="""\b
Examples:
  guestsql campaign holidays CO 2026 2027
  guestsql campaign holidays CO 2026 --dry-run
""",
)
@click.argument("country")
@click.argument("years", metavar="YEAR...", nargs=-1, required=True, type=click.IntRange(1900, 9999))
@click.option("--dry-run", is_flag=True, help="Print the holidays and write nothing.")
@columns_option
@format_option
@pass_app
def holidays(app: App, country: str, years: tuple[int, ...], dry_run: bool, format_name: str | None) -> None:
    """Enter the public holidays of years, and print them as the rules use them.

    COUNTRY has two letters, such as CO. The days are those of the package holidays (the extra campaigns), for the whole
    country. Days that were entered by hand stay, and a confirmed year is not changed. In a year that is not entered, a
    profile that excludes holidays refuses every contact.
    """
    output = app.output(format_name)
    known = {year: _public_holidays(country.upper(), year) for year in sorted(set(years))}
    if dry_run:
        output.rows(ListHolidaysRow._fields[:2], [row for found in known.values() for row in found.items()])
        return
    with database(app.packaged_settings) as opened:
        for year, found in known.items():
            opened.queries.replace_holidays(
                country=country.upper(),
                year=year,
                holiday_dates=list(found),
                holiday_names=list(found.values()),
                source=_holidays_source(),
            )
        stored = [row for year in known for row in opened.queries.list_holidays(country=country.upper(), year=year)]
    output.rows(ListHolidaysRow._fields, stored)


def _public_holidays(country: str, year: int) -> dict[date, str]:
    try:
        import holidays as package  # noqa: PLC0415  an extra, and slow to import
    except ImportError as error:
        raise SettingsError(
            "the package holidays is not installed", hint="pip install 'guestsql[campaigns]'"
        ) from error
    try:
        language = package.country_holidays(country).default_language  # not that of this machine
        found = package.country_holidays(country, years=year, language=language)
    except NotImplementedError as error:
        raise click.BadParameter(f"the package holidays does not know the country {country}") from error
    if not found:
        raise click.BadParameter(f"the package holidays has no holidays of {country} in {year}")
    return {day: found[day] for day in sorted(found) if day.year == year}


def _holidays_source() -> str:
    from importlib.metadata import version  # noqa: PLC0415  slow to import

    return f"holidays {version('holidays')}"


@dataclass
class _Register:
    """What has been read of a file."""

    numbers: int = 0
    rejected: int = 0
    without_plus: int = 0


@click.command(
    epilog="""\b
Examples:
  guestsql campaign exclude register.csv --source RNE --replace
  guestsql campaign exclude numbers.csv --column phone --dry-run
""",
)
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--source", default=None, help="The register's name. Default: the name of the file.")
@click.option("--channel", default="*", show_default=True, help="Exclude the numbers from this channel; * for all.")
@click.option("--column", default=None, help="The column with the numbers. Default: the first.")
@click.option("--replace", is_flag=True, help="Remove the numbers of this source and channel that are not in the file.")
@click.option("--dry-run", is_flag=True, help="Read the file and write nothing.")
@format_option
@pass_app
def exclude(  # noqa: PLR0917  click passes them by name
    app: App,
    file: Path,
    source: str | None,
    channel: str,
    column: str | None,
    replace: bool,
    dry_run: bool,
    format_name: str | None,
) -> None:
    """Exclude the phone numbers of a CSV file from every contact.

    Only a salted hash of each number is stored. National numbers are completed with GUESTSQL_DEFAULT_REGION. A number
    that cannot be read is reported by its line and skipped; then the command exits with 1, and --replace removes
    nothing.
    """
    output = app.output(format_name)
    channel = channel if channel == "*" else clean_word(channel, "channel")
    register = _Register()
    name = source or file.stem
    removed = 0
    added_at = datetime.now(UTC)
    numbers = _read_numbers(app, file, column, register)
    if dry_run:
        for _ in numbers:
            pass
    else:
        with database(app.packaged_settings) as opened:
            while batch := list(islice(numbers, _BATCH)):
                opened.queries.add_excluded_numbers(numbers=batch, channel=channel, source=name, added_at=added_at)
            if replace and not register.rejected:
                removed = opened.queries.remove_old_excluded_numbers(source=name, channel=channel, added_at=added_at)
    output.row(
        {
            "source": name,
            "channel": channel,
            "numbers": register.numbers,
            "removed": removed,
            "rejected": register.rejected,
            "dry_run": dry_run,
        }
    )
    if register.rejected:
        raise click.exceptions.Exit(FAILED)


def _read_numbers(app: App, file: Path, column: str | None, register: _Register) -> Iterator[str]:
    """Read the phone numbers of a file, one row after the other; report what is not one."""
    for line, cell in _read_cells(file, column):
        try:
            number = canonical_user_id(cell, app.settings.default_region)
        except InvalidUserId as error:
            number, problem = "", str(error)
        else:
            problem = "not a phone number, but another id"
        if number.isdigit():
            register.numbers += 1
            register.without_plus += not cell.startswith(("+", "00"))
            yield number
            continue
        register.rejected += 1
        if register.rejected <= _SHOWN_REJECTS:
            app.say(f"guestsql: {file.name}, line {line}: {problem}")
    if register.rejected > _SHOWN_REJECTS:
        app.say(f"guestsql: {register.rejected - _SHOWN_REJECTS} more lines without a phone number")
    if register.without_plus and app.settings.default_region is None:
        app.say(
            f"guestsql: GUESTSQL_DEFAULT_REGION is not set: numbers without +: {register.without_plus}, read as"
            " international ones, with their country code"
        )


def _read_cells(file: Path, column: str | None) -> Iterator[tuple[int, str]]:
    """Read the line and a column of each row. The first line is a header if it has no digit, or a column is named."""
    with file.open(encoding="utf-8-sig", errors="replace", newline="") as opened:
        first = opened.readline()
        opened.seek(0)
        rows = csv.reader(opened, delimiter=next((each for each in _DELIMITERS if each in first), ","))
        place = 0
        if column is not None:
            place = _place(next(rows, list[str]()), column)
        elif not any(char.isdigit() for char in first):
            next(rows, None)
        for row in rows:
            if any(row):
                yield rows.line_num, row[place].strip() if len(row) > place else ""


def _place(header: list[str], column: str) -> int:
    names = [name.strip().casefold() for name in header]
    if column.strip().casefold() not in names:
        raise click.BadParameter(f"no column {column!r}; the file has {', '.join(header)}", param_hint="--column")
    return names.index(column.strip().casefold())
