"""Invented hotels of several sizes: databases of one server, with its data on disk. An unfinished run keeps them."""

from __future__ import annotations

import os
import random
import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from time import perf_counter
from typing import Any, LiteralString

import psycopg
from psycopg import sql

from guestsql.cli.demo_hotel import invent_hotel
from guestsql.embedded import PrivateServer
from guestsql.settings import Settings
from guestsql.sql._sync.connection import connect
from tests.benchmarks.bench_monitoring import FIGURES
from tests.benchmarks.measuring import server_apart
from tests.server import apply_migrations, pg_bin

__all__ = ["Hotel", "Hotels", "open_hotels"]

_DATABASE = "guestsql_demo_growth_{}"
_FILLED = "filled by make growth"
_MOST_KEYS = 200_000

# Every active guest has a context. The update leaves pages as use does: with room, and with rows that have moved.
_CONTEXTS: LiteralString = """
UPDATE guest_profiles
SET
    context_cache = '[' || coalesce(contact_name, 'Cliente') || ' | {HH:MM}]' || E'\n\n',
    last_context_update = statement_timestamp()
"""
# Messages of the last 60 days; ids and replies of 30 days, as long as retention_rules keeps them.
_MESSAGES: LiteralString = """
INSERT INTO messages (sent_at, gateway, message_id, phone_number, direction, tokens)
SELECT
    hours.hour + parts.number * INTERVAL '5 minutes',
    'whatsapp',
    hours.phone_number || '-' || extract(EPOCH FROM hours.hour)::bigint || '-' || parts.number,
    hours.phone_number,
    'in',
    400
FROM interaction_hours AS hours
CROSS JOIN LATERAL generate_series(0, hours.messages - 1) AS parts (number)
WHERE hours.hour BETWEEN statement_timestamp() - INTERVAL '60 days' AND statement_timestamp() - INTERVAL '1 hour'
"""
_OPERATIONS: LiteralString = """
INSERT INTO operations (source, operation_id, lease, lease_until, claimed_at, done_at, effects)
SELECT gateway, message_id, gen_random_uuid(), sent_at + INTERVAL '8 seconds', sent_at, sent_at, '{"interaction": true}'
FROM messages
WHERE sent_at > statement_timestamp() - INTERVAL '30 days'
"""
_REPLIES: LiteralString = """
INSERT INTO outbox (
    phone_number, message_id, state, due_at, attempts, lease, created_at, sent_at, sent_message_id
)
SELECT phone_number, message_id, 'sent', sent_at, 1, gen_random_uuid(), sent_at, sent_at, 'r-' || message_id
FROM messages
WHERE sent_at > statement_timestamp() - INTERVAL '30 days'
ORDER BY sent_at
"""
_PARTITIONS: LiteralString = "SELECT guestsql_make_message_partitions()"
_MINUTES: LiteralString = "TRUNCATE context_minutes, process_minutes, query_error_minutes, query_minutes"
_KEYS: LiteralString = """
SELECT phone_number, thread_id
FROM guest_profiles
WHERE
    thread_id IS NOT NULL
    AND memory_enabled
ORDER BY hashtextextended(phone_number, 1)
LIMIT %s
"""
# What each call needs is in the server's own memory, as after a day of use; the rest in the system's.
_PREWARM: LiteralString = """
SELECT pg_prewarm(relation.oid, CASE WHEN is_hot.yes THEN 'buffer' ELSE 'read' END)
FROM pg_class AS relation
CROSS JOIN LATERAL (SELECT relation.relname ~ '^(idx_)?(guest_profiles|guest_ids)' AS yes) AS is_hot
WHERE
    relation.relkind IN ('r', 'i')
    AND relation.relnamespace = 'public'::regnamespace
ORDER BY is_hot.yes
"""
_SIZE: LiteralString = """
SELECT
    (SELECT count(*) FROM guest_profiles) AS active_guests,
    (SELECT count(*) FROM historical_clients) AS archived_guests,
    (SELECT count(*) FROM messages) AS messages,
    pg_database_size(current_database()) AS bytes
"""


@dataclass(frozen=True)
class Hotel:
    """A filled database.

    Attributes:
        guests: how many, active and archived.
        url: of the database.
        keys: phone number and thread of active guests, in no order, spread over the whole table.
        rows: what the hotel has, and the database's size in bytes.
    """

    guests: int
    url: str
    keys: Sequence[tuple[str, str]]
    rows: dict[str, int]


