"""A hit is one round trip and writes nothing: counted in the protocol, and in the server's log of writes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import make_conninfo
from psycopg.pq import Trace

from guestsql.sql import load_catalogue
from guestsql.sql.hooks import hooked_queries
from tests.context_helpers import GUEST, Either, Open, counting, opening, seed
from tests.databases import block
from tests.server import apply_migrations, private_server

Connection = psycopg.Connection[tuple[Any, ...]]

OTHERS = [f"5730000001{number:02}" for number in range(20)]
DIRECT = ["Parse", "Bind", "Describe", "Execute", "Sync"]
PREPARED = ["Bind", "Describe", "Execute", "Sync"]
# Of two statements that are sent together.
TOGETHER = [*DIRECT[:-1], *DIRECT]
# What ends what the client sends: it then waits for the server.
TURNS = {"Sync", "Query", "Flush"}


@pytest.fixture(params=["async", "sync"])
async def opened(request: pytest.FixtureRequest, database_url: str) -> AsyncIterator[Open]:
    """Opens databases of the class under test, with one connection."""
    async with opening(request.param, database_url) as made:
        yield lambda *given, **known: made(*given, pool_min=1, pool_max=1, **known)


@pytest.fixture
def connections(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Every connection that psycopg opens from now on."""
    made: list[Any] = []

    def noting(kind: type[Any]) -> Callable[..., None]:
        init = kind.__init__

        def noted(self: Any, *given: Any, **known: Any) -> None:
            init(self, *given, **known)
            made.append(self)

        return noted

    for kind in (psycopg.Connection, psycopg.AsyncConnection):
        monkeypatch.setattr(kind, "__init__", noting(kind))
    return made


@contextmanager
def tracing(connections: list[Any], path: Path) -> Iterator[Callable[[], list[str]]]:
    """Gives a function that returns what the client has sent since it was last called, by message type."""
    [connection] = [made for made in connections if not made.closed]
    with path.open("w+") as trace:
        connection.pgconn.trace(trace.fileno())
        connection.pgconn.set_trace_flags(Trace.SUPPRESS_TIMESTAMPS)
        read = 0

        def sent() -> list[str]:
            nonlocal read
            connection.pgconn.untrace()  # flushes
            lines = path.read_text(errors="replace").splitlines()
            new, read = lines[read:], len(lines)
            connection.pgconn.trace(trace.fileno())
            connection.pgconn.set_trace_flags(Trace.SUPPRESS_TIMESTAMPS)
            return [line.split("\t")[2].strip() for line in new if line.startswith("F\t")]

        yield sent
        connection.pgconn.untrace()


@pytest.mark.direct("counts what is sent where statements are prepared")
async def test_a_hit_is_one_round_trip(
    opened: Open, autocommit: Connection, connections: list[Any], tmp_path: Path
) -> None:
    seed(autocommit, "stored text", "1 second")
    database = await opened()
    await database.get_profile(GUEST)  # connected
    with tracing(connections, tmp_path / "trace") as sent:
        hits: list[list[str]] = []
        for _ in range(10):
            assert await database.get_context(GUEST) == "stored text"
            hits.append(sent())

    assert len(connections) == 1
    # Once in the life of a connection the client prepares the statement; that is one turn more.
    preparing = [hit for hit in hits if hit not in (DIRECT, PREPARED)]
    assert preparing == [["Parse", "Sync", *PREPARED]]
    place = hits.index(preparing[0])
    assert hits == [DIRECT] * place + preparing + [PREPARED] * (9 - place)


async def test_a_hit_behind_a_pooler_is_one_round_trip(
    opened: Open, autocommit: Connection, connections: list[Any], tmp_path: Path
) -> None:
    seed(autocommit, "stored text", "1 second")
    database = await opened(unpooled_url="postgresql://elsewhere/guests")
    await database.get_profile(GUEST)
    with tracing(connections, tmp_path / "trace") as sent:
        for _ in range(10):
            assert await database.get_context(GUEST) == "stored text"
            assert sent() == DIRECT


@pytest.mark.direct("counts what is sent where statements are prepared")
async def test_hits_of_many_guests_are_one_round_trip(
    opened: Open, autocommit: Connection, connections: list[Any], tmp_path: Path
) -> None:
    for guest in OTHERS:
        seed(autocommit, f"text of {guest}", "1 second", guest=guest)
    database = await opened()
    with_texts = {guest: f"text of {guest}" for guest in OTHERS}
    for _ in range(5):
        assert await database.get_contexts(OTHERS) == with_texts
    with tracing(connections, tmp_path / "trace") as sent:
        assert await database.get_contexts(OTHERS) == with_texts
        assert sent() == PREPARED


@pytest.mark.direct("counts what is sent where statements are prepared")
async def test_a_miss_is_three_round_trips_and_its_own_builder(
    opened: Open, connections: list[Any], tmp_path: Path
) -> None:
    database = await opened(counting()[1])
    await database.get_profile(GUEST)
    with tracing(connections, tmp_path / "trace") as sent:
        await database.get_context(GUEST)
        assert sent() == [*DIRECT, *DIRECT, *TOGETHER]  # lookup; the claim creates a guest; publish
        await database.get_context(GUEST, ttl_seconds=0)
        assert sent() == [*DIRECT, *TOGETHER, *TOGETHER]
        await database.get_context(GUEST, ttl_seconds=0)
        # Prepared within the same round trips; one turn more only for lookup, which is sent alone.
        prepared = [*PREPARED[:-1], *DIRECT]
        assert sent() == ["Parse", "Sync", *PREPARED, *prepared, *prepared]


