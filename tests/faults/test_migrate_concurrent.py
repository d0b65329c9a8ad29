"""Many runners at once, runners killed in the middle, and the next one that has to end right."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from guestsql.errors import MigrationError
from guestsql.migrate import PACKAGED, Runner, Series
from guestsql.settings import Settings
from tests.migrating import (
    RunnerProcess,
    apply_until,
    make_old_ledger,
    make_runner,
    session,
    value,
    waiting,
    write_files,
)
from tests.server import eventually

pytestmark = pytest.mark.direct("migrations need a session")

INDEX = "-- no-transaction\nCREATE INDEX CONCURRENTLY IF NOT EXISTS guests_name ON guests (name);\n"
FILES = {
    "0001_guests.sql": "CREATE TABLE guests (name text);\nINSERT INTO guests VALUES ('Ana');\n",
    "0002_more.sql": "INSERT INTO guests VALUES ('Luz');\n",
    "0003_index.sql": INDEX,
    "0004_last.sql": "INSERT INTO guests VALUES ('Sol');\n",
}
VERSIONS = [1, 2, 3, 4]
ASKS_FOR_ITS_TURN = """
    SELECT count(*)
    FROM pg_stat_activity
    WHERE query LIKE '%pg_try_advisory_lock%' AND application_name = 'guestsql' AND datname = current_database()
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_files(tmp_path / "migrations", FILES)


def assert_right(url: str, folder: Path) -> None:
    """Everything is applied exactly once, and every index is valid."""
    assert value(url, "SELECT array_agg(version ORDER BY version) FROM guestsql_migrations") == VERSIONS
    assert value(url, "SELECT count(*) FROM guests") == 3
    assert make_runner(url, folder).verify() == []
    assert value(url, "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'") == 0


def nobody_left(url: str) -> bool:
    """True when the killed runner's server process has ended: it notices within a second, even in a lock wait."""
    query = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'guestsql' AND datname = current_database()"
    return value(url, query) == 0


def test_eight_runners_apply_each_file_once(empty_database_url: str, folder: Path) -> None:
    runners = [RunnerProcess(empty_database_url, folder) for _ in range(8)]
    applied = [runner.applied() for runner in runners]
    assert sorted(version for versions in applied for version in versions) == VERSIONS
    assert_right(empty_database_url, folder)


def test_a_runner_that_waits_for_its_turn_does_not_hold_up_a_concurrent_index(
    empty_database_url: str, folder: Path
) -> None:
    apply_until(empty_database_url, folder, 2)
    with session(empty_database_url, autocommit=False) as writer, session(empty_database_url) as watcher:
        writer.execute("INSERT INTO guests VALUES ('Sol')")
        with RunnerProcess(empty_database_url, folder) as first:
            eventually(lambda: waiting(watcher, "CREATE INDEX"))
            with RunnerProcess(empty_database_url, folder) as second:
                eventually(lambda: value(empty_database_url, ASKS_FOR_ITS_TURN))
                writer.rollback()
                assert sorted(first.applied() + second.applied()) == [3, 4]
    assert_right(empty_database_url, folder)


def test_kill_in_the_middle_of_a_transactional_file(empty_database_url: str, folder: Path) -> None:
    apply_until(empty_database_url, folder, 1)
    write_files(folder, {"0002_more.sql": "CREATE TABLE half (a int);\n" + FILES["0002_more.sql"]})
    with session(empty_database_url, autocommit=False) as blocker, session(empty_database_url) as watcher:
        blocker.execute("LOCK TABLE guests")
        with RunnerProcess(empty_database_url, folder) as runner:
            eventually(lambda: waiting(watcher, "CREATE TABLE half"))
            runner.kill()
        eventually(lambda: nobody_left(empty_database_url))
        assert value(empty_database_url, "SELECT to_regclass('half')") is None
    assert [found.version for found in make_runner(empty_database_url, folder).up()] == [2, 3, 4]
    assert_right(empty_database_url, folder)


def test_kill_while_an_index_is_built_concurrently(empty_database_url: str, folder: Path) -> None:
    apply_until(empty_database_url, folder, 2)
    with session(empty_database_url, autocommit=False) as writer, session(empty_database_url) as watcher:
        writer.execute("INSERT INTO guests VALUES ('nobody')")
        with RunnerProcess(empty_database_url, folder) as runner:
            eventually(lambda: waiting(watcher, "CREATE INDEX"))
            runner.kill()
        eventually(lambda: nobody_left(empty_database_url))
        writer.rollback()
    assert (
        value(empty_database_url, "SELECT indisvalid FROM pg_index WHERE indexrelid = 'guests_name'::regclass") is False
    )
    assert [problem.kind for problem in make_runner(empty_database_url, folder).verify()] == ["invalid_index"]
    assert [found.version for found in make_runner(empty_database_url, folder).up()] == [3, 4]
    assert_right(empty_database_url, folder)


