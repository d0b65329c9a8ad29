"""What is buffered when a program ends: written at exit and on SIGTERM, once; lost by a kill -9 only since the last
flush."""

from __future__ import annotations

import asyncio
import signal
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import psycopg
import pytest

from guestsql.sql.runtime import end_with_loop
from tests.databases import GUEST, Program, waiting_sessions
from tests.server import eventually

Connection = psycopg.Connection[Any]

HEAD = """
import asyncio, gc, os, signal, sys, threading
from guestsql import AsyncGuestDatabase, GuestDatabase
from guestsql.settings import Settings

GUEST = "573000000001"
settings = Settings(database_url=sys.argv[1], flush_seconds=float(sys.argv[2]))

def say(word):
    print(word, flush=True)
"""

SYNC = (
    HEAD
    + """
db = GuestDatabase(settings=settings)
for _ in range(3):
    db.record_interaction(GUEST)
"""
)

ASYNC = (
    HEAD
    + """
async def record():
    db = AsyncGuestDatabase(settings=settings)
    for _ in range(3):
        await db.record_interaction(GUEST)
    return db
"""
)

NEVER, AT_ONCE = "3600", "0.01"


def total(connection: Connection) -> int:
    found = connection.execute("SELECT total_interactions FROM guest_profiles WHERE phone_number = %s", [GUEST])
    row = found.fetchone()
    return 0 if row is None else int(row[0])


ENDINGS = {
    "sync": SYNC,
    "async": ASYNC + "asyncio.run(record())",
    "sync, an error": SYNC + "raise SystemExit(0)",
    "async, an error": ASYNC
    + """
async def main():
    await record()
    raise SystemExit(0)
asyncio.run(main())""",
    "a loop that is left alone": ASYNC
    + """
loop = asyncio.new_event_loop()
loop.run_until_complete(record())
for task in asyncio.all_tasks(loop):
    task.cancel()
loop.run_until_complete(asyncio.sleep(0.01))
loop.close()""",
    "another thread": HEAD
    + """
def work():
    GuestDatabase(settings=settings).record_interaction(GUEST)
    kept = GuestDatabase(settings=settings)
    kept.record_interaction(GUEST)
    databases.append(kept)
databases = []
thread = threading.Thread(target=work)
thread.start()
thread.join()
gc.collect()  # the first, of which nothing is left but what it buffered
databases[0].record_interaction(GUEST)
""",
}


@pytest.mark.parametrize("ending", ENDINGS)
def test_at_exit_without_close(ending: str, database_url: str, autocommit: Connection) -> None:
    with Program(ENDINGS[ending], database_url, NEVER) as program:
        code, errors = program.wait()
    assert (code, total(autocommit)) == (0, 3), errors
    assert "couldn't stop" not in errors  # no thread of the pool is waited for


EMBEDDED = """
import sys
from pathlib import Path
from guestsql import GuestDatabase
from guestsql.embedded import EmbeddedServer
from guestsql.migrate import Runner
from guestsql.settings import Settings

settings = Settings(home=Path(sys.argv[1]), flush_seconds=3600)
if sys.argv[2] == "record":
    with EmbeddedServer(settings.home, settings.pg_bin) as url:
        Runner(settings, url=url).up()
    database = GuestDatabase(settings=settings)
    database.record_interaction("573000000001")
else:
    with GuestDatabase(settings=settings) as database:
        print(database.get_profile("573000000001").total_interactions, flush=True)
"""


def test_at_exit_on_the_embedded_server(embedded_home: Path) -> None:
    """The flush comes before the server is left, which stops with its last user."""
    with Program(EMBEDDED, str(embedded_home), "record") as program:
        assert program.wait() == (0, "")
    with Program(EMBEDDED, str(embedded_home), "read") as program:
        assert program.line() == "1"


