"""The table of ids: every guest has one for the key and each spelling, and no id leads to another guest."""

from __future__ import annotations

import threading
from typing import Any

import psycopg
import pytest
from psycopg.errors import CheckViolation, SerializationFailure

from tests.databases import GUEST, OTHER, waiting_sessions
from tests.server import MIGRATIONS, eventually

Connection = psycopg.Connection[Any]

MEXICO = ("525512345678", "5215512345678")
UPSERT = """INSERT INTO guest_profiles AS known (phone_number, user_name)
    SELECT guestsql_guest_key(%s), 'Ana'
    ON CONFLICT (phone_number) DO UPDATE SET user_name = excluded.user_name"""
UPSERT_BY_ID = """INSERT INTO guest_profiles AS known (phone_number, first_id, user_name)
    SELECT resolved.key, nullif(%s, resolved.key), 'Ana' FROM guestsql_guest_key(%s) AS resolved (key)
    ON CONFLICT (phone_number) DO UPDATE SET user_name = excluded.user_name"""


def ids(connection: Connection) -> dict[str, str]:
    return dict(connection.execute("SELECT id, phone_number FROM guest_ids ORDER BY id").fetchall())


def guests(connection: Connection) -> list[str]:
    return [row[0] for row in connection.execute("SELECT phone_number FROM guest_profiles ORDER BY 1")]


def insert(connection: Connection, *keys: str) -> None:
    connection.execute("INSERT INTO guest_profiles (phone_number) SELECT unnest(%s::text[])", [list(keys)])


def point(connection: Connection, guest_id: str, key: str) -> None:
    connection.execute(
        """INSERT INTO guest_ids (id, phone_number, source) VALUES (%s, %s, 'link')
        ON CONFLICT (id) DO UPDATE SET phone_number = excluded.phone_number""",
        [guest_id, key],
    )


class Waiting:
    """A statement in a session of its own, which waits for another's lock."""

    def __init__(self, url: str, watcher: Connection, query: str, parameters: list[Any], isolation: str = "") -> None:
        self.error: BaseException | None = None
        waiting = waiting_sessions(watcher)

        def run() -> None:
            with psycopg.connect(url) as connection:
                if isolation:
                    connection.execute(f"SET TRANSACTION ISOLATION LEVEL {isolation}".encode())
                try:
                    connection.execute(query.encode(), parameters)
                except psycopg.Error as error:
                    self.error = error

        self._thread = threading.Thread(target=run)
        self._thread.start()
        eventually(lambda: waiting_sessions(watcher) > waiting)

    def outcome(self) -> BaseException | None:
        self._thread.join(30)
        assert not self._thread.is_alive()
        return self.error


def test_every_guest_has_an_id_for_the_key_and_each_spelling(connection: Connection) -> None:
    insert(connection, GUEST, MEXICO[1], "81234567890123@lid", "CO.1a2B3c", "CO.ENT.1a2B3c", f"{OTHER}#2")
    rows = connection.execute('SELECT id, phone_number, kind, source FROM guest_ids ORDER BY id COLLATE "C"').fetchall()
    assert rows == [
        (MEXICO[1], MEXICO[1], "phone", "guest"),
        (MEXICO[0], MEXICO[1], "phone", "spelling"),
        (GUEST, GUEST, "phone", "guest"),
        (f"{OTHER}#2", f"{OTHER}#2", "former_phone", "guest"),
        ("81234567890123@lid", "81234567890123@lid", "lid", "guest"),
        ("CO.1a2B3c", "CO.1a2B3c", "bsuid", "guest"),
        ("CO.ENT.1a2B3c", "CO.ENT.1a2B3c", "parent_bsuid", "guest"),
    ]


@pytest.mark.parametrize("refused", ["", "+573000000001", f"{GUEST}#", f"{GUEST}#0", "81@lid#2", "0573000000001"])
def test_an_id_is_a_canonical_one(connection: Connection, refused: str) -> None:
    with pytest.raises(CheckViolation, match="guest_ids_id_check"):
        point(connection, refused, GUEST)


def test_the_current_phone(connection: Connection) -> None:
    connection.execute(
        """INSERT INTO guest_profiles (phone_number, current_phone) VALUES
        ('573000000001', NULL), ('573000000002', ''), ('573000000003', '573000000009'), ('573000000004#2', NULL),
        ('81234567890123@lid', NULL), ('CO.1', '573000000008')"""
    )
    phones = connection.execute(
        "SELECT guestsql_current_phone(current_phone, phone_number) FROM guest_profiles ORDER BY 1, phone_number"
    ).fetchall()
    assert [phone for (phone,) in phones] == [f"57300000000{last}" for last in "1489"] + [None, None]


def test_the_ids_go_with_the_guest(connection: Connection) -> None:
    insert(connection, GUEST, OTHER, MEXICO[0])
    point(connection, "1@lid", GUEST)
    connection.execute("DELETE FROM guest_profiles WHERE phone_number <> %s", [OTHER])
    assert ids(connection) == {OTHER: OTHER}
    connection.execute("TRUNCATE guest_profiles CASCADE")
    assert ids(connection) == {}


def test_two_guests_of_one_statement_keep_their_own_spelling(connection: Connection) -> None:
    insert(connection, *MEXICO)
    assert ids(connection) == dict(zip(MEXICO, MEXICO, strict=True))


