"""The analyses once more, in plain Python over simple SELECTs of an invented hotel."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from itertools import combinations
from typing import Any
from zoneinfo import ZoneInfo

import psycopg
from psycopg.rows import dict_row

ZONE = ZoneInfo("America/Bogota")


@dataclass
class Guest:
    """A guest with everything that the tables hold."""

    row: dict[str, Any]
    is_archived: bool
    events: list[dict[str, Any]] = field(default_factory=list)
    hours: list[dict[str, Any]] = field(default_factory=list)

    @property
    def labels(self) -> set[str]:
        return set(self.row["labels"])

    @property
    def status(self) -> str | None:
        latest = max(self.events, key=lambda event: (event["occurred_at"], event["event_id"]), default=None)
        return None if latest is None else latest["status"]

    def first(self, *statuses: str) -> datetime | None:
        return min((event["occurred_at"] for event in self.events if event["status"] in statuses), default=None)

    @property
    def quotes(self) -> list[dict[str, Any]]:
        return [event for event in self.events if event["status"] == "interested" and event["value"] is not None]


def read_hotel(connection: psycopg.Connection[Any]) -> dict[str, Guest]:
    """Every guest by key."""
    with connection.cursor(row_factory=dict_row) as cursor:
        guests: dict[str, Guest] = {}
        for table in ("guest_profiles", "historical_clients"):
            for row in cursor.execute(f"SELECT * FROM {table}".encode()).fetchall():
                assert row["phone_number"] not in guests
                guests[row["phone_number"]] = Guest(row, table == "historical_clients")
        for event in cursor.execute("SELECT * FROM booking_events").fetchall():
            guests[event["phone_number"]].events.append(event)
        for hour in cursor.execute("SELECT * FROM interaction_hours").fetchall():
            guests[hour["phone_number"]].hours.append(hour)
    return guests


def percent(part: int, whole: int) -> Decimal:
    return (Decimal(100 * part) / whole).quantize(Decimal("0.1"), ROUND_HALF_UP)


def conversion(guests: Iterable[Guest]) -> tuple[int, int, int, Decimal]:
    """Guests, interested, booked, percent."""
    members = list(guests)
    interested = sum(guest.first("interested", "booked") is not None for guest in members)
    booked = sum(guest.first("booked") is not None for guest in members)
    return len(members), interested, booked, percent(booked, len(members))


def by_group(guests: Iterable[Guest], groups_of: Callable[[Guest], Iterable[Any]]) -> dict[Any, list[Guest]]:
    found: dict[Any, list[Guest]] = defaultdict(list)
    for guest in guests:
        for group in groups_of(guest):
            found[group].append(guest)
    return found


def label_pairs(guests: Iterable[Guest]) -> dict[tuple[str, str], list[Guest]]:
    return by_group(guests, lambda guest: combinations(sorted(guest.labels), 2))


def segment(guest: Guest, now: datetime) -> str:
    last = guest.row["last_interaction"]
    if last is None:
        return "unknown"
    days = (now - last) / timedelta(days=1)
    return "active" if days < 30 else "monthly" if days < 90 else "quarterly" if days < 365 else "yearly"


def engagement(guest: Guest) -> tuple[int, int | None]:
    bounds = [(0, 0), (1, 1), (2, 5), (6, 20), (21, 50)]
    total = guest.row["total_interactions"]
    return next(((low, high) for low, high in bounds if low <= total <= high), (51, None))


def month(moment: datetime | None) -> date | None:
    return None if moment is None else moment.astimezone(ZONE).date().replace(day=1)


def activity(guests: Iterable[Guest], now: datetime, weeks: int, zone: ZoneInfo = ZONE) -> Counter[tuple[int, int]]:
    """Messages by weekday and hour, of the days before today."""
    today = now.astimezone(zone).date()
    found: Counter[tuple[int, int]] = Counter()
    for guest in guests:
        for hour in guest.hours:
            local = hour["hour"].astimezone(zone)
            if today - timedelta(weeks=weeks) <= local.date() < today:
                found[local.isoweekday(), local.hour] += hour["messages"]
    return found


def score(guest: Guest, weights: list[dict[str, Any]], now: datetime) -> float:
    """The priority score."""

    def freshness(moment: datetime | None, days: float) -> float:
        return 0.0 if moment is None else min(1.0, max(0.0, 1 - (now - moment) / timedelta(days=days)))

    points = 0.0
    for weight in weights:
        scale = weight["scale"]
        match weight["factor"]:
            case "status":
                share = float(weight["value"] == (guest.status or "none"))
            case "label":
                share = float(weight["value"] in guest.labels)
            case "messages":
                share = min(1.0, guest.row["total_interactions"] / scale)
            case "recency":
                share = freshness(guest.row["last_interaction"], scale)
            case _:
                share = freshness(max((quote["occurred_at"] for quote in guest.quotes), default=None), scale)
        points += weight["points"] * share
    return points
