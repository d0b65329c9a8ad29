"""How often a query was called in the last day, how long it took, and how often it failed: from the minute tables.

SQL: queries/monitoring_calls.sql
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import cache

from guestsql.adhoc.session import QuerySession
from guestsql.errors import DatabaseError
from guestsql.sql import Catalogue, read_packaged

__all__ = ["Bar", "Hour", "LastDay", "Sparkline", "read_last_day", "sparkline"]

_HOURS = 24
_NO_TABLES = {"42P01", "42883"}
_NO_RIGHT = "42501"


@dataclass(frozen=True, slots=True)
class Hour:
    """An hour of the last day.

    Attributes:
        since: when it begins.
        calls: how often the query was called.
        errors: how many of these calls failed.
        p50: milliseconds that half of the calls did not exceed; None without a call.
        p95: milliseconds that 95 % of the calls did not exceed; None without a call.
    """

    since: datetime
    calls: int
    errors: int
    p50: Decimal | None
    p95: Decimal | None


@dataclass(frozen=True, slots=True)
class LastDay:
    """The last day of a query.

    Attributes:
        calls: how often it was called.
        errors: how many of these calls failed.
        p50: milliseconds that half of the calls did not exceed; None without a call.
        p95: milliseconds that 95 % of the calls did not exceed; None without a call.
        hours: each hour, the oldest first.
        absence: why nothing is counted: `tables` are not in the database, or the role has no `right`; "" if it is.
    """

    calls: int = 0
    errors: int = 0
    p50: Decimal | None = None
    p95: Decimal | None = None
    hours: tuple[Hour, ...] = ()
    absence: str = ""

    @property
    def busiest(self) -> Hour | None:
        """The hour with the most calls, the first of several; None without a call."""
        return max(self.hours, key=lambda hour: hour.calls) if self.calls else None

    @property
    def slowest(self) -> Hour | None:
        """The hour with the highest p95, the first of several; None without a call."""
        timed = [hour for hour in self.hours if hour.p95 is not None]
        return max(timed, key=lambda hour: hour.p95 or 0, default=None)


@dataclass(frozen=True, slots=True)
class Bar:
    """A bar of a sparkline; the origin is at the top left.

    Attributes:
        x: its left edge.
        y: its upper edge.
        height: from there to the base line; 0 for none.
    """

    x: float
    y: float
    height: float


@dataclass(frozen=True, slots=True)
class Sparkline:
    """A small picture: calls as bars, failed calls as bars in front of them, p95 as lines.

    Attributes:
        width: of the picture.
        height: of the picture.
        bar_width: of each bar.
        calls: one bar an hour.
        errors: one bar for each hour with errors.
        lines: the points of each line, as SVG has them; hours without a call are between two lines.
    """

    width: int
    height: int
    bar_width: float
    calls: tuple[Bar, ...]
    errors: tuple[Bar, ...]
    lines: tuple[str, ...]


def read_last_day(session: QuerySession, name: str, timeout: float) -> LastDay:
    """Read the figures of a query.

    Args:
        session: of a database that may lack the minute tables.
        name: the query's.
        timeout: seconds for each of two queries, above 0.

    Raises:
        DatabaseError: the server cannot be reached, or it takes too long.
    """
    queries = _queries()
    try:
        (total,) = session.run(queries["get_query_latency"], {"query": name, "hours": str(_HOURS)}, timeout).rows
        hours = session.run(queries["list_query_hours"], {"query": name, "max_rows": str(_HOURS)}, timeout).rows
    except DatabaseError as error:
        if error.sqlstate in _NO_TABLES:
            return LastDay(absence="tables")
        if error.sqlstate == _NO_RIGHT:
            return LastDay(absence="right")
        raise
    calls, errors, p50, p95 = total
    return LastDay(calls, errors, p50, p95, tuple(Hour(*row) for row in hours))


def sparkline(hours: Sequence[Hour], *, width: int = 240, height: int = 48) -> Sparkline:
    """Draw the hours of a day.

    Args:
        hours: the oldest first.
        width: of the picture, above 0.
        height: of the picture, above 0.
    """
    step = width / max(1, len(hours))
    most = max((hour.calls for hour in hours), default=0) or 1
    slowest = float(max((hour.p95 or 0 for hour in hours), default=0)) or 1.0

    def bar(place: int, number: int) -> Bar:
        # A number above 0 is visible beside one that is a thousand times as large.
        tall = max(2.5, round(height * number / most, 1)) if number else 0.0
        return Bar(round(place * step, 1), round(height - tall, 1), tall)

    points = [
        None
        if hour.p95 is None
        else f"{(place + 0.5) * step:.1f},{1 + (height - 2) * (1 - float(hour.p95) / slowest):.1f}"
        for place, hour in enumerate(hours)
    ]
    return Sparkline(
        width,
        height,
        round(step * 0.8, 1),
        tuple(bar(place, hour.calls) for place, hour in enumerate(hours)),
        tuple(bar(place, hour.errors) for place, hour in enumerate(hours) if hour.errors),
        tuple(_lines(points)),
    )


def _lines(points: Sequence[str | None]) -> list[str]:
    lines: list[list[str]] = [[]]
    for point in points:
        if point is None:
            lines.append([])
        else:
            lines[-1].append(point)
    # Of a line with one point nothing is drawn, so it gets another at the same place: a dot with round ends.
    return [" ".join(line if len(line) > 1 else line * 2) for line in lines if line]


@cache
def _queries() -> Catalogue:
    """The packaged ones, whatever the caller's folder overrides."""
    return read_packaged("monitoring_calls.sql")
