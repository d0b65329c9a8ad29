"""Campaigns: planned by rule, each action claimed once, and what became of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

import psycopg
import pytest

from guestsql import CampaignPlan, GuestDatabase
from guestsql.errors import (
    ConstraintViolation,
    DatabaseError,
    InvalidValue,
    LeaseLost,
    QueryFileError,
    TransactionError,
)
from guestsql.sql import load_catalogue
from guestsql.sql.overrides import query_digest
from tests.campaigns import allow_everything, give_consent, withdraw_consent
from tests.databases import GUEST, OTHER, PATIENCE_SECONDS, make_settings, waiting_sessions
from tests.server import eventually

Connection = psycopg.Connection[Any]

NOW = datetime.now(UTC)
GUESTS = [f"57300000{number:04}" for number in range(12)]


@pytest.fixture
def db(database_url: str) -> Any:
    with GuestDatabase(settings=make_settings(database_url)) as opened:
        yield opened


@pytest.fixture
def free(autocommit: Connection) -> Connection:
    allow_everything(autocommit)
    return autocommit


def figures(plan: CampaignPlan) -> dict[tuple[str, str | None], int]:
    return {(each.outcome, each.rule): each.people for each in plan.figures}


def states(connection: Connection, campaign: str = "easter") -> dict[str, int]:
    rows = connection.execute("SELECT state FROM campaign_actions WHERE campaign = %s", (campaign,)).fetchall()
    return dict(Counter(state for (state,) in rows))


def test_every_segment_lists_only_those_who_consented_and_belong(db: GuestDatabase, free: Connection) -> None:
    """Each guest of a case is in exactly the segments that it names, active or archived."""
    days = {"today": 0, "month": 45, "season": 200, "years": 800}
    for number, (name, ago) in enumerate(days.items()):
        db.update_profile(GUESTS[number], labels=[f"Cotización {name}", "🌴"])
        at = NOW - timedelta(days=ago)
        db.run(lambda tx, at=at, number=number: [tx.record_interaction(GUESTS[number], at=at) for _ in range(10)])
    free.execute(
        "INSERT INTO booking_events (phone_number, status, occurred_at, source, value, currency) VALUES"
        " (%(a)s, 'interested', %(ago5)s, 'bot', 100, 'COP'), (%(b)s, 'interested', %(ago5)s, 'bot', 100, 'COP'),"
        " (%(b)s, 'lost', %(now)s, 'bot', NULL, NULL), (%(c)s, 'booked', %(ago250)s, 'bot', NULL, NULL),"
        " (%(d)s, 'booked', %(ago250)s, 'bot', NULL, NULL), (%(d)s, 'booked', %(ago5)s, 'bot', NULL, NULL)",
        {
            **dict(zip("abcd", GUESTS, strict=False)),
            "now": NOW,
            "ago5": NOW - timedelta(days=5),
            "ago250": NOW - timedelta(days=250),
        },
    )
    cases: list[tuple[str, dict[str, Any], list[int]]] = [
        ("silent", {}, [2, 3]),
        ("silent", {"silent_days": 30}, [1, 2, 3]),
        ("quoted", {}, [0]),
        ("booked_before", {}, [2]),
        ("tier", {"tier": "monthly"}, [1]),
        ("tier", {"tier": "quarterly"}, [2]),
        ("tier", {"tier": "yearly"}, [3]),
        ("labelled", {"label": "COTIZACION MONTH"}, [1]),
        ("labelled", {"label": "🌴"}, [0, 1, 2, 3]),
        ("labelled", {"label": "🍀"}, []),
        ("active", {"min_messages": 10}, [0, 1]),
        ("active", {"min_messages": 11}, []),
    ]

    def listed() -> list[list[int]]:
        found: list[list[int]] = []
        for number, (segment, parameters, _) in enumerate(cases):
            name = f"case-{number}"
            db.create_campaign(name, segment=segment, purpose="marketing", parameters=parameters)
            keys = db._segment_keys(db._campaign(name), segment)
            found.append([GUESTS.index(key) for key in keys])
        return found

    assert listed() == [[]] * len(cases)  # no one has consented
    give_consent(free, *GUESTS[:4], at=NOW - timedelta(days=1000))
    assert listed() == [members for *_, members in cases]
    withdraw_consent(free, GUESTS[3])
    assert listed() == [[each for each in members if each != 3] for *_, members in cases]


def test_a_segment_is_read_page_by_page(db: GuestDatabase, free: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("guestsql.guests._sync.campaigns._PAGE_ROWS", 5)
    monkeypatch.setattr("guestsql.guests._sync.campaigns._PLANNED_AT_ONCE", 3)
    give_consent(free, *GUESTS)
    db.create_campaign("easter", segment="active", purpose="marketing", parameters={"min_messages": 0})
    assert db.plan_campaign("easter").people == 0  # they have never written
    for guest in GUESTS:
        db.record_interaction(guest)
    db.flush()
    plan = db.plan_campaign("easter")
    assert (plan.people, plan.planned_people) == (12, 12)
    assert states(free) == {"planned": 12}


def test_own_segments(database_url: str, free: Connection, tmp_path: Path) -> None:
    """Called once if it has no pages; an override keeps the mark; a name belongs to one query."""
    give_consent(free, *GUESTS[:3])
    own = """\
