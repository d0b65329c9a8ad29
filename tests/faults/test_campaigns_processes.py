"""Senders in processes of their own claim at once, while guests withdraw, are erased and merged, and plans are added.

The caps of people and of the account are never exceeded, no action is handed out twice, and after a withdrawal or an
erasure has returned nothing is handed out for that guest. The long form is `make faults`.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from contextlib import ExitStack
from typing import Any

import psycopg

from guestsql import GuestDatabase
from tests.campaigns import give_consent
from tests.databases import PATIENCE_SECONDS, Program, make_settings

Connection = psycopg.Connection[Any]

ROUNDS = int(os.environ.get("FAULT_ROUNDS", "2"))
GUESTS = [f"5730000{number:05}" for number in range(60 * ROUNDS)]
SENDERS = 3
ACCOUNTS = ("whatsapp", "second")

# Each sender uses both accounts, and prints what it was given. The server has the same clock.
_SENDER = """
import json, logging, random, sys
from guestsql import GuestDatabase, Settings

logging.disable()
url, seed = sys.argv[1], int(sys.argv[2])
chance = random.Random(seed)
with GuestDatabase(settings=Settings(database_url=url, metrics_seconds=0, deadline_seconds=60)) as db:
    db.open()
    print("ready", flush=True)
    sys.stdin.readline()
    idle = 0
    while idle < 4:
        account = chance.choice(("whatsapp", "second"))
        found = db.claim_actions(account=account, max_actions=chance.choice((1, 3, 7)))
        idle = 0 if found else idle + 1
        for action in found:
            row = (action.action_id, action.phone_number, action.account, str(action.claimed_at))
            print(json.dumps(row), flush=True)
            if chance.random() < 0.5:
                db.record_result(action, chance.choice(("sent", "delivered", "failed:131050")))
print("end", flush=True)
"""

_OTHERS = """
import json, logging, sys
from datetime import UTC, datetime
import psycopg
from guestsql import GuestDatabase, Settings
from tests.campaigns import withdraw_consent

logging.disable()
url, *guests = sys.argv[1:]
settings = Settings(database_url=url, metrics_seconds=0, deadline_seconds=60)
with psycopg.connect(url, autocommit=True) as connection, GuestDatabase(settings=settings) as db:
    db.open()
    print("ready", flush=True)
    sys.stdin.readline()
    for number, guest in enumerate(guests):
        if number % 4 == 0:
            withdraw_consent(connection, guest)
        elif number % 4 == 1:
            db.forget_guest(guest)
        elif number % 4 == 2 and number + 1 < len(guests):
            db.merge_guests(guest, guests[number + 1])
        if number % 8 == 0:
            db.plan_campaign("second")
        print(json.dumps((number % 4, guest, str(datetime.now(UTC)))), flush=True)
print("end", flush=True)
"""


def test_claims_at_once_exceed_no_cap_and_hand_out_nothing_twice(database_url: str, autocommit: Connection) -> None:
    limit = 30 * ROUNDS
    autocommit.execute(
        "INSERT INTO contact_caps (profile, period, max_contacts, source) VALUES ('none', 'day', 1, 'test')"
    )
    autocommit.execute(
        "UPDATE contact_accounts SET profile = 'none', reply_window_hours = NULL, daily_people = %s", (limit,)
    )
    autocommit.execute(
        "INSERT INTO contact_accounts (account, channel, profile, source) VALUES ('second', 'whatsapp', 'none', 'test')"
    )
    give_consent(autocommit, *GUESTS)
    with GuestDatabase(settings=make_settings(database_url)) as db:
        for account in ACCOUNTS:
            made = {"segment": "silent", "parameters": {"silent_days": 0}, "purpose": "marketing"}
            db.create_campaign(account, **made, account=account)
            db.plan_campaign(account)
    with ExitStack() as stack:
        others = stack.enter_context(Program(_OTHERS, database_url, *GUESTS[::3]))
        senders = [stack.enter_context(Program(_SENDER, database_url, str(number))) for number in range(SENDERS)]
        programs = [others, *senders]
        assert [each.line() for each in programs] == ["ready"] * len(programs)
        for each in programs:
            each.send()
        outputs: list[list[str]] = []
        for each in programs:
            output, errors = each.process.communicate(timeout=PATIENCE_SECONDS * ROUNDS)
            assert each.process.returncode == 0, errors
            outputs.append(output.splitlines())
    claims = [tuple(json.loads(line)) for output in outputs[1:] for line in output if line != "end"]
    assert len(claims) > limit
    assert len({action for action, *_ in claims}) == len(claims), "handed out twice"
    merged = set(GUESTS[::3][2::4]) | set(GUESTS[::3][3::4])
    erased = set(GUESTS[::3][1::4])
    days = Counter(guest for _, guest, *_ in claims if guest not in merged | erased)
    assert set(days.values()) == {1}, "above the cap of a day"
    people = {guest for _, guest, account, _ in claims if account == "whatsapp"}
    assert len(people) <= limit, "above the limit of the account"
    done = [json.loads(line) for line in outputs[0] if line != "end"]
    gone = {guest: at for kind, guest, at in done if kind in (0, 1)}
    assert [row for row in claims if row[3] > gone.get(row[1], "9")] == [], "after a withdrawal or an erasure"
    assert autocommit.execute(
        "SELECT count(*) FROM campaign_actions LEFT JOIN known_guests USING (phone_number)"
        " WHERE known_guests.phone_number IS NULL"
    ).fetchone() == (0,), "an action of an erased person"
