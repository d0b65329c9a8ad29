"""Tables for a person: aligned, with readable units, and never wider than the terminal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from textwrap import wrap
from zoneinfo import ZoneInfo

from rich.box import SIMPLE_HEAD
from rich.cells import cell_len
from rich.table import Table
from rich.text import Text

from guestsql.adhoc.values import align_points, as_shown, plain_text
from guestsql.cli.units import with_unit

__all__ = ["FittedTable", "build_table", "fit_table"]

# Between two columns.
_GAP = 3
# A text column may be as narrow as this; its words stay whole up to the second width.
_NARROW = 12
_WORD = 30
_MOST_LINES = 4


@dataclass(frozen=True, slots=True)
class FittedTable:
    """A table, and what did not fit into it.

    Attributes:
        table: to be printed.
        left_out: the columns that are not in it.
        shortened: the columns with texts that were cut.
    """

    table: Table
    left_out: tuple[str, ...] = ()
    shortened: tuple[str, ...] = ()


@dataclass(slots=True)
class _Column:
    """A column as it is shown; `least` and `widest` are the widths between which it can be printed."""

    name: str
    heading: str
    values: list[object]
    texts: list[str]
    is_number: bool
    least: int = 0
    widest: int = 0
    width: int | None = None

    def measure(self) -> None:
        lines = [line for text in self.texts for line in text.split("\n")]
        content = max(map(cell_len, lines), default=0)
        self.widest = max(cell_len(self.heading), content)
        parts = max(map(cell_len, _parts(self.heading)), default=0)
        if self.is_number:
            self.least = max(parts, content)
        else:
            word = max((cell_len(word) for line in lines for word in line.split()), default=0)
            self.least = max(parts, min(content, max(_NARROW, min(word, _WORD))))

    def shorten(self) -> bool:
        """Cut what takes too many lines at the column's width; returns whether there was any."""
        room = (self.width or 0) * _MOST_LINES
        short = [text if cell_len(text) <= room else f"{text[: room - 1].rstrip()}…" for text in self.texts]
        is_shortened = short != self.texts
        self.texts = short
        return is_shortened


def build_table(columns: Sequence[str], rows: Sequence[Sequence[object]], zone: ZoneInfo, *, title: str = "") -> Table:
    """Return a table for a terminal, as wide as it is.

    Args:
        columns: the headings.
        rows: the values of each row.
        zone: times are shown in it.
        title: printed above it.
    """
    return _drawn(_columns(columns, rows, zone), title)


def fit_table(
    columns: Sequence[str], rows: Sequence[Sequence[object]], zone: ZoneInfo, width: int, *, keep_texts: bool = False
) -> FittedTable:
    """Return a table that is no wider than the terminal: texts wrap first, then columns are left out.

    Args:
        columns: the headings.
        rows: the values of each row.
        zone: times are shown in it.
        width: of the terminal, in characters.
        keep_texts: never cut a text, however many lines it takes.
    """
    known = _columns(columns, rows, zone)
    if sum(column.widest for column in known) + _gaps(known) <= width:
        return FittedTable(_drawn(known))
    kept = _chosen(known, width)
    _share(kept, width - _gaps(kept))
    for column in kept:
        column.heading = _wrapped_heading(column.heading, column.width or 1)
    shortened = () if keep_texts else tuple(column.name for column in kept if column.shorten())
    left_out = tuple(column.name for column in known if not any(column is each for each in kept))
    return FittedTable(_drawn(kept), left_out, shortened)


def _columns(names: Sequence[str], rows: Sequence[Sequence[object]], zone: ZoneInfo) -> list[_Column]:
    found: list[_Column] = []
    for place, name in enumerate(names):
        values = [row[place] for row in rows]
        is_number = any(value is not None for value in values) and all(_is_number(value) for value in values)
        texts = [with_unit(value, name) or as_shown(value, zone) for value in values]
        column = _Column(name, plain_text(name), values, align_points(texts) if is_number else texts, is_number)
        column.measure()
        found.append(column)
    return found


def _drawn(columns: Sequence[_Column], title: str = "") -> Table:
    table = Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False, title=title or None, title_justify="left")
    table.title_style = "bold"
    for column in columns:
        heading = Text(column.heading)
        if column.is_number:
            table.add_column(heading, justify="right", overflow="fold", width=column.width)
        else:
            table.add_column(heading, overflow="fold", width=column.width)
    for number in range(len(columns[0].texts) if columns else 0):
        table.add_row(
            *(Text(each.texts[number], style="dim" if each.values[number] is None else "") for each in columns)
        )
    return table


def _chosen(columns: Sequence[_Column], width: int) -> list[_Column]:
    """The first column, and behind it each one for which there is still room."""
    kept: list[_Column] = []
    used = 0
    for column in columns:
        needed = column.least + (_GAP if kept else 0)
        if not kept or used + needed <= width:
            kept.append(column)
            used += needed
    return kept


def _share(columns: Sequence[_Column], room: int) -> None:
    """Give each column its least width, and the rest to those that need the least more."""
    for column in columns:
        column.width = min(column.least, room)
    left = room - sum(column.width or 0 for column in columns)
    wanting = sorted(columns, key=lambda column: column.widest - column.least)
    for place, column in enumerate(wanting):
        more = min(column.widest - (column.width or 0), max(left, 0) // (len(wanting) - place))
        column.width = (column.width or 0) + more
        left -= more


def _gaps(columns: Sequence[_Column]) -> int:
    return _GAP * (len(columns) - 1)


def _parts(heading: str) -> list[str]:
    """The parts of a name between which its heading may wrap."""
    return [part for word in heading.split() for part in word.replace("_", "_ ").split()]


def _wrapped_heading(heading: str, width: int) -> str:
    if cell_len(heading) <= width:
        return heading
    lines = wrap(heading.replace("_", "_ "), width, break_long_words=False, break_on_hyphens=False)
    return "\n".join(line.replace("_ ", "_") for line in lines)


def _is_number(value: object) -> bool:
    return value is None or (isinstance(value, int | float | Decimal) and not isinstance(value, bool))
