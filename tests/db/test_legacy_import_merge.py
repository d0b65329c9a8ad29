"""One guest of many records: the newest says what counts, and nothing that any of them said is gone."""

from __future__ import annotations

import json
from decimal import Decimal

import psycopg
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st

from guestsql.legacy import import_directory
from guestsql.legacy.reading.json_text import restore
from guestsql.settings import Settings
from tests.legacy_model import model_guests

PHONE = "573000000001"
BACKUP = "backups/threads-2025-07-01T00-00-00-000Z.json"
OLDER_BACKUP = "threads-backup-2025-06-01T00-00-00-000Z.json"
COLUMNS = (
    "chat_id",
    "thread_id",
    "user_name",
    "contact_name",
    "labels",
    "thread_created_at",
    "total_interactions",
    "first_interaction",
    "last_interaction",
)


@pytest.fixture
def merged(tmp_path, database_url, autocommit):
    """Imports files anew and returns the guests by key."""

    def _merged(files):
        autocommit.execute("TRUNCATE guest_profiles CASCADE")
        for path in tmp_path.rglob("*.json"):
            path.unlink()
        for name, value in files.items():
            path = tmp_path / name
            path.parent.mkdir(exist_ok=True)
            path.write_text(json.dumps(value), encoding="utf-8")
        report = import_directory(tmp_path, settings=Settings(), url=database_url)
        assert report.records == report.imported + report.rejected
        assert report.inserted == report.guests
        cursor = autocommit.cursor(row_factory=psycopg.rows.dict_row)
        rows = cursor.execute("SELECT *, (profile_data -> 'legacy')::text AS legacy FROM guest_profiles").fetchall()
        return {
            row["phone_number"]: row | {"legacy": restore(json.loads(row["legacy"], parse_float=Decimal))}
            for row in rows
        }

    return _merged


def pair(fields, key=PHONE):
    return [key, fields]


def test_the_newest_wins_field_by_field(merged):
    guest = merged(
        {
            "threads.json": [
                pair({"userName": "Ana", "chatId": "a@c.us", "threadId": "t1", "lastActivity": "2025-01-02"})
            ],
            "guest_profiles.json": [
                pair({"name": "Ana María", "whapiLabels": ["VIP"], "lastInteraction": "2025-01-03"})
            ],
            BACKUP: [pair({"threadId": "t0", "userName": "Anita", "lastActivity": "2025-01-01"})],
        }
    )[PHONE]
    assert (guest["user_name"], guest["chat_id"], guest["thread_id"]) == ("Ana María", "a@c.us", "t1")
    assert guest["labels"] == ["VIP"]


def test_a_stale_profile_overrules_nothing(merged):
    guest = merged(
        {
            "threads.json": [pair({"userName": "Ana", "labels": ["VIP"], "lastActivity": "2025-02-01"})],
            "guest_profiles.json": [pair({"name": "Vieja", "label": "nuevo", "lastInteraction": "2025-01-01"})],
        }
    )[PHONE]
    assert (guest["user_name"], guest["labels"]) == ("Ana", ["VIP"])
    assert guest["legacy"]["guest_profiles"][PHONE]["name"] == "Vieja"


def test_labels_of_both_files_are_united_those_of_threads_first(merged):
    files = {
        "threads.json": [pair({"labels": ["B", "A"], "lastActivity": "2025-01-01"})],
        "guest_profiles.json": [pair({"whapiLabels": ["C", "A", "D"], "lastInteraction": "2025-02-01"})],
    }
    assert merged(files)[PHONE]["labels"] == ["B", "A", "C", "D"]


def test_the_order_of_labels_does_not_depend_on_which_file_is_newer(merged):
    for last in ("2025-01-01", "2025-03-01"):
        files = {
            "threads.json": [pair({"labels": [{"id": "1", "name": "A"}], "lastActivity": "2025-02-01"})],
            "guest_profiles.json": [pair({"label": "B", "lastInteraction": last})],
        }
        assert merged(files)[PHONE]["labels"] == ["A", "B"]


def test_within_a_file_and_its_backups_the_newest_labels_win(merged):
    files = {
        "threads.json": [pair({"labels": ["older"], "lastActivity": "2025-01-01"})],
        BACKUP: [pair({"labels": ["A"], "lastActivity": "2025-01-03"})],
        OLDER_BACKUP: [pair({"labels": ["oldest"], "lastActivity": "2024-01-03"})],
        "guest_profiles.json": [
            pair({"whapiLabels": ["older"], "lastInteraction": "2025-01-01"}),
            pair({"whapiLabels": ["B"], "lastInteraction": "2025-01-02"}),
        ],
        "guests.json": [pair({"labels": ["older still"], "lastInteraction": "2024-01-02"})],
    }
    assert merged(files)[PHONE]["labels"] == ["A", "B"]


@pytest.mark.parametrize(
    ("thread", "profile", "wanted"),
    [([], ["B"], ["B"]), (["A"], [], ["A"]), ([], [], []), (None, ["B"], ["B"]), (["A"], None, ["A"])],
)
def test_a_file_without_labels_takes_none_away(merged, thread, profile, wanted):
    files = {
        "threads.json": [pair({"labels": thread, "lastActivity": "2025-01-01"})],
        "guest_profiles.json": [pair({"whapiLabels": profile, "lastInteraction": "2025-01-01"})],
    }
    assert merged(files)[PHONE]["labels"] == wanted


