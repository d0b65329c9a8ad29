"""A query's page: what its form takes, what its table shows, and what it says when there is no result."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape
from pathlib import Path

import psycopg
import pytest
from starlette.testclient import TestClient

from tests.conftest import NewDatabase
from tests.pages.serving import NOWHERE, cells_of, page_client, page_state, sql_file

PHONE = "573000000001"
QUERIES = r"""
-- name: search(lang, sort, plan, max_rows)
-- Named like a route. Its parameters are named like the page's own.
--
-- A <b>second</b> paragraph.
-- empty: nothing <i>today</i>
--   lang: text = 'es', its own
--   sort: text = null, its own
--   plan: text = '', its own
--   max_rows: int = 2, rows at most, e.g. 5
SELECT n, :lang::text AS lang, :sort::text AS sort, :plan::text AS plan
FROM generate_series(1, :max_rows::int) AS n;

-- name: list_values()
-- Every awkward value.
SELECT
    1234567890123456789012345678901234567890.5::numeric AS digits,
    12345::bigint AS " ",
    7 AS dup, 8 AS dup,
    NULL::text AS nothing,
    ''::text AS blank,
    E'<script>alert(1)</script>\u202egnp' AS "<b>name</b>",
    true AS flag,
    ARRAY['a', 'b, c', NULL] AS words,
    ARRAY[1, 2, NULL] AS numbers,
    '{}'::text[] AS none,
    '{"phone": "573000000001", "note": "call 573000000001", "n": 573000000001, "deep": {"ok": 1.10}}'::jsonb AS doc,
    date '0044-03-15 BC' AS caesar,
    date 'infinity' AS forever,
    date '2026-11-29' AS day,
    timestamptz '2026-11-29 04:30:00+00' AS at,
    timestamptz 'infinity' AS never,
    '573000000001' AS phone_number,
    'Ana María' AS guest_name,
    'VIP' AS label,
    'call +57 300 000 0001' AS remark,
    'NaN'::float8 AS nan,
    1500000 AS size_bytes;

-- name: list_hidden()
-- Phone numbers in all places.
SELECT phone AS phone_number, jsonb_build_object(phone, 1, '57300999' || '0001', 2) AS doc, n
FROM (VALUES ('57300000' || '0001', 1), ('57100000' || '0009', 2)) AS given (phone, n);

-- name: list_senders()
-- The values are phone numbers, the labels are not.
SELECT '573000000001' AS sender, 'Ana' AS name;

-- name: get_of_sender(sender)$
-- Of one.
--   sender: text = 'x', whose
--     choices: list_senders
SELECT :sender::text;

-- name: delete_guest(phone_number)!
-- Writes.
--   phone_number: text, whose
DELETE FROM things WHERE phone = :phone_number::text;

-- name: list_heavy()
-- Rows of a megabyte.
SELECT n, repeat('x', 1000000) AS filler FROM generate_series(1, 1000) AS n;

-- name: list_many(rows, columns)
-- chart: line x=n y=no_such
--   rows: int = 1001, how many
SELECT n, 'x' || n % 7 AS word, CASE WHEN n % 2 = 0 THEN n END AS half FROM generate_series(1, :rows::int) AS n;

-- name: list_wide()
-- Two hundred columns.
SELECT WIDE FROM generate_series(1, 150);

-- name: list_nothing()
SELECT FROM generate_series(1, 3);

-- name: get_row()^
-- One row.
-- chart: number y=a
SELECT 1 AS a, NULL::int AS b, 'x' AS c;

-- name: get_value()$
-- One value.
SELECT 1234567.25::numeric;

-- name: list_sums()
-- Numbers of different lengths beside short ones.
SELECT * FROM (VALUES (9461.43, 2026), (11575.71, 2027)) AS sums (sum, year);

-- name: get_no_value()$
-- No value.
-- empty: there is none
SELECT 1 WHERE false;

-- name: delete_all(thing, day)!
-- Writes.
--   thing: text = null, NULL for all
--   day: date = null, e.g. '2026-11-29'
DELETE FROM things WHERE thing = :thing::text OR day = :day::date;

-- name: get_sly()$
-- Writes by a function.
SELECT nextval('numbers');

-- name: get_slow()$
-- Sleeps.
SELECT pg_sleep(30);

-- name: get_missing()$
-- A table that is not there.
SELECT 1
FROM no_such_table;

-- name: get_bad_number()$
-- Quotes what it cannot read.
SELECT ('573000000001' || 'x')::int;

-- name: get_guest(phone_number)^
-- One guest.
--   phone_number: text, the guest's key, e.g. '573000000009'
SELECT :phone_number::text AS phone_number, 'x' AS chat_id, 1 AS n;

