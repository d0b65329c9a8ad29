"""The marks of a time axis: round times by the hotel's clock, and what is written at them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta, tzinfo

from guestsql.charts.words import Words

__all__ = ["milliseconds", "time_ticks"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MINUTE, _HOUR, _DAY = 60, 3600, 86_400
_MONTH, _YEAR = 30.4 * _DAY, 365 * _DAY
_STEPS: tuple[tuple[float, str, int], ...] = (
    *((count, "second", count) for count in (1, 5, 15, 30)),
    *((count * _MINUTE, "minute", count) for count in (1, 2, 5, 10, 15, 30)),
    *((count * _HOUR, "hour", count) for count in (1, 2, 3, 6, 12)),
    (_DAY, "day", 1),
    (2 * _DAY, "day", 2),
    (7 * _DAY, "week", 1),
    (14 * _DAY, "week", 2),
    *((count * _MONTH, "month", count) for count in (1, 2, 3, 6)),
    *((count * _YEAR, "year", count) for count in (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)),
)
"""Seconds, unit and number of units between two marks."""
_LAST_YEAR = 9999


def milliseconds(value: date) -> int:
    """Return a place on a time axis: milliseconds since 1970, a date or a time without zone as if it were UTC."""
    if not isinstance(value, datetime):
        value = datetime(value.year, value.month, value.day, tzinfo=UTC)
    aware = value if value.tzinfo is not None else value.replace(tzinfo=UTC)
    return (aware - _EPOCH) // timedelta(milliseconds=1)


def time_ticks(first: date, last: date, at_most: int, words: Words, zone: tzinfo = UTC) -> dict[float, list[str]]:
    """Return the marks of a time axis, by their place.

    Args:
        first: where the axis begins.
        last: where it ends.
        at_most: how many marks have room.
        words: the language.
        zone: by whose clock the times are round.

    Returns:
        The lines of each label by its place; the second line names the day or the year where it is a new one.
    """
    begin, end = _datetime(first, zone), _datetime(last, zone)
    seconds = (end - begin).total_seconds()
    is_day = not isinstance(first, datetime)
    steps = [step for step in _STEPS if step[0] >= (_DAY if is_day else 1 if 0 < seconds < _MINUTE else _MINUTE)]
    step = next((step for step in steps if seconds / step[0] < at_most), steps[-1])
    ticks: dict[float, list[str]] = {}
    above = ""
    for tick in _ticks(begin, end, step[1], step[2]):
        label, below = _label(tick, step[1], words)
        ticks[milliseconds(tick)] = [label, below] if below != above else [label, ""]
        above = below
    return ticks if any(below for _, below in ticks.values()) else {at: [label] for at, (label, _) in ticks.items()}


def _datetime(value: date, zone: tzinfo) -> datetime:
    if isinstance(value, datetime):
        return value if value.tzinfo is not None else value.replace(tzinfo=UTC)
    return datetime(value.year, value.month, value.day, tzinfo=zone)


def _ticks(begin: datetime, end: datetime, unit: str, count: int) -> Iterator[datetime]:
    tick = _FLOORS[unit](begin, count)
    while True:
        # Places, not times of one clock, which are alike when it is put back.
        if milliseconds(tick) > milliseconds(end) or tick.year >= _LAST_YEAR:
            return
        if milliseconds(tick) >= milliseconds(begin):
            yield tick
        tick = _next(tick, unit, count)


_FLOORS: dict[str, Callable[[datetime, int], datetime]] = {
    "second": lambda at, n: at.replace(second=at.second // n * n, microsecond=0),
    "minute": lambda at, n: at.replace(minute=at.minute // n * n, second=0, microsecond=0),
    "hour": lambda at, n: at.replace(hour=at.hour // n * n, minute=0, second=0, microsecond=0),
    "day": lambda at, _: _midnight(at),
    "week": lambda at, _: _midnight(at) - timedelta(days=min(at.weekday(), at.toordinal() - 1)),
    "month": lambda at, n: _midnight(at).replace(day=1, month=(at.month - 1) // n * n + 1),
    "year": lambda at, n: _midnight(at).replace(day=1, month=1, year=max(1, at.year // n * n)),
}


def _midnight(at: datetime) -> datetime:
    return at.replace(hour=0, minute=0, second=0, microsecond=0)


def _next(tick: datetime, unit: str, count: int) -> datetime:
    if unit in {"second", "minute", "hour"}:
        # Through UTC, so that a change of the clock neither repeats a mark nor leaves one out.
        later = tick.astimezone(UTC) + timedelta(**{f"{unit}s": count})
        local = later.astimezone(tick.tzinfo)
        return _FLOORS[unit](local, count) if unit == "hour" and local.hour % count else local
    if unit in {"day", "week"}:
        return tick + timedelta(days=count * (7 if unit == "week" else 1))
    months = tick.month - 1 + (count if unit == "month" else 12 * count)
    year = tick.year + months // 12
    return tick.replace(year=min(year, _LAST_YEAR), month=months % 12 + 1)


def _label(tick: datetime, unit: str, words: Words) -> tuple[str, str]:
    if unit in {"second", "minute", "hour"}:
        return f"{tick:%H:%M:%S}" if unit == "second" else f"{tick:%H:%M}", words.day_of_month(tick)
    if unit in {"day", "week"}:
        return words.day_of_month(tick), str(tick.year)
    if unit == "month":
        return words.months[tick.month - 1], str(tick.year)
    return str(tick.year), ""