def test_a_placeholder_replaces_no_name_however_new_it_is_and_is_kept(merged):
    newest = {"userName": "Usuario", "lastActivity": "2025-02-01"}
    guest = merged({"threads.json": [pair({"userName": "Ana", "lastActivity": "2025-01-01"}), pair(newest)]})[PHONE]
    assert guest["user_name"] == "Ana"
    assert guest["legacy"]["threads"][f"{PHONE}#2"] == newest


def test_no_thread_and_no_labels_are_not_the_same(merged):
    guest = merged(
        {
            "threads.json": [
                pair({"threadId": "t1", "labels": ["VIP"], "lastActivity": "2025-01-01"}),
                pair({"threadId": None, "labels": [], "lastActivity": "2025-01-02"}),
            ]
        }
    )[PHONE]
    # A null thread says nothing; an empty list says that there are no labels.
    assert (guest["thread_id"], guest["labels"]) == ("t1", [])


def test_a_record_without_a_time_is_the_oldest_but_a_backup_has_its_names(merged):
    timed, untimed = {"userName": "Nueva", "lastActivity": "2020-01-01"}, {"userName": "Sin hora"}
    assert merged({"threads.json": [pair(timed), pair(untimed)]})[PHONE]["user_name"] == "Nueva"
    files = {"threads.json": [pair(timed), pair(untimed)], BACKUP: [pair({"userName": "Copia"})]}
    assert merged(files)[PHONE]["user_name"] == "Copia"


def test_a_backups_weight_is_the_time_in_its_name(merged):
    files = {OLDER_BACKUP: [pair({"userName": "Vieja"})], BACKUP: [pair({"userName": "Nueva"})]}
    assert merged(files)[PHONE]["user_name"] == "Nueva"


def test_two_spellings_and_two_equal_keys_of_one_file_are_all_kept(merged):
    jid = f"{PHONE}@s.whatsapp.net"
    guest = merged({"threads.json": [pair({"x": 1}), pair({"x": 2}), pair({"x": 3}, jid)]})[PHONE]
    assert guest["legacy"] == {"threads": {PHONE: {"x": 1}, f"{PHONE}#2": {"x": 2}, jid: {"x": 3}}}


def test_of_a_backup_only_what_no_one_says_later_is_kept(merged):
    current = {"threadId": "t", "userName": "Ana", "flag": True, "lastActivity": "2025-01-02"}
    backup = {"threadId": "t", "userName": "Anita", "flag": 1, "lastActivity": "2025-01-01"}
    guest = merged({"threads.json": [pair(current)], BACKUP: [pair(backup)], OLDER_BACKUP: [pair(backup)]})[PHONE]
    # 1 and true are equal in Python, not in JSON.
    assert guest["legacy"]["backups"] == {
        f"threads-2025-07-01T00-00-00-000Z.json#{PHONE}": {
            "userName": "Anita",
            "flag": 1,
            "lastActivity": "2025-01-01",
        }
    }
    assert "backups" not in merged({"threads.json": [pair(current)], BACKUP: [pair(current)]})[PHONE]["legacy"]


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-5, 5)
    | st.sampled_from([1.5, "", "Ana", "Usuario", PHONE, "2025-01-01", "VIP", "\ud83d", '"\\', "a\tb\nc"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["id", "name"]), inner, max_size=2),
    max_leaves=6,
)
FIELDS = st.sampled_from(
    [
        "threadId",
        "chatId",
        "userName",
        "name",
        "createdAt",
        "firstInteraction",
        "labels",
        "whapiLabels",
        "label",
        "messageCount",
        "other",
    ]
)
TIMES = st.sampled_from(
    ["2025-01-01", "2025-01-02T10:00:00Z", 1735689600, "Invalid Date", "2099-01-01T00:00:00.000Z", "2098-01-01"]
)
RECORD = st.builds(
    lambda fields, time: fields | {"lastActivity": time}, st.dictionaries(FIELDS, JSON, max_size=5), TIMES
)
KEY = st.sampled_from([PHONE, f"+{PHONE}", f"{PHONE}@c.us", "573000000002"])
PAIRS = st.lists(st.tuples(KEY, RECORD).map(list), max_size=4)
FILES = st.dictionaries(
    st.sampled_from(["threads.json", "guest_profiles.json", "data/guests.json", "guests.json", BACKUP, OLDER_BACKUP]),
    PAIRS,
    min_size=1,
)


@given(FILES)
@examples(max_examples=35, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_queries_come_to_what_the_records_say_one_by_one(merged, tmp_path, autocommit, files):
    guests = merged(files)
    imported_at = autocommit.execute("SELECT max(started_at) FROM legacy_imports").fetchone()[0]
    expected = model_guests(tmp_path, imported_at)
    assert set(guests) == set(expected)
    for key, guest in guests.items():
        wanted = expected[key].columns
        assert {name: guest[name] for name in COLUMNS} == {
            name: wanted[name] if name != "labels" else wanted[name] or [] for name in COLUMNS
        }
        for name in ("created_at", "recorded_at"):
            time = wanted[name] or wanted["recorded_at"]
            assert time is None or guest[name.replace("recorded", "updated")] == time
        assert guest["legacy"] == expected[key].legacy
