"""A phone that was given to someone else: what is done to one of its guests is done to no other."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from guestsql import GuestDatabase, Settings
from guestsql.legacy import ImportReport, import_directory
from tests.databases import GUEST, OTHER, make_settings

LID = "81234567890123@lid"
RECORD = {"threadId": "thread_a", "userName": "Ana", "lastActivity": "2025-01-02T10:00:00.000Z"}
# Two spellings of a Mexican number.
OLD, NEW = "525512345678", "5215512345678"


@pytest.fixture
def db(database_url: str, tmp_path: Path) -> Iterator[GuestDatabase]:
    with GuestDatabase(settings=make_settings(database_url, erasure_log=tmp_path / "erasures.log")) as opened:
        yield opened


@pytest.fixture
def bring(tmp_path: Path, database_url: str) -> Callable[[], ImportReport]:
    """Imports Ana from the old bot's files."""
    folder = tmp_path / "bot"
    folder.mkdir()
    (folder / "threads.json").write_text(json.dumps([[GUEST, RECORD]]), encoding="utf-8")
    return lambda: import_directory(folder, settings=Settings(), url=database_url)


def spared(db: GuestDatabase) -> list[tuple[str, bool]]:
    return [(guest.phone_number, guest.is_spared) for guest in db.replay_erasures().guests]


def test_a_replay_spares_who_got_the_number_later(db: GuestDatabase) -> None:
    db.update_profile(OTHER, user_name="Bea")
    db.update_profile(GUEST, user_name="Ana")
    db.forget_guest(GUEST)
    db.change_phone(OTHER, GUEST)
    assert spared(db) == [(OTHER, True)]
    profile = db.get_profile(GUEST)
    assert profile is not None
    assert profile.user_name == "Bea"


@pytest.mark.parametrize("keep", [GUEST, LID])
def test_a_replay_spares_who_came_back_and_was_merged_with_an_older_guest(db: GuestDatabase, keep: str) -> None:
    db.update_profile(LID, user_name="Bea")
    db.update_profile(GUEST, user_name="Ana")
    db.forget_guest(GUEST)
    db.update_profile(GUEST, user_name="Ana is back")
    db.merge_guests(keep, GUEST if keep == LID else LID)
    assert spared(db) == [(keep, True)]
    assert db.get_profile(GUEST) is not None


def test_a_replay_spares_who_took_the_number_over_in_the_restored_database(
    db: GuestDatabase, autocommit: psycopg.Connection
) -> None:
    """A dump from before the erasure, on which a bot has run already."""
    db.update_profile(GUEST, user_name="Ana")
    db.update_profile(OTHER, user_name="Bea")
    dumped: dict[str, str] = {}
    for table in ("guest_ids", "guest_profiles"):
        columns = autocommit.execute(
            "SELECT string_agg(quote_ident(attname), ', ') FROM pg_attribute"
            " WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped AND attgenerated = ''",
            [table],
        ).fetchone()
        assert columns is not None
        dumped[table] = columns[0]
        autocommit.execute(f"CREATE TABLE dumped_{table} AS SELECT {columns[0]} FROM {table}".encode())
    db.forget_guest(GUEST)
    autocommit.execute("SET session_replication_role = replica")
    for table, names in dumped.items():
        autocommit.execute(
            f"INSERT INTO {table} ({names}) SELECT {names} FROM dumped_{table} WHERE phone_number = '{GUEST}'".encode()
        )
    db.change_phone(OTHER, GUEST)
    assert sorted(spared(db)) == [(GUEST, False), (OTHER, True)]
    assert [profile.user_name for profile in (db.get_profile(OTHER), db.get_profile(GUEST)) if profile] == [
        "Bea",
        "Bea",
    ]


@pytest.mark.parametrize("comes_back", [False, True])
def test_an_import_spares_the_first_owner_after_a_later_one_is_erased(
    db: GuestDatabase, bring: Callable[[], ImportReport], *, comes_back: bool
) -> None:
    bring()
    db.link_ids(GUEST, bsuid="CO.ana")
    db.link_ids(GUEST, bsuid="CO.beto")
    if comes_back:
        db.change_phone("CO.ana", GUEST)
    else:
        db.link_ids(GUEST, bsuid="CO.carla")
    db.forget_guest("CO.beto")
    assert bring().erased == 0
    assert db.get_profile("CO.ana") is not None


def test_an_import_skips_the_first_owner_when_that_one_is_erased(
    db: GuestDatabase, bring: Callable[[], ImportReport]
) -> None:
    bring()
    db.link_ids(GUEST, bsuid="CO.ana")
    db.link_ids(GUEST, bsuid="CO.beto")
    db.forget_guest("CO.ana")
    assert bring().erased == 1
    assert db.get_profile("CO.beto") is not None


@pytest.fixture
def with_open_messages(db: GuestDatabase) -> GuestDatabase:
    """Ana has a message that failed, and one that was counted; then her phone is Beto's."""
    db.link_ids(GUEST, bsuid="CO.ana", lid=LID)
    with pytest.raises(RuntimeError, match="down"), db.message("wamid.ana", LID, text="hola"):
        raise RuntimeError("the model is down")
    db.record_interaction(LID, message_id="wamid.counted")
    db.flush()
    assert db.link_ids(GUEST, bsuid="CO.beto").phone_number == "CO.beto"
    return db


def test_an_export_has_no_message_of_the_former_owner(with_open_messages: GuestDatabase) -> None:
    assert with_open_messages.export_guest("CO.beto")["operations"] == []
    assert len(with_open_messages.export_guest("CO.ana")["operations"]) == 2


def test_an_erasure_loses_no_message_of_the_former_owner(with_open_messages: GuestDatabase) -> None:
    with_open_messages.forget_guest("CO.beto")
    with with_open_messages.message("wamid.ana", LID, text="hola") as message:
        assert message.state == "new"


def test_a_number_that_is_free_leads_to_no_former_owner(db: GuestDatabase, autocommit: psycopg.Connection) -> None:
    """Not even when a guest goes whose key is the other spelling of the number."""
    # By one statement, as from before there were ids: each guest keeps a spelling.
    autocommit.execute(
        "INSERT INTO guest_profiles (phone_number, contact_name) VALUES (%s, 'Ana'), (%s, 'Dora')", [OLD, NEW]
    )
    db.link_ids(OLD, bsuid="MX.ana")
    db.link_ids(OLD, bsuid="MX.beto")
    before = autocommit.execute("SELECT statement_timestamp()").fetchone()
    db.forget_guest("MX.beto")
    seen = autocommit.execute("SELECT first_seen_at FROM guest_ids WHERE id = %s", [OLD]).fetchone()
    assert before is not None
    assert seen is not None
    assert seen[0] > before[0]  # the next guest under this number has nothing of the one before
    db.forget_guest(NEW)
    assert "Ana" not in db.get_context(OLD)
    db.update_profile(OLD, contact_name="Eva")
    ana = db.get_profile("MX.ana")
    assert ana is not None
    assert ana.contact_name == "Ana"
