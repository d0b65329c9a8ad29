"""Values from outside: kept exactly, or refused with the place."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guestsql.errors import InvalidValue
from guestsql.guests.profile import profile_changes
from guestsql.guests.values import (
    CLEAR,
    LONGEST_LABEL,
    RAISE,
    clean_json,
    clean_labels,
    clean_text,
    clean_tokens,
    clean_ttl,
    is_blank,
    is_placeholder,
)
from guestsql.settings import LONGEST_TTL_SECONDS
from tests.databases import case_id

PHONE = "573000000001"
LEFT_OUT: dict[str, Any] = dict.fromkeys(
    ("chat_id", "user_name", "contact_name", "labels", "profile_data", "memory_enabled")
)


def test_sentinels_say_their_name() -> None:
    assert (repr(CLEAR), repr(RAISE)) == ("CLEAR", "RAISE")


@pytest.mark.parametrize("text", ["", "Ana", "cotización", "🏨", "a\nb", "'; DROP TABLE guests; --", "%s $1 :x"])
def test_texts_are_kept(text: str) -> None:
    assert clean_text(text, "it") == text


@pytest.mark.parametrize(
    ("text", "message"),
    [("a\x00b", "NUL"), ("\ud83d", "surrogate"), (None, "NoneType"), (5, "int"), (b"a", "bytes")],
    ids=case_id,
)
def test_texts_are_refused(text: object, message: str) -> None:
    with pytest.raises(InvalidValue, match=message) as caught:
        clean_text(text, "the name")
    assert "the name" in str(caught.value)


def test_half_an_emoji_can_be_fixed_as_the_hint_says() -> None:
    with pytest.raises(InvalidValue) as caught:
        clean_text("a\ud83db", "it")
    text = "a\ud83db"
    mended = eval(caught.value.hint.removeprefix("clean it with "), {"text": text})
    assert clean_text(mended, "it") == "a\N{REPLACEMENT CHARACTER}b"


@pytest.mark.parametrize("text", ["", " ", "\n\t", "\N{ZERO WIDTH SPACE}", "\N{ZERO WIDTH JOINER} \N{NO-BREAK SPACE}"])
def test_what_cannot_be_seen_is_blank(text: str) -> None:
    assert is_blank(text)
    with pytest.raises(InvalidValue, match="blank"):
        clean_text(text, "thread_id", blank=False)
    with pytest.raises(InvalidValue, match="label 1 is blank"):
        clean_labels(["a", text])
    assert is_placeholder(text, PHONE)


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        ([], []),
        ((), []),
        (["b", "a", "b"], ["b", "a"]),
        ([" Colega Jefe ", "Colega Jefe", "cotización"], ["Colega Jefe", "cotización"]),
        ({"a": 1}.keys(), ["a"]),
        ((label for label in "ba"), ["b", "a"]),
        (["null", "NULL", "{}", 'a"b', "a,b", "a\\b"], ["null", "NULL", "{}", 'a"b', "a,b", "a\\b"]),
    ],
    ids=case_id,
)
def test_labels(labels: Any, expected: list[str]) -> None:
    assert clean_labels(labels) == expected


@pytest.mark.parametrize(
    "labels",
    [None, "VIP", b"VIP", {"name": "VIP"}, 5, [None], [5], [["VIP"]], [{"name": "VIP"}], [""], ["a\x00"], ["\ud83d"]],
    ids=case_id,
)
def test_labels_that_are_none(labels: Any) -> None:
    with pytest.raises(InvalidValue, match="label"):
        clean_labels(labels)


JSON = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.floats(allow_nan=False, allow_infinity=False),
        st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00")),
    ),
    lambda below: st.one_of(st.lists(below, max_size=3), st.dictionaries(st.text("abc"), below, max_size=3)),
    max_leaves=10,
)


@given(st.dictionaries(st.text("abc"), JSON))
def test_json_is_kept(data: dict[str, Any]) -> None:
    assert json.loads(clean_json(data, "it")) == data


def test_other_mappings_are_objects_too() -> None:
    data = MappingProxyType({"a": MappingProxyType({"b": (1, 2)})})
    assert json.loads(clean_json(data, "it")) == {"a": {"b": [1, 2]}}


def _circle() -> dict[str, Any]:
    circle: dict[str, Any] = {}
    circle["self"] = [circle]
    return circle


def _proxy_circle() -> Mapping[str, Any]:
    inner: dict[str, Any] = {}
    inner["self"] = MappingProxyType(inner)
    return MappingProxyType(inner)


def _deep(levels: int) -> dict[str, Any]:
    data: dict[str, Any] = {}
    for _ in range(levels):
        data = {"a": data}
    return data


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (None, "NoneType"),
        ([], "list"),
        ("{}", "str"),
        ({"a": float("nan")}, "no JSON form"),
        ({"a": float("inf")}, "no JSON form"),
        ({"a": datetime(2026, 1, 1, tzinfo=UTC)}, "datetime"),
        ({"a": {1, 2}}, "set"),
        ({"a": b"b"}, "bytes"),
        ({1: "a"}, "a key of it"),
        ({None: "a"}, "a key of it"),
        ({(1, 2): "a"}, "keys must be"),
        ({"a": {"b": ["c", "\x00"]}}, r"it\.a\.b\[1\].*NUL"),
        ({"a\x00": 1}, "a key of it.*NUL"),
        ({"a": "\ud83d"}, r"it\.a.*surrogate"),
        (_circle(), "[Cc]ircular"),
        (_proxy_circle(), "[Cc]ircular"),
        (_deep(100_000), "no JSON form"),
    ],
    ids=lambda value: ascii(value)[:20] if isinstance(value, str) else type(value).__name__,
)
def test_json_that_is_none(data: object, message: str) -> None:
    with pytest.raises(InvalidValue, match=message):
        clean_json(data, "it")


@pytest.mark.parametrize("tokens", [0, 1, 908_475, 2**63 - 1])
def test_tokens(tokens: int) -> None:
    assert clean_tokens(tokens) == tokens


@pytest.mark.parametrize("tokens", [-1, 2**63, 1.0, "5", None, True])
def test_tokens_that_are_none(tokens: object) -> None:
    with pytest.raises(InvalidValue, match="tokens"):
        clean_tokens(tokens)


@pytest.mark.parametrize("seconds", [0, 0.5, 300, 3.15e8])
def test_ttl(seconds: float) -> None:
    assert clean_ttl(seconds) == seconds


@pytest.mark.parametrize("seconds", [4e8, 1e300, float("inf"), pytest.param(10**400, id="int")])
def test_a_longer_ttl_counts_as_ten_years(seconds: float) -> None:
    assert clean_ttl(seconds) == LONGEST_TTL_SECONDS


@pytest.mark.parametrize("seconds", [-1, float("nan"), float("-inf"), "5", None, True])
def test_ttl_that_is_none(seconds: Any) -> None:
    with pytest.raises(InvalidValue, match="ttl_seconds"):
        clean_ttl(seconds)


@pytest.mark.parametrize(
    "name",
    [PHONE, "+57 300 000 0001", "573000000001@c.us", "573000000001:3@s.whatsapp.net", "Usuario", " usuario ", ""],
)
def test_names_that_say_nothing(name: str) -> None:
    assert is_placeholder(name, PHONE)
    changes = profile_changes(PHONE, **{**LEFT_OUT, "user_name": name, "contact_name": name})
    assert (changes["user_name"], changes["contact_name"], changes["cleared"]) == (None, None, [])


@pytest.mark.parametrize("name", ["Ana", "573000000002", "Ana 573000000001", "Usuario 1", "J 23", "42", "🏨"])
def test_names(name: str) -> None:
    assert not is_placeholder(name, PHONE)
    changes = profile_changes(PHONE, **{**LEFT_OUT, "user_name": f" {name} "})
    assert (changes["user_name"], changes["cleared"]) == (name, [])


def test_none_is_not_given() -> None:
    assert profile_changes(PHONE, **LEFT_OUT) == {**LEFT_OUT, "cleared": []}


def test_clear_empties_every_column_but_memory() -> None:
    columns = ("chat_id", "user_name", "contact_name", "profile_data")
    changes = profile_changes(PHONE, **{**LEFT_OUT, **dict.fromkeys((*columns, "labels"), CLEAR)})
    assert changes == {**LEFT_OUT, "labels": [], "cleared": list(columns)}


COMPOSED, DECOMPOSED = "cotizaci\N{LATIN SMALL LETTER O WITH ACUTE}n", "cotizacio\N{COMBINING ACUTE ACCENT}n"


def test_spellings_of_one_text_are_one_text() -> None:
    assert clean_labels([DECOMPOSED, COMPOSED]) == [COMPOSED]
    assert profile_changes(PHONE, **{**LEFT_OUT, "user_name": DECOMPOSED})["user_name"] == COMPOSED


def test_a_label_has_room_in_the_index() -> None:
    assert clean_labels(["\N{HOTEL}" * LONGEST_LABEL]) == ["\N{HOTEL}" * LONGEST_LABEL]
    with pytest.raises(InvalidValue, match=f"label 1 has {LONGEST_LABEL + 1} characters"):
        clean_labels(["a", "a" * (LONGEST_LABEL + 1)])


@pytest.mark.parametrize(
    "changes",
    [
        {"chat_id": 5},
        {"chat_id": ""},
        {"user_name": 5},
        {"user_name": "a\x00"},
        {"contact_name": ["Ana"]},
        {"contact_name": "\ud83d"},
        {"labels": "VIP"},
        {"profile_data": []},
        {"memory_enabled": CLEAR},
        {"memory_enabled": 1},
        {"memory_enabled": "no"},
    ],
    ids=case_id,
)
def test_changes_that_cannot_be_stored_name_the_field(changes: dict[str, Any]) -> None:
    with pytest.raises(InvalidValue, match=next(iter(changes)).replace("_", "[ _]")):
        profile_changes(PHONE, **{**LEFT_OUT, **changes})
