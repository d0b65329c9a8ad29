"""The report in Chromium: light and dark, on a phone, printed, without a request or a complaint."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import Browser

from guestsql.languages import language
from guestsql.report.page import write_page
from guestsql.report.panels import Answer, Reader, panel
from guestsql.report.reading import ReadChapter
from guestsql.sql import load_catalogue
from tests.browser import PHONE, Visitor

READER = Reader(language("en"), ZoneInfo("America/Bogota"), 30)
ANSWERS = {
    "get_context_comparison": Answer(
        ("requests", "requests_before", "hit_percent", "hit_percent_before", "errors", "errors_before"),
        [(12_345_678, 9_876_543, 91.26, 88.5, 0, None)],
    ),
    "list_hour_comparison": Answer(
        ("hour", "messages", "messages_before"), [(hour, hour * 9 % 17, hour * 5 % 13) for hour in range(24)]
    ),
    "list_campaign_comparison": Answer(
        ("campaign", "sent", "sent_before", "replied", "replied_before", "opted_out", "opted_out_before"),
        [("a-campaign-with-a-name-of-" + "many-" * 12 + "words", 300, 200, 30, 20, 3, 2), ("easter", 1, 0, 0, 0, 0, 0)],
    ),
}


@pytest.fixture(scope="module")
def page_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    catalogue = load_catalogue()
    panels = [panel(catalogue[name], answer, READER) for name, answer in ANSWERS.items()]
    panels.append(panel(catalogue["list_funnel_comparison"], "Not shown: division by zero", READER))
    path = tmp_path_factory.mktemp("report") / "report.html"
    now = datetime(2026, 11, 29, 12, tzinfo=UTC)
    path.write_text(write_page([ReadChapter("report", panels)], READER, now), encoding="utf-8")
    return path


@pytest.fixture
def visitor(browser: Browser, page_file: Path) -> Iterator[Visitor]:
    context = browser.new_context(offline=True)
    found = Visitor(context.new_page(), page_file.as_uri())
    found.page.on("console", lambda message: found.complaints.append(message.text))
    found.page.on("request", lambda request: found.foreign.append(request.url))
    found.page.goto(found.base)
    yield found
    context.close()
    assert found.complaints == []
    assert [url for url in found.foreign if not url.startswith(("data:", "file:"))] == []


def test_light_and_dark_on_any_screen(visitor: Visitor) -> None:
    for scheme in ("light", "dark"):
        for size in (PHONE, None):
            visitor.look(scheme, size)
            assert visitor.findings() == []
            assert visitor.wider_than_the_screen() == []
            assert visitor.colours("img") > 3
    assert "12,345,678 +25\N{NO-BREAK SPACE}%" in visitor.text()
    assert "91.3\N{NO-BREAK SPACE}% +2.8 points" in visitor.text()
    assert "Oct 30, 2026 \N{EN DASH} Nov 28, 2026 compared with Sep 30, 2026 \N{EN DASH} Oct 29, 2026" in visitor.text()


def test_figures_by_keyboard(visitor: Visitor) -> None:
    visitor.look("light", PHONE)
    visitor.tab_to("summary")
    visitor.page.keyboard.press("Enter")
    assert visitor.page.locator("table").first.is_visible()
    assert visitor.wider_than_the_screen() == []
    assert visitor.findings() == []


def test_a_dark_screen_prints_white(visitor: Visitor) -> None:
    visitor.look("dark")
    colour = "() => getComputedStyle(document.querySelector('.panel')).backgroundColor"
    assert visitor.page.evaluate(colour) == "rgb(21, 24, 28)"
    visitor.page.emulate_media(media="print", color_scheme="dark")
    assert visitor.page.evaluate(colour) == "rgb(255, 255, 255)"
