"""The role guestsql_marketing: it lists people who consented and claims actions, and reads nothing else of a guest."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import make_conninfo
from psycopg.errors import InsufficientPrivilege

from guestsql import GuestDatabase
from guestsql.embedded import PrivateServer
from guestsql.errors import DatabaseError
from guestsql.guests.segments import segments_of
from tests.campaigns import allow_everything, give_consent
from tests.checking import every_query
from tests.databases import GUEST, OTHER, make_settings

Connection = psycopg.Connection[Any]

ALL = "*"
CLAIM = "due_at state lease lease_until claimed_at sent_at is_opted_out message_id"
READABLE = (
    "action_refusals action_results campaign_actions campaigns consent_wordings consented_guests contact_accounts"
    " contact_caps contact_hours contact_profiles contact_purposes excluded_days gateway_channels guestsql_grants"
    " holiday_years holidays message_templates opt_out_words reached_people result_codes"
)
# Every right to a table or column. Nothing else: no DELETE, TRUNCATE, REFERENCES or TRIGGER.
RIGHTS = {
    **{(table, "SELECT"): ALL for table in READABLE.split()},
    ("excluded_numbers", "SELECT"): "channel source added_at",
    ("campaigns", "UPDATE"): "state",
    ("campaign_actions", "UPDATE"): CLAIM,
    ("action_refusals", "INSERT"): "action_id phone_number rule detail retry_at first_at last_at",
    ("action_refusals", "UPDATE"): "detail retry_at last_at times",
    ("action_results", "INSERT"): "action_id phone_number result code occurred_at",
    ("action_results", "UPDATE"): "code",
}
FUNCTIONS = {
    "guestsql_contact_phone",
    "guestsql_contact_refusals",
    "guestsql_lock_contacts",
    "guestsql_record_contacts",
    "guestsql_record_opt_out",
    "guestsql_uncount_contact",
}
SECRET = "Secret"


@pytest.fixture
def marketing(server: PrivateServer, database_url: str, autocommit: Connection) -> Iterator[GuestDatabase]:
    """The library with a login of the role, for a guest who consented and one who did not; both are full of secrets."""
    with psycopg.connect(server.url(), autocommit=True) as admin:
        admin.execute("DROP ROLE IF EXISTS test_marketing")
        admin.execute("CREATE ROLE test_marketing LOGIN IN ROLE guestsql_marketing")
    allow_everything(autocommit)
    give_consent(autocommit, GUEST)
    with GuestDatabase(settings=make_settings(database_url)) as bot:
        for guest in (GUEST, OTHER):
            bot.update_profile(guest, profile_data={"passport": SECRET}, chat_id=f"{SECRET}{guest}")
            bot.set_thread(guest, SECRET)
            bot.add_note(guest, SECRET)
            with bot.message(f"m-{guest}", guest, text=SECRET) as message:
                message.reply({"text": SECRET})
        bot.update_profile(OTHER, user_name=SECRET, contact_name=SECRET, labels=[SECRET])
        bot.set_booking_status(OTHER, "booked")
        autocommit.execute("UPDATE guest_profiles SET context_cache = 'Secret', last_context_update = now()")
        bot.create_campaign("easter", segment="silent", purpose="marketing", parameters={"silent_days": 0})
        assert bot.plan_campaign("easter").planned_people == 1
    with GuestDatabase(settings=make_settings(make_conninfo(database_url, user="test_marketing"))) as opened:
        yield opened


def test_every_table_is_decided(connection: Connection) -> None:
    found = connection.execute("SELECT relation_name FROM guestsql_grants WHERE marketing_columns IS NULL").fetchall()
    assert found == [], "decide what guestsql_marketing may read of it, in its migration: marketing_columns = '{}'"


def test_its_rights_are_these_and_no_others(connection: Connection) -> None:
    found = connection.execute("""
        SELECT relations.relname, rights.privilege, array_agg(attributes.attname::text),
            count(*) = (
                SELECT count(*) FROM pg_attribute AS each
                WHERE each.attrelid = relations.oid AND each.attnum > 0 AND NOT each.attisdropped
            )
        FROM pg_class AS relations
        JOIN pg_attribute AS attributes ON attributes.attrelid = relations.oid AND NOT attributes.attisdropped
        CROSS JOIN unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'REFERENCES']) AS rights (privilege)
        WHERE relations.relkind IN ('r', 'p', 'v', 'm') AND relations.relnamespace = 'public'::regnamespace
            AND attributes.attnum > 0 AND relations.relname !~ '^pg_stat_statements'
            AND has_column_privilege('guestsql_marketing', relations.oid, attributes.attnum, rights.privilege)
        GROUP BY relations.oid, relations.relname, rights.privilege
    """).fetchall()
    has = {(table, right): ALL if whole else set(columns) for table, right, columns, whole in found}
    assert has == {place: ALL if columns == ALL else set(columns.split()) for place, columns in RIGHTS.items()}
    assert (
        connection.execute("""
        SELECT relations.relname, rights.privilege FROM pg_class AS relations
        CROSS JOIN unnest(ARRAY['DELETE', 'TRUNCATE', 'TRIGGER']) AS rights (privilege)
        WHERE relations.relkind IN ('r', 'p', 'v', 'm') AND relations.relnamespace = 'public'::regnamespace
            AND has_table_privilege('guestsql_marketing', relations.oid, rights.privilege)
        UNION ALL
        SELECT sequences.relname, 'USAGE' FROM pg_class AS sequences
        WHERE CASE relkind WHEN 'S' THEN has_sequence_privilege('guestsql_marketing', oid, 'USAGE, SELECT') END
            AND relnamespace = 'public'::regnamespace
    """).fetchall()
        == []
    )


def test_its_functions_are_these_and_no_search_path_misleads_them(connection: Connection) -> None:
    """What runs with its owner's rights is found by its full name, or in the schema of the tables alone."""
    definers = connection.execute("""
        SELECT proname, prosqlbody IS NULL, proconfig, has_function_privilege('guestsql_marketing', oid, 'EXECUTE'),
            has_function_privilege('guestsql_bot', oid, 'EXECUTE'), prorettype = 'trigger'::regtype
        FROM pg_proc WHERE prosecdef AND pronamespace = 'public'::regnamespace
    """).fetchall()
    by_name = {name: rest for name, *rest in definers}
    assert by_name.keys() >= FUNCTIONS
    # Messages: each checks the rights of its caller.
    checking = {"guestsql_make_message_partitions", "guestsql_thin_messages"}
    assert {name for name, rest in by_name.items() if rest[2]} - checking == FUNCTIONS
    for name, (is_text, config, _, is_bots, is_trigger) in by_name.items():
        assert not is_text or "search_path=public, pg_temp" in (config or []), name
        assert is_bots or is_trigger, name


