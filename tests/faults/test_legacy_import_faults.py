"""An import that is killed, doubled, or run beside a bot that writes; and how much memory it takes."""

from __future__ import annotations

import json
import random
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from guestsql import GuestDatabase
from guestsql.legacy import import_directory
from guestsql.settings import Settings
from tests.databases import Program, make_settings
from tests.server import eventually

GUESTS = 3000

# Two for each block of records and two for each query.
STEPS = 150
# Behind COMMIT it looks once more for guests who were erased meanwhile.
STEPS_AFTER_COMMIT = 4

# Imports and, at a step chosen by a number, kills itself: while it reads, copies, between two queries, before COMMIT.
IMPORTER = """
import os, signal, sys
import psycopg
from pathlib import Path
from guestsql.sql._sync.adapter import SyncAdapter
from guestsql.legacy import import_directory
from guestsql.legacy.importing import run
from guestsql.settings import Settings

folder, url, step = sys.argv[1], sys.argv[2], int(sys.argv[3])
run._RANGE_RECORDS = 500
steps = 0

def count():
    global steps
    steps += 1
    if steps == step:
        os.kill(os.getpid(), signal.SIGKILL)

def counted(function):
    def call(*args, **kwargs):
        count()
        result = function(*args, **kwargs)
        count()
        return result
    return call

SyncAdapter._run = counted(SyncAdapter._run)
psycopg.Copy.write = counted(psycopg.Copy.write)
report = import_directory(Path(folder), settings=Settings(), url=url)
print(steps, report.inserted, report.updated, report.unchanged)
"""

PEAK = """
import sys
from pathlib import Path
from guestsql.legacy import import_directory
from guestsql.settings import Settings
report = import_directory(Path(sys.argv[1]), settings=Settings(), url=sys.argv[2])
print(report.inserted, report.peak_memory_bytes)
"""


def phone(number: int) -> str:
    return f"57300{number:07}"


def record(number: int, name: str = "Ana") -> dict[str, object]:
    return {
        "threadId": f"thread_{number}",
        "chatId": f"{phone(number)}@s.whatsapp.net",
        "userName": name,
        "createdAt": "2025-01-01T10:00:00.000Z",
        "lastActivity": "2025-01-02T10:00:00.000Z",
        "labels": ["VIP"],
    }


def write_files(folder: Path, guests: int) -> None:
    """Write threads.json with all guests, one of them twice, and one reject; and profiles of some."""
    pairs = [[phone(number), record(number)] for number in range(guests)]
    random.Random(7).shuffle(pairs)
    pairs += [[f"+{phone(1)}", record(1)], ["120363000000000001@g.us", {}]]
    (folder / "threads.json").write_text(json.dumps(pairs), encoding="utf-8")
    profiles = [[phone(number), {"name": "Ana M.", "lastInteraction": "2025-01-03"}] for number in range(0, guests, 7)]
    (folder / "guest_profiles.json").write_text(json.dumps(profiles), encoding="utf-8")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "bot"
    made.mkdir()
    write_files(made, GUESTS)
    return made


def state(connection: psycopg.Connection) -> list[tuple[object, ...]]:
    """Every guest, and who wrote the row."""
    rows = connection.execute("SELECT g.*, xmin::text FROM guest_profiles AS g ORDER BY phone_number")
    return rows.fetchall()


def history(connection: psycopg.Connection) -> list[tuple[object, ...]]:
    """How often, and with how many rejects."""
    return connection.execute(
        "SELECT (SELECT count(*) FROM legacy_imports), (SELECT count(*) FROM legacy_rejects),"
        " (SELECT count(*) FROM legacy_staging)"
    ).fetchall()


def expected_counts(report: object) -> tuple[int, ...]:
    return tuple(getattr(report, name) for name in ("inserted", "updated", "unchanged", "rejected", "merged"))


