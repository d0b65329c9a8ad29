"""What is beside a result: as values, and on the page."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from html import unescape
from pathlib import Path
from threading import Event
from typing import Any

import psycopg
import pytest

from guestsql.embedded._binaries import find_binaries
from guestsql.errors import GuestSQLError
from guestsql.pages import columns
from guestsql.pages.beside import BesideReader
from guestsql.pages.columns import ReturnedColumn, with_result
from guestsql.pages.last_day import Hour, sparkline
from guestsql.pages.plan_tree import plan_trees
from guestsql.pages.remembered import Remembered
from guestsql.pages.state import State
from guestsql.stubs.committed import Promise
from tests.conftest import NewDatabase
from tests.pages.serving import NOWHERE, page_client, page_state, sql_file
from tests.server import eventually, pg_bin

# A stranger's: a table of its own, and no table of guestsql.
OWN = """
-- name: list_rooms(floor, min_price)
-- Rooms of a floor.
--   floor: int = 1, which one
--   min_price: numeric = 0, the least price
SELECT number, beds, price, price * 2 AS "double!", label AS "label?"
FROM rooms WHERE floor = :floor::int AND price >= :min_price::numeric ORDER BY number LIMIT 10;

-- name: list_joined()
-- Of an outer join.
SELECT more.number, rooms.beds FROM rooms LEFT JOIN rooms AS more ON more.number = rooms.number + 1
ORDER BY 2, 1 LIMIT 9;

-- name: find_guest(phone_number)^
-- One guest.
--   phone_number: text, whose, e.g. '573009999999'
SELECT label FROM rooms WHERE label = :phone_number::text LIMIT 1;

-- name: get_slip()^
-- A slip.
SELECT pricee FROM rooms LIMIT 1;
"""
PHONE = "573001234567"
PATIENT_SECONDS = 30.0


@pytest.fixture(scope="module")
def rooms_url(new_database: NewDatabase) -> Iterator[str]:
    with new_database("template1") as url:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(
                "CREATE TABLE rooms (number int PRIMARY KEY, floor int, beds int NOT NULL, price numeric, label text)"
            )
            connection.execute("INSERT INTO rooms VALUES (101, 1, 2, 80, 'a'), (102, 1, 3, 90, NULL)")
        yield url


@pytest.fixture
def rooms(rooms_url: str, tmp_path: Path) -> Iterator[State]:
    state = page_state(rooms_url, sql_file(tmp_path / "queries", OWN).parent)
    with state.pool:
        yield state


@pytest.fixture
def reader(rooms: State) -> Iterator[BesideReader]:
    with _reader(rooms) as made:
        yield made


class _reader:  # noqa: N801  used as a function
    """A reader whose pages wait for every part, closed at the end."""

    def __init__(self, state: State) -> None:
        self.made = BesideReader(
            state.settings, state.target, state.session, state.masking, wait_seconds=PATIENT_SECONDS
        )
        self.pool = state.pool

    def __enter__(self) -> BesideReader:
        return self.made

    def __exit__(self, *_: object) -> None:
        self.made.close()
        self.pool.close()


def _read(
    reader: BesideReader, state: State, name: str, values: Mapping[str, str | None] | None = None, **more: Any
) -> Any:
    catalogue = state.catalogue.current()[0]
    return reader.read(catalogue[name], catalogue, values or {}, **more)


def test_columns_of_a_strangers_tables(rooms: State, reader: BesideReader) -> None:
    """Without stubs: what tables refuse, what the query's own marks promise, and the rest is unknown."""
    found = _read(reader, rooms, "list_rooms").columns.value
    assert [(each.name, each.type, each.nullness) for each in found] == [
        ("number", "integer", "never"),
        ("beds", "integer", "never"),
        ("price", "numeric", "unknown"),
        ("double", "numeric", "never"),
        ("label", "text", "may be"),
    ]
    assert {each.nullness for each in _read(reader, rooms, "list_joined").columns.value} == {"unknown"}


def test_columns_by_own_stubs(rooms: State, monkeypatch: pytest.MonkeyPatch) -> None:
    promise = Promise({}, "", {"number": "int | None", "beds": "int"})
    monkeypatch.setattr(columns, "read_committed", lambda _: {"list_joined": promise})
    settings = replace(rooms.settings, stubs_dir=Path("stubs"))
    query = rooms.catalogue.current()[0]["list_joined"]
    with rooms.session() as session:
        found = columns.read_columns(session, query, settings, 5.0).columns
    assert [each.nullness for each in found] == ["may be", "never"]


def test_a_result_shows_which_columns_may_be_null() -> None:
    unknown = [ReturnedColumn("a", "text", "unknown"), ReturnedColumn("b", "text", "unknown")]
    assert [each.nullness for each in with_result(unknown, [("x", "y"), (None, "z")])] == ["may be", "unknown"]
    assert with_result(unknown, [(None,)]) == tuple(unknown)


