"""Consent through the methods: recorded once, with its proof, and withdrawn by a message."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

import psycopg
import pytest
from psycopg.rows import TupleRow

from guestsql import GuestDatabase, Settings
from guestsql.errors import InvalidValue
from guestsql.telemetry.write_buffer import new_operation_id

GUEST, OTHER, LID = "573000000001", "573000000002", "81234567890123@lid"
OLD_KEY = "a" * 32
NOON = datetime(2026, 3, 5, 12, tzinfo=UTC)
WORDING = "Acepto recibir ofertas por WhatsApp."
GIVEN: dict[str, Any] = {
    "purpose": "marketing",
    "channel": "whatsapp",
    "wording": WORDING,
    "version": "2026-1",
    "source": "web",
}

Connection = psycopg.Connection[TupleRow]


@pytest.fixture
def db(database_url: str) -> Iterator[GuestDatabase]:
    with GuestDatabase(database_url) as opened:
        yield opened


def states(db: GuestDatabase, guest: str = GUEST) -> dict[str, bool]:
    return {f"{each.purpose} {each.channel}": each.is_given for each in db.get_consents(guest)}


def actions(db: GuestDatabase, guest: str = GUEST) -> list[str]:
    return [f"{each.action} {each.purpose} {each.channel}" for each in db.get_consent_proof(guest)]


def say(db: GuestDatabase, message_id: str, text: str, guest: str = GUEST, **given: Any) -> tuple[bool, bool]:
    with db.message(message_id, guest, text=text, **given) as message:
        return message.is_new, message.is_opt_out


def test_consent_is_recorded_with_its_proof(db: GuestDatabase) -> None:
    assert db.get_consents(GUEST) == db.get_consent_proof(GUEST) == []
    after = db.give_consent("+57 300 000 0001", **GIVEN, language="es-CO", actor="Marta", at=NOON)
    assert after == db.get_consents(GUEST)
    assert [(each.is_given, each.changed_at) for each in after] == [(True, NOON)]
    db.withdraw_consent(GUEST, purpose="marketing", source="reception")
    given, withdrawn = db.get_consent_proof(GUEST)
    assert (given.wording, given.version, given.language, given.actor) == (WORDING, "2026-1", "es-CO", "Marta")
    assert given.digest == sha256(WORDING.encode()).hexdigest()
    assert (withdrawn.purpose, withdrawn.channel, withdrawn.wording, withdrawn.source) == (
        "marketing",
        "*",
        None,
        "reception",
    )
    assert states(db) == {"marketing *": False, "marketing whatsapp": False}
    assert db.queries.has_consent(phone_number=GUEST, purpose="marketing", channel="whatsapp") is False


@pytest.mark.parametrize(
    "wrong",
    [
        {"channel": "WhatsApp"},
        {"purpose": "*"},
        {"purpose": ""},
        {"wording": " "},
        {"wording": None},
        {"version": ""},
        {"source": "call 573000000009"},
        {"source": "call-573000000009"},
        {"language": "español"},
        {"actor": ""},
        {"at": datetime(2026, 3, 5)},  # noqa: DTZ001  without a zone
    ],
)
def test_value_that_cannot_be_stored_is_refused(db: GuestDatabase, wrong: dict[str, Any]) -> None:
    with pytest.raises(InvalidValue):
        db.give_consent(GUEST, **GIVEN | wrong)


def test_repeat_of_a_call_records_nothing(db: GuestDatabase) -> None:
    given: dict[str, Any] = {"operation_id": new_operation_id(), "phone_number": GUEST, "action": "withdrawn"}
    given |= {"purpose": "*", "channel": "*", "source": "web", "said_at": None, "actor": None}
    given |= {"keyed_hashes": []}
    given |= {"wording": None, "wording_version": None, "language": None}
    first = db._call_once("change_consent", **given)
    assert db._call_once("change_consent", **given) == first
    assert actions(db) == ["withdrawn * *"]


def test_archived_guest_stays_archived(db: GuestDatabase, autocommit: Connection) -> None:
    db.update_profile(GUEST, user_name="Ana")
    autocommit.execute(
        "WITH gone AS (DELETE FROM guest_profiles RETURNING phone_number, user_name)"
        " INSERT INTO historical_clients (phone_number, user_name) SELECT phone_number, user_name FROM gone"
    )
    db.give_consent(GUEST, **GIVEN)
    assert say(db, "1", "hola", OTHER) == (True, False)
    assert autocommit.execute("SELECT archived_at IS NOT NULL FROM consented_guests").fetchall() == [(True,)]
    assert autocommit.execute("SELECT phone_number FROM guest_profiles").fetchall() == [(OTHER,)]
    assert say(db, "2", "STOP") == (True, True)
    assert autocommit.execute("SELECT 1 FROM consented_guests").fetchall() == []


def test_opt_out_word_withdraws_once_before_the_block(db: GuestDatabase) -> None:
    db.give_consent(GUEST, **GIVEN)
    with suppress(ZeroDivisionError), db.message("1", GUEST, text=" ¡No más! ") as message:
        assert message.is_opt_out
        assert states(db) == {"* whatsapp": False, "marketing whatsapp": False}
        assert say(db, "1", "¡No más!") == (False, True)  # in progress
        raise ZeroDivisionError
    assert say(db, "1", "¡No más!") == (True, True)  # again, after the failure
    assert say(db, "1", "¡No más!") == (False, True)  # done
    assert actions(db) == ["given marketing whatsapp", "withdrawn * whatsapp"]
    db.give_consent(GUEST, **GIVEN)
    assert say(db, "1", "¡No más!", f"{GUEST}@s.whatsapp.net") == (False, True)
    assert states(db)["marketing whatsapp"], "a message that was delivered again does not withdraw the new consent"


def test_opt_out_counts_though_the_message_was_counted_otherwise(db: GuestDatabase) -> None:
    db.give_consent(GUEST, **GIVEN)
    db.record_interaction(GUEST, message_id="1")
    db.flush()
    assert say(db, "1", "STOP")[1]
    assert say(db, "2", "stop it, " * 20) == (True, False)
    assert not states(db)["marketing whatsapp"]


def test_opt_out_by_an_unknown_gateway_is_one_of_every_channel(db: GuestDatabase) -> None:
    db.give_consent(GUEST, **GIVEN)
    say(db, "1", "STOP", gateway="instagram")
    assert states(db) == {"* *": False, "marketing whatsapp": False}


def test_opt_out_of_an_unknown_guest_stays_with_the_guest(db: GuestDatabase) -> None:
    db.give_consent(GUEST, **GIVEN)
    with db.message("1", LID, text="baja"):
        db.link_ids(GUEST, lid=LID)
    assert states(db) == {"* whatsapp": False, "marketing whatsapp": False}


def test_opt_out_that_is_late_does_not_bring_an_erased_guest_back(db: GuestDatabase) -> None:
    db.update_profile(GUEST, user_name="Ana")
    sent = datetime.now(UTC) - timedelta(minutes=1)
    say(db, "1", "STOP", at=sent)
    db.forget_guest(GUEST)
    assert say(db, "1", "STOP", at=sent) == (False, False)
    assert say(db, "2", "STOP", at=sent) == (False, False)
    assert db.withdraw_consent(GUEST, source="gateway", at=sent) == []
    assert db.give_consent(GUEST, **GIVEN, at=sent) == []
    assert db.get_profile(GUEST) is None
    assert [(each.action, each.is_erased) for each in db.get_consent_proof(GUEST)] == [("withdrawn", True)]
    assert db.give_consent(GUEST, **GIVEN)[0].is_given, "the person agreed again"


@pytest.mark.parametrize("erasure_key", [None, OLD_KEY, f"{'b' * 32}, {OLD_KEY}"])
def test_proof_outlives_the_erasure_under_every_id(database_url: str, erasure_key: str | None) -> None:
    with GuestDatabase(database_url, settings=Settings(erasure_key=OLD_KEY if erasure_key else None)) as db:
        db.give_consent(LID, **GIVEN, actor="Marta", at=NOON)
        db.link_ids(LID, phone="5491130000001")
        db.forget_guest(LID)
    with (
        GuestDatabase(database_url, settings=Settings(erasure_key=erasure_key)) as db,
        psycopg.connect(database_url) as connection,
    ):
        for user_id in LID, "5491130000001", "541130000001":
            (event,) = db.get_consent_proof(user_id)
            assert (event.wording, event.occurred_at, event.actor, event.is_erased) == (WORDING, NOON, None, True)
        assert db.get_consents(LID) == db.get_consent_proof(OTHER) == []
        kept = repr(connection.execute("SELECT * FROM consent_events").fetchall())
        assert not any(each in kept for each in ("8123456789", "1130000001", "Marta"))


def test_merge_keeps_a_withdrawal_of_either(db: GuestDatabase) -> None:
    db.give_consent(GUEST, **GIVEN)
    db.give_consent(OTHER, **GIVEN)
    say(db, "1", "STOP", OTHER)
    db.merge_guests(GUEST, OTHER)
    assert states(db) == states(db, OTHER) == {"* whatsapp": False, "marketing whatsapp": False}
    assert say(db, "1", "STOP", GUEST) == (False, True)
    assert len(actions(db)) == 3
    exported = db.export_guest(OTHER)
    assert [each["wording"] for each in exported["consent_events"]] == [WORDING, WORDING, None]
    assert len(exported["guest_consents"]) == 2
    assert db.forget_guest(GUEST)["consent_events"] == 3


def test_of_two_at_once_the_withdrawal_counts(db: GuestDatabase, database_url: str) -> None:
    db.update_profile(GUEST, user_name="Ana")
    with psycopg.connect(database_url) as held, ThreadPoolExecutor() as threads:
        held.execute("INSERT INTO guest_marketing (phone_number) VALUES (%s)", [GUEST])
        withdrawn = threads.submit(db.withdraw_consent, GUEST, source="web")
        _wait_for_locks(database_url, 1)
        given = threads.submit(db.give_consent, GUEST, **GIVEN)
        _wait_for_locks(database_url, 2)
        held.commit()
        withdrawn.result()
        given.result()
    assert not any(states(db).values())


def _wait_for_locks(database_url: str, sessions: int) -> None:
    with psycopg.connect(database_url, autocommit=True) as watcher:
        waiting = 0
        while waiting < sessions:
            rows = watcher.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
            )
            waiting = rows.fetchall()[0][0]
