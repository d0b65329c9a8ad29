"""The monitoring queries: right figures, and who never wrote comes last."""

from __future__ import annotations

import re
from typing import Any

import psycopg
import pytest

from guestsql.sql import load_catalogue
from tests.databases import GUEST, KINDS, Either

Connection = psycopg.Connection[Any]

GUESTS = """
INSERT INTO guest_profiles (
    phone_number, thread_id, labels, memory_enabled, context_cache, last_context_update, last_interaction
)
VALUES
    ('573000000001', 't1', '{a}', TRUE, 'text', statement_timestamp(), statement_timestamp() - INTERVAL '10 days'),
    ('573000000002', NULL, '{}', TRUE, 'text', statement_timestamp() - INTERVAL '1 hour', NULL),
    ('573000000003', NULL, '{a,b}', FALSE, NULL, NULL, statement_timestamp() - INTERVAL '100 seconds'),
    ('573000000004', NULL, '{}', TRUE, '', statement_timestamp(), statement_timestamp() - INTERVAL '9 days'),
    ('573000000005', NULL, '{}', TRUE, 'wrong', NULL, NULL),
    ('573000000006', 't6', '{}', TRUE, 'text', statement_timestamp() + INTERVAL '1 hour', statement_timestamp()),
    ('81234567890123@lid', NULL, '{}', TRUE, NULL, NULL, statement_timestamp() - INTERVAL '1 year')
"""


@pytest.mark.parametrize("kind", KINDS)
async def test_totals(kind: str, database_url: str, autocommit: Connection) -> None:
    autocommit.execute(GUESTS)
    async with Either(kind, database_url) as db:
        row = await db.queries.get_profile_totals()
    assert row._asdict() == {
        "total_profiles": 7,
        "with_thread": 2,
        "with_labels": 2,
        "with_context": 4,
        "without_memory": 1,
    }


@pytest.mark.parametrize("kind", KINDS)
async def test_freshness(kind: str, database_url: str, autocommit: Connection) -> None:
    autocommit.execute(GUESTS)
    async with Either(kind, database_url) as db:
        row = await db.queries.get_context_freshness(ttl_seconds=300)
        defaults = await db.queries.get_context_freshness()
        longer = await db.queries.get_context_freshness(ttl_seconds=7200)
        nothing = await db.queries.get_context_freshness(ttl_seconds=0)
    assert (row.total_profiles, row.fresh_contexts, row.stale_contexts, row.missing_contexts) == (7, 2, 2, 3)
    assert float(row.fresh_percent) == 28.6
    assert defaults == row
    assert (longer.fresh_contexts, longer.stale_contexts) == (3, 1)
    assert (nothing.fresh_contexts, nothing.stale_contexts) == (0, 4)


@pytest.mark.parametrize("kind", KINDS)
async def test_an_empty_table(kind: str, database_url: str) -> None:
    async with Either(kind, database_url) as db:
        assert (await db.queries.get_profile_totals()).total_profiles == 0
        assert (await db.queries.get_context_freshness()).fresh_percent is None
        assert await db.queries.list_last_interactions() == []


@pytest.mark.parametrize("kind", KINDS)
async def test_last_interactions(kind: str, database_url: str, autocommit: Connection) -> None:
    autocommit.execute(GUESTS)
    async with Either(kind, database_url) as db:
        rows = await db.queries.list_last_interactions()
        two = await db.queries.list_last_interactions(max_rows=2)
    assert [row.guest for row in rows] == [
        "***0006",
        "***0003",
        "***0004",
        "***0001",
        "***0123@lid",
        "***0002",
        "***0005",
    ]
    assert [row.guest for row in two] == ["***0006", "***0003"]
    assert [row.last_interaction is None for row in rows] == [False] * 5 + [True] * 2
    assert 100 <= rows[1].inactivity_seconds < 200
    assert rows[-1].inactivity_seconds is None
    assert not any(GUEST[:8] in str(row) for row in rows)


def test_the_last_interactions_are_found_by_the_index(connection: Connection) -> None:
    """Or the list would sort a million guests to show ten."""
    query = load_catalogue()["list_last_interactions"].source.replace(":max_rows", "10")
    connection.execute("""
        INSERT INTO guest_profiles (phone_number, last_interaction)
        SELECT 573000000000 + number, '2026-01-01Z'::timestamptz + number * INTERVAL '1 hour'
        FROM generate_series(1, 999) AS number
    """)
    connection.execute("ANALYZE guest_profiles")
    connection.execute("SET LOCAL enable_seqscan = off")
    plan = "\n".join(line for (line,) in connection.execute(f"EXPLAIN {query}".encode()))
    assert "idx_guest_profiles_last_activity" in plan
    assert re.search(r"Presorted Key: guest_profiles\w*\.last_active_on", plan)
