"""People are listed for marketing through consented_guests only, as PostgreSQL's own catalogue has it.

Each query becomes the body of a function, whose dependencies the server records: also those of a statement that writes.
"""

from __future__ import annotations

import re
from pathlib import Path

import psycopg
import pytest
from psycopg.rows import TupleRow

from guestsql.guests.hooks import KEY_COLUMNS
from guestsql.sql import Query, read_packaged, read_queries
from guestsql.sql.catalogue import default_directory

Connection = psycopg.Connection[TupleRow]

VIEW = "consented_guests"
# People who are in a campaign already: they were planned from a segment, and each claim evaluates the rules again.
PLANNED = {"campaign_actions", "action_refusals", "action_results"}
_PEOPLE = {*KEY_COLUMNS, "current_phone", "user_name", "contact_name", "chat_id"}
_MARKETING = re.compile("campaign|segment|marketing")


def _is_segment(query: Query) -> bool:
    return any(mark.word == "segment" for mark in query.marks)


def _marketing_queries() -> list[Query]:
    """Every packaged query that is a segment, or says so by its name or its file's."""
    folder = default_directory()
    names = [str(path.relative_to(folder)) for path in sorted(folder.rglob("*.sql"))]
    return [
        query
        for query in read_packaged(*names).values()
        if _is_segment(query) or _MARKETING.search(f"{query.file.stem} {query.name}")
    ]


QUERIES = _marketing_queries()


def _people_read(connection: Connection, query: Query) -> set[str]:
    """Return the tables and views with guests' keys that a query reads, by name."""
    types = {each.name: each.type for each in query.parameters}
    arguments = ", ".join(str(types[name]) for name in query.positional)
    connection.execute(
        f"CREATE FUNCTION pg_temp.body({arguments}) RETURNS void LANGUAGE sql BEGIN ATOMIC {query.text}\n; END".encode()
    )
    rows = connection.execute(
        "SELECT DISTINCT relations.relname FROM pg_depend AS dependencies"
        " INNER JOIN pg_class AS relations ON dependencies.refobjid = relations.oid"
        " INNER JOIN pg_attribute AS columns ON columns.attrelid = relations.oid AND columns.attname = ANY(%s)"
        " WHERE dependencies.classid = 'pg_proc'::regclass AND dependencies.refclassid = 'pg_class'::regclass"
        " AND dependencies.objid = (SELECT oid FROM pg_proc WHERE proname = 'body'"
        " AND pronamespace = pg_my_temp_schema())",
        ([*KEY_COLUMNS],),
    )
    found = {name for (name,) in rows}
    connection.execute(f"DROP FUNCTION pg_temp.body({arguments})".encode())
    return found


def _columns(connection: Connection, query: Query) -> set[str]:
    connection.pgconn.prepare(b"", query.text.encode())
    described = connection.pgconn.describe_prepared(b"")
    return {(described.fname(place) or b"").decode() for place in range(described.nfields)}


def _listed_without_consent(connection: Connection, query: Query) -> set[str]:
    """Return from where a query may list people who have not consented."""
    is_about_one = any(each.name == "phone_number" and each.type == "text" for each in query.parameters)
    if (is_about_one and not _is_segment(query)) or _PEOPLE.isdisjoint(_columns(connection, query)):
        return set()
    return _people_read(connection, query) - {VIEW} - (set() if _is_segment(query) else PLANNED)


@pytest.mark.parametrize("query", QUERIES, ids=[query.name for query in QUERIES])
def test_people_are_listed_through_the_view_of_consent(connection: Connection, query: Query) -> None:
    assert _listed_without_consent(connection, query) == set()
    if not _is_segment(query):
        return
    assert _people_read(connection, query) == {VIEW}
    # Nor are those listed who consented to something else.
    connection.execute(
        "INSERT INTO guest_profiles (phone_number, last_interaction) VALUES ('573000000001', '2020-01-01')"
    )
    connection.execute("INSERT INTO consent_wordings SELECT encode(sha256('Yes'), 'hex'), 'Yes'")
    connection.execute(
        "INSERT INTO consent_events (phone_number, action, purpose, channel, source, wording_digest, wording_version)"
        " SELECT '573000000001', 'given', purpose, channel, 'web', encode(sha256('Yes'), 'hex'), '1'"
        " FROM (VALUES ('marketing', 'email'), ('survey', 'whatsapp')) AS given (purpose, channel)"
    )
    values = {each.name: each.default_value for each in query.parameters}
    values |= {"purpose": "marketing", "channel": "whatsapp"}
    rows = psycopg.RawCursor(connection).execute(query.text, [values[name] for name in query.positional])
    assert rows.fetchall() == []


def test_queries_are_found() -> None:
    assert sum(map(_is_segment, QUERIES)) >= 5
    assert {"claim_actions", "list_actions", "preview_campaign"} <= {query.name for query in QUERIES}


@pytest.mark.parametrize(
    ("body", "found"),
    [
        ("SELECT phone_number FROM consented_guests", set()),
        ("SELECT phone_number FROM guest_profiles", {"guest_profiles"}),
        ("SELECT c.phone_number FROM consented_guests AS c, known_guests AS k", {"known_guests"}),
        ("WITH gone AS (DELETE FROM guest_notes RETURNING phone_number) SELECT * FROM gone", {"guest_notes"}),
        ("SELECT (SELECT max(guest.phone_number) FROM guest_consents AS guest) AS phone_number", {"guest_consents"}),
    ],
)
def test_list_without_consent_is_found(connection: Connection, tmp_path: Path, body: str, found: set[str]) -> None:
    text = f"-- name: list_people()\n-- People.\n-- segment: people\n{body};\n"
    (query,), errors = read_queries(text.encode(), tmp_path / "segments.sql")
    assert errors == []
    assert _listed_without_consent(connection, query) == found


def test_condition_of_a_reader_does_not_see_guests_without_consent(connection: Connection) -> None:
    seen: list[str] = []
    connection.add_notice_handler(lambda notice: seen.append(str(notice.message_primary)))
    connection.execute("INSERT INTO guest_profiles (phone_number, user_name) VALUES ('573000000001', 'Ana')")
    connection.execute(
        "INSERT INTO consent_events (phone_number, action, purpose, channel, source)"
        " VALUES ('573000000001', 'withdrawn', 'marketing', 'whatsapp', 'web')"
    )
    connection.execute(
        "CREATE FUNCTION pg_temp.shown(given text) RETURNS boolean LANGUAGE plpgsql COST 0.0001"
        " AS $$BEGIN RAISE NOTICE '%', given; RETURN TRUE; END$$"
    )
    connection.execute("SELECT FROM consented_guests WHERE pg_temp.shown(phone_number) AND pg_temp.shown(user_name)")
    assert seen == []
