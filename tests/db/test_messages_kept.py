"""What is kept of messages, for how long, and what an erasure or a merge makes of it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from psycopg.errors import InsufficientPrivilege

from guestsql import GuestDatabase
from guestsql.errors import LeaseLost
from tests.databases import GUEST, OTHER, column, make_settings, waiting_sessions
from tests.server import eventually

Connection = psycopg.Connection[Any]


def rows(connection: Connection, query: str) -> list[tuple[Any, ...]]:
    return connection.execute(query.encode()).fetchall()


def process(db: GuestDatabase, message_id: str, guest: str = GUEST, **known: Any) -> str:
    with db.message(message_id, guest, **known) as message:
        return message.state


@pytest.mark.parametrize("days", [0, 30])
def test_a_text_is_kept_only_if_that_is_configured(days: int, database_url: str, autocommit: Connection) -> None:
    now = datetime.now(UTC)
    with GuestDatabase(settings=make_settings(database_url, keep_text_days=days)) as db:
        process(db, "m1", text="Hola", at=now)
        process(db, "m2", text="Ayer", at=now - timedelta(days=40))
        assert db.queries.thin_message_texts(keep_days=days) == (1 if days else 0)
        assert db.queries.thin_message_texts(keep_days=0) == (1 if days else 0)
    assert rows(autocommit, "SELECT message_id, text FROM messages ORDER BY 1") == [("m1", None), ("m2", None)]


def make_partitions(connection: Connection) -> None:
    """Make those from this month on only: the run may have begun in the month before."""
    names = "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'messages'::regclass"
    for (name,) in rows(connection, names):
        if name != "messages_default":
            connection.execute(f"DROP TABLE {name}".encode())
    connection.execute("SELECT guestsql_make_message_partitions()")


def test_a_month_has_a_partition_and_older_ones_are_dropped(database_url: str, autocommit: Connection) -> None:
    make_partitions(autocommit)
    now = datetime.now(UTC)
    last_month = now.replace(day=1) - timedelta(days=1)
    partitions = "SELECT DISTINCT tableoid::regclass::text FROM messages ORDER BY 1"
    with GuestDatabase(settings=make_settings(database_url)) as db:
        process(db, "m1", at=now)
        process(db, "m2", at=last_month)
        process(db, "m3", at=now - timedelta(days=3000))
        process(db, "m4", at=now + timedelta(days=3000))  # counts as now
        assert rows(autocommit, partitions) == [(f"messages_{now:%Y_%m}",), ("messages_default",)]
        assert [db.queries.make_message_partitions() for _ in range(2)] == [1, 0]
        assert rows(autocommit, partitions)[0] == (f"messages_{last_month:%Y_%m}",)
        assert db.queries.thin_messages(keep_days=400) == 1
        assert [db.queries.thin_messages(keep_days=days) for days in (32, 0)] == [0, 1]
        assert process(db, "m3") == "done"
    assert rows(autocommit, "SELECT count(*) FROM messages WHERE message_id IN ('m1', 'm4')") == [(2,)]


def test_partitions_are_made_and_dropped_only_for_those_who_may_write(
    database_url: str, autocommit: Connection
) -> None:
    """They are made with the owner's rights, and belong to the owner."""
    make_partitions(autocommit)
    autocommit.execute("CREATE ROLE partitions_bot LOGIN NOINHERIT IN ROLE guestsql_bot")
    autocommit.execute("CREATE ROLE partitions_reader LOGIN IN ROLE guestsql_monitor")
    autocommit.execute('CREATE ROLE "partitions-Owner"')
    try:
        autocommit.execute('GRANT CREATE ON SCHEMA public TO "partitions-Owner"')
        autocommit.execute('GRANT "partitions-Owner" TO guestsql_owner')
        autocommit.execute('ALTER TABLE messages OWNER TO "partitions-Owner"')
        autocommit.execute(f"DROP TABLE messages_{datetime.now(UTC):%Y_%m}".encode())
        with psycopg.connect(database_url, user="partitions_reader", autocommit=True) as reader:
            for call in ("guestsql_make_message_partitions()", "guestsql_thin_messages(0)"):
                with pytest.raises(InsufficientPrivilege):
                    reader.execute(f"SELECT {call}".encode())
        with psycopg.connect(database_url, user="partitions_bot", autocommit=True) as bot:
            with pytest.raises(InsufficientPrivilege):
                bot.execute("SELECT guestsql_make_message_partitions()")
            bot.execute("SET ROLE guestsql_bot")
            assert rows(bot, "SELECT guestsql_make_message_partitions()") == [(1,)]
        made = f"SELECT pg_get_userbyid(relowner) FROM pg_class WHERE relname = 'messages_{datetime.now(UTC):%Y_%m}'"
        assert rows(autocommit, made) == [("partitions-Owner",)]
    finally:
        autocommit.execute('DROP OWNED BY "partitions-Owner" CASCADE')
        autocommit.execute('DROP ROLE partitions_bot, partitions_reader, "partitions-Owner"')


