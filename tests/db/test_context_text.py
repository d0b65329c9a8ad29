"""What a context says: the default form, and the clock that is put in at reading."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import psycopg
import pytest

from guestsql import GuestDatabase, Settings
from tests.context_helpers import GUEST, counting, make_settings, seed, stored

Connection = psycopg.Connection[tuple[Any, ...]]
CLOCK = "{HH:MM}"


def clock(connection: Connection, zone: str = "America/Bogota") -> str:
    """The hour and minute in a zone, by the server's clock, however the session shows times."""
    row = connection.execute("SELECT extract(epoch FROM statement_timestamp())::float8").fetchone()
    assert row is not None
    return datetime.fromtimestamp(row[0], ZoneInfo(zone)).strftime("%H:%M")


def assert_read_between(
    connection: Connection, before: str, text: str, form: str, zone: str = "America/Bogota"
) -> None:
    """The text has this form with the clock of now; the minute may have changed since `before`."""
    assert text in {form.replace(CLOCK, before), form.replace(CLOCK, clock(connection, zone))}


@pytest.mark.parametrize(
    ("user_name", "contact_name", "labels", "form"),
    [
        ("Ana", None, ["a", "b"], "[Ana | {HH:MM} | a, b]"),
        ("Ana", None, [], "[Ana | {HH:MM}]"),
        ("Ana", None, ["a"], "[Ana | {HH:MM} | a]"),
        ("Ana", None, ["a", "b", "c"], "[Ana | {HH:MM} | a, b]"),
        ("Ana", None, ["b", "a"], "[Ana | {HH:MM} | b, a]"),
        (None, None, ["a", "b"], "[Cliente | {HH:MM} | a, b]"),
        ("Usuario", None, [], "[Cliente | {HH:MM}]"),
        ("USUARIO", None, [], "[Cliente | {HH:MM}]"),
        (GUEST, None, [], "[Cliente | {HH:MM}]"),
        ("+57 300 000-0001", None, [], "[Cliente | {HH:MM}]"),
        (f"{GUEST}@s.whatsapp.net", None, [], "[Cliente | {HH:MM}]"),
        ("\N{FULLWIDTH PLUS SIGN}57 300\N{NO-BREAK SPACE}000 0001", None, [], "[Cliente | {HH:MM}]"),
        (f"{GUEST}/2", None, [], f"[{GUEST}/2 | {{HH:MM}}]"),
        (" \n\t ", None, [], "[Cliente | {HH:MM}]"),
        ("Ana", "Ana, Suite 5", [], "[Ana, Suite 5 | {HH:MM}]"),
        ("Ana", "Usuario", [], "[Ana | {HH:MM}]"),
        ("Ana", GUEST, [], "[Ana | {HH:MM}]"),
        ("Ana", "  ", [], "[Ana | {HH:MM}]"),
        ("Usuario", GUEST, [], "[Cliente | {HH:MM}]"),
        ("573000000002", None, [], "[573000000002 | {HH:MM}]"),
        ("  Ana\n\nMaría\t ", None, [], "[Ana María | {HH:MM}]"),
        ("Ana", None, ["late\ncheck-in", "{HH:MM}"], "[Ana | {HH:MM} | late check-in, (HH:MM)]"),
        ("Ana {HH:MM}", None, [], "[Ana (HH:MM) | {HH:MM}]"),
        ("{HH:{HH:MM}MM}", None, [], "[{HH:(HH:MM)MM} | {HH:MM}]"),
        ("Ñandú 🏨 :x 100% $1 ?", None, ["a'b", 'c"d'], "[Ñandú 🏨 :x 100% $1 ? | {HH:MM} | a'b, c\"d]"),
    ],
)
def test_the_default_text(
    database_url: str,
    autocommit: Connection,
    *,
    user_name: str | None,
    contact_name: str | None,
    labels: list[str],
    form: str,
) -> None:
    seed(autocommit, None, name=user_name, labels=labels)
    autocommit.execute("UPDATE guest_profiles SET contact_name = %s", (contact_name,))
    with GuestDatabase(settings=make_settings(database_url)) as database:
        before = clock(autocommit)
        built = database.get_context(GUEST)
        hit = database.get_context(GUEST)

        # The clock is not stored.
        assert stored(autocommit)[0] == f"{form}\n\n"
        assert_read_between(autocommit, before, built, f"{form}\n\n")
        assert_read_between(autocommit, before, hit, f"{form}\n\n")


