"""The roles of migrations/0005_roles.sql: what each can do, and what it cannot."""

from __future__ import annotations

import string
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from psycopg.conninfo import make_conninfo
from psycopg.errors import InsufficientPrivilege

from guestsql.embedded import PrivateServer
from guestsql.guests.identity import mask
from guestsql.migrate import Runner
from guestsql.settings import Settings
from guestsql.sql import Query, arrange
from tests.checking import every_query
from tests.databases import GUEST, KINDS, OTHER, Either
from tests.monitoring import QUERIES
from tests.through_pooler import direct

Connection = psycopg.Connection[Any]

CATALOGUE = every_query()
# The shell's, run by the owner: the import with its history, the migrations, and what vets the query files.
OWNERS_FILES = {"check.sql", "deploy.sql", "doctor.sql", "legacy.sql", "legacy_export.sql", "legacy_history.sql"}
# The ledger is not there when the migrations are applied without the runner; who may read it has a test of its own.
OTHERS = {"demo.sql", "demo_figures.sql", *OWNERS_FILES, "health.sql", "migrations.sql"}
SECRETS = {
    "phone_number": GUEST,
    "chat_id": "573000000001@s.whatsapp.net",
    "user_name": "Secret Ana",
    "contact_name": "Secret Contact",
    "profile_data": '{"passport": "Secret 1"}',
    "context_cache": "[Secret Context]",
}
HIDDEN = [
    *(("guest_profiles", column) for column in (*SECRETS, "labels", "thread_id")),
    *(
        ("historical_clients", column)
        for column in (
            "phone_number",
            "chat_id",
            "user_name",
            "contact_name",
            "labels",
            "profile_data",
            "thread_id",
            "current_phone",
        )
    ),
    *(("legacy_rejects", column) for column in ("import_id", "number", "path", "pointer", "reason", "sha256")),
    ("legacy_reject_records", "record"),
    ("legacy_imports", "files"),
    ("legacy_staging", "profile_data"),
]
WAYS = [
    "SELECT {column} FROM {table}",
    "SELECT t FROM {table} AS t",
    "SELECT t.* FROM {table} AS t",
    "SELECT to_jsonb(t) FROM {table} AS t",
    "SELECT count({column}) FROM {table}",
    "SELECT 1 FROM {table} WHERE {column} IS NOT NULL",
    "SELECT 1 FROM {table} ORDER BY {column}",
    "SELECT 1 FROM {table} AS a JOIN {table} AS b USING ({column})",
    "SELECT 1 FROM {table} AS a NATURAL JOIN {table} AS b",
    "SELECT {column} FROM {table} TABLESAMPLE SYSTEM (100)",
    "SELECT ctid FROM {table}",
    "TABLE {table}",
    "COPY {table} TO STDOUT",
    "COPY {table} ({column}) TO STDOUT",
    "COPY (SELECT {column} FROM {table}) TO STDOUT",
    "EXPLAIN ANALYZE SELECT {column} FROM {table}",
    "DECLARE c CURSOR FOR SELECT {column} FROM {table}",
    "SELECT query_to_xml('SELECT {column} FROM {table}', true, true, '')",
    "CREATE TEMPORARY VIEW v AS SELECT {column} FROM {table}; SELECT * FROM v",
    "CREATE TEMPORARY TABLE v AS SELECT {column} FROM {table}",
    "CREATE FUNCTION pg_temp.f() RETURNS text AS 'SELECT {column}::text FROM {table}' LANGUAGE sql; SELECT pg_temp.f()",
    "DO 'BEGIN PERFORM {column} FROM {table}; END'",
    "UPDATE {table} SET {column} = {column}",
    "DELETE FROM {table}",
    "LOCK TABLE {table} IN ACCESS SHARE MODE; SELECT {column} FROM {table}",
]


@pytest.fixture
def guest(connection: Connection) -> Connection:
    """A guest full of secrets."""
    columns = ", ".join(SECRETS)
    connection.execute(
        f"INSERT INTO guest_profiles ({columns}) VALUES ({', '.join(['%s'] * len(SECRETS))})".encode(),
        list(SECRETS.values()),
    )
    connection.execute(
        "INSERT INTO historical_clients (phone_number, user_name, thread_id) VALUES (%s, 'Secret Ana', 'Secret')",
        [OTHER],
    )
    connection.execute("UPDATE guest_profiles SET last_context_update = statement_timestamp()")
    return connection


def become(connection: Connection, role: str) -> None:
    connection.execute(f"SET SESSION AUTHORIZATION {role}".encode())


