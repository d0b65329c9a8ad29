"""The rules of contact in Python, by zoneinfo: what guestsql_contact_refusals must refuse, computed without SQL."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


class Contact(NamedTuple):
    """A contact of one guest.

    Attributes:
        at: when.
        channel: by which way.
    """

    at: datetime
    channel: str


class Cap(NamedTuple):
    """How often a person may be contacted.

    Attributes:
        channel: only contacts through this channel count; "*" for all.
        period: day, week or month.
        contacts: at most so many; None for any number.
        channels: likewise.
    """

    channel: str
    period: str
    contacts: int | None
    channels: int | None


@dataclass
class Profile:
    """A profile's rules.

    Attributes:
        hours: by ISO weekday, from and until; None for the end of the day. None: no restriction.
        caps: the caps.
        excluded: excluded days.
        holidays: holidays; None if the profile does not exclude them.
        years: the years whose holidays are known.
    """

    hours: dict[int, list[tuple[time, time | None]]] | None = None
    caps: Sequence[Cap] = ()
    excluded: frozenset[date] = frozenset()
    holidays: frozenset[date] | None = None
    years: frozenset[int] = field(default_factory=frozenset)

    def calendar(self, at: datetime, zone: ZoneInfo) -> set[str]:
        """The rules of time that refuse at a moment."""
        local = at.astimezone(zone)
        day, clock = local.date(), local.time()
        refused: set[str] = set()
        if self.hours is not None and not any(
            opens <= clock and (closes is None or clock < closes)
            for opens, closes in self.hours.get(local.isoweekday(), [])
        ):
            refused.add("hours")
        if day in self.excluded:
            refused.add("excluded_day")
        if self.holidays is not None:
            if day in self.holidays:
                refused.add("holiday")
            if day.year not in self.years:
                refused.add("holidays_unknown")
        return refused

    def frequency(self, at: datetime, zone: ZoneInfo, channel: str, contacts: Sequence[Contact]) -> set[str]:
        """The caps that refuse another contact at a moment."""
        refused: set[str] = set()
        for cap in self.caps:
            if cap.channel not in ("*", channel):
                continue
            period = _period(at, zone, cap.period)
            now = [each for each in contacts if _period(each.at, zone, cap.period) == period]
            name = cap.period if cap.channel == "*" else f"{cap.period}_{cap.channel}"
            counted = [each for each in now if cap.channel in ("*", each.channel)]
            if cap.contacts is not None and len(counted) >= cap.contacts:
                refused.add(f"cap_{name}")
            if cap.channels is not None and len({each.channel for each in now} | {channel}) > cap.channels:
                refused.add(f"channels_{name}")
        return refused

    def first_open(self, since: datetime, zone: ZoneInfo) -> datetime:
        """The first quarter of an hour from a moment on at which hours and days let people be contacted."""
        return next(at for at in _quarters(since) if not self.calendar(at, zone) - {"holidays_unknown"})


def _period(at: datetime, zone: ZoneInfo, period: str) -> object:
    day = at.astimezone(zone).date()
    return {"day": day, "week": day.isocalendar()[:2], "month": (day.year, day.month)}[period]


def _quarters(since: datetime) -> Iterator[datetime]:
    yield since
    at = datetime.fromtimestamp((since.timestamp() // 900 + 1) * 900, UTC)
    while True:
        yield at
        at += HOUR / 4
