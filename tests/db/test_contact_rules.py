"""The rules of contact at their borders, compared with a computation in Python (tests/contact_model.py)."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import psycopg
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from guestsql import GuestDatabase
from tests.contact_model import DAY, HOUR, Cap, Contact, Profile
from tests.databases import PATIENCE_SECONDS, waiting_sessions

GUEST, OTHER, THIRD = "573000000001", "573000000002", "573000000003"
SECOND, TICK = timedelta(seconds=1), timedelta(microseconds=1)
COLOMBIA = Profile(
    hours={day: [(time(7), time(19))] for day in range(1, 6)} | {6: [(time(8), time(15))]},
    caps=[Cap("*", "day", 1, None), Cap("*", "week", None, 1)],
    holidays=frozenset([date(2023, 12, 25), date(2024, 1, 1), date(2024, 3, 29)]),
    years=frozenset([2023, 2024]),
)
# Hours that touch midnight and the hours in which clocks are changed; a week with two channels; a month.
ODD = Profile(
    hours={
        1: [(time(0), None)],
        2: [(time(0), time(9))],
        3: [(time(7), time(12)), (time(14, 30), time(19))],
        5: [(time(18), None)],
        7: [(time(1), time(5))],
    },
    caps=[
        Cap("*", "week", 3, 2),
        Cap("*", "month", 4, None),
        Cap("whatsapp", "week", 2, None),
        Cap("sms", "day", 1, None),
    ],
    excluded=frozenset([date(2024, 2, 29), date(2023, 12, 31)]),
)
FREE = Profile(caps=[Cap("*", "day", 2, None)])
PROFILES = {"CO": COLOMBIA, "odd": ODD, "free": FREE}
# No clock changes; at 2; at midnight, forwards and backwards; within the first hour; by half an hour; 45 minutes off.
ZONES = [
    "America/Bogota",
    "America/New_York",
    "Europe/Madrid",
    "Africa/Cairo",
    "America/Havana",
    "Australia/Lord_Howe",
    "Asia/Kathmandu",
]
DAYS = [
    *(date(2023, 3, day) for day in (11, 12, 13, 26)),
    *(date(2023, 4, day) for day in (2, 28, 30)),
    *(date(2023, 10, day) for day in (1, 26, 27, 29)),
    *(date(2023, 11, day) for day in (4, 5, 6)),
    *(date(2023, 12, day) for day in (24, 25, 29, 31)),
    *(date(2024, 1, day) for day in (1, 2, 31)),
    *(date(2024, 2, day) for day in (28, 29)),
    *(date(2024, 3, day) for day in (1, 10, 31)),
    date(2024, 12, 31),
    date(2025, 1, 1),
]
CLOCKS = sorted({time(0), time(1), time(2), time(3), time(7), time(8), time(12), time(14, 30), time(15), time(19)})
Connection = psycopg.Connection[Any]


class Moment(NamedTuple):
    """A moment near a border, and what had happened before it."""

    zone: str
    profile: str
    at: datetime
    contacts: list[Contact]


def borders(zone: str) -> st.SearchStrategy[datetime]:
    return st.builds(
        lambda day, clock, fold, off: (
            datetime.combine(day, clock, ZoneInfo(zone)).replace(fold=fold).astimezone(UTC) + off
        ),
        st.sampled_from(DAYS),
        st.sampled_from(CLOCKS),
        st.sampled_from([0, 1]),
        st.sampled_from([timedelta(0), -TICK, TICK, -timedelta(minutes=1), timedelta(minutes=1)]),
    )


@st.composite
def moments(draw: st.DrawFn) -> Moment:
    zone = draw(st.sampled_from(ZONES))
    at = draw(borders(zone))
    midnights = [
        at.astimezone(ZoneInfo(zone)).replace(hour=0, minute=0, second=0, microsecond=0) - n * DAY for n in range(9)
    ]
    earlier = st.one_of(
        st.sampled_from([at - each for each in (-2 * DAY, -HOUR, TICK, HOUR, DAY, 6 * DAY, 7 * DAY, 31 * DAY)]),
        st.sampled_from([each.astimezone(UTC) + off for each in midnights for off in (-TICK, timedelta(0))]),
    )
    contact = st.builds(Contact, earlier, st.sampled_from(["whatsapp", "whatsapp", "sms", "mail"]))
    return Moment(zone, draw(st.sampled_from(sorted(PROFILES))), at, sorted(draw(st.lists(contact, max_size=4))))


@pytest.fixture
def rules(connection: Connection) -> Connection:
    """The three profiles, an account for each, and a guest who may be contacted."""
    run = connection.execute
    run(
        "INSERT INTO contact_profiles (profile, description, restricts_hours, source) VALUES ('odd', '', TRUE, ''),"
        " ('free', '', FALSE, '')"
    )
    for name, profile in PROFILES.items():
        run(
            "INSERT INTO contact_accounts (account, channel, profile, source) VALUES (%s, 'whatsapp', %s, '')",
            [name, name],
        )
        if name == "CO":
            continue  # as shipped
        for weekday, hours in (profile.hours or {}).items():
            for opens, closes in hours:
                run(
                    "INSERT INTO contact_hours (profile, weekday, opens_at, closes_at, source)"
                    " VALUES (%s, %s, %s, coalesce(%s, time '24:00'), '')",
                    [name, weekday, opens, closes],
                )
        for cap in profile.caps:
            run(
                "INSERT INTO contact_caps (profile, channel, period, max_contacts, max_channels, source)"
                " VALUES (%s, %s, %s, %s, %s, '')",
                [name, *cap],
            )
        for day in profile.excluded:
            run("INSERT INTO excluded_days (profile, day, reason, source) VALUES (%s, %s, '', '')", [name, day])
    for year in COLOMBIA.years:
        run("INSERT INTO holiday_years (country, year, source) VALUES ('CO', %s, '')", [year])
    for day in COLOMBIA.holidays or ():
        run("INSERT INTO holidays (country, day, name, source) VALUES ('CO', %s, '', '')", [day])
    run("INSERT INTO guest_profiles (phone_number) VALUES (%s), (%s), (%s)", [GUEST, OTHER, THIRD])
    run("INSERT INTO guest_marketing (phone_number) VALUES (%s), (%s), (%s)", [GUEST, OTHER, THIRD])
    return connection


def refusals(
    connection: Connection,
    at: datetime | None,
    *,
    guests: Sequence[str] = (GUEST,),
    purpose: str = "service",
    account: str = "free",
    template: str | None = None,
    zone: str | None = "America/Bogota",
) -> list[tuple[str, str, datetime | None]]:
    rows = connection.execute(
        "SELECT phone_number, rule, retry_at"
        " FROM guestsql_contact_refusals(%s, %s, 'whatsapp', %s, %s, %s, %s) ORDER BY phone_number, rule",
        [list(guests), purpose, account, template, zone, at],
    ).fetchall()
    assert len({row[:2] for row in rows}) == len(rows)
    return rows


def names(connection: Connection, at: datetime | None, **known: Any) -> list[str]:
    return [rule for _, rule, _ in refusals(connection, at, **known)]


def bogota(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo("America/Bogota"))


@given(moments())
@example(Moment("America/Bogota", "CO", bogota("2023-12-29 19:00"), []))
@example(Moment("America/Bogota", "odd", bogota("2023-12-31 12:00"), []))
# The month begins with an hour that occurs twice.
@example(
    Moment(
        "America/Havana",
        "odd",
        datetime(2020, 11, 20, 12, tzinfo=UTC),
        [Contact(datetime(2020, 11, 1, 4, 30, tzinfo=UTC), "sms")] * 4,
    )
)
@example(Moment("Africa/Cairo", "odd", datetime(2023, 4, 27, 22, tzinfo=UTC), []))
# Contacts from a clock that was ahead.
@example(
    Moment(
        "America/Bogota",
        "CO",
        datetime(2023, 3, 11, 5, tzinfo=UTC),
        [
            Contact(datetime(2023, 3, 11, 6, tzinfo=UTC), "whatsapp"),
            Contact(datetime(2023, 3, 13, 5, tzinfo=UTC), "whatsapp"),
        ],
    )
)
@settings(
    max_examples=200,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_hours_days_and_caps_are_those_of_the_model(rules: Connection, moment: Moment) -> None:
    zone, profile, at = ZoneInfo(moment.zone), PROFILES[moment.profile], moment.at
    rules.execute(
        "UPDATE guest_marketing SET contacted_at = %s, contacted_channels = %s, contacted_accounts = %s"
        " WHERE phone_number = %s",
        [
            [each.at for each in moment.contacts],
            [each.channel for each in moment.contacts],
            ["other" for _ in moment.contacts],
            GUEST,
        ],
    )

    found = {rule: retry for _, rule, retry in refusals(rules, at, account=moment.profile, zone=moment.zone)}

    expected = profile.calendar(at, zone) | profile.frequency(at, zone, "whatsapp", moment.contacts)
    assert set(found) == expected
    # A contact after `at` is of a clock that was ahead. It may refuse the retry, too.
    contacts = [each for each in moment.contacts if each.at <= at]
    for rule, retry in found.items():
        assert retry is not None
        assert retry > at
        again = profile.calendar(retry, zone) | profile.frequency(retry, zone, "whatsapp", contacts)
        assert not again - {"holidays_unknown"} & {rule, "hours", "excluded_day", "holiday"}
        if rule in ("hours", "holiday", "excluded_day"):
            first = profile.first_open(at, zone)
            assert first <= retry <= first + (HOUR if zone.key != "America/Bogota" else timedelta(0))


def test_colombia_as_it_is_shipped(rules: Connection) -> None:
    """The law's borders, readable: Monday to Friday 7 to 19, Saturday 8 to 15, neither Sundays nor holidays."""
    cases = {
        "2024-01-05 06:59:59.999999": "hours",
        "2024-01-05 07:00": "",
        "2024-01-05 18:59:59.999999": "",
        "2024-01-05 19:00": "hours",
        "2024-01-06 07:59:59.999999": "hours",
        "2024-01-06 08:00": "",
        "2024-01-06 14:59:59.999999": "",
        "2024-01-06 15:00": "hours",
        "2024-01-07 12:00": "hours",
        "2023-12-25 12:00": "holiday",
        "2024-01-01 00:00": "holiday hours",
        "2024-12-31 18:59:59.999999": "",
        "2025-01-01 07:00": "holidays_unknown",
    }
    assert {at: " ".join(names(rules, bogota(at), account="CO")) for at in cases} == cases
    assert rules.execute("SELECT DISTINCT is_confirmed FROM contact_hours WHERE profile = 'CO'").fetchall() == [
        (False,)
    ]


