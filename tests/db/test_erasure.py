"""Erasures with a key outside the database: what is recognised, what is logged, and when nothing is erased."""

from __future__ import annotations

import json
import logging
import stat
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest

from guestsql import GuestDatabase
from guestsql.errors import ConstraintViolation, SettingsError
from guestsql.guests.erasure import ErasureKey
from guestsql.guests.erasure_log import ErasureLog
from guestsql.legacy import import_directory
from guestsql.legacy.verifying import verify_directory
from tests.databases import make_settings

KEY, OLD_KEY = "k" * 32, "o" * 32
PHONE, OTHER, LID = "573000000001", "573000000002", "81234567890123@lid"
RECORD = {"threadId": "thread_a", "userName": "Ana", "lastActivity": "2025-01-02T10:00:00.000Z"}


@pytest.fixture
def log(tmp_path):
    return tmp_path / "erasures.log"


@pytest.fixture
def settings(database_url, log):
    return make_settings(database_url, erasure_key=KEY, erasure_log=log)


@pytest.fixture
def db(settings):
    with GuestDatabase(settings=settings) as opened:
        yield opened


@pytest.fixture
def logged(log):
    def _logged():
        return ErasureLog(log).read().by_id.values()

    return _logged


def test_the_hash_needs_the_key_and_recognises_the_guest_everywhere(db, settings, autocommit, tmp_path, database_url):
    db.link_ids(PHONE, lid=LID)
    db.forget_guest(LID)
    hashes = {bytes(found) for (found,) in autocommit.execute("SELECT id_hash FROM erased_guests")}
    assert hashes == {ErasureKey(KEY).keyed(each)[0] for each in (PHONE, LID)}

    # A message that was sent before, or counted later, does not bring the guest back.
    before = datetime.now(UTC) - timedelta(days=1)
    with db.message("m1", PHONE, at=before) as message:
        assert message.state == "erased"
    db.record_interaction(LID, at=before, message_id="m2")
    db.flush()
    with db.transaction() as tx:
        tx.record_interaction(PHONE, at=before, message_id="m3")

    # Neither does an import, also with a newer key; and the files verify.
    (tmp_path / "threads.json").write_text(json.dumps([[PHONE, RECORD], [LID, RECORD], [OTHER, RECORD]]))
    rotated = make_settings(database_url, erasure_key=f"{OLD_KEY},{KEY}")
    assert import_directory(tmp_path, settings=rotated, url=database_url).erased == 2
    assert verify_directory(tmp_path, settings=settings, url=database_url).erased == 2
    assert autocommit.execute("SELECT phone_number FROM guest_profiles").fetchall() == [(OTHER,)]


def test_what_was_erased_before_there_was_a_key_is_recognised_with_one(db, database_url):
    with GuestDatabase(settings=make_settings(database_url)) as without:
        without.forget_guest(PHONE)
    with db.message("m1", PHONE, at=datetime.now(UTC) - timedelta(days=1)) as message:
        assert message.state == "erased"


def test_an_import_erases_whom_an_earlier_one_left(settings, tmp_path, autocommit, database_url):
    (tmp_path / "threads.json").write_text(json.dumps([[PHONE, RECORD], [OTHER, RECORD]]))
    import_directory(tmp_path, settings=settings, url=database_url)
    hashed = ErasureKey(KEY).keyed(PHONE)[0]
    autocommit.execute("INSERT INTO erased_guests (id_hash, key_id) VALUES (%s, 'k')", [hashed])
    import_directory(tmp_path, settings=settings, url=database_url)
    assert autocommit.execute("SELECT phone_number FROM guest_profiles").fetchall() == [(OTHER,)]


def test_an_erasure_is_in_the_log_and_in_the_table_without_any_id(db, log, logged, autocommit, caplog):
    caplog.set_level(logging.DEBUG)
    db.update_profile(PHONE, user_name="Ana")
    db.link_ids(PHONE, lid=LID, phone=OTHER)
    erased = db.forget_guest(PHONE)
    assert stat.S_IMODE(log.stat().st_mode) == 0o600
    (entry,) = logged()
    key = ErasureKey(KEY)
    assert dict(entry.keys) == {key.keyed(PHONE)[0].hex(): None}
    assert set(entry.ids) == {key.keyed(each)[0].hex() for each in (PHONE, OTHER, LID)}
    assert dict(entry.rows) == erased
    row = autocommit.execute("SELECT erasure_id::text, erased_at, key_id, erased_rows, reason FROM erasures").fetchone()
    assert row == (entry.erasure_id, entry.at, key.key_id, erased, "request")
    shown = log.read_text() + caplog.text
    assert not [each for each in (PHONE, OTHER, LID[:14], "Ana", KEY) if each in shown]


def test_an_erasure_that_was_rolled_back_is_marked_in_the_log(db, logged, log, autocommit):
    db.update_profile(PHONE)
    with suppress(RuntimeError), db.transaction() as tx:
        tx.forget_guest(PHONE)
        raise RuntimeError
    with db.transaction() as tx, suppress(RuntimeError), tx.transaction():
        tx.forget_guest(PHONE)
        raise RuntimeError
    # A foreign key that is checked by COMMIT.
    autocommit.execute(
        "CREATE TABLE stays (guest text REFERENCES guest_profiles (phone_number) DEFERRABLE INITIALLY DEFERRED)"
    )
    autocommit.execute("INSERT INTO stays VALUES (%s)", [PHONE])
    with pytest.raises(ConstraintViolation):
        db.forget_guest(PHONE)
    assert (len(log.read_text().splitlines()), list(logged())) == (6, [])
    assert db.get_profile(PHONE) is not None
    autocommit.execute("DROP TABLE stays")
    with db.transaction() as tx:
        tx.forget_guest(PHONE)
    assert len(logged()) == 1


def test_nothing_is_erased_if_the_log_cannot_be_written(db, log, autocommit):
    db.update_profile(PHONE)
    log.mkdir()
    with pytest.raises(SettingsError, match=r"GUESTSQL_ERASURE_LOG: .* cannot be written: Is a directory"):
        db.forget_guest(PHONE)
    assert db.get_profile(PHONE) is not None
    assert autocommit.execute("SELECT count(*) FROM erasures, erased_guests").fetchone() == (0,)


def test_several_writers_and_one_that_was_killed_leave_a_readable_log(db, log, logged):
    log.write_bytes(b'{"erasure": "torn')
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(db.forget_guest, [f"57300000{number:04d}" for number in range(24)]))
    found = ErasureLog(log).read()
    assert (len(found.by_id), found.unreadable) == (24, [1])
    with log.open("ab") as file:
        file.write(b'{"erasure": "9", "undo')
    assert len(logged()) == 24
