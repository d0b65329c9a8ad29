"""Two series in one database: numbered apart, run in order, converted from a ledger without series."""

from __future__ import annotations

import shutil
from contextlib import closing
from pathlib import Path

import pytest
from psycopg.conninfo import make_conninfo

from guestsql.errors import DatabaseError, MigrationError, SettingsError
from guestsql.migrate import OWN, PACKAGED, Runner, Series, configured_series, default_directory
from guestsql.ops.health import Probe
from guestsql.settings import Settings
from tests.cli.shell import invoke
from tests.migrating import make_old_ledger, make_runner, session, value, write_files

pytestmark = pytest.mark.direct("migrations need a session")

PACKAGED_FILES = {
    "0001_guests.sql": "CREATE TABLE guests (key text PRIMARY KEY, labels text[]);",
    "R_counts.sql": "CREATE OR REPLACE VIEW counts AS SELECT count(*) AS guests FROM guests;",
}
OWN_FILES = {
    "0001_bookings.sql": "CREATE TABLE bookings (id int PRIMARY KEY, guest text REFERENCES guests (key));",
    "20261129103000_rooms.sql": "ALTER TABLE bookings ADD COLUMN room text;",
    "R_booking_guests.sql": "CREATE OR REPLACE VIEW booking_guests AS SELECT key, labels FROM guests;",
}


@pytest.fixture
def packaged(tmp_path: Path) -> Path:
    return write_files(tmp_path / "packaged", PACKAGED_FILES)


@pytest.fixture
def own(tmp_path: Path) -> Path:
    return write_files(tmp_path / "own", OWN_FILES)


@pytest.fixture
def runner(empty_database_url: str, own: Path, packaged: Path) -> Runner:
    return make_runner(empty_database_url, own, packaged)


def labels(runner: Runner) -> list[str]:
    """What `up` applied: series and file, in order."""
    return [f"{applied.series} {applied.file.stem}" for applied in runner.up()]


def states(runner: Runner) -> dict[str, str]:
    return {status.label: status.state for status in runner.status()}


def test_the_packaged_series_runs_first_and_each_has_its_own_numbers(runner: Runner, own: Path) -> None:
    assert labels(runner) == [
        "guestsql 0001_guests",
        "guestsql R_counts",
        "own 0001_bookings",
        "own 20261129103000_rooms",
        "own R_booking_guests",
    ]
    assert labels(runner) == []
    assert set(states(runner).values()) == {"applied"}
    write_files(own, {"0002_more.sql": "SELECT 1;"})
    with pytest.raises(MigrationError, match=r"0002_more.sql is not applied, but 20261129103000 already is"):
        runner.up()


def test_a_later_packaged_migration_of_an_own_number_is_applied(
    runner: Runner, own: Path, packaged: Path, empty_database_url: str
) -> None:
    """The next release may use any number that a project uses, and an own view follows its tables."""
    view = "CREATE OR REPLACE VIEW booking_guests AS SELECT * FROM guests;"
    write_files(own, {"0002_own.sql": "CREATE TABLE own_two (id int);", "R_booking_guests.sql": view})
    runner.up()
    write_files(packaged, {"0002_packaged.sql": "ALTER TABLE guests ADD COLUMN city text;"})
    assert [each.label for each in runner.status() if each.state == "pending"] == [
        "0002_packaged",
        "R_counts",
        "own R_booking_guests",
    ]
    assert labels(runner)[0] == "guestsql 0002_packaged"
    assert runner.verify() == []
    assert value(empty_database_url, "SELECT count(city) FROM booking_guests") == 0  # as on a fresh database


@pytest.mark.parametrize("series", [PACKAGED, OWN])
def test_an_edited_file_of_either_series_stops_before_anything_runs(
    series: str, runner: Runner, own: Path, packaged: Path, empty_database_url: str
) -> None:
    runner.up()
    folder, name = {PACKAGED: (packaged, "0001_guests.sql"), OWN: (own, "0001_bookings.sql")}[series]
    write_files(folder, {name: "CREATE TABLE edited (id int);"})
    write_files(packaged, {"0002_more.sql": "CREATE TABLE more (id int);"})
    with pytest.raises(MigrationError, match="was edited after it was applied"):
        runner.up()
    assert [(problem.series, problem.kind) for problem in runner.verify()] == [(series, "changed")]
    assert value(empty_database_url, "SELECT to_regclass('more')") is None


