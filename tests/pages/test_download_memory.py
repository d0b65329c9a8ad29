"""A download holds few rows at a time, however many it has."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from guestsql.adhoc.streams import CursorRows
from guestsql.pages.app import build
from tests.pages.serving import page_state, sql_file

ROWS = 30_000
MOST_HELD = 5_000
QUERY = f"""
-- name: list_many()
-- Many rows.
SELECT number, md5(number::text) AS code FROM generate_series(1, {ROWS}) AS number
"""


@pytest.mark.parametrize("ending", ["csv", "json", "ndjson"])
def test_a_download_holds_few_rows(
    empty_database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ending: str
) -> None:
    fetched = sent = most_held = 0
    fetch = CursorRows.fetch

    def count_fetched(rows: CursorRows) -> list[tuple[Any, ...]]:
        nonlocal fetched
        found = fetch(rows)
        fetched += len(found)
        return found

    async def count_sent(message: dict[str, Any]) -> None:
        nonlocal sent, most_held
        most_held = max(most_held, fetched - sent)
        sent += message.get("body", b"").count(b"\n")

    monkeypatch.setattr(CursorRows, "fetch", count_fetched)
    sql_file(tmp_path, QUERY)
    state = page_state(empty_database_url, tmp_path)
    asyncio.run(_get(build(state), f"/q/list_many.{ending}", count_sent))
    state.close()
    assert fetched == ROWS
    assert sent >= ROWS
    assert most_held < MOST_HELD


async def _get(app: Any, path: str, send: Any) -> None:
    """Call the application as uvicorn does; the client stays to the end."""
    scope = {
        "type": "http",
        "method": "GET",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": [(b"host", b"127.0.0.1:8000")],
        "scheme": "http",
        "server": ("127.0.0.1", 8000),
        "client": ("127.0.0.1", 1),
        "http_version": "1.1",
        "root_path": "",
    }
    await app(scope, asyncio.Event().wait, send)