def refused(connection: Connection, statement: str) -> bool:
    """Whether the role may not; nothing of it stays."""
    try:
        with connection.transaction(force_rollback=True), connection.cursor() as cursor:
            if statement.startswith("COPY"):
                with cursor.copy(statement.encode()) as copy:
                    list(copy)
            else:
                cursor.execute(statement.encode())
    except InsufficientPrivilege:
        return True
    return False


def allowed(connection: Connection, query: Query) -> bool:
    """Whether the role may run a query, asked without running it: EXPLAIN looks at the rights too."""
    try:
        with connection.transaction(force_rollback=True):
            connection.execute(f"PREPARE tried AS {query.text}".encode())
            nulls = ", ".join(["NULL"] * len(query.positional))
            connection.execute(f"EXPLAIN EXECUTE tried{f'({nulls})' if nulls else ''}".encode())
    except psycopg.errors.SyntaxError:  # no statement that can be prepared
        return not refused(connection, query.text)
    except InsufficientPrivilege:
        return False
    return True


@pytest.mark.parametrize(
    "name", [name for name, query in CATALOGUE.items() if name not in QUERIES and query.file.name not in OTHERS]
)
def test_the_bot_may_run_what_the_library_runs(connection: Connection, name: str) -> None:
    become(connection, "guestsql_bot")
    assert allowed(connection, CATALOGUE[name]), f"enter the table of {name} into guestsql_grants"


@pytest.mark.parametrize("kind", KINDS)
async def test_the_bot_works(kind: str, server: PrivateServer, database_url: str) -> None:
    with psycopg.connect(server.url(), autocommit=True) as admin:
        admin.execute("DROP ROLE IF EXISTS test_bot")
        admin.execute("CREATE ROLE test_bot LOGIN IN ROLE guestsql_bot")
    async with Either(kind, make_conninfo(database_url, user="test_bot")) as db:
        await db.update_profile(GUEST, user_name="Ana", labels=["a"], profile_data={"room": 5})
        await db.add_labels(GUEST, ["b"])
        assert "Ana" in await db.get_context(GUEST)
        assert list(await db.get_contexts([GUEST, OTHER])) == [GUEST, OTHER]
        await db.set_thread(GUEST, "t1")
        assert await db.add_thread_tokens(GUEST, "t1", 5) == 5
        await db.record_interaction(GUEST)
        assert await db.flush() >= 1
        assert (await db.merge_guests(GUEST, OTHER)).total_interactions == 1
        assert (await db.export_guest(GUEST))["guest_profiles"]
        assert (await db.forget_guest(GUEST))["guest_profiles"] == 1


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE t (n int)",
        "ALTER TABLE guest_profiles ADD COLUMN n int",
        "ALTER TABLE guest_profiles DISABLE TRIGGER ALL",
        "DROP TABLE guest_profiles",
        "TRUNCATE guest_profiles",
        "CREATE INDEX ON guest_profiles (user_name)",
        "CREATE TRIGGER t BEFORE INSERT ON guest_profiles EXECUTE FUNCTION suppress_redundant_updates_trigger()",
        "CREATE FUNCTION f() RETURNS int LANGUAGE sql RETURN 1",
        "CREATE SCHEMA s",
        "CREATE ROLE r",
        "SET ROLE guestsql_owner",
        "SELECT guestsql_grant_roles()",
        "INSERT INTO guestsql_grants VALUES ('x')",
        "UPDATE guestsql_grants SET monitor_columns = '{*}'",
        "SELECT * FROM legacy_rejects",
        "SELECT * FROM legacy_reject_records",
        "SELECT * FROM legacy_imports",
        "INSERT INTO legacy_imports DEFAULT VALUES",
        "INSERT INTO legacy_staging DEFAULT VALUES",
        "SELECT rolpassword FROM pg_authid",
        "SELECT pg_read_file('PG_VERSION')",
    ],
)
def test_the_bot_may_not(connection: Connection, statement: str) -> None:
    become(connection, "guestsql_bot")
    assert refused(connection, statement)


@pytest.mark.parametrize("role", ["guestsql_bot", "guestsql_monitor"])
def test_who_reads_the_ledger_may_not_write_it(role: str, empty_database_url: str) -> None:
    Runner(Settings(), direct(empty_database_url)).up()
    with psycopg.connect(empty_database_url) as connection:
        become(connection, role)
        assert not refused(connection, "SELECT version, body FROM guestsql_migrations")
        assert refused(connection, "DELETE FROM guestsql_migrations")
        assert refused(connection, "UPDATE guestsql_migrations SET checksum = ''")
        assert refused(connection, "INSERT INTO guestsql_migrations (version) VALUES (99)")


