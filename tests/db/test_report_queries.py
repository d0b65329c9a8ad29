"""queries/report.sql against a count in Python, on an invented hotel, as guestsql_monitor, at a standing clock."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import psycopg
import pytest
from psycopg import sql

from guestsql.cli.demo_hotel import invent_hotel
from guestsql.settings import Settings
from guestsql.sql._sync.connection import connect
from tests.monitoring import CATALOGUE, ask, ask_one
from tests.server import PrivateServer, drop_database
from tests.through_pooler import pooled

ZONE = ZoneInfo("America/Bogota")
NOW = datetime(2026, 3, 15, 1, 30, tzinfo=ZONE)
TODAY = NOW.date()
DAYS = 20
DATABASE = "guestsql_demo_report"
CLOCK = """
CREATE SCHEMA frozen;
CREATE FUNCTION frozen.statement_timestamp() RETURNS timestamptz LANGUAGE sql STABLE RETURN {now}::timestamptz;
GRANT USAGE ON SCHEMA frozen TO guestsql_monitor;
"""


@pytest.fixture(scope="module")
def hotel(server: PrivateServer, template_database: str) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(server.url(), autocommit=True) as admin:
        admin.execute(f'CREATE DATABASE {DATABASE} TEMPLATE "{template_database}" STRATEGY file_copy'.encode())
    url = pooled(server.url(DATABASE))
    with connect(Settings(), url) as filling:
        # The data end today: what happened today is in neither period.
        invent_hotel(filling, 1500, seed=3, until=NOW, timezone=ZONE)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(sql.SQL(CLOCK).format(now=sql.Literal(NOW.isoformat())))
        connection.execute("SET search_path = frozen, pg_catalog, public")
        yield connection
    drop_database(server, DATABASE)


def _ask(hotel: psycopg.Connection[Any], name: str, **given: object) -> list[Any]:
    hotel.execute("SET ROLE guestsql_monitor")
    try:
        return ask(hotel, name, days=DAYS, **given)
    finally:
        hotel.execute("RESET ROLE")


def _both(rows: Iterable[tuple[Any, ...]], moment: Callable[[Any], datetime | None] = lambda row: row[0]) -> Any:
    """The rows of the period, and those of the period before."""
    days: tuple[list[Any], list[Any]] = ([], [])
    for row in rows:
        at = moment(row)
        ago = (TODAY - at.astimezone(ZONE).date()).days if at is not None else 0
        if 1 <= ago <= 2 * DAYS:
            days[ago > DAYS].append(row)
    return days


def _read(hotel: psycopg.Connection[Any], text: str) -> list[tuple[Any, ...]]:
    return hotel.execute(text.encode()).fetchall()


def _firsts(hotel: psycopg.Connection[Any]) -> tuple[list[Any], list[Any]]:
    return _both(_read(hotel, "SELECT first_interaction FROM known_guests"))


def _past(before: int = 0) -> list[date]:
    return [TODAY - timedelta(days=ago + before) for ago in range(DAYS, 0, -1)]


def _by_day(rows: list[Any]) -> Counter[date]:
    return Counter(row[0].astimezone(ZONE).date() for row in rows)


def test_guests_without_a_message_have_not_written_today(hotel: psycopg.Connection[Any]) -> None:
    inconsistent = "SELECT count(*) FROM known_guests WHERE first_interaction IS NULL AND last_interaction IS NOT NULL"
    assert hotel.execute(inconsistent).fetchall() == [(0,)]


def test_guests(hotel: psycopg.Connection[Any]) -> None:
    now, before = _firsts(hotel)
    recorded = dict(_read(hotel, "SELECT day, active_guests FROM guest_days"))
    hotel.execute("DELETE FROM guest_days WHERE day = %s", (_past()[0],))
    del recorded[_past()[0]]
    active, active_before = [[recorded[day] for day in days if day in recorded] for days in (_past(), _past(DAYS))]
    (found,) = _ask(hotel, "get_guest_comparison")
    assert found[:2] == (len(now), len(before))
    assert min(found[:2]) > 0
    assert [float(value) for value in found[2:]] == [
        pytest.approx(sum(each) / len(each), abs=0.051) for each in (active, active_before)
    ]

    days, days_before = _by_day(now), _by_day(before)
    assert [tuple(row) for row in _ask(hotel, "list_guest_comparison")] == [
        (day, days[day], days_before[other], recorded.get(day), recorded.get(other))
        for day, other in zip(_past(), _past(DAYS), strict=True)
    ]


def test_hours(hotel: psycopg.Connection[Any]) -> None:
    both = _both(_read(hotel, "SELECT hour, messages FROM interaction_hours"))
    hours = [Counter[int](), Counter[int]()]
    for counted, rows in zip(hours, both, strict=True):
        for hour, messages in rows:
            counted[hour.astimezone(ZONE).hour] += messages
    assert tuple(_ask(hotel, "get_message_comparison")[0]) == tuple(each.total() for each in hours)
    assert [tuple(row) for row in _ask(hotel, "list_hour_comparison")] == [
        (hour, hours[0][hour], hours[1][hour]) for hour in range(24)
    ]


def test_contexts(hotel: psycopg.Connection[Any]) -> None:
    both = _both(_read(hotel, "SELECT minute, outcome, answers FROM context_minutes"))
    wanted: list[object] = []
    for rows in both:
        outcomes = Counter[str]()
        for _, outcome, answers in rows:
            outcomes[outcome] += answers
        requests = sum(outcomes.values())
        wanted.append((requests, pytest.approx(100 * outcomes["hit"] / requests, abs=0.0051), outcomes["error"]))
    (found,) = _ask(hotel, "get_context_comparison")
    assert [tuple(map(float, found[::2])), tuple(map(float, found[1::2]))] == wanted
    listed = _ask(hotel, "list_context_comparison")
    assert [row.day for row in listed] == _past()
    assert (sum(row.requests for row in listed), sum(row.requests_before for row in listed)) == found[:2]
    assert min(row.hit_percent for row in listed) < found.hit_percent < max(row.hit_percent for row in listed)


def test_latencies(hotel: psycopg.Connection[Any]) -> None:
    both = _both(_read(hotel, "SELECT minute, calls, buckets FROM query_minutes"))
    buckets = {day: Counter[int]() for day in [*_past(DAYS), *_past()]}
    for minute, _, counted in [*both[0], *both[1]]:
        buckets[minute.astimezone(ZONE).date()].update(dict(enumerate(counted)))

    def percentile(share: float, *days: date) -> object:
        calls = sum((buckets[day] for day in days), Counter[int]())
        array = [calls[place] for place in range(max(calls) + 1)]
        return hotel.execute("SELECT guestsql_percentile(%s::bigint[], %s::numeric)", (array, share)).fetchall()[0][0]

    (found,) = _ask(hotel, "get_latency_comparison")
    assert tuple(found) == (
        *(sum(row[1] for row in rows) for rows in both),
        *(percentile(share, *days) for share in (0.5, 0.95) for days in (_past(), _past(DAYS))),
    )
    assert [tuple(row) for row in _ask(hotel, "list_latency_comparison")] == [
        (day, percentile(0.95, day), percentile(0.95, other)) for day, other in zip(_past(), _past(DAYS), strict=True)
    ]


def test_funnel(hotel: psycopg.Connection[Any]) -> None:
    events = _read(
        hotel,
        "SELECT min(occurred_at) FILTER (WHERE status IN ('interested', 'booked')),"
        " min(occurred_at) FILTER (WHERE status = 'booked') FROM booking_events GROUP BY phone_number",
    )
    steps = [_firsts(hotel), _both(events), _both(events, lambda row: row[1])]
    wanted = [(len(now), len(before)) for now, before in steps]
    found = _ask(hotel, "list_funnel_comparison")
    assert [row.step for row in found] == ["wrote", "interested", "booked"]
    assert [tuple(row[1:]) for row in found] == wanted
    assert min(min(pair) for pair in wanted) > 0


def test_consents(hotel: psycopg.Connection[Any]) -> None:
    both = _both(_read(hotel, "SELECT recorded_at, action FROM consent_events"))
    now, before = (Counter(action for _, action in rows) for rows in both)
    (found,) = _ask(hotel, "get_consent_comparison")
    assert tuple(found) == (now["given"], before["given"], now["withdrawn"], before["withdrawn"])


def test_campaigns(hotel: psycopg.Connection[Any]) -> None:
    actions = _read(
        hotel,
        "SELECT sent_at, campaign, array(SELECT result FROM action_results AS found"
        " WHERE found.action_id = action.action_id) FROM campaign_actions AS action",
    )
    wanted: dict[str, list[int]] = {}
    for place, rows in enumerate(_both(actions)):
        for _, campaign, results in rows:
            counts = wanted.setdefault(campaign, [0] * 6)
            counts[place] += 1
            counts[2 + place] += "replied" in results
            counts[4 + place] += "opted_out" in results
    found = _ask(hotel, "list_campaign_comparison")
    assert {row.campaign: list(row[1:]) for row in found} == wanted
    assert [row.sent + row.sent_before for row in found] == sorted(
        (row.sent + row.sent_before for row in found), reverse=True
    )


@pytest.mark.parametrize("name", [name for name, query in CATALOGUE.items() if query.dashboard == "report"])
def test_an_empty_hotel(connection: psycopg.Connection[Any], name: str) -> None:
    rows = ask(connection, name, days=2, timezone="Asia/Kolkata")
    if name.startswith("get_"):
        assert not any(ask_one(connection, name))
    else:
        counts = {"list_hour_comparison": 24, "list_funnel_comparison": 3, "list_campaign_comparison": 0}
        assert len(rows) == counts.get(name, 2)
        assert not any(any(row[1:]) for row in rows)