class Hotels:
    """The hotels of all sizes.

    Args:
        server: with a database for each size.
        hotels: the smallest first.
    """

    def __init__(self, server: PrivateServer, hotels: Sequence[Hotel]) -> None:
        self._server = server
        self.all = hotels

    def warm(self) -> None:
        """Read every table and index once, so that no later read waits for the disk, if they fit into memory."""
        for hotel in self.all:
            with psycopg.connect(hotel.url, autocommit=True) as connection:
                connection.execute("CREATE EXTENSION IF NOT EXISTS pg_prewarm")
                connection.execute(_PREWARM)

    def apart(self) -> AbstractContextManager[None]:
        """Keep the server's sessions away from the core of this process."""
        return server_apart(self._server)

    def cool(self) -> bool:
        """Restart the server, and have the system forget what it has read of its files.

        Returns:
            False where the system keeps it; then only the server's own memory is empty.
        """
        self._server.stop()
        has_forgotten = _forget(self._server.directory / "data" / "base")
        self._server.start()
        return has_forgotten


def _forget(folder: Path) -> bool:
    files = [path for path in folder.rglob("*") if path.is_file() and path.stat().st_size]
    if not hasattr(os, "posix_fadvise"):
        return False
    for path in files:
        opened = os.open(path, os.O_RDONLY)
        try:
            os.posix_fadvise(opened, 0, 0, os.POSIX_FADV_DONTNEED)
        finally:
            os.close(opened)
    return not _is_in_memory(max(files, key=lambda path: path.stat().st_size))


def _is_in_memory(path: Path) -> bool:
    opened = os.open(path, os.O_RDONLY)
    try:
        os.preadv(opened, [bytearray(1)], path.stat().st_size // 2, os.RWF_NOWAIT)
    except BlockingIOError:
        return False
    finally:
        os.close(opened)
    return True


@contextmanager
def open_hotels(folder: Path, sizes: Sequence[int], *, shared_megabytes: int, is_kept: bool) -> Iterator[Hotels]:
    """Start the server and fill what is missing. Without an error in the block, the data are removed after it.

    Args:
        folder: of the server; it may have the hotels of an earlier run.
        sizes: the numbers of guests.
        shared_megabytes: the server's own memory, shared_buffers.
        is_kept: True keeps the data.
    """
    settings = {"shared_buffers": f"{shared_megabytes}MB", "max_wal_size": "4GB"}
    with PrivateServer(folder / "server", pg_bin(), settings=settings, ephemeral=False) as server:
        folder = server.directory.parent
        try:
            yield Hotels(server, [_open(server, guests) for guests in sizes])
        except BaseException:
            _say(f"the hotels are kept in {folder}: the next run goes on with them")
            raise
    if not is_kept:
        shutil.rmtree(folder)


def _open(server: PrivateServer, guests: int) -> Hotel:
    name = _DATABASE.format(guests)
    url = server.url(name)
    with psycopg.connect(server.url(), autocommit=True) as admin:
        if _is_filled(admin, name):
            _say(f"{guests:,} guests: filled by an earlier run")
        else:
            started = perf_counter()
            admin.execute(sql.SQL("DROP DATABASE IF EXISTS {}").format(sql.Identifier(name)))
            admin.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
            _fill(url, guests)
            admin.execute(sql.SQL("COMMENT ON DATABASE {} IS {}").format(sql.Identifier(name), sql.Literal(_FILLED)))
            _say(f"{guests:,} guests: filled in {perf_counter() - started:.0f} s")
    with psycopg.connect(url, autocommit=True) as connection:
        keys = connection.execute(_KEYS, [_MOST_KEYS]).fetchall()
        random.Random(guests).shuffle(keys)
        return Hotel(guests, url, keys, _rows(connection))


def _rows(connection: psycopg.Connection[Any]) -> dict[str, int]:
    cursor = connection.execute(_SIZE)
    row = cursor.fetchone()
    assert row is not None
    assert cursor.description is not None
    return dict(zip((column.name for column in cursor.description), row, strict=True))


def _is_filled(admin: psycopg.Connection[Any], name: str) -> bool:
    row = admin.execute(
        "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = %s", [name]
    ).fetchone()
    return row is not None and row[0] == _FILLED


def _fill(url: str, guests: int) -> None:
    settings = Settings(database_url=url)
    apply_migrations(url)
    with connect(settings, url) as connection:
        now = datetime.now(settings.timezone)
        invent_hotel(connection, guests, seed=1, until=now, timezone=settings.timezone)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE EXTENSION pg_stat_statements")
        for statement in (_CONTEXTS, _MESSAGES, _PARTITIONS, _OPERATIONS, _REPLIES, _MINUTES):
            connection.execute(statement)
        connection.execute(FIGURES.encode())
        connection.execute("VACUUM (ANALYZE)")
        connection.execute("CHECKPOINT")


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()
