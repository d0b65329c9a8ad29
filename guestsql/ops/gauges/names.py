"""The names of the gauges. Each belongs to one column of one query."""

from __future__ import annotations

from collections.abc import Iterable

from guestsql.errors import GuestSQLError
from guestsql.ops.gauges.convention import Column, ColumnKind, GaugeQuery, kind_of, metric_name

__all__ = ["RESERVED", "Names"]

RESERVED = frozenset(
    {"guestsql_is_replica", "guestsql_scrape_duration_seconds", "guestsql_scrape_error", "guestsql_up"}
)
"""Gauges about the scrape itself."""


class Names:
    """Remembers the owner of each name across scrapes, so that a failing query keeps its names."""

    def __init__(self) -> None:
        self._taken: dict[str, tuple[str, str]] = {}

    def take(self, gauge: GaugeQuery, columns: Iterable[Column]) -> None:
        """Reserve the names of a query's columns: all of them, or none.

        Raises:
            GuestSQLError: another column has one of them; the message shows both places.
        """
        query = gauge.query
        own: dict[str, str] = {}
        for column in columns:
            if kind_of(column) not in (ColumnKind.NUMBER, ColumnKind.TIME):
                continue
            name = metric_name(gauge.prefix, column)
            place = f"{column.name} of {query.name} ({query.file}:{query.line})"
            other = own.get(name) or self._of_another(name, query.name)
            if other is not None:
                message = f"{name} would be both {other} and {place}"
                raise GuestSQLError(message, hint="rename the column, or change the prefix of the metrics: line")
            own[name] = place
        self._taken.update({name: (query.name, place) for name, place in own.items()})

    def _of_another(self, name: str, query: str) -> str | None:
        if name in RESERVED:
            return "a gauge about the scrape"
        owner, place = self._taken.get(name, (query, ""))
        return None if owner == query else place
