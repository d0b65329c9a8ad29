"""The outbox through the pooler: notifications come by the direct address, and without it the sender polls."""

from __future__ import annotations

import asyncio
from typing import Any

import psycopg
import pytest

from guestsql.sql._sync import listening
from tests.databases import GUEST, Either
from tests.db.test_outbox import (
    _never_looks,  # noqa: F401  a fixture
    listeners,
    listens,
    test_a_guest_gets_the_replies_in_order_and_each_once,  # noqa: F401  collected here, with this folder's `database_url`
)


@pytest.mark.usefixtures("_never_looks")
async def test_the_direct_address_wakes_a_sender(
    database_url: str, direct_url: str, autocommit: psycopg.Connection[Any]
) -> None:
    async with Either("sync", database_url, unpooled_url=direct_url) as db:
        waiting = asyncio.create_task(db.wait_for_replies(3000))
        await listens(autocommit)
        await db.queue_reply(GUEST, {"text": "hello"})
        assert await waiting is True


async def test_without_it_the_sender_polls(
    database_url: str, autocommit: psycopg.Connection[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listening, "_POLL_SECONDS", 0.05)
    async with Either("sync", database_url) as db:
        waiting = asyncio.create_task(db.wait_for_replies(3000))
        await db.queue_reply(GUEST, {"text": "hello"})
        assert await waiting is True
    assert listeners(autocommit) == []
