"""A statement on a connection that is already closed fails as one whose connection is lost."""

from __future__ import annotations

from typing import Any

import pytest
from psycopg import RawCursor

from guestsql.errors import DatabaseUnavailable
from guestsql.sql import bind_queries, read_packaged
from guestsql.sql._sync.adapter import SyncAdapter
from guestsql.sql._sync.connection import DeadlineConnection


@pytest.mark.parametrize("is_used", [False, True])
def test_a_closed_connection_raises_no_error_of_psycopg(database_url: str, *, is_used: bool) -> None:
    catalogue = read_packaged("internal/connections.sql")
    queries: Any = bind_queries(catalogue, SyncAdapter(catalogue))
    with DeadlineConnection.connect(database_url, autocommit=True, cursor_factory=RawCursor) as connection:
        if is_used:
            queries.get_server_pid(connection)
        connection.close()
        with pytest.raises(DatabaseUnavailable, match="the connection is closed"):
            queries.get_server_pid(connection)