def test_it_claims_and_records_results(marketing: GuestDatabase, autocommit: Connection) -> None:
    [action] = marketing.claim_actions()
    assert (action.phone_number, action.current_phone, action.campaign) == (GUEST, GUEST, "easter")
    counted = "SELECT cardinality(contacted_at) FROM guest_marketing WHERE phone_number = %s"
    assert autocommit.execute(counted, [GUEST]).fetchone() == (1,)
    marketing.release_action(action)
    assert autocommit.execute(counted, [GUEST]).fetchone() == (0,)

    # A rule forbids it: that is stored.
    autocommit.execute("UPDATE contact_accounts SET daily_people = 0")
    assert marketing.claim_actions() == []
    assert autocommit.execute("SELECT rule FROM action_refusals").fetchall() == [("account_limit",)]
    autocommit.execute("UPDATE contact_accounts SET daily_people = NULL")
    autocommit.execute("UPDATE campaign_actions SET due_at = statement_timestamp()")

    [action] = marketing.claim_actions()
    assert marketing.record_result(action, "sent", message_id="wamid.1")
    assert [each.phone_number for each in marketing.queries.list_actions(campaign="easter")] == [GUEST]
    assert marketing.record_result(None, "failed:131050", message_id="wamid.1")
    given = "SELECT is_given FROM guest_consents WHERE phone_number = %s AND purpose = 'marketing'"
    assert autocommit.execute(given, [GUEST]).fetchone() == (False,)
    assert marketing.set_campaign_state("easter", "paused").state == "paused"


