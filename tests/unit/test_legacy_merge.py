"""One guest of many records: the newest says what counts, and nothing that any of them said is gone."""

from __future__ import annotations

import itertools
import json
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guestsql.legacy.collect import collect
from guestsql.legacy.files import LegacyFile, Source
from guestsql.legacy.merge import merge_records
from guestsql.legacy.read import RawRecord
from guestsql.legacy.records import PartialGuest, Reject, read_record
from guestsql.legacy.text import dump

PHONE = "573000000001"
THREADS = LegacyFile(Path("threads.json"), "threads.json", Source.THREADS)
PROFILES = LegacyFile(Path("guest_profiles.json"), "guest_profiles.json", Source.GUEST_PROFILES)
GUESTS = LegacyFile(Path("guests.json"), "guests.json", Source.GUESTS)
BACKUP = LegacyFile(
    Path("threads-2025-07-01T00-00-00-000Z.json"),
    "backups/threads-2025-07-01T00-00-00-000Z.json",
    Source.BACKUPS,
    datetime(2025, 7, 1, tzinfo=UTC),
)
_indexes = itertools.count()


def raw(value, key=PHONE, file=THREADS):
    index = next(_indexes)
    return RawRecord(file, f"/{index}", index, key, value)


def read(value, key=PHONE, file=THREADS):
    record = read_record(raw(value, key, file), frozenset())
    assert isinstance(record, PartialGuest)
    return record


def merged(*records):
    return merge_records(records)


@pytest.mark.parametrize(
    ("key", "reason"),
    [
        ("", "unusable key"),
        ("0", "unusable key"),
        ("undefined", "unusable key"),
        ("120363000000000001@g.us", "a group is no guest"),
        ("120363000000000001@newsletter", "a channel is no guest"),
        ("\ud83d", "unusable key"),
        (None, "not a text"),
        (True, "not a text"),
        ([PHONE], "not a text"),
        ("573009999999", "own number"),
        ("573009999999@s.whatsapp.net", "own number"),
    ],
)
def test_a_key_that_is_no_guest_is_refused(key, reason):
    refused = read_record(raw({}, key), frozenset({"573009999999"}))
    assert isinstance(refused, Reject)
    assert reason in refused.reason
    assert refused.path == "threads.json"


@pytest.mark.parametrize("value", [None, [], "text", 5, True])
def test_a_record_that_is_no_object_is_refused(value):
    refused = read_record(raw(value), frozenset())
    assert isinstance(refused, Reject)
    assert refused.reason == "the record is not an object"


@pytest.mark.parametrize(
    "key", [PHONE, f"+{PHONE}", "+57 300 000 0001", f"{PHONE}@s.whatsapp.net", f"{PHONE}:12@s.whatsapp.net", int(PHONE)]
)
def test_every_spelling_of_the_key_is_the_guest(key):
    assert read({}, key).phone_number == PHONE


@pytest.mark.parametrize("name", [None, "", "  ", "\x00", "Usuario", "usuario ", PHONE, f"+{PHONE}", 5, ["Ana"], {}])
def test_a_placeholder_is_no_name_and_is_kept(name):
    for file, field in ((THREADS, "userName"), (THREADS, "name"), (PROFILES, "name"), (GUESTS, "name")):
        guest = merged(read({field: name}, file=file))
        assert guest.columns["user_name"] is None
        assert guest.columns["contact_name"] is None
        assert guest.legacy[file.source][PHONE] == {field: name}


def test_a_placeholder_replaces_no_name_however_new_it_is():
    guest = merged(
        read({"userName": "Ana", "lastActivity": "2025-01-01"}),
        read({"userName": "Usuario", "lastActivity": "2025-02-01"}),
    )
    assert guest.columns["user_name"] == "Ana"


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        (["cotización", "Colega Jefe"], ["cotización", "Colega Jefe"]),
        ([{"id": "1", "name": "cotización", "color": "x"}, {"id": "2", "name": "VIP"}], ["cotización", "VIP"]),
        (["VIP", {"name": "VIP"}, " VIP "], ["VIP"]),
        (["VIP", None, 5, {}, {"id": "9"}, "", "\x00", [], "x" * 5000], ["VIP"]),
        ([], []),
        ([None], None),
        (None, None),
        ("VIP", None),
        ({"name": "VIP"}, None),
    ],
)
def test_labels_in_every_shape(labels, expected):
    assert read({"labels": labels}).labels == expected
    assert read({"whapiLabels": labels}, file=PROFILES).labels == expected


