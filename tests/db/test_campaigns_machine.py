"""Messages, consent, withdrawals, claims of several senders, results, archive, merges, erasures, and a moving clock.

No action is handed out twice, outside the hours, on a holiday, above a cap, after a withdrawal, or for an erased
person; and every refusal names the rules that the model names. The steps are drawn before the first is done. What is
done at once may end in more than one way: there it is only checked what may not happen. The long form is `make fuzz`.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple
from uuid import uuid4

import psycopg
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from guestsql import GuestDatabase
from tests import campaign_model as model
from tests.campaigns import give_consent, withdraw_consent
from tests.databases import PATIENCE_SECONDS, make_settings

Connection = psycopg.Connection[Any]

GUESTS = [f"57300000000{number}" for number in range(1, 7)]
EPOCH = datetime(2024, 1, 1, tzinfo=UTC)

SCHEMA = """
INSERT INTO contact_profiles (profile, country, description, restricts_hours, excludes_holidays, source)
VALUES ('test', 'US', '', TRUE, TRUE, 'test');
INSERT INTO contact_hours (profile, weekday, opens_at, closes_at, source)
SELECT 'test', weekday, '09:00', CASE weekday WHEN 6 THEN '12:00'::time ELSE '18:00' END, 'test'
FROM generate_series(1, 6) AS weekday;
INSERT INTO contact_caps (profile, period, max_contacts, max_channels, source)
VALUES ('test', 'day', 1, NULL, 'test'), ('test', 'week', NULL, 1, 'test');
INSERT INTO holidays (country, day, name, source) VALUES ('US', '2024-03-11', 'a holiday', 'test');
INSERT INTO holiday_years (country, year, source) VALUES ('US', 2024, 'test');
INSERT INTO message_templates (template, channel, language, status) VALUES ('offer', 'whatsapp', 'es', 'approved');
UPDATE contact_accounts SET profile = 'test', daily_people = 3;
INSERT INTO contact_accounts (account, channel, profile, source) VALUES ('sms', 'sms', 'test', 'test');
UPDATE contact_accounts SET time_zone = 'America/New_York';
"""
EMPTY = """
SET session_replication_role = replica;
TRUNCATE guest_profiles, historical_clients, guest_ids, guest_threads, operations, erased_guests, guest_marketing,
    consent_events, guest_consents, campaign_actions, action_refusals, action_results, reached_people,
    excluded_numbers, interaction_hours, booking_events;