def test_the_empty_profile_refuses_nothing(rules: Connection) -> None:
    rules.execute("UPDATE contact_accounts SET profile = 'none' WHERE account = 'free'")
    rules.execute(
        "UPDATE guest_marketing SET contacted_at = ARRAY[%s::timestamptz], contacted_channels = '{sms}',"
        " contacted_accounts = '{free}'",
        [bogota("2025-01-01 03:00")],
    )
    assert names(rules, bogota("2025-01-01 03:00")) == []


EVENT = """
WITH wording AS (
    INSERT INTO consent_wordings (digest, wording) VALUES (encode(sha256('Acepto.'), 'hex'), 'Acepto.')
    ON CONFLICT (digest) DO UPDATE SET wording = excluded.wording
    RETURNING digest
)
INSERT INTO consent_events (
    phone_number, action, purpose, channel, occurred_at, source, wording_digest, wording_version
)
SELECT
    events.*, 'web',
    CASE WHEN events.action = 'given' THEN digest END,
    CASE WHEN events.action = 'given' THEN '1' END
FROM wording, (SELECT %s, CASE WHEN %s THEN 'given' ELSE 'withdrawn' END AS action, %s, %s, %s::timestamptz) AS events
"""


@pytest.mark.parametrize(
    ("consents", "purpose", "refused"),
    [
        ([], "marketing", ["consent"]),
        ([], "service", []),
        ([("marketing", "whatsapp", True, 0)], "marketing", []),
        ([("marketing", "sms", True, 0)], "marketing", ["consent"]),
        ([("survey", "whatsapp", True, 0)], "marketing", ["consent"]),
        ([("marketing", "whatsapp", False, 0)], "marketing", ["opted_out"]),
        ([("marketing", "whatsapp", False, 0)], "service", []),
        ([("*", "whatsapp", False, 0)], "service", ["opted_out"]),
        ([("marketing", "whatsapp", True, 1), ("*", "*", False, 0)], "marketing", []),
        ([("marketing", "whatsapp", True, 0), ("*", "*", False, 0)], "marketing", ["opted_out"]),
        ([("marketing", "whatsapp", True, 0), ("marketing", "*", False, 1)], "marketing", ["opted_out"]),
        ([("marketing", "whatsapp", True, 0), ("*", "sms", False, 1)], "marketing", []),
    ],
)
def test_consent_and_its_withdrawal(rules: Connection, consents: Any, purpose: str, refused: list[str]) -> None:
    for each, channel, is_given, seconds in consents:
        rules.execute(EVENT, [GUEST, is_given, each, channel, bogota("2024-01-01 12:00") + seconds * SECOND])
    assert names(rules, bogota("2024-01-05 12:00"), purpose=purpose) == refused


