"""Identity: every spelling of a guest is one guest; what is no guest is refused."""

from __future__ import annotations

import string
import unicodedata

import phonenumbers
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from guestsql.errors import InvalidUserId, InvalidValue, SettingsError
from guestsql.guests.identity import canonical_user_id, clean_chat_id, mask, own_keys

PHONE = "573000000001"

SPELLINGS = [
    "573000000001",
    "+573000000001",
    "+57 300 000 0001",
    "+57 (300) 000-0001",
    "(+57) 300 000 0001",
    "57.300.000.0001",
    "57-30-00-00-00-01",
    "573.000.000.001",
    "'573000000001",
    "0057 300 000 0001",
    "  573000000001\n",
    "+57\N{NO-BREAK SPACE}300\N{NARROW NO-BREAK SPACE}000\N{THIN SPACE}0001",
    "+57 300\N{NON-BREAKING HYPHEN}000\N{EN DASH}0001",
    "+57 300\N{MINUS SIGN}000\N{SOFT HYPHEN}0001",
    "\N{LEFT-TO-RIGHT EMBEDDING}+57 300 000 0001\N{POP DIRECTIONAL FORMATTING}",
    "\N{ZERO WIDTH NO-BREAK SPACE}573000000001",
    "\N{FULLWIDTH PLUS SIGN}573000000001".translate({ord(d): 0xFF10 + int(d) for d in string.digits}),
    "573000000001".translate({ord(d): 0x0660 + int(d) for d in string.digits}),
    "573000000001@s.whatsapp.net",
    "573000000001@c.us",
    "573000000001@S.WhatsApp.NET",
    "573000000001@hosted",
    "573000000001:12@s.whatsapp.net",
    "573000000001:12@c.us",
    "573000000001.0:12@s.whatsapp.net",
    "573000000001_1:12@s.whatsapp.net",
    "573000000001_1@s.whatsapp.net",
    "+57 300 000 0001@c.us",
    "tel:+57-300-000-0001",
    "whatsapp:+573000000001",
    "https://wa.me/573000000001",
    "wa.me/573000000001",
    "https://wa.me/+573000000001/",
    "https://api.whatsapp.com/send?phone=573000000001",
]


@pytest.mark.parametrize("spelling", SPELLINGS, ids=ascii)
def test_every_spelling_has_one_key(spelling: str) -> None:
    assert canonical_user_id(spelling) == PHONE
    assert canonical_user_id(canonical_user_id(spelling)) == PHONE


@given(
    groups=st.lists(st.from_regex("[1-9][0-9]{2,3}", fullmatch=True), min_size=3, max_size=3),
    space=st.sampled_from([" ", "-", " - ", ".", "  ", "\N{NO-BREAK SPACE}", "\N{EN DASH}", " \N{LEFT-TO-RIGHT MARK}"]),
    front=st.sampled_from(["", "+", "00", "tel:", "whatsapp:+", "\N{RIGHT-TO-LEFT EMBEDDING}+"]),
)
def test_separators_do_not_change_a_phone(groups: list[str], space: str, front: str) -> None:
    assert canonical_user_id(front + space.join(groups)) == "".join(groups)


# Each was read as a number of other digits, or may be one.
UNCERTAIN = [
    "573000000001.0",
    "573000000001.00",
    "+573000000001.0",
    "573.000.000.001.0",
    "573.000.000.001,0",
    "57300000000.1",
    "573000000001,0",
    "5.73E+11",
    "5,73E+11",
    "573,000,000,001",
    "573'000'000'001",
    "-573000000001",
    "573000000001-",
    "573000000001/2",
    "573000000001/573000000002",
    "573000000001-2",
    "573000000001 2",
    "+57 300 000 0001-02",
    "+57 300 000 0001/02",
    "5730001 5730002",
    "300-0001 300-0002",
    "573000000001\n573000000002",
    "573000\n000001",
    "573000\t000001",
    "573000000001;573000000002",
    "['573000000001']",
    '"573000000001"',
    "+57 300 000 0001 x12",
    "+57 300 000 0001 ext. 12",
    "+57 300 000 0001 #12",
    "+57 300 000 0001,,12",
    "tel:+57-300-000-0001;ext=12",
    "tel:300-0001;phone-context=+57",
    "wa.me/573000000001/2",
    "https://wa.me/573000000001?text=573000000002",
    "https://wa.me/message/ABCDEFGH2J3K41",
    "https://api.whatsapp.com/send?phone=573000000001&text=1",
    "+44 (0)7700 900123",
    "+44(0)7700900123",
    "+44 (0) 7700 900123",
    "+44 [0] 7700 900123",
    "+44 0 7700 900123",
    "44-07700-900123",
    "+353 087 123 4567",
    "(0300) 000 0001",
    "+0057 300 000 0001",
    "+57 + 300 000 0001",
    "2025-07-05",
    "15.07.2025",
    "573000000001 (Ana)",
    "57300000O001",
    "57300000l001",
    "57_300_000_0001",
    "57300000.0001@c.us",
    "573000000001/2@c.us",
    "573000000001 2@s.whatsapp.net",
    "573000000001\N{SUPERSCRIPT TWO}",
    "573000000001\N{VULGAR FRACTION ONE HALF}",
    "573000000001\N{FULLWIDTH FULL STOP}0",
    "573000000001\N{DIVISION SLASH}2",
]


