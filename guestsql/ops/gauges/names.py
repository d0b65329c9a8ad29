"""The names of the gauges, each of one column of one query."""

from __future__ import annotations

from collections.abc import Iterable

from guestsql.errors import GuestSQLError
from guestsql.ops.gauges.convention import Column, GaugeQuery, Kind, kind_of, metric_name

__all__ = ["RESERVED", "Names"]

RESERVED = frozenset(
    {"guestsql_is_replica", "guestsql_scrape_duration_seconds", "guestsql_scrape_error", "guestsql_up"}
)
"""What the scrape itself tells."""


class Names:
    """Remembers whose each name is, from one scrape to the next: it stays so while that query fails."""

    def __init__(self) -> None:
        self._taken: dict[str, tuple[str, str]] = {}

    def take(self, gauge: GaugeQuery, columns: Iterable[Column]) -> None:
        """Take the names of a query's columns: all of them, or none.

        Raises:
            GuestSQLError: one is another column's already; both places are told.
        """
        query = gauge.query
        own: dict[str, str] = {}
        for column in columns:
            if kind_of(column) not in (Kind.NUMBER, Kind.TIME):
                continue
            name = metric_name(gauge.prefix, column)
            place = f"{column.name} of {query.name} ({query.file}:{query.line})"
            other = own.get(name) or self._of_another(name, query.name)
            if other is not None:
                message = f"{name} would be both {other} and {place}"
                raise GuestSQLError(message, hint="call the column, or the prefix of the metrics: line, otherwise")
            own[name] = place
        self._taken.update({name: (query.name, place) for name, place in own.items()})

    def _of_another(self, name: str, query: str) -> str | None:
        if name in RESERVED:
            return "the scrape's own"
        owner, place = self._taken.get(name, (query, ""))
        return None if owner == query else place
