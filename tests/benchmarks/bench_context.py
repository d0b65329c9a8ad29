"""The hit path, a batch, a publish and an upsert, each against raw psycopg running the same statement, prepared."""

from __future__ import annotations

import asyncio
import itertools
import json
import re
import uuid
from collections.abc import Callable, Iterator

import psycopg
import pytest

from guestsql import AsyncGuestDatabase, GuestDatabase, Settings
from tests.checking import every_query

GUEST = "573000000001"
BATCH = [f"5730000001{number:02d}" for number in range(20)]
TTL = 3600.0

# An upsert to which nothing is given.
_NOTHING: dict[str, object] = {
    "phone_number": GUEST,
    "cleared": [],
    "chat_id": None,
    "user_name": None,
    "contact_name": None,
    "labels": None,
    "profile_data": None,
    "memory_enabled": None,
}

Compare = Callable[..., None]
Raw = psycopg.Connection[tuple[object, ...]]


@pytest.fixture
def database(database_url: str) -> Iterator[GuestDatabase]:
    with GuestDatabase(database_url, settings=Settings(context_ttl_seconds=TTL)) as opened:
        opened.update_profile(GUEST, user_name="Ana", labels=["cotización", "VIP"])
        opened.get_contexts([GUEST, *BATCH])
        yield opened


def _statement(name: str, **parameters: object) -> tuple[str, list[object]]:
    query = every_query()[name]
    return query.text, [parameters[parameter] for parameter in query.positional]


def bench_hit_sync(database: GuestDatabase, raw: Raw, compare: Compare) -> None:
    sql, values = _statement("lookup_context", phone_number=GUEST)

    def ours(calls: int) -> None:
        for _ in range(calls):
            database.get_context(GUEST)

    def plain(calls: int) -> None:
        for _ in range(calls):
            raw.execute(sql, values, prepare=True).fetchone()

    compare(ours, plain, aim=1.10)


@pytest.mark.usefixtures("database")  # fills the cache
def bench_hit_async(database_url: str, compare: Compare) -> None:
    sql, values = _statement("lookup_context", phone_number=GUEST)
    loop = asyncio.new_event_loop()
    other = AsyncGuestDatabase(database_url, settings=Settings(context_ttl_seconds=TTL))
    connection = loop.run_until_complete(
        psycopg.AsyncConnection.connect(database_url, autocommit=True, cursor_factory=psycopg.AsyncRawCursor)
    )

    async def ours(calls: int) -> None:
        for _ in range(calls):
            await other.get_context(GUEST)

    async def plain(calls: int) -> None:
        for _ in range(calls):
            cursor = await connection.execute(sql, values, prepare=True)
            await cursor.fetchone()

    try:
        compare(
            lambda calls: loop.run_until_complete(ours(calls)),
            lambda calls: loop.run_until_complete(plain(calls)),
            aim=1.15,
        )
    finally:
        loop.run_until_complete(other.close())
        loop.run_until_complete(connection.close())
        loop.close()


@pytest.mark.usefixtures("database")  # fills the cache
def bench_hit_by_any_id(raw: Raw, compare: Compare) -> None:
    """Against a statement that takes the guest's key, as a process could keep it in a map."""
    sql, values = _statement("lookup_context", phone_number=GUEST)
    by_key = re.sub(
        r"WHERE phone_number = \(.*WHERE ids.id = (\S+)\s*\)", r"WHERE phone_number = \1", sql, flags=re.DOTALL
    )
    assert "guest_ids" not in by_key

    def run(statement: str) -> Callable[[int], None]:
        def calls(count: int) -> None:
            for _ in range(count):
                raw.execute(statement, values, prepare=True).fetchone()

        return calls

    compare(run(sql), run(by_key), aim=1.10)


def bench_batch_of_20(database: GuestDatabase, raw: Raw, compare: Compare) -> None:
    sql, values = _statement("lookup_contexts", phone_numbers=BATCH)

    def ours(calls: int) -> None:
        for _ in range(calls):
            database.get_contexts(BATCH)

    def plain(calls: int) -> None:
        for _ in range(calls):
            raw.execute(sql, values, prepare=True).fetchall()

    compare(ours, plain, calls=100, aim=1.15)


def bench_claim_and_publish(database: GuestDatabase, raw: Raw, compare: Compare) -> None:
    lease = uuid.uuid4()
    epoch = database._call(
        "claim_context", phone_number=GUEST, lease=lease, ttl_seconds=0.0, lease_seconds=8.0
    ).context_epoch
    claim = {"phone_number": GUEST, "lease": lease, "ttl_seconds": 0.0, "lease_seconds": 8.0}
    text = "[Ana | {HH:MM}]\n\n"
    publish = {"phone_number": GUEST, "lease": lease, "epoch": epoch, "context_text": text}
    statements = [_statement("claim_context", **claim), _statement("publish_context", **publish)]

    def ours(calls: int) -> None:
        for _ in range(calls):
            database._call("claim_context", **claim)
            database._call("publish_context", **publish)

    def plain(calls: int) -> None:
        for _ in range(calls):
            for sql, values in statements:
                raw.execute(sql, values, prepare=True)

    compare(ours, plain, calls=50)


def bench_upsert_that_changes(database: GuestDatabase, raw: Raw, compare: Compare) -> None:
    numbers = itertools.count()
    sql, values = _statement("upsert_profile", **{**_NOTHING, "profile_data": "{}"})
    place = values.index("{}")

    def ours(calls: int) -> None:
        for _ in range(calls):
            database.update_profile(GUEST, profile_data={"visits": next(numbers)})

    def plain(calls: int) -> None:
        for _ in range(calls):
            values[place] = json.dumps({"visits": next(numbers)})
            raw.execute(sql, values, prepare=True).fetchone()

    compare(ours, plain, calls=50)


def bench_upsert_that_changes_nothing(database: GuestDatabase, raw: Raw, compare: Compare) -> None:
    def ours(calls: int) -> None:
        for _ in range(calls):
            database.update_profile(GUEST, user_name="Ana")

    upsert = _statement("upsert_profile", **{**_NOTHING, "user_name": "Ana"})
    statements = [upsert, _statement("get_profile", phone_number=GUEST)]

    def plain(calls: int) -> None:
        for _ in range(calls):
            for sql, values in statements:
                raw.execute(sql, values, prepare=True).fetchone()

    compare(ours, plain, calls=100)