@pytest.mark.parametrize("spelling", UNCERTAIN, ids=ascii)
def test_an_id_that_may_be_of_someone_else_is_refused(spelling: str) -> None:
    with pytest.raises(InvalidUserId):
        canonical_user_id(spelling)


@pytest.mark.parametrize(
    ("spelling", "key"),
    [
        ("+33 6 12 34 56 78", "33612345678"),
        ("+7 912 345-67-89", "79123456789"),
        ("+44 7700 900123", "447700900123"),
        ("+49 171 1234567", "491711234567"),
        ("+55 (11) 91234-5678", "5511912345678"),
        # A zero that is dialled from abroad too.
        ("+39 06 12345678", "390612345678"),
        ("+225 07 12 34 56 78", "2250712345678"),
    ],
)
def test_numbers_as_their_countries_write_them(spelling: str, key: str) -> None:
    assert canonical_user_id(spelling) == key


@given(
    phone=st.from_regex(r"[1-9][0-9]{6,14}", fullmatch=True),
    agent=st.one_of(st.just(""), st.builds("{}{}".format, st.sampled_from("._"), st.integers(0, 255))),
    device=st.one_of(st.just(""), st.integers(0, 9999).map(":{}".format)),
    server=st.sampled_from(["s.whatsapp.net", "c.us", "C.US", "hosted"]),
)
def test_device_and_agent_change_no_phone(phone: str, agent: str, device: str, server: str) -> None:
    assert canonical_user_id(f"{phone}{agent}{device}@{server}") == phone


@given(st.text(max_size=40))
def test_any_text_has_a_key_or_a_typed_error(text: str) -> None:
    try:
        key = canonical_user_id(text)
    except InvalidUserId:
        return
    assert canonical_user_id(key) == key
    assert key.isascii()


GROUPS = ["120363000000000001@g.us", "573000000001-1500000000@g.us", "120363000000000001@newsletter"]
NO_GUESTS = [*GROUPS, "status@broadcast", "1500000000@broadcast", "573000000001@call"]


@pytest.mark.parametrize("chat_id", NO_GUESTS)
def test_groups_and_channels_are_no_guests(chat_id: str) -> None:
    with pytest.raises(InvalidUserId, match=r"is not a guest") as caught:
        canonical_user_id(chat_id)
    assert "chat_id" in caught.value.hint


@pytest.mark.parametrize("chat_id", [*NO_GUESTS, "573000000001@s.whatsapp.net", "81234567890123@lid"])
def test_they_are_chat_ids(chat_id: str) -> None:
    assert clean_chat_id(f" {chat_id} ") == chat_id


@pytest.mark.parametrize("chat_id", ["", "  ", "a b", "a\x00b", "a\nb", "x" * 257, "\ud83d", None, 5, b"x"], ids=ascii)
def test_unusable_chat_ids(chat_id: object) -> None:
    with pytest.raises(InvalidValue):
        clean_chat_id(chat_id)  # type: ignore[arg-type]


@given(digits=st.from_regex(r"[1-9][0-9]{6,14}", fullmatch=True), country=st.sampled_from(["CO", "US", "BR"]))
def test_ids_without_a_phone_collide_with_nothing(digits: str, country: str) -> None:
    keys = [digits, f"{digits}@lid", f"{country}.{digits}"]
    assert [canonical_user_id(key) for key in keys] == keys


@pytest.mark.parametrize(
    ("spelling", "key"),
    [
        ("81234567890123@lid", "81234567890123@lid"),
        ("81234567890123:4@lid", "81234567890123@lid"),
        ("81234567890123@LID", "81234567890123@lid"),
        ("81234567890123:99@hosted.lid", "81234567890123@lid"),
        ("CO.1a2B3c", "CO.1a2B3c"),
        (" CO.1a2B3c ", "CO.1a2B3c"),
        ("US.ENT.1a2B3c", "US.ENT.1a2B3c"),
        ("US.ENT", "US.ENT"),
        (f"US.ENT.{'a' * 128}", f"US.ENT.{'a' * 128}"),
    ],
)
def test_ids_without_a_phone(spelling: str, key: str) -> None:
    assert canonical_user_id(spelling) == key


