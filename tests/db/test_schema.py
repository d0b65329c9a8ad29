"""The schema: each check refuses what its comment says, and a row corrected by hand is heeded."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest
from psycopg.errors import CheckViolation, GeneratedAlways, IntegrityError

from tests.databases import GUEST

Connection = psycopg.Connection[Any]


def insert(connection: Connection, table: str, **columns: str) -> None:
    """Insert a row whose values are SQL expressions."""
    columns = {"phone_number": f"'{GUEST}'", **columns}
    connection.execute(f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({', '.join(columns.values())})".encode())


def one(connection: Connection, query: str) -> tuple[Any, ...]:
    row = connection.execute(query.encode()).fetchone()
    assert row is not None
    return row


NO_KEYS = [
    "''",
    "'+573000000001'",
    "'57 300 000 0001'",
    "'573000000001@s.whatsapp.net'",
    "'123456'",
    "'0573000000001'",
    "'5730000000011111'",
    "'120363000000000001@g.us'",
    "'@lid'",
    "'co.1a'",
    "E'573000000001\\n'",
    "E'x\\n573000000001'",
]
NO_LABELS = ["NULL", "ARRAY[NULL]::text[]", "ARRAY['']", "ARRAY['a', NULL]", "ARRAY[['a'], ['b']]"]

REFUSED = [
    *(("guest_profiles_phone_number_check", {"phone_number": key}) for key in NO_KEYS),
    ("guest_profiles_names_check", {"user_name": "''"}),
    ("guest_profiles_names_check", {"contact_name": "''"}),
    ("guest_profiles_names_check", {"contact_name": "''", "user_name": "'Ana'"}),
    ("guest_profiles_chat_id_check", {"chat_id": "''"}),
    *(("guest_profiles_labels_check", {"labels": labels}) for labels in NO_LABELS[1:]),
    ("guest_profiles_profile_data_check", {"profile_data": "'[]'"}),
    ("guest_profiles_profile_data_check", {"profile_data": "'null'"}),
    ("guest_profiles_profile_data_check", {"profile_data": "'\"a\"'"}),
    ("guest_profiles_thread_check", {"thread_id": "''"}),
    ("guest_profiles_thread_check", {"thread_id": "'t'", "thread_tokens": "-1"}),
    ("guest_profiles_thread_check", {"thread_tokens": "1"}),
    ("guest_profiles_interactions_check", {"total_interactions": "-1"}),
    (
        "guest_profiles_interactions_check",
        {"first_interaction": "'2026-01-02Z'", "last_interaction": "'2026-01-01Z'"},
    ),
    ("guest_profiles_lease_check", {"context_lease_until": "'2026-01-01Z'"}),
    ("guest_profiles_lease_check", {"context_lease": "'00000000-0000-0000-0000-000000000000'"}),
]


@pytest.mark.parametrize(("constraint", "columns"), REFUSED)
def test_guest_profiles_refuses(connection: Connection, constraint: str, columns: dict[str, str]) -> None:
    with pytest.raises(CheckViolation) as caught:
        insert(connection, "guest_profiles", **columns)
    assert caught.value.diag.constraint_name == constraint


CLIENTS_REFUSED = [
    *(("historical_clients_phone_number_check", {"phone_number": key}) for key in NO_KEYS),
    ("historical_clients_names_check", {"user_name": "''"}),
    *(("historical_clients_labels_check", {"labels": labels}) for labels in NO_LABELS[1:]),
    ("historical_clients_total_interactions_check", {"total_interactions": "-1"}),
    ("historical_clients_chat_id_check", {"chat_id": "''"}),
    ("historical_clients_profile_data_check", {"profile_data": "'[]'"}),
    ("historical_clients_thread_check", {"thread_tokens": "1"}),
    ("historical_clients_current_phone_check", {"current_phone": "'no phone'"}),
]


@pytest.mark.parametrize(("constraint", "columns"), CLIENTS_REFUSED)
def test_historical_clients_refuses(connection: Connection, constraint: str, columns: dict[str, str]) -> None:
    with pytest.raises(CheckViolation) as caught:
        insert(connection, "historical_clients", **columns)
    assert caught.value.diag.constraint_name == constraint


@pytest.mark.parametrize("table", ["guest_profiles", "historical_clients"])
def test_a_guest_has_one_row(connection: Connection, table: str) -> None:
    insert(connection, table)
    with pytest.raises(IntegrityError) as caught:
        insert(connection, table)
    assert caught.value.diag.constraint_name == f"{table}_pkey"


@pytest.mark.parametrize(
    ("table", "name"),
    [
        ("guest_profiles", "labels"),
        ("guest_profiles", "profile_data"),
        ("guest_profiles", "memory_enabled"),
        ("guest_profiles", "created_at"),
        ("historical_clients", "labels"),
        ("historical_clients", "profile_data"),
        ("historical_clients", "memory_enabled"),
        ("historical_clients", "archived_at"),
    ],
)
def test_what_is_never_null(connection: Connection, table: str, name: str) -> None:
    with pytest.raises(IntegrityError) as caught:
        insert(connection, table, **{name: "NULL"})
    assert caught.value.diag.column_name == name


@pytest.mark.parametrize(
    "key", ["573000000001", "1234567", "123456789012345", "1@lid", "81234567890123@lid", "CO.1a2B3c", "US.13491208655"]
)
@pytest.mark.parametrize("table", ["guest_profiles", "historical_clients"])
def test_every_kind_of_key_is_storable(connection: Connection, table: str, key: str) -> None:
    insert(connection, table, phone_number=f"'{key}'")


def test_defaults(connection: Connection) -> None:
    insert(connection, "guest_profiles")
    row = one(
        connection,
        """SELECT labels, profile_data, memory_enabled, thread_id, thread_tokens, total_interactions, last_interaction,
        last_active_on, context_cache, last_context_update, context_epoch, created_at = updated_at FROM guest_profiles
        """,
    )
    assert row == ([], {}, True, None, 0, 0, None, None, None, None, 0, True)


def test_the_day_of_the_last_interaction_is_generated_in_utc(connection: Connection) -> None:
    connection.execute("SET LOCAL TimeZone = 'America/Bogota'")
    insert(connection, "guest_profiles", last_interaction="'2026-11-21 23:30:00-05'")
    assert one(connection, "SELECT last_active_on::text FROM guest_profiles") == ("2026-11-22",)
    connection.execute("UPDATE guest_profiles SET last_interaction = NULL")
    assert one(connection, "SELECT last_active_on FROM guest_profiles") == (None,)
    with pytest.raises(GeneratedAlways):
        connection.execute("UPDATE guest_profiles SET last_active_on = '2026-01-01'")


def test_no_time_is_without_a_zone(connection: Connection) -> None:
    found = one(
        connection,
        """SELECT count(*) FROM information_schema.columns
        WHERE table_schema = 'public' AND data_type = 'timestamp without time zone'""",
    )
    assert found == (0,)


def test_every_unique_index_of_a_guests_table_holds_the_phone_number(connection: Connection) -> None:
    """So that the tables can later be spread by it."""
    found = connection.execute(
        """SELECT indexdef FROM pg_indexes
        WHERE tablename IN ('guest_profiles', 'historical_clients') AND indexdef LIKE 'CREATE UNIQUE%'"""
    ).fetchall()
    assert len(found) == 2
    assert all("(phone_number)" in definition for (definition,) in found)


def _cached(connection: Connection) -> None:
    insert(
        connection,
        "guest_profiles",
        user_name="'Ana'",
        labels="ARRAY['a', 'b']",
        context_cache="'old'",
        last_context_update="statement_timestamp()",
        context_epoch="5",
        context_lease="'00000000-0000-0000-0000-000000000000'",
        context_lease_until="'2030-01-01Z'",
        updated_at="'2026-01-01Z'",
    )


STATE = """SELECT context_epoch, last_context_update IS NULL, context_lease IS NULL, context_cache,
    updated_at > '2026-01-02Z' FROM guest_profiles"""


@pytest.mark.parametrize(
    "change",
    [
        "chat_id = '120363000000000001@g.us'",
        "user_name = 'Eva'",
        "user_name = NULL",
        "contact_name = 'Eva'",
        "labels = ARRAY['b', 'a']",
        "labels = '{}'",
        "profile_data = '{\"room\": 5}'",
        "memory_enabled = FALSE",
        "user_name = 'Eva', thread_id = 't'",
    ],
)
def test_an_edit_by_hand_expires_the_context(connection: Connection, change: str) -> None:
    _cached(connection)
    connection.execute(f"UPDATE guest_profiles SET {change}".encode())
    assert one(connection, STATE) == (6, True, True, "old", True)


@pytest.mark.parametrize(
    "change", ["user_name = 'Ana'", "labels = ARRAY['a', 'b']", "thread_id = 't'", "total_interactions = 9"]
)
def test_an_edit_that_the_context_does_not_show_leaves_it(connection: Connection, change: str) -> None:
    _cached(connection)
    connection.execute(f"UPDATE guest_profiles SET {change}".encode())
    assert one(connection, STATE) == (5, False, False, "old", False)


def test_a_statement_that_raises_the_epoch_itself_raises_it_once(connection: Connection) -> None:
    _cached(connection)
    connection.execute("UPDATE guest_profiles SET user_name = 'Eva', context_epoch = context_epoch + 1")
    assert one(connection, STATE)[0] == 6


def test_an_edit_of_many_rows(connection: Connection) -> None:
    _cached(connection)
    insert(connection, "guest_profiles", phone_number="'573000000002'", context_epoch="1")
    connection.execute("UPDATE guest_profiles SET labels = labels || ARRAY['c']")
    found = connection.execute("SELECT context_epoch FROM guest_profiles ORDER BY phone_number").fetchall()
    assert found == [(6,), (2,)]


def test_clients_are_numbered_by_the_server(connection: Connection) -> None:
    with pytest.raises(GeneratedAlways):
        insert(connection, "historical_clients", id="7")