def test_a_repeatable_file_runs_when_its_text_changes_and_after_migrations(runner: Runner, own: Path) -> None:
    runner.up()
    write_files(own, {"R_booking_guests.sql": "-- A comment.\n" + OWN_FILES["R_booking_guests.sql"]})
    assert labels(runner) == []
    changed = OWN_FILES["R_booking_guests.sql"].replace("labels FROM", "labels, 1 AS one FROM")
    write_files(own, {"R_booking_guests.sql": changed, "R_a_first.sql": "SELECT 1;"})
    assert states(runner)["own R_booking_guests"] == "pending"
    assert labels(runner) == ["own R_a_first", "own R_booking_guests"]
    write_files(own, {"20261130000000_more.sql": "CREATE TABLE more (id int);"})
    assert [each.file.stem for each in runner.plan()] == ["20261130000000_more", "R_a_first", "R_booking_guests"]
    assert labels(runner) == ["own 20261130000000_more", "own R_a_first", "own R_booking_guests"]
    (own / "R_a_first.sql").unlink()
    assert states(runner)["own R_a_first"] == "removed"
    assert runner.verify() == []


def test_a_repeatable_file_that_fails_is_run_by_the_next_run(runner: Runner, own: Path) -> None:
    runner.up()
    write_files(
        own, {"20261130000000_more.sql": "SELECT 1;", "R_booking_guests.sql": "CREATE VIEW x AS SELECT absent;"}
    )
    with pytest.raises(MigrationError, match="absent"):
        runner.up()
    write_files(own, {"R_booking_guests.sql": OWN_FILES["R_booking_guests.sql"]})
    assert labels(runner) == ["own R_booking_guests"]


def test_an_own_view_that_blocks_a_packaged_migration_is_named_and_the_way_out_works(
    runner: Runner, own: Path, packaged: Path, empty_database_url: str
) -> None:
    write_files(own, {"R_nested.sql": "CREATE OR REPLACE VIEW nested AS SELECT labels FROM booking_guests;"})
    runner.up()
    write_files(
        packaged, {"0002_labels.sql": "ALTER TABLE guests ALTER COLUMN labels TYPE jsonb USING to_jsonb(labels);"}
    )
    with pytest.raises(MigrationError) as caught:
        runner.up()
    assert caught.value.sqlstate == "0A000"
    assert "view public.nested, view public.booking_guests depend on it" in caught.value.hint
    drops = caught.value.hint.partition("then ")[2].partition(", and run")[0]
    with session(empty_database_url) as connection:
        connection.execute(drops.encode())
    assert labels(runner) == ["guestsql 0002_labels", "guestsql R_counts", "own R_booking_guests", "own R_nested"]
    # And within the own series: what the hint says, in the same file.
    write_files(own, {"20261130000000_drop.sql": "ALTER TABLE guests DROP COLUMN labels;"})
    with pytest.raises(MigrationError) as caught:
        runner.up()
    assert caught.value.sqlstate == "2BP01"
    drops = caught.value.hint.partition("write ")[2].partition(" before")[0]
    assert drops == "DROP VIEW public.nested; DROP VIEW public.booking_guests"


def test_functions_policies_and_columns_of_others_are_distinguished(
    runner: Runner, packaged: Path, empty_database_url: str
) -> None:
    runner.up()
    with session(empty_database_url) as connection:
        connection.execute(
            "CREATE FUNCTION any_labels() RETURNS bigint BEGIN ATOMIC SELECT count(labels) FROM guests; END;"
            "CREATE POLICY tagged ON guests USING (labels IS NOT NULL);"
            "CREATE VIEW keys AS SELECT key FROM guests"
        )
    write_files(packaged, {"0002_labels.sql": "DO $do$ BEGIN ALTER TABLE guests DROP COLUMN labels; END $do$;"})
    with pytest.raises(MigrationError) as caught:
        runner.up()
    drops = caught.value.hint.partition("then ")[2].partition(", and run")[0]
    assert sorted(drops.split("; ")) == [
        "DROP FUNCTION public.any_labels()",
        "DROP POLICY tagged on public.guests",
        "DROP VIEW public.booking_guests",
    ]
    with session(empty_database_url) as connection:
        connection.execute(drops.encode())
        with pytest.raises(MigrationError, match='column "labels" does not exist'):  # of the own repeatable file
            runner.up()
    assert states(runner)["0002_labels"] == "applied"


