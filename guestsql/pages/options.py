"""The values that a select list offers: the labels of an enum, or the rows of the query that `-- choices:` names."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from time import monotonic

from guestsql.adhoc.described import enum_labels
from guestsql.adhoc.parameters import ParameterError
from guestsql.adhoc.values import as_cell, plain_text
from guestsql.errors import DatabaseError
from guestsql.pages.state import State
from guestsql.sql import Parameter
from guestsql.sql.type_names import element_type, plain_type

__all__ = ["OptionLists"]

_MOST = 500
_KEPT_SECONDS = 30.0
_Pairs = Sequence[tuple[str, str]]
# Types that are certainly no enum, so that the server need not be asked.
_BUILT_IN = frozenset(
    {"text", "smallint", "integer", "bigint", "numeric", "real", "double precision", "boolean", "date", "time"}
    | {"timetz", "timestamp", "timestamptz", "interval", "json", "jsonb", "uuid", "bytea", "oid", "inet"}
)


@dataclass(slots=True)
class OptionLists:
    """The options of parameters; kept for half a minute, since every page with the form needs them.

    Attributes:
        state: where they are read.
    """

    state: State
    _turn: threading.Lock = field(default_factory=threading.Lock)
    _known: dict[str, tuple[float, _Pairs | None]] = field(default_factory=dict[str, tuple[float, _Pairs | None]])

    def of(self, parameter: Parameter) -> _Pairs | None:
        """Return values with labels; None when anything may be given, or the options cannot be read now."""
        if parameter.choices:
            return self._kept(f"choices {parameter.choices}", parameter.choices)
        type_ = element_type(parameter.type) or parameter.type or ""
        return None if plain_type(type_) in _BUILT_IN else self._kept(f"type {type_}", None, type_)

    def _kept(self, key: str, query: str | None, type_: str = "") -> _Pairs | None:
        with self._turn:
            read_at, options = self._known.get(key, (-_KEPT_SECONDS, None))
        if monotonic() - read_at < _KEPT_SECONDS:
            return options
        try:
            options = self._labels(type_) if query is None else self._rows(query)
        except (DatabaseError, ParameterError):
            return None  # the page shows a plain input; running the query reports what is wrong
        with self._turn:
            self._known[key] = (monotonic(), options)
        return options

    def _labels(self, type_: str) -> _Pairs | None:
        with self.state.session() as session, session.transaction(self.state.timeout) as connection:
            labels: Mapping[str, Sequence[str]] = enum_labels(connection, [type_])
        return [(label, plain_text(label)) for label in labels.get(type_, ())] or None

    def _rows(self, name: str) -> _Pairs | None:
        query = self.state.catalogue.current()[0].get(name)
        if query is None or any(each.default is None for each in query.parameters):
            return None
        found = self.state.fetch(query, {each.name: each.default_value for each in query.parameters}, _MOST)
        if found.is_cut or not found.columns:
            return None
        value, label = found.columns[0], min(1, len(found.columns) - 1)
        known = [row for row in found.rows if row[0] is not None]
        masked = self.state.masking.value
        if any(masked(value, row[0]) != row[0] for row in known):
            return None  # the page would hold what it masks in a table
        return [(as_cell(row[0]), plain_text(as_cell(masked(found.columns[label], row[label])))) for row in known]
