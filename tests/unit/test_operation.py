"""What is known about a statement from its words: whether it only reads."""

from __future__ import annotations

import pytest

from guestsql.sql import is_read, tokenize
from tests.checking import every_query


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("SELECT 1", True),
        ("select * from t where note = 'INSERT'", True),
        ("WITH a AS (SELECT 1) SELECT * FROM a", True),
        ("TABLE t", True),
        ("VALUES (1)", True),
        ('SELECT "update" FROM t -- DELETE', True),
        ("WITH a AS (INSERT INTO t VALUES (1) RETURNING x) SELECT x FROM a", False),
        ("with a as (delete from t returning x) select x from a", False),
        ("SELECT 1 FROM t FOR UPDATE", False),
        ("UPDATE t SET a = 1", False),
        ("MERGE INTO t USING s ON TRUE WHEN MATCHED THEN DO NOTHING", False),
        ("CALL p()", False),
        ("VACUUM", False),
        ("", False),
    ],
)
def test_reads(source: str, expected: bool) -> None:
    assert is_read(tokenize(source)) == expected


def test_what_a_hit_and_a_look_at_a_guest_need_are_reads() -> None:
    catalogue = every_query()
    names = ("lookup_context", "lookup_contexts", "get_profile", "get_thread")
    assert all(is_read(catalogue[name].tokens) for name in names)
    names = ("claim_context", "publish_context", "upsert_profile", "add_thread_tokens", "record_interactions")
    assert not any(is_read(catalogue[name].tokens) for name in names)
