"""The bot of examples/ behind its webhook: any delivery is processed or refused, and none makes it fail."""

from __future__ import annotations

import asyncio
import copy
import json
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import examples.whatsapp_bot as bot
from guestsql import AsyncGuestDatabase
from tests.conftest import NewDatabase
from tests.databases import make_settings
from tests.fuzz.test_http import answer

WHAPI = {
    "messages": [
        {
            "id": "m1",
            "from": "573000000001",
            "from_me": False,
            "from_name": "Ana",
            "chat_id": "573000000001@s.whatsapp.net",
            "timestamp": 1767225600,
            "type": "text",
            "text": {"body": "Hola"},
        }
    ]
}
CLOUD = {
    "entry": [
        {
            "changes": [
                {
                    "value": {
                        "contacts": [{"wa_id": "573000000001", "user_id": "CO.1a2B3c", "profile": {"name": "Ana"}}],
                        "messages": [
                            {"id": "m2", "from": "573000000001", "timestamp": "1767225600", "text": {"body": "Hola"}}
                        ],
                    }
                }
            ]
        }
    ]
}
_ODD = st.sampled_from(
    [
        *(
            None,
            True,
            0,
            -1,
            1.5,
            10**400,
            10**11,
            "",
            " ",
            "x",
            "\x00",
            "\ud83d",
            "9" * 600,
            "1767225600",
            "1e9",
            "-1",
            "١٢٣٤٥٦٧",
        ),
        *(
            [],
            {},
            [None],
            [[]],
            {"body": None},
            {"body": {"x": 1}},
            {"type": "user_changed_number"},
            "120363000000000001@g.us",
            "status@broadcast",
        ),
        *(
            "'; DROP TABLE guest_profiles; --",
            "573000000002@s.whatsapp.net",
            "CO.1a2B3c",
            "81234567890123@lid",
            "STOP",
            "<b>",
        ),
        *({"type": "user_changed_number", "wa_id": "573000000003"}, {"name": None}, {"name": "a" * 100_000}),
    ]
)
_KEYS = ["system", "type", "chat_id", "from_me", "text", "id", "profile", "contacts", "messages", "entry", "user_id"]


def _places(node: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield path
    below = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, value in below:
        yield from _places(value, (*path, key))


@st.composite
def damaged(draw: st.DrawFn) -> Any:
    """A delivery with members replaced, added or left out."""
    found: Any = {"body": copy.deepcopy(draw(st.sampled_from([WHAPI, CLOUD])))}
    for _ in range(draw(st.integers(0, 3))):
        *path, last = draw(st.sampled_from(list(_places(found))[1:]))
        node = found
        for key in path:
            node = node[key]
        kind = draw(st.sampled_from(["replace", "add", "drop"]))
        if kind == "add" and isinstance(node[last], dict):
            node[last][draw(st.sampled_from(_KEYS))] = copy.deepcopy(draw(_ODD))
        elif kind == "drop" and path:
            del node[last]
        else:
            node[last] = copy.deepcopy(draw(_ODD))
    return found["body"]


BODIES = st.one_of(damaged().map(lambda found: json.dumps(found).encode()), st.binary(max_size=20))


@pytest.fixture(scope="module")
def loop(new_database: NewDatabase, template_database: str) -> Iterator[asyncio.AbstractEventLoop]:
    """One in which the bot's database is open."""
    with new_database(template_database) as url, closing(asyncio.new_event_loop()) as made:
        bot.app.state.db = AsyncGuestDatabase(settings=make_settings(url))
        made.run_until_complete(bot.app.state.db.open())
        yield made
        made.run_until_complete(bot.app.state.db.close())


@settings(max_examples=30)
@given(path=st.sampled_from(["/whapi", "/cloud"]), body=BODIES)
def test_any_delivery_is_processed_or_refused(loop: asyncio.AbstractEventLoop, path: str, body: bytes) -> None:
    scope = {
        "type": "http",
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": path,
        "root_path": "",
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": [(b"content-type", b"application/json")],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 80),
    }
    status, _, text = loop.run_until_complete(answer(bot.app, scope, body))
    assert status in (200, 400, 422), text