@pytest.mark.parametrize("isolation", ["READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE"])
@pytest.mark.parametrize("known", [True, False])
def test_a_writer_that_waits_for_a_merge_must_repeat(
    autocommit: Connection, database_url: str, isolation: str, known: bool
) -> None:
    """Both the row of a duplicate and the id of one without a row."""
    insert(autocommit, GUEST, *([OTHER] if known else []))
    with psycopg.connect(database_url) as merge:
        point(merge, OTHER, GUEST)
        merge.execute("DELETE FROM guest_profiles WHERE phone_number = %s", [OTHER])
        writer = Waiting(database_url, autocommit, UPSERT, [OTHER], isolation)
        merge.commit()
        assert isinstance(writer.outcome(), SerializationFailure)
    autocommit.execute(UPSERT.encode(), [OTHER])
    assert guests(autocommit) == [GUEST]
    assert ids(autocommit) == {GUEST: GUEST, OTHER: GUEST}


@pytest.mark.parametrize("isolation", ["READ COMMITTED", "REPEATABLE READ"])
def test_a_writer_that_waits_for_an_erasure_creates_no_guest_under_another_id(
    autocommit: Connection, database_url: str, isolation: str
) -> None:
    insert(autocommit, GUEST)
    point(autocommit, "1@lid", GUEST)
    with psycopg.connect(database_url) as erasure:
        erasure.execute("DELETE FROM guest_profiles")
        writer = Waiting(database_url, autocommit, UPSERT_BY_ID, ["1@lid", "1@lid"], isolation)
        erasure.commit()
        assert isinstance(writer.outcome(), SerializationFailure)
    autocommit.execute(UPSERT_BY_ID.encode(), ["1@lid", "1@lid"])
    assert guests(autocommit) == ["1@lid"]


@pytest.mark.parametrize("first", [0, 1])
def test_two_spellings_at_once_are_one_guest(autocommit: Connection, database_url: str, first: int) -> None:
    with psycopg.connect(database_url) as faster:
        faster.execute(UPSERT.encode(), [MEXICO[first]])
        slower = Waiting(database_url, autocommit, UPSERT, [MEXICO[1 - first]])
        faster.commit()
        assert isinstance(slower.outcome(), SerializationFailure)
    autocommit.execute(UPSERT.encode(), [MEXICO[1 - first]])
    assert guests(autocommit) == [MEXICO[first]]
    assert ids(autocommit) == dict.fromkeys(MEXICO, MEXICO[first])


def test_two_spellings_at_once_of_which_the_first_gives_up(autocommit: Connection, database_url: str) -> None:
    with psycopg.connect(database_url) as faster:
        faster.execute(UPSERT.encode(), [MEXICO[0]])
        slower = Waiting(database_url, autocommit, UPSERT, [MEXICO[1]])
        faster.rollback()
        assert slower.outcome() is None
    assert ids(autocommit) == dict.fromkeys(MEXICO, MEXICO[1])


def test_a_recycled_phone_never_leads_back_to_its_former_guest(connection: Connection) -> None:
    phone, other_spelling = MEXICO
    insert(connection, phone, "MX.NEW")
    for guest_id in MEXICO:
        point(connection, guest_id, "MX.NEW")
    point(connection, f"{phone}#1", phone)
    connection.execute("DELETE FROM guest_profiles WHERE phone_number = 'MX.NEW'")
    assert ids(connection) == {phone: f"{phone}#2", other_spelling: f"{phone}#2", f"{phone}#1": phone}
    connection.execute(UPSERT_BY_ID.encode(), [other_spelling, other_spelling])
    assert guests(connection) == [phone, f"{phone}#2"]
    assert connection.execute(
        "SELECT guestsql_current_phone(current_phone, phone_number) FROM guest_profiles WHERE first_id IS NOT NULL"
    ).fetchall() == [(phone,)]
    connection.execute("DELETE FROM guest_profiles WHERE phone_number = %s", [f"{phone}#2"])
    connection.execute("DELETE FROM guest_profiles WHERE phone_number = %s", [phone])
    assert ids(connection) == {}


def test_a_batch_in_another_order_does_not_deadlock(autocommit: Connection, database_url: str) -> None:
    """All ids of a statement are entered in one order, whatever the order of its rows."""
    numbers = [f"5255123456{number:02}" for number in range(40)]
    batches = [numbers, [f"521{number[2:]}" for number in reversed(numbers)]]
    errors: list[BaseException] = []

    def write(batch: list[str]) -> None:
        with psycopg.connect(database_url, autocommit=True) as writer:
            for _ in range(20):
                try:
                    # Rolled back: a DELETE in another order may deadlock, as it always could.
                    with writer.transaction(force_rollback=True):
                        insert(writer, *batch)
                except psycopg.Error as error:
                    errors.append(error)

    threads = [threading.Thread(target=write, args=[batch]) for batch in batches]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert {type(error) for error in errors} <= {SerializationFailure}
    assert ids(autocommit) == {}


def test_the_migration_enters_the_ids_of_known_guests(empty_database_url: str) -> None:
    files = sorted(MIGRATIONS.glob("*.sql"))
    at = next(place for place, path in enumerate(files) if path.name.endswith("_guest_ids.sql"))
    with psycopg.connect(empty_database_url, autocommit=True) as connection:
        for path in files[:at]:
            connection.execute(path.read_bytes())
        insert(connection, GUEST, *MEXICO, "5491123456789")
        connection.execute(files[at].read_bytes())
        insert(connection, OTHER)
        connection.execute(files[at + 1].read_bytes())
        assert ids(connection) == {
            **{key: key for key in (GUEST, OTHER, *MEXICO)},
            **dict.fromkeys(["5491123456789", "541123456789"], "5491123456789"),
        }
