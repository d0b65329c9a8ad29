"""What tests of campaigns need: consent, and an account without restrictions."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import psycopg

Connection = psycopg.Connection[Any]

WORDING = "Yes, send me offers."


def give_consent(connection: Connection, *guests: str, at: datetime | None = None, channel: str = "whatsapp") -> None:
    """Guests, created if unknown, give their consent to marketing."""
    connection.execute(
        "INSERT INTO consent_wordings (digest, wording) VALUES (encode(sha256(%(text)s::text::bytea), 'hex'), %(text)s)"
        " ON CONFLICT DO NOTHING",
        {"text": WORDING},
    )
    connection.execute(
        "INSERT INTO consent_events"
        " (phone_number, action, purpose, channel, source, wording_digest, wording_version, occurred_at)"
        " SELECT guestsql_lock_guest(id), 'given', 'marketing', %s, 'web', encode(sha256(%s::text::bytea), 'hex'), '1',"
        " coalesce(%s, statement_timestamp()) FROM unnest(%s::text[]) AS given (id) ORDER BY id",
        (channel, WORDING, at, list(guests)),
    )


def withdraw_consent(connection: Connection, guest: str, at: datetime | None = None) -> None:
    """A guest withdraws every consent."""
    connection.execute(
        "INSERT INTO consent_events (phone_number, action, purpose, channel, source, occurred_at)"
        " SELECT guestsql_lock_guest(%s), 'withdrawn', '*', '*', 'web', coalesce(%s, statement_timestamp())",
        (guest, at),
    )


def allow_everything(connection: Connection) -> None:
    """No hours, no caps, no limit, no template is needed."""
    connection.execute("UPDATE contact_accounts SET profile = 'none', reply_window_hours = NULL, daily_people = NULL")
