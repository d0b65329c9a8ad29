"""Files that are damaged, in their structure or in their bytes: rejected, never a crash, and nothing twice."""

from __future__ import annotations

import json

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st

from guestsql import GuestDatabase
from guestsql.legacy import import_directory
from guestsql.settings import Settings

BACKUP = "backups/threads-2025-07-01T00-00-00-000Z.json"


@pytest.fixture
def load(tmp_path, database_url, autocommit):
    """Imports some files thrice into an empty table, dry, and twice in earnest; the reports."""

    def _load(files):
        autocommit.execute("TRUNCATE guest_profiles, legacy_imports, legacy_rejects CASCADE")
        for path in tmp_path.rglob("*.json"):
            path.unlink()
        for name, data in files.items():
            path = tmp_path / name
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(data)
        settings = Settings()
        dry = import_directory(tmp_path, settings=settings, url=database_url, dry_run=True)
        assert autocommit.execute("SELECT count(*) FROM guest_profiles").fetchone() == (0,)
        assert autocommit.execute("SELECT count(*) FROM legacy_imports").fetchone() == (0,)
        first = import_directory(tmp_path, settings=settings, url=database_url)
        rows = autocommit.execute("SELECT xmin::text, g.* FROM guest_profiles AS g ORDER BY phone_number").fetchall()
        second = import_directory(tmp_path, settings=settings, url=database_url)
        again = autocommit.execute("SELECT xmin::text, g.* FROM guest_profiles AS g ORDER BY phone_number").fetchall()
        assert rows == again
        return dry, first, second

    return _load


def hold(autocommit, dry, first, second):
    """What is true of every import."""
    assert first.imported + first.rejected == first.records == sum(file.records for file in first.files)
    assert first.inserted == first.guests == len({*_numbers(autocommit)})
    assert (second.inserted, second.updated, second.unchanged) == (0, 0, first.guests)
    for report in (dry, second):
        assert (report.files, report.rejects, report.guests) == (first.files, first.rejects, first.guests)
    assert (dry.inserted, dry.updated) == (first.inserted, 0)
    kept = autocommit.execute(
        "SELECT path, pointer, reason FROM legacy_rejects WHERE import_id = %s ORDER BY number", [first.import_id]
    ).fetchall()
    assert kept == [(reject.path, reject.pointer, reject.reason) for reject in first.rejects]
    columns = "records, guests, inserted, updated, unchanged, rejected, merged, file_bytes"
    told = autocommit.execute(f"SELECT {columns} FROM legacy_imports ORDER BY id".encode()).fetchall()
    assert told == [tuple(getattr(each, name) for name in columns.split(", ")) for each in (first, second)]


def _numbers(autocommit):
    return [row[0] for row in autocommit.execute("SELECT phone_number FROM guest_profiles").fetchall()]


KEYS = st.sampled_from(["573000000001", "+57 300 000 0002", "573000000003@c.us", "1@lid", "CO.ab1", "x", "1@g.us"])
TEXTS = st.sampled_from(
    ["Ana", "Núñez 👋", '"', "\\", "\\N", "\\u0000", "\x00", "\ud83d", "a\tb\r\nc", "{", "2025-01-01"]
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=2),
    max_leaves=5,
)
NAMES = st.sampled_from(["threadId", "chatId", "userName", "name", "labels", "label", "lastActivity", "createdAt", "x"])
RECORDS = st.dictionaries(NAMES | TEXTS, VALUES, max_size=5)
ELEMENTS = st.tuples(KEYS, RECORDS).map(list) | st.lists(VALUES, max_size=3) | VALUES
ARRAYS = st.lists(ELEMENTS, max_size=6)
DOCUMENTS = ARRAYS | st.dictionaries(KEYS | TEXTS, RECORDS | VALUES, max_size=4) | VALUES
DATA = st.builds(
    lambda value, ascii_only: json.dumps(value, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass"),
    DOCUMENTS,
    st.booleans(),
)


@st.composite
def damaged(draw):
    """A file some of whose bytes are others, are gone, or stand twice; or that ends too early."""
    data = draw(DATA)
    for _ in range(draw(st.integers(0, 3))):
        start = draw(st.integers(0, len(data)))
        end = min(len(data), start + draw(st.integers(0, 20)))
        put = draw(st.sampled_from([b"", data[start:end] * 2, b'"', b"\xff", b"\x00", b"}],[", b"\\", b"\xed\xa0\x80"]))
        data = data[:start] + put + data[end:]
    return data


NAMES_OF_FILES = st.sampled_from(["threads.json", "guest_profiles.json", "data/guests.json", BACKUP])
LIMITS = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]


@given(st.dictionaries(NAMES_OF_FILES, DATA, min_size=1))
@examples(max_examples=10, deadline=None, suppress_health_check=LIMITS)
def test_whatever_the_structure_each_record_is_imported_or_rejected(load, autocommit, files):
    hold(autocommit, *load(files))


@given(st.dictionaries(NAMES_OF_FILES, damaged(), min_size=1))
@examples(max_examples=10, deadline=None, suppress_health_check=LIMITS)
def test_whatever_the_bytes_each_record_is_imported_or_rejected(load, autocommit, files):
    hold(autocommit, *load(files))


def test_what_copy_and_arrays_would_take_for_something_else_arrives(load, autocommit):
    name = '\\N"{},\\'
    record = {"userName": name, "threadId": "\\.", "labels": ['a"b', "c\\d", "NULL", "e,f", "{g}"], "x": "a\tb\nc\\"}
    load({"threads.json": json.dumps([["573000000001", record]]).encode()})
    row = autocommit.execute("SELECT user_name, thread_id, labels FROM guest_profiles").fetchone()
    assert row == (name, "\\.", record["labels"])
    stored = autocommit.execute("SELECT profile_data #> '{legacy,threads,573000000001}' FROM guest_profiles").fetchone()
    assert stored == (record,)


def test_the_history_is_listed_with_the_latest_first(load, database_url):
    load({"threads.json": b'[["573000000001",{}],["x",{}],5]'})
    with GuestDatabase(database_url) as database:
        latest, former = database.queries.list_legacy_imports()
        assert latest.id > former.id
        assert (former.records, former.inserted, former.rejected) == (3, 1, 2)
        assert former.seconds >= 0
        assert former.files[0]["path"] == "threads.json"
        rejects = database.queries.list_legacy_rejects(import_id=former.id)
        assert [(reject.number, reject.pointer) for reject in rejects] == [(1, "/1"), (2, "/2")]