-- name: list_top_segment(purpose, channel, max_guests)
-- The guests who consented last.
-- segment: {0}
--   purpose: text, what the campaign is for
--   channel: text, through which it contacts people
--   max_guests: int = 2, guests at most
SELECT phone_number FROM consented_guests WHERE purpose = :purpose::text AND channel = :channel::text
ORDER BY consented_at DESC, phone_number LIMIT :max_guests::int;
"""
    file = tmp_path / "own.sql"
    settings = make_settings(database_url, queries_dir=tmp_path)
    file.write_text(own.format("top"))
    with GuestDatabase(settings=settings) as db:
        db.create_campaign("easter", segment="top", purpose="marketing")
        assert db.plan_campaign("easter").planned_people == 2
    file.write_text(own.format("silent"))
    with GuestDatabase(settings=settings) as db, pytest.raises(InvalidValue, match="list_silent_segment"):
        db.plan_campaign("easter")
    original = load_catalogue()["list_silent_segment"]
    head = f"{original.name_line}\n-- overrides: {original.name} {query_digest(original)}\n"
    file.write_text(f"{head}{original.source};\n")
    with pytest.raises(QueryFileError, match="it lacks -- segment: silent"):
        GuestDatabase(settings=settings)


def test_a_plan_counts_each_person_once_and_names_the_rule(db: GuestDatabase, autocommit: Connection) -> None:
    """Of two permanent rules one, of rules that pass the one that lasts longest; and the dry run is as the plan."""
    give_consent(autocommit, *GUESTS[:7])
    db.update_profile(GUESTS[8], user_name="without consent")
    excluded = (
        "INSERT INTO excluded_numbers (id_hash, source) SELECT sha256(salt || %s::text::bytea), 'RNE' FROM erasure_salt"
    )
    autocommit.execute(excluded, (GUESTS[0],))
    autocommit.execute("UPDATE contact_accounts SET reply_window_hours = NULL, daily_people = 4")
    autocommit.execute("INSERT INTO holiday_years (country, year, source) VALUES ('CO', 2027, 'test')")
    friday = datetime(2027, 3, 5, 15, 0, tzinfo=UTC)
    autocommit.execute(
        "UPDATE guest_marketing SET contacted_at = %s,"
        " contacted_channels = '{whatsapp}', contacted_accounts = '{other}'"
        " WHERE phone_number = %s",
        ([friday - timedelta(hours=1)], GUESTS[1]),
    )
    made = {"segment": "silent", "purpose": "marketing", "parameters": {"silent_days": 0}}
    db.create_campaign("easter", **made)
    by_day = figures(db.plan_campaign("easter", dry_run=True, at=friday))
    assert by_day == {
        ("reached", None): 4,
        ("later", "cap_day"): 1,
        ("later", "account_limit"): 1,
        ("excluded", "consent"): 1,
        ("excluded", "excluded_number"): 1,
    }
    by_night = db.plan_campaign("easter", dry_run=True, at=friday.replace(hour=3))
    assert figures(by_night)["later", "hours"] == 6
    [hours] = [each for each in by_night.figures if each.rule == "hours"]
    assert hours.first_at == datetime(2027, 3, 5, 7, 0, tzinfo=ZoneInfo("America/Bogota"))
    assert states(autocommit) == {}
    assert db.plan_campaign("easter").planned_people == 6
    assert figures(db.plan_campaign("easter", dry_run=True, at=friday)) == {
        ("planned", None): 6,
        ("excluded", "consent"): 1,
        ("excluded", "excluded_number"): 1,
    }
    db.create_campaign("few", **made, max_people=2)
    assert figures(db.plan_campaign("few", at=friday))["excluded", "max_people"] == 4
    assert db.plan_campaign("few").planned_people == 0
    assert states(autocommit, "few") == {"planned": 2}


def test_an_action_is_handed_out_once_and_a_released_one_again(db: GuestDatabase, free: Connection) -> None:
    give_consent(free, *GUESTS)
    db.create_campaign("easter", segment="silent", purpose="marketing", parameters={"silent_days": 0})
    assert db.plan_campaign("easter").planned_people == 12
    assert len(db.claim_actions(max_actions=100, dry_run=True)) == 12
    claimed = db.claim_actions("easter", max_actions=5)
    assert [action.phone_number for action in claimed] == GUESTS[:5]
    assert {action.current_phone for action in claimed} == set(GUESTS[:5])
    with db.transaction() as tx, pytest.raises(TransactionError):
        tx.claim_actions()
    counted = "SELECT coalesce(sum(cardinality(contacted_at)), 0) FROM guest_marketing"
    assert free.execute(counted).fetchone() == (5,)

    db.release_action(claimed[0])
    assert free.execute(counted).fetchone() == (4,)
    with pytest.raises(LeaseLost):
        db.release_action(claimed[0])
    rest = db.claim_actions(max_actions=1000)
    assert sorted(action.phone_number for action in rest) == [GUESTS[0], *GUESTS[5:]]
    assert db.claim_actions() == []

    # A sender that was killed: it is shown, and not handed out again.
    free.execute("UPDATE campaign_actions SET lease_until = claimed_at WHERE action_id = %s", (claimed[1].action_id,))
    [lost] = db.queries.list_actions(state="maybe sent")
    assert lost.action_id == claimed[1].action_id
    assert db.claim_actions() == []
    db.record_result(claimed[2], "sent")
    with pytest.raises(LeaseLost):
        db.release_action(claimed[2])


def test_a_paused_or_later_campaign_hands_out_nothing(db: GuestDatabase, free: Connection) -> None:
    give_consent(free, GUEST)
    made: dict[str, Any] = {"segment": "silent", "purpose": "marketing", "parameters": {"silent_days": 0}}
    with pytest.raises(DatabaseError, match="unknown account"):
        db.claim_actions(account="second")
    with pytest.raises(InvalidValue, match="no campaign"):
        db.claim_actions("paused")
    db.queries.set_contact_account(account="second", profile="none", source="test")
    db.create_campaign("second", **made, account="second")
    with pytest.raises(InvalidValue, match="account"):
        db.claim_actions("second", account="whatsapp")
    db.plan_campaign("second")
    assert db.claim_actions() == []
    assert [action.account for action in db.claim_actions("second")] == ["second"]
    for name, named in {
        "paused": {},
        "later": {"starts_at": NOW + timedelta(days=1)},
        "over": {"ends_at": NOW - timedelta(days=1)},
        "ended": {},
    }.items():
        assert db.create_campaign(name, **made, **named) == db.create_campaign(name, **made, **named)
        db.plan_campaign(name)
    db.set_campaign_state("paused", "paused")
    db.set_campaign_state("ended", "ended")
    assert db.claim_actions() == []
    with pytest.raises(InvalidValue, match="ended"):
        db.plan_campaign("ended")
    db.set_campaign_state("paused", "active")
    assert [action.campaign for action in db.claim_actions()] == ["paused"]
    for wrong in (
        {"purpose": "service"},
        {"segment": "nobody"},
        {"parameters": {"days": 3}},
        {"segment": "tier"},
        {"channel": "Whats App"},
    ):
        with pytest.raises(InvalidValue):
            db.create_campaign("paused", **{**made, **wrong})
    with pytest.raises(ConstraintViolation, match="there is no purpose nothing"):
        db.create_campaign("new", **{**made, "purpose": "nothing"})
    with pytest.raises(ConstraintViolation, match="there is no account whatsapp of the channel email"):
        db.create_campaign("new", **{**made, "channel": "email"})


def test_results_come_in_any_order_and_an_opt_out_withdraws_once(db: GuestDatabase, free: Connection) -> None:
    cases: list[tuple[list[str], str, bool]] = [
        (["sent"], "sent", False),
        (["sent", "failed:131026"], "failed", False),
        (["failed:131026", "sent"], "failed", False),
        (["delivered", "failed", "sent"], "delivered", False),
        (["failed:131049", "read"], "delivered", False),
        (["sent", "failed:131050", "failed:131050"], "failed", True),
        (["opted_out", "read", "opted_out"], "delivered", True),
    ]
    give_consent(free, *GUESTS[: len(cases)])
    db.create_campaign("easter", segment="silent", purpose="marketing", parameters={"silent_days": 0})
    db.plan_campaign("easter")
    for action, (results, state, opts_out) in zip(db.claim_actions(), cases, strict=True):
        key, message_id = action.phone_number, f"wamid.{action.action_id}"

        def found(query: str, key: str = key) -> list[Any]:
            return sorted(each for (each,) in free.execute(query.encode(), [key]))

        for result in [*results, *results]:
            assert db.record_result(action, result, message_id=message_id)
            assert db.record_result(None, result, message_id=message_id)
        assert found("SELECT state FROM campaign_actions WHERE phone_number = %s") == [state]
        stored = found("SELECT concat_ws(':', result, code) FROM action_results WHERE phone_number = %s")
        assert stored == sorted(set(results))
        events = found("SELECT source FROM consent_events WHERE action = 'withdrawn' AND phone_number = %s")
        assert events == ["campaign"] * opts_out
        if opts_out:  # and a later consent counts again
            give_consent(free, key)
            assert db.record_result(action, results[-1])
            assert db.queries.has_consent(phone_number=key, purpose="marketing", channel="whatsapp")
    assert not db.record_result(999, "sent")
    assert not db.record_result(None, "sent", message_id="wamid.none")


def test_a_result_of_an_unclaimed_action_keeps_it_from_being_handed_out(db: GuestDatabase, free: Connection) -> None:
    give_consent(free, GUEST)
    db.create_campaign("easter", segment="silent", purpose="marketing", parameters={"silent_days": 0})
    db.plan_campaign("easter")
    [action] = db.claim_actions()
    db.release_action(action)
    db.record_result(action, "sent")
    assert db.claim_actions() == []
    for wrong in ("gone", "sent:131050"):
        with pytest.raises(InvalidValue):
            db.record_result(action, wrong)
    with pytest.raises(InvalidValue):
        db.record_result(None, "sent")


def test_a_refusal_names_its_rule_and_waits_or_ends(db: GuestDatabase, autocommit: Connection) -> None:
    """As the server's clock decides: an account without hours, so that the tests may run at night."""
    allow_everything(autocommit)
    give_consent(autocommit, GUEST, OTHER)
    db.create_campaign("easter", segment="silent", purpose="marketing", parameters={"silent_days": 0})
    db.plan_campaign("easter")
    autocommit.execute(
        "INSERT INTO contact_profiles (profile, description, restricts_hours, source) VALUES ('shut', '', TRUE, 'test')"
    )
    autocommit.execute("UPDATE contact_accounts SET profile = 'shut'")
    withdraw_consent(autocommit, OTHER)
    assert db.claim_actions() == []
    rows = autocommit.execute(
        "SELECT phone_number, rule, state, due_at = retry_at, times FROM action_refusals"
        " JOIN campaign_actions USING (action_id, phone_number) ORDER BY 1, 2"
    ).fetchall()
    assert rows == [
        (GUEST, "hours", "planned", True, 1),
        (OTHER, "hours", "refused", False, 1),
        (OTHER, "opted_out", "refused", None, 1),
    ]
    assert db.claim_actions() == []  # not due: the rule is not evaluated again and again
    assert autocommit.execute("SELECT max(times) FROM action_refusals").fetchone() == (1,)
    found = [(row.kind, row.name, row.actions) for row in db.queries.list_campaign_figures(campaign="easter")]
    assert found == [
        ("state", "planned", 1),
        ("state", "refused", 1),
        ("refusal", "hours", 2),
        ("refusal", "opted_out", 1),
    ]