UPDATE campaigns SET state = 'active', planned_people = 0;
SET session_replication_role = origin;
"""


LASTING = {"opted_out", "consent", "excluded_number", "unknown_guest"}


class Action(NamedTuple):
    """A stored action."""

    campaign: str
    guest: str
    state: str
    due_at: datetime


class Step(NamedTuple):
    """What is done.

    Attributes:
        name: a method of `Machine`.
        given: its arguments.
    """

    name: str
    given: tuple[Any, ...] = ()


def step(name: str, *strategies: st.SearchStrategy[Any]) -> st.SearchStrategy[Step]:
    return st.builds(Step, st.just(name), st.tuples(*strategies))


someone = st.sampled_from(GUESTS)
campaigns = st.sampled_from(sorted(model.CAMPAIGNS))
accounts = st.sampled_from(sorted(model.CHANNELS))
ages = st.sampled_from([timedelta(), timedelta(), timedelta(hours=30)])
consents = step("consent", someone, ages)
claims = step("claim", accounts, st.sampled_from([1, 2, 10]))
withdrawals = step("withdraw", someone, ages)
merges = st.permutations(GUESTS).map(lambda order: Step("merge", tuple(order[:2])))
alone = st.one_of(
    consents,
    claims,
    claims,
    step("plan", campaigns),
    step("message", someone),
    step("next_action", someone),
    step("result", st.integers(0, 9), st.sampled_from(["sent", "read", "failed:131026", "failed:131050", "opted_out"])),
    step("release", st.integers(0, 9)),
    step("exclude", someone),
    step("archive", st.integers(1, 3)),
    step("bring_back", someone),
    step("pause", campaigns, st.booleans()),
)
# Withdrawals, merges and erasures, as in life, are rarer.
together = st.lists(
    st.one_of(claims, claims, withdrawals, step("forget", someone), merges, step("message", someone)),
    min_size=2,
    max_size=3,
)
minutes = st.sampled_from([0, 1, 1, 2, 30, 61, 240, 900, 1440, 1441, 2880])
steps = st.tuples(
    minutes,
    st.one_of(
        alone.map(lambda each: [each]),
        alone.map(lambda each: [each]),
        alone.map(lambda each: [each]),
        st.one_of(withdrawals, step("forget", someone), merges).map(lambda each: [each]),
        together,
    ),
)
programs = st.tuples(st.sampled_from(model.moments()), st.lists(steps, min_size=15, max_size=30))


class Machine:
    """Does steps in a database, and checks them against the model.

    Args:
        url: the database.
        connection: reads it, and does what has no method.
    """

    def __init__(self, url: str, connection: Connection) -> None:
        self._connection = connection
        self._databases = [GuestDatabase(settings=make_settings(url)) for _ in range(3)]
        self._by_hand = [psycopg.connect(url, autocommit=True) for _ in range(3)]
        self._pool = ThreadPoolExecutor(3)
        connection.execute(SCHEMA)
        for name, (purpose, account, template) in model.CAMPAIGNS.items():
            self._databases[0].create_campaign(
                name,
                segment="silent",
                parameters={"silent_days": 0},
                purpose=purpose,
                channel=model.CHANNELS[account],
                account=account,
                template=template,
                starts_at=EPOCH,
            )

    def close(self) -> None:
        for each in [*self._databases, *self._by_hand]:
            each.close()
        self._pool.shutdown()

    def begin(self, clock: datetime) -> None:
        """Begin anew, with guests who consented by both channels and have a planned action."""
        self._connection.execute(EMPTY)
        self.clock = clock
        # What senders have been given, and have not released: the row of each claim by its action.
        self.held: dict[int, Any] = {}
        # When each account was given people, released ones included.
        self.taken: dict[str, list[datetime]] = {account: [] for account in model.CHANNELS}
        self.paused: set[str] = set()
        for guest in GUESTS[:4]:
            self._consent(self._connection, guest, timedelta(hours=1))
        self._do(self._databases[0], Step("plan", ("wa-offer",)))

    def do(self, after: int, several: list[Step]) -> None:
        """Move the clock, and do one step, or several at once."""
        self.clock += timedelta(minutes=after)
        guests, actions = self._guests(), self._actions()
        if len(several) == 1:
            [only] = several
            done = [self._do(self._databases[0], only)]
            self._check_alone(only, done[0], guests, actions)
        else:
            ends = [
                self._pool.submit(self._do, database, each)
                for database, each in zip(self._databases, several, strict=False)
            ]
            wait(ends, PATIENCE_SECONDS)  # for all, also when one raises: the next program begins with empty tables
            done = [each.result(0) for each in ends]
            self._check_together(several, done, guests, actions)
        for each, answer in zip(several, done, strict=True):
            if each.name == "claim":
                self._hold(answer)
        self._check_all()

    def _do(self, db: GuestDatabase, each: Step) -> Any:
        if each.name in ("consent", "withdraw", "exclude"):
            return getattr(self, f"_{each.name}")(self._by_hand[self._databases.index(db)], *each.given)
        return getattr(self, f"_{each.name}")(db, *each.given)

    # Each step.

    def _consent(self, connection: Connection, guest: str, age: timedelta) -> None:
        for channel in model.CHANNELS.values():
            give_consent(connection, guest, at=self.clock - age, channel=channel)

    def _withdraw(self, connection: Connection, guest: str, age: timedelta) -> None:
        withdraw_consent(connection, guest, at=self.clock - age)

    def _exclude(self, connection: Connection, guest: str) -> None:
        connection.execute(
            "INSERT INTO excluded_numbers (id_hash, source)"
            " SELECT sha256(salt || %s::text::bytea), 'test' FROM erasure_salt ON CONFLICT DO NOTHING",
            (guest,),
        )

    def _message(self, db: GuestDatabase, guest: str) -> None:
        db.run(lambda tx: tx.record_interaction(guest, at=self.clock))

    def _next_action(self, db: GuestDatabase, guest: str) -> None:
        db.set_next_action(guest, self.clock)

    def _archive(self, db: GuestDatabase, most: int) -> None:
        db.archive_guests(silent_days=0, max_guests=most)

    def _bring_back(self, db: GuestDatabase, guest: str) -> None:
        db.return_guests([guest])

    def _forget(self, db: GuestDatabase, guest: str) -> None:
        db.forget_guest(guest)

    def _merge(self, db: GuestDatabase, keep: str, duplicate: str) -> None:
        db.merge_guests(keep, duplicate)

    def _pause(self, db: GuestDatabase, campaign: str, is_paused: bool) -> None:
        db.set_campaign_state(campaign, "paused" if is_paused else "active")
        (self.paused.add if is_paused else self.paused.discard)(campaign)

    def _plan(self, db: GuestDatabase, campaign: str) -> int:
        return db.plan_campaign(campaign).planned_people

    def _claim(self, db: GuestDatabase, account: str, most: int) -> list[Any]:
        found: list[Any] = db._call(
            "claim_actions",
            campaign=None,
            account=account,
            max_actions=most,
            max_considered=100,
            lease=uuid4(),
            lease_seconds=60.0,
            timezone="UTC",  # the account has its own
            moment=self.clock,
        )
        return [row for row in found if row.lease is not None]

    def _result(self, db: GuestDatabase, number: int, result: str) -> bool | None:
        action = self._held_action(number)
        return None if action is None else db.record_result(action.action_id, result, at=self.clock)

    def _release(self, db: GuestDatabase, number: int) -> int | None:
        action = self._held_action(number)
        if action is None:
            return None
        found: int = db._call("release_action", action_id=action.action_id, lease=action.lease, due_at=self.clock)
        return found

    def _held_action(self, number: int) -> Any:
        return list(self.held.values())[number % len(self.held)] if self.held else None

    def _hold(self, rows: list[Any]) -> None:
        for row in rows:
            assert row.action_id not in self.held, "handed out twice"
            self.held[row.action_id] = row
            self.taken[row.account].append(self.clock)

    # What each step must have done.

    def _check_alone(self, only: Step, answer: Any, guests: dict[str, model.Guest], actions: dict[int, Action]) -> None:
        if only.name == "plan":
            new = {each.guest for number, each in self._actions().items() if number not in actions}
            has = {each.guest for each in actions.values() if each.campaign == only.given[0]}
            wanted = {key for key, guest in guests.items() if not model.lasting_rules(guest, only.given[0])}
            assert new == wanted - has
        elif only.name == "claim":
            self._check_claim(*only.given, answer, guests, actions)
        elif only.name in ("result", "release") and answer is not None:
            action = self._held_action(only.given[0])
            known = actions.get(action.action_id)
            if only.name == "result":
                assert answer == (known is not None)
            else:
                assert answer == (known is not None and known.state == "claimed")
                if answer:
                    del self.held[action.action_id]

    def _check_claim(
        self, account: str, most: int, claimed: list[Any], guests: dict[str, model.Guest], actions: dict[int, Action]
    ) -> None:
        """A claim alone is exactly what the model says, and so is every refusal."""
        due = [
            (each.due_at, number)
            for number, each in actions.items()
            if each.state == "planned"
            and each.due_at <= self.clock
            and model.kind_of(each.campaign)[1] == account
            and each.campaign not in self.paused
        ]
        batch: dict[str, int] = {}
        for _, number in sorted(due):
            first = actions[next(iter(batch.values()), number)]
            if model.kind_of(actions[number].campaign) == model.kind_of(first.campaign):
                batch.setdefault(actions[number].guest, number)
        rules = {
            number: model.refusing_rules(guests[key], actions[number].campaign, self.clock)
            for key, number in batch.items()
        }
        stored = self._refusals(list(rules))
        limited = {number for number, found in stored.items() if found == {"account_limit"}}
        free = [number for number, found in rules.items() if not found]
        assert {number: found for number, found in stored.items() if number not in limited} == {
            number: found for number, found in rules.items() if found
        }
        assert limited <= set(free)
        allowed = [number for number in free if number not in limited]
        assert {row.action_id for row in claimed} == set(allowed[:most])
        if limited:
            latest = [at for at in self.taken[account] if at > self.clock - timedelta(hours=24, minutes=10)]
            assert len(latest) + len(allowed) >= model.DAILY_PEOPLE
        self._check_retries(stored)

    def _check_retries(self, stored: dict[int, set[str]]) -> None:
        """A refused action is due again when people may be contacted, or never."""
        actions = self._actions()
        for number, rules in stored.items():
            each = actions[number]
            assert each.state == ("refused" if rules & LASTING else "planned")
            if each.state == "planned":
                assert each.due_at > self.clock
            if each.state == "planned" and "account_limit" not in rules:
                assert not model.closed_rules(each.due_at) - {"holidays_unknown"}

    def _check_together(
        self, several: list[Step], done: list[Any], guests: dict[str, model.Guest], actions: dict[int, Action]
    ) -> None:
        """What was handed out was allowed before, except for guests who were merged meanwhile."""
        merged = {key for each in several if each.name == "merge" for key in each.given}
        rows = [row for each, answer in zip(several, done, strict=True) if each.name == "claim" for row in answer]
        assert len({row.action_id for row in rows}) == len(rows), "handed out twice"
        assert len({row.phone_number for row in rows}) == len(rows), "above the cap of a day"
        for row in rows:
            assert actions[row.action_id].state == "planned"
            assert not model.closed_rules(self.clock)
            if row.phone_number not in merged:
                found = model.refusing_rules(guests[row.phone_number], row.campaign, self.clock)
                assert found <= {"template", "opt_in"}  # a message meanwhile permits it

    def _check_all(self) -> None:
        """Contacts are those of the claims, no account reaches too many people, and no action is an erased person's."""
        handed: dict[str, list[tuple[datetime, str, str]]] = {}
        actions = self._actions()
        for number, row in self.held.items():
            if number in actions:
                contact = (row.claimed_at, row.channel, row.account)
                handed.setdefault(actions[number].guest, []).append(contact)
        guests = self._guests()
        assert {key: sorted(guest.contacts) for key, guest in guests.items() if guest.contacts} == {
            key: sorted(contacts) for key, contacts in handed.items()
        }
        assert {each.guest for each in actions.values()} <= guests.keys()
        handed_out = [(row.claimed_at, row.phone_number) for row in self.held.values() if row.account == "whatsapp"]
        for at, _ in handed_out:
            people = {person for other, person in handed_out if at - timedelta(hours=24) < other <= at}
            assert len(people) <= model.DAILY_PEOPLE
        unnamed = self._connection.execute(
            "SELECT count(*) FROM campaign_actions AS action WHERE action.state = 'refused'"
            " AND NOT EXISTS (SELECT FROM action_refusals AS refusal WHERE refusal.action_id = action.action_id)"
        ).fetchone()
        assert unnamed == (0,), "a refusal names its rule"

    # What is stored.

    def _guests(self) -> dict[str, model.Guest]:
        """The guests: from the events, not from what is derived of them."""
        found = {
            key: model.Guest(last_message=last, is_excluded=is_excluded)
            for key, last, is_excluded in self._connection.execute(
                "SELECT phone_number, last_interaction, EXISTS (SELECT FROM guest_ids, erasure_salt, excluded_numbers"
                " WHERE guest_ids.phone_number = known_guests.phone_number AND id_hash = sha256(salt || id::bytea))"
                " FROM known_guests"
            )
        }
        for key, at, channels, accounts in self._connection.execute(
            "SELECT phone_number, contacted_at, contacted_channels, contacted_accounts FROM guest_marketing"
        ):
            found[key].contacts = list(zip(at, channels, accounts, strict=True))
        for key, action, channel, at in self._connection.execute(
            "SELECT phone_number, action, channel, max(occurred_at) FROM consent_events"
            " WHERE phone_number IS NOT NULL GROUP BY 1, 2, 3"
        ):
            (found[key].given if action == "given" else found[key].withdrawn)[channel] = at
        return found

    def _actions(self) -> dict[int, Action]:
        rows = self._connection.execute(
            "SELECT action_id, campaign, phone_number, state, due_at FROM campaign_actions"
        ).fetchall()
        return {number: Action(*rest) for number, *rest in rows}

    def _refusals(self, numbers: list[int]) -> dict[int, set[str]]:
        rows = self._connection.execute(
            "SELECT action_id, array_agg(rule) FROM action_refusals WHERE last_at = %s AND action_id = ANY(%s)"
            " GROUP BY action_id",
            (self.clock, numbers),
        ).fetchall()
        return {number: set(rules) for number, rules in rows}


@pytest.fixture
def machine(database_url: str, autocommit: Connection) -> Iterator[Machine]:
    with closing(Machine(database_url, autocommit)) as made:
        yield made


@settings(max_examples=8, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
@given(program=programs)
def test_claims_are_as_the_model_says(machine: Machine, program: tuple[datetime, list[tuple[int, list[Step]]]]) -> None:
    machine.begin(program[0])
    for after, several in program[1]:
        machine.do(after, several)