@pytest.mark.parametrize("name", QUERIES)
def test_the_monitor_runs_every_monitoring_query(guest: Connection, name: str) -> None:
    query = CATALOGUE[name]
    given = {each.name: None for each in query.parameters if each.default is None}
    become(guest, "guestsql_monitor")
    cursor = psycopg.RawCursor(guest)
    rows = cursor.execute(query.text.encode(), arrange(query, given)).fetchall()
    assert not _told(rows)


def test_the_monitor_sees_how_far_the_sequences_are(guest: Connection) -> None:
    guest.execute("SELECT nextval('legacy_imports_id_seq')")
    become(guest, "guestsql_monitor")
    query = CATALOGUE["list_sequences_near_end"]
    found = psycopg.RawCursor(guest).execute(query.text.encode(), arrange(query, {"min_percent": 0})).fetchall()
    assert "legacy_imports_id_seq" in {row[0] for row in found}


def test_the_bot_cannot_hand_on_its_rights(guest: Connection) -> None:
    become(guest, "guestsql_bot")
    guest.execute("GRANT SELECT ON guest_profiles TO guestsql_monitor")  # a warning: no privileges were granted
    become(guest, "guestsql_monitor")
    assert refused(guest, "SELECT user_name FROM guest_profiles")


def test_the_monitor_gets_figures(guest: Connection) -> None:
    become(guest, "guestsql_monitor")
    figures = "guest, has_thread, has_context, label_count"
    assert guest.execute(f"SELECT {figures} FROM guest_figures".encode()).fetchall() == [("***0001", False, True, 0)]
    assert guest.execute("SELECT count(*), max(total_interactions) FROM guest_profiles").fetchone() == (1, 0)
    assert guest.execute("SELECT pg_has_role('pg_monitor', 'USAGE')").fetchone() == (True,)


@pytest.mark.parametrize(("table", "column"), HIDDEN)
def test_the_monitor_may_not_read(guest: Connection, table: str, column: str) -> None:
    become(guest, "guestsql_monitor")
    assert [way for way in WAYS if not refused(guest, way.format(table=table, column=column))] == []


def test_the_statistics_do_not_tell_either(guest: Connection) -> None:
    guest.execute("ANALYZE guest_profiles")
    shown = "SELECT attname, most_common_vals::text FROM pg_stats WHERE tablename = 'guest_profiles'"
    hidden = {*SECRETS, "labels", "thread_id"}
    assert {row[0] for row in guest.execute(shown.encode())} > hidden
    become(guest, "guestsql_monitor")
    seen = guest.execute(shown.encode()).fetchall()
    assert seen
    assert not {row[0] for row in seen} & hidden
    assert refused(guest, "SELECT * FROM pg_statistic")


def test_nothing_that_the_monitor_may_read_tells_a_secret(guest: Connection) -> None:
    """Every column of every table and view there is, also of migrations that are yet to come."""
    become(guest, "guestsql_monitor")
    readable = guest.execute("""
        SELECT attrelid::regclass::text, quote_ident(attname) FROM pg_attribute JOIN pg_class ON attrelid = pg_class.oid
        WHERE relkind IN ('r', 'p', 'v', 'm') AND relnamespace = 'public'::regnamespace AND NOT attisdropped
            AND has_column_privilege(attrelid, attnum, 'SELECT') AND attrelid::regclass::text !~ '^pg_stat_statements'
    """).fetchall()
    assert ("guest_figures", "guest") in readable
    for table, column in readable:
        found = guest.execute(f"SELECT {column}::text FROM {table}".encode()).fetchall()
        assert not _told(found), f"{table}.{column}"


def _told(rows: list[tuple[Any, ...]]) -> bool:
    return GUEST in str(rows) or "Secret" in str(rows)


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT guestsql_grant_roles()",
        "SET ROLE guestsql_owner",
        "SET ROLE guestsql_bot",
        "CREATE TABLE t (n int)",
        "INSERT INTO guest_profiles (phone_number) VALUES ('573000000009')",
        "INSERT INTO query_minutes DEFAULT VALUES",
        "INSERT INTO guest_figures (thread_tokens) VALUES (1)",
        "UPDATE guest_figures SET thread_tokens = 1",
        "DELETE FROM guest_figures",
        "UPDATE guestsql_grants SET monitor_columns = '{*}'",
        "SELECT pg_read_file('PG_VERSION')",
        "COPY (SELECT 1) TO PROGRAM 'true'",
        "SELECT guestsql_thin_messages(0)",
        "SELECT guestsql_make_message_partitions()",
    ],
)
def test_the_monitor_may_not_write(connection: Connection, statement: str) -> None:
    become(connection, "guestsql_monitor")
    assert refused(connection, statement)


