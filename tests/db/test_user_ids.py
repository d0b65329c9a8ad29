"""Python, the import and SQL read the spellings of a guest's id alike."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from psycopg import Connection

from guestsql import Settings
from guestsql.errors import InvalidUserId
from guestsql.guests.identity import canonical_user_id
from guestsql.guests.values import is_placeholder
from guestsql.legacy import import_directory
from tests.databases import GUEST
from tests.unit.test_identity import NO_GUESTS, SPELLINGS, UNCERTAIN

WIDE = "".join(chr(0xFEE0 + ord(sign)) for sign in "0+-().:@/")
MARKS = "\u00ad\u200b\u200e\u202a\ufeff\u00b2\u00bd\u2466"
ODD = WIDE + MARKS + "\u0660\u06f9\u0966\u0be7\u00a0\u2009\u3000\u2011\u2212\t\n\x0b\x85\u00e9"
PIECES = [
    *"0123456789+-.()/ @'x,;:#_",
    *ODD,
    *("57", "300", "000", "0001", "44", "353", "573000000001", "5730000", "(0)", "(57)", "00", " - ", ".0", "12"),
    *("tel:", "TEL:", "whatsapp:", "https://wa.me/", "wa.me/", "https://api.whatsapp.com/send?phone=", ";ext=1", "x1"),
    *("@s.whatsapp.net", "@C.US", "@lid", "@hosted.lid", "@L\u0130D", "@g.us", "@example.org", ":12", "_1"),
    *("CO.", "US.ENT.", "aB9", "v"),
]
# Before version 16, '\v' in a string of the server is the letter.
LETTER_V = ["CO.abcv", "CO.v", "v573000000001", "573000000001v", "\x0b573000000001\x0b", "vUsuariov", "\x0bUsuario"]
SPELLED = st.one_of(
    st.lists(st.sampled_from(PIECES), max_size=8).map("".join),
    st.lists(st.from_regex("[0-9]{1,4}", fullmatch=True), min_size=2, max_size=5).flatmap(
        lambda groups: st.builds(
            lambda front, space, last: front + space.join(groups) + last,
            st.sampled_from(["", "+", "00", "+57 ", "+44 ", "(", "tel:"]),
            st.sampled_from([" ", "-", ".", " - ", ") ", "/", ",", "\u00a0"]),
            st.sampled_from(["", "", ".0", "/2", "-1", "@c.us", " "]),
        )
    ),
    st.text(st.characters(exclude_categories=["Cs", "Cn", "Co", "Cf"], exclude_characters="\x00"), max_size=20),
    st.sampled_from([*SPELLINGS, *UNCERTAIN, *NO_GUESTS]),
)


def key_of(spelling: str) -> str | None:
    try:
        return canonical_user_id(spelling)
    except InvalidUserId:
        return None


@cache
def generated() -> list[str]:
    """Spellings, each once: all of them go to the server in one round."""
    found: dict[str, None] = dict.fromkeys([*SPELLINGS, *UNCERTAIN, *NO_GUESTS])

    @settings(max_examples=300)
    @given(SPELLED)
    def collect(text: str) -> None:
        found[text] = None

    collect()
    return list(found)


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(spellings=st.lists(SPELLED, min_size=40, max_size=80))
@example([*SPELLINGS, *UNCERTAIN, *NO_GUESTS, *LETTER_V])
def test_python_and_sql_read_the_same_ids(connection: Connection, spellings: list[str]) -> None:
    rows = connection.execute(
        "SELECT spelling, guestsql_user_id(spelling) FROM unnest(%s::text[]) AS spelling", [spellings]
    ).fetchall()
    assert [(spelling, key) for spelling, key in rows if key != key_of(spelling)] == []


@pytest.mark.parametrize("table", ["guest_profiles", "historical_clients"])
def test_every_id_can_be_stored(connection: Connection, table: str) -> None:
    keys = {key for spelling in generated() if (key := key_of(spelling))} | {"US.ENT." + "a" * 128}
    connection.execute(f"INSERT INTO {table} (phone_number) SELECT unnest(%s::text[])", [list(keys)])


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(names=st.lists(SPELLED, min_size=20, max_size=40))
@example(
    [
        *SPELLINGS,
        *UNCERTAIN,
        "Usuario",
        " USUARIO\n",
        "Ana",
        "Ana 7",
        "\u200e",
        "CO.abc",
        "81234567890123:4@lid",
        *LETTER_V,
        "\x85573000000001",
        "\x1cUsuario",
        "\xa0Usuario\u2028",
    ]
)
def test_python_and_sql_know_the_same_placeholders(connection: Connection, names: list[str]) -> None:
    for key in (GUEST, "CO.abc", "81234567890123@lid"):
        rows = connection.execute(
            "SELECT name, guestsql_is_placeholder(name, %s) FROM unnest(%s::text[]) AS name", [key, names]
        ).fetchall()
        assert [(name, is_one) for name, is_one in rows if is_one != is_placeholder(name, key)] == []


def test_the_import_reads_the_same_ids(database_url: str, autocommit: Connection, tmp_path: Path) -> None:
    spellings = generated()
    (tmp_path / "threads.json").write_text(json.dumps([[each, {"threadId": "t"}] for each in spellings]))
    report = import_directory(tmp_path, settings=Settings(), url=database_url)
    rejected = {int(reject.pointer[1:]) for reject in report.rejects}
    assert rejected == {place for place, each in enumerate(spellings) if key_of(each) is None}
    stored = autocommit.execute("SELECT phone_number FROM guest_profiles").fetchall()
    assert {key for (key,) in stored} == {key for each in spellings if (key := key_of(each))}