-- name: list_guests(phone_numbers)
-- Some guests.
--   phone_numbers: text[], their keys
SELECT key AS phone_number, place FROM unnest(:phone_numbers::text[]) WITH ORDINALITY AS given (key, place);

-- name: list_typed(mood, moods, flag, day, at, clock, stamp, amount, doc, tags, choice)
-- All kinds of inputs.
--   mood: mood = 'so, so', how
--   moods: mood[] = '{good}', which of these
--   flag: bool = true, whether
--   day: date = 'infinity', when
--   at: timestamptz = '2026-01-01 00:00', from when
--   clock: time = '08:30', the time
--   stamp: timestamp = null, no zone
--   amount: numeric = 1.5, how much
--   doc: jsonb = '{"a": 1}', a document
--   tags: text[] = '{}', any of these
--   choice: text = 'b', one of these
--     choices: list_choices
SELECT
    :mood::mood AS mood, :moods::mood[] AS moods, :flag::bool AS flag, :day::date AS day,
    :at::timestamptz AT TIME ZONE 'UTC' AS at, :clock::time AS clock, :stamp::timestamp AS stamp,
    :amount::numeric AS amount, :doc::jsonb AS doc, :tags::text[] AS tags, :choice::text AS choice;

-- name: list_choices()
-- Choices.
SELECT v, 'label of ' || v FROM unnest(ARRAY['a', 'b', 'c&d']) AS v;

