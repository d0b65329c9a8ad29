"""The quick way of usual records and the general way come to the same lines; and the quick way is taken."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guestsql.legacy import container, runs
from guestsql.legacy.excluded import Excluded
from guestsql.legacy.files import LegacyFile, Source
from guestsql.legacy.lines import COPY_STAGING, LineMaker
from guestsql.legacy.raw import RawRecord
from guestsql.legacy.read import FileReader
from guestsql.legacy.runs import MEMBERS, PAIRS, Form, Run, find_run
from guestsql.legacy.seen import SeenKeys
from guestsql.legacy.stage import FileStager
from guestsql.legacy.text import dump
from guestsql.legacy.times import parse_name_time
from guestsql.legacy.usual import UsualDecoder

PHONE = "573000000001"
OWN = Excluded(frozenset({"573009999999"}))
LATEST = datetime(2025, 7, 1, 9, 15, 0, 123_456, tzinfo=UTC)
USUAL = {
    "threadId": "thread_a",
    "chatId": f"{PHONE}@s.whatsapp.net",
    "userName": "Ana Núñez 👋",
    "createdAt": "2025-01-01T10:00:00.000Z",
    "lastActivity": "2025-01-02T10:00:00.000Z",
    "labels": [{"id": "1", "name": "cotización", "color": "#00ff00"}, "VIP"],
    "messageCount": 3,
}
TIMES = {2, 9, 10, 11, 12}
PROFILE_DATA = 14


def stager(path: Path, source: Source, *, usual: bool) -> FileStager:
    named_at = parse_name_time(path.name) if source is Source.BACKUPS else None
    made = FileStager(1, LegacyFile(path, path.name, source, named_at), OWN, LATEST)
    made._usual._is_usual &= usual
    return made


def lines(made: FileStager) -> list[list[object]]:
    """The columns of each line; of times not the spelling but the time, and of JSON the value."""
    rows = [line.split("\t") for block in made.blocks() for line in block.records.split("\n")[:-1]]
    rows.sort(key=lambda row: int(row[1]))
    for row in rows:
        row[PROFILE_DATA] = _as_stored(row[PROFILE_DATA])
    return [
        [datetime.fromisoformat(text) if at in TIMES and text != "\\N" else text for at, text in enumerate(row)]
        for row in rows
    ]


def _as_stored(text: str) -> str:
    """JSON on a line of COPY, as jsonb would have it but for the order of members."""
    if text == "\\N":
        return text
    plain = re.sub(r"\\(.)", lambda found: {"n": "\n", "t": "\t", "r": "\r"}.get(found[1], found[1]), text)
    assert not re.search(r"(?<!\\)(\\\\)*\\u0000", plain)
    # Numbers by their digits, which jsonb keeps.
    return json.dumps(json.loads(plain, parse_int=Decimal, parse_float=Decimal), default=str, sort_keys=True)


def test_the_columns_of_the_times():
    columns = COPY_STAGING.partition("(")[2].partition(")")[0].split(", ")
    assert columns[PROFILE_DATA] == "profile_data"
    assert {columns[at] for at in TIMES} == {
        "recorded_at",
        "thread_created_at",
        "first_interaction",
        "last_interaction",
        "created_at",
    }


NO_NAMES = [None, "", " ", "Usuario", "usuario", "USUARIO", "u\u017fuario", PHONE, f"+{PHONE}", "+57 300 000 0001"]
DIGITS = (
    "\u0665\u0667\u0663" + "\u0660" * 8 + "\u0661",
    "\uff15\uff17\uff13" + "\uff10" * 8 + "\uff11",
    "57\xb2000000001",
)
SOME_NAMES = [
    "Ana",
    "Usuarios",
    "Ana 573000000001",
    "573000000002",
    "Hab. 101",
    "N\xfa\xf1ez 12",
    "x" * 600,
    "\U0001f44b",
]
ODD_NAMES = [
    "Jose\N{COMBINING ACUTE ACCENT}",
    "\N{ANGSTROM SIGN}sa",
    " Ana",
    "Ana ",
    "57-300-000-0001 ",
    "a\u200db",
    "a\tb",
    'a"b',
    "a\\b",
    "\xa0Ana",
    "\ud83d",
]
ALL_NAMES = [*NO_NAMES, *DIGITS, *SOME_NAMES, *ODD_NAMES]
NAMES = st.sampled_from(ALL_NAMES)
NO_TIMES = ["2025-02-30T00:00:00.000Z", "2025-01-01T10:00:60.000Z", "1969-12-31T23:59:59.999Z", "1735725600"]
NO_TIMES += ["2025-W01-1T10:00:00.000Z", "2025-01-01T100000.00000Z", "2025-01-01T24:00:00.000Z", "2025-01-01"]
NO_TIMES += ["\u0662\u0660\u0662\u0665-01-01T10:00:00.000Z", "2025-01-01T10:00:00,000Z", "2025-01-01T10:00:00.000z"]
TIMES_USUAL = [
    "2025-07-01T09:15:00.123Z",
    "2025-01-01T10:00:00.000Z",
    "2025-06-30T23:59:59.999Z",
    "1970-01-01T00:00:00.000Z",
]
TIMES_ODD = [
    "2025-07-01T09:15:00.124Z",
    "2025-01-01 10:00:00.000Z",
    " 2025-01-01T10:00:00.000Z",
    1735725600000,
    1735725600.5,
    True,
    {},
    [],
]
ALL_TIMES = [None, "", *TIMES_USUAL, *NO_TIMES, *TIMES_ODD]
WHEN = st.sampled_from(ALL_TIMES)
LABEL = st.one_of(
    NAMES,
    st.fixed_dictionaries(
        {"name": NAMES}, optional={"id": st.sampled_from(["1", 1, None, 1.5, 10**30]), "color": NAMES, "more": NAMES}
    ),
    st.sampled_from([None, 5, [], {}, {"id": "1"}]),
)
LABELS = st.one_of(st.none(), st.just("VIP"), st.lists(LABEL, max_size=3))
COUNTS = [None, 0, 7, -1, 2**62, 2**64, 42.0, 1e5, 0.5, True, "7", 10**1200]
CHATS = [None, "", f"{PHONE}@s.whatsapp.net", "120363000000000007@g.us", "a b", " x@c.us ", "x" * 300, 5]
ANY = st.recursive(st.one_of(st.none(), st.integers(), st.floats(), st.text(max_size=3)), st.lists, max_leaves=3)
RECORD = st.fixed_dictionaries(
    {},
    optional={
        **dict.fromkeys(("threadId", "userName", "name", "id", "phone", "label", "conversationSummary"), NAMES),
        **dict.fromkeys(("createdAt", "lastActivity", "firstInteraction", "lastInteraction"), WHEN),
        **dict.fromkeys(("labels", "whapiLabels"), LABELS),
        "chatId": st.sampled_from(CHATS),
        "messageCount": st.sampled_from(COUNTS),
        "previousThreads": st.one_of(st.lists(NAMES, max_size=2), st.none()),
        "lastPattern": ANY,
        "unheardOf": ANY,
    },
)
PLAIN = st.just(USUAL)
KEY = st.sampled_from([PHONE] * 5 + ["573009999999", f"+{PHONE}", "0", "", "a\\b", "120363000000000001@g.us", "1" * 16])
GUEST = st.tuples(KEY, st.one_of(PLAIN, RECORD))
PAIR = st.one_of(GUEST, GUEST, GUEST, st.tuples(KEY, ANY), st.tuples(KEY, PLAIN, ANY), ANY)
SOURCE = st.sampled_from([*Source])
STYLE = st.tuples(st.sampled_from([(",", ":"), (", ", ": "), (" , ", " :\n")]), st.sampled_from([None, 0, 2, "\t"]))


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return tmp_path_factory.mktemp("usual") / "threads-2025-07-05T14-30-00-123Z.json"


def each_value() -> Iterator[dict[str, object]]:
    """A usual record with one member at a time changed to whatever it may be."""
    labels: list[object] = [
        *ALL_NAMES,
        *({"name": name, "id": "1"} for name in ALL_NAMES),
        5,
        [],
        {},
        {"name": "a", "x": 1},
    ]
    values: dict[str, Sequence[object]] = {
        **dict.fromkeys(("threadId", "userName", "name", "id", "label", "conversationSummary", "unheardOf"), ALL_NAMES),
        **dict.fromkeys(("createdAt", "lastActivity", "firstInteraction", "lastInteraction"), ALL_TIMES),
        **dict.fromkeys(("labels", "whapiLabels"), (None, "VIP", [], *([label, "VIP"] for label in labels))),
        "chatId": CHATS,
        "messageCount": COUNTS,
        "previousThreads": [None, [], ["thread_b"], [None], "thread_b"],
    }
    for member, these in values.items():
        for value in these:
            yield {**USUAL, member: value}
            if member == "lastActivity":
                yield {**USUAL, member: value, "createdAt": None, "lastInteraction": "2024-01-01T00:00:00.000Z"}
            if member in ("label", "whapiLabels"):
                yield {**USUAL, member: value, "labels": None}


@pytest.mark.parametrize("ascii_only", [False, True])
@pytest.mark.parametrize("indent", [None, "\t"])
@pytest.mark.parametrize("source", Source)
def test_both_ways_make_the_same_of_each_value_in_each_member(path, source, indent, ascii_only):
    pairs = [[PHONE, record] for record in each_value()]
    text = json.dumps([*pairs, [PHONE, {}]], ensure_ascii=ascii_only, indent=indent)
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    quick, slow = (lines(stager(path, source, usual=usual)) for usual in (True, False))
    assert len(quick) == len(pairs) + 1
    for record, one, other in zip(pairs, quick, slow, strict=False):
        assert one == other, record


@given(st.lists(PAIR, max_size=8), SOURCE, STYLE, st.booleans())
@settings(max_examples=100, deadline=None)
def test_both_ways_make_the_same_lines(path, pairs, source, style, ascii_only):
    separators, indent = style
    text = json.dumps(pairs, ensure_ascii=ascii_only, indent=indent, separators=separators)
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    quick, slow = (stager(path, source, usual=usual) for usual in (True, False))
    assert lines(quick) == lines(slow)
    assert (quick.records, quick.rejected) == (slow.records, slow.rejected)
    assert quick.report == slow.report
    assert quick.adjusted == slow.adjusted


@given(st.lists(GUEST, min_size=1, max_size=5), st.data())
@settings(max_examples=100, deadline=None)
def test_both_ways_survive_the_same_damage(path, pairs, data):
    text = json.dumps(pairs, ensure_ascii=False, separators=(",", ":"))
    at = data.draw(st.integers(0, len(text)))
    put = data.draw(st.sampled_from(["", '"', "}", "]", "},", "}],[", '}],["', "\\", "{", "\x00", ","]))
    damaged = text[:at] + put + text[at + data.draw(st.integers(0, 2)) :]
    path.write_bytes(damaged.encode("utf-8", "surrogatepass"))
    assert lines(stager(path, Source.THREADS, usual=True)) == lines(stager(path, Source.THREADS, usual=False))


def test_times_after_the_import_are_listed_and_their_guest_is_staged(path):
    future, named = "2025-07-01T09:15:00.124Z", "2025-07-05T14:30:00.123000+00:00"
    records = [
        USUAL | {"createdAt": future, "lastActivity": "2099-01-01"},
        USUAL | {"lastActivity": "2025-07-01T09:15:00.123Z"},
        {"threadId": "t"},
    ]
    path.write_text(json.dumps([[f"57300000000{number}", record] for number, record in enumerate(records)]))
    file = LegacyFile(path, "backups/b.json", Source.BACKUPS, parse_name_time(path.name))
    made = FileStager(1, file, OWN, LATEST, seen=SeenKeys(), straight=True)
    guests = "".join(block.guests for block in made.blocks())
    assert [line.split("\t")[0] for line in guests.splitlines()] == ["573000000001"]
    assert [(each.path, each.pointer, each.written) for each in made.adjusted] == [
        ("backups/b.json", "/0/1/createdAt", "2025-07-01T09:15:00.124000+00:00"),
        ("backups/b.json", "/0/1/lastActivity", "2099-01-01T00:00:00+00:00"),
        ("backups/b.json", "/2", named),
    ]
    assert {each.used for each in made.adjusted} == {LATEST.isoformat()}


def usual_lines(pairs: list[object], *, form: Form = PAIRS, ascii_only: bool = False, indent: int | None = None):
    """Which of the pairs are taken the quick way."""
    held = [*pairs, ["573000000099", {}]]
    text = json.dumps(held if form is PAIRS else dict(held), ensure_ascii=ascii_only, indent=indent)
    file = LegacyFile(Path("threads.json"), "threads.json", Source.THREADS)
    pieces, _ = find_run(text, text.index("[" if form is PAIRS else '"', 1), form)
    made = UsualDecoder(file, OWN, LATEST, LineMaker(1), lambda _: "the general way").decode(Run(file, 0, pieces, form))
    assert len(made) == len(pairs)
    return [line != "the general way" for line in made]


def test_what_the_bot_writes_is_usual_whatever_stands_beside_it():
    odd = {"unheardOf": 1}
    assert usual_lines([[PHONE, USUAL]] * 5) == [True] * 5
    assert usual_lines([[PHONE, odd if at in (2, 5) else USUAL] for at in range(9)]) == [
        at not in (2, 5) for at in range(9)
    ]
    profile = {"id": PHONE, "name": None, "phone": PHONE, "label": "nuevo", "whapiLabels": [], "firstInteraction": None}
    assert usual_lines([[PHONE, profile]]) == [True]


@pytest.mark.parametrize("form", [PAIRS, MEMBERS])
def test_what_other_tools_write_is_usual_too(form):
    pairs = [["573000000001", USUAL], ["573000000002", {"conversationSummary": 'One\n"two"', "lastInteraction": None}]]
    assert usual_lines(pairs, form=form) == [True] * 2
    assert usual_lines(pairs, form=form, ascii_only=True) == [True] * 2
    assert usual_lines(pairs, form=form, indent=2) == [True] * 2
    for text in ("a\\b", "a\x00", "\ud83d"):
        pairs[1] = ["573000000002", {**USUAL, "conversationSummary": text}]
        assert usual_lines(pairs, form=form, ascii_only=True) == [True, False]


def written(pairs: Sequence[tuple[object, ...]], separators: tuple[str, str], *, as_object: bool) -> str:
    """The file; an object may have a key twice."""
    if not as_object:
        return json.dumps(pairs, ensure_ascii=False, separators=separators)
    between, colon = separators
    members = [
        json.dumps(key, ensure_ascii=False) + colon + json.dumps(value, ensure_ascii=False, separators=separators)
        for key, value in pairs
    ]
    return "{" + between.join(members) + "}"


DEEP = st.sampled_from([{"a": {"b": 1}, "c": {}}, {"a": {"b": {"573000000001": {}}, "c": {}}}, {"x": '"},"y":{'}, {}])


@given(st.lists(st.tuples(KEY, st.one_of(PLAIN, RECORD, DEEP, ANY)), max_size=8), STYLE, st.booleans(), st.data())
@settings(max_examples=100, deadline=None)
def test_runs_find_what_is_found_one_by_one(path, pairs, style, as_object, data):
    text = written(pairs, style[0], as_object=as_object)
    if data.draw(st.booleans()):
        at = data.draw(st.integers(0, len(text)))
        put = data.draw(st.sampled_from(["", '"', "}", "]", "},", '},"x":{', '}],["', "\\", "{", ","]))
        text = text[:at] + put + text[at + data.draw(st.integers(0, 2)) :]
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    with pytest.MonkeyPatch.context() as patch:
        in_runs = found(path)
        patch.setattr(runs, "_LONGEST_RUN", 0)
        assert in_runs == found(path)


def found(path: Path) -> list[tuple[object, ...]]:
    """Each record and each damage, with its place and its stretch of the file."""
    file = LegacyFile(path, path.name, Source.THREADS)
    items = FileReader(file).records()
    return [
        (item.pointer, item.place, item.key, dump(item.value), item.span_of(item.place) if item.span_of else None)
        if isinstance(item, RawRecord)
        else (item.pointer, item.place, item.reason, item.span)
        for item in items
    ]


def test_runs_that_are_in_vain_are_looked_for_ever_less_often(path, monkeypatch):
    """Each record of an object that holds objects looks like several."""
    count = 2000
    looked = []
    monkeypatch.setattr(container, "find_run", lambda *of: looked.append(of[1]) or find_run(*of))
    path.write_text(json.dumps({f"57300{number:07}": {"a": {"b": 1}, "c": {}} for number in range(count)}))
    assert len(found(path)) == count
    assert len(looked) < 20