def test_a_database_without_the_tables_of_calls(rooms: State, reader: BesideReader) -> None:
    beside = _read(reader, rooms, "list_rooms")
    assert beside.last_day.value.absence == "tables"
    assert beside.sparkline is None


@pytest.mark.direct("checks queries, which needs a session")
def test_findings_of_the_query_and_the_file_as_it_is_now(rooms: State, reader: BesideReader) -> None:
    assert _read(reader, rooms, "list_rooms").findings.value.of("list_rooms") == ()
    (found,) = _read(reader, rooms, "get_slip").findings.value.of("get_slip")
    assert (found.rule, found.place) == ("GS203", "21:8")
    query = rooms.catalogue.current()[0]["get_slip"]
    query.file.write_text(OWN.replace("pricee", "price"))
    assert _read(reader, rooms, "get_slip").findings.value.of("get_slip") == ()


def test_calls_have_the_values_of_the_form_and_run(
    rooms: State, reader: BesideReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    beside = _read(reader, rooms, "list_rooms", {"floor": "1", "min_price": "85"})
    assert f"Database(queries={str(rooms.settings.queries_dir)!r})".replace("'", '"') in beside.python
    monkeypatch.setenv("DATABASE_URL", rooms.target.url)
    names: dict[str, Any] = {}
    exec(beside.python, names)
    assert [row.number for row in names["rows"]] == [102]
    psql = find_binaries(pg_bin()).program("psql")
    text = beside.psql.replace("psql ", f"{psql} -A -t ", 1)
    ran = subprocess.run(["/bin/sh", "-c", text], capture_output=True, text=True, check=True)
    assert ran.stdout.startswith("102|")


def test_a_guests_id_is_in_no_call_and_in_no_plan(rooms: State, reader: BesideReader) -> None:
    beside = _read(reader, rooms, "find_guest", {"phone_number": PHONE}, is_planned=True)
    assert PHONE not in repr(beside)
    assert "573009999999" in beside.python
    assert beside.plan.is_generic
    assert "$1" in beside.plan.trees[0].root.children[0].details[0]


def test_the_plan_with_the_values_of_the_form(rooms: State, reader: BesideReader) -> None:
    plan = _read(reader, rooms, "list_rooms", {"floor": "7", "min_price": "0"}, is_planned=True).plan
    assert not plan.is_generic
    assert any("floor = 7" in detail for node in _walk(plan.trees[0].root) for detail in node.details)
    assert "get_slip" not in plan.failure
    slip = _read(reader, rooms, "get_slip", is_planned=True).plan
    assert "pricee" in slip.failure


def test_one_node_is_the_most_expensive_and_the_shares_add_up() -> None:
    scan = {
        "Node Type": "Seq Scan",
        "Relation Name": "t",
        "Total Cost": 90,
        "Plan Rows": 7,
        "Filter": f"(a = '{PHONE}')",
    }
    text = json.dumps([{"Plan": {"Node Type": "Sort", "Total Cost": 100, "Plan Rows": 7, "Plans": [scan]}}])
    (tree,) = plan_trees(text)
    nodes = list(_walk(tree.root))
    assert [(node.title, node.is_most_expensive, node.cost) for node in nodes] == [
        ("Sort", False, 10),
        ("Seq Scan on t", True, 90),
    ]
    assert sum(node.share for node in nodes) == pytest.approx(1)
    assert PHONE not in repr(tree)


def _walk(node: Any) -> Iterator[Any]:
    yield node
    for child in node.children:
        yield from _walk(child)


def _hours(*calls: int) -> list[Hour]:
    begin = datetime(2026, 11, 29, tzinfo=UTC)
    return [
        Hour(begin + timedelta(hours=at), number, number // 100, *([Decimal(number)] * 2 if number else [None, None]))
        for at, number in enumerate(calls)
    ]


def test_a_sparkline_has_a_gap_where_nothing_was_called() -> None:
    drawn = sparkline(_hours(0, 5, 5000, 0, 5), width=100, height=50)
    assert [bar.height > 0 for bar in drawn.calls] == [False, True, True, False, True]
    assert drawn.calls[2].height == 50
    assert len(drawn.errors) == 1
    assert [len(line.split()) for line in drawn.lines] == [2, 2]
    assert all(0 <= float(part) <= 100 for line in drawn.lines for part in re.split(r"[ ,]", line))
    assert sparkline([]).lines == ()


@pytest.mark.direct("checks queries, which needs a session")
def test_the_last_day_of_a_query(database_url: str, autocommit: psycopg.Connection[Any]) -> None:
    """The columns of a packaged query have the nullness of guestsql's own stubs."""
    autocommit.execute(
        "INSERT INTO query_minutes SELECT date_trunc('minute', now()), 'list_labels', 3, 1, 9, ARRAY[1, 2]::bigint[]"
    )
    state = page_state(database_url, packaged=True)
    with _reader(state) as reader:
        beside = _read(reader, state, "list_labels")
        day = beside.last_day.value
        assert (day.calls, day.errors, len(day.hours)) == (3, 0, 24)
        assert day.busiest.calls == 3
        assert day.p95 is not None
        assert len(beside.sparkline.calls) == 24
        assert {each.nullness for each in beside.columns.value} == {"may be", "never"}
        assert beside.findings.value.of("list_labels") == ()


@pytest.mark.direct("checks queries, which needs a session")
def test_a_login_without_the_right(database_url: str, autocommit: psycopg.Connection[Any]) -> None:
    autocommit.execute("CREATE ROLE e_reader LOGIN")
    try:
        state = page_state(psycopg.conninfo.make_conninfo(database_url, user="e_reader"), packaged=True)
        with _reader(state) as reader:
            beside = _read(reader, state, "list_labels", is_planned=True)
        assert beside.last_day.value.absence == "right"
        assert beside.findings.value.of("list_labels") == ()
        assert "permission denied" in beside.plan.failure
    finally:
        autocommit.execute("DROP ROLE e_reader")


def test_work_is_done_once_and_kept_while_the_next_is_on_its_way(monkeypatch: pytest.MonkeyPatch) -> None:
    now, go_on, runs = [1.0], Event(), list[None]()
    monkeypatch.setattr("guestsql.pages.remembered.monotonic", lambda: now[0])
    remembered = Remembered(2)

    def work() -> int:
        go_on.wait()
        runs.append(None)
        return len(runs)

    try:
        assert remembered.ask("a", work, fresh_seconds=60).is_pending
        assert remembered.ask("a", work, fresh_seconds=60).is_pending
        go_on.set()
        assert remembered.ask("a", work, fresh_seconds=60, wait_seconds=PATIENT_SECONDS).value == 1
        go_on.clear()
        now[0] = 61.0
        assert remembered.ask("a", work, fresh_seconds=60).value == 1
        assert remembered.ask("a", work, fresh_seconds=60).value == 1
        go_on.set()
        eventually(lambda: remembered.ask("a", work, fresh_seconds=60).value == 2)
        assert len(runs) == 2
    finally:
        go_on.set()
        remembered.close()


def test_a_failure_is_shown_and_a_bug_is_raised() -> None:
    remembered = Remembered(1)

    def fail() -> int:
        raise GuestSQLError(f"no answer about {PHONE}")

    def slip() -> int:
        raise ZeroDivisionError

    try:
        part = remembered.ask("a", fail, fresh_seconds=9, wait_seconds=PATIENT_SECONDS)
        assert "no answer" in part.message
        assert PHONE not in part.message
        with pytest.raises(ZeroDivisionError):
            remembered.ask("b", slip, fresh_seconds=9, wait_seconds=PATIENT_SECONDS)
    finally:
        remembered.close()


def _text(html: str, section: str) -> str:
    found = re.search(rf'aria-labelledby="{section}-heading">(.*?)</section>', html, re.DOTALL)
    assert found is not None
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", found[1])).split())


@pytest.mark.direct("checks queries, which needs a session")
def test_the_page_shows_each_part(rooms: State, reader: BesideReader) -> None:
    rooms.__dict__["beside"] = reader
    browser = page_client(rooms)
    html = browser.get("/q/list_rooms?floor=1&_plan=1").text
    assert "no tables" in _text(html, "day") or "tables of calls" in _text(html, "day")
    assert "guestsql check" in _text(html, "check")
    assert "beds integer never" in _text(html, "columns")
    assert "most expensive" in _text(html, "plan")
    assert "floor=1" in _text(browser.get("/q/list_rooms?floor=1").text, "copy")
    assert 'href="/q/list_rooms?floor=1&amp;_plan=1#plan"' in browser.get("/q/list_rooms?floor=1").text
    html = browser.post("/q/find_guest", data={"phone_number": PHONE, "_plan": "1"}).text
    assert PHONE not in _text(html, "plan") + _text(html, "copy")


def test_a_database_that_is_away_leaves_the_page(tmp_path: Path) -> None:
    state = page_state(NOWHERE, sql_file(tmp_path / "queries", OWN).parent)
    with _reader(state) as reader:
        state.__dict__["beside"] = reader
        answer = page_client(state).get("/q/list_rooms?_plan=1")
    assert answer.status_code == 503
    for section in ("day", "check", "columns"):
        assert (
            "Connection refused" in _text(answer.text, section) or "connection" in _text(answer.text, section).lower()
        )