def test_an_old_ledger_is_read_as_it_is_and_converted_by_the_next_migration(
    runner: Runner, empty_database_url: str, packaged: Path
) -> None:
    Runner(Settings(), empty_database_url, [Series(PACKAGED, packaged)]).up()
    make_old_ledger(empty_database_url)
    assert states(runner)["0001_guests"] == "applied"
    assert states(runner)["own 0001_bookings"] == "pending"
    assert value(empty_database_url, "SELECT count(*) FROM guestsql_migrations") == 1
    # It had no repeatable files.
    assert labels(runner)[0] == "guestsql R_counts"
    assert value(empty_database_url, "SELECT count(*) FROM guestsql_migrations WHERE series = 'own'") == 3
    assert runner.verify() == []


def test_the_older_release_goes_on_with_a_converted_ledger(
    runner: Runner, packaged: Path, empty_database_url: str
) -> None:
    Runner(Settings(), empty_database_url, [Series(PACKAGED, packaged)]).up()
    make_old_ledger(empty_database_url)
    with closing(session(empty_database_url)) as older:
        runner.up()
        # What release 0.1.0 asks and writes.
        older.execute("SELECT version, name, checksum, body, applied_at, duration_ms FROM guestsql_migrations")
        older.execute(
            "INSERT INTO guestsql_migrations (version, name, checksum, body, duration_ms, is_baseline)"
            " VALUES (2::integer, 'later', 'x', 'x', 1, false)"
        )
    write_files(packaged, {"0002_later.sql": "SELECT 2;"})
    assert states(runner)["0002_later"] == "changed"


def test_migrations_that_an_old_release_applied_from_a_folder_become_own_ones(
    empty_database_url: str, tmp_path: Path
) -> None:
    """That release put the folder in place of the packaged one, so the folder had copies of it."""
    folder = tmp_path / "copies"
    shutil.copytree(default_directory(), folder)
    newest = max(int(path.name[:4]) for path in folder.glob("[0-9]*.sql"))
    write_files(folder, {f"{newest + 1:04d}_bookings.sql": "CREATE TABLE bookings (id int);"})
    Runner(Settings(), empty_database_url, [Series(PACKAGED, folder)]).up()
    make_old_ledger(empty_database_url)

    settings = Settings(migrations_dir=folder)
    with pytest.raises(MigrationError, match=r"copies of packaged migrations: 0001_guest_profiles\.sql, 0002"):
        Runner(settings, empty_database_url).status()
    for path in default_directory().glob("*.sql"):
        (folder / path.name).unlink()
    runner = Runner(settings, empty_database_url)
    assert runner.verify() == []
    write_files(folder, {f"{newest + 2:04d}_more.sql": "CREATE TABLE more (id int);"})
    assert labels(runner) == [f"own {newest + 2:04d}_more"]
    assert value(empty_database_url, "SELECT count(*) FROM guestsql_migrations WHERE series = 'own'") == 2
    assert runner.verify() == []


def test_a_session_that_reads_the_old_ledger_delays_the_conversion_and_does_not_block_it_for_ever(
    empty_database_url: str, own: Path, packaged: Path
) -> None:
    runner = make_runner(empty_database_url, own, packaged, lock_timeout=0.2, attempts=2)
    Runner(Settings(), empty_database_url, [Series(PACKAGED, packaged)]).up()
    make_old_ledger(empty_database_url)
    with session(empty_database_url, autocommit=False) as reader:
        reader.execute("SELECT * FROM guestsql_migrations")
        with pytest.raises(DatabaseError, match="lock timeout") as caught:
            runner.up()
        assert caught.value.sqlstate == "55P03"
    assert "own 0001_bookings" in labels(runner)