def test_the_window_for_replies_and_templates(rules: Connection) -> None:
    at = bogota("2024-01-05 12:00")
    rules.execute("UPDATE contact_accounts SET reply_window_hours = 24 WHERE account = 'free'")
    rules.execute(
        "INSERT INTO message_templates (template, channel, language, status)"
        " VALUES ('hello', 'whatsapp', 'es', 'rejected'), ('hello', 'whatsapp', 'en', 'approved'),"
        " ('late', 'whatsapp', 'es', 'pending'), ('sms', 'sms', 'es', 'approved')"
    )

    def refused(ago: timedelta | None, template: str | None) -> list[str]:
        last = None if ago is None else at - ago
        rules.execute("UPDATE guest_profiles SET first_interaction = %s, last_interaction = %s", [last, last])
        return names(rules, at, template=template)

    # The purpose needs no consent, but a template needs an opt-in.
    unasked = ["opt_in", "template"]
    assert [refused(ago, None) for ago in (None, DAY, DAY - TICK, -HOUR)] == [unasked, unasked, [], []]
    assert refused(DAY, "hello") == ["opt_in"]
    rules.execute(EVENT, [GUEST, True, "marketing", "sms", at - DAY])
    assert refused(DAY, "hello") == ["opt_in"]
    rules.execute(EVENT, [GUEST, True, "marketing", "whatsapp", at - DAY])
    assert [refused(DAY, template) for template in ("hello", "late", "sms", "other")] == [[], *[["template"]] * 3]
    rules.execute(EVENT, [GUEST, False, "marketing", "whatsapp", at - HOUR])
    assert refused(DAY, "hello") == ["opt_in"]


