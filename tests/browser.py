"""Chromium without a network but the server under test. It records whatever a page complains about."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, cast
from urllib.parse import urlsplit

from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Browser, Page, Response, Route, sync_playwright

PHONE = {"width": 360, "height": 740}
DESKTOP = {"width": 1280, "height": 900}

_PROGRAMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_SERIOUS = {"serious", "critical"}
# Every colour of the picture: a chart that failed has one, that of its background.
_COLOURS = """
async picture => {
    await picture.decode();
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [picture.naturalWidth, picture.naturalHeight];
    const context = canvas.getContext("2d");
    context.drawImage(picture, 0, 0);
    const pixels = new Uint32Array(context.getImageData(0, 0, canvas.width, canvas.height).data.buffer);
    return new Set(pixels).size;
}
"""
_WIDER_THAN_THE_SCREEN = """
() => {
    const scrolls = each => {
        const style = getComputedStyle(each);
        return style.overflowX === "auto" || style.overflowX === "scroll" || style.overflowX === "hidden";
    };
    const inScroller = each => each && (scrolls(each) || inScroller(each.parentElement));
    const wide = [...document.body.querySelectorAll("*")].filter(
        each => each.getBoundingClientRect().right > innerWidth + 1 && !inScroller(each.parentElement) && !scrolls(each)
    );
    const page = document.documentElement;
    return page.scrollWidth > page.clientWidth ? wide.map(each => each.outerHTML.slice(0, 80)).concat("the page") : [];
}
"""
_FOCUS = """
() => {
    const focused = document.activeElement;
    const box = focused.getBoundingClientRect(), style = getComputedStyle(focused);
    // The browser itself shows the focus of what it puts into an input, such as the button of a calendar.
    const isInner = !focused.matches(":focus");
    const outlined = isInner || (style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0);
    const shown = box.width > 0 && box.bottom > 0 && box.right > 0 && box.top < innerHeight && box.left < innerWidth;
    return {
        isPage: focused === document.body,
        isVisible: shown && (outlined || style.boxShadow !== "none"),
        what: focused.outerHTML.slice(0, 80),
    };
}
"""


def find_chromium() -> str | None:
    """The program, or None where it is not installed."""
    return next(filter(None, map(shutil.which, _PROGRAMS)), None)


@contextmanager
def chromium() -> Iterator[Browser]:
    """A running Chromium without a window; its sandbox does not work for root."""
    program = find_chromium()
    assert program is not None
    flags = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=flags)
        try:
            yield browser
        finally:
            browser.close()


@dataclass
class Visitor:
    """A person at a browser who visits one server.

    Attributes:
        page: the page.
        base: the address of the server, without a path.
        foreign: the requests to anywhere else, all of which were blocked.
        complaints: what the console says, except about the status of a page that `visit` expects.
    """

    page: Page
    base: str
    foreign: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def visit(self, path: str, status: int = 200) -> Response:
        """Open a path of the server, which answers with this status."""
        response = self.page.goto(self.base + path)
        assert response is not None
        self.expect(status, response)
        return response

    def expect(self, status: int, response: Response) -> None:
        """The page has this status. Chromium reports that of a page that failed on the console, too."""
        assert response.status == status, (response.status, self.text())
        if status >= 400:
            failed = f"Failed to load resource: the server responded with a status of {status}"
            self.complaints = [each for each in self.complaints if not each.startswith(failed)]

    def text(self) -> str:
        """What the page shows."""
        return self.page.inner_text("body")

    def look(self, scheme: str = "light", size: dict[str, int] | None = None) -> None:
        """Change the colours that the system prefers, or the size of the window."""
        self.page.emulate_media(color_scheme=cast(Any, scheme))
        self.page.set_viewport_size(cast(Any, size or DESKTOP))

    def findings(self) -> list[str]:
        """What axe-core finds that is serious or critical, with the places."""
        if not self.page.evaluate("() => 'axe' in window"):
            self.page.evaluate(AXE_SCRIPT)
        found = self.page.evaluate("() => axe.run(document, {resultTypes: ['violations'], preload: false})")
        return [
            f"{each['id']} at {node['target']}: {node['failureSummary']}"
            for each in found["violations"]
            if each["impact"] in _SERIOUS
            for node in each["nodes"]
        ]

    def wider_than_the_screen(self) -> list[str]:
        """What makes the page scroll sideways; a table may do that within itself."""
        return cast(list[str], self.page.evaluate(_WIDER_THAN_THE_SCREEN))

    def colours(self, selector: str) -> int:
        """How many colours a picture has."""
        picture = self.page.locator(selector).first
        picture.scroll_into_view_if_needed()
        assert picture.is_visible()
        return cast(int, picture.evaluate(_COLOURS))

    def tab_to(self, selector: str, most: int = 200) -> None:
        """Press Tab until an element has the focus; and check that every element on the way gets it."""
        for _ in range(most):
            self.page.keyboard.press("Tab")
            focus = self.page.evaluate(_FOCUS)
            if focus["isPage"]:
                continue
            assert focus["isVisible"], focus["what"]
            if self.page.evaluate("selector => document.activeElement.matches(selector)", selector):
                return
        raise AssertionError(f"Tab does not reach {selector}")


@contextmanager
def visitor(browser: Browser, base: str, **options: Any) -> Iterator[Visitor]:
    """A visitor without cookies; in the end nothing foreign was asked for, and no page complained."""
    context = browser.new_context(viewport=cast(Any, DESKTOP), base_url=base, reduced_motion="reduce", **options)
    try:
        page = context.new_page()
        page.set_default_timeout(60_000)
        one = Visitor(page, base)

        def route(asked: Route) -> None:
            if urlsplit(asked.request.url)[:2] == urlsplit(base)[:2]:
                asked.continue_()
                return
            one.foreign.append(asked.request.url)
            asked.abort()

        context.route("**/*", route)
        page.on("console", lambda said: one.complaints.append(said.text) if said.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: one.complaints.append(str(error)))
        yield one
        assert one.foreign == []
        assert one.complaints == []
    finally:
        context.close()
