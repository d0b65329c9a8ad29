"""Archivers, one of them killed again and again, next to bots: each guest is in one place, and nothing is lost.

The long form is `make faults`.
"""

from __future__ import annotations

import json
import os
import signal
from collections import Counter
from contextlib import ExitStack
from typing import Any

import psycopg

from guestsql import GuestDatabase
from tests.databases import Program, make_settings
from tests.db.test_archive import MISPLACED

Connection = psycopg.Connection[Any]

ROUNDS = int(os.environ.get("FAULT_ROUNDS", "1"))
STEPS = 60 * ROUNDS
GUESTS = 4
BOTS = 2

# Everyone is silent for long enough, always.
_ARCHIVER = """
import logging, sys
from guestsql import GuestDatabase
from guestsql.settings import Settings

logging.disable()
db = GuestDatabase(settings=Settings(database_url=sys.argv[1], deadline_seconds=60, metrics_seconds=0))
db.archive_guests(silent_days=0, max_guests=2)
print("ready", flush=True)
while True:
    db.archive_guests(silent_days=0, max_guests=2)
"""

# Prints what every guest must have: messages, tokens, labels, threads.
_BOT = """
import json, logging, random, sys
from collections import Counter
from guestsql import GuestDatabase
from guestsql.settings import Settings

logging.disable()
url, name, guests, steps = sys.argv[1], sys.argv[2], *map(int, sys.argv[3:])
settings = Settings(database_url=url, deadline_seconds=60, flush_seconds=3600, metrics_seconds=0)
chance = random.Random(int(name))
messages, tokens, labels = Counter(), Counter(), Counter()

def one(db, step):
    number = chance.randrange(guests)
    key, lid = f"57300000010{number}", f"8123456789{number}@lid"
    user_id, kind = chance.choice((key, lid)), step % 8
    if kind == 0:
        with db.message(f"{name} {step}", user_id) as message:
            message.tokens("now", 2)
        messages[key] += 1
        tokens[key] += 2
    elif kind == 1:
        for each in (key, lid):
            db.record_interaction(each)
        db.flush()
        messages[key] += 2
    elif kind == 2:
        db.add_labels(user_id, [f"{name} {step}"])
        labels[key] += 1
    elif kind == 3:
        db.add_thread_tokens(user_id, "now", 1)
        tokens[key] += 1
    elif kind == 4:
        with db.transaction() as tx:
            tx.record_interaction(user_id)
            tx.add_labels(user_id, [f"{name} {step}"])
        messages[key] += 1
        labels[key] += 1
    elif kind == 5:
        duplicate = f"5731{name}{step:06}"
        db.add_labels(duplicate, [f"{name} {step}"])
        db.record_interaction(duplicate)
        db.flush()
        db.merge_guests(user_id, duplicate)
        messages[key] += 1
        labels[key] += 1
    elif kind == 6:
        gone = f"5732{name}{step:06}"
        db.set_thread(gone, "gone")
        assert db.forget_guest(gone)["guest_ids"] == 1
        assert db.get_profile(gone) is None
    else:
        assert db.get_profile(user_id).phone_number == key
        assert {each.thread_id for each in db.get_threads(user_id)} == {"before", "now"}
        assert db.get_context(user_id).startswith("[Ana |")
        assert len(db.export_guest(user_id)["guest_notes"]) == 1

with GuestDatabase(settings=settings) as db:
    print("ready", flush=True)
    sys.stdin.readline()
    for step in range(steps):
        one(db, step)
print(json.dumps([messages, tokens, labels]), flush=True)
"""


def test_archivers_next_to_bots(database_url: str, autocommit: Connection) -> None:
    keys = [f"57300000010{number}" for number in range(GUESTS)]
    _set_up(database_url, autocommit, keys)
    kills = 0
    with ExitStack() as stack:
        bots = [
            stack.enter_context(Program(_BOT, database_url, str(number), str(GUESTS), str(STEPS)))
            for number in range(BOTS)
        ]
        assert [each.line() for each in bots] == ["ready"] * BOTS
        stack.enter_context(Program(_ARCHIVER, database_url)).line()
        for each in bots:
            each.send()
        while any(each.process.poll() is None for each in bots):
            with Program(_ARCHIVER, database_url) as killed:
                killed.line()
                for _ in range(20):
                    assert autocommit.execute(MISPLACED).fetchall() == []
                killed.process.send_signal(signal.SIGKILL)
                kills += 1
        outputs = [each.process.communicate() for each in bots]
        assert [each.process.returncode for each in bots] == [0] * BOTS, outputs
    assert kills > 0
    expected = [sum((Counter(part) for part in parts), Counter()) for parts in zip(*map(_counts, outputs), strict=True)]
    assert autocommit.execute(MISPLACED).fetchall() == []
    found = autocommit.execute(
        "SELECT phone_number, total_interactions, thread_tokens, cardinality(labels), thread_id"
        " FROM known_guests ORDER BY phone_number"
    ).fetchall()
    messages, tokens, labels = expected
    assert found == [(key, messages[key], tokens[key], labels[key], "now") for key in keys]
    hours = autocommit.execute("SELECT sum(messages) FROM interaction_hours").fetchone()
    assert hours == (messages.total(),)
    # They were archived again and again, not once each.
    [moves] = autocommit.execute("SELECT nextval(pg_get_serial_sequence('historical_clients', 'id'))").fetchone() or [0]
    assert moves > GUESTS


def _set_up(url: str, connection: Connection, keys: list[str]) -> None:
    with GuestDatabase(settings=make_settings(url)) as db:
        for number, key in enumerate(keys):
            db.link_ids(key, lid=f"8123456789{number}@lid")
            db.update_profile(key, user_name="Ana")
            db.set_thread(key, "before")
            db.set_thread(key, "now")
            connection.execute("INSERT INTO guest_notes (phone_number, note) VALUES (%s, 'a note')", [key])


def _counts(output: tuple[str, str]) -> list[dict[str, int]]:
    return json.loads(output[0].splitlines()[-1])