def test_every_table_is_entered(connection: Connection) -> None:
    """Else the monitor is shut out of a later migration's figures, and it goes unnoticed."""
    found = connection.execute("""
        SELECT relname FROM pg_class
        WHERE relkind IN ('r', 'p', 'v', 'm') AND relnamespace = 'public'::regnamespace AND NOT relispartition
            AND relname NOT IN (SELECT relation_name FROM guestsql_grants) AND relname !~ '^pg_stat_statements'
    """).fetchall()
    assert found == [], "enter it into guestsql_grants, in the migration that makes it"


# Rights to tables and columns that differ from what guestsql_grants gives. A partition may have those of its table.
RIGHTS = """
WITH rights AS (
    SELECT
        role.name AS role,
        target.oid::regclass::text || coalesce('.' || columns.attname, '') AS object,
        right_to.name AS right_name,
        target.relispartition,
        CASE
            WHEN columns.attnum IS NULL THEN has_table_privilege(role.name, target.oid, right_to.name)
            ELSE has_column_privilege(role.name, target.oid, columns.attnum, right_to.name)
        END AS has_it,
        coalesce(
            CASE role.name
                WHEN 'guestsql_bot' THEN right_to.name = ANY(entry.bot_privileges)
                WHEN 'guestsql_monitor'
                    THEN right_to.name = 'SELECT' AND entry.monitor_columns && ARRAY['*', columns.attname::text]
            END,
            FALSE
        ) AS is_entered
    FROM pg_class AS target
    LEFT JOIN guestsql_grants AS entry
        ON entry.relation_name = coalesce(pg_partition_root(target.oid)::text, target.relname)
    CROSS JOIN (VALUES ('guestsql_bot'), ('guestsql_monitor'), ('public')) AS role (name)
    CROSS JOIN (VALUES
        ('SELECT', TRUE), ('INSERT', TRUE), ('UPDATE', TRUE), ('REFERENCES', TRUE),
        ('DELETE', FALSE), ('TRUNCATE', FALSE), ('TRIGGER', FALSE)
    ) AS right_to (name, is_of_columns)
    LEFT JOIN pg_attribute AS columns
        ON right_to.is_of_columns AND columns.attrelid = target.oid AND columns.attnum > 0 AND NOT columns.attisdropped
    WHERE
        target.relnamespace = 'public'::regnamespace
        AND target.relkind IN ('r', 'p', 'v', 'm')
        AND target.relname !~ '^pg_stat_statements'
)

SELECT role, object, right_name, has_it
FROM rights
WHERE has_it <> is_entered AND (has_it OR NOT relispartition)
"""
# A SECURITY DEFINER function lends its owner's rights; a trigger function cannot be called.
LENT = """
SELECT proname
FROM pg_proc
WHERE
    prosecdef
    AND pronamespace = 'public'::regnamespace
    AND prorettype <> 'trigger'::regtype
    AND has_function_privilege('public', oid, 'EXECUTE')
"""


def test_no_role_has_a_right_that_is_not_entered(connection: Connection) -> None:
    assert connection.execute(RIGHTS).fetchall() == []
    assert connection.execute(LENT).fetchall() == []


def test_a_login_that_does_not_own_a_function_reports_that_everyone_may_call_it(connection: Connection) -> None:
    connection.execute("GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA public TO PUBLIC")
    notices: list[str] = []
    connection.add_notice_handler(lambda found: notices.append(found.message_primary or ""))
    become(connection, "guestsql_owner")
    connection.execute("SELECT guestsql_grant_roles()")
    connection.execute("RESET SESSION AUTHORIZATION")
    # Those of guestsql_owner are closed, the others reported.
    assert connection.execute(LENT).fetchall() == []
    assert any("guestsql_expire_context()" in notice for notice in notices if "could not" in notice)
    connection.execute("SELECT guestsql_grant_roles()")
    callable_trigger = "SELECT has_function_privilege('public', 'guestsql_expire_context()', 'EXECUTE')"
    assert connection.execute(callable_trigger).fetchone() == (False,)


