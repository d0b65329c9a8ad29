"""How many partitions each routed query reads or writes, from its plan as it was executed."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Iterator, Mapping
from typing import Any

import psycopg
from psycopg.types.json import Jsonb

from guestsql.sql import Query
from tests.benchmarks.partitions.schema import KEYS, key_of
from tests.checking import every_query

__all__ = ["count_partitions"]

_PARTITION = re.compile(rf"({'|'.join(KEYS)})_\d+")
_LEASE = uuid.UUID(int=1)
# Of a known guest, unless the query makes one.
_VALUES: dict[str, object] = {
    "phone_number": key_of(7),
    "phone_numbers": [key_of(number) for number in range(1, 6)],
    "ttl_seconds": 300.0,
    "lease_seconds": 8.0,
    "timezone": "America/Bogota",
    "labels": ["new"],
    "max_rows": 50,
    "thread_id": "thread_7",
    "tokens": 5,
    "operation_id": "operation_1",
    "lease": _LEASE,
    "epoch": 0,
    "context_text": "text",
    "created_at": "2026-01-01 12:00+00",
    "user_name": "Eva",
    "profile_data": Jsonb({"room": 7}),
    "counts": [1] * 5,
    "first_times": ["2026-06-01 12:00+00"] * 5,
    "last_times": ["2026-06-01 12:00+00"] * 5,
    "first_ages": [None] * 5,
    "last_ages": [None] * 5,
    "messages": Jsonb([]),
    "gateway": "whatsapp",
    "message_id": "message_1",
    "keyed_hashes": [],
    "cleared": [],
    "thread_ids": ["thread_7"],
    "thread_tokens": [5],
    "replies": ["{}"],
    "payload": Jsonb({}),
}
_NONE = {"chat_id", "contact_name", "memory_enabled", "sent_at", "text"}
_NEW = {"claim_new_context", "create_guest"}


def count_partitions(connection: psycopg.Connection[Any]) -> Iterator[tuple[str, dict[str, int]]]:
    """Yield the name of each routed query, and how many partitions of each table it has used.

    Args:
        connection: to a database with partitions and guests. What the queries write is undone.
    """
    for name, query in sorted(every_query().items()):
        if any(mark.word == "check" and mark.text.startswith("routed ") for mark in query.marks):
            yield name, _used(connection, query)


def _used(connection: psycopg.Connection[Any], query: Query) -> dict[str, int]:
    with connection.transaction(force_rollback=True):
        connection.execute("SET LOCAL plan_cache_mode = force_generic_plan")
        # Small tables are planned as large ones are.
        for name in ("enable_seqscan", "enable_hashjoin", "enable_mergejoin"):
            connection.execute(f"SET LOCAL {name} = off".encode())
        connection.execute(f"PREPARE routed AS {query.text}".encode())
        values = psycopg.sql.SQL(", ").join(_value(query, name) for name in query.positional)
        explain = psycopg.sql.SQL("EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) EXECUTE routed({})").format(values)
        row = connection.execute(explain, prepare=False).fetchone()
        connection.execute("DEALLOCATE routed")
    assert row is not None
    plan = json.loads(row[0]) if isinstance(row[0], str) else row[0]
    used: dict[str, set[str]] = {}
    for node in _nodes(plan[0]["Plan"]):
        found = _PARTITION.fullmatch(node.get("Relation Name", ""))
        if found and node.get("Actual Loops", 0):
            used.setdefault(found[1], set()).add(found[0])
    return {table: len(names) for table, names in used.items()}


def _value(query: Query, name: str) -> psycopg.sql.Literal:
    if name in _NONE:
        return psycopg.sql.Literal(None)
    if query.name in _NEW and name == "phone_number":
        return psycopg.sql.Literal("573999999999")
    return psycopg.sql.Literal(_VALUES[name])


def _nodes(node: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    if node["Node Type"] != "ModifyTable":  # it lists all partitions, and writes the rows that come from below
        yield node
    for below in node.get("Plans", ()):
        yield from _nodes(below)
