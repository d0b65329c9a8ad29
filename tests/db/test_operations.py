"""Operation ids: a write with the same id again changes nothing, answers as the first one did, and writes."""

from __future__ import annotations

import asyncio
import json
import uuid
from functools import partial
from typing import Any

import psycopg
import pytest

from guestsql import GuestDatabase
from tests.databases import GUEST, KINDS, OTHER, Either, Proxy, column, make_settings, nonempty, waiting_sessions
from tests.server import eventually

Connection = psycopg.Connection[Any]
ID = "8a6e0804-2bd0-4672-b79d-d97027f9071a"


def operations(connection: Connection) -> list[tuple[Any, ...]]:
    return connection.execute("SELECT source, operation_id, attempts, answer FROM operations").fetchall()


def attempts(connection: Connection) -> list[int]:
    return [row[0] for row in connection.execute("SELECT attempts FROM operations ORDER BY done_at")]


def test_tokens_with_the_same_id_count_once(database_url: str, autocommit: Connection) -> None:
    with GuestDatabase(settings=make_settings(database_url)) as db:
        db.add_thread_tokens(GUEST, "t1", 7)
        once = {"phone_number": GUEST, "thread_id": "t1", "tokens": 5, "operation_id": ID}
        assert [db.queries.add_thread_tokens(**once) for _ in range(3)] == [12, 12, 12]
        db.add_thread_tokens(GUEST, "t2", 1)
        assert db.queries.add_thread_tokens(**once) == 12
        assert db.get_thread(GUEST).token_count == 1  # type: ignore[union-attr]
    assert ("guestsql", ID, 4, 12) in operations(autocommit)


def test_a_repeat_never_answers_less_than_the_row_has(database_url: str, autocommit: Connection) -> None:
    """Two made the guest at once: the answer that was kept for one of them lacks what the other had added."""
    with GuestDatabase(settings=make_settings(database_url)) as db:
        db.add_thread_tokens(GUEST, "t1", 15)
        autocommit.execute("INSERT INTO operations (source, operation_id, answer) VALUES ('guestsql', %s, '5')", [ID])
        once = {"phone_number": GUEST, "thread_id": "t1", "tokens": 5, "operation_id": ID}
        assert db.queries.add_thread_tokens(**once) == 15
    assert column(autocommit, "thread_tokens") == 15


def test_messages_with_the_same_id_count_once(database_url: str, autocommit: Connection) -> None:
    once: dict[str, Any] = {
        "phone_numbers": [GUEST, OTHER],
        "counts": [2, 3],
        "first_times": [None, None],
        "last_times": [None, None],
        "first_ages": [1.0, 1.0],
        "last_ages": [1.0, 1.0],
        "operation_id": ID,
    }
    with GuestDatabase(settings=make_settings(database_url)) as db:
        assert [db._call("record_interactions", **once) for _ in range(3)] == [2, 0, 0]
    assert (column(autocommit, "total_interactions"), column(autocommit, "total_interactions", OTHER)) == (2, 3)
    assert operations(autocommit) == [("guestsql", ID, 3, None)]


def test_figures_with_the_same_id_count_once(database_url: str, autocommit: Connection) -> None:
    minute = "2026-11-22T12:00:00+00:00"
    figures = {
        "queries": [{"minute": minute, "query": "q", "calls": 1, "row_count": 1, "microseconds": 1, "buckets": [1]}],
        "errors": [{"minute": minute, "query": "q", "kind": "other", "errors": 1}],
        "contexts": [{"minute": minute, "outcome": "hit", "answers": 1}],
        "processes": [
            {"minute": minute, "process": "p", "flushes": 1, "flush_failures": 1, "resident_bytes": 1},
        ],
    }
    once = {table: json.dumps(rows) for table, rows in figures.items()} | {"operation_id": ID}
    with GuestDatabase(settings=make_settings(database_url)) as db:
        assert [db._call("record_metrics", **once) for _ in range(3)] == [1, 0, 0]
    for table, figure in [
        ("query_minutes", "calls"),
        ("query_error_minutes", "errors"),
        ("context_minutes", "answers"),
        ("process_minutes", "flushes"),
    ]:
        assert autocommit.execute(f"SELECT sum({figure}) FROM {table}".encode()).fetchone() == (1,)