def test_a_later_table_is_the_bots_and_not_the_monitors(connection: Connection) -> None:
    connection.execute("CREATE TABLE later (n int GENERATED ALWAYS AS IDENTITY, m serial, secret text)")
    become(connection, "guestsql_bot")
    assert not refused(connection, "INSERT INTO later (secret) VALUES ('x') RETURNING n")
    become(connection, "guestsql_monitor")
    assert refused(connection, "SELECT n FROM later")
    assert not refused(connection, "SELECT last_value FROM later_m_seq")
    assert refused(connection, "SELECT nextval('later_m_seq')")
    connection.execute("RESET SESSION AUTHORIZATION")
    connection.execute("INSERT INTO guestsql_grants VALUES ('later', '{SELECT}', '{n,gone}')")
    connection.execute("SELECT guestsql_grant_roles()")
    become(connection, "guestsql_monitor")
    assert not refused(connection, "SELECT n FROM later")
    assert refused(connection, "SELECT secret FROM later")
    become(connection, "guestsql_bot")
    assert refused(connection, "DELETE FROM later")


def test_a_right_that_is_taken_out_is_gone(connection: Connection) -> None:
    connection.execute("UPDATE guestsql_grants SET monitor_columns = '{}' WHERE relation_name = 'guest_profiles'")
    connection.execute("SELECT guestsql_grant_roles()")
    become(connection, "guestsql_monitor")
    assert refused(connection, "SELECT count(*) FROM guest_profiles")


def test_the_grants_table_cannot_be_made_to_run_a_statement(connection: Connection) -> None:
    """Its owner may be a lesser role than the one that migrates."""
    connection.execute("ALTER TABLE guestsql_grants DROP CONSTRAINT guestsql_grants_bot_privileges_check")
    evil = '{"SELECT ON guest_profiles TO public; DROP TABLE guest_profiles; --",INSERT}'
    connection.execute(
        "UPDATE guestsql_grants SET bot_privileges = %s, monitor_columns = %s WHERE relation_name = 'legacy_rejects'",
        [evil, '{"reason) ON legacy_rejects TO public; --"}'],
    )
    connection.execute("SELECT guestsql_grant_roles()")
    found = connection.execute("SELECT relacl::text FROM pg_class WHERE relname = 'legacy_rejects'").fetchone()
    assert found is not None
    assert "guestsql_bot=a/" in found[0]
    assert "{=" not in found[0]


def test_the_owner_alters_what_it_owns(connection: Connection) -> None:
    become(connection, "guestsql_owner")
    assert not refused(connection, "ALTER TABLE guest_profiles ADD COLUMN birthday date")
    assert not refused(connection, "CREATE TABLE t (n int)")
    assert not refused(connection, "SELECT profile_data FROM guest_profiles")
    assert not refused(connection, "SELECT guestsql_grant_roles()")
    assert refused(connection, "CREATE ROLE r")
    assert refused(connection, "COPY (SELECT 1) TO PROGRAM 'true'")
    assert refused(connection, "CREATE OR REPLACE FUNCTION guestsql_grant_roles() RETURNS void LANGUAGE sql AS ''")


def test_no_function_lends_more_than_the_owner_of_the_tables_has(connection: Connection) -> None:
    """A trigger of that owner would run with the rights of the role that migrated, perhaps a superuser."""
    found = connection.execute(
        "SELECT proname, pg_get_userbyid(proowner) FROM pg_proc WHERE prosecdef AND proname LIKE 'guestsql%'"
    ).fetchall()
    assert len(found) > 2
    assert {owner for _, owner in found} == {"guestsql_owner"}


def test_roles_can_be_left_alone(connection: Connection) -> None:
    notices: list[str | None] = []
    connection.add_notice_handler(lambda remark: notices.append(remark.message_primary))
    connection.execute("UPDATE guestsql_grants SET bot_privileges = '{}' WHERE relation_name = 'guest_profiles'")
    connection.execute("SET LOCAL guestsql.roles = off")
    connection.execute("SELECT guestsql_grant_roles()")
    assert notices == ["guestsql.roles is off: no role was made or given rights"]
    become(connection, "guestsql_bot")
    assert not refused(connection, "SELECT count(*) FROM guest_profiles")


KEYS = st.one_of(
    st.from_regex(r"[1-9][0-9]{6,14}", fullmatch=True),
    st.from_regex(r"[0-9]{1,8}@lid", fullmatch=True),
    st.text(string.ascii_letters + string.digits + "@.", max_size=12),
)


@pytest.fixture(scope="module")
def reader(_rolled_back_url: str) -> Iterator[Connection]:
    with psycopg.connect(_rolled_back_url, autocommit=True) as opened:
        yield opened


@settings(max_examples=50, deadline=None)
@given(keys=st.lists(KEYS, min_size=1))
def test_the_mask_is_that_of_the_logs(reader: Connection, keys: list[str]) -> None:
    found = reader.execute("SELECT guestsql_mask(key) FROM unnest(%s::text[]) AS key", [keys]).fetchall()
    assert [row[0] for row in found] == [mask(key) for key in keys]
