"""A file that is not UTF-8, or not all of it, loses no letter."""

from __future__ import annotations

import json

import pytest

from guestsql import Settings
from guestsql.legacy import import_directory
from guestsql.legacy.verifying import verify_directory
from tests.cli.shell import invoke

PHONE = "573000000001"
OTHER = "573000000002"
NAME = "Señora Ñúñez “María” €5"
RECORDS = [
    [PHONE, {"userName": NAME, "labels": ["cotización", {"id": "1", "name": "Año"}], "odd": {"ñ": "ü"}}],
    [OTHER, {"userName": "Ana"}],
]


@pytest.fixture
def bring(tmp_path, database_url):
    def _bring(data: bytes):
        (tmp_path / "threads.json").write_bytes(data)
        return import_directory(tmp_path, settings=Settings(), url=database_url)

    return _bring


@pytest.fixture
def verify(tmp_path, database_url):
    return lambda: verify_directory(tmp_path, settings=Settings(), url=database_url)


@pytest.fixture
def row(autocommit):
    columns = "user_name, labels, profile_data #> %s"
    path = ["legacy", "threads", PHONE]
    return lambda: autocommit.execute(
        f"SELECT {columns} FROM guest_profiles WHERE phone_number = %s", [path, PHONE]
    ).fetchone()


@pytest.mark.parametrize("indent", [None, 2])
def test_a_file_in_windows_1252_loses_no_letter(bring, verify, row, indent):
    text = json.dumps(RECORDS, ensure_ascii=False, indent=indent)
    report = bring(text.encode("cp1252"))
    assert (report.guests, report.rejected) == (2, 0)
    assert row() == (NAME, ["cotización", "Año"], RECORDS[0][1])
    assert report.files[0].not_utf8 == sum(not character.isascii() for character in text)
    verified = verify()
    assert (verified.passed, verified.differences) == (True, [])


def test_a_part_that_is_not_utf8_changes_nothing_else(bring, verify, autocommit):
    utf8 = json.dumps(RECORDS[0], ensure_ascii=False).encode()
    report = bring(b"[" + utf8 + f',["{OTHER}",{{"userName":"Núñez"}}]]'.encode("latin-1"))
    assert report.files[0].not_utf8 == 2
    names = autocommit.execute("SELECT user_name FROM guest_profiles ORDER BY phone_number").fetchall()
    assert names == [(NAME,), ("Núñez",)]
    assert verify().passed


def test_utf8_is_not_reported(bring):
    assert bring(json.dumps(RECORDS, ensure_ascii=False).encode()).files[0].not_utf8 == 0


def test_each_byte_is_one_letter(bring, verify, autocommit):
    every = range(0x80, 0x100)
    # A letter between them: two bytes in a row could be UTF-8.
    report = bring(b'[["%s",{"userName":"a%sz"}]]' % (PHONE.encode(), b"a".join(bytes([byte]) for byte in every)))
    assert report.files[0].not_utf8 == len(every)
    [name] = autocommit.execute("SELECT user_name FROM guest_profiles").fetchone()
    assert name[1:-1:2] == "".join(bytes([byte]).decode("cp1252", "ignore") or chr(byte) for byte in every)
    assert verify().passed


def test_what_is_rejected_behind_it_is_kept_byte_for_byte(bring, verify, autocommit):
    latin = f'["{OTHER}",{{"userName":"Núñez"}}]'.encode("latin-1")
    broken = '["Ñ",{"a":1}]'.encode("latin-1")
    report = bring(b"[" + latin + b"," + broken + b"," + latin.replace(OTHER.encode(), PHONE.encode()) + b"]")
    assert (report.guests, [reject.pointer for reject in report.rejects]) == (2, ["/1"])
    assert autocommit.execute("SELECT record FROM legacy_reject_records").fetchall() == [(broken,)]
    assert autocommit.execute("SELECT byte_offset FROM legacy_rejects").fetchall() == [(len(latin) + 2,)]
    verified = verify()
    assert (verified.passed, verified.kept) == (True, 1)


def test_the_command_says_so(tmp_path, database_url):
    (tmp_path / "threads.json").write_bytes(f'[["{PHONE}",{{"userName":"Núñez"}}]]'.encode("latin-1"))
    result = invoke("legacy", "import", str(tmp_path), DATABASE_URL=database_url)
    assert "threads.json: read as Windows-1252 where it is not UTF-8 (2 bytes)" in result.stderr