-- name: list_cached(n)
-- cache: 60s
--   n: int, a number
SELECT :n::int AS n;
"""


@pytest.fixture(scope="module")
def url(new_database: NewDatabase) -> Iterator[str]:
    with new_database("template1") as made:
        with psycopg.connect(made, autocommit=True) as connection:
            connection.execute("CREATE TYPE mood AS ENUM ('bad', 'so, so', 'good')")
            connection.execute("CREATE SEQUENCE numbers; GRANT ALL ON numbers TO PUBLIC")
        yield made


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Path:
    wide = ", ".join(f"{n} AS column_{n}" for n in range(200))
    folder = tmp_path_factory.mktemp("queries")
    sql_file(folder, QUERIES.replace("WIDE", wide).replace("list_many(rows, columns)", "list_many(rows)"))
    return folder


@pytest.fixture(scope="module")
def pages(url: str, own: Path) -> Iterator[TestClient]:
    state = page_state(url, own)
    with state.pool:
        yield page_client(state)


def field(html: str, name: str) -> str:
    """The input of a parameter, with its label, hint and error."""
    found = re.search(rf'<label for="p-{name}">.*?(?=<label for="p-|</form>)', html, re.DOTALL)
    assert found, name
    return found[0]


def notice(html: str) -> str:
    found = re.search(r'<div class="notice error" role="alert">.*?</div>', html, re.DOTALL)
    assert found, html
    return unescape(found[0])


def test_a_query_named_like_a_route(pages: TestClient) -> None:
    answer = pages.get("/q/search?lang=xx&sort=n&plan=p&max_rows=2&_sort=-n")
    assert answer.status_code == 200
    assert cells_of(answer.text)[1:] == [["2", "xx", "n", "p"], ["1", "xx", "n", "p"]]
    assert '<html lang="en">' in answer.text
    assert "A &lt;b&gt;second&lt;/b&gt; paragraph." in answer.text
    assert "nothing &lt;i&gt;today&lt;/i&gt;" in pages.get("/q/search?max_rows=0").text


def test_an_empty_input(pages: TestClient) -> None:
    shown = cells_of(pages.get("/q/search?lang=&sort=&plan=&max_rows=").text)
    assert shown[1] == ["1", "empty text", "NULL", "empty text"]
    assert cells_of(pages.get("/q/search?_null=lang&_null=max_rows").text) == []
    assert cells_of(pages.get("/q/search?_null=lang").text)[1][1] == "NULL"


def test_every_value_is_shown_as_it_is(pages: TestClient) -> None:
    html = pages.get("/q/list_values", headers={"Accept-Language": "en"}).text
    names, values = cells_of(html)[:2]
    shown = dict(zip(names, values, strict=True))
    assert len(names) == 23
    assert "<script" not in html
    assert "\u202e" not in html
    assert shown["digits"] == "1,234,567,890,123,456,789,012,345,678,901,234,567,890.5"
    assert shown["(2)"] == "12,345"
    assert (shown["nothing"], shown["blank"], shown["none"]) == ("NULL", "empty text", "[]")
    assert shown["<b>name</b>"] == "<script>alert(1)</script>\ufffdgnp"
    assert shown["words"] == '["a", "b, c", null]'
    assert shown["numbers"] == "1, 2, NULL"
    assert (shown["caesar"], shown["forever"], shown["never"]) == ("0044-03-15 BC", "infinity", "infinity")
    assert (shown["day"], shown["at"]) == ("Nov 29, 2026", "Nov 28, 2026 23:30:00")
    assert (shown["nan"], shown["size_bytes"]) == ("NaN", "1.5 MB")
    assert "1.10" in shown["doc"]


def test_a_long_number_groups_the_digits_of_its_column(pages: TestClient) -> None:
    assert cells_of(pages.get("/q/list_sums").text)[1:] == [["9,461.43", "2026"], ["11,575.71", "2027"]]


def test_phones_are_masked(pages: TestClient) -> None:
    html = pages.get("/q/list_values").text
    names, values = cells_of(html)[:2]
    shown = dict(zip(names, values, strict=True))
    assert (shown["phone_number"], shown["guest_name"], shown["label"]) == ("***0001", "Ana María", "VIP")
    assert shown["remark"] == "call +…"
    assert PHONE not in str(values)
    assert "300 000 0001" not in str(values)


def test_phones_are_masked_where_they_are_no_values(pages: TestClient) -> None:
    html = pages.get("/q/list_hidden?_sort=phone_number").text
    assert [row[2] for row in cells_of(html)[1:]] == ["1", "2"]  # by the digits that are shown
    assert cells_of(html)[1][1] == '{"…": 1, "… (2)": 2}'
    assert not re.search(r"57[13]0\d{8}", html)
    assert PHONE not in pages.get("/q/get_of_sender").text
    refused = pages.get(f"/q/delete_guest?phone_number={PHONE}")
    assert (refused.status_code, PHONE in refused.text) == (400, False)


def test_without_the_packaged_tables_nothing_is_masked(url: str, tmp_path: Path) -> None:
    sql_file(
        tmp_path,
        "-- name: list_orders(user_id)\n-- Orders.\n-- dashboard: orders\n--   user_id: text = '20240101123456', id\n"
        "SELECT 'ORD-20240101123456' AS code, :user_id::text AS phone, '+57 300 000 0001' AS email;\n",
    )
    state = page_state(url, tmp_path, masks=False)
    with state.pool, state.downloads:
        pages = page_client(state)
        html = pages.get("/q/list_orders?user_id=1234567890&_plan=1").text
        row = ["ORD-20240101123456", "1234567890", "+57 300 000 0001"]
        assert cells_of(html)[1] == row
        assert 'method="get"' in html
        assert html.count("1234567890") > 2  # in the links and the calls to copy, too
        for ending in ("csv", "json"):
            text = pages.get(f"/q/list_orders.{ending}?user_id=1234567890").text
            assert all(value in text for value in row), text
        assert "ORD-20240101123456" in pages.get("/dashboards/orders").text


def test_rows_that_are_too_large_for_a_page(pages: TestClient) -> None:
    html = pages.get("/q/list_heavy").text
    assert 1 < len(cells_of(html)) < 100
    assert "a download has all" in html


@pytest.mark.parametrize(
    ("sort", "order", "first"),
    [("half", "ascending", "2"), ("-half", "descending", "1000"), ("word", "ascending", "7"), ("dup", None, "1")],
)
def test_sorting(pages: TestClient, sort: str, order: str | None, first: str) -> None:
    html = pages.get(f"/q/list_many?_sort={sort}").text
    assert re.findall(r'aria-sort="(\w+)"', html) == ([order] if order else [])
    column = 2 if "half" in sort else 0
    assert cells_of(html)[1][column] == first
    assert ("There is no column “dup”" in html) == (order is None)
    if "half" in sort:
        assert cells_of(html)[-1][2] == "NULL"


def test_columns_with_one_name_are_sorted_each(pages: TestClient) -> None:
    links = re.findall(r'<th scope="col"[^>]*><a href="([^"]*)"', pages.get("/q/list_values").text)
    assert len(set(links)) == len(links) == 23
    for link in links:
        assert 'aria-sort="ascending"' in pages.get(unescape(link)).text, link


def test_a_page_shows_a_thousand_rows(pages: TestClient) -> None:
    html = pages.get("/q/list_many").text
    assert len(cells_of(html)) == 1001
    assert "The first 1000 rows; a download has all" in html
    assert "<caption" in html
    assert "1000 rows</caption>" in pages.get("/q/list_many?rows=1000").text


def test_a_wide_result_has_fewer_rows(pages: TestClient) -> None:
    html = pages.get("/q/list_wide").text
    assert len(cells_of(html)) == 101
    assert "The first 100 rows" in html


def test_results_that_are_no_table(pages: TestClient) -> None:
    assert "3 rows" in pages.get("/q/list_nothing").text
    assert cells_of(pages.get("/q/get_row").text) == [["a", "1"], ["b", "NULL"], ["c", "x"]]
    assert "1,234,567.25" in pages.get("/q/get_value").text
    assert "there is none" in pages.get("/q/get_no_value").text


def test_a_chart_is_in_the_page(pages: TestClient) -> None:
    html = pages.get("/q/get_row").text
    assert html.count("data:image/svg+xml;base64,") == 3
    assert re.search(r'<img src="data:[^"]*" alt="[^"]*a[^"]*1[^"]*">', html)
    assert 'href="/q/get_row.svg"' in html
    fault = pages.get("/q/list_many?rows=1").text
    assert 'href="/q/list_many.svg' not in fault
    assert "The chart cannot be drawn:" in fault
    assert "no_such" in fault


def test_a_query_that_writes_is_refused_kindly(pages: TestClient) -> None:
    answer = pages.get("/q/delete_all")
    assert answer.status_code == 200
    assert "<code>guestsql query run delete_all --write</code>" in answer.text
    answer = pages.get("/q/delete_all", headers={"Accept-Language": "es"})
    assert "p. ej. &#39;2026-11-29&#39; · date" in answer.text
    answer = pages.get("/q/delete_all", params={"thing": "an old 'lamp'", "day": ""})
    command = "guestsql query run delete_all --write -p 'thing=an old '\"'\"'lamp'\"'\"'' --null day"
    assert command in unescape(answer.text)
    answer = pages.get("/q/get_sly")
    assert answer.status_code == 403
    assert "This query writes, and pages only read." in answer.text


def test_a_query_that_takes_too_long(url: str, own: Path) -> None:
    state = page_state(url, own, timeout=1.0)
    with state.pool:
        answer = page_client(state).get("/q/get_slow")
    assert answer.status_code == 504
    assert "SQLSTATE 57014" in answer.text


def test_an_error_has_its_place_and_no_value(pages: TestClient, own: Path) -> None:
    answer = pages.get("/q/get_missing")
    assert answer.status_code == 500
    assert "SQLSTATE 42P01" in answer.text
    assert re.search(rf"{re.escape(str(own / 'own.sql'))}:\d+:6", unescape(answer.text))
    assert "SELECT" not in notice(answer.text)
    assert PHONE not in notice(pages.get("/q/get_bad_number").text)


def test_an_unknown_query_has_near_ones(pages: TestClient) -> None:
    answer = pages.get("/q/get_valeu")
    assert answer.status_code == 404
    assert 'href="/q/get_value"' in answer.text
    assert PHONE not in pages.get(f"/q/{PHONE}").text


def test_a_value_that_identifies_a_guest_stays_out_of_the_address(pages: TestClient) -> None:
    html = pages.get("/q/get_guest").text
    assert 'method="post"' in html
    assert 'aria-describedby="p-phone_number-hint p-phone_number-error"' in html
    refused = pages.get(f"/q/get_guest?phone_number={PHONE}")
    assert refused.status_code == 400
    assert PHONE not in refused.text
    assert 'href="/q/get_guest?_lang=es"' in refused.text
    answer = pages.post("/q/get_guest", data={"phone_number": PHONE})
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    assert cells_of(answer.text)[0] == ["phone_number", "***0001"]
    assert PHONE not in "".join(re.findall(r'(?:href|action)="[^"]*"', answer.text))
    assert 'formaction="/q/get_guest.csv"' in answer.text


def test_headings_of_a_form_that_is_posted_sort(pages: TestClient) -> None:
    given = {"phone_numbers": f"{PHONE}, 573000000002"}
    html = pages.post("/q/list_guests", data=given).text
    assert '<button form="form" name="_sort" value="place">' in html
    html = pages.post("/q/list_guests", data={**given, "_sort": ["place", "-place"]}).text
    assert [row[1] for row in cells_of(html)[1:]] == ["2", "1"]
    assert '<input type="hidden" name="_sort" value="-place">' in html


def test_a_missing_value_and_a_wrong_one(pages: TestClient) -> None:
    missing = pages.get("/q/list_cached")
    assert (missing.status_code, "Enter a value." in missing.text) == (200, True)
    assert 'aria-required="true"' in missing.text
    assert "autofocus" not in missing.text
    assert "autofocus" in field(pages.get("/q/list_cached?n=abc").text, "n")
    for given, said in [
        ("n=abc", "&#39;abc&#39; is not of type int"),
        ("n=1&n=2", "given twice"),
        ("n=1&m=2", "no parameter"),
    ]:
        wrong = pages.get(f"/q/list_cached?{given}")
        assert (wrong.status_code, said in wrong.text) == (400, True), wrong.text


def test_inputs_suit_the_types(pages: TestClient) -> None:
    html = pages.get("/q/list_typed").text
    assert '<option value="so, so" selected>so, so</option>' in field(html, "mood")
    assert "<select" in field(html, "moods")
    assert " multiple" in field(html, "moods")
    assert '<option value="true" selected>yes</option>' in field(html, "flag")
    assert 'type="text" value="infinity"' in field(html, "day")
    assert 'type="datetime-local" value="2026-01-01T00:00"' in field(html, "at")
    assert 'type="time" value="08:30"' in field(html, "clock")
    assert 'type="datetime-local" value=""' in field(html, "stamp")
    assert 'inputmode="decimal"' in field(html, "amount")
    assert "<textarea" in field(html, "doc")
    assert '<option value="c&amp;d">label of c&amp;d</option>' in field(html, "choice")


def test_values_of_inputs_reach_the_query(pages: TestClient) -> None:
    given = (
        "mood=good&moods=bad&moods=so,+so&flag=false&day=0044-03-15+BC&at=2026-01-01T00:00&clock=08:30:01"
        "&stamp=2026-02-03T04:05&amount=1e2&doc=[1]&tags=x,%22y&choice=c%26d"
    )
    html = pages.get(f"/q/list_typed?{given}").text
    assert cells_of(html)[1] == [
        "good", '{bad,"so, so"}', "no", "0044-03-15 BC", "Jan 1, 2026 05:00:00", "08:30:01",
        "Feb 3, 2026 04:05:00", "100", "1", 'x, "y', "c&d",
    ]  # fmt: skip
    assert field(html, "moods").count(" selected") == 2
    again = unescape(re.findall(r'<th scope="col"[^>]*><a href="([^"]*)"', html)[0])
    assert cells_of(pages.get(again).text)[1] == cells_of(html)[1]


def test_a_browser_keeps_a_page(pages: TestClient) -> None:
    first = pages.get("/q/list_cached?n=1")
    assert first.headers["cache-control"] == "private, max-age=60"
    tag = first.headers["etag"]
    same = pages.get("/q/list_cached?n=1", headers={"If-None-Match": f'"other", {tag}'})
    assert (same.status_code, same.text, same.headers["etag"]) == (304, "", tag)
    assert pages.get("/q/list_cached?n=2", headers={"If-None-Match": tag}).status_code == 200
    assert pages.get("/q/get_row").headers["cache-control"] == "private, no-cache"
    assert pages.head("/q/list_cached?n=1").headers["etag"] == tag


def test_sessions_that_are_all_in_use(url: str, own: Path) -> None:
    state = page_state(url, own, timeout=0.1, sessions=1)
    with state.pool, state.session():
        answer = page_client(state).get("/q/get_row")
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
        assert "all 1 sessions were in use" in notice(answer.text)
    state = page_state(url, own, sessions=1)
    with state.pool:
        pages = page_client(state)
        assert [pages.get("/q/get_row").status_code for _ in range(3)] == [200] * 3


def test_a_right_that_the_role_of_pages_lacks(database_url: str, tmp_path: Path) -> None:
    with psycopg.connect(database_url) as connection:
        connection.execute("CREATE TABLE rooms AS SELECT 1 AS room")
    sql_file(tmp_path, "-- name: list_rooms()\n-- Rooms.\nSELECT room FROM rooms")
    state = page_state(database_url, tmp_path, packaged=True)
    answer = page_client(state).get("/q/list_rooms")
    state.close()
    assert answer.status_code == 403
    assert "permission denied for table rooms" in answer.text
    assert "Pages run as guestsql_monitor, which may not read this." in answer.text
    assert "guestsql query run list_rooms" in answer.text
    assert 'href="/q/list_rooms?_lang=es"' in answer.text


def test_a_database_that_is_away(own: Path) -> None:
    answer = page_client(page_state(NOWHERE, own)).get("/q/search?max_rows=7&mood=x")
    assert answer.status_code == 400  # the form comes first
    answer = page_client(page_state(NOWHERE, own)).get("/q/search?max_rows=7")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    assert 'value="7"' in field(answer.text, "max_rows")
    assert '<a href="/q/search?max_rows=7">Try again</a>' in answer.text
