"""What waiting cannot fix is reported long before the deadline: TLS refused, an address that makes no sense."""

from __future__ import annotations

import asyncio

import pytest

from guestsql.errors import DatabaseUnavailable
from guestsql.migrate.session import connect_within
from tests.databases import GUEST, KINDS, PATIENCE_SECONDS, Either, make_settings
from tests.faults.conftest import PasswordServer

DEADLINE_SECONDS = 10 * PATIENCE_SECONDS

ADDRESSES = [
    ({"sslmode": "require"}, "sslmode"),
    ({"sslmode": "yes"}, "after its question mark"),
    ({"channel_binding": "require", "sslmode": "require"}, "sslmode"),
    ({"target_session_attrs": "master"}, "after its question mark"),
    ({"keepalives": "on"}, "after its question mark"),
    ({"connect_timeout": "soon"}, "after its question mark"),
    ({"client_encoding": "utf-88"}, "after its question mark"),
    ({"options": "-c search_paht=public"}, "after its question mark"),
    ({"options": "-z"}, "after its question mark"),
    ({"service": "nowhere"}, "after its question mark"),
]


@pytest.mark.usefixtures("ask_again_soon")
@pytest.mark.parametrize(("parameters", "hint"), ADDRESSES, ids=[" ".join(known) for known, _ in ADDRESSES])
@pytest.mark.parametrize("kind", KINDS)
async def test_a_call_does_not_wait_for_what_cannot_come(
    kind: str, parameters: dict[str, str], hint: str, password_server: PasswordServer
) -> None:
    async with Either(kind, password_server.url(**parameters), deadline_seconds=DEADLINE_SECONDS) as db:
        with pytest.raises(DatabaseUnavailable, match="no connection: ") as caught:
            await asyncio.wait_for(db.get_profile(GUEST), PATIENCE_SECONDS)
    assert hint in caught.value.hint


@pytest.mark.parametrize(("parameters", "hint"), ADDRESSES[:6:5])
def test_neither_do_migrations(parameters: dict[str, str], hint: str, password_server: PasswordServer) -> None:
    url = password_server.url(**parameters)
    with pytest.raises(DatabaseUnavailable) as caught:
        connect_within(make_settings(url), url, DEADLINE_SECONDS)
    assert hint in caught.value.hint
