"""What can be no guest is kept byte for byte, and proven to be: then the files may go."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest
from hypothesis import HealthCheck, example, given
from hypothesis import settings as examples
from hypothesis import strategies as st

from guestsql import GuestDatabase
from guestsql.errors import LegacyFileError
from guestsql.legacy import import_directory
from guestsql.legacy.cleanup import cleanup_directory, restore_directory
from guestsql.legacy.exporting import export_directory
from guestsql.legacy.reading import file_reader as read
from guestsql.legacy.verifying import directory as verifying
from guestsql.legacy.verifying import verify_directory
from guestsql.settings import Settings
from tests.migrating import make_runner

MIGRATIONS = Path(__file__).parents[2] / "migrations"
PHONE = "573000000001"
OTHER = "573000000002"
GOOD = f'["{PHONE}",{{"userName":"Ana"}}]'.encode()
LAST = f'["{OTHER}",{{"userName":"Luz"}}]'.encode()
KEPT = (
    "SELECT rejects.path, rejects.pointer, rejects.byte_offset, records.record FROM legacy_rejects AS rejects"
    " LEFT JOIN legacy_reject_records AS records USING (sha256)"
    " WHERE import_id = (SELECT max(id) FROM legacy_imports) ORDER BY number"
)


@pytest.fixture
def folder(tmp_path):
    made = tmp_path / "bot"
    made.mkdir()
    return made


@pytest.fixture
def bring(folder, database_url):
    def _bring(data: bytes, **known):
        (folder / "threads.json").write_bytes(data)
        return import_directory(folder, settings=Settings(**known), url=database_url)

    return _bring


@pytest.fixture
def verify(folder, database_url):
    return lambda: verify_directory(folder, settings=Settings(), url=database_url)


# The rejected record in its file, and where it points: what stands before and behind it is a guest.
AMID = {
    "unusable key": b'["x",{"userName":"Eva"}]',
    "spaces": b'[ "x" ,\r\n\t{"a" : 1 } \n ]',
    "group": b'["120363000000000001@g.us",{"name":"Grupo"}]',
    "no object": b'["573000000003",[1,2]]',
    "nested non-object": b'["573000000003",[[{"a":[1,{}]}],null]]',
    "key no text": b'[{"a":1},{}]',
    "no pair": b'["573000000003"]',
    "number": b"5",
    "NUL escape": b'["x",{"a":"\\u0000"}]',
    "raw NUL": b'["x",{"a":"\x00"}]',
    "lone surrogate escape": b'["x",{"a":"\\ud83d"}]',
    "raw lone surrogate": b'["x",{"a":"\xed\xa0\xbd"}]',
    "invalid UTF-8": b'["x\xff",{"a":"\xc3("}]',
    "many bytes a character": '["x",{"a":"Ñandú 👋"}]'.encode(),
    "long number": b'["x",{"a":9007199254740993.0000000000000000001e1}]',
    "member twice": b'["x",{"a":1,"a":2}]',
    "too deep": b'["x",' + b"[" * 120 + b"]" * 120 + b"]",
    "missing colon": b'["573000000003",{"a" 1}]',
    "missing quote": b'["573000000003",{"a":"b}]',
    "backslash, tab, end of line": b'["\\\\x\\t",{"a":"\\\\N\\n"}]',
}


@pytest.mark.parametrize("record", AMID.values(), ids=AMID)
def test_the_bytes_of_the_record_are_kept_and_what_is_behind_it_is_imported(bring, verify, autocommit, record):
    before = b"\xef\xbb\xbf \n[" + GOOD + b" ,\n"
    report = bring(before + record + b" ,\r\n" + LAST + b" ]\n")
    assert (report.guests, report.rejected) == (2, 1)
    assert autocommit.execute(KEPT).fetchall() == [("threads.json", "/1", len(before), record)]
    seen = verify()
    assert seen.passed, seen.differences
    assert (seen.records, seen.guests, seen.kept) == (3, 2, 1)
    assert [(each.path, each.pointer) for each in seen.kept_rejects] == [("threads.json", "/1")]


# What nothing can be read behind: it is kept to the end of the file.
TORN = {
    "in a record": (b"[" + GOOD + b",", b'["573000000002",{"userName":"L'),
    "in a character": (b"[" + GOOD + b",", b'["573000000002",{"userName":"\xc3'),
    "behind a record": (b"[" + GOOD, b""),
    "behind a comma": (b"[" + GOOD + b",\n", b""),
    "two in one": (b"[" + GOOD, GOOD + b"] \n"),
    "behind the end": (b"[" + GOOD + b"]\n", b"\x00\x00\xff "),
    "no comma": (b"[" + GOOD + b" ", b"; " + LAST + b"]"),
    "neither": (b"\xef\xbb\xbf ", b"hello \xff\x00 [" + GOOD + b"]"),
    "no colon": (b'{"573000000001":{"userName":"Ana"}, ', b'"a" {"b":1}, "c":{}}'),
    "member without end": (b'{"573000000001":{"userName":"Ana"}, ', b'"573000000002" : {"b":1, "c":{}'),
}


@pytest.mark.parametrize(("before", "rest"), TORN.values(), ids=TORN)
def test_what_is_torn_off_is_kept_to_the_end_of_the_file(bring, verify, autocommit, before, rest):
    report = bring(before + rest)
    assert report.rejected == 1
    ((_, pointer, offset, record),) = autocommit.execute(KEPT).fetchall()
    assert (offset, record) == (len(before), rest)
    assert pointer == report.rejects[0].pointer
    seen = verify()
    assert seen.passed, seen.differences
    assert (seen.guests, seen.kept) == (report.guests, 1)


def test_in_an_object_the_key_is_part_of_the_record(bring, verify, autocommit):
    members = [b'"x/~" : {"a":1}', b'"573000000003":7', b'"y":{"b" 1}']
    bring(b'{"573000000001":{"userName":"Ana"},' + b" , ".join(members) + b"}")
    kept = autocommit.execute(KEPT).fetchall()
    assert [(row[1], row[3]) for row in kept] == list(zip(["/x~1~0", "/573000000003", "/y"], members, strict=True))
    seen = verify()
    assert (seen.passed, seen.kept) == (True, 3)


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_a_file_in_utf_16(bring, verify, autocommit, encoding):
    before, record = (text.encode(encoding) for text in (f"\ufeff[{GOOD.decode()},", '["x",{"a":"Ñ👋"}]'))
    bring(before + record + "]".encode(encoding))
    assert autocommit.execute(KEPT).fetchall() == [("threads.json", "/1", len(before), record)]
    assert verify().passed


def test_many_rejects_among_usual_pairs_in_several_windows(bring, verify, autocommit):
    records = [
        f'["{"grupo ñ" if at % 7 == 3 else 573000000000 + at}", {{"userName":"Ana {at}{"" if at % 5 else " 👋"}"}} ]'
        for at in range(12_000)
    ]
    data = ("[" + " ,\n".join(records) + "]").encode()
    report = bring(data)
    kept = autocommit.execute(KEPT).fetchall()
    assert len(kept) == report.rejected == len(range(3, 12_000, 7))
    assert [row[3].decode() for row in kept] == records[3::7]
    assert all(data[offset : offset + len(record)] == record for _, _, offset, record in kept)
    seen = verify()
    assert (seen.passed, seen.kept) == (True, len(kept))


SPOIL_BYTES = """
    ALTER TABLE legacy_reject_records DROP CONSTRAINT legacy_reject_records_sha256_check;
    UPDATE legacy_reject_records SET record = '[]'
    WHERE sha256 = (SELECT sha256 FROM legacy_rejects WHERE number = 2)
