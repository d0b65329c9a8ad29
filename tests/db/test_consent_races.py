"""Consents, withdrawals, merges and erasures at once: no event is lost, and the states follow from the events."""

from __future__ import annotations

import os
import random
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import psycopg

from guestsql import GuestDatabase
from guestsql.errors import LeaseLost
from guestsql.telemetry.write_buffer import new_operation_id

GUESTS = ("573000000001", "573000000002", "81234567890123@lid")
PURPOSES = ("marketing", "survey")
ROUNDS = int(os.environ.get("CONSENT_ROUNDS", "25"))
WRITERS = 4


class Event(NamedTuple):
    """A row of consent_events."""

    event_id: int
    action: str
    purpose: str
    channel: str
    occurred_at: datetime
    recorded_at: datetime

    @property
    def rank(self) -> tuple[datetime, bool, int]:
        """Of two events the one with the higher rank counts."""
        if self.action == "given":
            return self.occurred_at, False, self.event_id
        latest = self.occurred_at + timedelta(seconds=1) - timedelta(microseconds=1)
        return min(latest, self.recorded_at), True, self.event_id


def derived(events: list[Event]) -> dict[tuple[str, str], bool]:
    """Return what a guest's events mean, computed in another way than the database does it."""
    states = {}
    for purpose, channel in {(each.purpose, each.channel) for each in events}:
        concerned = [each for each in events if each.purpose in (purpose, "*") and each.channel in (channel, "*")]
        states[purpose, channel] = max(concerned, key=lambda each: each.rank).action == "given"
    return states


def work(database_url: str, seed: int) -> int:
    """Do something with some guest, again and again; return how many events were recorded."""
    chance, recorded = random.Random(seed), 0
    with GuestDatabase(database_url) as db:
        for _ in range(ROUNDS):
            guest, purpose = chance.choice(GUESTS), chance.choice(PURPOSES)
            match chance.randrange(10):
                case 0:
                    db.merge_guests(*chance.sample(GUESTS, 2))
                case 1:
                    db.forget_guest(guest)
                case 2 | 3:
                    # The guest may be erased during the block.
                    with suppress(LeaseLost), db.message(new_operation_id(), guest, text="STOP") as message:
                        recorded += message.is_opt_out
                case 4 | 5 | 6:
                    given: dict[str, Any] = {"wording": "Yes", "version": "1", "source": "web", "channel": "whatsapp"}
                    db.give_consent(guest, purpose=purpose, **given)
                    recorded += 1
                case _:
                    db.withdraw_consent(guest, purpose=chance.choice((purpose, None)), source="web")
                    recorded += 1
    return recorded


def test_no_event_is_lost_and_states_follow_from_events(database_url: str) -> None:
    with ThreadPoolExecutor(WRITERS) as writers:
        recorded = sum(writers.map(work, [database_url] * WRITERS, range(WRITERS)))
    events: dict[str | None, list[Event]] = defaultdict(list)
    states: dict[str | None, dict[tuple[str, str], bool]] = defaultdict(dict)
    with psycopg.connect(database_url) as connection:
        for guest, *columns in connection.execute(
            "SELECT phone_number, event_id, action, purpose, channel, occurred_at, recorded_at FROM consent_events"
        ):
            events[guest].append(Event(*columns))
        for guest, purpose, channel, is_given in connection.execute(
            "SELECT phone_number, purpose, channel, is_given FROM guest_consents"
        ):
            states[guest][purpose, channel] = is_given
        known = {key for (key,) in connection.execute("SELECT phone_number FROM guest_profiles")}
    assert sum(map(len, events.values())) == recorded
    events.pop(None, [])  # those of erased guests
    assert {guest: derived(found) for guest, found in events.items()} == states
    assert events.keys() <= known, "events stay under a key that is no guest's"