def test_ids_of_messages_are_kept_for_longer(database_url: str, autocommit: Connection) -> None:
    autocommit.execute(
        """INSERT INTO operations (source, operation_id, done_at, claimed_at)
        SELECT source, source || days, CASE WHEN source <> 'failed' THEN now() - days * INTERVAL '1 d' END,
            now() - days * INTERVAL '1 d'
        FROM unnest(ARRAY['guestsql', 'whatsapp', 'failed']) AS source, unnest(ARRAY[1, 8, 31]) AS days"""
    )
    with GuestDatabase(settings=make_settings(database_url)) as db:
        assert [db.queries.thin_operations() for _ in range(2)] == [4, 0]
    assert rows(autocommit, "SELECT operation_id FROM operations ORDER BY 1") == [
        ("failed1",),
        ("failed8",),
        ("guestsql1",),
        ("whatsapp1",),
        ("whatsapp8",),
    ]


def test_an_erased_guest_does_not_come_back_with_a_redelivery(database_url: str, autocommit: Connection) -> None:
    now = datetime.now(UTC)
    with GuestDatabase(settings=make_settings(database_url, keep_text_days=30)) as db:
        process(db, f"{GUEST}-done", text="Hola", chat_id=f"{GUEST}@c.us")
        running = db.message(f"{GUEST}-running", GUEST)
        running.__enter__().tokens("t1", 5)
        process(db, "other", OTHER)
        exported = db.export_guest(GUEST)
        assert [row["text"] for row in exported["messages"]] == ["Hola"]
        assert [row["operation_id"] for row in exported["operations"]] == [f"{GUEST}-running"]
        assert db.forget_guest(GUEST)["messages"] == 1
        with pytest.raises(LeaseLost):
            running.__exit__(None, None, None)
        # Those that were known, whatever their time; and unknown ones that are older than the erasure.
        assert process(db, f"{GUEST}-done") == "erased"
        assert process(db, f"{GUEST}-running", at=now + timedelta(days=1)) == "erased"
        assert process(db, "delayed", at=now) == "erased"
        assert db.get_profile(GUEST) is None
        found = rows(autocommit, "SELECT to_jsonb(o)::text FROM operations AS o WHERE operation_id <> 'other'")
        assert not any(GUEST in text or "t1" in text for (text,) in found)
        assert process(db, "new", at=datetime.now(UTC) + timedelta(minutes=1)) == "new"
        assert column(autocommit, "total_interactions") == 1


def test_the_erasure_of_a_numbers_former_owner_is_not_the_new_owners(database_url: str, autocommit: Connection) -> None:
    with GuestDatabase(settings=make_settings(database_url)) as db:
        for bsuid in ("CO.former", "CO.stranger"):
            db.link_ids(GUEST, phone=GUEST, bsuid=bsuid)
        sent_at = datetime.now(UTC)
        db.forget_guest("CO.former")
        assert process(db, "delayed", at=sent_at) == "new"
        assert db.get_profile("CO.stranger").total_interactions == 1
        db.forget_guest("CO.stranger")
        assert process(db, "delayed again", at=sent_at) == "erased"
    assert rows(autocommit, "SELECT count(*) FROM guest_profiles") == [(0,)]


def test_a_message_in_progress_follows_a_merge(database_url: str, autocommit: Connection) -> None:
    with GuestDatabase(settings=make_settings(database_url)) as db:
        db.update_profile(GUEST, user_name="Ana")
        process(db, "m1", OTHER)
        running = db.message("m2", OTHER)
        running.__enter__().tokens("t1", 5)
        db.merge_guests(GUEST, OTHER)
        assert rows(autocommit, "SELECT phone_number FROM operations WHERE done_at IS NULL") == [(GUEST,)]
        assert rows(autocommit, "SELECT phone_number FROM messages") == [(GUEST,)]
        db.forget_guest(GUEST)
        with pytest.raises(LeaseLost):
            running.__exit__(None, None, None)