@pytest.mark.parametrize("name", ["Usuario", " usuario ", GUEST, f"+{GUEST}", "", " "])
def test_a_name_that_says_nothing_never_reaches_the_text(database_url: str, name: str) -> None:
    with GuestDatabase(settings=make_settings(database_url)) as database:
        database.update_profile(GUEST, user_name=name)
        assert re.fullmatch(r"\[Cliente \| \d\d:\d\d\]\n\n", database.get_context(GUEST))
        database.update_profile(GUEST, user_name="Ana")
        database.update_profile(GUEST, user_name=name, labels=["a", "b", "c"])
        assert re.fullmatch(r"\[Ana \| \d\d:\d\d \| a, b\]\n\n", database.get_context(GUEST))


def test_the_clock_is_put_in_when_a_stored_text_is_read(database_url: str, autocommit: Connection) -> None:
    seed(autocommit, "it is {HH:MM}, not {hh:mm}; {HH:MM}!", "1 second")
    with GuestDatabase(settings=make_settings(database_url)) as database:
        before = clock(autocommit)
        single = database.get_context(GUEST)
        [batched] = database.get_contexts([GUEST]).values()
        form = "it is {HH:MM}, not {hh:mm}; {HH:MM}!"
        assert_read_between(autocommit, before, single, form)
        assert_read_between(autocommit, before, batched, form)


def test_a_custom_text_gets_the_clock_too_on_a_miss_and_on_a_hit(database_url: str, autocommit: Connection) -> None:
    profiles, build = counting(lambda profile: f"{profile.phone_number} at {CLOCK}")
    with GuestDatabase(settings=make_settings(database_url), context_builder=build) as database:
        before = clock(autocommit)
        for _ in range(2):
            assert_read_between(autocommit, before, database.get_context(GUEST), f"{GUEST} at {CLOCK}")
    assert len(profiles) == 1
    assert stored(autocommit)[0] == f"{GUEST} at {CLOCK}"


def test_a_stale_text_gets_the_clock_too(database_url: str, autocommit: Connection) -> None:
    seed(autocommit, f"old at {CLOCK}")
    autocommit.execute(
        "UPDATE guest_profiles SET context_lease = gen_random_uuid(), context_lease_until = now() + interval '1 day'"
    )
    with GuestDatabase(settings=make_settings(database_url)) as database:
        before = clock(autocommit)
        assert_read_between(autocommit, before, database.get_context(GUEST), f"old at {CLOCK}")


@pytest.mark.parametrize("hotel", ["America/Bogota", "Asia/Kathmandu", "Pacific/Kiritimati"])
@pytest.mark.parametrize("session", ["UTC", "Asia/Tokyo", "America/St_Johns"])
def test_the_clock_is_the_hotels_whatever_the_sessions_zone(
    database_url: str, autocommit: Connection, hotel: str, session: str
) -> None:
    database_name = autocommit.info.dbname
    autocommit.execute(f"ALTER DATABASE \"{database_name}\" SET timezone = '{session}'")
    settings = make_settings(database_url, timezone=ZoneInfo(hotel))
    with GuestDatabase(settings=settings) as database:
        before = clock(autocommit, hotel)
        for _ in range(2):
            text = database.get_context(GUEST)
            assert_read_between(autocommit, before, text, "[Cliente | {HH:MM}]\n\n", hotel)
    with psycopg.connect(database_url) as other:
        assert other.execute("SHOW timezone").fetchone() == (session,)


def test_the_settings_zone_is_the_default_hotels() -> None:
    assert str(Settings().timezone) == "America/Bogota"


def test_one_stored_text_is_read_with_the_clock_of_each_reading(database_url: str, autocommit: Connection) -> None:
    """Zones that differ by minutes stand for minutes that pass."""
    seed(autocommit, CLOCK, "1 second")
    for zone in ("America/Bogota", "Asia/Kathmandu", "Australia/Eucla"):
        with GuestDatabase(settings=make_settings(database_url, timezone=ZoneInfo(zone))) as database:
            before = clock(autocommit, zone)
            assert_read_between(autocommit, before, database.get_context(GUEST), CLOCK, zone)


def test_an_empty_text_is_a_hit(database_url: str) -> None:
    profiles, build = counting(lambda _: "")
    with GuestDatabase(settings=make_settings(database_url), context_builder=build) as database:
        assert [database.get_context(GUEST), database.get_context(GUEST)] == ["", ""]
        assert database.get_contexts([GUEST]) == {GUEST: ""}
    assert len(profiles) == 1


def test_a_very_long_text_comes_back_whole(database_url: str) -> None:
    text = "ñ🏨\n\t\\'\"" * 200_000
    profiles, build = counting(lambda _: text)
    with GuestDatabase(settings=make_settings(database_url), context_builder=build) as database:
        assert database.get_context(GUEST) == text
        assert database.get_context(GUEST) == text
    assert len(profiles) == 1
