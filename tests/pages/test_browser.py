"""The pages in a real browser: as people with a mouse, a keyboard, a phone or a screen reader use them."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest
from playwright.sync_api import Browser

from tests.browser import PHONE, Visitor, visitor
from tests.cli.shell import spawn
from tests.conftest import NewDatabase
from tests.databases import PATIENCE_SECONDS, Proxy

TOKEN = "a token of the tests"
PHONE_NUMBER = "573001234567"

_FAULTY = """
<!doctype html><html lang="en"><title>Faulty</title>
<style>a:focus { outline: none }</style>
<main><h1>Faulty</h1>
<p style="color: #ccc; background: #fff">hardly readable</p>
<p style="width: 800px">wide</p>
<p><a href="/">no outline</a></p>
<img alt="" src="data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' width='9' height='9'/%3E">
</main>
"""
_FIGURES = """
INSERT INTO guest_profiles (phone_number, user_name, labels, first_interaction, last_interaction)
SELECT
    (573000000000 + number)::text, 'Invitado ' || number, '{VIP}',
    statement_timestamp() - number * INTERVAL '1 day', statement_timestamp() - number * INTERVAL '1 hour'
FROM generate_series(1, 40) AS number;
INSERT INTO context_minutes
SELECT date_trunc('minute', statement_timestamp()) - number * INTERVAL '1 hour', outcome, number
FROM generate_series(1, 24) AS number CROSS JOIN unnest(ARRAY['hit', 'miss', 'error']) AS outcome;
INSERT INTO query_minutes
SELECT
    date_trunc('minute', statement_timestamp()) - number * INTERVAL '1 hour', 'list_stays', 60, 60, 60000,
    array_fill(0::bigint, ARRAY[16]) || '{1,4,9,16,12,8,5,3,1,0,0,1}'::bigint[]