def test_excluded_numbers_in_every_spelling_and_channel(rules: Connection, database_url: str) -> None:
    del rules
    mexican, brazilian = "5215512345678", "5511987654321"
    with GuestDatabase(database_url) as db, psycopg.connect(database_url) as connection:
        for guest in (GUEST, OTHER, mexican, brazilian):
            db.update_profile(guest)
        db.link_ids(OTHER, phone=OTHER, lid="81234567890123@lid")
        db.link_ids(OTHER, phone="573000000009")
        add = db.queries.add_excluded_numbers
        assert add(numbers=["525512345678", "5215512345678", "551187654321"], source="RNE") == 4
        add(numbers=["573000000009"], channel="sms", source="own")
        connection.execute(
            "INSERT INTO contact_accounts (account, channel, profile, source) VALUES ('free', 'whatsapp', 'none', '')"
        )
        connection.commit()
        guests = [GUEST, OTHER, mexican, brazilian]

        def excluded() -> list[str]:
            return [guest for guest, rule, _ in refusals(connection, None, guests=guests) if rule == "excluded_number"]

        assert excluded() == sorted([brazilian, mexican])
        add(numbers=["573000000009"], source="own")
        assert excluded() == sorted([OTHER, brazilian, mexican])
        assert db.queries.remove_excluded_number(number="5215512345678", source="RNE") == 2
        assert db.queries.remove_old_excluded_numbers(source="own", channel="sms", added_at=datetime.now(UTC)) == 1
        assert excluded() == sorted([OTHER, brazilian])