def test_a_next_action_is_one_for_each_guest_and_claimed_like_any(db: GuestDatabase, free: Connection) -> None:
    soon = NOW + timedelta(days=3)
    first = db.set_next_action(f"+{GUEST}", soon, note="send the quote")
    assert db.get_next_action(GUEST) == first
    assert db.get_next_action(OTHER) is None
    assert db.claim_actions() == []
    changed = db.set_next_action(GUEST, NOW, note="call", template="reminder")
    assert (changed.action_id, changed.note) == (first.action_id, "call")
    db.set_next_action(OTHER, NOW)
    assert db.cancel_next_action(OTHER) is True
    assert db.cancel_next_action(OTHER) is False
    [action] = db.claim_actions()
    assert (action.phone_number, action.campaign, action.note) == (GUEST, "next_action", "call")
    assert db.get_next_action(GUEST) is None
    db.set_next_action(GUEST, soon)
    assert states(free, "next_action") == {"claimed": 1, "planned": 1, "cancelled": 1}


def test_two_actions_of_a_guest_are_not_handed_out_at_once(db: GuestDatabase, free: Connection) -> None:
    free.execute("INSERT INTO contact_caps (profile, period, max_contacts, source) VALUES ('none', 'day', 1, 'test')")
    give_consent(free, GUEST)
    for name in ("one", "two"):
        db.create_campaign(name, segment="silent", purpose="marketing", parameters={"silent_days": 0})
        db.plan_campaign(name)
    assert [action.campaign for action in db.claim_actions()] == ["one"]
    assert db.claim_actions() == []
    assert free.execute("SELECT rule FROM action_refusals").fetchall() == [("cap_day",)]


