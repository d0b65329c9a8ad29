"""Whether the columns of a query suit its chart."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from typing import NamedTuple

from guestsql.charts.mark import ChartMark
from guestsql.sql.type_names import element_type, plain_type

__all__ = ["UnsuitableColumn", "unsuitable_columns"]

_NUMBERS = frozenset({"smallint", "integer", "bigint", "real", "double precision", "numeric"})
_TIMES = frozenset({"date", "timestamp", "timestamptz"})
_NO_LABELS = frozenset({"bytea", "json", "jsonb", "record", "tsvector", "xml"})


class UnsuitableColumn(NamedTuple):
    """A column that a chart cannot show.

    Attributes:
        column: its name as in the mark; "" for a chart that names none.
        message: what is wrong.
        hint: how to fix it.
    """

    column: str
    message: str
    hint: str


def unsuitable_columns(mark: ChartMark, columns: Sequence[tuple[str, str]]) -> list[UnsuitableColumn]:
    """Compare a chart mark with the columns that its query returns.

    Args:
        mark: the query's chart mark.
        columns: name and type of each, as `format_type` spells it; of a domain, the type below it.

    Returns:
        What is unknown or of an unsuitable type, in the order of the mark; empty when the chart can be drawn.
    """
    types = {name: plain_type(type_) for name, type_ in columns}
    unknown = [_unknown(name, types) for name in dict.fromkeys(mark.columns) if name not in types]
    faults = [*unknown, *(fault for name in _number_columns(mark) if (fault := _no_number(name, types)))]
    faults += [fault for name in _label_columns(mark) if (fault := _no_label(mark, name, types))]
    if mark.kind == "number" and not mark.y and not _NUMBERS.intersection(types.values()):
        faults.append(UnsuitableColumn("", "the query has no column of numbers", "write number y=COLUMN"))
    return faults


def _number_columns(mark: ChartMark) -> tuple[str, ...]:
    return mark.y if mark.kind != "heatmap" else (mark.value,) if mark.value else ()


def _label_columns(mark: ChartMark) -> tuple[str, ...]:
    vertical = mark.y if mark.kind == "heatmap" else ()
    return tuple(name for name in (mark.x, *vertical, mark.series) if name is not None)


def _unknown(name: str, types: dict[str, str]) -> UnsuitableColumn:
    near = difflib.get_close_matches(name, types, 1)
    hint = f"write {near[0]}" if near else f"the columns are {', '.join(types) or 'none'}"
    return UnsuitableColumn(name, f"the query has no column {name}", hint)


def _no_number(name: str, types: dict[str, str]) -> UnsuitableColumn | None:
    type_ = types.get(name)
    if type_ is None or type_ in _NUMBERS:
        return None
    hint = (
        "write extract(EPOCH FROM …) for its seconds"
        if type_ == "interval"
        else f"use a column of numbers, or cast it in the query, such as {name}::numeric"
    )
    return UnsuitableColumn(name, f"the chart needs numbers, and {name} is {type_}", hint)


def _no_label(mark: ChartMark, name: str, types: dict[str, str]) -> UnsuitableColumn | None:
    type_ = types.get(name)
    if type_ is None:
        return None
    if type_ in _NO_LABELS or element_type(type_):
        return UnsuitableColumn(name, f"{name} is {type_}, which is no label", "use a text, a number or a time")
    if mark.kind == "line" and name == mark.x and type_ not in _NUMBERS | _TIMES:
        return UnsuitableColumn(
            name, f"the x of a line is a time or a number, and {name} is {type_}", "write bar instead of line"
        )
    return None
