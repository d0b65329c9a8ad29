"""The migrations of today bring the database of every release that is kept in schemas/ to the schema of a new one."""

from __future__ import annotations

import difflib
from pathlib import Path

import psycopg
import pytest

from guestsql import GuestDatabase
from guestsql.embedded import PrivateServer
from guestsql.migrate import PACKAGED, Runner, Series
from guestsql.settings import Settings
from tests.server import MIGRATIONS
from tests.through_pooler import direct
from tests.upgrade.dumps import dumped

SCHEMAS = sorted((Path(__file__).parent / "schemas").glob("*.sql"))
LAST = max(int(file.name[:4]) for file in MIGRATIONS.glob("*.sql"))
# Only the runner makes the ledger; not every test database has the roles.
_OPTIONS = ("--schema-only", "--no-owner", "--no-privileges", "--exclude-table=guestsql_migrations*")
# The partitions of messages are those of the months from when they were made.
_OPTIONS += ("--exclude-table=messages_20*",)

_VERTICAL_TAB_FROM = 160000


@pytest.fixture(scope="module")
def schema(server: PrivateServer, template_database: str) -> list[str]:
    return dumped(server.url(template_database), *_OPTIONS)


@pytest.mark.parametrize("file", SCHEMAS, ids=lambda file: file.stem)
def test_the_database_of_a_release_is_migrated(empty_database_url: str, schema: list[str], file: Path) -> None:
    with psycopg.connect(empty_database_url, autocommit=True) as connection:
        connection.execute(file.read_bytes())
        server_version = connection.info.server_version
    settings = Settings(database_url=empty_database_url)
    applied = Runner(settings, direct(empty_database_url), series=[Series(PACKAGED, MIGRATIONS)]).up()
    assert [each.version for each in applied] == list(range(int(file.stem) + 1, LAST + 1))
    diff = list(
        difflib.unified_diff(schema, dumped(direct(empty_database_url), *_OPTIONS), "new", "migrated", "", "", 1)
    )
    # The dumps are of PostgreSQL 18. An older one reads E'\\v', in one function, as the letter v.
    assert server_version < _VERTICAL_TAB_FROM or not diff, "\n".join(diff)
    with GuestDatabase(settings=settings) as db:
        ana = db.get_profile("573000000001")
        assert ana is not None
        assert (ana.user_name, ana.labels, ana.total_interactions) == ("Ana", ["VIP"], 5)
        # 0027 has found the threads before the import.
        threads = ["thread_1", "thread_0"] if int(file.stem) < 27 else ["thread_1"]
        assert [each.thread_id for each in db.get_threads("573000000001")] == threads
        # Known by the other spelling, too, and by an id without a phone.
        assert db.get_profile("525512345678").phone_number == "5215512345678"  # type: ignore[union-attr]
        assert db.get_profile("123456789012345@lid").user_name == "Leo"  # type: ignore[union-attr]
        assert db.queries.get_profile(phone_number="573000000002").archived_at is not None  # type: ignore[union-attr]
        assert db.add_thread_tokens("573000000001", "thread_1", 5) == 105
        assert "Ana" in db.get_context("573000000001")