@pytest.mark.parametrize("seed", range(5))
def test_killed_at_any_moment_nothing_or_all_and_a_second_run_completes(folder, database_url, autocommit, seed):
    step = 1 + seed * (STEPS - 1) // 4
    with Program(IMPORTER, str(folder), database_url, str(step)) as importer:
        code, errors = importer.wait()
    assert code == -9, errors

    # The server ends the dead client's transaction when it notices.
    eventually(
        lambda: autocommit.execute(
            "SELECT count(*) = 1 FROM pg_stat_activity"
            " WHERE datname = current_database() AND backend_type = 'client backend'"
        ).fetchone()[0]
    )
    assert (state(autocommit), history(autocommit)) == ([], [(0, 0, 0)])

    second = import_directory(folder, settings=Settings(), url=database_url)
    assert expected_counts(second) == (GUESTS, 0, 0, 1, 1 + len(range(0, GUESTS, 7)))
    assert history(autocommit) == [(1, 1, 0)]
    before = state(autocommit)
    third = import_directory(folder, settings=Settings(), url=database_url)
    assert expected_counts(third)[:3] == (0, 0, GUESTS)
    assert state(autocommit) == before


def test_killed_after_the_commit_all_is_there(folder, database_url, autocommit):
    with Program(IMPORTER, str(folder), database_url, str(STEPS + 1)) as importer:
        code, errors = importer.wait()
    assert code == -9, errors
    assert (len(state(autocommit)), history(autocommit)) == (GUESTS, [(1, 1, 0)])


def test_an_importer_that_is_not_killed_ends(folder, database_url):
    """The steps of the test above are all there."""
    with Program(IMPORTER, str(folder), database_url, "0") as importer:
        steps, *counts = importer.line().split()
        importer.wait()
    assert counts == [str(GUESTS), "0", "0"]
    assert int(steps) == STEPS + STEPS_AFTER_COMMIT


def test_two_imports_of_different_files_at_once(tmp_path, database_url, autocommit):
    folders = []
    for name in ("Ana", "Bruno"):
        made = tmp_path / name
        made.mkdir()
        pairs = [[phone(number), record(number, name)] for number in range(GUESTS)]
        random.Random(name).shuffle(pairs)
        (made / "threads.json").write_text(json.dumps(pairs), encoding="utf-8")
        folders.append(made)
    with ThreadPoolExecutor(2) as pool:
        reports = [*pool.map(lambda made: import_directory(made, settings=Settings(), url=database_url), folders)]
    assert sum(report.inserted for report in reports) == GUESTS
    assert sum(report.updated for report in reports) == GUESTS
    kept = autocommit.execute(
        "SELECT count(*) FROM guest_profiles AS g"
        " WHERE (SELECT array_agg(r.value ->> 'userName' ORDER BY r.value ->> 'userName')"
        " FROM jsonb_each(g.profile_data #> '{legacy,threads}') AS r) = '{Ana,Bruno}'"
    ).fetchone()
    assert kept == (GUESTS,)


def test_beside_a_bot_that_writes_what_it_wrote_later_wins(folder, database_url, autocommit):
    """The bot names every tenth guest, before, during and after the import; no name of its own is lost."""
    named = [phone(number) for number in range(0, GUESTS, 10)]
    half_way = threading.Event()

    def write() -> None:
        with GuestDatabase(settings=make_settings(database_url, deadline_seconds=60.0)) as bot:
            for number, key in enumerate(named):
                if number == len(named) // 3:
                    half_way.set()
                bot.update_profile(key, user_name="Del bot")
                bot.add_thread_tokens(key, "thread_bot", 5)

    with ThreadPoolExecutor(1) as pool:
        writing = pool.submit(write)
        half_way.wait(60)
        report = import_directory(folder, settings=Settings(), url=database_url)
        writing.result(120)
    assert report.inserted + report.updated == GUESTS
    rows = autocommit.execute(
        "SELECT user_name, thread_id, thread_tokens, contact_name, labels, profile_data ? 'legacy'"
        " FROM guest_profiles WHERE phone_number = ANY (%s)",
        [named],
    ).fetchall()
    assert {(*row[:5], row[5]) if not isinstance(row[4], list) else (*row[:4], *row[4], row[5]) for row in rows} == {
        ("Del bot", "thread_bot", 5, None, "VIP", True)
    }
    assert autocommit.execute("SELECT count(*) FROM guest_profiles WHERE user_name = 'Ana M.'").fetchone()[0] > 0