FROM generate_series(0, 23) AS number;
"""


@dataclass
class Site:
    """The pages that a process serves, and what is behind them."""

    base: str
    database: str
    proxy: Proxy


@pytest.fixture(scope="module")
def site(new_database: NewDatabase, template_database: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    queries = tmp_path_factory.mktemp("queries")
    shutil.copy(Path(__file__).with_name("browser.sql"), queries)
    with new_database(template_database) as url, Proxy(url) as proxy:
        with psycopg.connect(url) as connection:
            connection.execute(_FIGURES)
        process = spawn(
            "serve",
            "--port",
            "0",
            DATABASE_URL=proxy.url,
            GUESTSQL_QUERIES_DIR=str(queries),
            GUESTSQL_SERVE_TOKEN=TOKEN,
        )
        try:
            assert process.stderr is not None
            found = re.search(r"listening on (http://\S+)", process.stderr.readline())
            assert found is not None, process.communicate(timeout=PATIENCE_SECONDS)
            yield Site(found[1], url, proxy)
        finally:
            process.terminate()
            _, said = process.communicate(timeout=PATIENCE_SECONDS)
        assert process.returncode == 0, said
        assert "Traceback" not in said
        assert PHONE_NUMBER not in said
        assert TOKEN not in said


@pytest.fixture
def person(browser: Browser, site: Site) -> Iterator[Visitor]:
    """A visitor who is logged in."""
    headers = {"Authorization": f"Bearer {TOKEN}"}
    with visitor(browser, site.base, extra_http_headers=headers, locale="en-GB") as one:
        yield one


def test_the_visitor_notices_what_is_wrong(browser: Browser) -> None:
    with visitor(browser, "http://127.0.0.1:1") as one:
        one.page.set_content(_FAULTY)
        assert [each.partition(" ")[0] for each in one.findings()] == ["color-contrast"]
        assert one.wider_than_the_screen() == []
        one.look(size=PHONE)
        assert len(one.wider_than_the_screen()) == 2
        assert one.colours("img") == 1
        with pytest.raises(AssertionError, match="no outline"):
            one.tab_to("a")
        one.page.evaluate("() => console.error('a complaint')")
        one.page.evaluate("() => fetch('http://127.0.0.2:1/').catch(() => null)")
        assert one.complaints.pop(0) == "a complaint"
        assert "ERR_FAILED" in one.complaints.pop()
        assert one.foreign.pop() == "http://127.0.0.2:1/"


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/?search=guest&lang=es", 200),
        ("/q/list_stays", 200),
        ("/q/list_stays?max_rows=many&_plan=1", 400),
        ("/q/get_stay_of", 200),
        ("/q/list_query_hours?query=list_stays&_plan=1&_lang=es", 200),
        ("/dashboards/operations", 200),
        ("/dashboards/guests?lang=es", 200),
        ("/login", 200),
        ("/q/list_stay", 404),
    ],
)
def test_everyone_can_use(person: Visitor, path: str, status: int) -> None:
    """Light and dark, on a desktop and on a phone."""
    person.visit(path, status)
    _check(person)


def _check(person: Visitor) -> None:
    assert person.page.locator("script").count() == 0
    assert person.findings() == []
    person.look("dark", PHONE)
    assert person.wider_than_the_screen() == []
    assert person.findings() == []


def test_a_form_is_filled_in_and_its_result_sorted(person: Visitor) -> None:
    person.visit("/q/list_stays")
    page = person.page
    page.select_option("#p-kind", label="Cabins")
    page.fill("#p-since", "2026-01-15")
    page.click("button.primary")
    assert "kind=cabin" in page.url
    assert _column(person) == ["Cabin 1", "Cabin 2"]
    page.click("#result th a:has-text('nights')")
    assert _column(person) == ["Cabin 2", "Cabin 1"]
    assert page.locator("#result th[aria-sort]").inner_text().startswith("nights")
    assert page.locator("#p-kind").input_value() == "cabin"
    page.reload()
    assert _column(person) == ["Cabin 2", "Cabin 1"]
    with page.expect_download() as saved:
        page.click(".downloads >> text='CSV'")
    lines = saved.value.path().read_text(encoding="utf-8").splitlines()
    assert [line.partition(",")[0] for line in lines] == ["unit", "Cabin 1", "Cabin 2"]


def _column(person: Visitor) -> list[str]:
    person.page.wait_for_load_state()  # a click waits for the next page's beginning only
    return person.page.locator("#result tbody tr > :first-child").all_inner_texts()


def test_a_chart_is_visible_at_every_width_and_in_both_colours(person: Visitor) -> None:
    person.visit("/q/list_stays")
    picture = person.page.locator("figure img").first
    assert "Loft" in (picture.get_attribute("alt") or "")
    assert person.colours("figure img") > 3
    seen = set()
    for scheme in ("light", "dark"):
        for size in (None, PHONE):
            person.look(scheme, size)
            seen.add(picture.screenshot())
    assert len(seen) == 4


def test_a_keyboard_is_enough(person: Visitor) -> None:
    person.visit("/")
    page = person.page
    person.tab_to("a.skip")
    page.keyboard.press("Enter")
    person.tab_to("#search")
    page.keyboard.type("list_stays")
    page.keyboard.press("Enter")
    page.wait_for_url("**/?search=list_stays")
    person.tab_to("a[href='/q/list_stays']")
    page.keyboard.press("Enter")
    page.wait_for_url("**/q/list_stays")
    person.tab_to("#p-max_rows")
    page.keyboard.press("Control+A")
    page.keyboard.type("2")
    page.keyboard.press("Enter")
    page.wait_for_url("**max_rows=2**")
    assert _column(person) == ["Loft", "Cabin 1"]
    person.tab_to("#result th a")
    page.keyboard.press("Enter")
    page.wait_for_url("**sort=unit**")
    assert _column(person) == ["Cabin 1", "Loft"]


def test_what_is_wrong_is_said_beside_the_field_and_can_be_corrected(person: Visitor) -> None:
    person.visit("/q/list_stays")
    page = person.page
    page.fill("#p-max_rows", "many")
    with page.expect_navigation() as done:
        page.click("button.primary")
    person.expect(400, done.value)
    field = page.locator("#p-max_rows")
    assert field.input_value() == "many"
    assert field.get_attribute("aria-invalid") == "true"
    described = (field.get_attribute("aria-describedby") or "").split()
    assert any("many" in page.locator(f"#{each}").inner_text() for each in described)
    assert page.locator("#result").count() == 0
    field.fill("1")
    page.click("button.primary")
    assert _column(person) == ["Loft"]


def test_a_guests_id_is_in_no_address(person: Visitor) -> None:
    person.visit("/q/get_stay_of")
    page = person.page
    page.fill("#p-phone_number", PHONE_NUMBER)
    page.click("button.primary")
    assert "Loft" in page.inner_text("#result")
    assert PHONE_NUMBER not in page.url
    assert PHONE_NUMBER not in page.inner_text("#result")
    assert page.locator("#p-phone_number").input_value() == PHONE_NUMBER
    with page.expect_download() as saved:
        page.click(".downloads >> text='JSON'")
    assert "Loft" in saved.value.path().read_text(encoding="utf-8")
    assert PHONE_NUMBER not in saved.value.url
    assert page.locator(f"a[href*='{PHONE_NUMBER}'], form[action*='{PHONE_NUMBER}']").count() == 0


@pytest.mark.direct("a pooler replaces the server's process of an idle client")
def test_a_database_that_goes_away_and_returns(person: Visitor, site: Site) -> None:
    person.visit("/q/list_stays?max_rows=1")
    site.proxy.deaf = True
    with psycopg.connect(site.database, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    try:
        person.visit("/q/list_stays?max_rows=2", 503)
        assert person.page.locator("#p-max_rows").input_value() == "2"
        assert person.findings() == []
    finally:
        site.proxy.deaf = False
    person.page.click("button.primary")
    assert _column(person) == ["Loft", "Cabin 1"]


def test_the_way_in(browser: Browser, site: Site) -> None:
    with visitor(browser, site.base) as one:
        page = one.page
        one.visit("/q/list_stays?max_rows=1")
        assert urlsplit(page.url).path == "/login"
        page.fill("[name=token]", "wrong")
        with page.expect_navigation() as done:
            page.keyboard.press("Enter")
        one.expect(done.value.status, done.value)
        assert done.value.status in (401, 403)
        assert one.findings() == []
        page.fill("[name=token]", TOKEN)
        page.keyboard.press("Enter")
        page.wait_for_url("**/q/list_stays?max_rows=1")
        assert _column(one) == ["Loft"]
        (cookie,) = page.context.cookies()
        assert cookie["httpOnly"]
        assert cookie["sameSite"] == "Strict"
        assert TOKEN not in cookie["value"]