@pytest.mark.parametrize(
    "nothing",
    [
        "",
        "   ",
        "\N{LEFT-TO-RIGHT MARK}",
        "Usuario",
        "undefined",
        "null",
        "[object Object]",
        "@",
        "@lid",
        "573000000001@",
        "573000000001@example.org",
        "a@b@573000000001",
        "12345",
        "1234567890123456",
        "0300000000",
        "57300000000x",
        "573000\x00000001",
        "++573000000001",
        "\N{SUPERSCRIPT TWO}573000000001",
        "\N{CIRCLED DIGIT ONE}573000000001",
        "573000000001,573000000002",
        "-1",
        "5.73e11",
        "co.1a2b3c",
        "CO.",
        "CO.ENT.",
        "CO.ENT.a.b",
        "CO.ABC.a",
        "co.ent.1a2b3c",
        f"US.{'a' * 129}",
        f"US.ENT.{'a' * 129}",
        "\ud83d",
        "x" * 100_000,
    ],
    ids=lambda text: ascii(text[:30]),
)
def test_what_is_no_id(nothing: str) -> None:
    with pytest.raises(InvalidUserId) as caught:
        canonical_user_id(nothing)
    assert caught.value.hint or "digits" in caught.value.message
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize("value", [None, 573000000001, 5.73e11, b"573000000001", ["573000000001"], True])
def test_other_types_are_refused(value: object) -> None:
    with pytest.raises(InvalidUserId, match=type(value).__name__):
        canonical_user_id(value)  # type: ignore[arg-type]


@pytest.mark.parametrize("text", ["x573000000001", "573000000001@573000000002", "573000000001x@lid"])
def test_an_error_shows_no_number(text: str) -> None:
    with pytest.raises(InvalidUserId) as caught:
        canonical_user_id(text)
    assert "300000000" not in caught.value.message


def test_digits_of_other_scripts_are_not_shown_either() -> None:
    number = "573000000001".translate({ord(d): 0x0660 + int(d) for d in string.digits})
    with pytest.raises(InvalidUserId) as caught:
        canonical_user_id("x" + number)
    assert not any(unicodedata.category(c) == "Nd" and not c.isascii() for c in caught.value.message)


def test_own_keys() -> None:
    assert own_keys(["+57 300 000 0001", "573000000001:3@c.us", "573000000002"]) == {PHONE, "573000000002"}


def test_an_own_number_that_is_none_names_the_variable() -> None:
    with pytest.raises(SettingsError, match="GUESTSQL_OWN_NUMBERS"):
        own_keys(["573000000001", "nobody"])


@pytest.mark.parametrize(
    ("key", "masked"),
    [("573000000001", "***0001"), ("81234567890123@lid", "***0123@lid"), ("1234", "***"), ("CO.1a2B3c", "***2B3c")],
)
def test_mask(key: str, masked: str) -> None:
    assert mask(key) == masked


# National numbers of GUESTSQL_DEFAULT_REGION. In the numbering plans 321 456 7890 is a number of Colombia, and with a +
# before it one of Belgium.
@pytest.mark.parametrize(
    ("spelling", "region", "key"),
    [
        ("300 123 4567", "CO", "573001234567"),
        ("3001234567", "CO", "573001234567"),
        ("(601) 234-5678", "CO", "576012345678"),
        ("tel:300-123-4567", "CO", "573001234567"),
        ("06 12 34 56 78", "FR", "33612345678"),
        ("0161 496 0000", "GB", "441614960000"),
        ("011 15-2345-6789", "AR", "5491123456789"),
        ("+57 300 123 4567", "CO", "573001234567"),
        ("573001234567", "CO", "573001234567"),
        ("0057 300 123 4567", "CO", "573001234567"),
        ("32470123456", "CO", "32470123456"),
        ("+32 14 56 78 90", "CO", "3214567890"),
        ("3214567890@s.whatsapp.net", "CO", "3214567890"),
        ("https://wa.me/3214567890", "CO", "3214567890"),
        ("3001234567@lid", "CO", "3001234567@lid"),
        ("CO.1a2B3c", "CO", "CO.1a2B3c"),
        ("1234567", "CO", "1234567"),
        ("300 123 4567", None, "3001234567"),
    ],
)
def test_national_numbers(spelling: str, region: str | None, key: str) -> None:
    assert canonical_user_id(spelling, region) == key
    assert key == "3214567890" or canonical_user_id(key, region) == key or region is None


@pytest.mark.parametrize("spelling", ["3214567890", "321 456 7890", "300.1234567", "3001234567/2", "300 123 4567 89"])
def test_a_national_number_that_may_be_another_is_refused(spelling: str) -> None:
    with pytest.raises(InvalidUserId) as caught:
        canonical_user_id(spelling, "CO")
    assert "3214567890" not in str(caught.value)


@given(st.sampled_from(sorted(phonenumbers.SUPPORTED_REGIONS)), st.sampled_from(["CO", "US", "ES", "GB", "IT"]))
def test_a_mobile_of_any_country_keeps_its_key_in_any_region(country: str, region: str) -> None:
    example = phonenumbers.example_number_for_type(country, phonenumbers.PhoneNumberType.MOBILE)
    assume(example is not None)
    written = phonenumbers.format_number(example, phonenumbers.PhoneNumberFormat.E164)
    key = canonical_user_id(written)
    assert canonical_user_id(written, region) == key
    try:
        assert canonical_user_id(key, region) == key
        national = phonenumbers.format_number(example, phonenumbers.PhoneNumberFormat.NATIONAL)
        assert country != region or canonical_user_id(national, region) == key
    except InvalidUserId as error:
        assert "not clearly" in error.message  # noqa: PT017  it is refused, or has the one right key


def test_own_numbers_may_be_national() -> None:
    assert own_keys(["300 123 4567"], "CO") == {"573001234567"}
