"""The packaged schema with three tables in hash partitions: the same migrations, except for a clause of each table."""

from __future__ import annotations

from typing import LiteralString

import psycopg

from tests.server import MIGRATIONS

__all__ = ["KEYS", "fill", "migrate"]

KEYS = {"guest_profiles": "phone_number", "guest_ids": "id", "guest_threads": "phone_number"}
"""The column by whose hash each table is partitioned."""
_FIRST_KEY = 573000000000
_FILL: LiteralString = """
INSERT INTO guest_profiles (
    phone_number, user_name, labels, thread_id, thread_tokens, thread_created_at, first_interaction, last_interaction,
    total_interactions, context_cache, last_context_update
)
SELECT
    (%s + number)::text,
    'Ana ' || number,
    '{VIP}',
    'thread_' || number,
    100,
    '2026-01-01 12:00+00',
    '2026-01-01 12:00+00',
    '2026-06-01 12:00+00',
    5,
    repeat('context ', 40),
    statement_timestamp()
FROM generate_series(%s::bigint, %s::bigint) AS numbers (number)"""


def key_of(number: int) -> str:
    """The key of a guest, counted from 1."""
    return str(_FIRST_KEY + number)


def migrate(url: str, partitions: int) -> None:
    """Apply the migrations; with more than one partition, to partitioned tables."""
    with psycopg.connect(url, autocommit=True) as connection:
        for file in sorted(MIGRATIONS.glob("*.sql")):
            text = file.read_text(encoding="utf-8")
            if partitions > 1:
                text = text.replace("CREATE INDEX CONCURRENTLY", "CREATE INDEX")
                for table, column in KEYS.items():
                    text = _partitioned(text, table, column, partitions)
            connection.execute(text.encode())


def _partitioned(text: str, table: str, column: str, partitions: int) -> str:
    before, created, rest = text.partition(f"CREATE TABLE {table} (")
    if not created:
        return text
    body, with_clause, rest = rest.partition("\n)\nWITH (")
    options, end, rest = rest.partition(");")
    assert with_clause, f"CREATE TABLE {table} has no WITH"
    assert end, f"WITH of {table} has no end"
    parts = "".join(
        f"\nCREATE TABLE {table}_{number} PARTITION OF {table}"
        f" FOR VALUES WITH (MODULUS {partitions}, REMAINDER {number}) WITH ({options});"
        for number in range(partitions)
    )
    return f"{before}{created}{body}\n)\nPARTITION BY HASH ({column});{parts}{rest}"


def fill(url: str, guests: int, *, step: int = 100_000) -> None:
    """Insert guests whose contexts are fresh."""
    with psycopg.connect(url, autocommit=True) as connection:
        for first in range(1, guests + 1, step):
            connection.execute(_FILL, [_FIRST_KEY, first, min(first + step - 1, guests)])
        connection.execute("VACUUM ANALYZE")
