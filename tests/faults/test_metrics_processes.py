"""Figures of several processes add up to what they counted themselves, however each of them ends."""

from __future__ import annotations

import json
import signal
from collections import Counter
from typing import Any

import psycopg
import pytest

from tests.databases import Program
from tests.server import eventually

Connection = psycopg.Connection[Any]

HEAD = """
import asyncio, json, random, signal, sys, threading
from guestsql import AsyncGuestDatabase, GuestDatabase
from guestsql.settings import Settings

url, seconds, number = sys.argv[1], float(sys.argv[2]), int(sys.argv[3])
settings = Settings(database_url=url, metrics_seconds=seconds)
guests = [f"5730000{number}{place:05}" for place in range(12)]
chance = random.Random(number)
tally = {"hit": 0, "miss": 0, "error": 0, "profiles": 0}
built = []

def build(profile):
    built.append(profile.phone_number)
    if chance.random() < 0.2:
        raise LookupError("the gateway knows nothing")
    return f"text of {profile.phone_number}"

async def build_async(profile):
    return build(profile)

def say(word):
    print(word, flush=True)
"""

# A call that built was a miss, one that raised an error, any other a hit: no one else asks for these guests.
SYNC = (
    HEAD
    + """
db = GuestDatabase(settings=settings, context_builder=build)
for turn in range(150):
    guest = chance.choice(guests)
    before = len(built)
    try:
        db.get_context(guest)
    except LookupError:
        tally["error"] += 1
    else:
        tally["miss" if len(built) > before else "hit"] += 1
    if turn % 10 == 0:
        db.invalidate_context(chance.choice(guests))
    if turn % 3 == 0:
        db.get_profile(guest)
        tally["profiles"] += 1
say(json.dumps(tally))
"""
)

ASYNC = (
    HEAD
    + """
async def work():
    db = AsyncGuestDatabase(settings=settings, context_builder=build_async)
    for turn in range(150):
        guest = chance.choice(guests)
        before = len(built)
        try:
            await db.get_context(guest)
        except LookupError:
            tally["error"] += 1
        else:
            tally["miss" if len(built) > before else "hit"] += 1
        if turn % 10 == 0:
            await db.invalidate_context(chance.choice(guests))
        if turn % 3 == 0:
            await db.get_profile(guest)
            tally["profiles"] += 1
    say(json.dumps(tally))
    return db
"""
)

NEVER, OFTEN = "3600", "0.05"


def outcomes(connection: Connection) -> dict[str, int]:
    return dict(connection.execute("SELECT outcome, sum(answers)::bigint FROM context_minutes GROUP BY 1").fetchall())


def calls(connection: Connection, query: str) -> int:
    row = connection.execute("SELECT sum(calls) FROM query_minutes WHERE query = %s", [query]).fetchone()
    assert row is not None
    return int(row[0] or 0)


ENDINGS = {
    "closed": SYNC + "db.close()",
    "left alone": SYNC,
    "an error": SYNC + "raise SystemExit(0)",
    "async, closed": ASYNC + "async def main():\n    await (await work()).close()\nasyncio.run(main())",
    "async, left alone": ASYNC + "asyncio.run(work())",
}


@pytest.mark.parametrize("seconds", [NEVER, OFTEN])
def test_the_hit_rate_of_four_processes(seconds: str, database_url: str, autocommit: Connection) -> None:
    """One is closed, one left alone, one is async, and one gets SIGTERM."""
    sources = [
        ENDINGS["closed"],
        ENDINGS["left alone"],
        ENDINGS["async, left alone"],
        SYNC + "threading.Event().wait()",
    ]
    tally: Counter[str] = Counter()
    programs = [Program(source, database_url, seconds, str(number)) for number, source in enumerate(sources, 1)]
    for program in programs:
        with program:
            tally.update(json.loads(program.line()))
            if program is programs[-1]:
                program.process.send_signal(signal.SIGTERM)
            code, errors = program.wait()
            assert code == (143 if program is programs[-1] else 0), errors
    profiles = tally.pop("profiles")
    assert outcomes(autocommit) == dict(tally)
    assert all(tally.values())
    assert tally.total() == 600
    assert calls(autocommit, "lookup_context") == 600
    assert calls(autocommit, "get_profile") == profiles
    row = autocommit.execute("SELECT count(DISTINCT process), sum(flush_failures) FROM process_minutes").fetchone()
    assert row == (4, 0)


@pytest.mark.parametrize("ending", ["an error", "async, closed"])
def test_at_the_end_of_a_program(ending: str, database_url: str, autocommit: Connection) -> None:
    with Program(ENDINGS[ending], database_url, NEVER, "1") as program:
        tally = json.loads(program.line())
        code, errors = program.wait()
    assert code == 0, errors
    profiles = tally.pop("profiles")
    assert (outcomes(autocommit), calls(autocommit, "get_profile")) == (tally, profiles)


KILLED = """
db = GuestDatabase(settings=settings)
for _ in range(5):
    db.get_profile(guests[0])
if seconds > 60:
    db._metrics.flush()
    db.get_profile(guests[0])
say("ready")
sys.stdin.readline()
"""


@pytest.mark.parametrize("seconds", [NEVER, OFTEN])
def test_a_kill_loses_what_came_after_the_last_flush(seconds: str, database_url: str, autocommit: Connection) -> None:
    with Program(HEAD + KILLED, database_url, seconds, "1") as program:
        program.line()
        eventually(lambda: calls(autocommit, "get_profile") == 5)
        program.process.kill()
        assert program.wait()[0] == -signal.SIGKILL
    assert calls(autocommit, "get_profile") == 5