def test_kill_between_the_statement_and_its_ledger_row(empty_database_url: str, folder: Path) -> None:
    apply_until(empty_database_url, folder, 2)
    with session(empty_database_url, autocommit=False) as blocker, session(empty_database_url) as watcher:
        # Lets the ledger be read, not written.
        blocker.execute("LOCK TABLE guestsql_migrations IN EXCLUSIVE MODE")
        with RunnerProcess(empty_database_url, folder) as runner:
            eventually(lambda: waiting(watcher, "INSERT INTO guestsql_migrations"))
            runner.kill()
        eventually(lambda: nobody_left(empty_database_url))
    assert (
        value(empty_database_url, "SELECT indisvalid FROM pg_index WHERE indexrelid = 'guests_name'::regclass") is True
    )
    assert [found.version for found in make_runner(empty_database_url, folder).up()] == [3, 4]
    assert_right(empty_database_url, folder)


def test_a_runner_that_does_not_get_its_turn_says_who_has_it(empty_database_url: str, folder: Path) -> None:
    apply_until(empty_database_url, folder, 3)
    with session(empty_database_url, name="the other one") as other:
        other.execute("SELECT pg_advisory_lock(1735746931, 1953722732)")
        with pytest.raises(MigrationError, match=rf"process {other.info.backend_pid} \(the other one") as caught:
            make_runner(empty_database_url, folder, turn=0.1).up()
        assert "wait for it" in caught.value.hint
    make_runner(empty_database_url, folder).up()
    assert_right(empty_database_url, folder)


def test_an_index_that_somebody_else_is_building_is_not_dropped(empty_database_url: str, folder: Path) -> None:
    runner = make_runner(empty_database_url, folder)
    apply_until(empty_database_url, folder, 2)
    with (
        session(empty_database_url, autocommit=False) as writer,
        session(empty_database_url) as watcher,
        session(empty_database_url, name="guestsql") as builder,
    ):
        writer.execute("INSERT INTO guests VALUES ('nobody')")
        building = threading.Thread(
            target=builder.execute, args=("CREATE INDEX CONCURRENTLY guests_name ON guests (name)",)
        )
        building.start()
        eventually(lambda: waiting(watcher, "CREATE INDEX"))
        with pytest.raises(MigrationError, match=f"process {builder.info.backend_pid} is building this index"):
            runner.up()
        writer.rollback()
        building.join()
    assert [found.version for found in runner.up()] == [3, 4]
    assert_right(empty_database_url, folder)


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """An own series beside `folder` as the packaged one."""
    files = {
        "0001_bookings.sql": "CREATE TABLE bookings (name text);\nINSERT INTO bookings SELECT name FROM guests;\n",
        "R_names.sql": "CREATE OR REPLACE VIEW names AS SELECT name FROM bookings;\n",
    }
    return write_files(tmp_path / "own", files)


BOTH = [*VERSIONS, 1, 0]
LEDGER = "SELECT array_agg(version ORDER BY series, version = 0, version) FROM guestsql_migrations"


def test_deploys_of_two_series_at_once_apply_each_file_once(empty_database_url: str, folder: Path, own: Path) -> None:
    runners = [RunnerProcess(empty_database_url, own, folder) for _ in range(4)]
    applied = [runner.applied() for runner in runners]
    assert [versions for versions in applied if versions] == [BOTH]
    assert value(empty_database_url, LEDGER) == BOTH
    assert value(empty_database_url, "SELECT count(*) FROM names") == 3


def test_kill_in_the_middle_of_the_second_series(empty_database_url: str, folder: Path, own: Path) -> None:
    with session(empty_database_url, autocommit=False) as blocker, session(empty_database_url) as watcher:
        blocker.execute("CREATE TABLE bookings (name text)")  # its name is taken until this ends
        with RunnerProcess(empty_database_url, own, folder) as runner:
            eventually(lambda: waiting(watcher, "CREATE TABLE bookings"))
            runner.kill()
        eventually(lambda: nobody_left(empty_database_url))
        blocker.rollback()
    assert value(empty_database_url, LEDGER) == VERSIONS
    assert [found.version for found in make_runner(empty_database_url, own, folder).up()] == [1, 0]
    assert value(empty_database_url, LEDGER) == BOTH


def test_kill_during_the_conversion_of_an_old_ledger(empty_database_url: str, folder: Path, own: Path) -> None:
    Runner(Settings(), empty_database_url, [Series(PACKAGED, folder)]).up()
    make_old_ledger(empty_database_url)
    with session(empty_database_url, autocommit=False) as reader, session(empty_database_url) as watcher:
        reader.execute("SELECT * FROM guestsql_migrations")
        with RunnerProcess(empty_database_url, own, folder) as runner:
            eventually(lambda: waiting(watcher, "ALTER TABLE guestsql_migrations"))
            runner.kill()
        eventually(lambda: nobody_left(empty_database_url))
        assert not value(empty_database_url, "SELECT to_jsonb(guestsql_migrations) ? 'series' FROM guestsql_migrations")
    runners = [RunnerProcess(empty_database_url, own, folder) for _ in range(2)]
    assert sorted(version for runner in runners for version in runner.applied()) == [0, 1]
    assert value(empty_database_url, LEDGER) == BOTH
