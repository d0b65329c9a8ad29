"""What one record says of a guest, or why it says nothing."""

from __future__ import annotations

import itertools
from decimal import Decimal
from pathlib import Path

import pytest

from guestsql.legacy.reading.excluded import Excluded
from guestsql.legacy.reading.file_reader import RawRecord
from guestsql.legacy.reading.files import LegacyFile, Source
from guestsql.legacy.reading.records import PartialGuest, Reject, read_record

PHONE = "573000000001"
THREADS = LegacyFile(Path("threads.json"), "threads.json", Source.THREADS)
PROFILES = LegacyFile(Path("guest_profiles.json"), "guest_profiles.json", Source.GUEST_PROFILES)
_indexes = itertools.count()


def raw(value, key=PHONE, file=THREADS):
    index = next(_indexes)
    return RawRecord(file, index, index, key, value)


def read(value, key=PHONE, file=THREADS):
    record = read_record(raw(value, key, file), Excluded(frozenset()))
    assert isinstance(record, PartialGuest)
    return record


@pytest.mark.parametrize(
    ("key", "reason"),
    [
        ("", "unusable key"),
        ("0", "unusable key"),
        ("undefined", "unusable key"),
        ("120363000000000001@g.us", "a group is not a guest"),
        ("120363000000000001@newsletter", "a channel is not a guest"),
        ("\ud83d", "unusable key"),
        (None, "not a text"),
        (True, "not a text"),
        ([PHONE], "not a text"),
        ("573009999999", "own number"),
        ("573009999999@s.whatsapp.net", "own number"),
    ],
)
def test_a_key_that_is_no_guest_is_refused(key, reason):
    refused = read_record(raw({}, key), Excluded(frozenset({"573009999999"})))
    assert isinstance(refused, Reject)
    assert reason in refused.reason
    assert refused.path == "threads.json"


@pytest.mark.parametrize("value", [None, [], "text", 5, True])
def test_a_record_that_is_no_object_is_refused(value):
    refused = read_record(raw(value), Excluded(frozenset()))
    assert isinstance(refused, Reject)
    assert refused.reason == "the record is not an object"


@pytest.mark.parametrize(
    "key", [PHONE, f"+{PHONE}", "+57 300 000 0001", f"{PHONE}@s.whatsapp.net", f"{PHONE}:12@s.whatsapp.net", int(PHONE)]
)
def test_every_spelling_of_the_key_is_the_guest(key):
    assert read({}, key).phone_number == PHONE


@pytest.mark.parametrize("name", [None, "", "  ", "\x00", "Usuario", "usuario ", PHONE, f"+{PHONE}", 5, ["Ana"], {}])
def test_a_placeholder_is_no_name(name):
    for file, field in ((THREADS, "userName"), (THREADS, "name"), (PROFILES, "name")):
        record = read({field: name}, file=file)
        assert (record.user_name, record.contact_name) == (None, None)
        assert record.fields == {field: name}


def test_a_name_is_kept_in_composed_form():
    assert read({"userName": "Jose\N{COMBINING ACUTE ACCENT}"}).user_name == "José"
    assert read({"name": "\N{ANGSTROM SIGN}sa"}).contact_name == "\N{LATIN CAPITAL LETTER A WITH RING ABOVE}sa"


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        (["cotización", "Colega Jefe"], ["cotización", "Colega Jefe"]),
        ([{"id": "1", "name": "cotización", "color": "x"}, {"id": "2", "name": "VIP"}], ["cotización", "VIP"]),
        (["VIP", {"name": "VIP"}, " VIP "], ["VIP"]),
        (["cotizacio\N{COMBINING ACUTE ACCENT}n", "cotización"], ["cotización"]),
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
