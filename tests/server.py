"""The test server: where it is made, and how a database gets the schema."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from psycopg import sql

from guestsql.embedded import PrivateServer

MIGRATIONS = Path(__file__).parent.parent / "migrations"


def pg_bin() -> Path | None:
    """The programs under test: GUESTSQL_PG_BIN, else those of the extra `embedded`."""
    value = os.environ.get("GUESTSQL_PG_BIN")
    return Path(value) if value else None


@contextmanager
def private_server(**options: object) -> Iterator[PrivateServer]:
    """A started server in a new folder, gone at the end."""
    directory = Path(tempfile.mkdtemp(prefix="guestsql-test-"))
    with PrivateServer(directory, pg_bin(), **options) as server:  # type: ignore[arg-type]
        yield server


def apply_migrations(url: str) -> None:
    """Run every file of migrations/ in order, as psql would: no runner, so that it is not what is tested."""
    with psycopg.connect(url, autocommit=True) as connection:
        for path in sorted(MIGRATIONS.glob("*.sql")):
            text = path.read_text(encoding="utf-8")
            if text.startswith("-- no-transaction"):
                connection.execute(text.encode())
            else:
                with connection.transaction():
                    connection.execute(text.encode())


def drop_database(server: PrivateServer, dbname: str) -> None:
    """Drop a database, ending the sessions that a test left in it."""
    with psycopg.connect(server.url(), autocommit=True) as connection:
        connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(dbname)))