def test_an_erasure_stops_messages_under_every_id(database_url: str, autocommit: Connection) -> None:
    """One that was claimed under an unknown id, and a delayed one under the other id."""
    lid, before = "81234567890123@lid", datetime.now(UTC) - timedelta(hours=1)
    with GuestDatabase(settings=make_settings(database_url)) as db:
        running = db.message("m1", lid)
        running.__enter__()
        db.link_ids(GUEST, lid=lid)
        db.forget_guest(GUEST)
        with pytest.raises(LeaseLost):
            running.__exit__(None, None, None)
        assert process(db, "m2", lid, at=before) == "erased"
        assert process(db, "m3", f"+{GUEST}", at=before) == "erased"
    assert rows(autocommit, "SELECT count(*) FROM guest_profiles") == [(0,)]


def test_a_message_that_is_completed_during_a_merge_is_stored_for_the_guest_who_stays(
    database_url: str, autocommit: Connection
) -> None:
    with GuestDatabase(settings=make_settings(database_url)) as db, ThreadPoolExecutor(1) as pool:
        db.update_profile(GUEST, user_name="Ana")
        db.update_profile(OTHER, user_name="Ana")
        running = db.message("m1", OTHER)
        running.__enter__().tokens("t1", 5)
        with db.transaction() as tx:
            tx.merge_guests(GUEST, OTHER)
            end = pool.submit(running.__exit__, None, None, None)
            eventually(lambda: waiting_sessions(autocommit) == 1)
        end.result()
    found = rows(autocommit, "SELECT phone_number, total_interactions, thread_tokens FROM guest_profiles")
    assert found == [(GUEST, 1, 5)]
    assert rows(autocommit, "SELECT phone_number FROM messages") == [(GUEST,)]


def test_a_first_message_that_is_completed_during_the_erasure_leaves_nothing(
    database_url: str, autocommit: Connection
) -> None:
    """The guest has no row yet that both could lock."""
    with (
        GuestDatabase(settings=make_settings(database_url, keep_text_days=30)) as db,
        psycopg.connect(database_url) as holder,
        ThreadPoolExecutor() as threads,
    ):
        running = db.message("m1", GUEST, text="Hola")
        running.__enter__().reply({"text": "Hola"})
        # The completion waits for this at its very end: it has written everything and committed nothing.
        holder.execute("INSERT INTO guest_ids (id, phone_number, source) VALUES (%s, %s, 'guest')", [GUEST, GUEST])
        completed = threads.submit(running.__exit__, None, None, None)
        eventually(lambda: waiting_sessions(autocommit) == 1)
        forgotten = threads.submit(db.forget_guest, GUEST)
        eventually(lambda: waiting_sessions(autocommit) == 2)
        holder.rollback()
        completed.result()
        assert forgotten.result()["messages"] == 1
        assert process(db, "m1") == "erased"
    for table in ("messages", "outbox", "guest_profiles", "guest_ids"):
        assert rows(autocommit, f"SELECT count(*) FROM {table}") == [(0,)]


def test_a_message_that_was_counted_during_an_erasure_does_not_prevent_the_next(
    database_url: str, autocommit: Connection
) -> None:
    with GuestDatabase(settings=make_settings(database_url)) as db:
        process(db, "m1")
        db.forget_guest(GUEST)
        # As another process leaves it, whose statement waited for the erasure, and began before it.
        autocommit.execute(
            "INSERT INTO operations (source, operation_id, phone_number) VALUES ('whatsapp', 'm1', %s)", [GUEST]
        )
        db.forget_guest(GUEST)
        assert process(db, "m1") == "erased"
    assert rows(autocommit, "SELECT count(*) FROM operations WHERE source = 'whatsapp'") == [(1,)]


@pytest.mark.parametrize("at", [None, datetime(2026, 1, 1, tzinfo=UTC)])
def test_a_redelivery_during_an_erasure_does_not_bring_the_guest_back(
    at: datetime | None, database_url: str, autocommit: Connection
) -> None:
    with GuestDatabase(settings=make_settings(database_url)) as db, ThreadPoolExecutor(1) as pool:
        process(db, "m1", at=at)
        with db.transaction() as tx:
            tx.forget_guest(GUEST)
            repeated = pool.submit(process, db, "m1", at=at)
            eventually(lambda: waiting_sessions(autocommit) == 1)
        with pytest.raises(LeaseLost, match="erased"):
            repeated.result()
        assert db.get_profile(GUEST) is None
        assert process(db, "m1", at=at) == "erased"


def test_counting_a_message_that_is_older_than_an_erasure_does_not_bring_the_guest_back(database_url: str) -> None:
    sent_at = datetime.now(UTC)
    with GuestDatabase(settings=make_settings(database_url)) as db:
        db.update_profile(GUEST, user_name="Ana")
        db.forget_guest(GUEST)
        db.record_interaction(GUEST, at=sent_at, message_id="m1")
        db.flush()
        assert db.get_profile(GUEST) is None
