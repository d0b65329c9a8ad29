"""Files of every shape and every damage: what is whole is read, and no place is lost in silence."""

from __future__ import annotations

import hashlib
import json
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guestsql.errors import LegacyFileError
from guestsql.legacy.reading.file_reader import Damage, FileReader, RawRecord
from guestsql.legacy.reading.files import LegacyFile, Source, find_files
from guestsql.legacy.reading.json_text import Literal
from tests.legacy_files import read_file, shown

CHUNKS = [1, 2, 3, 7, 64, 1 << 18]


@pytest.fixture(params=[1, 5, 1 << 18], ids=lambda size: f"chunks of {size}")
def read(tmp_path, request):
    def _read(data: bytes | str) -> list[RawRecord | Damage]:
        path = tmp_path / "threads.json"
        path.write_bytes(data if isinstance(data, bytes) else data.encode())
        # A deep or long file in single bytes takes long and shows nothing else.
        return read_file(path, chunk_bytes=request.param if len(data) < 5000 else 1 << 18)

    return _read


@pytest.fixture(scope="module")
def read_text(tmp_path_factory):
    path = tmp_path_factory.mktemp("files") / "threads.json"

    def _read(data: bytes | str, chunk_bytes: int) -> list[RawRecord | Damage]:
        path.write_bytes(data if isinstance(data, bytes) else data.encode())
        return read_file(path, chunk_bytes=chunk_bytes)

    return _read


@pytest.mark.parametrize("data", [b"", b" \n", b"[]", b"{}", b" [ ] ", b"\xef\xbb\xbf", b"\xef\xbb\xbf[]"])
def test_an_empty_file_has_no_records(read, data):
    assert read(data) == []


@pytest.mark.parametrize("data", ['[["a",{"x":1}],["b",{}]]', '{"a":{"x":1},"b":{}}'])
def test_pairs_and_objects_hold_the_same(read, data):
    assert [(f.key, f.value, f.place) for f in read(data)] == [("a", {"x": 1}, 0), ("b", {}, 1)]


def test_pointers_are_those_of_rfc_6901(read):
    assert [f.pointer for f in read('{"a/b~c":{},"":{}}')] == ["/a~1b~0c", "/"]
    assert [f.pointer for f in read('[["a",{}],["b",{}]]')] == ["/0", "/1"]


@pytest.mark.parametrize("data", ["\ufeff".encode() + b'[["a",{}]]', '[["a",{}]]'.encode("utf-16")])
def test_a_byte_order_mark_is_no_damage(read, data):
    assert shown(read(data)) == [("/0", "a", {})]


def test_numbers_stay_exact(read):
    found = read('[["a",{"id":9007199254740993,"price":1.10,"no":NaN,"big":' + "9" * 5000 + "}]]")
    assert found[0].value == {
        "id": 9007199254740993,
        "price": Decimal("1.10"),
        "no": Literal("NaN"),
        "big": Literal("9" * 5000),
    }


def test_a_number_no_database_can_hold_is_kept_as_it_was_written(read):
    assert read('[["a",{"x":1e99999999999999999999,"y":-1e99999}]]')[0].value == {
        "x": Literal("1e99999999999999999999"),
        "y": Literal("-1e99999"),
    }


def test_the_same_key_twice_is_two_records(read):
    assert shown(read('{"a":{"x":1},"a":{"x":2}}')) == [("/a", "a", {"x": 1}), ("/a", "a", {"x": 2})]


@pytest.mark.parametrize("data", ['["a"]', '[["a"]]', '[["a",{},1]]', "[{}]", "[null]"])
def test_what_is_no_pair_is_a_damage_of_its_own(read, data):
    assert shown(read(data)) == [("/0", "not a [key, record] pair")]


def test_a_truncated_file_gives_what_is_whole_and_one_damage(read):
    whole = json.dumps([["á", {"x": 1}], ["b", {"y": "ñ"}], ["c", {"z": [1, 2]}]], ensure_ascii=False)
    cut = whole[: whole.index("[1,") + 2]
    found = read(cut)
    assert shown(found[:2]) == [("/0", "á", {"x": 1}), ("/1", "b", {"y": "ñ"})]
    assert len(found) == 3
    assert found[2].pointer == "/2"
    # Bytes, not characters: á and ñ are two each.
    place = whole.encode().index(b'["c"')
    assert f"(byte {place})" in found[2].reason


