"""Copies of the old bot's files under any name are read, and JSON files that are not read are reported."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from guestsql import Settings
from guestsql.legacy import import_directory
from guestsql.legacy.cleanup import cleanup_directory
from guestsql.legacy.exporting import export_directory
from guestsql.legacy.reading.files import find_files, list_unread_files
from guestsql.legacy.verifying import verify_directory
from guestsql.legacy.verifying.files import list_files
from guestsql.legacy.verifying.files import list_unread_files as list_unread_again

PHONE = "573000000001"
OTHER = "573000000002"
COPIES = [
    "backups/threads-2025-07-01T00-00-00-000Z.json",
    "backups/2024/threads-2024-07-01T00-00-00-000Z.json",
    "backups/threads.json",
    "threads-backup-2025-07-01T00-00-00-000Z.json",
    "threads-2025-07-01T00-00-00-000Z.json",
    "threads.backup-20250703-215948.json",
    "threads.json.backup",
    "threads.json.bak",
    "threads.json~",
    "threads (1).json",
    "threads copy.json",
    "Threads_old.JSON",
    "guest_profiles.json.backup",
    "guest_profiles-2025-07-01.json",
    "data/guests.backup.json",
]
UNREAD = ["package.json", "old-threads.json", "threads2.json", "backups/state.json", "data/threadsabc.json.bak"]
NO_JSON = ["threads.js", "notes.txt", ".threads.json.1.part", "legacy-backups/threads.json", "other/threads-1.json"]


def write(folder: Path, files: dict[str, object]) -> None:
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(json.dumps(content), encoding="utf-8")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "bot"


@pytest.fixture
def bring(folder, database_url):
    return lambda: import_directory(folder, settings=Settings(), url=database_url)


@pytest.fixture
def verify(folder, database_url):
    return lambda: verify_directory(folder, settings=Settings(), url=database_url)


@pytest.fixture
def row(autocommit):
    def _row(phone: str = PHONE):
        columns = "thread_id, user_name, contact_name, labels"
        return autocommit.execute(f"SELECT {columns} FROM guest_profiles WHERE phone_number = %s", [phone]).fetchone()

    return _row


def test_the_import_and_the_verification_read_the_same_files(folder):
    write(folder, {name: [] for name in ["threads.json", *COPIES, *UNREAD, *NO_JSON]})
    names = {file.name for file in find_files(folder)}
    assert names == {"threads.json", *COPIES}
    assert {path.relative_to(folder).as_posix() for path in list_files(folder)} == names
    assert list_unread_files(folder) == list_unread_again(folder) == sorted(UNREAD)


@pytest.mark.parametrize("name", COPIES)
def test_a_guest_of_a_copy_alone_is_imported(folder, bring, verify, row, name):
    record = {"threadId": "thread_b", "name": "Luis", "lastActivity": "2025-07-03T06:00:00.000Z", "labels": ["VIP"]}
    write(folder, {"threads.json": [[PHONE, {"threadId": "thread_a"}]], name: [[OTHER, record]]})
    assert not verify().passed
    assert bring().guests == 2
    is_thread = "guest" not in name
    assert row(OTHER) == ("thread_b", None if is_thread else "Luis", "Luis" if is_thread else None, ["VIP"])
    assert verify().passed


def test_the_cleanup_deletes_copies_too(folder, bring, database_url):
    write(folder, {name: [[PHONE, {"threadId": "thread_a"}]] for name in ["threads.json", *COPIES]})
    bring()
    assert cleanup_directory(folder, settings=Settings(), url=database_url).passed
    assert [path for path in folder.rglob("*") if path.is_file() and "legacy-backups" not in path.parts] == []


def test_copies_count_in_the_order_of_the_time_in_their_names(folder, bring, row):
    times = {
        "threads.backup-20250703-215948.json": "second",
        "threads-2025-07-01T00-00-00-000Z.json": "first",
        "backups/threads-1751600000000.json": "third",
        "threads.json.backup": "none",
    }
    write(folder, {name: [[PHONE, {"userName": said}]] for name, said in times.items()})
    bring()
    assert row()[1] == "third"
    assert [file.path.name for file in find_files(folder)] == [
        "threads-1751600000000.json",
        "threads.backup-20250703-215948.json",
        "threads-2025-07-01T00-00-00-000Z.json",
        "threads.json.backup",
    ]


def test_a_json_file_that_was_not_read_is_reported_and_stops_the_cleanup(folder, bring, verify, database_url):
    write(folder, {"threads.json": [[PHONE, {"threadId": "thread_a"}]], "hotel-threads.json": [[OTHER, {}]]})
    assert bring().unread == ("hotel-threads.json",)
    report = verify()
    assert (report.passed, report.unread) == (True, ["hotel-threads.json"])
    cleaned = cleanup_directory(folder, settings=Settings(), url=database_url)
    assert not cleaned.passed
    assert (cleaned.deleted, cleaned.backup) == ([], None)
    assert (folder / "threads.json").exists()
    (folder / "hotel-threads.json").unlink()
    assert cleanup_directory(folder, settings=Settings(), url=database_url).deleted == ["threads.json"]


@pytest.mark.parametrize("name", COPIES)
def test_a_guest_of_a_copy_alone_is_exported(folder, bring, database_url, name):
    record = {"threadId": "thread_b", "name": "Luis", "lastActivity": "2025-07-03T06:00:00.000Z", "extra": 1}
    write(folder, {name: [[OTHER, record]]})
    bring()
    export_directory(folder / "out", settings=Settings(), url=database_url)
    written = "guest_profiles.json" if "guest" in name else "threads.json"
    [[key, exported]] = json.loads((folder / "out" / written).read_text())
    assert (key, exported["name"], exported["extra"]) == (OTHER, "Luis", 1)