"""
DATA = [b'["x",{"a":1}]', b'["573000000003",[1,2]]', b"5"]


@pytest.mark.parametrize(
    "spoil",
    [
        "DELETE FROM legacy_rejects WHERE number = 2",
        "UPDATE legacy_rejects SET sha256 = NULL WHERE number = 2",
        "UPDATE legacy_rejects SET byte_offset = byte_offset + 1 WHERE number = 2",
        "UPDATE legacy_rejects SET path = 'guest_profiles.json' WHERE number = 2",
        "UPDATE legacy_rejects SET sha256 = (SELECT sha256 FROM legacy_rejects WHERE number = 1) WHERE number = 2",
        SPOIL_BYTES,
    ],
)
def test_what_is_not_kept_as_it_is_in_the_file_is_a_difference(bring, verify, autocommit, spoil):
    bring(b"[" + b",".join([GOOD, *DATA]) + b"]")
    assert verify().kept == 3
    autocommit.execute(spoil.encode())
    seen = verify()
    assert (seen.different, seen.kept) == (1, 2)
    assert seen.differences[0].pointer == "/2"
    assert "legacy_rejects" in seen.differences[0].reason


def test_a_file_that_was_changed_is_a_difference(bring, verify, folder):
    data = b"[" + b",".join([GOOD, *DATA]) + b"]"
    bring(data)
    (folder / "threads.json").write_bytes(data.replace(b'"a":1', b'"a":2'))
    assert [each.pointer for each in verify().differences] == ["/1"]


def test_a_guest_among_what_is_kept_is_a_difference(bring, verify, autocommit):
    """An import that rejects too much, or too much at once, is found out."""
    bring(b"[" + GOOD + b"," + LAST + b"]", own_numbers=(OTHER,))
    assert verify().different == 1
    bring(b'[["x",{}],' + GOOD + b',["y",{}]]')
    whole = b'["x",{}],' + GOOD + b',["y",{}]'
    autocommit.execute(
        "WITH added AS (INSERT INTO legacy_reject_records VALUES (sha256(%(whole)s), %(whole)s))"
        " UPDATE legacy_rejects SET sha256 = sha256(%(whole)s) WHERE byte_offset = 1",
        {"whole": whole},
    )
    assert [each.pointer for each in verify().differences] == ["/0"]


def test_what_is_deleted_while_the_files_are_read_is_a_difference(bring, verify, autocommit, monkeypatch):
    bring(b"[" + b",".join([GOOD, *DATA]) + b"]")
    reading = verifying.read_into_buckets

    def read_later(*given, **known):
        autocommit.execute("DELETE FROM legacy_rejects WHERE number = 2")
        return reading(*given, **known)

    monkeypatch.setattr(verifying, "read_into_buckets", read_later)
    seen = verify()
    assert ([each.pointer for each in seen.differences], seen.kept) == (["/2"], 2)


# As much of the file as the first import saw: what it keeps must not hinder the reading of the whole one.
BAD = b'["x",{"a":1}]'
WHOLE = b"[" + b",".join([GOOD, LAST, BAD, GOOD.replace(b"Ana", b"Eva")]) + b"]"
CUTS = {
    "nothing": 0,
    "the bracket": 1,
    "within a guest": WHOLE.index(LAST) + 20,
    "before a guest": WHOLE.index(LAST),
    "before a comma": WHOLE.index(BAD) - 1,
    "before a reject": WHOLE.index(BAD),
    "within a reject": WHOLE.index(BAD) + 7,
    "behind a reject": WHOLE.index(BAD) + len(BAD),
    "before the end": len(WHOLE) - 1,
}


@pytest.mark.parametrize("cut", CUTS.values(), ids=CUTS)
def test_what_is_kept_of_a_torn_file_does_not_hinder_the_whole_one(bring, verify, folder, database_url, cut):
    bring(WHOLE[:cut])
    seen = verify()
    assert seen.passed, seen.differences
    assert bring(WHOLE).rejected == 1
    seen = verify()
    assert seen.passed, seen.differences
    assert (seen.records, seen.guests, [each.pointer for each in seen.kept_rejects]) == (4, 2, ["/2"])
    assert cleanup_directory(folder, settings=Settings(), url=database_url).deleted == ["threads.json"]


def test_before_a_reject_no_byte_is_kept_of_a_torn_file(bring, verify, autocommit):
    """Two stretches at one place, one of them empty, whatever the order of the imports."""
    torn = WHOLE[: CUTS["before a reject"]]
    for data in (torn, WHOLE, torn, WHOLE):
        bring(data)
        seen = verify()
        assert (seen.passed, seen.kept) == (True, 1), seen.differences
    at = autocommit.execute("SELECT DISTINCT byte_offset FROM legacy_rejects").fetchall()
    assert at == [(CUTS["before a reject"],)]


def test_a_file_imported_twice_is_kept_until_both_are_deleted(bring, verify, autocommit):
    for data in (WHOLE, WHOLE[:50], WHOLE):
        bring(data)
    delete = (
        b"DELETE FROM legacy_rejects WHERE import_id = (SELECT max(import_id) FROM legacy_rejects WHERE pointer = '/2')"
    )
    autocommit.execute(delete)
    assert (verify().passed, verify().kept) == (True, 1)
    autocommit.execute(delete)
    assert [each.pointer for each in verify().differences] == ["/2"]


def test_what_another_state_of_the_file_had_does_not_stand_for_what_is_lost_of_this_one(bring, verify, autocommit):
    bring(WHOLE)
    bring(WHOLE.replace(b"Eva", b"Isa"))
    autocommit.execute("DELETE FROM legacy_rejects WHERE import_id = (SELECT max(id) FROM legacy_imports)")
    assert [each.pointer for each in verify().differences] == ["/2"]


def test_each_path_has_what_is_kept_of_its_own(bring, verify, folder, autocommit):
    """Equal bytes in another file, of which a torn state was imported, prove nothing of this one."""
    backup = folder / "backups" / "threads-2025-01-01T00-00-00-000Z.json"
    backup.parent.mkdir()
    backup.write_bytes(WHOLE[:50])
    bring(WHOLE)
    backup.write_bytes(WHOLE)
    bring(WHOLE[:50])
    bring(WHOLE)
    seen = verify()
    assert (seen.passed, seen.kept) == (True, 2), seen.differences
    autocommit.execute("DELETE FROM legacy_rejects WHERE path <> 'threads.json'")
    assert [each.path for each in verify().differences] == [f"backups/{backup.name}"]


def test_a_file_that_changes_between_the_readings_is_judged_by_what_was_compared(bring, verify, folder, monkeypatch):
    bring(WHOLE)
    bring(WHOLE[: CUTS["within a reject"]])
    reading = verifying.read_into_buckets

    def read_later(*given, **known):
        (folder / "threads.json").write_bytes(WHOLE)
        return reading(*given, **known)

    monkeypatch.setattr(verifying, "read_into_buckets", read_later)
    seen = verify()
    assert (seen.passed, seen.kept, seen.files[0].size) == (False, 0, len(WHOLE))
    assert seen.differences[0].pointer == "/2"
    assert verify().passed


def test_a_file_that_cannot_be_read_is_reported(bring, verify, monkeypatch):
    bring(WHOLE)
    opened = Path.open

    def broken(path, *args, **options):
        return opened(path.parent if path.name == "threads.json" else path, *args, **options)

    monkeypatch.setattr(Path, "open", broken)
    with pytest.raises(LegacyFileError, match="cannot be read"):
        verify()


def test_cleanup_passes_and_restore_brings_the_file_back(bring, folder, database_url):
    data = b"[" + b",".join([GOOD, *DATA, b'["y",{"a":"\x00'])
    bring(data)
    report = cleanup_directory(folder, settings=Settings(), url=database_url)
    assert report.passed
    assert report.deleted == ["threads.json"]
    assert report.verification is not None
    assert report.verification.kept == 4
    restore_directory(folder)
    assert (folder / "threads.json").read_bytes() == data


def test_cleanup_does_not_pass_when_a_reject_is_not_kept(bring, folder, database_url, autocommit):
    bring(b"[" + b",".join([GOOD, *DATA]) + b"]")
    autocommit.execute("DELETE FROM legacy_rejects WHERE number = 2")
    assert not cleanup_directory(folder, settings=Settings(), url=database_url).passed
    assert (folder / "threads.json").exists()


def test_export_tells_what_stays_behind(bring, tmp_path, database_url):
    bring(b"[" + b",".join([GOOD, *DATA]) + b"]")
    report = export_directory(tmp_path / "out", settings=Settings(), url=database_url)
    assert report.rejects == report.as_dict()["rejects"] == 3


def test_each_record_is_stored_once_however_many_imports_and_files_hold_it(bring, folder, verify, autocommit):
    data = b"[" + b",".join([GOOD, *DATA, DATA[0]]) + b"]"
    (folder / "backups").mkdir()
    (folder / "backups" / "threads-2025-01-01T00-00-00-000Z.json").write_bytes(data)
    bring(data)
    bring(data)
    assert autocommit.execute("SELECT count(*) FROM legacy_rejects").fetchone() == (16,)
    assert autocommit.execute("SELECT count(*) FROM legacy_reject_records").fetchone() == (3,)
    assert verify().kept == 8
    # Mended: nothing of it is rejected any more, and what was stays until it is deleted.
    assert bring(b"[" + GOOD + b"]").unchanged == 1
    assert verify().passed


def test_they_are_listed_found_and_deleted(bring, database_url, autocommit):
    first = bring(b"[" + b",".join([GOOD, *DATA]) + b"]")
    second = bring(b"[" + b",".join([GOOD, DATA[0], b'["y",{"phone":"573000000009"}]']) + b"]")
    with GuestDatabase(database_url) as database:
        queries = database.queries
        listed = queries.list_legacy_rejects(import_id=first.import_id)
        assert [(each.pointer, each.record) for each in listed] == list(zip(["/1", "/2", "/3"], DATA, strict=True))
        (found,) = queries.find_legacy_rejects(text="573000000009")
        assert (found.import_id, found.pointer) == (second.import_id, "/2")
        assert queries.delete_legacy_rejects(import_id=first.import_id) == 3
        assert autocommit.execute("SELECT record FROM legacy_reject_records ORDER BY 1").fetchall() == [
            (DATA[0],),
            (b'["y",{"phone":"573000000009"}]',),
        ]
        assert queries.forget_legacy_rejects(text="573000000009") == 1
        assert queries.find_legacy_rejects(text="573000000009") == []
        assert queries.forget_legacy_rejects(text="/1") == 1
        assert autocommit.execute("SELECT count(*) FROM legacy_reject_records").fetchone() == (0,)


def test_what_is_too_long_is_reported_and_stays_a_difference(bring, verify, monkeypatch, autocommit):
    monkeypatch.setattr(read, "LONGEST_REJECT", 10)
    report = bring(b"[" + b",".join([GOOD, *DATA]) + b"]")
    assert [row[3] for row in autocommit.execute(KEPT).fetchall()] == [None, None, b"5"]
    assert [each.reason.endswith("too long to be kept") for each in report.rejects] == [True, True, False]
    assert (verify().different, verify().kept) == (2, 1)
    report = bring(b"[" + GOOD + b',["y",{"a":"bcdefghi')
    assert report.rejects[0].reason.endswith("too long to be kept")


def test_rejects_of_before_the_migration_stay_and_are_reported_as_not_kept(empty_database_url, folder, tmp_path):
    old = tmp_path / "old"
    old.mkdir()
    for path in MIGRATIONS.glob("000[1-8]_*.sql"):
        (old / path.name).write_bytes(path.read_bytes())
    make_runner(empty_database_url, old).up()
    with psycopg.connect(empty_database_url, autocommit=True) as connection:
        connection.execute(
            "INSERT INTO legacy_imports (started_at, files, records, guests, inserted, updated, unchanged, rejected,"
            " merged, file_bytes, table_bytes, seconds) VALUES (now(), '[]', 1, 0, 0, 0, 0, 1, 0, 0, 0, 0)"
        )
        connection.execute("INSERT INTO legacy_rejects VALUES (1, 1, 'threads.json', '/0', 'unusable key')")
        make_runner(empty_database_url, MIGRATIONS).up()
        assert connection.execute(KEPT).fetchall() == [("threads.json", "/0", None, None)]
        (folder / "threads.json").write_bytes(b'[["x",{}]]')
        seen = verify_directory(folder, settings=Settings(), url=empty_database_url)
        assert (seen.different, seen.kept) == (1, 0)
        import_directory(folder, settings=Settings(), url=empty_database_url)
        seen = verify_directory(folder, settings=Settings(), url=empty_database_url)
        assert (seen.different, seen.kept) == (0, 1)
        assert connection.execute("SELECT count(*) FROM legacy_rejects").fetchone() == (2,)


PIECES = st.sampled_from([GOOD, LAST, *AMID.values(), b"{", b"}", b"]", b'"', b"\\", b"\xff", b"}],[", b""])


ENDS = st.sampled_from([b"]", b"", b"]]"])
ARRAYS = st.builds(
    lambda pieces, comma, end: b"[" + comma.join(pieces) + end,
    st.lists(PIECES, max_size=6),
    st.sampled_from([b",", b" , ", b""]),
    ENDS,
)


@given(ARRAYS)
@example(b"[ , " + GOOD + b"]")
@examples(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_after_any_damage_no_byte_is_lost(bring, verify, autocommit, data):
    autocommit.execute("TRUNCATE guest_profiles, legacy_imports, legacy_rejects, legacy_reject_records CASCADE")
    report = bring(data)
    kept = autocommit.execute(KEPT).fetchall()
    assert all(data[offset : offset + len(record)] == record for _, _, offset, record in kept)
    seen = verify()
    assert seen.passed, seen.differences
    assert seen.kept <= report.rejected
