"""Types in the comments of parameters, however they are spelt: read, checked, and given a sample value and a stub."""

from __future__ import annotations

import psycopg
import pytest

from guestsql.check import scratch_database
from guestsql.check.infer import infer
from guestsql.errors import DatabaseError
from guestsql.migrate import PACKAGED, Series
from guestsql.settings import Settings
from guestsql.sql._sync.connection import connect
from guestsql.sql.packaged import ask_types, packaged_queries
from guestsql.sql.reading import read_queries
from guestsql.sql.type_names import TYPE_NAME, plain_type
from tests.checking import check_text, extended_migrations, told

SPELLINGS = [
    '"UserRole"',
    'public."UserRole"',
    'public . "UserRole"',
    '"UserRole"[]',
    'U&"User\\0052ole"',
    '"char"',
    '"char"[]',
    '"int4"',
    "int array",
    "int ARRAY[3]",
    "int[3][]",
    "interval day to second",
    "interval day to second(3)",
    "interval year to month",
    "interval hour",
    "interval(3)",
    "numeric(10,2)[]",
    "dec(10, 2)",
    "timestamp(3) with time zone",
    "timestamp  without  time zone",
    "time(0) with time zone[]",
    "double precision",
    "Double Precision[]",
    "float(53)",
    "national character varying(3)",
    "nchar(3)",
    "char varying",
    "bit varying(5)",
    "pg_catalog.int4",
    "mood",
]
NO_TYPES = ["UserRole", "txt", '"mood "', "nowhere.mood", "a.b.c.d", "int with zone", "date to", "text(3)"]


@pytest.fixture(scope="module")
def extended(tmp_path_factory):
    return extended_migrations(tmp_path_factory.mktemp("check"))


@pytest.fixture(scope="module")
def scratch(server, extended):
    with scratch_database(Settings(), server.url(), [Series(PACKAGED, extended)]) as connection:
        yield connection


def _query(number, type_, cast):
    return f"-- name: get_{number}(x{number})$\n--   x{number}: {type_}, any\nSELECT :x{number}::{cast} AS x;\n\n"


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_a_name_is_scanned_as_a_whole(spelling):
    found = TYPE_NAME.match(f"{spelling} = 'a', and more")
    assert found is not None
    assert found.group() == spelling


def test_a_type_is_found_however_it_is_spelt(server, tmp_path, extended):
    text = "".join(_query(number, spelling, spelling) for number, spelling in enumerate(SPELLINGS))
    assert told(check_text(server.url(), tmp_path, {"q.sql": text}, extended)) == []


def test_what_is_no_type_is_found_each_by_itself(server, tmp_path, extended):
    text = "".join(_query(number, type_, "text") for number, type_ in enumerate([*NO_TYPES, "text"]))
    found = check_text(server.url(), tmp_path, {"q.sql": text}, extended)
    assert [(each.rule, each.line) for each in found] == [("GS205", 4 * at + 2) for at in range(len(NO_TYPES))]


def test_a_type_in_capitals_needs_quotes_and_the_hint_says_so(server, tmp_path, extended):
    (finding,) = check_text(server.url(), tmp_path, {"q.sql": _query(1, "UserRole", '"UserRole"')}, extended)
    assert finding.message == "no type is named UserRole"
    assert "double quotes" in finding.hint


def test_another_type_in_the_cast_is_found(server, tmp_path, extended):
    (finding,) = check_text(server.url(), tmp_path, {"q.sql": _query(1, '"UserRole"', "mood")}, extended)
    assert finding.rule == "GS107"


def test_the_name_that_stands_for_a_spelling_is_of_the_same_type(scratch):
    """What is known without a server, for sample values, names what the server knows; text stands for its kin."""
    kin = {"text", "text[]", "bit", "bit[]"}
    names = {spelling: plain_type(spelling) for spelling in SPELLINGS}
    ask = packaged_queries("internal/check.sql").list_type_oids
    oids = {name: row.type_oid for name, row in ask_types(scratch, [*names, *names.values()], ask).items()}
    for spelling, plain in names.items():
        assert oids[spelling] is not None
        if plain not in kin:
            assert oids[spelling] == oids[plain], (spelling, plain)


def test_the_stub_of_a_quoted_enum_has_its_labels(scratch, tmp_path):
    text = """-- name: list_members(role)
--   role: "UserRole", the role
SELECT id, role, kind FROM members WHERE role = :role::"UserRole" ORDER BY id LIMIT 50;
"""
    queries, errors = read_queries(text.encode(), tmp_path / "q.sql")
    assert errors == []
    found = infer(scratch, queries)["list_members"]
    assert found.parameters[0].annotation == '_typing.Literal["ADMIN", "GUEST"]'
    assert [column.annotation for column in found.columns] == ["int", '_typing.Literal["ADMIN", "GUEST"]', "str"]


def test_a_lost_connection_is_no_type_that_does_not_exist(server):
    connection = connect(Settings(), server.url())
    ask = packaged_queries("internal/check.sql").list_type_oids
    with psycopg.connect(server.url(), autocommit=True) as other:
        other.execute("SELECT pg_terminate_backend(%s)", [connection.info.backend_pid])
    with pytest.raises((DatabaseError, psycopg.Error)):
        ask_types(connection, ["int"], ask)
    connection.close()
