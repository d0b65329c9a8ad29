"""Erasures survive the restore of an older dump, and a dump has nothing of those who were erased."""

from __future__ import annotations

import json
import re
import subprocess
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from guestsql import GuestDatabase
from guestsql.embedded._binaries import find_binaries
from guestsql.errors import SettingsError
from guestsql.guests.erasure import ErasureKey
from guestsql.legacy import import_directory
from tests.databases import make_settings, waiting_sessions
from tests.server import eventually, pg_bin
from tests.through_pooler import direct

KEY = "k" * 32
ANA, BEA, LEO, EVA, IVO, NEW = (f"57300000000{number}" for number in range(1, 7))
LID = "81234567890123@lid"


@pytest.fixture
def settings(database_url, tmp_path):
    return make_settings(database_url, erasure_key=KEY, erasure_log=tmp_path / "erasures.log", keep_text_days=30)


@pytest.fixture
def db(settings):
    with GuestDatabase(settings=settings) as opened:
        yield opened


def pg(name: str, *arguments: str) -> str:
    """Run a client program of the server under test, and return what it prints."""
    program = find_binaries(pg_bin()).program(name)
    done = subprocess.run([program, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


ARCHIVED = """
    WITH moved AS (DELETE FROM guest_profiles WHERE phone_number = %s RETURNING phone_number, user_name, created_at)
    INSERT INTO historical_clients (phone_number, user_name, created_at) SELECT * FROM moved
"""
NOTE = "INSERT INTO guest_notes (phone_number, note) VALUES (%s, 'likes tea')"


def test_a_restored_dump_does_not_bring_the_erased_back(db, settings, database_url, autocommit):
    dump = settings.erasure_log.with_name("hotel.dump")
    for guest in (ANA, BEA, LEO, EVA):
        db.update_profile(guest, user_name=f"name of {guest}")
        autocommit.execute(NOTE, [guest])
    db.link_ids(LEO, lid=LID)
    # Eva's number went to Ivo.
    db.link_ids(EVA, bsuid="CO.eva")
    db.link_ids(EVA, phone=EVA, bsuid="CO.ivo")
    (ivo,) = autocommit.execute("SELECT phone_number FROM guest_ids WHERE id = 'CO.ivo'").fetchone()
    autocommit.execute(ARCHIVED, [LEO])
    pg("pg_dump", "--format=custom", f"--file={dump}", direct(database_url))

    # Afterwards guests are erased: one after a merge, an archived one, one who was unknown before, and Eva.
    db.merge_guests(ANA, BEA)
    for guest in (ANA, LID, NEW, "CO.eva"):
        db.forget_guest(guest)
    first = db.get_erasures(BEA)
    db.close()

    pg("pg_restore", "--clean", "--if-exists", f"--dbname={direct(database_url)}", str(dump))
    with GuestDatabase(settings=settings) as restored:
        restored.update_profile(NEW)  # came back after the erasure
        planned = restored.replay_erasures(dry_run=True)
        assert (restored.get_profile(BEA).user_name, restored.get_erasures(ANA)) == (f"name of {BEA}", [])
        done = restored.replay_erasures()
        found = {(each.phone_number, each.is_spared) for each in done.guests}
        assert found == {(ANA, False), (BEA, False), (LEO, False), (EVA, False), (NEW, True)}
        assert {(each.phone_number, each.is_spared) for each in planned.guests} == found
        assert (planned.restored, done.restored, done.is_complete) == (4, 4, True)
        guests = autocommit.execute("SELECT phone_number FROM guest_keys UNION SELECT phone_number FROM guest_notes")
        assert {key for (key,) in guests} == {NEW, ivo}
        assert restored.get_profile(EVA).phone_number == ivo

        # The certificate of the first erasure is there again, with its time; and that of the repetition.
        certificates = restored.get_erasures(BEA)
        assert certificates[0] == first[0]
        assert {(each.reason, each.erased_at) for each in certificates[1:]} == {("replay", first[0].erased_at)}
        # A second replay finds nothing to do. What is sent now makes a new guest.
        assert [(each.phone_number, each.is_spared) for each in restored.replay_erasures().guests] == [(NEW, True)]
        with restored.message("old", ANA, at=first[0].erased_at - timedelta(hours=1)) as message:
            assert message.state == "erased"
        with restored.message("new", ANA) as message:
            assert message.is_new


def test_a_log_with_another_key_or_a_broken_line_is_reported(db, settings, database_url):
    db.forget_guest(ANA)
    log = settings.erasure_log
    log.write_text(log.read_text() + '{"erasure": "torn')
    with GuestDatabase(settings=make_settings(database_url, erasure_key="n" * 32)) as other:
        other.update_profile(ANA)
        report = other.replay_erasures(log)
    assert (report.erasures, report.unreadable, report.is_complete) == (1, [2], False)
    assert (report.guests, report.unknown_keys) == ([], {ErasureKey(KEY).key_id: 1})
    with GuestDatabase(settings=make_settings(database_url)) as without, pytest.raises(SettingsError, match="no log"):
        without.replay_erasures()


def test_each_rule_removes_its_data_and_the_dry_run_counts_the_same(db, database_url, autocommit):
    db.close()
    settings = make_settings(database_url, erasure_key=KEY)
    old = "now() - interval '11 years'"
    for statement in (
        f"""INSERT INTO messages (sent_at, gateway, phone_number, direction, text)
            SELECT sent_at, 'w', '{ANA}', 'in', 'x' FROM unnest(ARRAY[{old}, now() - interval '1 day']) AS sent_at""",
        f"INSERT INTO operations (source, operation_id, done_at) VALUES ('w', 'm1', {old})",
        f"INSERT INTO outbox (phone_number, state, lease, sent_at) VALUES ('{ANA}', 'sent', gen_random_uuid(), {old})",
        f"INSERT INTO interaction_hours VALUES ('{ANA}', date_trunc('hour', {old}), 1)",
        f"INSERT INTO guest_notes (phone_number, note, created_at) VALUES ('{ANA}', 'x', {old})",
        f"INSERT INTO erased_guests (id_hash, erased_at) VALUES (sha256('x'), {old})",
        f"INSERT INTO historical_clients (phone_number, archived_at) VALUES ('{BEA}', {old})",
        "UPDATE retention_rules SET keep_days = 3000 WHERE kind IN ('notes', 'archived_guests')",
    ):
        autocommit.execute(statement)
    expected = {
        "message_texts": 2, "messages": 1, "message_ids": 1, "replies": 1, "interaction_hours": 1, "notes": 1,
        "erased_ids": 1, "archived_guests": 1,
    }  # fmt: skip
    with GuestDatabase(settings=settings) as hotel:
        planned = hotel.apply_retention(dry_run=True)
        assert {each.kind: each.rows for each in planned if each.rows} == expected
        done = hotel.apply_retention()
        assert {each.kind: each.rows for each in done if each.rows} == expected
        assert [each.rows for each in hotel.apply_retention()] == [0] * len(planned)
        assert [(each.reason, each.erased["historical_clients"]) for each in hotel.get_erasures(BEA)] == [
            ("retention", 1)
        ]
    assert autocommit.execute("SELECT count(*), count(text) FROM messages").fetchone() == (1, 0)


def test_a_guest_who_returns_before_the_rule_reaches_them_stays(db, database_url, autocommit):
    autocommit.execute("UPDATE retention_rules SET keep_days = 0 WHERE kind = 'archived_guests'")
    autocommit.execute(
        "INSERT INTO historical_clients (phone_number, archived_at)"
        f" VALUES ('{ANA}', '2020-01-01'), ('{BEA}', '2020-01-02'), ('{LEO}', '2020-01-03')"
    )
    with psycopg.connect(database_url) as other, ThreadPoolExecutor(1) as pool:
        other.execute("SELECT FROM historical_clients WHERE phone_number = %s FOR UPDATE", [ANA])
        applied = pool.submit(db.apply_retention)
        eventually(lambda: waiting_sessions(autocommit))
        with GuestDatabase(settings=make_settings(database_url)) as bot:
            bot.add_labels(BEA, ["back"])
        other.rollback()
        assert {each.kind: each.rows for each in applied.result()}["archived_guests"] == 2
        assert [row.phone_number for row in db.queries.list_guests()] == [BEA]


def test_a_dump_has_nothing_of_those_who_were_erased(db, database_url, tmp_path):
    phone, duplicate, moved, silent = "573987654321", "573987654322", "573987654323", "573987654324"
    words = ("Zuleima", "Querubina", "xylophone", "thread_zq", "wamid.zq", "CO.zq")
    lid = "98765432198765@lid"

    # Everything that the package stores about a guest.
    folder = tmp_path / "bot"
    folder.mkdir()
    record = {"threadId": "thread_zq0", "userName": "Zuleima", "lastActivity": "2025-01-02T10:00:00.000Z"}
    (folder / "threads.json").write_text(json.dumps([[phone, record]]))
    import_directory(folder, settings=make_settings(database_url), url=database_url)
    for guest in (phone, duplicate, silent):
        db.update_profile(guest, user_name="Zuleima", contact_name="Querubina", labels=["xylophone"])
        db.set_thread(guest, "thread_zq1")
        db.set_thread(guest, f"thread_zq{guest}")
        db.get_context(guest)
        db.add_note(guest, f"xylophone, +57 {guest[2:5]} {guest[5:8]} {guest[8:]}", author="Querubina")
        db.set_booking_status(guest, "interested", note="xylophone", value="120.50", currency="USD", source="bot")
        db.give_consent(
            guest, purpose="marketing", channel="whatsapp", wording="I agree.", version="1", source="web", actor=guest
        )
        with db.message(f"wamid.zq{guest}", guest, chat_id=f"{guest}@c.us", text="a xylophone") as message:
            message.tokens("thread_zq2", 3)
            message.reply({"text": "xylophone for Zuleima"})
        db.record_interaction(guest, message_id=f"wamid.zq{guest}b")
        db.set_next_action(guest, datetime.now(UTC), purpose="service", note="xylophone")
    with suppress(RuntimeError), db.message("wamid.zq9", phone, text="BAJA"):
        raise RuntimeError
    db.withdraw_consent(phone, source="staff", actor="Querubina")
    db.link_ids(phone, lid=lid, bsuid="CO.zq1")
    db.change_phone(phone, moved)
    db.flush()
    db.merge_guests(phone, duplicate)
    for reply in db.claim_replies(max_replies=1):
        db.reply_failed(reply, f"{phone} xylophone", max_attempts=1)
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(ARCHIVED, [silent])

    number = r"3[ .()-]?9[ .()-]?8[ .()-]?7[ .()-]?6[ .()-]?5[ .()-]?4[ .()-]?3[ .()-]?2[ .()-]?[1-4]"
    trace = re.compile("|".join((number, lid.removesuffix("@lid"), *map(re.escape, words))))
    before = pg("pg_dump", direct(database_url))
    assert all(re.search(each, before) for each in (number, *map(re.escape, words)))
    for guest in (lid, silent):
        assert db.forget_guest(guest)["guest_ids"] > 0
    db.close()
    dump = pg("pg_dump", direct(database_url))
    assert [line for line in dump.splitlines() if trace.search(line)] == []
    # The proof of the consent is still there.
    assert "I agree." in dump