def test_a_merge_keeps_one_action_of_each_campaign_and_an_erasure_none(db: GuestDatabase, free: Connection) -> None:
    give_consent(free, GUEST, OTHER)
    for name in ("both", "first", "none"):
        db.create_campaign(name, segment="silent", purpose="marketing", parameters={"silent_days": 0})
        db.plan_campaign(name)
    sent = {action.phone_number: action for action in db.claim_actions("both")}
    db.record_result(sent[OTHER], "delivered")
    [first] = db.claim_actions("first", max_actions=1)
    assert first.phone_number == GUEST
    for guest in (GUEST, OTHER):
        db.set_next_action(guest, NOW + timedelta(days=1), note=guest)
    db.merge_guests(GUEST, OTHER)
    rows = free.execute("SELECT campaign, state, phone_number FROM campaign_actions ORDER BY 1, 2").fetchall()
    assert rows == [
        ("both", "cancelled", GUEST),
        ("both", "delivered", GUEST),
        ("first", "cancelled", GUEST),
        ("first", "claimed", GUEST),
        ("next_action", "cancelled", GUEST),
        ("next_action", "planned", GUEST),
        ("none", "cancelled", GUEST),
        ("none", "planned", GUEST),
    ]
    kept = db.get_next_action(OTHER)
    assert kept is not None
    assert kept.note == GUEST
    assert db.record_result(sent[GUEST], "read")  # the other sender's event is kept, too
    assert len(db.export_guest(GUEST)["actions"]) == 8
    assert db.plan_campaign("both").planned_people == 0
    assert db.forget_guest(GUEST)["actions"] == 8
    assert not db.record_result(first, "sent")
    with pytest.raises(LeaseLost):
        db.release_action(first)
    for table in ("campaign_actions", "action_refusals", "action_results"):
        assert free.execute(f"SELECT count(*) FROM {table}".encode()).fetchone() == (0,)


