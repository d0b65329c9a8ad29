"""The verification notices whatever is not as the files say, and names it."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

import guestsql.cli
from guestsql import GuestDatabase
from guestsql.errors import LegacyFileError
from guestsql.legacy import import_directory
from guestsql.legacy.importing import run as importing
from guestsql.legacy.verifying import verify_directory
from guestsql.settings import Settings

PHONE = "573000000001"
OTHER = "573000000002"
ANA = {
    "threadId": "thread_a",
    "chatId": f"{PHONE}@s.whatsapp.net",
    "userName": "Ana",
    "name": "Ana Lucía",
    "createdAt": "2025-01-01T10:00:00.000Z",
    "lastActivity": "2025-01-02T10:00:00.000Z",
    "labels": ["cotización", {"id": "7", "name": "Colega Jefe"}],
    "messageCount": 42,
    "odd": "a\x00b\ud83d\\u0000",
    "big": 9007199254740993,
}
BRUNO = {"threadId": "thread_b", "userName": "Bruno", "lastActivity": "2025-02-02T10:00:00.000Z", "labels": []}
PROFILE = {"id": PHONE, "name": "Ana", "lastPattern": "precio", "lastInteraction": "2025-01-01T12:00:00.000Z"}
OLDER = {"threadId": "thread_0", "userName": "Ana", "lastActivity": "2024-12-01T10:00:00.000Z"}
SAMPLE = Path(guestsql.cli.__file__).parent / "sample"
LEGACY = "'{legacy,threads,573000000001"


@pytest.fixture
def folder(tmp_path):
    path = tmp_path / "bot"
    (path / "backups").mkdir(parents=True)
    (path / "threads.json").write_text(json.dumps([[PHONE, ANA], [OTHER, BRUNO]]), encoding="utf-8")
    (path / "guest_profiles.json").write_text(json.dumps({f"+{PHONE}": PROFILE}), encoding="utf-8")
    backup = path / "backups" / "threads-2024-12-01T10-00-00-000Z.json"
    backup.write_text(json.dumps([[PHONE, OLDER]]), encoding="utf-8")
    return path


@pytest.fixture
def bring(folder, database_url):
    return lambda: import_directory(folder, settings=Settings(), url=database_url)


@pytest.fixture
def anew(bring, autocommit):
    """Import into an empty table: cheaper than a database for each change."""

    def _anew() -> None:
        autocommit.execute("TRUNCATE guest_profiles CASCADE")
        bring()

    return _anew


@pytest.fixture
def verify(folder, database_url):
    return lambda **known: verify_directory(folder, settings=Settings(**known), url=database_url)


@pytest.fixture
def spoil(autocommit):
    """Change rows without a trace: no trigger, no time."""

    def _spoil(change: str, key: str = PHONE) -> None:
        autocommit.execute("SET session_replication_role = replica")
        found = autocommit.execute(f"UPDATE guest_profiles SET {change} WHERE phone_number = %s".encode(), [key])
        assert found.rowcount == 1

    return _spoil


def test_an_import_is_whole(bring, verify):
    bring()
    report = verify()
    assert report.passed, report.differences
    assert (report.records, report.guests, report.explained) == (4, 2, 0)
    assert report.fields == len(ANA) + len(BRUNO) + len(PROFILE) + len(OLDER)
    assert report.columns == 20
    assert json.dumps(report.as_dict()).encode()
    assert [file.path for file in report.files][:2] == ["threads.json", "guest_profiles.json"]


def test_the_sample_is_whole(database_url):
    import_directory(SAMPLE, settings=Settings(), url=database_url)
    report = verify_directory(SAMPLE, settings=Settings(), url=database_url)
    assert report.passed, report.differences
    assert (report.records, report.guests) == (31, 24)


def test_nothing_is_there_before_the_import(verify):
    report = verify()
    assert report.different == 4
    assert {(each.pointer, each.reason) for each in report.differences} == {
        ("/0/1", "no such guest in the database"),
        ("/1/1", "no such guest in the database"),
        (f"/+{PHONE}", "no such guest in the database"),
    }


COLUMNS = [
    ("chat_id = 'x'", "threads.json", "/0/1/chatId", "chat_id"),
    ("chat_id = NULL", "threads.json", "/0/1/chatId", "chat_id"),
    ("thread_id = 'thread_x'", "threads.json", "/0/1/threadId", "thread_id"),
    ("thread_created_at = thread_created_at + '1us'", "threads.json", "/0/1/createdAt", "thread_created_at"),
    ("user_name = 'ana'", "threads.json", "/0/1/userName", "user_name"),
    ("contact_name = NULL", "threads.json", "/0/1/name", "contact_name"),
    ("labels = '{Colega Jefe,cotización}'", "threads.json", "/0/1/labels", "labels"),
    ("labels = '{}'", "threads.json", "/0/1/labels", "labels"),
    ("first_interaction = '2025-01-01T10:00:01Z'", "threads.json", "/0/1/createdAt", "first_interaction"),
    ("first_interaction = NULL", "threads.json", "/0/1/createdAt", "first_interaction"),
    ("last_interaction = last_interaction + '1 day'", "threads.json", "/0/1/lastActivity", "last_interaction"),
    ("last_interaction = last_interaction - '1us'::interval", "threads.json", "/0/1/lastActivity", "last_interaction"),
    ("total_interactions = 41", "threads.json", "/0/1/messageCount", "total_interactions"),
    ("total_interactions = 43", "threads.json", "/0/1/messageCount", "total_interactions"),
    ("created_at = '2025-01-01Z'", "backups", "/lastActivity", "created_at"),
    ("updated_at = '2025-01-01Z'", "", "", "updated_at"),
]


def test_a_changed_column_is_named(anew, verify, spoil):
    for change, path, pointer, column in COLUMNS:
        anew()
        spoil(change)
        report = verify()
        assert (report.different, report.explained) == (1, 0), change
        difference = report.differences[0]
        assert difference.column == column
        assert difference.path.startswith(path)
        assert difference.pointer.endswith(pointer)
        assert difference.phone_number == PHONE
        assert difference.expected != difference.found


def test_a_value_that_no_file_tells_is_named(bring, verify, spoil):
    bring()
    spoil("contact_name = 'Nobody'", OTHER)
    report = verify()
    assert [(each.column, each.expected, each.found) for each in report.differences] == [
        ("contact_name", "null", '"Nobody"')
    ]


LOSSES = [
    ("#- " + LEGACY + "}'", "/0/1", "the record is not kept"),
    ("#- " + LEGACY + ",messageCount}'", "/0/1/messageCount", "the member is not kept"),
    ("#- " + LEGACY + ",odd}'", "/0/1/odd", "the member is not kept"),
    ("|| '{\"legacy\": 1}'", "/0/1", "the record is not kept"),
]


def test_what_is_no_longer_kept_is_named(anew, verify, spoil):
    for change, pointer, reason in LOSSES:
        anew()
        spoil(f"profile_data = profile_data {change}")
        report = verify()
        assert not report.passed
        assert reason in {each.reason for each in report.differences}
        assert pointer in {each.pointer for each in report.differences}


CHARACTERS = [
    ("odd", r"a\\u0000b\\ud83d\\\\u0000"),
    ("odd", r"a\\u0000b\\ud83e\\u005cu0000"),
    ("userName", "Anna"),
    ("added", "x"),
]


def test_a_changed_character_of_what_is_kept_is_named(anew, verify, spoil):
    for member, value in CHARACTERS:
        anew()
        spoil(f"profile_data = jsonb_set(profile_data, {LEGACY},{member}}}', '\"{value}\"')")
        report = verify()
        assert (f"/0/1/{member}", f"profile_data.legacy.threads.{PHONE}.{member}") in {
            (each.pointer, each.column) for each in report.differences
        }


def test_a_changed_digit_beyond_double_precision_is_named(bring, verify, spoil):
    bring()
    spoil(f"profile_data = jsonb_set(profile_data, {LEGACY},big}}', '9007199254740992')")
    assert [(each.expected, each.found) for each in verify().differences] == [
        ('"9007199254740993"', '"9007199254740992"')
    ]


def test_a_lost_backup_is_named(bring, verify, spoil):
    bring()
    spoil("profile_data = profile_data #- '{legacy,backups}'")
    assert {each.pointer for each in verify().differences} == {"/0/1/threadId", "/0/1/lastActivity"}


def test_a_lost_guest_is_named(bring, verify, autocommit):
    bring()
    autocommit.execute("DELETE FROM guest_profiles WHERE phone_number = %s", [OTHER])
    assert [(each.path, each.pointer) for each in verify().differences] == [("threads.json", "/1/1")]


def test_two_guests_who_changed_places_are_noticed(bring, verify, autocommit):
    bring()
    autocommit.execute("UPDATE guest_profiles SET phone_number = phone_number || '9'")
    swapped = "CASE phone_number WHEN '5730000000019' THEN '573000000002' ELSE '573000000001' END"
    autocommit.execute(f"UPDATE guest_profiles SET phone_number = {swapped}".encode())
    report = verify()
    assert report.different >= 4
    assert {each.phone_number for each in report.differences} == {PHONE, OTHER}


def test_two_kept_records_that_changed_places_are_noticed(bring, verify, spoil):
    bring()
    other = "(SELECT profile_data FROM guest_profiles WHERE phone_number = '573000000002')"
    spoil(f"profile_data = jsonb_set(profile_data, {LEGACY}}}', {other} #> '{{legacy,threads,573000000002}}')")
    report = verify()
    assert {each.pointer for each in report.differences} >= {"/0/1/threadId", "/0/1/userName", "/0/1/odd"}


def test_what_the_bot_wrote_later_is_explained(bring, verify, database_url):
    bring()
    with GuestDatabase(database_url) as db:
        db.update_profile(PHONE, user_name="Ana María", labels=["VIP"])
        db.set_thread(PHONE, "thread_new")
        db.record_interaction(OTHER)
    report = verify()
    assert report.passed, report.differences
    assert {(each.phone_number, each.column) for each in report.explanations} == {
        (PHONE, "user_name"),
        (PHONE, "labels"),
        (PHONE, "thread_id"),
        (PHONE, "thread_created_at"),
        (OTHER, "first_interaction"),
        (OTHER, "last_interaction"),
        (OTHER, "total_interactions"),
    }
    assert all("written later" in each.reason for each in report.explanations)


@pytest.mark.parametrize(
    "change", ["last_interaction = '2024-12-31Z'", "total_interactions = 1", "created_at = '2026-01-01Z'"]
)
def test_what_no_write_of_the_bot_does_is_not_explained(bring, verify, spoil, change):
    bring()
    spoil(f"{change}, first_interaction = least(first_interaction, '2024-12-31Z'), updated_at = statement_timestamp()")
    assert verify().different == 1


def test_a_row_that_was_there_before_keeps_what_no_record_says(bring, verify, autocommit):
    autocommit.execute(
        "INSERT INTO guest_profiles (phone_number, contact_name, total_interactions, updated_at, created_at)"
        " VALUES (%s, 'Contacto', 9, '2025-02-01Z', '2025-02-01Z')",
        [OTHER],
    )
    bring()
    report = verify()
    assert report.passed, report.differences
    assert {each.column for each in report.explanations} == {"contact_name", "created_at", "total_interactions"}


FUTURE = ANA | {"createdAt": "2098-01-01", "lastActivity": "2099-01-01T00:00:00.000Z"}


def write_threads(folder: Path, *records: dict[str, object]) -> None:
    pairs = [[PHONE, record] for record in records]
    (folder / "threads.json").write_text(json.dumps(pairs), encoding="utf-8")


def test_a_time_in_the_future_is_the_imports(folder, bring, verify, spoil):
    write_threads(folder, FUTURE)
    bring()
    report = verify()
    assert (report.differences, report.explanations) == ([], [])
    for column, changed in (("user_name", "'X'"), ("last_interaction", "last_interaction + '1 s'")):
        spoil(f"{column} = {changed}")
        assert column in [each.column for each in verify().differences]


def test_a_time_that_lay_in_the_future_of_the_import_has_passed(bring, verify, monkeypatch, autocommit):
    packaged_queries = importing.packaged_queries

    class In2024:
        """The queries of an import that began before the times in the files."""

        def __init__(self, queries):
            self._queries = queries

        def __getattr__(self, name):
            return getattr(self._queries, name)

        def get_import_time(self, _connection):
            return datetime(2024, 12, 24, tzinfo=UTC)

    with monkeypatch.context() as patch:
        patch.setattr(importing, "packaged_queries", lambda *names: In2024(packaged_queries(*names)))
        assert [each.pointer for each in bring().adjusted] == [
            "/0/1/createdAt",
            "/0/1/lastActivity",
            "/1/1/lastActivity",
            f"/+{PHONE}/lastInteraction",
        ]
    assert autocommit.execute("SELECT max(last_interaction) FROM guest_profiles").fetchone()[0].year == 2024
    report = verify()
    assert (report.differences, report.explanations) == ([], [])
    bring()
    assert verify().differences == []


def test_what_was_written_after_a_time_in_the_future_is_explained(folder, bring, verify, database_url):
    write_threads(folder, FUTURE)
    bring()
    with GuestDatabase(database_url) as db:
        db.record_interaction(PHONE)
        db.update_profile(PHONE, user_name="Ana María")
    report = verify()
    assert report.differences == []
    assert {each.column for each in report.explanations} == {"last_interaction", "user_name", "total_interactions"}


def test_a_time_in_the_future_in_a_file_that_has_changed_since(folder, bring, verify):
    write_threads(folder, FUTURE)
    bring()
    for more in (BRUNO, FUTURE | {"userName": "Ana María"}):
        write_threads(folder, FUTURE, more)
        bring()
        assert verify().differences == []


def test_what_can_be_no_guest_is_named(bring, verify, folder):
    (folder / "threads.json").write_text(
        json.dumps([[PHONE, ANA], ["120363000000000001@g.us", {}], [OTHER, 1], [OTHER], ["573009999999", {}]])[:-1],
        encoding="utf-8",
    )
    bring()
    report = verify(own_numbers=("573009999999",))
    # The fifth was a guest for the import: it is kept in a row, which no rejected record is.
    assert [each.pointer for each in report.differences if each.path == "threads.json"] == ["/4"]
    assert [each.pointer for each in report.kept_rejects] == ["/1", "/2", "/3", "/5"]


def test_no_folder_and_no_file(tmp_path, database_url):
    for directory in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(LegacyFileError):
            verify_directory(directory, settings=Settings(), url=database_url)


def test_many_guests_in_many_buckets(folder, database_url, bring, monkeypatch):
    monkeypatch.setattr("guestsql.legacy.verifying.buckets._BUCKET_BYTES", 1 << 14)
    monkeypatch.setattr("guestsql.legacy.verifying.window._CHUNK_CHARACTERS", 1000)
    pairs = [[f"5730000{n:05}", BRUNO | {"userName": f"Bruno ñ{n}"}] for n in range(1500)]
    (folder / "threads.json").write_text(json.dumps(pairs, ensure_ascii=False), encoding="utf-8-sig")
    bring()
    told: list[tuple[int, int]] = []
    report = verify_directory(
        folder, settings=Settings(), url=database_url, progress=lambda done, total: told.append((done, total))
    )
    assert report.passed, report.differences
    assert report.guests == 1500
    size = sum(path.stat().st_size for path in folder.rglob("*.json"))
    assert told[-1] == (size, size)
