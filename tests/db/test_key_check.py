"""The check of a guest's key refuses what the first one, a regular expression, refused, and nothing else."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from psycopg import Connection

FIRST = r"^([1-9][0-9]{6,14}|[0-9]{1,32}@lid|[A-Z]{2}\.[A-Za-z0-9]{1,128})$"

_CHARACTERS = st.text(st.sampled_from("0123456789@lidCO.aZ+ \nñ٣"), max_size=20)
_DIGITS = st.text(st.sampled_from("0123456789"), max_size=40)
_NEARLY = st.builds(
    str.__add__,
    st.sampled_from(["", "0", "1", "CO.", "co.", "C.", " ", "\n"]),
    st.builds(str.__add__, _DIGITS, st.sampled_from(["", "@lid", "@lid\n", "a", "\n"])),
)


def expression(connection: Connection) -> str:
    row = connection.execute(
        "SELECT pg_get_expr(conbin, conrelid), convalidated FROM pg_constraint"
        " WHERE conname = 'guest_profiles_phone_number_check'"
    ).fetchone()
    assert row is not None
    assert row[1], "the check was not validated"
    return row[0]


def test_the_two_checks_refuse_the_same(connection: Connection) -> None:
    check = expression(connection)

    @settings(max_examples=40)
    @given(st.lists(st.one_of(_CHARACTERS, _DIGITS, _NEARLY), min_size=50, max_size=200))
    def same(keys: list[str]) -> None:
        differing = connection.execute(
            f"SELECT phone_number FROM unnest(%s::text[]) AS phone_number WHERE (phone_number ~ %s) <> ({check})",
            [keys, FIRST],
        ).fetchall()
        assert differing == []

    same()


def test_the_longest_and_shortest_keys(connection: Connection) -> None:
    check = expression(connection)
    keys = [f"{head}{'1' * length}{tail}" for head in ("", "CO.") for tail in ("", "@lid") for length in range(131)]
    accepted = connection.execute(
        f"SELECT phone_number ~ %s, {check} FROM unnest(%s::text[]) AS phone_number",
        [FIRST, keys],
    ).fetchall()
    assert {first for first, _ in accepted} == {True, False}
    assert all(first == now for first, now in accepted)
