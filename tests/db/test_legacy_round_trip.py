"""What an export says of a guest is what the database says, whatever the files held and whatever a bot has done since.

Each case is one guest. GUESTSQL_TEST_ROUND_TRIP=100000 is the long form.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from random import Random
from typing import Any

import psycopg
import pytest

from guestsql import GuestDatabase
from guestsql.legacy import import_directory
from guestsql.legacy.exporting import export_directory
from guestsql.legacy.verifying import verify_directory
from guestsql.settings import Settings
from tests.legacy_cases import be_the_bot, make_guests

CASES = int(os.environ.get("GUESTSQL_TEST_ROUND_TRIP", "1000"))
SEED = int(os.environ.get("GUESTSQL_TEST_SEED", "10"))
CYCLE = 5000
COLUMNS = "chat_id, thread_id, user_name, contact_name, labels, first_interaction, last_interaction, total_interactions"


def columns(connection: psycopg.Connection[Any]) -> dict[str, tuple[Any, ...]]:
    rows = connection.execute(f"SELECT phone_number, {COLUMNS} FROM guest_profiles").fetchall()
    return {row[0]: row[1:] for row in rows}


def different(wanted: dict[str, Any], found: dict[str, Any]) -> dict[str, object]:
    """The first few guests that are not the same."""
    keys = [key for key in sorted(wanted.keys() | found.keys()) if wanted.get(key) != found.get(key)]
    return {key: (wanted.get(key), found.get(key)) for key in keys[:5]}


def unexplained(folder: Path, url: str) -> list[str]:
    """The first few differences that the verification finds."""
    return [str(each) for each in verify_directory(folder, settings=Settings(), url=url).differences[:5]]


def unequal(one: Path, other: Path) -> dict[str, object]:
    """The first few records of two exports that are not written alike."""
    found: dict[str, object] = {}
    for name in ("threads.json", "guest_profiles.json"):
        texts = [(folder / name).read_text(encoding="utf-8") for folder in (one, other)]
        if texts[0] != texts[1]:
            given, again = ({key: json.dumps(fields) for key, fields in json.loads(text)} for text in texts)
            found |= different(given, again) or {name: "the order"}
    return found


@pytest.mark.parametrize("first", range(0, CASES, CYCLE))
def test_an_export_makes_the_same_guests_again(tmp_path, database_url, autocommit, first):
    numbers = range(first, min(first + CYCLE, CASES))
    random = Random(f"{SEED} {first}")
    settings = Settings()
    make_guests(random, tmp_path / "in", numbers)
    import_directory(tmp_path / "in", settings=settings, url=database_url)
    assert not unexplained(tmp_path / "in", database_url)
    with GuestDatabase(database_url) as db:
        be_the_bot(random, db, numbers)
    wanted = columns(autocommit)
    exported = tmp_path / "out"
    export_directory(exported, settings=settings, url=database_url)

    # Beside what the database has already, nothing changes.
    import_directory(exported, settings=settings, url=database_url)
    assert not different(wanted, columns(autocommit))
    assert "\n".join(unexplained(exported, database_url)) == ""
    export_directory(tmp_path / "again", settings=settings, url=database_url)
    assert not unequal(exported, tmp_path / "again")

    # As in another database, in which no one was erased.
    autocommit.execute("TRUNCATE guest_profiles, erased_guests CASCADE")
    import_directory(exported, settings=settings, url=database_url)
    assert not different(wanted, columns(autocommit))
    assert "\n".join(unexplained(exported, database_url)) == ""
    export_directory(tmp_path / "anew", settings=settings, url=database_url)
    assert not unequal(exported, tmp_path / "anew")
