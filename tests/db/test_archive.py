"""Guests who have been silent for long are archived with everything, and return with whatever writes to them."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import Connection
from psycopg.types.json import Jsonb

from guestsql import GuestDatabase
from guestsql.errors import ConstraintViolation, DatabaseError, InvalidValue, TransactionConflict
from guestsql.legacy import ImportReport, import_directory
from guestsql.legacy.exporting.directory import export_directory
from guestsql.sql import arrange, read_packaged
from tests.databases import GUEST, KINDS, OTHER, Either, block, make_settings, waiting_sessions
from tests.server import MIGRATIONS, eventually

AT = "2026-01-02T12:00:00.000Z"
LONG_AGO = datetime(2026, 1, 2, 12, tzinfo=UTC)
# What is made anew for a guest who returns.
NOT_KEPT = {
    "context_cache",
    "last_context_update",
    "context_lease",
    "context_lease_until",
    "thread_lease",
    "thread_lease_until",
    "first_id",
}
# Empty, for processes of an older release.
EMPTY = {"booking_status", "marketing_consent", "notes"}
ELSEWHERE = ("guest_ids", "guest_threads", "messages", "guest_notes", "booking_events", "interaction_hours")

# A guest in both tables, or in none although an id leads there; a thread or an id without a guest.
MISPLACED = """
    SELECT 'twice: ' || phone_number FROM guest_keys GROUP BY phone_number HAVING count(*) > 1
    UNION ALL
    SELECT 'id: ' || ids.id FROM guest_ids AS ids
    WHERE strpos(ids.phone_number, '#') = 0
    AND NOT EXISTS (SELECT FROM guest_keys WHERE guest_keys.phone_number = ids.phone_number)
    UNION ALL
    SELECT 'thread: ' || thread_id FROM guest_threads AS threads
    WHERE NOT EXISTS (SELECT FROM guest_keys WHERE guest_keys.phone_number = threads.phone_number)
