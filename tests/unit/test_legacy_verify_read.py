"""The verification's own reading of the files, and what it makes of numbers and times."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st

from guestsql.errors import LegacyFileError
from guestsql.legacy.exporting.writer import RecordWriter
from guestsql.legacy.reading.json_text import dump
from guestsql.legacy.verifying import window as verify_window
from guestsql.legacy.verifying.buckets import read_into_buckets
from guestsql.legacy.verifying.expected import Record, expect
from guestsql.legacy.verifying.files import list_files
from guestsql.legacy.verifying.kept import read_kept
from guestsql.legacy.verifying.values import Number, time_in_name

PHONE = "573000000001"


@pytest.fixture
def read(tmp_path):
    """Write threads.json and read it: records as (pointer, key, fields), and pointers with reasons."""

    def _read(data: bytes | str, own: frozenset[str] = frozenset()):
        (tmp_path / "threads.json").write_bytes(data.encode() if isinstance(data, str) else data)
        with read_into_buckets(tmp_path, own) as (buckets, files, unusable):
            records = [record for guests in buckets for found in guests.values() for record in found]
            found = sorted((record.index, record.pointer, record.key, record.fields) for record in records)
            assert files[0].records == len(found) + len(unusable)
            return [each[1:] for each in found], [(each.pointer, each.reason) for each in unusable]

    return _read


@pytest.mark.parametrize("data", ["", "[]", "{}", " [ ] \n", b"\xef\xbb\xbf[]", "\ufeff".encode("utf-16-le")])
def test_nothing(read, data):
    assert read(data) == ([], [])


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_both_shapes_in_every_encoding(read, encoding):
    assert read(f'[["{PHONE}",{{"n":"ñ"}}]]'.encode(encoding)) == ([("/0/1", PHONE, {"n": "ñ"})], [])
    assert read(f'{{"{PHONE}":{{"n":"ñ"}}}}'.encode(encoding)) == ([(f"/{PHONE}", PHONE, {"n": "ñ"})], [])


def test_a_pointer_is_escaped(read):
    assert read('{"wa.me/573000000001":{}}')[0][0][0] == "/wa.me~1573000000001"


@pytest.mark.parametrize(
    ("data", "whole", "pointers"),
    [
        (f'[["{PHONE}",{{}}],["{PHONE}",{{"a":', 1, ["/1", "/2"]),
        (f'[["{PHONE}",{{}}],["{PHONE}",{{"a":1}}]', 2, ["/2"]),
        (f'[["{PHONE}",{{}}],["x",{{"a":nix}}],["{PHONE}",{{}}]]', 2, ["/1"]),
        (f'[["{PHONE}",{{}}]]]', 1, ["/1"]),
        (f'{{"{PHONE}":{{}},"{PHONE}2" 1}}', 1, ["/1", ""]),
        ("nothing", 0, [""]),
        ('[1,["a"],["x",{}],[null,{}],["573000000001",1]]', 0, ["/0", "/1", "/2", "/3", "/4"]),
        ('[["120363000000000001@g.us",{}]]', 0, ["/0"]),
        (f'[["{PHONE}",{"[" * 200}{"]" * 200}]]', 0, ["/0"]),
        (f'[["{PHONE}",{{"a":{"[" * 100_000}{"]" * 100_000}}}],["{PHONE}",{{}}]]', 1, ["/0"]),
        (f'[["{PHONE}",{{"a":"{"[" * 200}"}}]]', 1, []),
    ],
)
def test_what_is_damaged_is_named_and_the_rest_is_read(read, data, whole, pointers):
    records, unusable = read(data)
    assert len(records) == whole
    assert [pointer for pointer, _ in unusable][: len(pointers)] == pointers


def test_own_numbers_are_no_guests(read):
    assert read(f'[["+{PHONE}",{{}}]]', frozenset({PHONE}))[1] == [("/0", "the bot's own number")]


def test_bytes_that_are_no_utf8_are_letters(read):
    assert read(f'[["{PHONE}",{{"n":"\\u00f1'.encode() + b'\xff"}]]')[0] == [("/0/1", PHONE, {"n": "ñÿ"})]


def test_which_files(tmp_path):
    names = ["threads.json", "data/guests.json", "backups/threads-1.json", "threads-backup-1.json", "other.json"]
    for name in names:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("[]")
    assert [path.relative_to(tmp_path).as_posix() for path in list_files(tmp_path)] == [
        "threads.json",
        "data/guests.json",
        "backups/threads-1.json",
        "threads-backup-1.json",
    ]
    with pytest.raises(LegacyFileError):
        list_files(tmp_path / "data" / "none")


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=30),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(records=st.lists(st.dictionaries(st.text(max_size=5), VALUES, max_size=4), max_size=6), size=st.integers(1, 60))
@examples(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_in_pieces_of_any_size_it_is_what_json_reads(read, monkeypatch, records, size):
    monkeypatch.setattr(verify_window, "_CHUNK_CHARACTERS", size)
    text = json.dumps([[PHONE, record] for record in records], ensure_ascii=False)
    found, unusable = read(text)
    wanted = json.loads(text, parse_int=Number, parse_float=Number)
    assert ([fields for _, _, fields in found], unusable) == ([record for _, record in wanted], [])


@given(
    value=st.dictionaries(st.text(st.characters(exclude_categories=())), st.text(st.characters(exclude_categories=())))
)
@examples(max_examples=60, deadline=None)
def test_what_the_import_escapes_comes_back(value):
    kept = read_kept(dump({"threads": {PHONE: value}}))
    assert [(each.written, each.fields) for each in kept] == [(PHONE, value)]
    assert json.loads(RecordWriter().write(dict(value)).encode()) == json.loads(json.dumps(value))


def test_keys_of_what_is_kept():
    legacy = {
        "threads": {PHONE: {}, f"{PHONE}#2": {}, f"{PHONE}#{'a' * 32}": {}},
        "backups": {f"threads-1#a.json#{PHONE}#3": {}},
        "replaced": [1],
        "guests": 1,
    }
    assert [(each.file, each.written, each.copy) for each in read_kept(json.dumps(legacy))] == [
        ("", PHONE, (1, False)),
        ("", PHONE, (2, False)),
        ("", PHONE, (1, True)),
        ("threads-1#a.json", PHONE, (3, False)),
    ]
    assert read_kept(None) == read_kept("[1]") == []


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("1", "1.0", True),
        ("10", "1e1", True),
        ("-0", "0.0", True),
        ("0.10", "1E-1", True),
        ("9007199254740993", "9007199254740992", False),
        ("1", "-1", False),
        ("1e99999", "1e99998", False),
        ("NaN", "NaN", True),
        ("NaN", "0", False),
    ],
)
def test_numbers_are_equal_by_value(one, other, same):
    assert (Number(one) == Number(other)) is same
    assert not same or hash(Number(one)) == hash(Number(other))


@given(st.decimals(allow_nan=False, allow_infinity=False), st.decimals(allow_nan=False, allow_infinity=False))
def test_numbers_are_equal_as_decimals_are(one, other):
    assert (Number(str(one)) == Number(str(other))) == (Decimal(str(one)) == Decimal(str(other)))


@pytest.mark.parametrize(
    ("name", "time"),
    [
        ("threads-2025-07-05T14-30-00-123Z.json", datetime(2025, 7, 5, 14, 30, 0, 123000, tzinfo=UTC)),
        ("threads-backup-2025-07-05.json", datetime(2025, 7, 5, tzinfo=UTC)),
        ("threads-backup-1735689600123.json", datetime(2025, 1, 1, 0, 0, 0, 123000, tzinfo=UTC)),
        ("threads-old.json", None),
        ("threads-2025-99-05.json", None),
    ],
)
def test_times_in_names(name, time):
    assert time_in_name(name) == time


@pytest.mark.parametrize(
    ("value", "time"),
    [
        ("2025-01-01T00:00:00.000Z", datetime(2025, 1, 1, tzinfo=UTC)),
        ("2025-01-01T00:00:00-05:00", datetime(2025, 1, 1, 5, tzinfo=UTC)),
        (" 2025-01-01 ", datetime(2025, 1, 1, tzinfo=UTC)),
        (Number("1735689600"), datetime(2025, 1, 1, tzinfo=UTC)),
        (Number("1735689600000.5"), datetime(2025, 1, 1, 0, 0, 0, 500, tzinfo=UTC)),
        ("1735689600", datetime(2025, 1, 1, tzinfo=UTC)),
        ("Invalid Date", None),
        ("1969-12-31", None),
        (Number("1e99999"), None),
        (Number("NaN"), None),
        (Number("5"), None),
        (True, None),
    ],
)
def test_times_in_records(value, time):
    record = Record("threads", "threads.json", None, 0, "/0/1", PHONE, {"lastActivity": value})
    assert expect(PHONE, [record]).recorded_at.value == time