SLEEPERS = {
    "sync": SYNC
    + """
try:
    say("ready")
    threading.Event().wait()
finally:
    say("finally")
""",
    "sync, with": HEAD
    + """
with GuestDatabase(settings=settings) as db:
    for _ in range(3):
        db.record_interaction(GUEST)
    try:
        say("ready")
        sys.stdin.readline()
    finally:
        say("finally")
""",
    "opened in a worker": HEAD
    + """
db = GuestDatabase(settings=settings)
def work():
    for _ in range(3):
        db.record_interaction(GUEST)
worker = threading.Thread(target=work)
worker.start()
worker.join()
try:
    say("ready")
    sys.stdin.readline()
finally:
    say("finally")
""",
    "async": ASYNC
    + """
async def main():
    db = await record()
    try:
        say("ready")
        await asyncio.sleep(3600)
    finally:
        say("finally")
asyncio.run(main())
""",
    "async, with": HEAD
    + """
async def main():
    async with AsyncGuestDatabase(settings=settings) as db:
        for _ in range(3):
            await db.record_interaction(GUEST)
        try:
            say("ready")
            await asyncio.sleep(3600)
        finally:
            say("finally")
asyncio.run(main())
""",
}


@pytest.mark.parametrize("sleeper", SLEEPERS)
def test_on_sigterm(sleeper: str, database_url: str, autocommit: Connection) -> None:
    with Program(SLEEPERS[sleeper], database_url, NEVER) as program:
        assert program.line() == "ready"
        assert total(autocommit) == 0
        program.process.send_signal(signal.SIGTERM)
        assert program.line() == "finally"
        code, errors = program.wait()
    assert (code, total(autocommit)) == (143, 3), errors


def test_on_ctrl_c(database_url: str, autocommit: Connection) -> None:
    with Program(SLEEPERS["async, with"], database_url, NEVER) as program:
        program.line()
        program.process.send_signal(signal.SIGINT)
        assert program.line() == "finally"
        code, errors = program.wait()
    assert (code, total(autocommit)) == (-signal.SIGINT, 3), errors


OWN_HANDLERS = {
    "set before": HEAD
    + """
signal.signal(signal.SIGTERM, lambda *_: sys.exit(7))
"""
    + SYNC.removeprefix(HEAD)
    + """
say("ready")
threading.Event().wait()
""",
    "set after": SYNC
    + """
signal.signal(signal.SIGTERM, lambda *_: sys.exit(7))
say("ready")
threading.Event().wait()
""",
    "of a loop": ASYNC
    + """
async def main():
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    db = await record()
    say("ready")
    await stop.wait()
    sys.exit(7)
asyncio.run(main())
""",
}


@pytest.mark.parametrize("handler", OWN_HANDLERS)
def test_a_programs_own_handler_is_left_alone(handler: str, database_url: str, autocommit: Connection) -> None:
    with Program(OWN_HANDLERS[handler], database_url, NEVER) as program:
        program.line()
        program.process.send_signal(signal.SIGTERM)
        code, errors = program.wait()
    assert (code, total(autocommit)) == (7, 3), errors


def test_a_signal_that_is_ignored_stays_so(database_url: str, autocommit: Connection) -> None:
    source = HEAD + "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n" + SYNC.removeprefix(HEAD)
    source += "say('ready')\nsys.stdin.readline()\n"
    with Program(source, database_url, NEVER) as program:
        program.line()
        program.process.send_signal(signal.SIGTERM)
        code, errors = program.wait()  # its stdin is closed
    assert (code, total(autocommit)) == (0, 3), errors


KILLED = (
    SYNC
    + """
db.flush()
db.record_interaction(GUEST)
say("ready")
sys.stdin.readline()
"""
)


def test_a_kill_loses_what_came_after_the_last_flush(database_url: str, autocommit: Connection) -> None:
    with Program(KILLED, database_url, NEVER) as program:
        program.line()
        program.process.kill()
        assert program.wait()[0] == -signal.SIGKILL
    assert total(autocommit) == 3