def test_unknown_and_archived_guests_and_wrong_calls(rules: Connection) -> None:
    at = bogota("2024-01-05 12:00")
    rules.execute("DELETE FROM guest_profiles WHERE phone_number = %s", [OTHER])
    assert refusals(rules, at, guests=[OTHER, GUEST, OTHER]) == [(OTHER, "unknown_guest", None)]
    rules.execute("INSERT INTO historical_clients (phone_number) VALUES (%s)", [OTHER])
    assert refusals(rules, at, guests=[OTHER, GUEST]) == []
    assert refusals(rules, at, guests=[]) == []

    wrong: list[dict[str, Any]] = [{"account": "none"}, {"purpose": "none"}, {"zone": None}, {"zone": "Mars"}]
    for each in wrong:
        with pytest.raises(psycopg.errors.InvalidParameterValue), rules.transaction():
            refusals(rules, at, **each)
    with pytest.raises(psycopg.errors.InvalidParameterValue), rules.transaction():
        rules.execute("SELECT guestsql_lock_contacts('none', '{}')")
    # Who is unknown gets no row, and so cannot be contacted.
    rules.execute("SELECT guestsql_lock_contacts('free', ARRAY['573000000099'])")
    with pytest.raises(psycopg.errors.SerializationFailure), rules.transaction():
        rules.execute("SELECT guestsql_record_contacts(ARRAY['573000000099'], 'whatsapp', 'free', now())")


contacts_in_order = st.lists(
    st.tuples(
        st.sampled_from([0, 1, 150, 299, 300, 301, 3600, 43_200, 86_399, 86_400, 86_401]),
        st.sampled_from(["free", "odd"]),
        st.lists(st.sampled_from([GUEST, OTHER, THIRD]), min_size=1, unique=True),
    ),
    min_size=1,
    max_size=8,
)


