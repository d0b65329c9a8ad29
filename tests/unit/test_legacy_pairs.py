"""Decoding many pairs at a time gives the same as one by one; anything unusual is left to the careful decoder."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guestsql.legacy.reading import container
from guestsql.legacy.reading.file_reader import FileReader
from guestsql.legacy.reading.files import LegacyFile, Source
from guestsql.legacy.reading.json_text import dump
from guestsql.legacy.reading.pairs import decode_pairs
from guestsql.legacy.reading.raw import RawRecord

COMPACT = (",", ":")
USUAL = {
    "threadId": "thread_a",
    "userName": 'Ana "Núñez"\n👋',
    "lastActivity": "2025-01-02T10:00:00.000Z",
    "labels": [{"id": "1", "name": "cotización"}, "VIP"],
    "messageCount": 3,
    "name": None,
}
LAST = ',["573000000002",{}]'
# JSON that `json.dumps` of an equal value would not write, or that must not be taken for another.
ODD = [
    r'{"a":"\ud83d"}',
    r'{"a":1,"a":"\u0022\u0022"}',
    r'{"a":"ñ\u00f1"}',
    '{"a":1,"a":2}',
    '{"a":1.10}',
    '{"a":1.0}',
    '{"a":1e400}',
    '{"a":-0}',
    '{"a":NaN}',
    '{"a": 1}',
    '{"a":"\t"}',
    '{"a":[[[[1]]]]}',
    '{"a":' + "9" * 5000 + "}",
    '{"a":"x"},1',
    "[]",
]


def found(path: Path) -> list[tuple[object, ...]]:
    """Each record and each damage, with its place and its bytes."""
    reader = FileReader(LegacyFile(path, path.name, Source.THREADS), chunk_bytes=1 << 12)
    return [
        (item.pointer, item.place, item.key, dump(item.value), reader.written(item))
        if isinstance(item, RawRecord)
        else (item.pointer, item.place, item.reason, reader.written(item))
        for item in reader.records()
    ]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "threads.json"


def both_ways(path: Path, text: str) -> list[tuple[object, ...]]:
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    with pytest.MonkeyPatch.context() as patch:
        many = found(path)
        patch.setattr(container, "decode_pairs", lambda _text, start: ([], start))
        assert many == found(path)
    return many


def test_what_the_bot_writes_is_decoded_at_once():
    text = json.dumps([["573000000001", USUAL]] * 5, ensure_ascii=False, separators=COMPACT)
    pairs, end = decode_pairs(text[:-1] + LAST, 1)
    assert pairs == [("573000000001", USUAL)] * 5
    assert end == len(text) - 1


@pytest.mark.parametrize("odd", ODD)
def test_what_is_unusual_is_read_one_by_one(path, odd):
    usual = json.dumps(["573000000001", USUAL], ensure_ascii=False, separators=COMPACT)
    assert decode_pairs(f'["a",{odd}]{LAST}', 0) == ([], 0)
    items = both_ways(path, f'[{",".join([usual] * 30)},["a",{odd}],{",".join([usual] * 60)}]')
    assert len(items) == 91
    written = items[30][-1]
    assert isinstance(written, tuple)
    assert written[1] == f'["a",{odd}]'.encode()


VALUE = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=3), st.just("}],[")),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("ab"), inner),
    max_leaves=4,
)
PAIRS = st.lists(
    st.one_of(st.just(["573000000001", USUAL]), st.tuples(st.text(max_size=3), VALUE), VALUE), min_size=1, max_size=8
)


@given(PAIRS, st.data())
@settings(max_examples=100, deadline=None)
def test_damaged_files_are_read_alike(tmp_path_factory, pairs, data):
    text = json.dumps(pairs, ensure_ascii=False, separators=COMPACT)
    at = data.draw(st.integers(0, len(text)))
    put = data.draw(st.sampled_from(["", '"', "}", "]", "},", "}],[", '}],["', "\\", "{", "\x00", ","]))
    damaged = text[:at] + put + text[at + data.draw(st.integers(0, 2)) :]
    both_ways(tmp_path_factory.getbasetemp() / "threads.json", damaged)