def test_what_the_timer_wrote_is_not_lost(database_url: str, autocommit: Connection) -> None:
    with Program(KILLED, database_url, AT_ONCE) as program:
        program.line()
        eventually(lambda: total(autocommit) == 4)
        program.process.kill()
        program.wait()
    assert total(autocommit) == 4


FORK = (
    SYNC
    + """
child = os.fork()
if child == 0:
    sys.exit(0)
_, status = os.waitpid(child, 0)
say(os.waitstatus_to_exitcode(status))
"""
)


def test_a_forked_child_writes_nothing_of_its_parents(database_url: str, autocommit: Connection) -> None:
    with Program("import warnings\nwarnings.simplefilter('ignore')\n" + FORK, database_url, NEVER) as program:
        assert program.line() == "0"
        code, errors = program.wait()
    assert (code, total(autocommit)) == (0, 3), errors


IN_FLIGHT = {
    "sync": SYNC + "say('ready')\nsys.stdin.readline()\n",
    "async": ASYNC
    + """
async def main():
    db = await record()
    say("ready")
    await asyncio.to_thread(sys.stdin.readline)
asyncio.run(main())
""",
}


@pytest.mark.parametrize("how", ["exit", "SIGTERM"])
@pytest.mark.parametrize("kind", IN_FLIGHT)
def test_what_the_timer_is_just_writing_counts_once(
    kind: str, how: str, database_url: str, autocommit: Connection
) -> None:
    autocommit.execute("INSERT INTO guest_profiles (phone_number) VALUES (%s)", [GUEST])
    with psycopg.connect(database_url) as holder, ExitStack() as stack:
        holder.execute("SELECT FROM guest_profiles FOR UPDATE")
        program = stack.enter_context(Program(IN_FLIGHT[kind], database_url, AT_ONCE))
        program.line()
        eventually(lambda: waiting_sessions(autocommit) == 1)
        if how == "SIGTERM":
            program.process.send_signal(signal.SIGTERM)
        else:
            assert program.process.stdin is not None
            program.process.stdin.close()
            program.process.stdin = None
        holder.rollback()
        code, errors = program.wait()
    assert (code, total(autocommit)) == (143 if how == "SIGTERM" else 0, 3), errors


AT_EXIT = (
    HEAD
    + """
import atexit
atexit.register(say, "exits")  # called first: this runs before what was registered earlier
"""
    + SYNC.removeprefix(HEAD)
)


def test_a_sigterm_while_the_last_is_written_stops_nothing(database_url: str, autocommit: Connection) -> None:
    autocommit.execute("INSERT INTO guest_profiles (phone_number) VALUES (%s)", [GUEST])
    with psycopg.connect(database_url) as holder, ExitStack() as stack:
        holder.execute("SELECT FROM guest_profiles FOR UPDATE")
        program = stack.enter_context(Program(AT_EXIT, database_url, NEVER))
        assert program.line() == "exits"
        eventually(lambda: waiting_sessions(autocommit) == 1)
        program.process.send_signal(signal.SIGTERM)
        holder.rollback()
        code, errors = program.wait()
    assert (code, total(autocommit)) == (0, 3), errors


def test_a_server_that_is_gone_delays_no_exit(database_url: str, autocommit: Connection) -> None:
    autocommit.execute("ALTER TABLE guest_profiles RENAME TO elsewhere")
    with Program(SYNC, database_url, NEVER) as program:
        code, errors = program.wait()
    assert code == 0
    assert "INTERACTIONS_LOST" in errors
    assert GUEST not in errors
    assert "Traceback" not in errors


def test_a_loop_that_ends_at_once_ends_tasks_that_catch_a_cancellation() -> None:
    """As the workers of a pool do; the guard that cancels them again may be cancelled before it has begun."""
    caught = []

    async def stubborn() -> None:
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            caught.append(True)
        await asyncio.sleep(3600)

    async def main() -> None:
        task = asyncio.get_running_loop().create_task(stubborn(), name="stubborn-1")
        await asyncio.sleep(0)
        end_with_loop("stubborn")
        assert not task.done()

    asyncio.run(main())
    assert caught == [True]
