"""An answer that is not the query's own is never returned: a pooler may have run another client's statement."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import psycopg
import pytest

from guestsql.errors import OutcomeUnknown
from tests.databases import GUEST, KINDS, Either

Connection = psycopg.Connection[Any]

FOREIGN = {
    "other columns": "SELECT $1 AS somebody",
    "a deletion with the same columns": "DELETE FROM guest_profiles WHERE phone_number = $1 RETURNING {columns}",
    "a deletion without rows": "DELETE FROM guest_profiles WHERE phone_number = $1",
}


@pytest.fixture
def connections(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The pooled connections that are opened from now on."""
    made: list[Any] = []
    for kind in (psycopg.Connection, psycopg.AsyncConnection):
        monkeypatch.setattr(kind, "__init__", _noting(kind.__init__, made))
    return made


def _noting(init: Any, made: list[Any]) -> Any:
    def noted(self: Any, *given: Any, **known: Any) -> None:
        init(self, *given, **known)
        made.append(self)

    return noted


async def run(connection: Any, statement: str) -> Any:
    """Run a statement past psycopg's own bookkeeping, and return its first row."""
    cursor = connection.execute(statement.encode(), prepare=False)
    cursor = await cursor if inspect.isawaitable(cursor) else cursor
    if cursor.description is None:
        return None
    row = cursor.fetchone()
    return await row if inspect.isawaitable(row) else row


async def exchange(connection: Any, query: str, statement: str) -> None:
    """Put a statement under the name of the one that the client has prepared for a query."""
    found = await run(connection, f"SELECT name FROM pg_prepared_statements WHERE statement ~ '-- q={query}$'")
    await run(connection, f"DEALLOCATE {found[0]}")
    await run(connection, f"PREPARE {found[0]} (text) AS {statement}")


@pytest.mark.direct("prepares statements under names of its own")
@pytest.mark.parametrize("foreign", FOREIGN.values(), ids=FOREIGN)
@pytest.mark.parametrize("kind", KINDS)
async def test_a_foreign_answer_is_no_answer(
    kind: str, foreign: str, database_url: str, connections: list[Any]
) -> None:
    async with Either(kind, database_url, pool_max=1) as db:
        profile = await db.update_profile(GUEST, user_name="Ana")
        for _ in range(4):
            assert await db.get_profile(GUEST) == profile
        [connection] = connections
        columns = ", ".join(column.name for column in connection.cursors["get_profile"].description)
        # No column of the table.
        columns = columns.replace("archived_at", "NULL::timestamptz AS archived_at")
        await exchange(connection, "get_profile", foreign.format(columns=columns))
        with pytest.raises(OutcomeUnknown, match="another statement") as caught:
            await db.get_profile(GUEST)
        assert (caught.value.query, "GUESTSQL_POOLER" in caught.value.hint) == ("get_profile", True)
        assert connection.closed
        assert await db.get_profile(GUEST) == (profile if foreign.startswith("SELECT") else None)


@pytest.mark.parametrize("kind", KINDS)
async def test_an_unknown_statement_is_prepared_anew(kind: str, database_url: str, connections: list[Any]) -> None:
    async with Either(kind, database_url, pool_max=1) as db:
        profile = await db.update_profile(GUEST, user_name="Ana")
        for _ in range(4):
            await db.get_profile(GUEST)
        await run(connections[0], "DEALLOCATE ALL")
        assert await db.get_profile(GUEST) == profile


@pytest.mark.parametrize("calls", [1, 5])
@pytest.mark.parametrize("kind", KINDS)
async def test_columns_of_a_changed_table_are_the_querys_own(
    kind: str, calls: int, database_url: str, autocommit: Connection, tmp_path: Path
) -> None:
    folder = tmp_path / "queries"
    folder.mkdir()
    (folder / "rooms.sql").write_text("-- name: get_room()^\n-- A room.\nSELECT * FROM rooms;\n")
    autocommit.execute("CREATE TABLE rooms (id int)")
    autocommit.execute("INSERT INTO rooms VALUES (7)")
    async with Either(kind, database_url, queries_dir=folder, pool_max=1, reload_seconds=0) as db:
        for _ in range(calls):
            assert await db.queries.get_room() == (7,)
        autocommit.execute("ALTER TABLE rooms ADD COLUMN name text DEFAULT 'Ceiba'")
        for _ in range(calls):
            assert await db.queries.get_room() == (7, "Ceiba")
        autocommit.execute("ALTER TABLE rooms DROP COLUMN id")
        for _ in range(calls):
            assert await db.queries.get_room() == ("Ceiba",)


@pytest.mark.direct("reads the names of prepared statements")
async def test_names_of_prepared_statements_are_unique(database_url: str, connections: list[Any]) -> None:
    names: set[Any] = set()
    for _ in range(3):
        async with Either("async", database_url, pool_max=1) as db:
            for _ in range(4):
                await db.get_profile(GUEST)
            names.add(await run(connections[-1], "SELECT name FROM pg_prepared_statements"))
    assert len(names) == 3
