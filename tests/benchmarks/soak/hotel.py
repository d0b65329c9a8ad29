"""The hotel of the soak: guests, and the messages of the days before, of which each replayed day removes one day."""

from __future__ import annotations

from typing import LiteralString

import psycopg

from guestsql.migrate import Runner
from guestsql.settings import Settings
from tests.monitoring import ask

__all__ = ["GUESTS", "fill", "remove_a_day"]

GUESTS = 5000

_GUESTS: LiteralString = """
INSERT INTO guest_profiles (phone_number, chat_id, user_name, labels, last_interaction)
SELECT '5730' || lpad(number::text, 8, '0'), '5730' || lpad(number::text, 8, '0') || '@c.us', 'Invitado', '{VIP}', now()
FROM generate_series(0, %s - 1) AS number
"""
_MESSAGES: LiteralString = """
INSERT INTO messages (sent_at, gateway, message_id, phone_number, direction, tokens)
SELECT
    statement_timestamp() - make_interval(days => day) + number * INTERVAL '1 day' / %(messages)s,
    'whatsapp',
    format('before-%%s-%%s', day, number),
    '5730' || lpad((number * 7919 %% %(guests)s)::text, 8, '0'),
    'in',
    400
FROM generate_series(1, %(days)s) AS day
CROSS JOIN generate_series(0, %(messages)s - 1) AS number
"""
_OPERATIONS: LiteralString = """
INSERT INTO operations (source, operation_id, lease, lease_until, claimed_at, done_at, effects)
SELECT gateway, message_id, gen_random_uuid(), sent_at, sent_at, sent_at, '{"interaction": true}'
FROM messages
"""
_REPLIES: LiteralString = """
INSERT INTO outbox (phone_number, message_id, state, due_at, attempts, lease, created_at, sent_at)
SELECT phone_number, message_id, 'sent', sent_at, 1, gen_random_uuid(), sent_at, sent_at
FROM messages
ORDER BY sent_at
"""


def fill(url: str, *, days: int, messages: int) -> None:
    """Make the tables, and fill them as they are on any day.

    Args:
        url: of an empty database.
        days: how many before today.
        messages: of each day.
    """
    Runner(Settings(database_url=url), url).up()
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(_GUESTS, [GUESTS])
        connection.execute(_MESSAGES, {"days": days, "messages": messages, "guests": GUESTS})
        connection.execute("SELECT guestsql_make_message_partitions()")
        connection.execute(_OPERATIONS)
        connection.execute(_REPLIES)
        connection.execute("VACUUM (ANALYZE)")


def remove_a_day(url: str, days_left: int) -> None:
    """Remove what is older than so many days, as a bot does every hour."""
    with psycopg.connect(url, autocommit=True) as connection:
        while _removed(ask(connection, "thin_replies", keep_days=days_left)):
            pass
        while _removed(ask(connection, "thin_operations", keep_days=days_left, keep_message_days=days_left)):
            pass


def _removed(rows: list[tuple[int]]) -> int:
    return rows[0][0]