@given(contacts_in_order)
@example([(0, "free", [GUEST]), (3600, "free", [OTHER]), (84_600, "free", [THIRD]), (0, "free", [GUEST])])
@settings(max_examples=40, derandomize=True, database=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_account_limit_counts_different_people_of_24_hours(rules: Connection, steps: Any) -> None:
    with rules.transaction(force_rollback=True):
        rules.execute("UPDATE contact_accounts SET daily_people = 2, profile = 'none'")
        # So that older contacts are read, too.
        rules.execute(
            "INSERT INTO contact_caps (profile, period, max_contacts, source) VALUES ('none', 'month', 99, '')"
        )
        at = datetime(2024, 1, 5, 12, tzinfo=UTC)
        known: list[tuple[datetime, str, str]] = []

        def reached(account: str, span: timedelta) -> set[str]:
            return {guest for when, by, guest in known if by == account and at - span < when}

        for seconds, account, guests in steps:
            at += seconds * SECOND
            (counted,) = rules.execute("SELECT guestsql_count_reached(%s, %s)", [account, at]).fetchone() or ()
            now = reached(account, DAY)
            assert len(now) <= counted <= len(reached(account, DAY + timedelta(minutes=5)))

            refused = [guest for guest, _, _ in refusals(rules, at, account=account, guests=guests)]

            new = [guest for guest in guests if guest not in now]
            assert sorted(refused) == sorted(new[max(0, 2 - counted) :])
            chosen = [guest for guest in guests if guest not in refused]
            rules.execute("SELECT guestsql_lock_contacts(%s, %s)", [account, chosen])
            rules.execute("SELECT guestsql_record_contacts(%s, 'whatsapp', %s, %s)", [chosen, account, at])
            known += [(at, account, guest) for guest in chosen]
            assert len(reached(account, DAY)) <= 2
        stored = rules.execute(
            "SELECT contacted_at, contacted_accounts FROM guest_marketing WHERE phone_number = %s", [GUEST]
        )
        expected = [(when, by) for when, by, guest in known if guest == GUEST]
        assert [list(zip(*row, strict=True)) for row in stored] == [expected]


def test_contacts_are_kept_for_40_days(rules: Connection) -> None:
    for day in (0, 1, 40, 41):
        rules.execute(
            "SELECT guestsql_record_contacts(ARRAY[%s], 'whatsapp', 'free', %s)",
            [GUEST, bogota("2024-01-01 12:00") + day * DAY],
        )
    kept = rules.execute("SELECT contacted_at FROM guest_marketing WHERE phone_number = %s", [GUEST]).fetchone()
    assert kept == ([bogota("2024-01-01 12:00") + day * DAY for day in (40, 41)],)
    assert rules.execute("SELECT sum(people), count(*) FROM reached_people WHERE people > 0").fetchone() == (1, 1)


ASK = """
SELECT refused.rule
FROM (SELECT ARRAY[%(guest)s] AS keys, guestsql_lock_contacts('whatsapp', ARRAY[%(guest)s]) OFFSET 0) AS locked
CROSS JOIN LATERAL guestsql_contact_refusals(
    locked.keys, 'service', 'whatsapp', 'whatsapp', NULL, 'America/Bogota', %(at)s
) AS refused
ORDER BY refused.rule
"""


def test_what_is_committed_during_a_lock_wait_is_seen(database_url: str) -> None:
    with (
        psycopg.connect(database_url, autocommit=True) as first,
        psycopg.connect(database_url, autocommit=True) as second,
        psycopg.connect(database_url, autocommit=True) as watch,
        ThreadPoolExecutor(1) as pool,
    ):
        first.execute("INSERT INTO guest_profiles (phone_number) VALUES (%s)", [GUEST])
        first.execute("INSERT INTO guest_marketing (phone_number) VALUES (%s)", [GUEST])
        first.execute("INSERT INTO holiday_years (country, year, source) VALUES ('CO', 2024, '')")
        first.execute("UPDATE contact_accounts SET reply_window_hours = NULL")
        given = {"guest": GUEST, "at": bogota("2024-01-05 12:00")}
        assert second.execute(ASK, given).fetchall() == []

        with first.transaction():
            first.execute("SELECT guestsql_lock_contacts('whatsapp', ARRAY[%s])", [GUEST])
            waiting = pool.submit(lambda: second.execute(ASK, given).fetchall())
            until = datetime.now(UTC) + timedelta(seconds=PATIENCE_SECONDS)
            while not waiting_sessions(watch) and datetime.now(UTC) < until:
                pass
            first.execute("SELECT guestsql_record_contacts(ARRAY[%(guest)s], 'whatsapp', 'whatsapp', %(at)s)", given)
            first.execute("DELETE FROM holiday_years")
            first.execute(EVENT, [GUEST, False, "*", "*", bogota("2024-01-01 12:00")])
            first.execute("UPDATE contact_accounts SET daily_people = 1")

        assert [rule for (rule,) in waiting.result(PATIENCE_SECONDS)] == ["cap_day", "holidays_unknown", "opted_out"]
