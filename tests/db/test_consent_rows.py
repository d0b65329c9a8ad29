"""Consent in the database alone: what is derived from the events, for every writer, and what cannot be changed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

import psycopg
import pytest
from psycopg.rows import TupleRow

GUEST, OTHER = "573000000001", "573000000002"
NOON = datetime(2026, 3, 5, 12, tzinfo=UTC)
WORDING = "Acepto recibir ofertas por WhatsApp."
DIGEST = sha256(WORDING.encode()).hexdigest()

Connection = psycopg.Connection[TupleRow]


@pytest.fixture(autouse=True)
def _wording(connection: Connection) -> None:
    connection.execute("INSERT INTO consent_wordings (digest, wording) VALUES (%s, %s)", (DIGEST, WORDING))


def record(
    connection: Connection,
    action: str,
    at: datetime,
    *,
    purpose: str = "marketing",
    channel: str = "whatsapp",
    guest: str = GUEST,
) -> None:
    is_given = action == "given"
    connection.execute(
        "INSERT INTO consent_events (phone_number, action, purpose, channel, source, wording_digest, wording_version,"
        " occurred_at) VALUES (%s, %s, %s, %s, 'web', %s, %s, %s)",
        (guest, action, purpose, channel, DIGEST if is_given else None, "1" if is_given else None, at),
    )


def states(connection: Connection, guest: str = GUEST) -> dict[str, bool]:
    rows = connection.execute(
        "SELECT purpose || ' ' || channel, is_given FROM guest_consents WHERE phone_number = %s", (guest,)
    )
    return dict(rows.fetchall())


SECOND = timedelta(seconds=1)


@pytest.mark.parametrize(
    ("events", "is_given"),
    [
        ([("given", NOON)], True),
        ([("given", NOON), ("withdrawn", NOON + SECOND)], False),
        ([("withdrawn", NOON), ("given", NOON + SECOND)], True),
        # One that arrives late does not change what is newer.
        ([("given", NOON + SECOND), ("withdrawn", NOON)], True),
        ([("withdrawn", NOON + SECOND), ("given", NOON)], False),
        # At the same time, and within the second that a gateway states.
        ([("withdrawn", NOON), ("given", NOON)], False),
        ([("given", NOON + SECOND / 2), ("withdrawn", NOON)], False),
        ([("withdrawn", NOON), ("given", NOON + SECOND / 2)], False),
        # Given again.
        ([("given", NOON), ("withdrawn", NOON + SECOND), ("given", NOON + 5 * SECOND)], True),
    ],
)
def test_latest_event_counts_and_a_withdrawal_in_doubt(
    connection: Connection, events: list[tuple[str, datetime]], is_given: bool
) -> None:
    for action, at in events:
        record(connection, action, at)
    assert states(connection) == {"marketing whatsapp": is_given}


def test_withdrawal_of_all_reaches_every_purpose_and_channel_until_they_are_given_again(connection: Connection) -> None:
    record(connection, "given", NOON)
    record(connection, "given", NOON, purpose="survey", channel="email")
    record(connection, "withdrawn", NOON + SECOND, purpose="*")
    assert states(connection) == {"* whatsapp": False, "marketing whatsapp": False, "survey email": True}
    record(connection, "withdrawn", NOON + 2 * SECOND, purpose="*", channel="*")
    record(connection, "given", NOON + 5 * SECOND, purpose="survey", channel="email")
    assert states(connection) == {
        "* *": False,
        "* whatsapp": False,
        "marketing whatsapp": False,
        "survey email": True,
    }


def test_merge_counts_the_events_of_both_in_their_order(connection: Connection) -> None:
    record(connection, "given", NOON)
    record(connection, "given", NOON + 2 * SECOND, purpose="survey", guest=OTHER)
    record(connection, "withdrawn", NOON + 5 * SECOND, purpose="*", guest=OTHER)
    connection.execute("UPDATE consent_events SET phone_number = %s WHERE phone_number = %s", (GUEST, OTHER))
    assert states(connection) == {"* whatsapp": False, "marketing whatsapp": False, "survey whatsapp": False}
    assert states(connection, OTHER) == {}


def test_erasure_leaves_the_proof_without_the_guest(connection: Connection) -> None:
    record(connection, "given", NOON)
    connection.execute("UPDATE consent_events SET phone_number = NULL, subject_hashes = %s, actor = NULL", ([b"x"],))
    assert states(connection) == {}
    assert connection.execute("SELECT action, wording_digest FROM consent_events").fetchall() == [("given", DIGEST)]
    connection.execute("DELETE FROM consent_events")  # when its time is over


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM consent_events",
        "UPDATE consent_events SET occurred_at = '2026-01-01'",
        "UPDATE consent_events SET action = 'withdrawn', phone_number = '573000000002'",
        "UPDATE consent_events SET actor = 'Ana'",
        "TRUNCATE consent_events",
        "UPDATE guest_consents SET is_given = TRUE",
        "DELETE FROM guest_consents",
        "UPDATE consent_wordings SET wording = 'Acepto todo.'",
        "DELETE FROM consent_wordings",
        (
            "INSERT INTO consent_events (phone_number, action, purpose, channel, source)"
            " VALUES ('573000000001', 'given', 'marketing', 'whatsapp', 'web')"
        ),
        (
            "INSERT INTO consent_events (phone_number, action, purpose, channel, source)"
            " VALUES ('573000000001', 'withdrawn', 'marketing', 'WhatsApp', 'web')"
        ),
        (
            "INSERT INTO consent_events (phone_number, action, purpose, channel, source)"
            " VALUES ('573000000001', 'withdrawn', 'marketing', 'whatsapp', 'call-573000000001')"
        ),
    ],
)
def test_proof_cannot_be_changed(connection: Connection, statement: str) -> None:
    record(connection, "given", NOON)
    with pytest.raises(psycopg.Error, match=r"rows of consent_events|guest_consents follows|_check|_fkey"):
        connection.execute(statement.encode())


@pytest.mark.parametrize(
    ("text", "is_opt_out"),
    [
        ("STOP", True),
        ("¡No más!", True),
        ("  no\u00a0  mas\n", True),
        ("\uff33top.", True),
        ("BAJA 🙏🏽", True),
        ("ba\u200bja", True),
        ("stop the taxi", False),
        ("¿Temporada baja?", False),
        ("\u0441\u0442\u043e\u043f stop", False),
        ("", False),
        ("!", False),
        (None, False),
        ("stop" + " " * 200, False),
    ],
)
def test_message_is_an_opt_out_if_nothing_else_is_in_it(
    connection: Connection, text: str | None, is_opt_out: bool
) -> None:
    assert connection.execute("SELECT guestsql_is_opt_out(%s)", (text,)).fetchall() == [(is_opt_out,)]


def test_view_lists_active_and_archived_guests_with_consent(connection: Connection) -> None:
    connection.execute("INSERT INTO guest_profiles (phone_number, user_name) VALUES (%s, 'Ana')", (GUEST,))
    connection.execute(
        "INSERT INTO historical_clients (phone_number, user_name, archived_at) VALUES (%s, 'Luis', %s)", (OTHER, NOON)
    )
    for guest in GUEST, OTHER, "573000000003":  # the last one is unknown
        record(connection, "given", NOON, guest=guest)
    listed: list[Any] = connection.execute(
        "SELECT user_name, purpose, channel, archived_at, consented_at FROM consented_guests ORDER BY user_name"
    ).fetchall()
    assert listed == [
        ("Ana", "marketing", "whatsapp", None, NOON),
        ("Luis", "marketing", "whatsapp", NOON, NOON),
    ]
    record(connection, "withdrawn", NOON + SECOND)
    assert connection.execute("SELECT user_name FROM consented_guests").fetchall() == [("Luis",)]
