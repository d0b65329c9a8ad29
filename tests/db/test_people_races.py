"""A guest who is unknown when an erasure or a merge begins, and whom another process creates before it ends."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import Any

import psycopg
import pytest

from guestsql import GuestDatabase
from guestsql.guests import _async, _sync
from tests.databases import KINDS, OTHER, Either, make_settings, waiting_sessions
from tests.server import eventually

Connection = psycopg.Connection[Any]
Creator = Callable[[str], Future[None]]
TABLES = b"""
SELECT columns.table_name
FROM information_schema.columns AS columns
INNER JOIN information_schema.tables USING (table_schema, table_name)
WHERE columns.table_schema = 'public' AND columns.column_name = 'phone_number' AND tables.table_type = 'BASE TABLE'
"""


class Meanwhile:
    """Does something elsewhere before one of the marked queries, and goes on when it is done or waits for a lock."""

    def __init__(self, place: int, begin: Callable[[], Future[None]], observer: Connection, usual: Any) -> None:
        self.place = place
        self.begin = begin
        self.observer = observer
        self.usual = usual
        self.begun: Future[None] | None = None

    def __call__(self, *given: Any, **named: Any) -> Any:
        if self.place == 0 and self.begun is None:
            self.begun = begun = self.begin()
            eventually(lambda: begun.done() or waiting_sessions(self.observer) == 1)
        self.place -= 1
        return self.usual(*given, **named)


def write_everything(db: GuestDatabase, guest: str) -> None:
    """Create a guest with rows in many tables."""

    def write(tx: Any) -> None:
        tx.add_thread_tokens(guest, "first", 5, message_id=f"message of {guest}")
        tx.set_thread(guest, "second")
        tx.record_interaction(guest)
        tx.queue_reply(guest, {"text": "Hola"})
        tx.add_note(guest, "asks for a quiet room")
        tx.set_booking_status(guest, "interested")
        tx.give_consent(guest, purpose="marketing", channel="whatsapp", wording="Sí", version="1", source="bot")

    db.run(write)


def rows_of(connection: Connection, guest: str) -> dict[str, int]:
    """The rows that tables have under a guest's key."""
    found: dict[str, int] = {}
    for (table,) in connection.execute(TABLES).fetchall():
        counted = connection.execute(f"SELECT count(*) FROM {table} WHERE phone_number = %s".encode(), [guest])
        found[table] = sum(count for (count,) in counted)
    return {table: count for table, count in found.items() if count}


@pytest.fixture
def create(database_url: str) -> Iterator[Creator]:
    with ThreadPoolExecutor(1) as pool, GuestDatabase(settings=make_settings(database_url)) as other:
        yield partial(pool.submit, write_everything, other)


@pytest.fixture
def meanwhile(
    kind: str, autocommit: Connection, create: Creator, monkeypatch: pytest.MonkeyPatch
) -> Callable[[int, str], Meanwhile]:
    """Has a guest created before the marked query at a place, in the methods of one class."""
    marked = (_sync if kind == "sync" else _async).marked
    usual = marked.given

    def arrange(place: int, guest: str) -> Meanwhile:
        arranged = Meanwhile(place, partial(create, guest), autocommit, usual)
        monkeypatch.setattr(marked, "given", arranged)
        return arranged

    return arrange


@pytest.mark.parametrize("kind", KINDS)
async def test_an_erasure_before_any_of_its_statements(
    kind: str, database_url: str, autocommit: Connection, meanwhile: Callable[[int, str], Meanwhile]
) -> None:
    async with Either(kind, database_url) as db:
        for place in itertools.count():
            guest = f"5730000001{place:02}"
            creation = meanwhile(place, guest)
            erased = await db.forget_guest(guest)
            if creation.begun is None:
                break
            creation.begun.result()
            assert erased["operations"] == 1, place
            assert await db.add_thread_tokens(guest, "first", 5, message_id=f"message of {guest}") == 0
            assert rows_of(autocommit, guest) == {}, place
    assert place > 10
    assert not any(erased.values())


@pytest.mark.parametrize("kind", KINDS)
async def test_a_merge_before_any_of_its_statements(
    kind: str,
    database_url: str,
    autocommit: Connection,
    create: Creator,
    meanwhile: Callable[[int, str], Meanwhile],
) -> None:
    create(OTHER).result()
    whole = rows_of(autocommit, OTHER)
    assert len(whole) > 7
    async with Either(kind, database_url) as db:
        for place in itertools.count():
            keep, guest = f"5730000002{place:02}", f"5730000001{place:02}"
            await db.update_profile(keep, user_name="Ana")
            creation = meanwhile(place, guest)
            await db.merge_guests(keep, guest)
            if creation.begun is None:
                break
            creation.begun.result()
            assert rows_of(autocommit, guest) == {}, place
            assert rows_of(autocommit, keep) == whole | {"guest_ids": 2}, place
    assert place > 10
