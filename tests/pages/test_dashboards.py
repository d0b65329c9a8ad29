"""Dashboards: which queries are on them, and what each panel shows while others fail."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import Future
from html import unescape
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import psycopg
import pytest

from guestsql.languages import language
from guestsql.pages import dashboards
from guestsql.pages.dashboards import dashboards_of, read_panels
from guestsql.pages.masking import Masking
from guestsql.pages.state import State
from guestsql.pages.table import Rows
from guestsql.sql import Query, load_catalogue
from tests.conftest import NewDatabase
from tests.pages.serving import page_client, page_state, sql_file
from tests.server import eventually

# Below the others by line, and above them by the name of its file.
FIRST = """
-- name: list_days()
-- Requests by day.
-- chart: line x=day y=hits
-- dashboard: hotel
SELECT day::date AS day, 3 AS hits FROM generate_series('2026-11-01', '2026-11-09', interval '1 day') AS day ORDER BY 1;
"""
PANELS = """
-- name: list_guests()
-- Guests by phone.
-- dashboard: hotel
SELECT '573001234567' AS phone_number, 'Ana <b>' AS user_name, n AS stays FROM generate_series(1, 25) AS n ORDER BY n;

-- name: divide(n)$
-- A division.
-- dashboard: hotel
--   n: int = 0, divisor
SELECT 1 / :n::int AS quotient;

-- name: get_totals()^
-- Totals.
-- dashboard: hotel
SELECT 12345 AS guests, NULL::int AS rooms;

-- name: list_nothing()
-- Open bookings.
-- empty: No booking is open.
-- dashboard: hotel
SELECT 1 AS one WHERE false ORDER BY 1;

-- name: list_of_floor(floor)
-- Rooms.
-- dashboard: hotel
--   floor: int, which one
SELECT :floor::int AS floor ORDER BY 1;

-- name: list_wrong_chart()
-- A chart without its column.
-- chart: line x=day y=nothing
-- dashboard: hotel
SELECT current_date AS day, 1 AS something ORDER BY 1;

