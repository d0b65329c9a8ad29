"""Rows as CSV, JSON and lines of JSON: the same bytes from the shell and from a page."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from guestsql.adhoc.values import JsonWriter, as_cell
from guestsql.sql import Operator, Query

__all__ = ["Form", "csv_lines", "json_lines", "ndjson_lines", "result_lines", "row_lines", "rows_lines", "value_lines"]


@dataclass(frozen=True, slots=True)
class Form:
    """How data are written.

    Attributes:
        name: csv, tsv, json or jsonl.
        ascii_only: escape in JSON what a narrow encoding could not write.
        heading: False leaves out the line of names in csv and tsv.
    """

    name: str
    ascii_only: bool = False
    heading: bool = True


class _Returned:
    """What csv.writer writes to: it hands back the text."""

    @staticmethod
    def write(text: str) -> str:
        return text


def csv_lines(
    columns: Sequence[str], rows: Iterable[Sequence[object]], *, delimiter: str = ",", heading: bool = True
) -> Iterator[str]:
    """Yield CSV, a row at a time. NULL is an empty field; an array or an object is JSON.

    Args:
        columns: their names.
        rows: the values of each, in the order of the columns.
        delimiter: between two fields.
        heading: False leaves out the line of names.
    """
    writer = csv.writer(_Returned(), delimiter=delimiter, lineterminator="\n")
    if heading:
        yield writer.writerow(columns)
    for row in rows:
        yield writer.writerow([as_cell(value) for value in row])


def json_lines(columns: Sequence[str], rows: Iterable[Sequence[object]], *, ascii_only: bool = False) -> Iterator[str]:
    """Yield one JSON array of objects, a row at a time.

    Args:
        columns: their names; the second `count` is `count_2`.
        rows: the values of each, in the order of the columns.
        ascii_only: escape what a narrow encoding could not write.
    """
    before = "["
    for text in _objects(columns, rows, ascii_only, "\n  "):
        yield f"{before}\n  {text}"
        before = ","
    yield "[]\n" if before == "[" else "\n]\n"


def ndjson_lines(
    columns: Sequence[str], rows: Iterable[Sequence[object]], *, ascii_only: bool = False
) -> Iterator[str]:
    """Yield a JSON object on a line for each row.

    Args:
        columns: their names; the second `count` is `count_2`.
        rows: the values of each, in the order of the columns.
        ascii_only: escape what a narrow encoding could not write.
    """
    for text in _objects(columns, rows, ascii_only, ""):
        yield f"{text}\n"


def rows_lines(form: Form, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> Iterator[str]:
    """Yield rows: CSV, one JSON array, or a JSON object on each line.

    Args:
        form: how to write them.
        columns: their names.
        rows: the values of each, in the order of the columns.
    """
    if form.name == "json":
        return json_lines(columns, rows, ascii_only=form.ascii_only)
    if form.name == "jsonl":
        return ndjson_lines(columns, rows, ascii_only=form.ascii_only)
    delimiter = "\t" if form.name == "tsv" else ","
    return csv_lines(columns, rows, delimiter=delimiter, heading=form.heading)


def row_lines(form: Form, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> Iterator[str]:
    """Yield the first row alone, a JSON object; without one `null` in JSON, the heading in CSV, nothing in JSON lines.

    Args:
        form: how to write it.
        columns: their names.
        rows: further ones are left out.
    """
    first = islice(rows, 1)
    if form.name == "json":
        yield next(_objects(columns, first, form.ascii_only, "\n"), "null") + "\n"
    else:
        yield from rows_lines(form, columns, first)


def value_lines(form: Form, name: str, value: object) -> Iterator[str]:
    """Yield one value: bare in JSON, below its name in CSV.

    Args:
        form: how to write it.
        name: what it is called.
        value: of any type that psycopg returns.
    """
    if form.name in ("json", "jsonl"):
        yield JsonWriter(form.ascii_only).write(value, "\n" if form.name == "json" else "") + "\n"
    else:
        yield from rows_lines(form, [name], [[value]])


def result_lines(form: Form, query: Query, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> Iterator[str]:
    """Yield a query's result: its rows, its row or its value.

    Args:
        form: how to write it.
        query: what it returns decides.
        columns: their names; none when it returns no rows.
        rows: the values of each, in the order of the columns.
    """
    if query.operator is Operator.VALUE:
        first = next(iter(rows), None)
        return value_lines(form, columns[0] if columns else query.name, first[0] if first else None)
    if query.operator is Operator.ROW:
        return row_lines(form, columns, rows)
    return rows_lines(form, columns, rows)


def _objects(columns: Sequence[str], rows: Iterable[Sequence[object]], ascii_only: bool, margin: str) -> Iterator[str]:
    writer = JsonWriter(ascii_only)
    write = writer.write
    inner = f"{margin}  " if margin else ""
    names = [f"{inner}{writer.quote(name)}: " for name in _distinct(columns)]
    comma = "," if margin else ", "
    for row in rows:
        yield (
            "{"
            + comma.join([name + write(value, inner) for name, value in zip(names, row, strict=True)])
            + margin
            + "}"
        )


def _distinct(columns: Sequence[str]) -> list[str]:
    """A JSON object holds a name once: the second `count` is `count_2`."""
    names: list[str] = []
    for column in columns:
        name, number = column, 2
        while name in names:
            name, number = f"{column}_{number}", number + 1
        names.append(name)
    return names
