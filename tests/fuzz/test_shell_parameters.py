"""Texts that a person gives as parameters come back as the values that they are, or are refused by name."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from guestsql.adhoc.parameters import ParameterError
from guestsql.adhoc.session import QuerySession
from guestsql.adhoc.target import Target
from guestsql.cli.params import parse_parameters
from guestsql.errors import DatabaseError
from guestsql.settings import Settings
from guestsql.sql.reading import read_queries

HOSTILE = [
    "'",
    '"',
    "\\",
    "{",
    "}",
    ",",
    ";",
    "--",
    "/*",
    "$$",
    "%s",
    ":a",
    "$1",
    "NULL",
    "\n",
    "\t",
    " ",
    "é",
    "😀",
    "=",
    "a",
    "1",
    "x'; DROP TABLE guest_profiles; --",
]
_TEXT = st.one_of(st.lists(st.sampled_from(HOSTILE), max_size=6).map("".join), st.text(max_size=12))
_QUERY = """
-- name: get_values(a, b, n)^
--   a: text
--   b: text[]
--   n: int = 1
SELECT :a::text AS a, :b::text[] AS b, :n::int AS n
"""
QUERY = read_queries(_QUERY.encode(), Path("a.sql"))[0][0]


@pytest.fixture(scope="module")
def session(_rolled_back_url: str) -> Iterator[QuerySession]:
    """One that stays connected."""
    settings = Settings(database_url=_rolled_back_url)
    opened = QuerySession(Target(settings, _rolled_back_url, "DATABASE_URL"))
    yield opened
    opened.close()


@settings(max_examples=30)
@given(st.lists(_TEXT, max_size=4), st.lists(_TEXT, max_size=2))
def test_any_pairs_are_read_or_refused_in_words(pairs: list[str], nulls: list[str]) -> None:
    try:
        values = parse_parameters(QUERY, pairs, nulls)
    except (click.UsageError, ParameterError) as error:
        assert str(error)
    else:
        assert list(values) == ["a", "b", "n"]


@settings(max_examples=30)
@example("\ud800", ["a"])
@given(_TEXT, st.lists(_TEXT, max_size=4))
def test_a_text_and_a_list_come_back(session: QuerySession, text: str, elements: list[str]) -> None:
    try:
        values = parse_parameters(QUERY, [f"a={text}", f"b={','.join(elements)}"], [])
    except ParameterError:
        assert "\0" in text + "".join(elements) or not _is_unicode(text + "".join(elements))
        return
    listed = ",".join(elements)
    if listed.lstrip().startswith("{"):  # a literal of PostgreSQL's, which may be a wrong one
        values["b"] = None
    (row,) = session.run(QUERY, values, 10).rows
    assert row[0] == text
    assert row[1] in (None, [part.strip() for part in listed.split(",") if part.strip()])


@settings(max_examples=30)
@given(_TEXT, _TEXT)
def test_a_value_of_another_type_is_refused_by_name(session: QuerySession, array: str, number: str) -> None:
    try:
        session.run(QUERY, parse_parameters(QUERY, ["a=x", f"b={{{array}", f"n={number}"], []), 10)
    except ParameterError as error:
        assert error.parameter in ("b", "n")
    except DatabaseError as error:
        raise AssertionError(error) from error


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
