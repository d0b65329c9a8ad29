"""Other bots' shapes of the files: a thread alone under each key, and an array of objects with a phone."""

from __future__ import annotations

import json

import pytest

from guestsql import GuestDatabase, Settings
from guestsql.legacy import import_directory
from guestsql.legacy.exporting import export_directory
from guestsql.legacy.verifying import verify_directory

PHONE = "573000000001"
OTHER = "573000000002"


@pytest.fixture
def bring(tmp_path, database_url):
    def _bring(files: dict[str, object]):
        for name, content in files.items():
            text = content if isinstance(content, str) else json.dumps(content)
            (tmp_path / name).write_text(text)
        report = import_directory(tmp_path, settings=Settings(), url=database_url)
        verified = verify_directory(tmp_path, settings=Settings(), url=database_url)
        assert (verified.differences, verified.kept) == ([], report.rejected)
        return report

    return _bring


@pytest.fixture
def guests(autocommit):
    return lambda: autocommit.execute(
        "SELECT phone_number, thread_id, user_name, contact_name FROM guest_profiles ORDER BY 1"
    ).fetchall()


@pytest.mark.parametrize("as_array", [False, True])
def test_a_thread_alone_under_each_key(bring, guests, autocommit, as_array):
    content = {f"{PHONE}@c.us": "thread_a", OTHER: {"threadId": "thread_b"}, "573000000003": "Ana", "573000000004": ""}
    report = bring({"threads.json": [*content.items()] if as_array else content})
    assert (report.records, report.rejected) == (4, 2)
    assert guests() == [(PHONE, "thread_a", None, None), (OTHER, "thread_b", None, None)]
    kept = autocommit.execute("SELECT profile_data FROM guest_profiles ORDER BY phone_number").fetchall()
    assert kept[0] == ({"legacy": {"threads": {f"{PHONE}@c.us": {"threadId": "thread_a"}}}},)


def test_a_text_in_the_profiles_is_no_thread(bring):
    assert bring({"guest_profiles.json": {PHONE: "thread_a"}}).rejected == 1


@pytest.mark.parametrize("name", ["threads.json", "guest_profiles.json"])
def test_an_array_of_objects_with_a_phone(bring, guests, name):
    content = [
        {"phone": f"+57 {PHONE[2:]}", "whatsappName": "Ana", "lastThread": "thread_a", "name": "Ana Suite 5"},
        {"phone": int(OTHER), "whatsappName": OTHER, "threadId": "thread_b", "lastThread": "thread_0"},
        {"phoneNumber": "573000000003", "userName": "Eva", "whatsappName": "E"},
        {"whatsappName": "no phone"},
        {"phone": None, "phoneNumber": "573000000004"},
        {"phone": "573000000001/2"},
    ]
    report = bring({name: content})
    contact = "Ana Suite 5" if name == "threads.json" else None
    assert [reject.pointer for reject in report.rejects] == ["/3", "/4", "/5"]
    assert guests() == [
        (PHONE, "thread_a", "Ana", contact),
        (OTHER, "thread_b", None, None),
        ("573000000003", None, "Eva", None),
    ]


def test_keys_that_are_numbers(bring, guests):
    keys = ["573000000001", "573000000002.0", "5.73e11", "-573000000003", "12345", "573000000004E0", "true", "null"]
    report = bring({"threads.json": f"[{','.join(f'[{key},{{}}]' for key in keys)}]"})
    assert [reject.pointer for reject in report.rejects] == [f"/{place}" for place in range(1, 8)]
    assert [key for key, *_ in guests()] == [PHONE]


def test_what_the_bot_changed_since_is_exported(bring, database_url, tmp_path):
    bring({"threads.json": [{"phone": PHONE, "whatsappName": "Ana", "lastThread": "thread_a"}]})
    with GuestDatabase(database_url) as db:
        db.clear_thread(PHONE)
        db.update_profile(PHONE, user_name="Eva")
    export_directory(tmp_path / "out", settings=Settings(), url=database_url)
    [[_, record]] = json.loads((tmp_path / "out" / "threads.json").read_text())
    assert (record["threadId"], record["userName"], record["phone"]) == (None, "Eva", PHONE)
    assert not {"lastThread", "whatsappName"} & record.keys()
