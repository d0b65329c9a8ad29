"""A guest who was erased does not come back with the old bot's files."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from time import monotonic, sleep

import psycopg
import pytest

from guestsql import GuestDatabase, Settings
from guestsql.legacy import import_directory
from guestsql.legacy.cleanup import cleanup_directory
from guestsql.legacy.verifying import verify_directory
from tests.databases import PATIENCE_SECONDS, make_settings

PHONE = "573000000001"
OTHER = "573000000002"
LID = "81234567890123@lid"
RECORD = {"threadId": "thread_a", "userName": "Ana", "lastActivity": "2025-01-02T10:00:00.000Z"}


@pytest.fixture
def folder(tmp_path):
    made = tmp_path / "bot"
    made.mkdir()
    return made


@pytest.fixture
def bring(folder, database_url):
    def _bring(content: object = None, **known: object):
        if content is not None:
            (folder / "threads.json").write_text(json.dumps(content))
        return import_directory(folder, settings=Settings(), url=database_url, **known)

    return _bring


@pytest.fixture
def db(database_url):
    with GuestDatabase(settings=make_settings(database_url)) as opened:
        yield opened


@pytest.fixture
def guests(autocommit):
    return lambda: [key for (key,) in autocommit.execute("SELECT phone_number FROM guest_profiles ORDER BY 1")]


def test_an_import_does_not_bring_an_erased_guest_back(bring, db, guests, autocommit):
    bring([[PHONE, RECORD], [OTHER, RECORD], [f"+57 {PHONE[2:]}", {"userName": "Ana María"}]])
    db.forget_guest(PHONE)
    report = bring()
    assert guests() == [OTHER]
    assert (report.records, report.guests, report.unchanged) == (3, 1, 1)
    assert (report.rejected, report.erased) == (2, 2)
    assert {(each.pointer, each.reason) for each in report.rejects} == {
        ("/0", "the guest was erased on request"),
        ("/2", "the guest was erased on request"),
    }
    for table in ("legacy_rejects", "legacy_reject_records"):
        assert autocommit.execute(f"SELECT count(*) FROM {table}").fetchone() == (0,)


def test_the_files_verify_without_an_erased_guest(bring, db, folder, database_url):
    bring([[PHONE, RECORD], [OTHER, RECORD]])
    db.forget_guest(PHONE)
    verified = verify_directory(folder, settings=Settings(), url=database_url)
    assert (verified.passed, verified.erased, verified.records) == (True, 1, 2)
    assert cleanup_directory(folder, settings=Settings(), url=database_url).deleted == ["threads.json"]


@pytest.mark.parametrize("content", [[[PHONE, RECORD], [OTHER, RECORD]], {PHONE: RECORD, OTHER: {"odd": 1}}])
def test_into_an_empty_table_neither(bring, db, guests, content):
    db.forget_guest(PHONE)
    assert bring(content, dry_run=True).erased == 1
    assert bring(content).erased == 1
    assert guests() == [OTHER]


@pytest.mark.parametrize("key", [LID, "US.ENT.1a2B3c"])
def test_a_guest_without_a_phone_neither(bring, db, guests, key):
    bring([[key, RECORD]])
    db.forget_guest(key)
    bring()
    assert guests() == []


def test_nor_under_any_other_id(bring, db, guests):
    bring([["5215512345678", RECORD], [OTHER, RECORD]])
    db.link_ids("5215512345678", lid=LID, bsuid="MX.1a2B3c", phone=PHONE)
    db.merge_guests("5215512345678", "573000000003")
    assert db.forget_guest("MX.1a2B3c")["guest_ids"] == 6
    ids = ["5215512345678", "525512345678", PHONE, "573000000003", LID, "MX.1a2B3c"]
    assert bring([[each, RECORD] for each in ids]).erased == 6
    assert guests() == [OTHER]


@pytest.mark.parametrize("key", [PHONE, LID])
def test_what_the_files_have_under_a_recycled_number_is_its_former_guests(bring, db, guests, key):
    db.update_profile(key)
    db.link_ids(key, phone=PHONE, bsuid="CO.old")
    db.link_ids(PHONE, phone=PHONE, bsuid="CO.new")
    bring([[PHONE, RECORD]])
    assert (db.get_profile("CO.old").user_name, db.get_profile(PHONE).user_name) == ("Ana", None)
    db.forget_guest(PHONE)
    assert bring().erased == 0
    assert guests() == [key]
    db.forget_guest("CO.old")
    db.link_ids(PHONE, bsuid="CO.new")
    assert bring().erased == 1
    assert db.get_profile("CO.new").user_name is None


def test_a_guest_who_was_merged_into_an_erased_one_neither(bring, db, guests):
    bring([[PHONE, RECORD], [OTHER, RECORD], [LID, RECORD]])
    db.merge_guests(OTHER, LID)
    db.merge_guests(PHONE, OTHER)
    db.forget_guest(PHONE)
    assert bring().erased == 3
    assert guests() == []


def test_a_new_message_makes_a_new_guest_whom_the_import_leaves_alone(bring, db, autocommit):
    bring([[PHONE, RECORD]])
    db.forget_guest(PHONE)
    db.record_interaction(PHONE)
    db.flush()
    bring()
    row = "SELECT user_name, thread_id, total_interactions, profile_data FROM guest_profiles"
    assert autocommit.execute(row).fetchall() == [(None, None, 1, {})]


@pytest.mark.parametrize("content", [[[PHONE, RECORD], [OTHER, RECORD]], [[PHONE, RECORD], [OTHER, {}], [PHONE, {}]]])
def test_a_guest_erased_during_the_import_is_not_brought_back(bring, db, guests, content):
    erased = []

    def progress(*_: int) -> None:
        if not erased:
            erased.append(db.forget_guest(PHONE))

    bring(content, progress=progress)
    assert guests() == [OTHER]
    assert bring().erased == len(content) - 1


def test_only_a_salted_hash_is_kept(db, autocommit):
    db.forget_guest(PHONE)
    db.forget_guest(PHONE)
    hash_here = "SELECT encode(sha256(salt || %s), 'hex') FROM erasure_salt"
    rows = autocommit.execute("SELECT encode(id_hash, 'hex') FROM erased_guests").fetchall()
    assert rows == autocommit.execute(hash_here, [PHONE.encode()]).fetchall()
    assert autocommit.execute("SELECT octet_length(salt) FROM erasure_salt").fetchone() == (32,)


def test_a_guest_who_is_being_erased_as_the_import_ends_does_not_come_back(bring, autocommit, database_url, guests):
    """The hash is committed only after the import's own transaction, which cannot see it."""
    with psycopg.connect(database_url) as eraser, ThreadPoolExecutor(1) as pool:
        eraser.execute(
            "INSERT INTO erased_guests (id_hash) SELECT sha256(salt || %s) FROM erasure_salt", [PHONE.encode()]
        )
        importing = pool.submit(bring, [[PHONE, RECORD], [OTHER, RECORD]])
        waiting = "SELECT count(*) FROM pg_locks WHERE relation = 'erased_guests'::regclass AND NOT granted"
        deadline = monotonic() + PATIENCE_SECONDS
        while autocommit.execute(waiting).fetchone() == (0,):
            assert monotonic() < deadline
            sleep(0.02)
        assert guests() == [PHONE, OTHER]
        eraser.commit()
        importing.result(PATIENCE_SECONDS)
    assert guests() == [OTHER]


def test_a_later_import_erases_whom_an_import_that_was_killed_behind_its_commit_left(bring, guests, autocommit):
    bring([[PHONE, RECORD], [OTHER, RECORD]])
    autocommit.execute(
        "INSERT INTO erased_guests (id_hash)"
        " SELECT sha256(salt || convert_to(phone_number, 'UTF8')) FROM guest_profiles, erasure_salt"
    )
    # One wrote again, and was merged with a guest of the files.
    autocommit.execute(
        "UPDATE guest_profiles SET profile_data = profile_data || '{\"merged\": {}}' WHERE phone_number = %s", [OTHER]
    )
    bring()
    assert guests() == [OTHER]
