"""Fixtures for tests of the pages."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from tests.browser import chromium, find_chromium
from tests.required import skip_without


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """The system's Chromium. Playwright keeps an event loop in this thread, so it ends with the module."""
    if find_chromium() is None:
        skip_without("chromium", "chromium")
    with chromium() as started:
        yield started
