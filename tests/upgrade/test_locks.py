"""A migration that keeps writers from a table reads no table that grows in the same transaction.

It would hold the lock for as long as it reads: many seconds, with a million guests. Split it into two files. squawk
refuses the commands that read a table themselves. `make migration-locks` measures the time.
"""

from __future__ import annotations

from typing import LiteralString

import psycopg

from tests.server import MIGRATIONS
from tests.upgrade.locks import BLOCKING

LARGE = {
    "booking_events",
    "campaign_actions",
    "consent_events",
    "guest_consents",
    "guest_ids",
    "guest_notes",
    "guest_profiles",
    "guest_threads",
    "historical_clients",
    "interaction_hours",
    "messages_default",
    "operations",
    "outbox",
}
# They came before this rule, and are measured: 0014 reads before it locks, and the tables of the others were new, or no
# release wrote to them yet.
OLDER = [
    "0014_times_check.sql",
    "0020_messages.sql",
    "0021_messages_valid.sql",
    "0032_booking_history.sql",
    "0035_archive.sql",
    "0036_archive_valid.sql",
]
_TABLES: LiteralString = "SELECT oid::bigint FROM pg_class WHERE relname = ANY(%s)"
_LOCKED: LiteralString = """
SELECT relation::regclass::text FROM pg_locks
WHERE pid = pg_backend_pid() AND granted AND mode = ANY(%s) AND relation::bigint = ANY(%s)"""
_READS: LiteralString = """
SELECT relname, seq_scan FROM pg_stat_xact_user_tables
WHERE relid::bigint = ANY(%s)"""


def test_no_migration_locks_a_table_and_reads_one(empty_database_url: str) -> None:
    found: dict[str, set[str]] = {}
    with psycopg.connect(empty_database_url) as connection:
        for file in sorted(MIGRATIONS.glob("*.sql")):
            known = [oid for (oid,) in connection.execute(_TABLES, [sorted(LARGE)])]
            # What earlier transactions read may be in it.
            before = dict(connection.execute(_READS, [known]).fetchall())
            if (text := file.read_bytes()).startswith(b"-- no-transaction"):  # it lets writers in; squawk sees to that
                connection.commit()
                with psycopg.connect(empty_database_url, autocommit=True) as alone:
                    alone.execute(text)
                continue
            connection.execute(text)
            locked = {name for (name,) in connection.execute(_LOCKED, [list(BLOCKING), known])}
            after = dict(connection.execute(_READS, [known]).fetchall())
            connection.commit()
            if locked and any(count > before.get(name, 0) for name, count in after.items()):
                found[file.name] = locked
    assert sorted(found) == OLDER
