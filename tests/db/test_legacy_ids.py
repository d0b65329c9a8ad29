"""Records under several ids of a guest are one guest; the import registers the ids it finds, and merges no guests."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest

from guestsql import GuestDatabase
from guestsql.legacy import ImportReport, import_directory
from guestsql.legacy.verifying import verify_directory
from guestsql.settings import Settings
from tests.databases import GUEST, OTHER, make_settings

Connection = psycopg.Connection[Any]
Bring = Callable[..., ImportReport]

LID = "81234567890123@lid"
MEXICO = ("5215512345678", "525512345678")


def record(number: int, **more: object) -> dict[str, object]:
    return {"threadId": f"thread_{number}", "lastActivity": f"2025-01-0{number}T10:00:00.000Z", **more}


@pytest.fixture
def bring(tmp_path: Path, database_url: str) -> Bring:
    def _bring(threads: dict[str, object], *, passes: bool = True, **known: Any) -> ImportReport:
        (tmp_path / "threads.json").write_text(json.dumps(list(threads.items())), encoding="utf-8")
        settings = Settings(**known)
        report = import_directory(tmp_path, settings=settings, url=database_url)
        verified = verify_directory(tmp_path, settings=settings, url=database_url)
        assert verified.passed == passes, verified.differences
        again = import_directory(tmp_path, settings=settings, url=database_url)
        assert (again.inserted, again.updated, again.conflicts) == (0, 0, report.conflicts)
        return report

    return _bring


def ids(connection: Connection) -> dict[str, tuple[str, str]]:
    rows = connection.execute("SELECT id, phone_number, source FROM guest_ids ORDER BY id").fetchall()
    return {guest_id: (key, source) for guest_id, key, source in rows}


def guests(connection: Connection) -> list[tuple[str, str]]:
    return connection.execute("SELECT phone_number, thread_id FROM guest_profiles ORDER BY phone_number").fetchall()


def test_every_spelling_that_is_found(bring: Bring, autocommit: Connection) -> None:
    report = bring(
        {
            MEXICO[1]: record(1, userName=f"+{MEXICO[0]}"),
            f"{MEXICO[0]}@c.us": record(2, chatId=f"{MEXICO[1]}@s.whatsapp.net", userName="+52 55 1234 5678"),
            GUEST: record(3, chatId=LID, userName="Ana"),
            OTHER: record(4, chatId="120363000000000001@g.us"),
            "573000000003": record(5, chatId="573000000009@s.whatsapp.net"),
        },
        own_numbers=("573000000009",),
    )
    assert (report.guests, report.inserted, report.merged, report.conflicts) == (4, 4, 1, ())
    assert guests(autocommit) == [
        (MEXICO[0], "thread_2"),
        (GUEST, "thread_3"),
        (OTHER, "thread_4"),
        ("573000000003", "thread_5"),
    ]
    assert ids(autocommit) == {
        MEXICO[0]: (MEXICO[0], "guest"),
        MEXICO[1]: (MEXICO[0], "spelling"),
        GUEST: (GUEST, "guest"),
        LID: (GUEST, "import"),
        OTHER: (OTHER, "guest"),
        "573000000003": ("573000000003", "guest"),
    }
    assert autocommit.execute("SELECT count(*) FROM guest_profiles WHERE user_name IS NOT NULL").fetchone() == (1,)


def test_records_under_the_ids_of_a_known_guest(bring: Bring, autocommit: Connection, database_url: str) -> None:
    with GuestDatabase(settings=make_settings(database_url)) as db:
        db.update_profile(LID)
        db.link_ids(LID, phone=GUEST)
        db.update_profile(MEXICO[1])
    report = bring({GUEST: record(1, userName=GUEST), MEXICO[0]: record(2), OTHER: record(3)})
    assert (report.inserted, report.updated) == (1, 2)
    assert guests(autocommit) == [(MEXICO[1], "thread_2"), (OTHER, "thread_3"), (LID, "thread_1")]


def test_a_phone_that_is_another_guests_by_now(bring: Bring, autocommit: Connection, database_url: str) -> None:
    """What the old files have under it is about its first owner, whatever the first owner's key is."""
    with GuestDatabase(settings=make_settings(database_url)) as db:
        for key, phone in ((GUEST, GUEST), (LID, OTHER), (MEXICO[1], MEXICO[1])):
            db.update_profile(key)
            db.link_ids(key, phone=phone, bsuid=f"CO.former{phone}")
            for number in (1, 2):
                db.link_ids(phone, phone=phone, bsuid=f"CO.stranger{number}x{phone}")
        bring({GUEST: record(1, userName="Ana", previousThreads=["old"]), OTHER: record(2), MEXICO[0]: record(3)})
        assert [(key, thread_id) for key, thread_id in guests(autocommit) if thread_id] == [
            (MEXICO[1], "thread_3"),
            (GUEST, "thread_1"),
            (LID, "thread_2"),
        ]
        for phone in (GUEST, OTHER, *MEXICO):
            assert db.get_threads(phone) == []
            assert "Ana" not in db.get_context(phone)


def test_a_guest_who_was_merged_does_not_come_back(bring: Bring, autocommit: Connection, database_url: str) -> None:
    threads = {GUEST: record(1), OTHER: record(2)}
    assert bring(threads).inserted == 2
    with GuestDatabase(settings=make_settings(database_url)) as db:
        db.merge_guests(GUEST, OTHER)
    report = bring(threads)
    assert (report.inserted, report.updated, report.guests) == (0, 1, 1)
    assert [key for key, _ in guests(autocommit)] == [GUEST]


def test_an_id_of_another_guest_is_reported(bring: Bring, autocommit: Connection) -> None:
    report = bring({LID: record(1), GUEST: record(2, chatId=LID)})
    assert [(each.guest, each.id, each.other) for each in report.conflicts] == [(GUEST, LID, LID)]
    assert [key for key, _ in guests(autocommit)] == [GUEST, LID]