def test_it_runs_every_segment_and_sees_only_who_consented(marketing: GuestDatabase, autocommit: Connection) -> None:
    given = {"purpose": "marketing", "channel": "whatsapp"}
    more: dict[str, dict[str, Any]] = {"tier": {"tier": "monthly"}, "labelled": {"label": "vip"}}
    for name, query in segments_of(every_query().values()).items():
        rows = getattr(marketing.queries, query.name)(**given, **more.get(name, {}))
        assert {row.phone_number for row in rows} <= {GUEST}, name
    with psycopg.connect(autocommit.info.dsn, user="test_marketing", autocommit=True) as login:
        assert login.execute("SELECT phone_number FROM consented_guests").fetchall() == [(GUEST,)]
        readable = login.execute("""
            SELECT attrelid::regclass::text, quote_ident(attname)
            FROM pg_attribute JOIN pg_class ON attrelid = pg_class.oid
            WHERE relkind IN ('r', 'p', 'v', 'm') AND relnamespace = 'public'::regnamespace AND NOT attisdropped
                AND attnum > 0 AND has_column_privilege(attrelid, attnum, 'SELECT')
        """).fetchall()
        assert ("consented_guests", "user_name") in readable
        for table, column in readable:
            found = str(login.execute(f"SELECT {column}::text FROM {table}".encode()).fetchall())
            assert SECRET not in found, f"{table}.{column}"
            assert OTHER not in found, f"{table}.{column}"
        assert login.execute("SELECT guestsql_contact_phone(%s)", [OTHER]).fetchone() == (None,)


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT profile_data FROM guest_profiles",
        "SELECT count(*) FROM guest_profiles",
        "SELECT context_cache FROM guest_profiles",
        "SELECT thread_id FROM guest_profiles",
        "SELECT * FROM guest_threads",
        "SELECT * FROM messages",
        "SELECT * FROM messages_default",
        "SELECT payload FROM outbox",
        "SELECT * FROM operations",
        "SELECT * FROM guest_notes",
        "SELECT * FROM guest_marketing",
        "SELECT * FROM consent_events",
        "SELECT * FROM known_guests",
        "SELECT id_hash FROM excluded_numbers",
        "SELECT id FROM guest_ids",
        "INSERT INTO campaigns (campaign) VALUES ('mine')",
        "INSERT INTO campaign_actions (phone_number) VALUES ('573000000002')",
        "UPDATE campaign_actions SET phone_number = '573000000002'",
        "UPDATE campaigns SET segment = 'all'",
        "UPDATE contact_hours SET opens_at = '00:00'",
        "UPDATE guest_marketing SET contacted_at = '{}'",
        "DELETE FROM contact_caps",
        "DELETE FROM excluded_numbers",
        "DELETE FROM consent_events",
        "INSERT INTO consent_events (phone_number) VALUES ('573000000002')",
        "INSERT INTO guest_consents (phone_number) VALUES ('573000000002')",
        "UPDATE guestsql_grants SET marketing_columns = '{*}'",
        "SELECT guestsql_grant_roles()",
        "SET ROLE guestsql_bot",
        "CREATE TABLE t (n int)",
    ],
)
def test_it_may_not(connection: Connection, statement: str) -> None:
    connection.execute("SET SESSION AUTHORIZATION guestsql_marketing")
    with pytest.raises(InsufficientPrivilege):
        connection.execute(statement.encode())


def test_it_asks_of_no_one_without_an_action(marketing: GuestDatabase, autocommit: Connection) -> None:
    asked = "guestsql_contact_refusals(%s, 'marketing', 'whatsapp', 'whatsapp', NULL, 'UTC', NULL)"
    calls = (
        asked,
        "guestsql_lock_contacts('whatsapp', %s)",
        "guestsql_record_contacts(%s, 'whatsapp', 'whatsapp', NULL)",
    )
    with psycopg.connect(autocommit.info.dsn, user="test_marketing", autocommit=True) as login:
        for call in calls:
            login.execute(f"SELECT {call}".encode(), [[GUEST]])
            for other in (OTHER, "573009999999"):
                with pytest.raises(InsufficientPrivilege, match="an action only"):
                    login.execute(f"SELECT {call}".encode(), [[GUEST, other]])
    assert len(marketing.claim_actions()) == 1


def test_it_does_not_plan(marketing: GuestDatabase) -> None:
    with pytest.raises(DatabaseError, match="permission denied"):
        marketing.plan_campaign("easter")