"""


def add_guest(connection: Connection, key: str = GUEST, last: datetime = LONG_AGO) -> None:
    """Add a silent guest with something in every column and every table."""
    connection.execute(
        "INSERT INTO guest_profiles (phone_number, chat_id, user_name, contact_name, labels, profile_data,"
        " memory_enabled, thread_id, thread_tokens, thread_created_at, first_interaction, last_interaction,"
        " total_interactions, current_phone, created_at, updated_at)"
        " VALUES (%(key)s, %(key)s || '@c.us', 'Ana', 'Ana 12', '{VIP,b}', %(data)s, TRUE, 'before', 7, %(at)s, %(at)s,"
        " %(at)s, 3, '573009999999', %(at)s, %(at)s)",
        {"key": key, "data": Jsonb({"room": 5}), "at": last},
    )
    connection.execute("UPDATE guest_profiles SET thread_id = 'now', thread_tokens = 9 WHERE phone_number = %s", [key])
    connection.execute(
        "INSERT INTO guest_ids (id, phone_number, source) VALUES (%s, %s, 'link')", [f"8{key[-10:]}@lid", key]
    )
    connection.execute("INSERT INTO guest_notes (phone_number, note) VALUES (%s, 'quiet room')", [key])
    connection.execute(
        "INSERT INTO messages (sent_at, gateway, message_id, phone_number, direction, text)"
        " VALUES (%s, 'whatsapp', %s, %s, 'in', 'hello')",
        [last, f"m{key}", key],
    )


def lid(key: str) -> str:
    return f"8{key[-10:]}@lid"


def state(connection: Connection, key: str = GUEST) -> dict[str, Any]:
    """Everything that is stored of a guest, wherever the row is."""
    rows = connection.execute(
        "SELECT to_jsonb(guest) FROM guest_profiles AS guest WHERE phone_number = %(key)s"
        " UNION ALL SELECT to_jsonb(client) FROM historical_clients AS client WHERE phone_number = %(key)s",
        {"key": key},
    ).fetchall()
    assert len(rows) == 1
    other = NOT_KEPT | EMPTY | {"context_epoch", "id", "archived_at"}
    kept = {name: value for name, value in rows[0][0].items() if name not in other}
    return {"row": kept} | {table: rows_of(connection, table, key) for table in ELSEWHERE}


def rows_of(connection: Connection, table: str, key: str) -> list[Any]:
    found = connection.execute(
        f"SELECT to_jsonb(one) - 'last_seen_at' FROM {table} AS one WHERE phone_number = %s ORDER BY one".encode(),
        [key],
    )
    return [row for (row,) in found]


def is_archived(connection: Connection, key: str = GUEST) -> bool:
    found = connection.execute("SELECT archived FROM guest_keys WHERE phone_number = %s", [key]).fetchall()
    assert len(found) == 1
    return bool(found[0][0])


def archive(connection: Connection, *keys: str) -> None:
    """Archive guests by the packaged query, as a person in psql would."""
    with GuestDatabase(settings=make_settings(url_of(connection))) as db:
        assert db.queries.archive_guests(phone_numbers=list(keys)) == len(keys)


def url_of(connection: Connection) -> str:
    info = connection.info
    return psycopg.conninfo.make_conninfo(host=info.host, port=info.port, user=info.user, dbname=info.dbname)


def columns_of(connection: Connection, table: str) -> set[tuple[str, str]]:
    found = connection.execute(
        "SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute"
        " WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped",
        [table],
    )
    return set(found.fetchall())


def test_both_tables_have_the_same_columns_of_a_guest(autocommit: Connection) -> None:
    active = {column for column in columns_of(autocommit, "guest_profiles") if column[0] not in NOT_KEPT}
    archived = {each for each in columns_of(autocommit, "historical_clients") if each[0] not in EMPTY | {"id"}}
    assert active | {("archived_at", "timestamp with time zone")} == archived == columns_of(autocommit, "known_guests")


@pytest.mark.parametrize("kind", KINDS)
async def test_archived_and_returned_with_everything(kind: str, database_url: str, autocommit: Connection) -> None:
    add_guest(autocommit)
    before = state(autocommit)
    async with Either(kind, database_url) as db:
        assert await db.archive_guests() == 1
        assert await db.archive_guests() == 0
        assert tuple(await db.queries.get_archive_totals()) == (1, 9)
        assert is_archived(autocommit)
        assert state(autocommit) == before
        assert await db.return_guests([lid(GUEST), OTHER]) == 1
        assert await db.return_guests([GUEST]) == 0
    assert not is_archived(autocommit)
    assert state(autocommit) == before
    assert autocommit.execute(MISPLACED).fetchall() == []


@pytest.mark.parametrize("kind", KINDS)
async def test_reads_find_an_archived_guest_where_it_is(kind: str, database_url: str, autocommit: Connection) -> None:
    add_guest(autocommit)
    async with Either(kind, database_url) as db:
        active = await db.get_profile(GUEST)
        text = await db.get_context(GUEST)
        threads = await db.get_threads(GUEST)
        assert active.archived_at is None
        assert await db.archive_guests() == 1
        for user_id in (GUEST, lid(GUEST)):
            archived = await db.get_profile(user_id)
            assert archived.archived_at is not None
            assert archived.labels == active.labels
            assert (await db.get_thread(user_id)).token_count == 9
            assert await db.get_threads(user_id) == threads
            assert (await db.get_context(user_id))[:6] == text[:6] == "[Ana 1"
            assert list(await db.get_contexts([user_id, OTHER])) == [user_id, OTHER]
            assert await db.invalidate_context(user_id)
            exported = await db.export_guest(user_id)
            assert len(exported["historical_clients"]) == len(exported["guest_notes"]) == 1
            assert exported["guest_profiles"] == []
            assert (await db.create_thread(user_id, _no_factory)).thread_id == "now"
        autocommit.execute("UPDATE historical_clients SET memory_enabled = FALSE")
        assert await db.get_context(GUEST) == ""
    assert is_archived(autocommit)


def _no_factory() -> str:
    raise AssertionError


def _factory() -> str:
    return "new"


async def _async_factory() -> str:
    return "new"


async def _processed(db: Any, key: str) -> None:
    async with block(db.raw.message(f"new {key}", key, chat_id="1@g.us")) as message:
        message.tokens("now", 5)


async def _recorded(db: Any, key: str) -> None:
    # Older than the archive: it is a write all the same.
    await db.record_interaction(key, at=LONG_AGO - timedelta(days=1))
    await db.record_interaction(lid(key), message_id=f"n{key}")
    await db.flush()


async def _cleared_and_created(db: Any, key: str) -> None:
    await db.clear_thread(key)
    factory: Any = _factory if isinstance(db.raw, GuestDatabase) else _async_factory
    await db.create_thread(key, factory)


Write = Callable[[Any, str], Awaitable[Any]]
# By what is different afterwards.
WRITES: dict[str, tuple[Write, set[str]]] = {
    "update_profile": (lambda db, key: db.update_profile(key, user_name="Eva"), {"user_name"}),
    "nothing to change": (lambda db, key: db.update_profile(key, user_name="Ana"), set()),
    "add_labels": (lambda db, key: db.add_labels(lid(key), ["c"]), {"labels"}),
    "remove_labels": (lambda db, key: db.remove_labels(key, ["b"]), {"labels"}),
    "set_thread": (lambda db, key: db.set_thread(key, "before"), {"thread_id", "thread_tokens"}),
    "create_thread": (_cleared_and_created, {"thread_id", "thread_tokens", "thread_created_at"}),
    "add_thread_tokens": (lambda db, key: db.add_thread_tokens(key, "now", 4), {"thread_tokens"}),
    "tokens of before": (lambda db, key: db.add_thread_tokens(key, "before", 4), set()),
    "tokens of a message": (
        lambda db, key: db.add_thread_tokens(key, "now", 4, message_id=f"t{key}"),
        {"thread_tokens"},
    ),
    "record_interaction": (_recorded, {"total_interactions", "first_interaction", "last_interaction"}),
    "message": (_processed, {"chat_id", "thread_tokens", "total_interactions", "last_interaction"}),
    "queue_reply": (lambda db, key: db.queue_reply(key, {"text": "hello"}), set()),
    "link_ids": (lambda db, key: db.link_ids(lid(key), bsuid=f"CO.{key}"), set()),
    "change_phone": (lambda db, key: db.change_phone(lid(key), f"1{key[1:]}"), {"current_phone"}),
    "merge_guests": (lambda db, key: db.merge_guests(key, f"2{key[1:]}"), set()),
    "merged": (
        lambda db, key: db.merge_guests(f"3{key[1:]}", key),
        {"phone_number", "profile_data", "current_phone"},
    ),
    "a query": (lambda db, key: db.queries.add_labels(phone_number=key, labels=["c"]), {"labels"}),
}
# Raise the epoch or move updated_at, in any case.
ALWAYS = {"updated_at", "last_active_on"}
OUTSIDE = {"create_thread", "message", "a query"}


@pytest.mark.parametrize("kind", KINDS)
async def test_every_write_returns_the_guest(kind: str, database_url: str, autocommit: Connection) -> None:
    keys = {name: f"5730000001{number:02}" for number, name in enumerate(WRITES)}
    for key in keys.values():
        add_guest(autocommit, key)
    before = {name: state(autocommit, key) for name, key in keys.items()}
    async with Either(kind, database_url) as db:
        assert await db.archive_guests() == len(keys)
        for name, (write, changed) in WRITES.items():
            await write(db, keys[name])
            _check_returned(autocommit, name, keys[name], before[name], changed)
    assert autocommit.execute("SELECT count(*) FROM historical_clients").fetchone() == (0,)
    assert autocommit.execute(MISPLACED).fetchall() == []


def _check_returned(connection: Connection, name: str, key: str, before: dict[str, Any], changed: set[str]) -> None:
    now = f"3{key[1:]}" if name == "merged" else key
    assert not is_archived(connection, now), name
    after = state(connection, now)
    different = {column for column, value in after["row"].items() if value != before["row"][column]}
    assert different - ALWAYS <= changed, name
    assert changed <= different, name
    # Every thread, id, note and message is still the guest's.
    assert len(after["guest_notes"]) == 1
    assert len(after["messages"]) >= 1
    assert {row["id"] for row in before["guest_ids"]} <= {row["id"] for row in after["guest_ids"]}
    threads = {row["thread_id"] for row in after["guest_threads"]} | {after["row"]["thread_id"]}
    assert {"before", "now"} <= threads, name


@pytest.mark.parametrize("kind", KINDS)
async def test_writes_in_a_transaction_return_the_guest(kind: str, database_url: str, autocommit: Connection) -> None:
    names = [name for name in WRITES if name not in OUTSIDE]
    keys = {name: f"5730000001{number:02}" for number, name in enumerate(names)}
    for key in keys.values():
        add_guest(autocommit, key)
    before = {name: state(autocommit, key) for name, key in keys.items()}
    async with Either(kind, database_url) as db:
        assert await db.archive_guests() == len(keys)
        async with block(db.raw.transaction()) as raw:
            tx = Either.__new__(Either)
            tx.use(raw)
            tx.flush = _nothing
            for name in names:
                await WRITES[name][0](tx, keys[name])
            assert autocommit.execute("SELECT count(*) FROM historical_clients").fetchone() == (len(keys),)
    for name in names:
        _check_returned(autocommit, name, keys[name], before[name], WRITES[name][1])
    assert autocommit.execute(MISPLACED).fetchall() == []


async def _nothing() -> None:
    """Inside a transaction nothing is buffered."""


def test_what_a_savepoint_undoes_stays_archived(database_url: str, autocommit: Connection) -> None:
    add_guest(autocommit)
    with GuestDatabase(settings=make_settings(database_url)) as db:
        db.archive_guests()
        with db.transaction() as tx:
            with suppress(KeyError), tx.transaction():
                raise KeyError(tx.add_labels(GUEST, ["c"]))
            assert is_archived(autocommit)
            tx.add_labels(GUEST, ["d"])
        assert db.get_profile(GUEST).labels == ["VIP", "b", "d"]


def test_a_guest_who_is_busy_stays(database_url: str, autocommit: Connection) -> None:
    keys = [f"57300000010{number}" for number in range(6)]
    for key in keys:
        add_guest(autocommit, key)
    autocommit.execute(
        "UPDATE guest_profiles SET context_lease = gen_random_uuid(), context_lease_until = 'tomorrow'"
        " WHERE phone_number = %s",
        [keys[0]],
    )
    autocommit.execute(
        "UPDATE guest_profiles SET thread_lease = gen_random_uuid(), thread_lease_until = 'tomorrow'"
        " WHERE phone_number = %s",
        [keys[1]],
    )
    with GuestDatabase(settings=make_settings(database_url)) as db, psycopg.connect(database_url) as locking:
        db.queue_reply(keys[2], {"text": "hello"})
        locking.execute("SELECT FROM guest_profiles WHERE phone_number = %s FOR KEY SHARE", [keys[3]])
        with db.message("open", keys[4]):
            assert db.queries.count_silent_guests() == 2
            assert db.archive_guests() == 1
        assert is_archived(autocommit, keys[5])
        locking.rollback()
        assert db.archive_guests() == 1
        assert is_archived(autocommit, keys[3])
        assert db.get_profile(keys[4]).archived_at is None


def test_whom_it_takes_first(database_url: str, autocommit: Connection) -> None:
    with GuestDatabase(settings=make_settings(database_url)) as db:
        now = datetime.now(UTC)
        for key, days in (("573000000101", 31), ("573000000102", 40), ("573000000103", 29)):
            add_guest(autocommit, key, now - timedelta(days=days))
        autocommit.execute("INSERT INTO guest_profiles (phone_number) VALUES ('573000000104')")
        autocommit.execute(
            "INSERT INTO guest_profiles (phone_number, created_at) VALUES ('573000000105', '2026-01-01')"
        )
        assert db.archive_guests(max_guests=1) == 1
        assert is_archived(autocommit, "573000000102")
        assert db.archive_guests(max_guests=5) == 2
        assert is_archived(autocommit, "573000000105")
        assert not is_archived(autocommit, "573000000103")
        assert not is_archived(autocommit, "573000000104")
        with pytest.raises(InvalidValue):
            db.archive_guests(silent_days=-1)


@pytest.mark.parametrize(
    ("name", "file"), [("archive_guests", "history.sql"), ("lock_silent_guests", "internal/archive.sql")]
)
def test_a_batch_does_not_sort_all_silent_guests(name: str, file: str, autocommit: Connection) -> None:
    query = read_packaged(file)[name]
    given = {"silent_days": 30, "max_guests": 5, "phone_numbers": None}
    with autocommit.transaction(), psycopg.RawCursor(autocommit) as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute("SET LOCAL enable_bitmapscan = off")
        cursor.execute(
            f"EXPLAIN {query.text}".encode(), arrange(query, {each.name: given[each.name] for each in query.parameters})
        )
        plan = "\n".join(line for (line,) in cursor)
    assert "last_activity" in plan
    assert "Sort Key: guest" not in plan


def test_no_writer_puts_a_guest_into_both(autocommit: Connection) -> None:
    add_guest(autocommit)
    with pytest.raises(psycopg.errors.UniqueViolation):
        autocommit.execute("INSERT INTO historical_clients (phone_number) VALUES (%s)", [GUEST])
    archive(autocommit, GUEST)
    with pytest.raises(psycopg.DatabaseError) as caught:
        autocommit.execute("INSERT INTO guest_profiles (phone_number) VALUES (%s), (%s)", [GUEST, OTHER])
    assert caught.value.sqlstate == "GS001"
    number = autocommit.execute("SELECT id::text FROM historical_clients").fetchone()
    assert (caught.value.diag.message_detail,) == number
    with (
        pytest.raises(psycopg.DatabaseError),
        autocommit.cursor().copy("COPY guest_profiles (phone_number) FROM STDIN") as copy,
    ):
        copy.write_row([GUEST])
    assert is_archived(autocommit)
    # An id that leads to another guest is no key of an archived one.
    with pytest.raises(psycopg.errors.UniqueViolation):
        autocommit.execute("INSERT INTO historical_clients (phone_number) VALUES (%s)", [lid(GUEST)])


def test_a_transaction_that_began_before_the_archive_cannot_bring_a_second_row(
    database_url: str, autocommit: Connection
) -> None:
    add_guest(autocommit)
    with GuestDatabase(settings=make_settings(database_url)) as db:
        for isolation in ("repeatable read", "serializable"):
            with suppress(TransactionConflict), db.transaction(isolation=isolation) as tx:
                tx.get_profile(OTHER)
                archive(autocommit, GUEST)
                pytest.fail(str(tx.queries.add_labels(phone_number=GUEST, labels=["c"])))
            assert db.return_guests([GUEST])
    assert autocommit.execute(MISPLACED).fetchall() == []


def test_deleted_by_hand(autocommit: Connection) -> None:
    for key in (GUEST, OTHER):
        add_guest(autocommit, key)
    archive(autocommit, GUEST)
    autocommit.execute("DELETE FROM historical_clients")
    assert rows_of(autocommit, "guest_ids", GUEST) == rows_of(autocommit, "guest_threads", GUEST) == []
    archive(autocommit, OTHER)
    autocommit.execute("TRUNCATE guest_profiles")
    assert len(rows_of(autocommit, "guest_ids", OTHER)) == 2
    autocommit.execute("TRUNCATE historical_clients")
    assert rows_of(autocommit, "guest_ids", OTHER) == rows_of(autocommit, "guest_threads", OTHER) == []


@pytest.mark.parametrize("kind", KINDS)
async def test_an_archived_guest_is_erased(kind: str, database_url: str, autocommit: Connection) -> None:
    add_guest(autocommit)
    archive(autocommit, GUEST)
    async with Either(kind, database_url) as db:
        erased = await db.forget_guest(lid(GUEST))
        assert erased["historical_clients"] == 1
        assert (erased["guest_profiles"], erased["guest_ids"], erased["guest_threads"]) == (0, 2, 1)
        assert await db.get_profile(GUEST) is None
        assert autocommit.execute("SELECT count(*) FROM erased_guests").fetchone() != (0,)
        assert (await db.update_profile(GUEST)).user_name is None
    assert autocommit.execute(MISPLACED).fetchall() == []


def test_a_number_that_is_another_persons_now(database_url: str, autocommit: Connection) -> None:
    """The former owner stays archived, loses the phone, and returns by another id."""
    with GuestDatabase(settings=make_settings(database_url)) as db:
        db.link_ids(GUEST, bsuid="CO.first", lid=lid(GUEST))
        db.update_profile(GUEST, user_name="First")
        archive(autocommit, GUEST)
        second = db.link_ids("CO.second", phone=GUEST)
        assert is_archived(autocommit)
        assert (second.phone_number, second.user_name, second.current_phone) == ("CO.second", None, GUEST)
        former = db.get_profile("CO.first")
        assert (former.user_name, former.current_phone) == ("First", None)
        db.add_labels(GUEST, ["second"])
        assert is_archived(autocommit)
        assert db.add_labels("CO.first", ["first"]).user_name == "First"
        assert db.get_profile(GUEST).labels == ["second"]
        assert not is_archived(autocommit)
        archive(autocommit, GUEST, "CO.second")
        db.forget_guest(GUEST)
        assert db.get_profile("CO.first").user_name == "First"
        assert db.update_profile(GUEST).phone_number == f"{GUEST}#2"
    assert autocommit.execute(MISPLACED).fetchall() == []


def test_guests_are_held_in_the_order_in_which_a_merge_locks_them(database_url: str, autocommit: Connection) -> None:
    add_guest(autocommit)
    archive(autocommit, GUEST)
    add_guest(autocommit, OTHER)
    with (
        psycopg.connect(database_url) as merging,
        GuestDatabase(settings=make_settings(database_url)) as db,
        ThreadPoolExecutor(1) as pool,
    ):
        merging.execute("SELECT FROM guest_profiles WHERE phone_number = %s FOR UPDATE", [OTHER])
        returning = pool.submit(db.return_guests, [GUEST, OTHER])
        eventually(lambda: waiting_sessions(autocommit))
        # It has not locked the archived guest yet, although that key comes first.
        merging.execute("SELECT FROM historical_clients WHERE phone_number = %s FOR UPDATE NOWAIT", [GUEST])
        merging.rollback()
        assert returning.result() == 1


def test_a_guest_created_by_another_spelling_returns(database_url: str, autocommit: Connection) -> None:
    """first_id of the row was the other spelling; it is not kept."""
    with GuestDatabase(settings=make_settings(database_url)) as db:
        key = db.update_profile("5215512345678").phone_number
        archive(autocommit, key)
        assert db.update_profile("525512345678", user_name="Eva").phone_number == key
    assert autocommit.execute(MISPLACED).fetchall() == []


OWN_TABLE = "CREATE TABLE bookings (guest text NOT NULL REFERENCES guest_profiles {}, room text)"
OWN_ARCHIVE = "CREATE TABLE old_bookings (guest text NOT NULL, room text)"
OWN_QUERIES = """
-- name: archive_bookings(phone_numbers)!
-- Moves bookings away.
-- on: archive_guest
--   phone_numbers: text[], the guests' keys
WITH gone AS (DELETE FROM bookings WHERE guest = ANY(:phone_numbers::text[]) RETURNING guest, room)
INSERT INTO old_bookings (guest, room) SELECT guest, room FROM gone;

