"""The check against a database in use, as its role for reading: nothing is planned, run or made there."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from guestsql.check import Finding, check_files
from guestsql.settings import Settings
from guestsql.sql import default_directory
from guestsql.sql._sync.connection import DeadlineConnection, connect


@contextmanager
def _reading(url: str) -> Generator[DeadlineConnection]:
    with closing(connect(Settings(), url, session=True)) as connection:
        connection.execute("SET ROLE guestsql_monitor")
        connection.execute("SET default_transaction_read_only = on")
        yield connection
        setting = connection.execute("SHOW default_transaction_read_only").fetchone()
        assert setting is not None
        assert setting[0] == "on"


def _check(url: str, *files: Path) -> list[Finding]:
    return check_files(files, _reading(url), is_live=True).findings


@pytest.mark.direct("checks queries, which needs a session")
def test_the_packaged_queries_are_clean(database_url: str) -> None:
    """The role may read few of their tables; to describe a query takes no right."""
    assert _check(database_url, *sorted(default_directory().glob("*.sql"))) == []


@pytest.mark.direct("checks queries, which needs a session")
def test_what_only_the_server_knows_is_found(database_url: str, tmp_path: Path) -> None:
    """LOCK, which a READ ONLY transaction allows, does not run; an unused suppression is not judged."""
    file = tmp_path / "own.sql"
    file.write_text(
        "-- check: read-only\n\n"
        "-- name: get_lag()^\n-- One.\nSELECT phone_nr FROM guest_profiles LIMIT 1;\n\n"
        "-- name: list_keys()\n-- Keys.\n-- check: allow GS307, because it is small\nSELECT 1 AS one ORDER BY 1;\n\n"
        "-- name: lock_absent()!\n-- Locks.\nLOCK TABLE no_such_table;\n\n"
        "-- name: get_two(n)$\n-- Two.\n--   n: int, a number\nSELECT :n::text AS two;\n"
    )
    found = _check(database_url, file)
    assert [(each.rule, each.query) for each in found] == [
        ("GS203", "get_lag"),
        ("GS401", "lock_absent"),
        ("GS107", "get_two"),
    ]
