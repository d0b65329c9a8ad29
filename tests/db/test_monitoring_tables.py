"""The monitoring queries upon indexes, tables and sequences."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from tests.monitoring import ask, ask_one, tell_statistics

Connection = psycopg.Connection[Any]

GUESTS = """
INSERT INTO guest_profiles (phone_number, last_interaction)
SELECT (573000000000 + number)::text, '2026-01-05 12:00+00'
FROM generate_series(1, 100) AS number
"""


def _named(rows: list[Any], name: str, column: str = "table_name") -> Any:
    (found,) = [row for row in rows if getattr(row, column) == name]
    return found


def test_the_shipped_schema_has_no_broken_or_duplicate_index(connection: Connection) -> None:
    assert ask(connection, "list_broken_indexes") == []
    assert ask(connection, "list_duplicate_indexes") == []
    assert ask_one(connection, "get_index_faults").invalid == 0


def test_an_index_that_failed_to_build(autocommit: Connection) -> None:
    autocommit.execute(GUESTS)
    with pytest.raises(psycopg.errors.UniqueViolation):
        autocommit.execute("CREATE UNIQUE INDEX CONCURRENTLY broken ON guest_profiles (last_active_on)")
    row = ask(autocommit, "list_broken_indexes")[0]
    assert (row.table_name, row.index_name, row.is_being_built) == ("guest_profiles", "broken", False)
    assert ask_one(autocommit, "get_index_faults").invalid == 1
    autocommit.execute("DROP INDEX CONCURRENTLY broken")
    assert ask(autocommit, "list_broken_indexes") == []


def test_an_unused_index(autocommit: Connection) -> None:
    autocommit.execute(GUESTS)
    autocommit.execute("CREATE INDEX idle ON guest_profiles (thread_id)")
    autocommit.execute("CREATE UNIQUE INDEX idle_but_unique ON guest_profiles (thread_id)")
    autocommit.execute("CREATE INDEX used ON guest_profiles (chat_id)")
    autocommit.execute("SET enable_seqscan = off")
    autocommit.execute("SET enable_bitmapscan = off")
    autocommit.execute("SELECT phone_number FROM guest_profiles WHERE chat_id = 'x'")
    tell_statistics(autocommit)
    rows = ask(autocommit, "list_unused_indexes")
    names = {row.index_name for row in rows}
    assert "idle" in names
    assert names.isdisjoint({"used", "idle_but_unique", "guest_profiles_pkey"})
    idle = _named(rows, "idle", "index_name")
    assert (idle.table_name, idle.table_writes) == ("guest_profiles", 100)
    assert [row.index_bytes for row in rows] == sorted((row.index_bytes for row in rows), reverse=True)
    assert _named(ask(autocommit, "list_index_sizes"), "used", "index_name").scans == 1


TABLE = "CREATE TABLE t (a integer, b integer, c text, CONSTRAINT t_key UNIQUE (a))"


@pytest.mark.parametrize(
    ("statements", "expected"),
    [
        (["CREATE INDEX one ON t (b)"], []),
        (["CREATE INDEX one ON t (b)", "CREATE INDEX two ON t (b)"], [("two", "one", "same")]),
        (["CREATE INDEX one ON t (a)"], [("one", "t_key", "same")]),
        (["CREATE UNIQUE INDEX one ON t (a)"], [("one", "t_key", "same")]),
        (["CREATE INDEX one ON t (b)", "CREATE UNIQUE INDEX two ON t (b)"], [("one", "two", "same")]),
        (["CREATE INDEX one ON t (b)", "CREATE INDEX two ON t (b, c)"], [("one", "two", "prefix")]),
        (["CREATE UNIQUE INDEX one ON t (b)", "CREATE INDEX two ON t (b, c)"], []),
        (["CREATE INDEX one ON t (b)", "CREATE INDEX two ON t (c, b)"], []),
        (["CREATE INDEX one ON t (b)", "CREATE INDEX two ON t (b DESC)"], []),
        (["CREATE INDEX one ON t (b)", "CREATE INDEX two ON t (b) WHERE b > 0"], []),
        (["CREATE INDEX one ON t (b) WHERE b > 0", "CREATE INDEX two ON t (b) WHERE b > 0"], [("two", "one", "same")]),
        (["CREATE INDEX one ON t (lower(c))", "CREATE INDEX two ON t (upper(c))"], []),
        (["CREATE INDEX one ON t (lower(c))", "CREATE INDEX two ON t (lower(c))"], [("two", "one", "same")]),
        (["CREATE INDEX one ON t (c)", "CREATE INDEX two ON t (c text_pattern_ops)"], []),
        (["CREATE INDEX one ON t (c)", 'CREATE INDEX two ON t (c COLLATE "POSIX")'], []),
        (["CREATE INDEX one ON t (b)", "CREATE INDEX two ON t USING hash (b)"], []),
        (["CREATE INDEX one ON t (b) INCLUDE (c)", "CREATE INDEX two ON t (b, c)"], []),
        (["CREATE INDEX one ON t (b)", "CREATE INDEX two ON t (b) INCLUDE (c)"], [("one", "two", "prefix")]),
    ],
    ids=lambda value: "; ".join(value).replace("CREATE ", "") if value and isinstance(value[0], str) else "",
)
def test_duplicate_indexes(connection: Connection, statements: list[str], expected: list[tuple[str, ...]]) -> None:
    with connection.transaction(force_rollback=True):
        for statement in (TABLE, *statements):
            connection.execute(statement.encode())
        rows = ask(connection, "list_duplicate_indexes")
    assert [(row.index_name, row.kept_index_name, row.kind) for row in rows] == expected


def test_dead_rows_and_vacuum(autocommit: Connection) -> None:
    autocommit.execute(GUESTS)
    autocommit.execute("DELETE FROM guest_profiles WHERE phone_number < '573000000041'")
    tell_statistics(autocommit)
    rows = ask(autocommit, "list_dead_tuples")
    assert {row.table_name for row in rows[:2]} == {"guest_profiles", "guest_ids"}
    row = _named(rows, "guest_profiles")
    assert (row.live_rows, row.dead_rows, row.dead_percent) == (60, 40, 40)
    assert (row.modified_since_analyze, row.last_vacuum_at, row.last_analyze_at, row.vacuums) == (140, None, None, 0)
    autocommit.execute("VACUUM ANALYZE guest_profiles")
    row = _named(ask(autocommit, "list_dead_tuples"), "guest_profiles")
    assert (row.live_rows, row.dead_rows, row.modified_since_analyze, row.vacuums) == (60, 0, 0, 1)
    assert row.last_vacuum_at is not None
    assert row.last_analyze_at is not None
    assert row.vacuum_threshold_rows == 50 + 0.2 * 60
    autocommit.execute(
        "ALTER TABLE guest_profiles SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 7)"
    )
    assert _named(ask(autocommit, "list_dead_tuples"), "guest_profiles").vacuum_threshold_rows == 7


def test_heap_only_updates(autocommit: Connection) -> None:
    autocommit.execute(GUESTS)
    tell_statistics(autocommit)
    assert _named(ask(autocommit, "list_hot_ratios"), "guest_profiles").hot_percent is None
    autocommit.execute("UPDATE guest_profiles SET total_interactions = 1 WHERE phone_number < '573000000004'")
    autocommit.execute("UPDATE guest_profiles SET labels = '{VIP}' WHERE phone_number = '573000000050'")
    tell_statistics(autocommit)
    row = ask(autocommit, "list_hot_ratios")[0]
    assert (row.table_name, row.updates, row.hot_updates, row.hot_percent) == ("guest_profiles", 4, 3, 75)


def test_wraparound(autocommit: Connection) -> None:
    rows = ask(autocommit, "list_wraparound_ages")
    known = autocommit.execute("SELECT datname, age(datfrozenxid) FROM pg_database").fetchall()
    assert {row.database_name: row.transaction_age for row in rows} == dict(known)
    assert {row.freeze_max_age for row in rows} == {200_000_000}
    tables = ask(autocommit, "list_wraparound_tables", max_rows=1000)
    oldest = autocommit.execute("SELECT age(datfrozenxid) FROM pg_database WHERE datname = current_database()")
    assert max(row.transaction_age for row in tables) == (oldest.fetchone() or (None,))[0]
    assert {"guest_profiles", "pg_class"} <= {row.table_name for row in tables}


def test_sizes(autocommit: Connection) -> None:
    autocommit.execute(GUESTS)
    autocommit.execute("ANALYZE guest_profiles")
    row = ask(autocommit, "list_table_sizes")[0]
    told = autocommit.execute("SELECT pg_total_relation_size('guest_profiles')").fetchone()
    assert (row.table_name, row.row_estimate) == ("guest_profiles", 100)
    assert (row.total_bytes,) == told
    assert row.total_bytes == row.rows_bytes + row.index_bytes + row.other_bytes
    indexes = ask(autocommit, "list_index_sizes")
    assert sum(each.index_bytes for each in indexes if each.table_name == "guest_profiles") == row.index_bytes
    faults = ask_one(autocommit, "get_index_faults")
    assert faults.total_bytes > sum(each.index_bytes for each in indexes)  # with the system's own


def test_growth_since_the_recorded_sizes(autocommit: Connection) -> None:
    assert ask(autocommit, "list_size_growth") == []
    written = ask(autocommit, "record_relation_sizes")
    assert written[0] > 10
    assert ask(autocommit, "list_size_growth") == []  # today's record shows no growth
    assert ask(autocommit, "record_relation_sizes") == [0]  # nor is anything written when nothing has changed
    autocommit.execute("UPDATE relation_sizes SET day = day - 10")
    autocommit.execute(
        "INSERT INTO relation_sizes SELECT day - 30, schema_name, 'gone', kind, 5 FROM relation_sizes LIMIT 1"
    )
    autocommit.execute(GUESTS)
    rows = ask(autocommit, "list_size_growth")
    table = _named(rows, "guest_profiles", "relation_name")
    index = _named(rows, "guest_profiles_pkey", "relation_name")
    sizes = autocommit.execute("SELECT pg_table_size('guest_profiles'), pg_relation_size('guest_profiles_pkey')")
    assert (table.present_bytes, index.present_bytes) == sizes.fetchone()
    assert (table.kind, index.kind) == ("table", "index")
    assert table.since_day == (datetime.now(UTC) - timedelta(days=10)).date()
    assert table.growth_bytes == table.present_bytes - table.since_bytes > 0
    assert table.growth_bytes_per_day == table.growth_bytes // 10
    assert [row.growth_bytes for row in rows] == sorted((row.growth_bytes for row in rows), reverse=True)
    assert "gone" not in {row.relation_name for row in rows}
    ask(autocommit, "record_relation_sizes")
    assert _named(ask(autocommit, "list_size_growth"), "guest_profiles", "relation_name") == table  # the oldest counts


def test_old_sizes_are_thinned_to_a_month(autocommit: Connection) -> None:
    autocommit.execute(
        """
        INSERT INTO relation_sizes (day, schema_name, relation_name, kind, bytes)
        SELECT (statement_timestamp() AT TIME ZONE 'UTC')::date - ago, 'public', 'x', 'table', 1
        FROM generate_series(0, 399) AS ago
        """
    )
    ask(autocommit, "thin_relation_sizes")
    kept = autocommit.execute(
        "SELECT (statement_timestamp() AT TIME ZONE 'UTC')::date - day, extract(DAY FROM day) FROM relation_sizes"
    ).fetchall()
    assert {ago for ago, _ in kept if ago <= 90} == set(range(91))
    assert {day for ago, day in kept if ago > 90} == {1}
    assert len(kept) in range(91 + 9, 91 + 12)


def test_sequences_near_their_end(autocommit: Connection) -> None:
    autocommit.execute("CREATE TABLE small (id smallint GENERATED ALWAYS AS IDENTITY, narrow integer, plain bigserial)")
    # A sequence may count further than its column can.
    autocommit.execute("CREATE SEQUENCE wide AS bigint OWNED BY small.narrow")
    autocommit.execute("CREATE SEQUENCE down AS integer INCREMENT -1 MINVALUE -100 MAXVALUE 100 START 100")
    autocommit.execute("CREATE SEQUENCE circle MINVALUE 1 MAXVALUE 10 CYCLE")
    autocommit.execute("CREATE SEQUENCE unused MAXVALUE 10")
    values = {"small_id_seq": 30_000, "wide": 2_000_000_000, "down": -90, "circle": 10, "small_plain_seq": 10**6}
    for name, value in values.items():
        autocommit.execute("SELECT setval(%s::regclass, %s)", [name, value])
    rows = ask(autocommit, "list_sequences_near_end")
    assert [(row.sequence_name, row.last_value, row.end_value) for row in rows] == [
        ("down", -90, -100),
        ("wide", 2_000_000_000, 2_147_483_647),
        ("small_id_seq", 30_000, 32_767),
    ]
    assert [float(row.used_percent) for row in rows] == [95, 93.13, 91.56]
    assert (rows[1].table_name, rows[1].column_name) == ("small", "narrow")
    everything = {row.sequence_name for row in ask(autocommit, "list_sequences_near_end", min_percent=0)}
    assert everything == {"down", "wide", "small_id_seq", "small_plain_seq"}
    assert [row.sequence_name for row in ask(autocommit, "list_sequences_near_end", min_percent=93.13)] == [
        "down",
        "wide",
    ]
