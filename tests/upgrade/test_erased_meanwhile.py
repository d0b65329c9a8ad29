"""Migrations of a database that has guests, while a bot of the older release erases some of them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg

from tests.databases import waiting_sessions
from tests.server import MIGRATIONS, eventually

Connection = psycopg.Connection[Any]

# The last migration of a release without guest_ids, messages and guest_threads.
_OLDER = 19
_FIRST_KEY = 525500000000
_GUESTS = """
INSERT INTO guest_profiles (phone_number, thread_id, profile_data)
SELECT
    %s + number,
    'current',
    '{
        "merged": {"573000000001": {"thread_id": "lost", "thread_tokens": 5, "profile_data": {}}},
        "legacy": {"threads.json": {"key": {"previousThreads": ["old"]}}}
    }'
FROM generate_series(0, 99) AS numbers (number)
"""


def rows_with(connection: Connection, text: str) -> dict[str, int]:
    """Count the rows that contain a text, by table."""
    tables = connection.execute(
        "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = current_schema()::regnamespace"
    ).fetchall()
    found = {}
    for (name,) in tables:
        row = connection.execute(f'SELECT count(*) FROM "{name}" AS t WHERE t::text ~ %s'.encode(), [text]).fetchone()
        if row is not None and row[0]:
            found[name] = row[0]
    return found


def test_a_guest_who_is_erased_during_a_migration_leaves_nothing(empty_database_url: str) -> None:
    """Every migration meets a transaction that has deleted a guest and is not committed."""
    files = sorted(MIGRATIONS.glob("*.sql"))
    with (
        psycopg.connect(empty_database_url, autocommit=True) as owner,
        psycopg.connect(empty_database_url, autocommit=True) as reader,
        ThreadPoolExecutor(1) as pool,
    ):
        for path in files[:_OLDER]:
            owner.execute(path.read_bytes())
        owner.execute(_GUESTS, [_FIRST_KEY])
        for number, path in enumerate(files[_OLDER:]):
            with psycopg.connect(empty_database_url) as bot:
                bot.execute("DELETE FROM guest_profiles WHERE phone_number = %s", [str(_FIRST_KEY + number)])
                migrating = pool.submit(owner.execute, path.read_bytes())
                eventually(lambda: migrating.done() or waiting_sessions(reader))  # noqa: B023
            migrating.result()
        erased = range(_FIRST_KEY, _FIRST_KEY + len(files) - _OLDER)
        assert rows_with(reader, "|".join(f"{key}|521{str(key)[2:]}" for key in erased)) == {}
        # The others have all ids and threads.
        kept = 100 - len(erased)
        for table, each in (("guest_profiles", 1), ("guest_ids", 2), ("guest_threads", 2)):
            assert reader.execute(f"SELECT count(*) FROM {table}".encode()).fetchone() == (kept * each,)
