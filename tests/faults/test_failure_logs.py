"""What a whole session leaves in the logs: the guide's codes, no phone number, no value of a parameter, no password."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from guestsql.errors import DatabaseError, GuestSQLError
from tests.databases import KINDS, Either

Connection = psycopg.Connection[Any]

PHONES = ["573001234567", "573007654321"]
LID = "81234567890123@lid"
SECRETS = [
    *PHONES,
    LID.removesuffix("@lid"),
    "Secretina",
    "label-secret",
    "data-secret",
    "thread-secret",
    "note-secret",
]


@pytest.fixture
def everything(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    with caplog.at_level(logging.DEBUG), caplog.at_level(logging.DEBUG, "psycopg"):
        yield caplog


def texts(caplog: pytest.LogCaptureFixture) -> str:
    """All that the records hold: message, arguments, attributes."""
    return "\n".join(f"{record.getMessage()} {vars(record)!r}" for record in caplog.records)


async def whole_session(db: Either) -> None:
    for user_id in (*PHONES, LID):
        await db.get_context(user_id)
        await db.get_context(user_id)
        await db.update_profile(user_id, user_name="Secretina", profile_data={"note": "data-secret"})
        await db.add_labels(user_id, ["label-secret"])
        await db.remove_labels(user_id, ["label-secret"])
        await db.set_thread(user_id, "thread-secret")
        await db.add_thread_tokens(user_id, "thread-secret", 5)
        await db.clear_thread(user_id)
        await db.record_interaction(user_id)
        await db.invalidate_context(user_id)
        await db.export_guest(user_id)
    await db.flush()
    await db.get_contexts(PHONES)
    await db.queries.get_profile(phone_number=PHONES[0])
    await db.merge_guests(*PHONES)
    await db.forget_guest(PHONES[0])


async def failing_session(db: Either) -> list[GuestSQLError]:
    """Errors of every kind, each with a private value."""
    failures: list[GuestSQLError] = []
    await db.update_profile(PHONES[0])
    calls = [
        lambda: db.queries.set_thread(phone_number=f"x{PHONES[0]}", thread_id="t"),
        lambda: db.queries.list_last_interactions(max_rows=f"{PHONES[0]}x"),
        lambda: db.queries.list_last_interactions(max_rows=int(PHONES[0])),
        lambda: db.queries.list_hourly_activity(timezone="note-secret"),
        lambda: db.update_profile(f"{PHONES[0]}x"),
        lambda: db.update_profile(PHONES[0], user_name="Secretina\x00"),
        lambda: db.queries.get_profile(phone_number=f"{PHONES[0]}\x00"),
    ]
    for call in calls:
        with pytest.raises(GuestSQLError) as caught:
            await call()
        failures.append(caught.value)
    return failures


@pytest.mark.parametrize("kind", KINDS)
async def test_no_phone_and_no_parameter(kind: str, database_url: str, everything: pytest.LogCaptureFixture) -> None:
    async with Either(kind, database_url) as db:
        await whole_session(db)
        await failing_session(db)
    found = texts(everything)
    assert "***4567" in found
    assert [secret for secret in SECRETS if secret in found] == []


@pytest.mark.parametrize("kind", KINDS)
async def test_errors_show_no_value(kind: str, database_url: str) -> None:
    async with Either(kind, database_url) as db:
        for failure in await failing_session(db):
            assert [secret for secret in SECRETS if secret in f"{failure} {failure!r}"] == []


@pytest.mark.parametrize("kind", KINDS)
async def test_codes_and_attributes(kind: str, database_url: str, everything: pytest.LogCaptureFixture) -> None:
    async with Either(kind, database_url) as db:
        await whole_session(db)
        await failing_session(db)
    records = [record for record in everything.records if record.name == "guestsql"]
    codes = {vars(record)["event"] for record in records}
    expected = {
        "CONTEXT_CACHE_HIT",
        "CONTEXT_CACHE_MISS",
        "CONTEXT_BUILT",
        "DATABASE_UPDATE",
        "DATABASE_QUERY",
        "DATABASE_ERROR",
        "INTERACTIONS_WRITTEN",
        "GUEST_FORGOTTEN",
    }
    assert expected <= codes
    for record in records:
        known = vars(record)
        if known["event"] == "DATABASE_ERROR":
            assert known["query"]
            assert known["duration_ms"] >= 0
            assert record.levelno == logging.ERROR
        if known["event"] == "DATABASE_QUERY":
            assert {"query", "duration_ms", "rows"} <= known.keys()
    assert {vars(r).get("sqlstate") for r in records if vars(r)["event"] == "DATABASE_ERROR"} >= {"23514", "22003"}


@pytest.mark.parametrize("kind", KINDS)
async def test_an_unreachable_server_shows_no_password(kind: str, everything: pytest.LogCaptureFixture) -> None:
    url = "postgresql://bot:sesame@127.0.0.1:1/db"
    db = Either(kind, url, deadline_seconds=0.5)
    with pytest.raises(DatabaseError) as caught:
        await db.get_profile(PHONES[0])
    await db.close()
    whole = "".join(traceback.format_exception(caught.value))
    assert "sesame" not in whole + repr(caught.value) + texts(everything) + repr(db.raw._settings)
    assert "can be reached" in caught.value.hint