async def test_memory_off_is_one_round_trip(opened: Open, connections: list[Any], tmp_path: Path) -> None:
    database = await opened()
    await database.update_profile(GUEST, memory_enabled=False)
    with tracing(connections, tmp_path / "trace") as sent:
        assert await database.get_context(GUEST) == ""
        assert sent() == DIRECT


@pytest.mark.direct("counts what is sent where statements are prepared")
async def test_an_operation_is_one_round_trip(opened: Open, connections: list[Any], tmp_path: Path) -> None:
    """The write, its id and the commit together; and a flush asks for no time."""
    database = await opened()
    await database.get_profile(GUEST)
    with tracing(connections, tmp_path / "trace") as sent:
        for count in (1, 2, 3):
            assert await database.add_thread_tokens(GUEST, "t1", 1) == count
            assert sent() == ([] if count < 3 else ["Parse", "Sync"]) + (PREPARED if count == 3 else DIRECT)
        await database.record_interaction(GUEST)
        assert sent() == []
        assert await database.flush() == 1
        assert sent() == DIRECT


async def test_an_erasure_is_a_statement_for_each_table_and_nine_more(
    opened: Open, connections: list[Any], tmp_path: Path
) -> None:
    """Its id, the locks of the ids and the row, where the id leads; ids, salt, hashes, answer and record."""
    tables = len(hooked_queries(load_catalogue().values(), "forget_guest"))
    database = await opened()
    await database.update_profile(GUEST, user_name="Ana")
    with tracing(connections, tmp_path / "trace") as sent:
        await database.forget_guest(GUEST)
        assert len([each for each in sent() if each in TURNS]) == tables + 9 + 2


async def test_ids_that_are_linked_already_are_one_round_trip(
    opened: Open, connections: list[Any], tmp_path: Path
) -> None:
    database = await opened()
    await database.link_ids(GUEST, phone=GUEST, bsuid="CO.1a2B3c", chat_id=f"{GUEST}@c.us")
    with tracing(connections, tmp_path / "trace") as sent:
        await database.link_ids(GUEST, phone=GUEST, bsuid="CO.1a2B3c", chat_id=f"{GUEST}@c.us")
        assert sent() == DIRECT


async def test_a_message_is_two_round_trips(opened: Open, connections: list[Any], tmp_path: Path) -> None:
    """With tokens and a reply: the claim, and all that has come of it. A redelivery is one."""
    database = await opened()
    await database.get_profile(GUEST)
    # Behind a pooler a limit is sent together with each write.
    write = DIRECT if connections[0].has_session else [*DIRECT[:-1], *DIRECT]
    with tracing(connections, tmp_path / "trace") as sent:
        async with block(database.raw.message("m1", GUEST, chat_id="1@g.us")) as message:
            assert sent() == write
            message.tokens("t1", 5)
            message.reply({"text": "Hola"})
            assert sent() == []
        assert sent() == write
        async with block(database.raw.message("m1", GUEST)) as message:
            assert not message.is_new
        assert sent() == write


@pytest.mark.direct("a pooler takes no options=")
@pytest.mark.parametrize("kind", ["async", "sync"])
async def test_hits_work_where_nothing_can_be_written(
    kind: str, database_url: str, autocommit: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(f"guestsql.guests._{kind}.metrics._PATIENCE_SECONDS", 0.1)  # they cannot be written either
    seed(autocommit, "stored text", "1 second")
    url = make_conninfo(database_url, options="-c default_transaction_read_only=on")
    async with Either(kind, url) as database:
        for _ in range(5):
            assert await database.get_context(GUEST) == "stored text"
            assert await database.get_contexts([GUEST]) == {GUEST: "stored text"}


@pytest.fixture(scope="module")
def quiet_url() -> Iterator[str]:
    """A database on a server that writes nothing by itself."""
    settings = {
        "autovacuum": "off",
        "checkpoint_timeout": "1d",
        "max_wal_senders": "0",
        "wal_level": "minimal",  # no snapshots for standbys
    }
    with private_server(settings=settings) as server:
        apply_migrations(server.url())
        yield server.url()


@pytest.mark.parametrize("kind", ["async", "sync"])
async def test_hits_write_no_wal_and_take_no_transaction_number(kind: str, quiet_url: str) -> None:
    guests = [f"57300{len(kind)}0001{number:02}" for number in range(20)]
    profiles, build = counting(lambda profile: f"text of {profile.phone_number}")
    with psycopg.connect(quiet_url, autocommit=True) as watcher:
        async with Either(kind, quiet_url, build, pool_min=4, pool_max=4) as database:
            texts = await database.get_contexts(guests)  # built
            for _ in range(5):
                # The first readers after a write may tidy the page; and statements are prepared.
                assert await database.get_contexts(guests) == texts
                assert [await database.get_context(guest) for guest in guests] == list(texts.values())
            before = _written(watcher)

            for _ in range(10):
                assert await database.get_contexts(guests) == texts
                assert await asyncio.gather(*(database.get_context(guest) for guest in guests)) == list(texts.values())

            assert _written(watcher) == before
            await database.invalidate_context(guests[0])
            assert _written(watcher) != before  # it would have been seen
    assert len(profiles) == len(guests)


def _written(connection: Connection) -> tuple[Any, ...] | None:
    """How far the log goes, what is not written out yet included, and the next transaction's number."""
    return connection.execute("SELECT pg_current_wal_insert_lsn(), pg_snapshot_xmax(pg_current_snapshot())").fetchone()
