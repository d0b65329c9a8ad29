"""The pages in a real browser: as people with a mouse, a keyboard, a phone or a screen reader use them."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser

from tests.browser import PHONE, visitor

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
