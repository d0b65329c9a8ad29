"""What fails after it was done: never done twice, and never reported as safe to repeat."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from time import monotonic
from typing import Any

import psycopg
import pytest

from guestsql.errors import DatabaseError, OutcomeUnknown, QueryTimeout, TransactionConflict
from guestsql.sql import attempts
from tests.databases import GUEST, KINDS, Either, Proxy, column

Connection = psycopg.Connection[Any]

# Each as the answer to what was committed: of the server, or of a pooler in front of it, whose server has gone.
LIES = [
    ("57P01", "FATAL"),
    ("57P02", "FATAL"),
    ("57P03", "FATAL"),
    ("57P05", "FATAL"),
    ("08P01", "FATAL"),
    ("08006", "ERROR"),
    ("53300", "FATAL"),
    ("25P04", "FATAL"),
    ("40001", "FATAL"),
    ("40003", "ERROR"),
    ("53100", "PANIC"),
    ("XX000", "PANIC"),
]


def kind_of(case: object, cases: Sequence[object]) -> str:
    """One of the two classes: the other is generated, and half the cases are enough for each."""
    return KINDS[cases.index(case) % 2]


@pytest.mark.parametrize(("sqlstate", "severity"), LIES)
async def test_what_was_committed_is_not_done_twice_nor_told_to_be_safe_to_repeat(
    sqlstate: str, severity: str, database_url: str, autocommit: Connection
) -> None:
    with Proxy(database_url) as proxy:
        async with Either(kind_of((sqlstate, severity), LIES), proxy.url) as db:
            proxy.lie(sqlstate, severity=severity)
            assert await db.add_thread_tokens(GUEST, "t1", 5) == 5
            await db.record_interaction(GUEST)
            proxy.lie(sqlstate, severity=severity)
            assert await db.flush() == 1
            assert await db.flush() == 0
            assert {query for query, _ in db.raw.figures().errors} == {"add_thread_tokens", "record_interactions"}
            for _ in range(2):
                proxy.lie(sqlstate, severity=severity)
                with pytest.raises(OutcomeUnknown, match="read before you repeat") as caught:
                    await db.queries.add_thread_tokens(phone_number=GUEST, thread_id="t1", tokens=6, operation_id="my")
                assert (caught.value.sqlstate, caught.value.retryable) == (sqlstate, False)
            assert db.raw.figures().errors["add_thread_tokens", "outcome_unknown"] == 2
        assert (column(autocommit, "total_interactions"), column(autocommit, "thread_tokens")) == (1, 11)


FUNCTIONS = """
CREATE FUNCTION refuse(sqlstate text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN RAISE 'refused' USING ERRCODE = sqlstate; END $$;
CREATE FUNCTION refuse_row() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN PERFORM refuse(TG_ARGV[0]); END $$;
CREATE TABLE charges (amount int);
CREATE PROCEDURE charge(sqlstate text) LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO charges VALUES (5);
    COMMIT;
    PERFORM refuse(sqlstate);
END $$;
"""

QUERIES = """
-- name: charge(sqlstate)!
-- Commits, and fails then.
--   sqlstate: text, how
CALL charge(:sqlstate::text);

-- name: refuse(sqlstate)$
-- Nothing: it fails.
--   sqlstate: text, how
SELECT refuse(:sqlstate::text) AS answer;
"""


@pytest.fixture
def folder(tmp_path: Path, autocommit: Connection) -> Path:
    """The query files and two that fail, and what these need."""
    autocommit.execute(FUNCTIONS)
    path = tmp_path / "queries"
    path.mkdir()
    (path / "charges.sql").write_text(QUERIES, encoding="utf-8")
    return path


BROKEN_OFF = ["40001", "40P01", "55P03", "57014", "0A000", "57P01"]


@pytest.mark.parametrize("sqlstate", BROKEN_OFF)
async def test_a_procedure_that_commits_on_its_way_is_not_done_twice(
    sqlstate: str, database_url: str, folder: Path, autocommit: Connection
) -> None:
    async with Either(kind_of(sqlstate, BROKEN_OFF), database_url, queries_dir=folder, reload_seconds=0.0) as db:
        with pytest.raises(OutcomeUnknown) as caught:
            await db.queries.charge(sqlstate=sqlstate)
        assert caught.value.sqlstate == sqlstate
    assert autocommit.execute("SELECT amount FROM charges").fetchall() == [(5,)]


async def test_a_procedure_that_fails_for_good_says_so(database_url: str, folder: Path, autocommit: Connection) -> None:
    async with Either("sync", database_url, queries_dir=folder, reload_seconds=0.0) as db:
        with pytest.raises(DatabaseError) as caught:
            await db.queries.charge(sqlstate="P0001")
        assert (type(caught.value), caught.value.retryable) == (DatabaseError, False)
    assert autocommit.execute("SELECT amount FROM charges").fetchall() == [(5,)]


def test_an_attempt_has_as_much_time_as_was_waited_for_it() -> None:
    now = monotonic()
    assert [attempts._pause_before(attempt, now) for attempt in (1, 2, 20)] == [None, None, None]
    assert attempts._pause_before(1, now + 3600) == 0.0
    pauses = [attempts._pause_before(attempt, now + 3600) or 0.0 for attempt in range(2, 20)]
    assert 0.0 < pauses[0] <= 0.02
    assert max(pauses) <= 0.5
    assert attempts._pause_before(20, now + 0.25) is None


@pytest.mark.usefixtures("early_deadline")
@pytest.mark.parametrize(("kind", "sqlstate"), [("sync", "40001"), ("async", "40P01")])
async def test_a_conflict_that_was_given_up_may_be_repeated(
    kind: str, sqlstate: str, database_url: str, folder: Path, autocommit: Connection
) -> None:
    async with Either(kind, database_url, queries_dir=folder, reload_seconds=0.0) as db:
        autocommit.execute(
            "CREATE TRIGGER refuse BEFORE INSERT OR UPDATE ON guest_profiles"
            f" FOR EACH ROW EXECUTE FUNCTION refuse_row('{sqlstate}')".encode()
        )
        for call in (
            lambda: db.update_profile(GUEST, user_name="Ana"),
            lambda: db.add_thread_tokens(GUEST, "t1", 5),
            lambda: db.queries.refuse(sqlstate=sqlstate),
        ):
            with pytest.raises(TransactionConflict) as caught:
                await call()
            assert (caught.value.sqlstate, caught.value.retryable) == (sqlstate, True)
            assert "nothing was stored" in caught.value.hint
    assert autocommit.execute("SELECT FROM guest_profiles").fetchall() == []


async def test_the_servers_own_word_is_believed(database_url: str, folder: Path) -> None:
    async with Either("async", database_url, queries_dir=folder, reload_seconds=0.0) as db:
        with pytest.raises(QueryTimeout) as caught:
            await db.queries.refuse(sqlstate="57014")
        assert caught.value.retryable