def test_a_role_without_create_learns_who_may_migrate(
    runner: Runner, empty_database_url: str, own: Path, packaged: Path
) -> None:
    runner.up()
    write_files(own, {"20261130000000_more.sql": "CREATE TABLE more (id int);"})
    with session(empty_database_url) as connection:
        connection.execute("CREATE ROLE series_reader LOGIN")
        connection.execute("GRANT SELECT ON guestsql_migrations TO series_reader")
    reader = make_runner(make_conninfo(empty_database_url, user="series_reader"), own, packaged)
    try:
        assert states(reader)["own 20261130000000_more"] == "pending"
        with pytest.raises((DatabaseError, MigrationError), match="permission denied"):
            reader.up()
        make_old_ledger(empty_database_url)
        with session(empty_database_url) as connection:
            connection.execute("GRANT SELECT ON guestsql_migrations TO series_reader")
        with pytest.raises(DatabaseError, match="must be owner of table guestsql_migrations") as caught:
            make_runner(make_conninfo(empty_database_url, user="series_reader"), own).up()
        assert "run it as postgres, the owner" in caught.value.hint
    finally:
        with session(empty_database_url) as connection:
            connection.execute("DROP OWNED BY series_reader")
            connection.execute("DROP ROLE series_reader")


def test_own_migrations_without_a_folder_for_them_are_no_empty_series(
    runner: Runner, empty_database_url: str, packaged: Path, tmp_path: Path
) -> None:
    runner.up()
    alone = Runner(Settings(), empty_database_url, [Series(PACKAGED, packaged)])
    with pytest.raises(MigrationError, match="no folder of your own migrations is configured") as caught:
        alone.up()
    assert "GUESTSQL_MIGRATIONS_DIR" in caught.value.hint
    with pytest.raises(MigrationError, match="no such folder"):
        Runner(Settings(migrations_dir=tmp_path / "none"), empty_database_url).up()
    with pytest.raises(SettingsError, match="none' is not a folder"):
        Settings.from_env({"GUESTSQL_MIGRATIONS_DIR": str(tmp_path / "none")})
    with pytest.raises(SettingsError, match="folder of the packaged migrations"):
        configured_series(Settings(migrations_dir=default_directory()))
    with pytest.raises(SettingsError, match="no folder of your own is configured"):
        configured_series(Settings(packaged=False))


def test_a_project_without_guests_runs_its_own_series_alone(empty_database_url: str, tmp_path: Path) -> None:
    own = write_files(tmp_path / "own", {"0001_rooms.sql": "CREATE TABLE rooms (id int);"})
    runner = Runner(Settings(packaged=False, migrations_dir=own), empty_database_url)
    assert labels(runner) == ["own 0001_rooms"]
    assert value(empty_database_url, "SELECT to_regclass('guest_profiles')") is None
    assert runner.verify() == []
    # Nor does a project have to have migrations at all.
    with closing(Probe(Settings(packaged=False), empty_database_url, seconds=30)) as probe:
        assert probe.check().is_ready


def test_the_shell_health_and_doctor_take_both_series_from_the_settings(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    newest = max(int(path.name[:4]) for path in default_directory().glob("[0-9]*.sql"))
    write_files(tmp_path / "own", {"0016_rooms.sql": "CREATE TABLE rooms (id int);"})
    (tmp_path / "pyproject.toml").write_text('[tool.guestsql]\nmigrations = "own"\n', encoding="utf-8")
    monkeypatch.setenv("DATABASE_URL", database_url)
    assert invoke("migrate", "baseline", str(newest)).exit_code == 0  # the fixture's schema was not made by the runner
    with closing(Probe(Settings.from_env(), database_url, seconds=30, pause=0)) as probe:
        assert probe.check().migrations == "pending"
        assert "pending: own 0016_rooms" in invoke("doctor").output
        assert invoke("migrate", "up", "--format", "csv").stdout.startswith(
            "series,version,name,seconds\nown,16,rooms,"
        )
        assert probe.check().migrations == "ok"
    assert invoke("migrate", "status", "--exit-code").exit_code == 0
    assert invoke("migrate", "baseline", "16", "--series", "own").stderr.endswith("up to 16 are already recorded\n")