@pytest.mark.parametrize("data", ['[["a",{}]', '[["a",{}],', '{"a":{}', '{"a":{},'])
def test_a_file_cut_between_two_records_is_not_taken_for_whole(read, data):
    found = read(data)
    assert isinstance(found[0], RawRecord)
    assert [type(f) for f in found[1:]] == [Damage]
    assert f"(byte {len(data)})" in found[1].reason


def test_one_broken_record_does_not_take_the_next_with_it(read):
    found = read('[["a",{}],["b",{"x":tru}],["c",{}]]')
    assert [type(f) for f in found] == [RawRecord, Damage, RawRecord]
    assert found[2].key == "c"
    found = read('{"a":{},"b":{"x":tru},"c":nope,"d":{}}')
    assert [f.pointer for f in found] == ["/a", "/b", "/c", "/d"]
    assert [type(f) for f in found] == [RawRecord, Damage, Damage, RawRecord]


@pytest.mark.parametrize("depth", [101, 5_000, 200_000])
def test_deep_nesting_is_one_damage(read, depth):
    deep = "[" * depth + "]" * depth
    found = read(f'[["a",{{}}],["b",{{"x":{deep}}}],["c",{{}}]]')
    assert [type(f) for f in found] == [RawRecord, Damage, RawRecord]
    assert found[1].reason.startswith("nested too deeply")
    assert [type(f) for f in read("[" * depth)] == [Damage]


@pytest.mark.parametrize("data", ["null", "5", '"text"', "<html>", "\x00\x01", "NaN"])
def test_a_file_that_is_something_else_is_one_damage(read, data):
    assert shown(read(data)) == [("", "the file is neither a JSON array nor a JSON object (byte 0)")]


def test_what_follows_the_end_is_reported(read):
    found = read('[["a",{}]] [["b",{}]]')
    assert isinstance(found[0], RawRecord)
    assert found[1].reason.startswith("something follows the end")


def test_bytes_that_are_no_utf8_are_letters(read):
    assert read(b'[["a",{"x":"\xff\xed\xa0\x80"}]]')[0].value == {"x": "ÿí\u00a0€"}


def test_lone_surrogates_and_nul_are_read(read):
    assert read(r'[["a",{"x":"\ud83d","y":"\u0000"}]]')[0].value == {"x": "\ud83d", "y": "\x00"}


JSONISH = st.lists(st.sampled_from([*'[]{},:"\\ \n', "null", "1", '"a"', "true", "\\u0000", "é"]), max_size=40)


@given(JSONISH.map("".join), st.sampled_from(CHUNKS))
@settings(max_examples=300)
def test_nothing_crashes_and_nothing_is_silent(read_text, text, chunk):
    found = read_text(text, chunk)
    assert [f.place for f in found] == [*range(len(found))]
    try:
        value = json.loads(text, strict=False)
    except ValueError:
        # One comma too many loses nothing.
        borne = not text.strip() or ",]" in "".join(text.split()) or ",}" in "".join(text.split())
        assert borne or any(isinstance(f, Damage) for f in found)
    else:
        if isinstance(value, list):
            assert len(found) == len(value)
        elif isinstance(value, dict):
            assert {f.key for f in found} == set(value)


RECORDS = st.lists(st.tuples(st.text(max_size=8), st.dictionaries(st.text(max_size=5), st.integers())), max_size=8)


@given(RECORDS, st.data(), st.sampled_from(CHUNKS))
def test_a_cut_anywhere_loses_only_what_lies_behind_it(read_text, records, data, chunk):
    pairs = [list(record) for record in records]
    text = json.dumps(pairs, ensure_ascii=False)
    cut = text[: data.draw(st.integers(0, len(text)))]
    found = read_text(cut, chunk)
    read = [[f.key, f.value] for f in found if isinstance(f, RawRecord)]
    assert read == pairs[: len(read)]
    damages = len(found) - len(read)
    assert damages == (0 if cut in ("", text) else 1)


