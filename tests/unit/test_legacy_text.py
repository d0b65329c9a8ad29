"""The escape of what jsonb refuses: reversible, and nothing of it reaches a column."""

from __future__ import annotations

import json
import re
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guestsql.legacy.reading.json_text import Literal, clean, dump, escape, restore, unescape

NASTY = st.text(
    st.one_of(st.characters(exclude_categories=()), st.sampled_from(list("\\u0dD8f5c\x00\ud83d\udf34"))), max_size=30
)
VALUES = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.decimals(allow_nan=False, allow_infinity=False, places=3),
        NASTY,
        st.sampled_from([Literal("NaN"), Literal("-Infinity"), Literal("9" * 5000)]),
    ),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NASTY, inner, max_size=4),
    max_leaves=12,
)
REFUSED = re.compile("\x00|[\ud800-\udfff]")


@given(NASTY)
def test_an_escaped_text_comes_back(text):
    assert unescape(escape(text)) == text


@given(NASTY)
def test_postgresql_accepts_what_is_escaped_or_cleaned(text):
    assert not REFUSED.search(escape(text))
    assert not REFUSED.search(clean(text))


@given(NASTY, NASTY)
def test_two_texts_never_become_one(one, other):
    assert (escape(one) == escape(other)) == (one == other)


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        ("Ana 🌴", "Ana 🌴"),
        ("a\x00b", r"a\u0000b"),
        ("\ud83d!", r"\ud83d!"),
        (r"\u0000", r"\u005cu0000"),
        (r"C:\users", r"C:\users"),
        ("\\\x00", r"\\u0000"),
    ],
)
def test_the_escape(text, escaped):
    assert escape(text) == escaped


@given(VALUES)
def test_a_dumped_value_comes_back(value):
    text = dump(value)
    assert r"\u0000" not in text.replace(r"\\", "")
    assert restore(json.loads(text, parse_float=Decimal)) == value


def test_integers_and_decimals_stay_exact():
    assert dump({"id": 9007199254740993, "price": Decimal("0.10000000000000000001")}) == (
        '{"id":9007199254740993,"price":0.10000000000000000001}'
    )


def test_a_text_that_looks_like_an_escaped_number_stays_a_text():
    value = r"\u0023NaN"
    assert restore(json.loads(dump(value))) == value
