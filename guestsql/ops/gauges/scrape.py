"""One scrape: runs every query that is a metric, each in its own READ ONLY transaction, before a deadline."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from time import monotonic
from typing import Any

import psycopg
from psycopg import sql
from psycopg.rows import tuple_row

from guestsql.errors import GuestSQLError, QueryTimeout
from guestsql.ops.gauges.convention import Column, GaugeQuery, Sample, read_samples
from guestsql.ops.gauges.names import Names
from guestsql.ops.gauges.origin import Origins, adapt
from guestsql.settings import Settings
from guestsql.sql import arrange
from guestsql.sql._sync.connection import DeadlineConnection, connect
from guestsql.sql.translate import translate

__all__ = ["Answer", "Scrape", "Scraper"]

# The server's statement_timeout comes first: it says what was cancelled, and the connection stays usable.
_GRACE_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class Answer:
    """The result of one query.

    Attributes:
        gauge: the query.
        columns: its columns; empty if it failed.
        samples: its values; empty if it failed.
        seconds: how long it took.
        error: why it failed, or None.
    """

    gauge: GaugeQuery
    columns: tuple[Column, ...]
    samples: Sequence[Sample]
    seconds: float
    error: GuestSQLError | None


@dataclass(frozen=True, slots=True)
class Scrape:
    """The results of all queries.

    Attributes:
        answers: one for each query, in their order.
        is_replica: whether the server is that of DATABASE_REPLICA_URL.
        error: why the server could not be reached, or None.
    """

    answers: Sequence[Answer]
    is_replica: bool = False
    error: GuestSQLError | None = None


@dataclass(frozen=True)
class Scraper:
    """Runs the queries, on a new connection for each scrape.

    Args:
        settings: the settings, for the time zone and the time to live of contexts.
        url: the server's address.
        gauges: the queries.
        seconds: the longest time that a scrape may take, above 0; a query that has not answered by then has failed.
        is_replica: whether `url` is DATABASE_REPLICA_URL.
    """

    settings: Settings
    url: str = field(repr=False)
    gauges: Sequence[GaugeQuery]
    seconds: float
    is_replica: bool = False
    _names: Names = field(default_factory=Names, init=False, repr=False)
    # The last answer of each query with a `cache:` line, by name, and when it expires.
    _cached: dict[str, tuple[float, Answer]] = field(
        default_factory=dict[str, tuple[float, Answer]], init=False, repr=False
    )

    def scrape(self) -> Scrape:
        """Run every query once. Nothing is raised: a failure is the `error` of an answer."""
        deadline = monotonic() + self.seconds
        try:
            # Connecting has a limit of its own, in whole seconds.
            settings = replace(self.settings, deadline_seconds=min(self.seconds, self.settings.deadline_seconds))
            connection = connect(settings, self.url)
        except GuestSQLError as error:
            return Scrape([_failed(gauge, error) for gauge in self.gauges], self.is_replica, error)
        with closing(connection):
            adapt(connection)
            return Scrape(list(self._answers(connection, deadline)), self.is_replica)

    def _answers(self, connection: DeadlineConnection, deadline: float) -> Iterable[Answer]:
        origins = Origins(connection)
        for gauge in self.gauges:
            started = monotonic()
            expires, cached = self._cached.get(gauge.query.name, (0.0, None))
            if cached is not None and started < expires:
                yield cached
                continue
            try:
                answer = self._answer(connection, origins, gauge, deadline)
                self._cached[gauge.query.name] = started + gauge.cache_seconds, answer
                yield answer
            except psycopg.Error as error:
                yield _failed(gauge, translate(error, gauge.query.name), monotonic() - started)
            except GuestSQLError as error:
                yield _failed(gauge, error, monotonic() - started)

    def _answer(self, connection: DeadlineConnection, origins: Origins, gauge: GaugeQuery, deadline: float) -> Answer:
        started = monotonic()
        left = deadline - started
        if left <= 0:
            raise QueryTimeout("the time of the scrape was over", query=gauge.query.name, hint="raise --timeout")
        connection.deadline = deadline + _GRACE_SECONDS
        connection.read_only = True
        text: Any = gauge.query.text  # from a .sql file; psycopg expects a literal
        with connection.transaction(), connection.cursor(row_factory=tuple_row) as cursor:
            # The queries of a locked table together wait for half of the time, and the others still answer.
            limits = (left, self.seconds / 2 / len(self.gauges))
            milliseconds = [sql.Literal(max(1, math.ceil(limit * 1000))) for limit in limits]
            setting = sql.SQL("SET LOCAL statement_timeout = {}; SET LOCAL lock_timeout = {}")
            cursor.execute(setting.format(*milliseconds))
            cursor.execute(text, arrange(gauge.query, self._parameters(gauge)))
            rows = cursor.fetchall()
            columns = origins.described(cursor)
        samples = read_samples(gauge.prefix, columns, rows)
        self._names.take(gauge, columns)
        return Answer(gauge, columns, samples, monotonic() - started, None)

    def _parameters(self, gauge: GaugeQuery) -> dict[str, object]:
        """Return the values of the `metrics:` line, and for others those of the settings."""
        known = {"timezone": self.settings.timezone.key, "ttl_seconds": self.settings.context_ttl_seconds}
        names = {parameter.name for parameter in gauge.query.parameters}
        return {**{name: value for name, value in known.items() if name in names}, **gauge.parameters}


def _failed(gauge: GaugeQuery, error: GuestSQLError, seconds: float = 0.0) -> Answer:
    return Answer(gauge, (), (), seconds, error)
