"""The check of a guest's key refuses what one regular expression would refuse, and nothing else."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg import Connection

KEY = r"^([1-9][0-9]{6,14}(#[1-9][0-9]{0,8})?|[0-9]{1,32}@lid|[A-Z]{2}\.(ENT\.)?[A-Za-z0-9]{1,128})$"
TABLES = ["guest_profiles", "historical_clients"]

_CHARACTERS = st.text(st.sampled_from("0123456789@lidCO.aZ+ \nñ٣#"), max_size=20)
_DIGITS = st.text(st.sampled_from("0123456789"), max_size=40)
_NEARLY = st.builds(
    str.__add__,
    st.sampled_from(["", "0", "1", "CO.", "co.", "C.", "US.ENT.", "US.ENT", "US.ABC.", " ", "\n"]),
    st.builds(str.__add__, _DIGITS, st.sampled_from(["", "@lid", "@lid\n", "a", "\n", "#", "#1", "#20", "#0", "#1\n"])),
)


def expression(connection: Connection, table: str) -> str:
    row = connection.execute(
        "SELECT pg_get_expr(conbin, conrelid), convalidated FROM pg_constraint WHERE conname = %s",
        [f"{table}_phone_number_check"],
    ).fetchone()
    assert row is not None
    assert row[1], "the check was not validated"
    return row[0]


@pytest.fixture(params=TABLES)
def check(connection: Connection, request: pytest.FixtureRequest) -> str:
    return expression(connection, request.param)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(keys=st.lists(st.one_of(_CHARACTERS, _DIGITS, _NEARLY), min_size=50, max_size=200))
def test_the_check_refuses_the_same(connection: Connection, check: str, keys: list[str]) -> None:
    differing = connection.execute(
        f"SELECT phone_number FROM unnest(%s::text[]) AS phone_number WHERE (phone_number ~ %s) <> ({check})",
        [keys, KEY],
    ).fetchall()
    assert differing == []


def test_the_longest_and_shortest_keys(connection: Connection, check: str) -> None:
    keys = [
        f"{head}{'1' * length}{tail}"
        for head in ("", "CO.", "CO.ENT.")
        for tail in ("", "@lid", "#2")
        for length in range(131)
    ]
    accepted = connection.execute(
        f"SELECT phone_number ~ %s, {check} FROM unnest(%s::text[]) AS phone_number",
        [KEY, keys],
    ).fetchall()
    assert {first for first, _ in accepted} == {True, False}
    assert all(first == now for first, now in accepted)
