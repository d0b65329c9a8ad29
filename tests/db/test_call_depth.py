"""A hit is a short way: few calls between `get_context` and the cursor."""

from __future__ import annotations

import sys
from types import FrameType
from typing import Any

import psycopg
import pytest
from psycopg import AsyncRawCursor, RawCursor

from tests.databases import GUEST, KINDS, Either


@pytest.mark.parametrize("kind", KINDS)
async def test_a_hit_reaches_the_cursor_in_six_calls(
    kind: str, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[list[str]] = []
    cursor: Any = RawCursor if kind == "sync" else AsyncRawCursor
    execute = cursor.execute

    def noting(self: psycopg.Cursor[Any], *given: Any, **known: Any) -> Any:
        names: list[str] = []
        frame: FrameType | None = sys._getframe(1)
        while frame is not None and frame.f_code.co_name != "get_context":
            names.append(frame.f_code.co_qualname)
            frame = frame.f_back
        if frame is not None:  # not what the pool does to a new connection in its own thread
            seen.append(names)
        return execute(self, *given, **known)

    async with Either(kind, database_url) as db:
        await db.get_context(GUEST)
        monkeypatch.setattr(cursor, "execute", noting)
        await db.get_context(GUEST)
    [between] = seen
    assert len(between) + 1 <= 6, between
