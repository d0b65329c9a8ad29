"""The migration runner on a real server: what it applies, what it reports, and what stops it."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

import pytest

from guestsql.errors import DatabaseError, DatabaseUnavailable, MigrationError, SettingsError
from guestsql.migrate import OWN, Runner, Series
from guestsql.settings import Settings
from tests.migrating import apply_until, make_runner, read_only, session, value, write_files

pytestmark = pytest.mark.direct("migrations need a session")

FILES = {
    "0001_rooms.sql": "CREATE TABLE rooms (id int PRIMARY KEY, name text);\n",
    "0002_names.sql": "INSERT INTO rooms VALUES (1, 'Guayacán');\nINSERT INTO rooms VALUES (2, 'Ceiba');\n",
    "0003_by_name.sql": "-- no-transaction\nCREATE INDEX CONCURRENTLY IF NOT EXISTS rooms_name ON rooms (name);\n",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_files(tmp_path / "migrations", FILES)


@pytest.fixture
def runner(empty_database_url: str, folder: Path) -> Runner:
    return make_runner(empty_database_url, folder)


def states(runner: Runner) -> dict[int, str]:
    return {status.version: status.state for status in runner.status()}


def stopped(call: Callable[[], object]) -> MigrationError:
    with pytest.raises(MigrationError) as caught:
        call()
    return caught.value


def test_up_applies_everything_once_and_in_order(runner: Runner, empty_database_url: str) -> None:
    applied = runner.up()
    assert [(found.version, found.name) for found in applied] == [(1, "rooms"), (2, "names"), (3, "by_name")]
    assert all(found.duration_ms > 0 for found in applied)
    assert value(empty_database_url, "SELECT count(*) FROM rooms") == 2
    assert runner.up() == []
    assert runner.verify() == []
    assert runner.plan() == []


def test_the_packaged_migrations_are_applied_and_verified(empty_database_url: str) -> None:
    runner = Runner(Settings(), empty_database_url)
    assert runner.up()
    assert runner.verify() == []
    assert {status.state for status in runner.status()} == {"applied"}


def test_status_shows_when_and_how_long(runner: Runner, folder: Path, empty_database_url: str) -> None:
    apply_until(empty_database_url, folder, 2)
    first, _, third = runner.status()
    assert (first.state, third.state) == ("applied", "pending")
    assert first.applied_at is not None
    assert first.applied_at.tzinfo is not None
    assert first.duration_ms is not None
    assert (third.applied_at, third.duration_ms) == (None, None)
    assert value(empty_database_url, "SELECT applied_by FROM guestsql_migrations LIMIT 1") == "postgres"


def test_looking_writes_nothing_where_there_is_no_ledger(empty_database_url: str, folder: Path) -> None:
    looking = make_runner(read_only(empty_database_url), folder)
    assert states(looking) == {1: "pending", 2: "pending", 3: "pending"}
    assert [found.version for found in looking.plan()] == [1, 2, 3]
    assert looking.verify() == []
    assert value(empty_database_url, "SELECT to_regclass('guestsql_migrations')") is None


def test_a_read_only_server_can_be_asked_and_needs_nothing_when_nothing_is_pending(
    runner: Runner, empty_database_url: str, folder: Path
) -> None:
    looking = make_runner(read_only(empty_database_url), folder)
    with pytest.raises(DatabaseError, match="read-only") as caught:
        looking.up()
    assert caught.value.sqlstate == "25006"
    runner.up()
    assert looking.up() == []


def test_an_edited_file_stops_with_the_difference(runner: Runner, folder: Path, empty_database_url: str) -> None:
    apply_until(empty_database_url, folder, 2)
    write_files(folder, {"0002_names.sql": FILES["0002_names.sql"].replace("Ceiba", "Ceibo")})
    error = stopped(runner.up)
    assert error.file == folder / "0002_names.sql"
    assert "\n-'Ceiba');\n+'Ceibo');" in error.message
    assert "was edited after it was applied" in error.message
    assert "new migration" in error.hint
    assert stopped(runner.plan).message == error.message
    assert states(runner) == {1: "applied", 2: "changed", 3: "pending"}
    (problem,) = runner.verify()
    assert (problem.kind, problem.version, problem.file) == ("changed", 2, error.file)
    assert problem.diff.startswith("--- 0002_names.sql as applied\n+++ 0002_names.sql now\n")


def test_a_corrected_file_is_accepted_where_its_earlier_text_is_applied(
    runner: Runner, folder: Path, empty_database_url: str
) -> None:
    apply_until(empty_database_url, folder, 2)
    applied = "SELECT checksum FROM guestsql_migrations WHERE version = 2"
    earlier = value(empty_database_url, applied)
    corrected = f"-- replaces: {earlier}\nINSERT INTO rooms VALUES (1, 'Guayacán'), (2, 'Ceiba');\n"
    write_files(folder, {"0002_names.sql": corrected})
    assert runner.verify() == []
    assert states(runner) == {1: "applied", 2: "applied", 3: "pending"}
    assert [found.version for found in runner.up()] == [3]
    assert value(empty_database_url, applied) == earlier
    for edited in (corrected.partition("\n")[2], corrected.replace(str(earlier), "0" * 64)):
        write_files(folder, {"0002_names.sql": edited})
        assert "was edited after it was applied" in stopped(runner.up).message
        assert [problem.kind for problem in runner.verify()] == ["changed"]
    assert value(empty_database_url, "SELECT count(*) FROM rooms") == 2


def test_a_corrected_file_is_applied_and_recorded_with_its_own_text(
    runner: Runner, folder: Path, empty_database_url: str
) -> None:
    write_files(folder, {"0002_names.sql": f"-- replaces: {'0' * 64}\nINSERT INTO rooms VALUES (3, 'Samán');\n"})
    runner.up()
    assert value(empty_database_url, "SELECT name FROM rooms") == "Samán"
    assert "Samán" in str(value(empty_database_url, "SELECT body FROM guestsql_migrations WHERE version = 2"))
    assert value(empty_database_url, "SELECT count(*) FROM guestsql_migrations WHERE checksum ~ '^0{64}$'") == 0
    assert runner.verify() == []


def test_another_form_of_the_same_statements_is_accepted(runner: Runner, folder: Path, empty_database_url: str) -> None:
    apply_until(empty_database_url, folder, 2)
    edited = FILES["0002_names.sql"].replace("\n", "\r\n").replace("VALUES (1,", "\r\n\tVALUES(1 , -- one\r\n")
    write_files(folder, {"0002_names.sql": "/* why */\r\n" + edited})
    assert [found.version for found in runner.up()] == [3]
    assert runner.verify() == []


def test_a_missing_file_stops(runner: Runner, folder: Path, empty_database_url: str) -> None:
    apply_until(empty_database_url, folder, 2)
    (folder / "0001_rooms.sql").unlink()
    error = stopped(runner.up)
    assert "0001_rooms.sql is applied, but there is no such file" in error.message
    assert error.hint == "restore the file"
    assert states(runner) == {1: "missing", 2: "applied", 3: "pending"}
    assert [problem.kind for problem in runner.verify()] == ["missing"]


def test_a_database_newer_than_the_files_stops_and_says_so(runner: Runner, folder: Path) -> None:
    runner.up()
    (folder / "0003_by_name.sql").unlink()
    assert "deploy the newer release" in stopped(runner.up).hint
    assert states(runner)[3] == "missing"


def test_a_hole_in_the_numbers_stops_before_anything_runs(
    runner: Runner, folder: Path, empty_database_url: str
) -> None:
    (folder / "0002_names.sql").unlink()
    assert "no file 0002_*.sql" in stopped(runner.up).message
    assert [problem.kind for problem in runner.verify()] == ["gap"]
    assert value(empty_database_url, "SELECT to_regclass('rooms')") is None


def test_a_file_below_the_newest_applied_stops_until_it_is_renumbered_or_entered(
    runner: Runner, folder: Path, empty_database_url: str
) -> None:
    runner.up()
    with session(empty_database_url) as connection:
        connection.execute("DELETE FROM guestsql_migrations WHERE version = 2")
    error = stopped(runner.up)
    assert error.file == folder / "0002_names.sql"
    assert "0002_names.sql is not applied, but 0003 already is" in error.message
    assert "above 0003" in error.hint
    assert states(runner) == {1: "applied", 2: "out_of_order", 3: "applied"}
    assert [found.version for found in runner.baseline(2)] == [2]
    assert states(runner) == {1: "applied", 2: "baseline", 3: "applied"}
    assert runner.up() == []


def test_every_disagreement_is_in_one_message(runner: Runner, folder: Path, empty_database_url: str) -> None:
    apply_until(empty_database_url, folder, 2)
    (folder / "0001_rooms.sql").unlink()
    write_files(folder, {"0002_names.sql": "SELECT 2"})
    message = stopped(runner.up).message
    assert "0001_rooms.sql is applied, but" in message
    assert "+SELECT 2;" in message


def test_a_baseline_enters_without_running(runner: Runner, empty_database_url: str) -> None:
    assert [found.version for found in runner.baseline(2)] == [1, 2]
    assert value(empty_database_url, "SELECT to_regclass('rooms')") is None
    assert states(runner) == {1: "baseline", 2: "baseline", 3: "pending"}
    assert runner.baseline(2) == []
    with session(empty_database_url) as connection:
        connection.execute("CREATE TABLE rooms (id int, name text)")
    assert [found.version for found in runner.up()] == [3]


def test_a_baseline_refuses_what_the_ledger_contradicts(runner: Runner, folder: Path, empty_database_url: str) -> None:
    apply_until(empty_database_url, folder, 1)
    write_files(folder, {"0001_rooms.sql": "CREATE TABLE rooms (id bigint)"})
    assert "was edited" in stopped(lambda: runner.baseline(2)).message
    assert "no migration 0009" in stopped(lambda: runner.baseline(9)).message
    assert value(empty_database_url, "SELECT count(*) FROM guestsql_migrations") == 1


def test_an_invalid_index_is_reported_by_verify(empty_database_url: str, runner: Runner) -> None:
    runner.up()
    with session(empty_database_url) as connection:
        connection.execute("UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'rooms_name'::regclass")
    (problem,) = runner.verify()
    assert (problem.kind, problem.version) == ("invalid_index", None)
    assert "rooms_name of rooms" in problem.message


def test_the_text_of_a_file_means_nothing_to_the_client(empty_database_url: str, tmp_path: Path) -> None:
    text = r"""
    CREATE TABLE notes (body text, CHECK (body NOT LIKE '100%'));
    -- 50% of :these $1 comments
    INSERT INTO notes VALUES ('50%s :x %(y)s $1 ? {z} 😀'), (E'a\\b\'c;');
    CREATE FUNCTION twice(int) RETURNS int LANGUAGE plpgsql AS $body$
    BEGIN
        RETURN $1 * 2;  -- ; and '
    END;
    $body$;
    CREATE FUNCTION thrice(n int) RETURNS int LANGUAGE sql BEGIN ATOMIC
        SELECT CASE WHEN n IS NULL THEN 0 END;
        SELECT n * 3 % 1000;
    END;
    SELECT (ARRAY[1, 2, 3])[2:3], '{"a": 1}'::jsonb ? 'a';
    """
    folder = write_files(tmp_path / "m", {"0001_notes.sql": text})
    assert len(make_runner(empty_database_url, folder).up()) == 1
    assert value(empty_database_url, "SELECT string_agg(body, '|') FROM notes") == "50%s :x %(y)s $1 ? {z} 😀|a\\b'c;"
    assert value(empty_database_url, "SELECT twice(2) + thrice(3)") == 13


def test_what_a_file_sets_reaches_neither_the_ledger_nor_the_next_file(empty_database_url: str, tmp_path: Path) -> None:
    with session(empty_database_url) as connection:
        connection.execute("DROP ROLE IF EXISTS guestsql_nobody")
        connection.execute("CREATE ROLE guestsql_nobody")
    sets = "CREATE SCHEMA other; SET search_path = other; SET lock_timeout = 1; SET ROLE guestsql_nobody;"
    files = {"0001_sets.sql": sets, "0002_after.sql": "CREATE TABLE public_table (a int);"}
    runner = make_runner(empty_database_url, write_files(tmp_path / "m", files))
    assert len(runner.up()) == 2
    assert value(empty_database_url, "SELECT to_regclass('public.public_table') IS NOT NULL") is True
    assert value(empty_database_url, "SELECT count(DISTINCT applied_by) FROM guestsql_migrations") == 1
    with session(empty_database_url) as connection:
        connection.execute("DROP ROLE guestsql_nobody")


def test_timeouts_of_the_role_do_not_end_a_migration(empty_database_url: str, tmp_path: Path) -> None:
    with session(empty_database_url) as connection:
        connection.execute(
            "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET statement_timeout = 1000', current_database()); END $$"
        )
    folder = write_files(tmp_path / "m", {"0001_slow.sql": "SELECT pg_sleep(1.2)"})
    assert len(make_runner(empty_database_url, folder).up()) == 1


def test_files_also_run_in_psql_order_with_another_client_encoding(
    empty_database_url: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGCLIENTENCODING", "LATIN1")
    make_runner(empty_database_url, folder).up()
    monkeypatch.delenv("PGCLIENTENCODING")
    assert value(empty_database_url, "SELECT name FROM rooms WHERE id = 1") == "Guayacán"


def test_each_migration_is_logged(runner: Runner, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "guestsql"):
        runner.up()
    events = [(record.event, record.version) for record in caplog.records if hasattr(record, "version")]
    assert events == [("MIGRATION_APPLIED", 1), ("MIGRATION_APPLIED", 2), ("MIGRATION_APPLIED", 3)]


def test_the_direct_address_is_used_and_one_is_needed(folder: Path, empty_database_url: str) -> None:
    settings = Settings(database_url="postgresql://nowhere.invalid/x", unpooled_url=empty_database_url)
    assert len(Runner(settings, series=[Series(OWN, folder)]).up()) == 3
    with pytest.raises(SettingsError, match="no database"):
        Runner(Settings(), series=[Series(OWN, folder)])


def test_no_server_is_unavailable(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(DatabaseUnavailable):
        make_runner(f"host={tmp_path} dbname=x", folder).up()