-- name: list_elsewhere()
-- On another one.
-- dashboard: kitchen
SELECT 1 AS one ORDER BY 1;
"""


@pytest.fixture(scope="module")
def any_url(new_database: NewDatabase) -> Iterator[str]:
    with new_database("template1") as url:
        yield url


@pytest.fixture
def hotel(any_url: str, tmp_path: Path) -> Iterator[State]:
    sql_file(tmp_path / "queries", FIRST, "a.sql")
    state = page_state(any_url, sql_file(tmp_path / "queries", PANELS, "b.sql").parent)
    with state.pool:
        yield state


def _panels(html: str) -> dict[str, str]:
    found = re.findall(r'aria-labelledby="panel-(\w+)">(.*?)</article>', html, re.DOTALL)
    return {name: " ".join(unescape(re.sub(r"<(?!img)[^>]+>", " ", text)).split()) for name, text in found}


def test_a_panel_for_each_query_and_the_others_stay_when_some_fail(hotel: State) -> None:
    answer = page_client(hotel).get("/dashboards/hotel")
    assert answer.status_code == 200
    panels = _panels(answer.text)
    assert list(panels) == [
        "list_days",
        "list_guests",
        "divide",
        "get_totals",
        "list_nothing",
        "list_of_floor",
        "list_wrong_chart",
    ]
    assert '<img src="data:image/svg+xml;base64,' in panels["list_days"]
    assert "SQLSTATE 22012: division by zero" in panels["divide"]
    assert panels["get_totals"] == "Totals guests 12,345 rooms NULL"
    assert panels["list_nothing"] == "Open bookings No booking is open."
    assert "list_of_floor needs floor" in panels["list_of_floor"]
    assert "no column nothing" in panels["list_wrong_chart"]
    assert "something" in panels["list_wrong_chart"]
    assert panels["list_guests"].count("***4567") == 10
    assert "More rows" in panels["list_guests"]
    assert "573001234567" not in answer.text
    assert "Ana <b>" not in answer.text
    assert answer.text.count('<a href="/q/divide">') == 1


def test_it_reloads_unless_it_is_paused(hotel: State) -> None:
    browser = page_client(hotel)
    moving = browser.get("/dashboards/kitchen")
    assert moving.headers["Refresh"] == "60"
    assert 'href="/dashboards/kitchen?_refresh=off"' in moving.text
    for own in ("_refresh", "refresh"):
        paused = browser.get(f"/dashboards/kitchen?{own}=off")
        assert "Refresh" not in paused.headers
        assert 'href="/dashboards/kitchen"' in paused.text


def test_the_list_of_dashboards(hotel: State) -> None:
    browser = page_client(hotel)
    listed = browser.get("/dashboards")
    assert re.findall(r'<h2[^>]*><a href="/dashboards/(\w+)">', listed.text) == ["hotel", "kitchen"]
    assert "On another one" in listed.text
    absent = browser.get("/dashboards/573001234567")
    assert absent.status_code == 404
    assert "573001234567" not in absent.text
    assert "/dashboards/kitchen" in absent.text


def test_an_own_query_is_on_its_dashboard_without_a_restart(hotel: State, tmp_path: Path) -> None:
    browser = page_client(hotel)
    assert browser.get("/dashboards/bar").status_code == 404
    sql_file(tmp_path / "queries", "-- name: get_drinks()$\n-- Drinks.\n-- dashboard: bar\nSELECT 7 AS n;\n", "c.sql")
    eventually(lambda: browser.get("/dashboards/bar").status_code == 200)


def test_packaged_dashboards_are_read_by_the_role_of_the_monitor(
    database_url: str, autocommit: psycopg.Connection[Any]
) -> None:
    """Every packaged panel needs no more than guestsql_monitor may read."""
    autocommit.execute("ALTER ROLE guestsql_monitor LOGIN")
    try:
        state = page_state(psycopg.conninfo.make_conninfo(database_url, user="guestsql_monitor"), packaged=True)
        with state.pool:
            found = dashboards_of(state.catalogue.current()[0].values())
            panels = [panel for each in found.values() for panel in read_panels(state, each, language("en"))]
        assert {panel.name: panel.problem.detail for panel in panels if panel.problem is not None} == {}
        assert {panel.name: panel.fault for panel in panels if panel.fault} == {}
    finally:
        autocommit.execute("ALTER ROLE guestsql_monitor NOLOGIN")


def _fake(fetch: Any, sessions: int) -> Any:
    return SimpleNamespace(sessions=sessions, timeout=60.0, zone=ZoneInfo("UTC"), fetch=fetch, masking=Masking())


def _queries(number: int) -> list[Query]:
    return [query for query in load_catalogue().values() if not query.parameters][:number]


def test_panels_run_at_once_on_as_many_sessions_as_there_are() -> None:
    """Two are let go only when both are there; a third one at once would be seen."""
    both, lock, running, most = threading.Barrier(2), threading.Lock(), 0, 0

    def fetch(_query: Query, _values: Mapping[str, str | None]) -> Rows:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        both.wait(30)
        with lock:
            running -= 1
        return Rows(("n",), [(1,)], is_cut=False)

    panels = read_panels(_fake(fetch, 2), _queries(6), language("en"))
    assert most == 2
    assert [panel.problem for panel in panels] == [None] * 6


def test_a_panel_behind_a_slow_one_says_that_it_was_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    begun, given_up = threading.Event(), threading.Event()

    def fetch(_query: Query, _values: Mapping[str, str | None]) -> Rows:
        begun.set()
        given_up.wait(30)
        return Rows(("n",), [(1,)], is_cut=False)

    def wait(running: list[Future[Any]], _seconds: float) -> tuple[set[Future[Any]], list[Future[Any]]]:
        begun.wait(30)
        running[-1].add_done_callback(lambda _: given_up.set())
        return set(), running

    monkeypatch.setattr(dashboards, "wait", wait)
    slow, behind = read_panels(_fake(fetch, 1), _queries(2), language("en"))
    assert slow.problem is None
    assert behind.problem is not None
    assert "took too long" in behind.problem.title


def test_a_bug_in_one_panel_leaves_the_others(caplog: pytest.LogCaptureFixture) -> None:
    first, second = _queries(2)

    def fetch(query: Query, _values: Mapping[str, str | None]) -> Rows:
        if query is first:
            raise ZeroDivisionError
        return Rows(("n",), [(1,)], is_cut=False)

    broken, whole = read_panels(_fake(fetch, 1), [first, second], language("en"))
    assert broken.problem is not None
    assert broken.problem.detail == "ZeroDivisionError"
    assert first.name in caplog.text
    assert whole.problem is None
