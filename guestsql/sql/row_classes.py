"""The classes of rows: named tuples whose fields are what the server calls the columns.

A class is made when it is first needed: sixty of them would cost more than the rest of the import.
"""

from __future__ import annotations

import keyword
import re
from collections import namedtuple
from collections.abc import Mapping, Sequence
from typing import Any

__all__ = ["RowTypes", "field_names", "override_of", "row_type", "unmarked"]

_NO_WORD = re.compile(r"\W")
_registered: list[RowTypes] = []


def override_of(name: str) -> str:
    """Return the mark at the end of a column's name: `!` is never NULL, `?` may be, "" is none.

    Args:
        name: as the server has it.
    """
    return name[-1:] if name[-1:] in ("!", "?") and len(name) > 1 and name != "?column?" else ""


def unmarked(name: str) -> str:
    """Return a column's name without the mark at its end.

    Args:
        name: as the server has it.
    """
    return name[:-1] if override_of(name) else name


def field_names(columns: Sequence[str]) -> tuple[str, ...]:
    """Return the names of a row's fields: identifiers, none twice.

    Args:
        columns: as the server has them; a mark at the end is taken away.
    """
    found: dict[str, None] = {}
    for column in columns:
        name = base = _identifier(unmarked(column))
        number = 2
        while name in found:
            name = f"{base}_{number}"
            number += 1
        found[name] = None
    return tuple(found)


def _identifier(column: str) -> str:
    name = _NO_WORD.sub("_", column)
    if not name or name[0] == "_" or not name[0].isidentifier():
        name = f"f{name}"
    return f"{name}_" if keyword.iskeyword(name) else name


class RowTypes:
    """The rows of one folder of queries.

    Args:
        module: the module in which they stand.
        table: for each query with rows the name of its class, and its fields with their types.
    """

    def __init__(self, module: str, table: Mapping[str, tuple[str, Mapping[str, str]]]) -> None:
        self._module = module
        self._table = table
        self._queries = {name: query for query, (name, _) in table.items()}
        self._made: dict[str, Any] = {}

    def register(self) -> None:
        """Have rows be made of these classes; what was registered last is asked first."""
        _registered.insert(0, self)

    def class_named(self, name: str) -> Any:  # noqa: ANN401  a class made here
        """Return a class by its name.

        Raises:
            AttributeError: there is none.
        """
        if name not in self._queries:
            raise AttributeError(f"module {self._module!r} has no attribute {name!r}")
        return self._class(self._queries[name])

    def names(self) -> list[str]:
        """Return the names of the classes, sorted."""
        return sorted(self._queries)

    def find(self, query: str, fields: tuple[str, ...]) -> Any | None:  # noqa: ANN401  a class made here
        """Return the class of a query's rows, if they have these fields."""
        entry = self._table.get(query)
        return self._class(query) if entry is not None and tuple(entry[1]) == fields else None

    def _class(self, query: str) -> Any:  # noqa: ANN401  a class made here
        if query not in self._made:
            name, fields = self._table[query]
            made: Any = _named_tuple(name, tuple(fields), self._module)
            made.__doc__ = f"A row of `{query}`."
            made.__annotations__ = dict(fields)
            self._made[query] = made
        return self._made[query]


def row_type(query: str, columns: Sequence[bytes | None]) -> Any:  # noqa: ANN401  a class made here
    """Return the class of the rows that a query has returned.

    Args:
        query: its name.
        columns: the names of its columns, as the server has sent them.
    """
    fields = field_names([(column or b"").decode("utf-8", "replace") for column in columns])
    for types in _registered:
        found = types.find(query, fields)
        if found is not None:
            return found
    return _named_tuple("Row", fields, __name__)


def _named_tuple(name: str, fields: tuple[str, ...], module: str) -> Any:  # noqa: ANN401  a class made here
    return namedtuple(name, fields, module=module)  # noqa: PYI024  # pyright: ignore[reportUntypedNamedTuple]  the fields are known only now
