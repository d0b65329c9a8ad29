"""Tools behind a pooler: each works, and leaves nothing in the server connection that the next client gets."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
import pytest

from guestsql import GuestDatabase
from guestsql.ops.health import Probe
from guestsql.settings import Settings
from tests.bouncer import Bouncer, bouncer
from tests.cli.shell import invoke
from tests.databases import GUEST, Program, column, make_settings
from tests.server import eventually

LEFT = """
    SELECT 'prepared ' || name FROM pg_prepared_statements
    UNION ALL SELECT 'cursor ' || name FROM pg_cursors
    UNION ALL SELECT 'lock ' || locktype FROM pg_locks WHERE pid = pg_backend_pid() AND locktype = 'advisory'
    UNION ALL SELECT 'table ' || relname FROM pg_class WHERE relpersistence = 't'
    UNION ALL SELECT 'setting ' || name FROM pg_settings
    WHERE source = 'session' AND name <> ALL ('{application_name,client_encoding,DateStyle,TimeZone}')
"""
COMMANDS = {
    # The template of the tests has no ledger, which doctor notices.
    ("doctor",): 1,
    ("query", "explain", "get_profile"): 0,
    ("query", "run", "get_profile", "-p", f"phone_number={GUEST}"): 0,
    ("query", "show", "get_profile"): 0,
    ("guest", "show", GUEST): 0,
    ("guest", "forget", GUEST, "--yes"): 0,
    ("monitor", "--once"): 0,
    ("serve-metrics", "--once"): 0,
}
EXIT = """
import sys
from guestsql import GuestDatabase
from guestsql.settings import Settings

db = GuestDatabase(settings=Settings(database_url=sys.argv[1], flush_seconds=3600))
db.record_interaction("573000000001")
"""


@pytest.fixture
def single(pooler: Bouncer, server: Any, direct_url: str) -> Iterator[str]:
    """The database by way of a pooler that has one server connection for all clients."""
    del pooler  # skips where there is no program
    with bouncer(server, size=1) as started:
        yield started.url(direct_url)


def left_behind(url: str) -> list[str]:
    """What earlier clients left in the server connection."""
    with psycopg.connect(url, autocommit=True, prepare_threshold=None) as connection:
        return [text for (text,) in connection.execute(LEFT)]


def test_calls_leave_nothing(single: str) -> None:
    with GuestDatabase(settings=make_settings(single, metrics_seconds=3600.0)) as db:
        for _ in range(5):
            db.update_profile(GUEST, user_name="Ana")
            db.add_thread_tokens(GUEST, "thread_1", 1)
            db.get_context(GUEST)
            db.record_interaction(GUEST)
            db.flush()
    assert left_behind(single) == []


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_a_command_leaves_nothing(command: tuple[str, ...], single: str, autocommit: psycopg.Connection[Any]) -> None:
    autocommit.execute("INSERT INTO guest_profiles (phone_number) VALUES (%s)", [GUEST])
    result = invoke(*command, DATABASE_URL=single)
    assert result.exit_code == COMMANDS[command], result.output
    assert left_behind(single) == []


def test_the_old_files_come_and_go(single: str, tmp_path: Path) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    old.mkdir()
    new.mkdir()
    threads = {f"57300{number:07}": {"threadId": f"thread_{number}", "userName": "Ana"} for number in range(50)}
    (old / "threads.json").write_text(json.dumps(threads))
    for command in (("import", old), ("verify", old), ("export", new)):
        result = invoke("legacy", command[0], str(command[1]), DATABASE_URL=single)
        assert result.exit_code == 0, result.output
        assert left_behind(single) == []
    assert dict(json.loads((new / "threads.json").read_text())).keys() == threads.keys()


def test_the_probe_leaves_nothing(single: str) -> None:
    with closing(Probe(Settings(database_url=single), seconds=30, pause=0)) as probe:
        assert {probe.check().database for _ in range(5)} == {"ok"}
        assert left_behind(single) == []


def test_what_is_buffered_at_exit_is_written(single: str, autocommit: psycopg.Connection[Any]) -> None:
    with Program(EXIT, single) as program:
        assert program.wait() == (0, "")
    assert column(autocommit, "total_interactions") == 1
    assert left_behind(single) == []


def test_an_edit_is_taken_up(single: str, tmp_path: Path) -> None:
    folder = tmp_path / "queries"
    folder.mkdir()
    with GuestDatabase(settings=make_settings(single, queries_dir=folder, reload_seconds=0.01)) as db:
        (folder / "added.sql").write_text(
            "-- name: get_added(number)$\n-- Its number.\n--   number: int\nSELECT :number::int;\n"
        )
        eventually(lambda: "get_added" in list(db.queries))
        assert db.queries.get_added(number=5) == 5
    assert left_behind(single) == []