def test_the_label_of_a_profile_counts_when_there_is_no_list():
    assert read({"label": "VIP"}, file=PROFILES).labels == ["VIP"]
    assert read({"label": "nuevo"}, file=PROFILES).labels is None
    assert read({"label": "nuevo", "whapiLabels": []}, file=PROFILES).labels == []


@pytest.mark.parametrize("chat_id", ["", " ", "a b", "x" * 300, 5, None, [], "\x00"])
def test_an_unusable_chat_id_is_left_out(chat_id):
    assert read({"chatId": chat_id}).chat_id is None


def test_a_group_may_be_the_chat():
    assert read({"chatId": "120363000000000007@g.us"}).chat_id == "120363000000000007@g.us"


@pytest.mark.parametrize(("given", "expected"), [(42, 42), (Decimal("42.0"), 42), (0, 0)])
def test_messages_are_counted(given, expected):
    assert read({"messageCount": given}).messages == expected


@pytest.mark.parametrize("given", [-1, True, "42", None, 10**40, Decimal("1e500"), Decimal("0.5")])
def test_what_is_no_count(given):
    assert read({"messageCount": given}).messages is None


def test_the_newest_wins_field_by_field():
    guest = merged(
        read({"userName": "Ana", "chatId": "a@c.us", "threadId": "t1", "lastActivity": "2025-01-02"}),
        read({"name": "Ana María", "whapiLabels": ["VIP"], "lastInteraction": "2025-01-03"}, file=PROFILES),
        read({"threadId": "t0", "userName": "Anita", "lastActivity": "2025-01-01"}, file=BACKUP),
    )
    columns = guest.columns
    assert (columns["user_name"], columns["chat_id"], columns["thread_id"]) == ("Ana María", "a@c.us", "t1")
    assert columns["labels"] == ["VIP"]
    assert columns["thread_id_at"] < columns["labels_at"] == columns["recorded_at"]


def test_a_stale_profile_overrules_nothing():
    guest = merged(
        read({"userName": "Ana", "labels": ["VIP"], "lastActivity": "2025-02-01"}),
        read({"name": "Vieja", "whapiLabels": ["nuevo"], "lastInteraction": "2025-01-01"}, file=PROFILES),
    )
    assert (guest.columns["user_name"], guest.columns["labels"]) == ("Ana", ["VIP"])
    assert guest.legacy["guest_profiles"][PHONE]["name"] == "Vieja"


def test_no_thread_and_no_labels_are_not_the_same():
    guest = merged(
        read({"threadId": "t1", "labels": ["VIP"], "lastActivity": "2025-01-01"}),
        read({"threadId": None, "labels": [], "lastActivity": "2025-01-02"}),
    )
    # A null thread says nothing; an empty list says that there are no labels.
    assert (guest.columns["thread_id"], guest.columns["labels"]) == ("t1", [])


def test_a_record_without_a_time_is_the_oldest_but_a_backup_has_its_names():
    timed = read({"userName": "Nueva", "lastActivity": "2020-01-01"})
    untimed = read({"userName": "Sin hora"})
    backup = read({"userName": "Copia"}, file=BACKUP)
    assert merged(timed, untimed).columns["user_name"] == "Nueva"
    assert merged(timed, untimed, backup).columns["user_name"] == "Copia"


def test_times_are_the_records_own():
    guest = merged(
        read({"createdAt": "2025-01-05", "lastActivity": "2025-01-09"}),
        read({"firstInteraction": "2025-01-03", "lastInteraction": "2025-01-07"}, file=PROFILES),
    )
    days = {name: guest.columns[name][:10] for name in ("first_interaction", "last_interaction", "created_at")}
    assert days == {"first_interaction": "2025-01-03", "last_interaction": "2025-01-09", "created_at": "2025-01-03"}


def test_a_first_time_after_the_last_is_mended():
    columns = merged(read({"createdAt": "2025-02-01", "lastActivity": "2025-01-01"})).columns
    assert columns["first_interaction"] == columns["last_interaction"]


def test_two_spellings_and_two_equal_keys_of_one_file_are_all_kept():
    jid = f"{PHONE}@s.whatsapp.net"
    guest = merged(read({"x": 1}), read({"x": 2}), read({"x": 3}, jid))
    assert guest.legacy == {"threads": {PHONE: {"x": 1}, f"{PHONE}#2": {"x": 2}, jid: {"x": 3}}}