def waits(autocommit: psycopg.Connection, command: str) -> bool:
    """Whether a statement waits for somebody's transaction."""
    waiting = "SELECT count(*) = 1 FROM pg_stat_activity WHERE wait_event = 'transactionid' AND strpos(query, %s) > 0"
    return autocommit.execute(waiting, [command]).fetchone()[0]


def write_pairs(folder: Path, guests: int) -> None:
    pairs = [[phone(number), record(number)] for number in range(guests)]
    (folder / "threads.json").write_text(json.dumps(pairs), encoding="utf-8")


def test_beside_a_bot_that_writes_several_guests_in_order_neither_is_in_the_others_way(
    tmp_path, database_url, autocommit
):
    write_pairs(tmp_path, 100)
    (tmp_path / "guest_profiles.json").write_text(json.dumps([[phone(5), {"name": "Ana"}]]), encoding="utf-8")
    insert = "INSERT INTO guest_profiles (phone_number, user_name) VALUES (%s, 'Del bot')"
    with ThreadPoolExecutor(1) as pool, psycopg.connect(database_url) as bot:
        bot.execute(insert, [phone(5)])
        importing = pool.submit(import_directory, tmp_path, settings=Settings(), url=database_url)
        eventually(lambda: waits(autocommit, "insert_legacy_guests"))
        bot.execute(insert, [phone(50)])
        bot.commit()
        assert expected_counts(importing.result(60))[:3] == (98, 2, 0)
    named = autocommit.execute("SELECT count(*) FROM guest_profiles WHERE user_name = 'Del bot'").fetchone()
    assert named == (2,)


@pytest.mark.parametrize("isolation", ["read committed", "repeatable read", "serializable"])
@pytest.mark.parametrize("is_made", [False, True])
def test_an_import_waits_for_a_guest_whom_the_bot_is_making(tmp_path, database_url, autocommit, is_made, isolation):
    write_pairs(tmp_path, 100)
    name = conninfo_to_dict(database_url)["dbname"]
    autocommit.execute(
        sql.SQL("ALTER DATABASE {} SET default_transaction_isolation = {}").format(sql.Identifier(name), isolation)
    )
    with ThreadPoolExecutor(1) as pool, psycopg.connect(database_url) as bot:
        bot.execute("INSERT INTO guest_profiles (phone_number) VALUES (%s)", [phone(50)])
        importing = pool.submit(import_directory, tmp_path, settings=Settings(), url=database_url)
        eventually(lambda: waits(autocommit, "insert_legacy_guests"))
        (bot.commit if is_made else bot.rollback)()
        assert expected_counts(importing.result(60))[:3] == (100 - is_made, is_made, 0)


def test_memory_does_not_grow_with_the_file(tmp_path, database_url, autocommit):
    peaks = []
    for guests in (20_000, 60_000):
        made = tmp_path / str(guests)
        made.mkdir()
        write_files(made, guests)
        autocommit.execute("TRUNCATE guest_profiles CASCADE")
        with Program(PEAK, str(made), database_url) as importer:
            inserted, peak = map(int, importer.line().split())
            importer.wait()
        assert inserted == guests
        peaks.append(peak)
    # The second file is 13 MB larger; what is in memory at a time is not.
    assert peaks[1] - peaks[0] < 5_000_000
    assert peaks[1] < 200_000_000
