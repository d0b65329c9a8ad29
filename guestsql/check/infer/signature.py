"""The signature of a query: what it takes and returns."""

from __future__ import annotations

from dataclasses import dataclass

from guestsql.sql import Operator

__all__ = ["PythonColumn", "PythonParameter", "PythonSignature"]


@dataclass(frozen=True, slots=True)
class PythonColumn:
    """A column.

    Attributes:
        name: the field's name in Python.
        annotation: its type in Python, `None` included.
        sql_type: as SQL writes it.
        note: why the type is not a plainer one, or "".
    """

    name: str
    annotation: str
    sql_type: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class PythonParameter:
    """A parameter.

    Attributes:
        name: its name.
        annotation: its type in Python, `None` included.
        default: the text after `=` in Python, or "" when it must be given.
        sql_type: as SQL writes it.
        doc: what the file says of it.
    """

    name: str
    annotation: str
    default: str = ""
    sql_type: str = ""
    doc: str = ""


@dataclass(frozen=True, slots=True)
class PythonSignature:
    """A query as Python sees it.

    Attributes:
        name: the query.
        operator: what it gives back.
        parameters: in the order of the declaration.
        columns: in order; none of a query that returns no rows.
        doc: what the file says of it.
        is_sure: it always returns one row.
        file: the name of its file.
    """

    name: str
    operator: Operator
    parameters: tuple[PythonParameter, ...] = ()
    columns: tuple[PythonColumn, ...] = ()
    doc: str = ""
    is_sure: bool = False
    file: str = ""