def test_of_a_backup_only_what_nobody_says_later_is_kept():
    backup = read({"threadId": "t", "userName": "Anita", "flag": 1, "lastActivity": "2025-01-01"}, file=BACKUP)
    current = read({"threadId": "t", "userName": "Ana", "flag": True, "lastActivity": "2025-01-02"})
    # 1 and true are equal in Python, not in JSON.
    assert merged(backup, current).legacy["backups"] == {
        f"threads-2025-07-01T00-00-00-000Z.json#{PHONE}": {
            "userName": "Anita",
            "flag": 1,
            "lastActivity": "2025-01-01",
        }
    }
    assert "backups" not in merged(read(dict(current.fields), file=BACKUP), current).legacy


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-5, 5)
    | st.sampled_from(["", "Ana", "Usuario", PHONE, "2025-01-01", "VIP"]),
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
        "lastActivity",
        "lastInteraction",
        "firstInteraction",
        "labels",
        "whapiLabels",
        "label",
        "messageCount",
        "other",
    ]
)
TIMES = st.sampled_from(["2025-01-01", "2025-01-02T10:00:00Z", 1735689600, "Invalid Date"])
RECORD = st.builds(
    lambda fields, time: fields | {"lastActivity": time}, st.dictionaries(FIELDS, JSON, max_size=5), TIMES
)
FILE = st.sampled_from([THREADS, PROFILES, GUESTS, BACKUP])
KEY = st.sampled_from([PHONE, f"+{PHONE}", f"{PHONE}@c.us"])


@given(st.lists(st.builds(read, RECORD, KEY, FILE), min_size=1, max_size=6), st.randoms(use_true_random=False))
def test_the_order_of_the_records_does_not_matter(records, random):
    shuffled = random.sample(records, len(records))
    assert merged(*shuffled).as_json() == merged(*records).as_json()


@given(st.lists(st.builds(read, RECORD, KEY, FILE), min_size=1, max_size=6))
def test_nothing_that_a_record_said_vanishes(records):
    guest = merged(*records)
    kept = {
        (name, dump(value))
        for source in guest.legacy.values()
        for fields in source.values()
        for name, value in fields.items()
    }
    for record in records:
        assert {(name, dump(value)) for name, value in record.fields.items()} <= kept
    assert set(json.loads(guest.as_json())) == {*guest.columns, "legacy"}


@given(st.lists(st.tuples(KEY | JSON, RECORD | JSON).map(list) | JSON, max_size=8))
def test_each_record_is_imported_or_rejected(tmp_path_factory, elements):
    folder = tmp_path_factory.mktemp("legacy")
    (folder / "threads.json").write_text(json.dumps(elements))
    collection = collect(folder)
    kept = [key for guest in collection.guests() for key in guest.legacy["threads"]]
    assert collection.records == len(elements) == len(kept) + len(collection.rejects)
    assert all(reject.pointer.startswith("/") and reject.reason for reject in collection.rejects)


@given(
    st.lists(st.tuples(KEY, RECORD).map(list), max_size=5),
    st.lists(st.tuples(st.integers(0, 10**6), st.binary(max_size=3)), min_size=1, max_size=4),
)
def test_damaged_bytes_never_crash_and_never_pass_in_silence(tmp_path_factory, pairs, damages):
    data = json.dumps(pairs).encode()
    for place, put in damages:
        at = place % (len(data) + 1)
        data = data[:at] + put + data[at + 1 :]
    folder = tmp_path_factory.mktemp("legacy")
    (folder / "threads.json").write_bytes(data)
    collection = collect(folder)
    kept = sum(len(guest.legacy.get("threads", {})) for guest in collection.guests())
    assert collection.records == kept + len(collection.rejects)
    json.dumps([[reject.pointer, reject.reason] for reject in collection.rejects], ensure_ascii=False).encode()


def test_a_file_name_that_is_no_utf8_can_be_reported(tmp_path):
    folder = tmp_path / "backups"
    folder.mkdir()
    (folder / "threads-\udcff.json").write_text("[1]")
    collection = collect(tmp_path)
    assert collection.files[0].path.encode()
    assert collection.rejects[0].path.encode()


def test_the_indexes_of_an_array_are_no_guests(tmp_path):
    pairs = [[f"57300000{n:04}", {"userName": f"Invitado {n}"}] for n in range(1200)]
    (tmp_path / "threads.json").write_text(json.dumps(pairs))
    assert [guest.phone_number for guest in collect(tmp_path).guests()] == [key for key, _ in pairs]
    # What the guide's script makes of it: an object whose keys are the indexes.
    (tmp_path / "threads.json").write_text(json.dumps({str(n): pair for n, pair in enumerate(pairs)}))
    collection = collect(tmp_path)
    assert collection.guests() == []
    assert len(collection.rejects) == 1200