def test_an_action_that_is_planned_during_a_merge_is_kept(db: GuestDatabase, free: Connection) -> None:
    give_consent(free, GUEST)
    db.update_profile(OTHER, user_name="Ana")
    db.create_campaign("easter", segment="silent", purpose="marketing", parameters={"silent_days": 0}, max_people=1)
    with ThreadPoolExecutor(1) as pool, db.transaction() as tx:
        assert tx.plan_campaign("easter").planned_people == 1
        merging = pool.submit(db.merge_guests, OTHER, GUEST)
        eventually(lambda: waiting_sessions(free) == 1)
    merging.result()
    assert free.execute("SELECT phone_number, state FROM campaign_actions").fetchall() == [(OTHER, "planned")]


def test_a_claim_whose_answer_was_lost_returns_the_same_actions(db: GuestDatabase, free: Connection) -> None:
    give_consent(free, *GUESTS)
    db.create_campaign("easter", segment="silent", purpose="marketing", parameters={"silent_days": 0})
    db.plan_campaign("easter")
    lease = "00000000-0000-4000-8000-000000000001"
    named = {"account": "whatsapp", "max_actions": 3, "lease": lease, "timezone": "America/Bogota"}
    rest = {"campaign": None, "max_considered": 100, "lease_seconds": 60.0, "moment": None}
    first = db._call("claim_actions", **named, **rest)
    again = db._call("claim_actions", **named, **rest)
    assert again == first
    assert len(first) == 3
    assert states(free) == {"claimed": 3, "planned": 9}