-- name: return_bookings(phone_numbers)!
-- Moves bookings back.
-- on: return_guest
--   phone_numbers: text[], the guests' keys
WITH gone AS (DELETE FROM old_bookings WHERE guest = ANY(:phone_numbers::text[]) RETURNING guest, room)
INSERT INTO bookings (guest, room) SELECT guest, room FROM gone;
"""


@pytest.mark.parametrize("kind", KINDS)
async def test_custom_tables_take_part(kind: str, database_url: str, autocommit: Connection, tmp_path: Path) -> None:
    autocommit.execute(OWN_TABLE.format("ON DELETE CASCADE").encode())
    autocommit.execute(OWN_ARCHIVE)
    (tmp_path / "bookings.sql").write_text(OWN_QUERIES)
    for key in (GUEST, OTHER):
        add_guest(autocommit, key)
        autocommit.execute("INSERT INTO bookings VALUES (%s, '12')", [key])
    async with Either(kind, database_url, queries_dir=tmp_path) as db:
        assert await db.archive_guests(max_guests=5) == 2
        assert autocommit.execute("SELECT count(*) FROM old_bookings").fetchone() == (2,)
        await db.add_labels(GUEST, ["c"])
        assert autocommit.execute("SELECT guest FROM bookings").fetchall() == [(GUEST,)]
        assert await db.return_guests([OTHER])
    assert autocommit.execute("SELECT count(*) FROM bookings").fetchone() == (2,)


@pytest.mark.parametrize("rule", ["", "ON DELETE CASCADE", "ON DELETE SET NULL"])
def test_rows_that_no_query_moves_keep_the_guest(rule: str, database_url: str, autocommit: Connection) -> None:
    autocommit.execute(OWN_TABLE.format(rule).replace("NOT NULL ", "").encode())
    add_guest(autocommit)
    autocommit.execute("INSERT INTO bookings VALUES (%s, '12')", [GUEST])
    with GuestDatabase(settings=make_settings(database_url)) as db, pytest.raises(ConstraintViolation):
        db.archive_guests()
    assert not is_archived(autocommit)


def test_a_refusal_that_is_not_handled_says_what_to_do(database_url: str, autocommit: Connection) -> None:
    add_guest(autocommit)
    archive(autocommit, GUEST)
    with GuestDatabase(settings=make_settings(database_url)) as db:
        with pytest.raises(DatabaseError, match="history return"), db.transaction() as tx:
            tx.queries.add_labels(phone_number=GUEST, labels=["c"])
        with db.transaction() as tx:
            tx.return_guests([GUEST])
            tx.queries.add_labels(phone_number=GUEST, labels=["c"])
    assert not is_archived(autocommit)


def test_what_is_written_at_exit_returns_the_guest(database_url: str, autocommit: Connection) -> None:
    add_guest(autocommit)
    db = GuestDatabase(settings=make_settings(database_url))
    db.record_interaction(GUEST)
    archive(autocommit, GUEST)
    flush = db._exit_flush
    assert flush is not None
    flush.flush()
    assert db.get_profile(GUEST).total_interactions == 4
    db.close()


def test_an_import_returns_those_whose_records_are_new(
    database_url: str, autocommit: Connection, tmp_path: Path
) -> None:
    def imported(*names: str) -> ImportReport:
        threads = [
            [key, {"threadId": "t9", "userName": name, "createdAt": AT, "lastActivity": AT, "previousThreads": ["t8"]}]
            for key, name in zip((GUEST, OTHER), names, strict=True)
        ]
        (tmp_path / "threads.json").write_text(json.dumps(threads))
        return import_directory(tmp_path, settings=settings, url=database_url)

    settings = make_settings(database_url)
    imported("Ana", "Eva")
    archive(autocommit, GUEST, OTHER)
    again = imported("Ana", "Eva")
    assert (again.inserted, again.updated, again.unchanged) == (0, 0, 2)
    assert is_archived(autocommit)
    changed = imported("Ana", "Eva María")
    assert (changed.inserted, changed.updated, changed.unchanged) == (0, 1, 1)
    assert is_archived(autocommit, GUEST)
    assert not is_archived(autocommit, OTHER)
    # The way back loses no one.
    (tmp_path / "back").mkdir()
    export_directory(tmp_path / "back", settings=settings, url=database_url)
    assert [key for key, _ in json.loads((tmp_path / "back" / "threads.json").read_text())] == [GUEST, OTHER]
    assert autocommit.execute(MISPLACED).fetchall() == []


def test_rows_that_were_inserted_by_hand_before_there_was_an_archive(empty_database_url: str) -> None:
    """Of an active guest, under another id of one, alone, and two spellings of a number."""
    files = sorted(MIGRATIONS.glob("*.sql"))
    with psycopg.connect(empty_database_url, autocommit=True) as connection:
        for path in (each for each in files if each.name < "0031"):
            connection.execute(path.read_bytes())
        for key in (GUEST, OTHER):
            connection.execute(
                "INSERT INTO guest_profiles (phone_number, profile_data) VALUES (%s, %s)",
                [key, Jsonb({"historical": "of the bot"} if key == GUEST else {})],
            )
        connection.execute(
            "INSERT INTO guest_ids (id, phone_number, source) VALUES ('573000000009', %s, 'link')", [OTHER]
        )
        for key in (GUEST, "573000000009", "573000000003", "5215512345678", "525512345678"):
            connection.execute(
                "INSERT INTO historical_clients (phone_number, user_name, booking_status, marketing_consent, notes)"
                " VALUES (%s, 'Client', 'booked', TRUE, 'a note')",
                [key],
            )
        for path in (each for each in files if each.name >= "0031"):
            connection.execute(path.read_bytes())
        # An older release that still runs names these columns when it merges guests.
        moved = connection.execute("SELECT DISTINCT booking_status, marketing_consent, notes FROM historical_clients")
        assert moved.fetchall() == [(None, False, None)]
        with pytest.raises(psycopg.errors.CheckViolation, match="historical_clients_moved_check"):
            connection.execute("UPDATE historical_clients SET notes = 'of a script'")
        assert connection.execute(MISPLACED).fetchall() == []
        archived = connection.execute("SELECT phone_number FROM historical_clients ORDER BY 1").fetchall()
        assert archived == [("5215512345678",), ("525512345678",), ("573000000003",)]
        folded = connection.execute(
            "SELECT phone_number, profile_data #>> ARRAY['historical', phone_number, 'user_name'],"
            " profile_data #>> '{historical,573000000009,user_name}' FROM guest_profiles ORDER BY 1"
        ).fetchall()
        assert folded == [(GUEST, "Client", None), (OTHER, None, "Client")]
        own = connection.execute("SELECT profile_data #>> '{historical,profile_data}' FROM guest_profiles ORDER BY 1")
        assert own.fetchall() == [("of the bot",), (None,)]
        # Each has a booking event, a note, and a note that the consent had no proof.
        kept = connection.execute(
            "SELECT guest_keys.phone_number, (SELECT count(*) FROM booking_events AS event"
            " WHERE event.phone_number = guest_keys.phone_number), (SELECT count(*) FROM guest_notes AS entry"
            " WHERE entry.phone_number = guest_keys.phone_number) FROM guest_keys"
        ).fetchall()
        assert {counts[1:] for counts in kept} == {(1, 2)}
        with GuestDatabase(settings=make_settings(empty_database_url)) as db:
            for key in ("573000000003", "5215512345678", "525512345678"):
                assert db.get_profile(key).user_name == "Client"
                assert db.add_labels(key, ["back"]).user_name == "Client"
        assert connection.execute(MISPLACED).fetchall() == []