@given(RECORDS, st.lists(st.tuples(st.integers(0, 10**6), st.binary(max_size=3)), max_size=3), st.sampled_from(CHUNKS))
def test_a_file_in_pieces_reads_like_a_whole_one(read_text, records, damages, chunk):
    data = json.dumps([list(record) for record in records], ensure_ascii=False).encode()
    for place, put in damages:
        at = place % (len(data) + 1)
        data = data[:at] + put + data[at + 1 :]
    assert shown(read_text(data, chunk)) == shown(read_text(data, 1 << 18))


@given(RECORDS.filter(bool), st.data())
def test_a_quote_that_is_missing_loses_one_record(read_text, records, data):
    pairs = [[key, fields | {"userName": "Ana"}] for key, fields in records]
    broken = data.draw(st.integers(0, len(pairs) - 1))
    parts = [json.dumps(pair) for pair in pairs]
    parts[broken] = parts[broken].replace('"Ana"', 'Ana"')
    found = read_text(f"[{','.join(parts)}]", 1 << 18)
    if broken < len(pairs) - 1:
        assert [isinstance(f, Damage) for f in found] == [number == broken for number in range(len(pairs))]
    else:
        assert [f.key for f in found if isinstance(f, RawRecord)] == [key for key, _ in pairs[:-1]]


def test_a_record_of_no_sensible_length_is_one_damage_and_the_next_is_read(tmp_path):
    path = tmp_path / "threads.json"
    path.write_text('[["a",{}],["b",{"x":"' + "y" * 50_000 + '"}],["c",{}]]')
    found = read_file(path, chunk_bytes=100, longest=1000)
    assert [type(f) for f in found] == [RawRecord, Damage, RawRecord]
    assert "more than 1000 characters" in found[1].reason
    assert "(byte 10)" in found[1].reason
    assert (found[2].key, found[2].pointer) == ("c", "/2")
    path.write_text('{"a":{},"b":{"x":"' + "y" * 50_000 + '"},"c":{}}')
    assert [type(f) for f in read_file(path, chunk_bytes=100, longest=1000)] == [RawRecord, Damage]


def test_the_digest_and_the_size_are_those_of_the_whole_file(tmp_path):
    path = tmp_path / "threads.json"
    data = b"[[" + b"x" * 5000
    path.write_bytes(data)
    reader = FileReader(LegacyFile(path, "threads.json", Source.THREADS), chunk_bytes=16)
    assert [type(f) for f in reader.records()] == [Damage]
    assert (reader.sha256, reader.size) == (hashlib.sha256(data).hexdigest(), len(data))


def test_files_are_found_in_their_order(tmp_path):
    for name in (
        "threads.json",
        "guest_profiles.json",
        "data/guests.json",
        "guests.json",
        "backups/threads-2025-07-05T10-00-00-000Z.json",
        "backups/threads-2025-07-06T10-00-00-000Z.json",
        "threads-backup-2025-07-05T12-00-00-000Z.json",
        "backups/threads-old.json",
        "backups/notes.txt",
        "package.json",
    ):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("[]")
    (tmp_path / "backups" / "threads-dir.json").mkdir()
    assert [file.name for file in find_files(tmp_path)] == [
        "threads.json",
        "guest_profiles.json",
        "guests.json",
        "data/guests.json",
        "backups/threads-2025-07-06T10-00-00-000Z.json",
        "threads-backup-2025-07-05T12-00-00-000Z.json",
        "backups/threads-2025-07-05T10-00-00-000Z.json",
        "backups/threads-old.json",
    ]


def test_no_folder_and_no_files_are_distinguished(tmp_path):
    with pytest.raises(LegacyFileError, match="no such folder") as absent:
        find_files(tmp_path / "absent")
    assert absent.value.hint
    with pytest.raises(LegacyFileError, match="no file of the old bot"):
        find_files(tmp_path)
    file = tmp_path / "threads.json"
    file.write_text("[]")
    with pytest.raises(LegacyFileError, match="not a folder"):
        find_files(file)


def test_a_file_that_cannot_be_read_is_an_error(tmp_path):
    file = LegacyFile(tmp_path / "gone.json", "gone.json", Source.THREADS)
    with pytest.raises(LegacyFileError, match="cannot be read"):
        next(FileReader(file).records())