@pytest.fixture
def _same_id(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every merge and every erasure is a repeat of the first."""
    monkeypatch.setattr("guestsql.guests._sync.people.new_operation_id", lambda: ID)


@pytest.mark.usefixtures("_same_id")
def test_an_erasure_with_the_same_id_answers_again_and_erases_no_one_new(
    database_url: str, autocommit: Connection
) -> None:
    with GuestDatabase(settings=make_settings(database_url)) as db:
        db.update_profile(GUEST, user_name="Ana")
        first = db.forget_guest(GUEST)
        assert list(nonempty(first).items()) == [("guest_ids", 1), ("guest_profiles", 1)]
        db.update_profile(GUEST, user_name="Another Ana")
        assert list(db.forget_guest(GUEST).items()) == list(first.items())
        assert db.get_profile(GUEST) is not None
    assert operations(autocommit) == [("guestsql", ID, 2, first)]


@pytest.mark.usefixtures("_same_id")
def test_a_merge_with_the_same_id_merges_no_one_new(database_url: str, autocommit: Connection) -> None:
    autocommit.execute("INSERT INTO guest_notes (phone_number, note) VALUES (%s, 'a note')", [OTHER])
    with GuestDatabase(settings=make_settings(database_url)) as db:
        db.update_profile(OTHER, labels=["a"])
        merged = db.merge_guests(GUEST, OTHER)
        assert merged.labels == ["a"]
        autocommit.execute("INSERT INTO guest_notes (phone_number, note) VALUES (%s, 'a note')", [OTHER])
        assert db.merge_guests(GUEST, OTHER) == merged
    found = autocommit.execute("SELECT phone_number FROM guest_notes ORDER BY phone_number").fetchall()
    assert found == [(GUEST,), (OTHER,)]
    assert attempts(autocommit) == [2]


ONCE: dict[str, dict[str, Any]] = {
    "add_thread_tokens": {"phone_number": GUEST, "thread_id": "t1", "tokens": 5},
    "record_interactions": {
        "phone_numbers": [GUEST],
        "counts": [5],
        "first_times": [None],
        "last_times": [None],
        "first_ages": [0.0],
        "last_ages": [0.0],
    },
}


@pytest.mark.parametrize("name", ONCE)
async def test_a_repeat_waits_for_the_first_attempt(name: str, database_url: str, autocommit: Connection) -> None:
    """The first attempt still runs on the server when its repeat arrives; both end, and it is done once."""
    async with Either("async", database_url) as db:
        for guest in (GUEST, OTHER):
            await db.update_profile(guest, labels=[guest])
        with psycopg.connect(database_url) as holder:
            holder.execute("SELECT FROM guest_profiles FOR UPDATE")
            call = partial(db.raw._call, name)
            first, repeat = [asyncio.create_task(call(**ONCE[name], operation_id=ID)) for _ in range(2)]
            await asyncio.to_thread(eventually, lambda: waiting_sessions(autocommit) == 2)
        answers = [await first, await repeat]
    assert attempts(autocommit) == [2]
    assert column(autocommit, "thread_tokens") == (5 if name == "add_thread_tokens" else 0)
    assert column(autocommit, "total_interactions") == (5 if name == "record_interactions" else 0)
    if name == "add_thread_tokens":
        assert answers == [5, 5]


async def test_an_attempt_that_arrives_after_its_repeat_does_nothing(database_url: str, autocommit: Connection) -> None:
    """The proxy passes the first attempt on when the client has long gone, perhaps after the repeat."""
    with Proxy(database_url) as proxy:
        async with Either("async", proxy.url) as db:
            await db.update_profile(GUEST, user_name="Ana")
            proxy.lose("answer")
            assert (await db.forget_guest(GUEST))["guest_profiles"] == 1
            # What had not been committed was undone with its session.
            await asyncio.to_thread(eventually, lambda: attempts(autocommit) == [1])
            proxy.lose("answer")
            assert await db.add_thread_tokens(GUEST, "t1", 5) == 5
            await asyncio.to_thread(eventually, lambda: attempts(autocommit) == [1, 2])
    assert column(autocommit, "thread_tokens") == 5


@pytest.mark.parametrize("loss", ["request", "answer"])
@pytest.mark.parametrize("kind", KINDS)
async def test_a_merge_whose_answer_is_lost(kind: str, loss: str, database_url: str) -> None:
    with Proxy(database_url) as proxy:
        async with Either(kind, proxy.url) as db:
            await db.update_profile(GUEST, labels=["a"])
            await db.update_profile(OTHER, labels=["b"])
            proxy.lose(loss)
            merged = await db.merge_guests(GUEST, OTHER)
            assert merged.labels == ["a", "b"]
            assert await db.get_profile(OTHER) == merged


def test_messages_recorded_without_a_time_keep_their_age(database_url: str, autocommit: Connection) -> None:
    """The times of a batch that is written late are those of the messages, not of the write."""
    with GuestDatabase(settings=make_settings(database_url)) as db:
        db.record_interaction(GUEST)
        [count] = db._pending._guests[GUEST].values()
        assert count.first_moment is not None
        count.first_moment -= 7200.0
        count.last_moment = count.first_moment + 3600.0
        db.flush()
    found = autocommit.execute(
        "SELECT statement_timestamp() - first_interaction > '119 min', statement_timestamp() - first_interaction"
        " < '3 h', last_interaction - first_interaction FROM guest_profiles"
    ).fetchone()
    assert found is not None
    assert found[:2] == (True, True)
    assert abs(found[2].total_seconds() - 3600.0) < 0.001


def test_nothing_personal_is_kept(database_url: str, autocommit: Connection) -> None:
    with GuestDatabase(settings=make_settings(database_url, metrics_seconds=3600.0)) as db:
        db.add_thread_tokens(GUEST, "t1", 5)
        db.record_interaction(GUEST)
        db.merge_guests(OTHER, GUEST)
        db.flush()
        db.forget_guest(GUEST)
    found = operations(autocommit)
    assert len(found) >= 4
    assert {source for source, *_ in found} == {"guestsql"}
    for _, operation_id, _, answer in found:
        assert str(uuid.UUID(operation_id)) == operation_id
        assert GUEST not in str(answer)


def test_thinning(database_url: str, autocommit: Connection) -> None:
    autocommit.execute(
        "INSERT INTO operations (source, operation_id, done_at)"
        " SELECT 'guestsql', n::text, statement_timestamp() - make_interval(days => n) FROM generate_series(0, 20) AS n"
    )
    with GuestDatabase(settings=make_settings(database_url)) as db:
        assert db.queries.thin_operations(keep_days=10, max_rows=4) == 4
        assert db.queries.thin_operations(keep_days=10) == 7
        assert db.queries.thin_operations(keep_days=10) == 0
        assert db.queries.thin_operations() == 3
    left = autocommit.execute("SELECT operation_id::int FROM operations ORDER BY 1").fetchall()
    assert left == [(n,) for n in range(7)]
