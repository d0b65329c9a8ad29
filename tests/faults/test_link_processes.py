"""Many first messages of a guest at once, under several ids, from four processes: one guest, each message counted once.

The long form is `make faults`.
"""

from __future__ import annotations

import os
from contextlib import ExitStack
from typing import Any

import psycopg

from tests.databases import PATIENCE_SECONDS, Program

Connection = psycopg.Connection[Any]

ROUNDS = int(os.environ.get("FAULT_ROUNDS", "2"))
GUESTS = 5 * ROUNDS
PROCESSES = 4
THREADS = 2

# A guest has a phone in two spellings, an @lid and a business-scoped id. Each thread sends one message under each, and
# links the ids in pairs, all of it in an order of its own.
_BOT = """
import logging, random, sys, threading
from guestsql import GuestDatabase
from guestsql.settings import Settings

logging.disable()
url, guests, threads, seed = sys.argv[1], *map(int, sys.argv[2:])
db = GuestDatabase(settings=Settings(database_url=url, deadline_seconds=60, flush_seconds=0.01, metrics_seconds=0))
db.open()
failed = []

def work(chance):
    calls = []
    for number in range(guests):
        phone, spelled = f"5215510{number:06}", f"525510{number:06}"
        lid, bsuid = f"8123456{number:06}@lid", f"MX.a{number}"
        calls += [lambda each=each: db.record_interaction(each) for each in (phone, spelled, lid, bsuid)]
        calls += [
            lambda a=phone, b=lid: db.link_ids(a, lid=b),
            lambda a=spelled, b=bsuid: db.link_ids(b, phone=a, chat_id=f"{a}@s.whatsapp.net"),
            lambda a=lid, b=bsuid: db.link_ids(a, bsuid=b),
        ]
    # Near enough to each other to meet, in any order.
    order = sorted(range(len(calls)), key=lambda place: place + chance.uniform(-9, 9))
    try:
        for place in order:
            calls[place]()
    except Exception as error:
        failed.append(error)
        raise

print("ready", flush=True)
sys.stdin.readline()
running = [threading.Thread(target=work, args=(random.Random(seed * 100 + n),)) for n in range(threads)]
for thread in running:
    thread.start()
for thread in running:
    thread.join()
db.close()
assert not failed, failed
"""


def test_first_messages_under_several_ids_from_four_processes(database_url: str, autocommit: Connection) -> None:
    with ExitStack() as stack:
        programs = [
            stack.enter_context(Program(_BOT, database_url, str(GUESTS), str(THREADS), str(number)))
            for number in range(PROCESSES)
        ]
        assert [each.line() for each in programs] == ["ready"] * PROCESSES
        for each in programs:
            each.send()
        for each in programs:
            _, errors = each.process.communicate(timeout=PATIENCE_SECONDS * ROUNDS)
            assert each.process.returncode == 0, errors
    found = autocommit.execute(
        "SELECT total_interactions, (SELECT count(*) FROM guest_ids WHERE guest_ids.phone_number = g.phone_number)"
        " FROM guest_profiles AS g"
    ).fetchall()
    assert found == [(4 * PROCESSES * THREADS, 4)] * GUESTS