@contextmanager
def behind(free: Connection, locking: str, *calls: Callable[[], Any]) -> Iterator[list[Any]]:
    """The block runs while calls wait for what a statement has locked; then the list has what they return."""
    found: list[Any] = []
    with psycopg.connect(free.info.dsn) as blocker, ThreadPoolExecutor(len(calls)) as pool:
        blocker.execute(locking.encode())
        waiting = [pool.submit(call) for call in calls]
        until = datetime.now(UTC) + timedelta(seconds=PATIENCE_SECONDS)
        while waiting_sessions(free) < len(calls) and datetime.now(UTC) < until:
            pass
        yield found
        blocker.commit()
        found += [each.result(PATIENCE_SECONDS) for each in waiting]


def test_what_is_done_while_a_claim_or_a_result_waits_counts(db: GuestDatabase, free: Connection) -> None:
    """A snapshot is as old as its statement: what must be up to date is read after the lock, or by number."""
    merged, *others = GUESTS[:4]
    give_consent(free, *GUESTS[:4])
    for name in ("easter", "short"):
        db.create_campaign(name, segment="silent", purpose="marketing", parameters={"silent_days": 0})
        db.plan_campaign(name)
    account, action = "SELECT FROM contact_accounts FOR UPDATE", "SELECT FROM campaign_actions FOR UPDATE"
    named: dict[str, Any] = {"account": "whatsapp", "campaign": "easter", "max_actions": 2, "max_considered": 100}
    named |= {"lease_seconds": 60.0, "timezone": "America/Bogota", "moment": None, "lease": uuid4()}

    with behind(free, account, partial(db.claim_actions, "short")) as found:
        free.execute("UPDATE campaigns SET ends_at = clock_timestamp() WHERE campaign = 'short'")
    assert found == [[]]

    # The first guest becomes another one. And a claim is repeated while the first attempt has not ended.
    db.update_profile(GUESTS[9])
    claim = partial(db._call, "claim_actions", **named)
    with behind(free, account, claim, claim) as found:
        db.merge_guests(GUESTS[9], merged)
    first, again = found
    assert again == first
    assert [row.phone_number for row in first] == [GUESTS[9], others[0]]
    assert states(free) == {"claimed": 2, "planned": 2}
    counted = "SELECT sum(cardinality(contacted_at)) FROM guest_marketing"
    assert free.execute(counted).fetchone() == (2,)

    # The same of a result.
    move = f"UPDATE campaign_actions SET phone_number = '{others[1]}' WHERE action_id = {first[1].action_id}"
    free.execute("DELETE FROM campaign_actions WHERE phone_number = %s", [others[1]])
    with behind(free, move, partial(db.record_result, first[1].action_id, "sent")) as found:
        pass
    assert found == [True]
    assert states(free) == {"claimed": 1, "sent": 1, "planned": 1}

    # A consent and an opt-out at once: in doubt there is none.
    with behind(free, action, partial(db.record_result, first[0].action_id, "opted_out")) as found:
        give_consent(free, GUESTS[9])
    assert found == [True]
    assert not db.queries.has_consent(phone_number=GUESTS[9], purpose="marketing", channel="whatsapp")


@pytest.mark.usefixtures("free")
def test_an_action_of_another_channel_does_not_stop_the_others(db: GuestDatabase) -> None:
    """The rules of an account cannot be evaluated for a channel that is not its own."""
    db.record_interaction(GUEST)
    db.flush()
    with pytest.raises(ConstraintViolation):
        db.set_next_action(GUEST, NOW, channel="sms")
    with pytest.raises(ConstraintViolation):
        db.create_campaign("easter", segment="silent", purpose="marketing", channel="sms")
    db.set_next_action(GUEST, NOW)
    with pytest.raises(ConstraintViolation):
        db.queries.set_contact_account(account="whatsapp", channel="sms", profile="none", source="test")
    assert len(db.claim_actions()) == 1
